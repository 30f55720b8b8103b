"""Is a whole catalogue cleared in columns to the last letter as it is work by work?"""

import random
from datetime import date

import pytest

from catalog.clearance import clear_all
from catalog.clearance_table import clear_catalogue
from catalog.facts import each_fact
from catalog.grants import Terms
from catalog.identifiers import ipi_name_check_digits
from catalog.records import PartyRecord, PublicDomainRecord, RepresentationRecord
from catalog.reservations import Target, add_reservation
from catalog.vocabulary import GrantSubject, PartyKind, Purpose, ReservationProtocol, Right, Role
from catalog.withdrawals import withdraw
from catalog.works import find_work
from tests.catalog.builders import AT, MIDI, a_grant, a_share, a_work, import_cwr, import_folder

NUM_WORKS = 60


def a_party(number, name, kind):
    digits = f"{number:09d}"
    return PartyRecord(name, kind, digits + ipi_name_check_digits(digits))


WRITERS = [a_party(100 + n, f"WRITER {n}", PartyKind.WRITER) for n in range(5)]
PUBLISHERS = [a_party(200 + n, f"HOUSE {n} %S", PartyKind.PUBLISHER) for n in range(3)]
TERRITORIES = ("WORLD", "EU", "WORLD -DE", "US")
LICENCES = ("CC0-1.0", "CC-BY-NC-4.0", "LicenseRef-House", "NOASSERTION")


def a_random_work(chance, number):
    writers = chance.sample(WRITERS, chance.choice((1, 1, 2)))
    house = chance.choice(PUBLISHERS)
    shares = []
    for right in Right:
        part = 500_000 // len(writers) - chance.choice((0, 0, 0, 100_000))
        for writer in writers:
            shares.append(a_share(writer, Role.COMPOSER, right, part))
            shares.append(a_share(house, Role.ORIGINAL_PUBLISHER, right, part, chain=1))
    return a_work(
        f"W{number}",
        chance.choice(("SONG", "100 % TUNE", "SONG OF %S")),
        shares=tuple(shares),
        credits=tuple((writer, Role.COMPOSER) for writer in writers),
        representations=tuple(RepresentationRecord(writer, house) for writer in writers[:1]),
        public_domain=chance.choice((None, None, None, PublicDomainRecord("EU", "old"))),
    )


def a_random_catalogue(session, folder, seed):
    chance = random.Random(seed)
    import_cwr(session, folder, *(a_random_work(chance, number) for number in range(NUM_WORKS)))
    rows = ["file,licence,submitter,submitter_work_number,title"]
    files = {}
    for number in range(NUM_WORKS):
        for copy in range(chance.choice((0, 1, 1, 2))):
            name = f"f{number}_{copy}"
            rows.append(f"{name}.mid,{chance.choice(LICENCES)},00000000199,W{number},SONG")
            files[f"{name}_mid"] = MIDI + bytes([number, copy])
    import_folder(session, folder, "\n".join(rows) + "\n", **files)
    for party in (*WRITERS, *PUBLISHERS):
        a_random_grant(session, chance, party)
    work = lambda: find_work(session, f"W{chance.randrange(NUM_WORKS)}")  # noqa: E731
    for target in (Target(work_id=work()), Target(party_id=WRITERS[0].key(""))):
        add_reservation(
            session, target, ReservationProtocol.TDMREP, "1", seen_where="x", seen_at=AT, recorded_at=AT,
            recorded_by="me",
        )  # fmt: skip
    withdraw(session, work(), reason="50 %", effective_on=AT.date(), recorded_at=AT, recorded_by="me")


def a_random_grant(session, chance, party):
    for _ in range(chance.choice((0, 1, 1, 2))):
        of_files = chance.random() < 0.3
        works = [find_work(session, f"W{n}") for n in chance.sample(range(NUM_WORKS), 9)]
        a_grant(
            session, party, licence_ref="LicenseRef-House" if of_files else None,
            subject=GrantSubject.ENCODING if of_files else GrantSubject.COMPOSITION,
            purposes=chance.sample(list(Purpose), chance.choice((1, 4))),
            territory=chance.choice(TERRITORIES), ends_on=chance.choice((None, None, date(2026, 6, 1))),
            for_represented=chance.random() < 0.7, work_ids=chance.choice((None, None, works)),
            terms=Terms(models=chance.choice((None, None, ("m1",)))),
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_columns_answer_as_one_work_after_the_other_does(session, tmp_path, seed):
    a_random_catalogue(session, tmp_path, seed)
    facts = list(each_fact(session))
    verdicts = set()
    for purpose in (Purpose.TRAIN, Purpose.DISTRIBUTE):
        for territory in ("EU", "DE", "WORLD"):
            for on in (date(2026, 5, 1), date(2026, 12, 1)):
                one_by_one = clear_all(facts, purpose, territory, on)
                assert list(clear_catalogue(session, purpose, territory, on)) == one_by_one
                verdicts |= {o.code for found in one_by_one for o in found.objections}
    assert len(verdicts) >= 8, "the catalogue must hold many kinds of trouble"


def test_an_empty_catalogue_has_no_answers(session):
    assert list(clear_catalogue(session, Purpose.TRAIN, "EU", AT.date())) == []
