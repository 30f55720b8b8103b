"""When are two spellings the same name? After folding to plain lower-case letters and digits."""

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not take apart into a plain letter and a mark.
_WHOLE = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_OTHERS = re.compile(r"[^0-9a-z]+")


def unaccented(text: str) -> str:
    """The text without accents; letters of other scripts stay."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@lru_cache(maxsize=1 << 14)
def fold(text: str) -> str:
    """Lower-case letters and digits without accents, words separated by one space."""
    if text.isascii():
        return _OTHERS.sub(" ", text.lower()).strip()
    return fold_any(text)


def fold_any(text: str) -> str:
    """`fold` for any script; for ASCII it gives the same, more slowly."""
    plain = unaccented(text.casefold()).translate(_WHOLE)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def ascii_upper(text: str) -> str:
    """Upper-case ASCII, as CWR wants it; a character that has no ASCII form becomes a question mark."""
    spelled = unaccented(text.translate(_WHOLE_BOTH)).upper()
    return "".join(c if " " <= c <= "~" else "?" for c in spelled)


_WHOLE_BOTH = str.maketrans(
    {chr(code): letters for code, letters in _WHOLE.items()}
    | {chr(code).upper(): str(letters).upper() for code, letters in _WHOLE.items() if chr(code) != "ı"}
    | {"ß": "ss", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"}
)
