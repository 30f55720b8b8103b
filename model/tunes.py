"""How are tunes in ABC taken out of their books, and made safe for a reader that some of them kill?

Source: the ABC music standard 2.1, sections 2.2 (file structure), 3.1 (fields), 4.8 and 4.18 (repeats, text).
"""

import re

# Directives, comments, and fields that say nothing of the notes.
_ASIDE = re.compile(r"^(?:%|[ABDFGHINORSWZrw]:).*\n?", re.MULTILINE)
_TUNE = re.compile(r"^X:\s*(\d+)", re.MULTILINE)
_FIELD = re.compile(r"[A-Za-z]:")
_QUOTED = re.compile(r'"[^"\n]*"?')
_KEY = re.compile(r"^K:.*\n?", re.MULTILINE)
_VOICE = re.compile(r"^V:", re.MULTILINE)
_SECOND_ENDING = re.compile(r"\s*\[?2")
_REPEAT = re.compile(r"\[?:*\|+\]?:+|:+\|+\]?|::")


def split_book(text: str) -> list[tuple[int, str]]:
    """Each tune of a book with its number; the fields before the first tune go with all."""
    starts = [match.start() for match in _TUNE.finditer(text)]
    numbers = [int(match.group(1)) for match in _TUNE.finditer(text)]
    if not starts:
        return [(1, text)]
    head = "".join(line + "\n" for line in text[: starts[0]].splitlines() if _FIELD.match(line))
    tunes = [text[a:b].rstrip() + "\n" for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [(number, head + tune) for number, tune in zip(numbers, tunes, strict=True)]


def plain_tune(text: str) -> str:
    """The tune without words, annotations and comments, every repeat opened before it is closed.

    Chord symbols go too: they are advice to a player, not notes of the tune. verovio 6.4 dies of an unclosed
    quotation mark, and of a second repeat that is closed and was not opened.
    """
    text = _TUNE.sub("X:1", _ASIDE.sub("", text))
    key = _KEY.search(text)
    if key is None:
        return text
    head, body = text[: key.end()], _QUOTED.sub("", text[key.end() :])
    return head + (body if _VOICE.search(text) else _with_open_repeats(body))


def _with_open_repeats(body: str) -> str:
    """The notes with a repeat opened wherever a later sign goes back to; a second ending closes nothing."""
    parts: list[str] = []
    at = 0
    closed: int | None = None  # the part that holds the last `:|`, while nothing was opened after it
    for match in _REPEAT.finditer(body):
        passage = body[at : match.start()]
        parts.append(passage)
        closes, opens = match.group().startswith(":"), match.group().endswith(":")
        if closes and closed is not None:
            if _SECOND_ENDING.match(passage):
                closes = False
                parts.append("||")
            else:
                parts[closed] += "|:"
        if closes:
            closed = len(parts)
            parts.append(":|")
        if opens:
            closed = None
            parts.append("|:")
        at = match.end()
    return "".join(parts) + body[at:]
