"""How good is generated music, next to music by people and to the same music with its bars shuffled?

Each file measures one thing on notes alone; `report` puts three columns side by side. A number here means
nothing by itself: it is read between the human column and the shuffled one.
"""
