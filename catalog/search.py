"""Which works does a text mean: by title, by name, by identifier, whatever its accents and capitals?"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.orm import Session

from catalog.database import lots, upsert
from catalog.identifiers import parse_ipi_name_number, parse_isrc, parse_iswc
from catalog.tables import (
    Party,
    PartyName,
    Recording,
    RecordingWork,
    SearchEntry,
    SearchWord,
    Share,
    Work,
    WorkCredit,
    WorkIdentifier,
    WorkTitle,
)
from catalog.text import fold

# A word in a title weighs more than in a name, and an identifier most.
TITLE_WEIGHT, NAME_WEIGHT, IDENTIFIER_WEIGHT = 4.0, 2.0, 8.0
SHORTEST_IDENTIFIER = 9
SHORTEST_MISSPELT = 4  # letters; a shorter word is like too many
LONG_WORD = 6  # from so many letters on two may be wrong


@dataclass(frozen=True)
class Hit:
    """One work that was found, the best first."""

    work_id: str
    title: str
    iswc: str | None
    origin: str
    names: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The hit as a JSON object."""
        return {
            "work": self.work_id,
            "title": self.title,
            "iswc": self.iswc,
            "origin": self.origin,
            "names": list(self.names),
        }


def search(session: Session, wanted: str, limit: int = 20) -> list[Hit]:
    """The works in which every word of the text begins some word, ranked; none for an empty text.

    Where that leaves room, words that begin no word of the catalogue are taken for the nearest that does, and
    what is found so comes after the rest.
    """
    words = _words(wanted)
    if not words:
        return []
    find = _ids_postgresql if session.get_bind().dialect.name == "postgresql" else _ids_sqlite
    ids = find(session, words, limit)
    if len(ids) < limit:
        spelled = [_spelled(session, word) for word in words]
        more = find(session, spelled, limit) if spelled != words else []
        ids = list(dict.fromkeys([*ids, *more]))[:limit]
    names = _names(session, ids)
    works = {work.id: work for work in session.scalars(select(Work).where(Work.id.in_(ids)))}
    return [
        Hit(work_id, works[work_id].title, works[work_id].iswc, works[work_id].origin, names[work_id])
        for work_id in ids
    ]


def index_works(session: Session, work_ids: Sequence[str]) -> None:
    """The works are found by what the catalogue says of them now."""
    connection = session.connection()
    titles, names, identifiers = (defaultdict[str, set[str]](set) for _ in range(3))
    ids = sorted(set(work_ids))
    for work_id, title in [
        *connection.execute(select(Work.id, Work.title).where(Work.id.in_(ids))),
        *connection.execute(select(WorkTitle.work_id, WorkTitle.title).where(WorkTitle.work_id.in_(ids))),
    ]:
        titles[work_id].add(fold(title))
    for work_id, name in _all_names(connection, ids):
        names[work_id].add(fold(name))
    for work_id, value in _all_identifiers(connection, ids):
        identifiers[work_id] |= {fold(value), fold(value).replace(" ", "")}
    rows = [
        {
            "work_id": work_id,
            "titles": " ".join(sorted(titles[work_id])),
            "names": " ".join(sorted(names[work_id])),
            "identifiers": " ".join(sorted(identifiers[work_id])),
        }
        for work_id in ids
    ]
    _count_words(connection, rows)
    upsert(session, SearchEntry, "work_id", rows)


def _count_words(connection: Connection, rows: Sequence[Mapping[str, str]]) -> None:
    """Keeps in step in how many works each word is, before the entries of these works are changed."""
    entry = select(SearchEntry.work_id, SearchEntry.titles, SearchEntry.names)
    held = connection.execute(entry.where(SearchEntry.work_id.in_([row["work_id"] for row in rows])))
    before = {work_id: spellable(titles, names) for work_id, titles, names in held}
    more: Counter[str] = Counter()
    for row in rows:
        now, then = spellable(row["titles"], row["names"]), before.get(row["work_id"], set())
        more.update(now - then)
        more.subtract(then - now)
    gained = [{"word": word, "more": count} for word, count in sorted(more.items()) if count > 0]
    lost = [{"word": word, "less": -count} for word, count in sorted(more.items()) if count < 0]
    if gained:
        connection.execute(
            text(
                "INSERT INTO search_word (word, num_works) VALUES (:word, :more)"
                " ON CONFLICT (word) DO UPDATE SET num_works = search_word.num_works + excluded.num_works"
            ),
            gained,
        )
    if lost:
        connection.execute(
            text("UPDATE search_word SET num_works = num_works - :less WHERE word = :word"), lost
        )
        connection.execute(delete(SearchWord).where(SearchWord.num_works == 0))


