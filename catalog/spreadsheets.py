"""How does text go into a spreadsheet without being run there, and come back as it was?

A cell that begins like a formula gets an apostrophe in front, which spreadsheets take as "this is text".
Reading takes that apostrophe off again: a title `=1+1` leaves as `'=1+1` and returns as `=1+1`.

Source: OWASP, CSV injection.
"""

import re

# Characters that begin a formula, in their wide forms too, and those that spreadsheets skip before one.
_STARTS = "=+\\-@\t\r\n＝＋－＠"
_RISKY = re.compile(f"'*[{_STARTS}]")
_QUOTED = re.compile(f"'+[{_STARTS}]")


def harmless(cell: str) -> str:
    """The cell's text as a spreadsheet will show it and not run it."""
    return "'" + cell if _RISKY.match(cell) else cell


def as_was(cell: str) -> str:
    """The text that `harmless` was given."""
    return cell[1:] if _QUOTED.match(cell) else cell
