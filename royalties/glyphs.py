"""Which characters can be printed with the fonts at hand, and what stands for one that cannot?

Nothing is printed as an empty box: a character without a glyph is spelled by its number, as in [U+1F3B5], and
whoever asked is told its name.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from fontTools.ttLib import TTFont

FONTS = Path(str(files("royalties")), "fonts")
FAMILIES = (
    "Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Gurmukhi", "Noto Sans Gujarati", "Noto Sans Tamil", "Noto Sans Telugu", "Noto Sans Kannada",
    "Noto Sans Malayalam", "Noto Sans Sinhala", "Noto Sans Thai", "Noto Sans Lao", "Noto Sans Khmer",
    "Noto Sans Myanmar", "Noto Sans Georgian", "Noto Sans Armenian", "Noto Sans Ethiopic",
    "Droid Sans Fallback",
)  # fmt: skip
"""The families of the fonts, in the order in which a glyph is looked for."""

_PLAIN = re.compile(r"[ -~\u00a0-\u017f]*")
_LONG_WORD = re.compile(r"[!-~]{32}(?=[!-~])")
# A name that orders its surroundings could make one amount look like another; each cell is ordered by itself.
_ORDERING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN = frozenset("\u200b\u200c\u200d\u200e\u200f\u00ad\u2060\u061c\ufeff")


def missing_glyphs(text: str) -> str:
    """The characters of the text, each once and in order, that no font has a glyph for."""
    if _PLAIN.fullmatch(text):
        return ""
    shown = _one_line(text)
    return "".join(sorted({char for char in shown if not _has_glyph(char)}))


def printable(text: str) -> str:
    """The text as it can be printed: in NFC, on one line, what has no glyph spelled by its number."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(char if _has_glyph(char) else f"[U+{ord(char):04X}]" for char in _one_line(text))


def breakable(text: str) -> str:
    """The printable text in its own direction, with places to break in words of over 32 ASCII characters."""
    return _isolated(_LONG_WORD.sub("\\g<0>\u200b", printable(text)))


def clipped(text: str, most_units: int) -> str:
    """The printable text, ended by an ellipsis where it is wider than `most_units` digits are."""
    shown = printable(text)
    if width_units(shown) <= most_units:
        return _isolated(shown)
    used, end = 1, 0
    for end, char in enumerate(shown):  # noqa: B007 (where the loop was left is what is asked for)
        used += width_units(char)
        if used > most_units:
            break
    return _isolated(shown[:end] + "…")


def width_units(text: str) -> int:
    """About how wide the text is, in digits: wide characters count as two, combining ones as none."""
    return len(text) if text.isascii() else sum(_units(char) for char in text)


def name_of(char: str) -> str:
    """A character's number and name, as a person can look it up."""
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"


def _isolated(text: str) -> str:
    """Text with letters that run from right to left: in the direction of its first letter, wherever it is.

    Source: Unicode Standard Annex 9, first strong isolate.
    """
    if text.isascii() or not any(unicodedata.bidirectional(char) in ("R", "AL") for char in text):
        return text
    return f"\u2068{text}\u2069"


def _units(char: str) -> int:
    if unicodedata.combining(char) or char in _UNSEEN or ord(char) in _ORDERING:
        return 0
    return 2 if ord(char) > 0x2E7F else 1


def _has_glyph(char: str) -> bool:
    return char in _UNSEEN or 0xFE00 <= ord(char) <= 0xFE0F or ord(char) in _covered()


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", text).translate(_ORDERING))


@cache
def _covered() -> frozenset[int]:
    """Every character that one of the fonts has."""
    return frozenset(_each_covered(sorted(FONTS.glob("*.ttf"))))


def _each_covered(paths: Iterable[Path]) -> Iterable[int]:
    for path in paths:
        with TTFont(path, lazy=True) as font:
            yield from font.getBestCmap() or ()