def spellable(titles: str, names: str) -> set[str]:
    """The words of an entry that someone could spell wrong; numbers are known or not."""
    return {word for word in f"{titles} {names}".split() if word.isalpha()}


def _words(wanted: str) -> list[str]:
    for parse in (parse_iswc, parse_isrc, parse_ipi_name_number):
        identifier = parse(wanted)
        if identifier is not None and len(wanted.strip()) >= SHORTEST_IDENTIFIER:
            return [identifier.lower()]
    return fold(wanted).split()


def _ids_sqlite(session: Session, words: Sequence[str], limit: int) -> list[str]:
    match = " ".join(f'"{word}"*' for word in words)
    statement = text(
        "SELECT work_id FROM work_search JOIN search_entry ON search_entry.id = work_search.rowid"
        " WHERE work_search MATCH :match"
        " ORDER BY bm25(work_search, :title, :name, :identifier), work_id LIMIT :limit"
    )
    weights = {"title": TITLE_WEIGHT, "name": NAME_WEIGHT, "identifier": IDENTIFIER_WEIGHT}
    return list(session.scalars(statement, {"match": match, "limit": limit, **weights}))


def _ids_postgresql(session: Session, words: Sequence[str], limit: int) -> list[str]:
    statement = text(
        "SELECT work_id FROM search_entry, to_tsquery('simple', :query) AS query WHERE words @@ query"
        " ORDER BY ts_rank(words, query) DESC, work_id LIMIT :limit"
    )
    query = " & ".join(f"'{word}':*" for word in words)
    return list(session.scalars(statement, {"query": query, "limit": limit}))


def _spelled(session: Session, word: str) -> str:
    """The word itself where it begins a known one; else the nearest known one, of several the commonest."""
    if len(word) < SHORTEST_MISSPELT or not word.isalpha() or _begins_one(session, word):
        return word
    most = 1 if len(word) < LONG_WORD else 2
    known = select(SearchWord.word, SearchWord.num_works).where(
        SearchWord.word >= word[0],
        SearchWord.word < chr(ord(word[0]) + 1),
        func.length(SearchWord.word).between(len(word) - most, len(word) + most),
    )
    near = [
        (distance, -count, other)
        for other, count in session.execute(known)
        if (distance := OSA.distance(word, other, score_cutoff=most)) <= most
    ]
    return min(near)[2] if near else word


def _begins_one(session: Session, word: str) -> bool:
    first = session.scalar(
        select(SearchWord.word).where(SearchWord.word >= word).order_by(SearchWord.word).limit(1)
    )
    return first is not None and first.startswith(word)


def _names(session: Session, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {work_id: set() for work_id in ids}
    statement = select(WorkCredit.work_id, Party.name).join(Party, Party.id == WorkCredit.party_id)
    for work_id, name in session.execute(statement.where(WorkCredit.work_id.in_(ids))):
        found[work_id].add(name)
    return {work_id: tuple(sorted(names)) for work_id, names in found.items()}


def _all_names(connection: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every name, and the IPI name number, under which a party to one of the works is known."""
    involved: dict[str, set[str]] = defaultdict(set)
    for work_id, party_id in [
        *connection.execute(
            select(WorkCredit.work_id, WorkCredit.party_id).where(WorkCredit.work_id.in_(ids))
        ),
        *connection.execute(
            select(Share.work_id, Share.party_id).where(Share.work_id.in_(ids), Share.superseded_by.is_(None))
        ),
    ]:
        involved[party_id].add(work_id)
    for lot in lots(involved):
        for party_id, name in _names_of_parties(connection, lot):
            for work_id in involved[party_id]:
                yield work_id, name


def _names_of_parties(connection: Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    own = select(Party.id, Party.name).where(Party.id.in_(ids))
    others = select(PartyName.party_id, PartyName.name).where(PartyName.party_id.in_(ids))
    numbers = select(Party.id, Party.ipi_name_number).where(Party.id.in_(ids))
    found = [*connection.execute(own), *connection.execute(others), *connection.execute(numbers)]
    return [(party_id, name) for party_id, name in found if name]


def _all_identifiers(connection: Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    own = select(WorkIdentifier.work_id, WorkIdentifier.value).where(WorkIdentifier.work_id.in_(ids))
    recordings = (
        select(RecordingWork.work_id, Recording.isrc)
        .join(Recording, Recording.id == RecordingWork.recording_id)
        .where(RecordingWork.work_id.in_(ids), Recording.isrc.is_not(None))
    )
    found = [*connection.execute(own), *connection.execute(recordings)]
    return [(work_id, value) for work_id, value in found if value]
