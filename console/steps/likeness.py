"""Which works of the catalogue have the same music, and do their rights contradict each other?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.clearance import WorkFacts, clear
from catalog.facts import load_facts
from catalog.findings import Finding, Severity
from catalog.likeness.index import SketchIndex
from catalog.likeness.verdict import SAME
from catalog.shares import in_term, percent
from catalog.tables import Encoding, Work
from catalog.vocabulary import Purpose
from console.home import Home
from console.progress import Advance
from console.steps.corpora import reading_music
from model.excerpts import MAX_EVENTS
from provenance.corpus.copies import Verdicts
from provenance.corpus.music import Music, digest_of, notes_of_file
from provenance.corpus.plan import PlannedFile
from provenance.corpus.readings import Readings, read_music

TERRITORY = "WORLD"

Pair = tuple[int, int]


def same_music(home: Home, on: date, advance: Advance) -> list[Finding]:
    """A finding for every cluster of works with the same music; an error where their rights differ."""
    with home.session() as session:
        files = _files(session)
    with reading_music(home) as (converter, apply):
        musics = []
        readings = Readings(home.folder("readings"), max_events=MAX_EVENTS)
        found = read_music(
            files, digest_of, store=home.files, converter=converter, apply=apply, max_events=MAX_EVENTS,
            readings=readings, whole=False,
        )  # fmt: skip
        for music in found:
            musics.append(music)
            advance(len(musics), len(files), "files")
        verdicts = Verdicts(lambda file: notes_of_file(file, home.files, converter), readings)
        pairs = list(_same(musics, verdicts))
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


def _same(musics: Sequence[Music], verdicts: Verdicts) -> Iterator[Pair]:
    """The pairs of files of different works that hold the same music."""
    index, of_tune = SketchIndex(), defaultdict[str, list[int]](list)
    for number, music in enumerate(musics):
        index.add(music.sketch)
        if music.tune is not None:
            of_tune[music.tune].append(number)
    for numbers in of_tune.values():
        yield from ((a, b) for a, b in pairwise(numbers) if _work(musics, a) != _work(musics, b))
    near: dict[int, set[int]] = defaultdict(set)
    for number, music in enumerate(musics):
        for other in index.candidates(music.sketch):
            if _work(musics, number) != _work(musics, other):
                near[min(number, other)].add(max(number, other))
    for number, found in sorted(near.items()):
        others = sorted(found)
        likenesses = verdicts.likenesses(
            musics[number], [(musics[other].file, musics[other].digest or "") for other in others]
        )
        yield from ((number, other) for other, like in zip(others, likenesses, strict=True) if like >= SAME)


def _work(musics: Sequence[Music], number: int) -> str:
    return musics[number].file.work_id


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
    """What to do about one cluster: the worst that can be said of it."""
    works = sorted({file.work_id for file in cluster})
    told, verdicts, owners = [], set(), set()
    for facts in load_facts(session, works):
        found = clear(facts, Purpose.TRAIN, TERRITORY, on)
        codes = ", ".join(sorted({objection.code.value for objection in found.objections}))
        owner = _owners(facts, on)
        told.append(f"'{facts.title}' ({facts.work_id}, {owner}, {codes or 'cleared'})")
        verdicts.add(found.cleared)
        owners.add(owner)
    what = f"the same music under {len(works)} names: {'; '.join(told)}"
    if len(verdicts) > 1:
        mend = "some may be used and some not: find out whose the music is before it is used"
        return Finding("SAME_MUSIC_OTHER_RIGHTS", works[0], f"{what}; {mend}")
    if len(owners) > 1:
        mend = "only one of these claims can be paid in full: ask who made it first, or who arranged it"
        return Finding("SAME_MUSIC_OTHER_OWNERS", works[0], f"{what}; {mend}", Severity.WARNING)
    mend = "if they are one work, say so to whoever registered them"
    return Finding("SAME_MUSIC", works[0], f"{what}; {mend}", Severity.WARNING)


def _owners(facts: WorkFacts, on: date) -> str:
    """Who owns how much of which right on that day."""
    live = [share for share in facts.shares if in_term(share.starts_on, share.ends_on, on)]
    parts = {f"{s.party_name} {s.right} {percent(s.share_ppm)} in {s.territory}" for s in live if s.share_ppm}
    public = f"public domain in {facts.public_domain_in}" if facts.public_domain_in else "no owner"
    return ", ".join(sorted(parts)) or public
