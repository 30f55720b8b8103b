"""Which answer do works share that differ in names only?

`clear` asks of a title, a party, or a file only whether it is the same as another, and copies it into its
sentences. So one work is cleared with slots in place of its names, and the answer is filled with the names of
every work that is the same but for them. Nothing of the rules of clearance is known here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from catalog.clearance import Clearance, ClearedEncoding, Objection, ObjectionCode, ShareFact, WorkFacts
from catalog.vocabulary import Right

# Characters of Unicode's private use. An identifier of a file may be quoted by its first twelve characters,
# so a slot has twelve, and one more where it stands for a whole identifier.
OPEN, CLOSE, WHOLE, UNNAMED = "\ue000", "\ue001", "\ue002", "\ue003"
HEAD_LENGTH = 12
_SLOT = re.compile(f"{OPEN}([0-9]{{10}}){CLOSE}({WHOLE}?)")
_MARK = re.compile(f"[{OPEN}{CLOSE}{WHOLE}{UNNAMED}]")
_ESCAPED_MARK = re.compile(r"\\ue00[0-3]")  # as `repr` writes them


@dataclass(frozen=True, slots=True)
class Names:
    """What is peculiar to a work: each list in its order, without repetition."""

    work_id: str
    title: str
    parties: Sequence[str]
    party_names: Sequence[str]
    encodings: Sequence[str]
    file_names: Sequence[str]

    def values(self) -> list[str]:
        """All of them in one row, the heads of the files' identifiers last; a slot is a place in it."""
        heads = [encoding_id[:HEAD_LENGTH] for encoding_id in self.encodings]
        named = [*self.parties, *self.party_names, *self.file_names]
        return [self.work_id, self.title, *named, *self.encodings, *heads]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with places for names."""

    form: str
    slots: tuple[int, ...]

    def of(self, values: Sequence[str]) -> str:
        if not self.slots:
            return self.form
        return self.form % tuple([values[slot] for slot in self.slots])


@dataclass(frozen=True, slots=True)
class _Said:
    code: ObjectionCode
    message: _Text
    about: _Text


@dataclass(frozen=True, slots=True)
class Template:
    """An answer with places for the names of a work."""

    cleared: bool
    objections: tuple[_Said, ...]
    grants: tuple[str, ...]
    encodings: tuple[tuple[_Text, tuple[str, tuple[str, ...]]], ...]
    refused: tuple[_Said, ...]

    def fill(self, work_id: str, values: Sequence[str]) -> Clearance:
        """The answer for the work with these names (`Names.values`)."""
        return Clearance(
            work_id,
            self.cleared,
            _filled(self.objections, values),
            self.grants,
            tuple([ClearedEncoding(text.of(values), *rest) for text, rest in self.encodings]),
            _filled(self.refused, values),
        )


def _filled(said: tuple[_Said, ...], values: Sequence[str]) -> tuple[Objection, ...]:
    return tuple([Objection(each.code, each.message.of(values), each.about.of(values)) for each in said])


def names_of(facts: WorkFacts, rights: Sequence[Right]) -> Names:
    """The names of a work of which these rights are asked about."""
    asked = [share for share in facts.shares if share.right in rights]
    return Names(
        facts.work_id,
        facts.title,
        sorted({share.party_id for share in asked}),
        sorted({share.party_name for share in asked}),
        [encoding.encoding_id for encoding in facts.encodings],
        sorted({encoding.file_name for encoding in facts.encodings if encoding.file_name}),
    )


def make_template(
    facts: WorkFacts, rights: Sequence[Right], answer: Callable[[WorkFacts], Clearance]
) -> Template | None:
    """The answer for all works that differ from this one in names only.

    Args:
        facts: any of the works.
        rights: what the answer depends on; the parties of other rights are no names.
        answer: `clear` for one question.

    Returns:
        None where the answer cannot be told from its names: it quotes something that is no name of the work,
        or the work's own texts hold a mark.
    """
    if _ESCAPED_MARK.search(repr(facts)):
        return None
    names = names_of(facts, rights)
    found = answer(_renamed(facts, names, rights))
    try:
        return Template(
            found.cleared,
            tuple(_said(objection, names) for objection in found.objections),
            tuple(map(_verbatim, found.grants)),
            tuple(
                (
                    _text(each.encoding_id, names),
                    (_verbatim(each.licence), tuple(map(_verbatim, each.grants))),
                )
                for each in found.encodings
            ),
            tuple(_said(objection, names) for objection in found.refused),
        )
    except _UnnamedError:
        return None


class _UnnamedError(Exception):
    """A text quotes something that is no name of the work."""


def _slot(place: int) -> str:
    return f"{OPEN}{place:010d}{CLOSE}"


def _renamed(facts: WorkFacts, names: Names, rights: Sequence[Right]) -> WorkFacts:
    first = 2
    parties = {name: _slot(first + n) for n, name in enumerate(names.parties)}
    first += len(parties)
    party_names = {name: _slot(first + n) for n, name in enumerate(names.party_names)}
    first += len(party_names)
    file_names = {name: _slot(first + n) for n, name in enumerate(names.file_names)} | {"": ""}
    first += len(names.file_names)
    files = {name: _slot(first + n) + WHOLE for n, name in enumerate(names.encodings)}
    licensors = {grant.licensor_id: grant.licensor_id for grant in facts.grants}
    speakers = licensors | parties

    def share_renamed(share: ShareFact) -> ShareFact:
        return replace(
            share,
            party_id=speakers.get(share.party_id, UNNAMED + share.party_id),
            party_name=party_names[share.party_name] if share.right in rights else UNNAMED + share.party_name,
            represented_by=frozenset(speakers.get(name, UNNAMED + name) for name in share.represented_by),
        )

    return replace(
        facts,
        work_id=_slot(0),
        title=_slot(1),
        shares=tuple(map(share_renamed, facts.shares)),
        grants=tuple(replace(grant, licensor_id=speakers[grant.licensor_id]) for grant in facts.grants),
        encodings=tuple(
            replace(each, encoding_id=files[each.encoding_id], file_name=file_names[each.file_name])
            for each in facts.encodings
        ),
        reservations=tuple(
            each
            if each.encoding_id is None
            else replace(each, encoding_id=files.get(each.encoding_id, UNNAMED))
            for each in facts.reservations
        ),
    )


def _said(objection: Objection, names: Names) -> _Said:
    return _Said(objection.code, _text(objection.message, names), _text(objection.about, names))


def _text(text: str, names: Names) -> _Text:
    num_files = len(names.encodings)
    heads = len(names.values()) - num_files
    slots: list[int] = []
    form = ""
    last = 0
    for match in _SLOT.finditer(text):
        place = int(match[1])
        is_file = heads - num_files <= place < heads
        slots.append(place + num_files if is_file and not match[2] else place)
        form += _verbatim(text[last : match.start()]).replace("%", "%%") + "%s"
        last = match.end()
    rest = _verbatim(text[last:])
    return _Text(form + rest.replace("%", "%%") if slots else rest, tuple(slots))


def _verbatim(text: str) -> str:
    if _MARK.search(text):
        raise _UnnamedError(text)
    return text
