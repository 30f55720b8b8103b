"""Does the catalogue still answer as it did on any earlier day, whatever was entered since?"""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from catalog.clearance import clear_all
from catalog.errors import NotFoundError
from catalog.facts import load_facts
from catalog.files import FileStore
from catalog.grants import Terms
from catalog.history import history
from catalog.imports import import_file
from catalog.knowledge import Knowledge, end_of
from catalog.records import PublicDomainRecord
from catalog.reservations import Target, add_reservation, lift_reservation
from catalog.vocabulary import Purpose, ReservationProtocol, Right, Role
from catalog.withdrawals import withdraw
from catalog.works import find_work
from tests.catalog.builders import (
    MIDI,
    PUBLISHER,
    WRITER,
    a_grant,
    a_share,
    a_work,
    cwr_file,
    rights_folder,
    work_shown,
)

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
ON = date(2026, 10, 1)


class Story:
    """Enters one thing a day, at random, and notes what the catalogue answered after each."""

    def __init__(self, session, folder, seed):
        self.session, self.folder, self.chance = session, folder, random.Random(seed)
        self.at, self.notes, self.grants, self.reservations = FIRST, [], [], []

    def run(self, days):
        self.import_works()
        for _ in range(days):
            step = self.chance.choice(
                [self.import_works, self.import_file, self.grant, self.reserve, self.lift, self.take_back]
            )
            step()
            self.note()
            self.at += timedelta(days=1)
        return self

    def note(self):
        facts = load_facts(self.session)
        shown = {fact.work_id: self.shown(fact.work_id, Knowledge()) for fact in facts}
        self.notes.append((self.at, facts, shown))

    def shown(self, work_id, known):
        shown = work_shown(self.session, work_id, known)
        shown.pop("recordings")
        return shown

    def works(self):
        return [find_work(self.session, number) for number in ("W1", "W2")]

    def import_works(self):
        half = self.chance.choice((500_000, 250_000, 400_000))
        shares = [a_share(WRITER, Role.COMPOSER, right, 1_000_000 - half) for right in Right]
        shares += [a_share(PUBLISHER, Role.ORIGINAL_PUBLISHER, right, half, chain=1) for right in Right]
        titles = ("SONG", "SONG OF SONGS", "TUNE")
        works = [
            replace(
                a_work(number, self.chance.choice(titles)), shares=tuple(shares), public_domain=self.domain()
            )
            for number in ("W1", "W2")
        ]
        path = cwr_file(self.folder / f"{self.at:%j}.V22", *works)
        import_file(self.session, FileStore(self.folder / "store"), "cwr", path, imported_at=self.at)

    def domain(self):
        return self.chance.choice((None, PublicDomainRecord("EU", "old")))

    def import_file(self):
        number = self.chance.choice(("W1", "W2"))
        rows = (
            f"file,licence,submitter,submitter_work_number,title\na.mid,CC0-1.0,00000000199,{number},SONG\n"
        )
        data = MIDI + bytes([self.chance.randrange(256)])
        folder = rights_folder(self.folder / f"files{self.at:%j}", rows, a_mid=data)
        import_file(self.session, FileStore(self.folder / "store"), "folder", folder, imported_at=self.at)

    def grant(self):
        earlier = self.grants.pop() if self.grants and self.chance.random() < 0.5 else None
        self.grants.append(
            a_grant(
                self.session,
                self.chance.choice((WRITER, PUBLISHER)),
                territory=self.chance.choice(("WORLD", "EU", "WORLD -DE")),
                for_represented=self.chance.random() < 0.5,
                terms=Terms(notice_days=self.at.timetuple().tm_yday),
                recorded_at=self.at,
                supersedes=earlier,
            )
        )

    def reserve(self):
        target = self.chance.choice((Target(work_id=self.works()[0]), Target(party_id=WRITER.key(""))))
        reservation, _ = add_reservation(
            self.session, target, ReservationProtocol.TDMREP, "1", seen_where=f"{self.at}", seen_at=self.at,
            recorded_at=self.at, recorded_by="me",
        )  # fmt: skip
        self.reservations.append(reservation)

    def lift(self):
        if self.reservations:
            lift_reservation(self.session, self.reservations.pop(0), ON - timedelta(days=9), self.at)

    def take_back(self):
        withdraw(
            self.session, self.chance.choice(self.works()), reason=f"{self.at}", effective_on=ON,
            recorded_at=self.at, recorded_by="me",
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_what_was_answered_on_a_day_is_answered_again_as_known_on_it(session, tmp_path, seed):
    story = Story(session, tmp_path, seed).run(days=14)
    assert len({str(facts) for _at, facts, _shown in story.notes}) > 5, "the story must change something"
    for at, facts, shown in story.notes:
        known = Knowledge(at + timedelta(hours=1))
        assert load_facts(session, known=known) == facts
        assert clear_all(load_facts(session, known=known), Purpose.TRAIN, "EU", ON) == clear_all(
            facts, Purpose.TRAIN, "EU", ON
        )
        assert {work_id: story.shown(work_id, known) for work_id in shown} == shown


def test_a_work_is_not_known_before_it_came(session, tmp_path):
    story = Story(session, tmp_path, 0)
    story.import_works()
    before = Knowledge(FIRST - timedelta(seconds=1))
    assert load_facts(session, known=before) == []
    with pytest.raises(NotFoundError):
        load_facts(session, story.works(), before)


def test_the_history_of_a_work_says_what_changed_in_words(session, tmp_path):
    import_file_of = lambda name, work: import_file(  # noqa: E731
        session, FileStore(tmp_path / "store"), "cwr", cwr_file(tmp_path / name, work),
        imported_at=FIRST if name == "a.V22" else FIRST + timedelta(days=1), recorded_by="ann",
    )  # fmt: skip
    import_file_of("a.V22", a_work("W1", "SONG"))
    shares = (
        a_share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.MECHANICAL, 250_000, chain=1),
        a_share(WRITER, Role.COMPOSER, Right.MECHANICAL, 750_000),
        a_share(WRITER, Role.COMPOSER, Right.PERFORMING, 1_000_000),
    )
    report = import_file_of("b.V22", a_work("W1", "SONG OF SONGS", shares=shares))
    told = {finding.code: finding.message for finding in report.findings}
    assert "title 'SONG' -> 'SONG OF SONGS'" in told["CHANGED"]
    assert "STEIN, ANNA mechanical ownership 50 % -> 75 %" in told["SUPERSEDED"]
    first, second = history(session, load_facts(session, [find_work(session, "W1")])[0])
    assert (first.by, second.by) == ("ann", "ann")
    assert "title SONG -> SONG OF SONGS" in second.changes
    assert "STEIN, ANNA mechanical ownership 50 % -> 75 %" in second.changes
    assert "TESTLING VERLAG performing ownership 50 % -> 0 %" in second.changes


def test_the_end_of_a_day_is_its_last_instant():
    assert end_of(date(2026, 2, 28)).isoformat() == "2026-02-28T23:59:59.999999+00:00"
