"""The same division of money as `royalties.distribution`, over columns: for months of a hundred million
lines.

Usage becomes sums by generation and territory, these give weight to works, works to payees, and one largest
remainder divides a pot among the payees. A payee's lines are computed when they are asked for.
"""
