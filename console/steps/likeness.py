"""Which works of the catalogue have the same music, and do their rights contradict each other?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.clearance import clear
from catalog.facts import load_facts
from catalog.findings import Finding, Severity
from catalog.likeness.index import SketchIndex
from catalog.likeness.verdict import SAME, likeness
from catalog.tables import Encoding, Work
from catalog.vocabulary import Purpose
from console.home import Home
from console.progress import Advance
from console.steps.corpora import reading_music
from provenance.corpus.music import Converter, Music, digest_of, jobs_of, tokens_of_file
from provenance.corpus.plan import PlannedFile

TERRITORY = "WORLD"

Pair = tuple[int, int]


def same_music(home: Home, on: date, advance: Advance) -> list[Finding]:
    """A finding for every cluster of works with the same music; an error where their rights differ."""
    with home.session() as session:
        files = _files(session)
    with reading_music(home) as (converter, apply):
        musics = []
        for music in apply(digest_of, jobs_of(files, home.files, converter, 1)):
            musics.append(music)
            advance(len(musics), len(files), "files")
        pairs = list(_same(home, converter, musics))
    with home.session() as session:
        return [_finding(session, cluster, on) for cluster in _clusters(musics, pairs)]


def _files(session: Session) -> list[PlannedFile]:
    rows = session.execute(
        select(Encoding, Work.origin).join(Work, Work.id == Encoding.work_id).order_by(Encoding.id)
    )
    return [
        PlannedFile(row.work_id, row.id, row.format, row.file_name, origin, "", row.licence)
        for row, origin in rows
    ]


def _same(home: Home, converter: Converter, musics: Sequence[Music]) -> Iterator[Pair]:
    """The pairs of files of different works that hold the same music."""
    index = SketchIndex()
    for music in musics:
        index.add(music.sketch)
    found = {
        (min(number, other), max(number, other))
        for number, music in enumerate(musics)
        for other in index.candidates(music.sketch)
        if musics[other].file.work_id != music.file.work_id
    }
    for a, b in sorted(found):
        tokens = [tokens_of_file(musics[n].file, home.files, converter) for n in (a, b)]
        if likeness(*tokens) >= SAME:
            yield a, b


def _clusters(musics: Sequence[Music], pairs: Sequence[Pair]) -> list[list[PlannedFile]]:
    """The files that pairs tie together, each cluster once."""
    leader = list(range(len(musics)))

    def lead(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    for a, b in pairs:
        leader[lead(b)] = lead(a)
    tied: dict[int, list[PlannedFile]] = defaultdict(list)
    for number in sorted({number for pair in pairs for number in pair}):
        tied[lead(number)].append(musics[number].file)
    return list(tied.values())


def _finding(session: Session, cluster: Sequence[PlannedFile], on: date) -> Finding:
    works = sorted({file.work_id for file in cluster})
    told, verdicts = [], set()
    for facts in load_facts(session, works):
        found = clear(facts, Purpose.TRAIN, TERRITORY, on)
        codes = ", ".join(sorted({objection.code.value for objection in found.objections}))
        told.append(f"'{facts.title}' ({facts.work_id}, {codes or 'cleared'})")
        verdicts.add(found.cleared)
    what = f"the same music under {len(works)} names: {'; '.join(told)}"
    if len(verdicts) == 1:
        mend = "if they are one work, say so to whoever registered them"
        return Finding("SAME_MUSIC", works[0], f"{what}; {mend}", Severity.WARNING)
    mend = "some may be used and some not: find out whose the music is before it is used"
    return Finding("SAME_MUSIC_OTHER_RIGHTS", works[0], f"{what}; {mend}")
