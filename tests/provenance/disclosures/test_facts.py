"""Are the facts of a disclosure those that are on record, on both databases?"""

from datetime import UTC, date, datetime

from catalog.files import FileStore
from catalog.tables import Agreement, Grant, Party, Reservation
from catalog.vocabulary import (
    GrantScope,
    GrantSubject,
    Origin,
    PartyKind,
    ReservationProtocol,
    SourceKind,
)
from provenance.corpus.registry import CorpusFile, Exclusion, record_corpus
from provenance.disclosures.facts import load_training_facts
from provenance.runs import Exposure, record_run
from tests.provenance.builders import (
    NOON,
    TEST_DIGEST,
    a_corpus_folder,
    a_key,
    a_leaf,
    a_source,
    a_work,
    an_encoding,
)


def a_grant(session, *, invented) -> str:
    session.add(Party(id="party_x", kind=PartyKind.PUBLISHER, name="A publisher"))
    session.flush()
    session.add(
        Agreement(
            id="agreement_x", title="A licence", licensor_id="party_x", signed_on=date(2026, 1, 1),
            invented=invented, recorded_at=NOON,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        Grant(
            id="grant_x", agreement_id="agreement_x", licensor_id="party_x",
            subject=GrantSubject.COMPOSITION, scope=GrantScope.ALL, territory="WORLD",
            starts_on=date(2026, 1, 1), recorded_at=NOON,
        )
    )  # fmt: skip
    session.flush()
    return "grant_x"


def test_facts_are_counted_by_source_origin_and_reason(session, tmp_path):
    store = FileStore(tmp_path / "files")
    archive = a_source(
        session,
        url="https://archive.example/",
        acquired_from_on=date(2026, 8, 1),
        acquired_to_on=date(2026, 9, 2),
    )
    house = a_source(session, "House composer", SourceKind.SYNTHETIC)
    grant = a_grant(session, invented=True)
    a_work(session, "work_a", source_id=archive, language="IT")
    a_work(session, "work_b", origin=Origin.HOUSE, genre="techno", source_id=house)
    a_work(session, "work_c")
    a_work(session, "work_d")
    held = {
        work_id: an_encoding(session, store, work_id, work_id.encode()) for work_id in ("work_b", "work_c")
    }
    held["work_a"] = an_encoding(session, store, "work_a", b"a", licence="CC-BY-4.0", source_id=archive)
    session.add(
        Reservation(
            id="reservation_x", work_id="work_d", protocol=ReservationProtocol.TDMREP, signal="1",
            signal_sha256=TEST_DIGEST, seen_where="https://x.example/", seen_at=NOON,
        )
    )  # fmt: skip
    leaves = [
        a_leaf("work_a", held["work_a"]).model_copy(update={"licence": "CC-BY-4.0"}),
        a_leaf("work_b", held["work_b"], "house").model_copy(update={"grants": [grant]}),
        a_leaf("work_c", held["work_c"]),
    ]
    corpus_id, manifest = a_corpus_folder(tmp_path / "corpora", leaves)
    exclusions = [
        Exclusion("work_a", "f" * 64, "ENCODING_NONCOMMERCIAL", "another file of a work that is in"),
        Exclusion("work_d", "", "RESERVED", "reserved"),
    ]
    files = [CorpusFile(leaf.entry(), 2, 100) for leaf in leaves]
    record_corpus(session, a_key(), manifest=manifest, files=files, exclusions=exclusions, built_at=NOON)
    run = record_run(
        session, a_key(), corpus_id=corpus_id, checkpoint_sha256="a" * 64, preset="lite", seed=1, steps=10,
        loss=None, config={"num_parameters": 1000}, exposures=[Exposure("work_a", held["work_a"], 500, 1000)],
        trained_at=datetime(2026, 10, 2, tzinfo=UTC),
    )  # fmt: skip
    session.commit()
    facts = load_training_facts(session, run.id)
    assert (facts.human_works, facts.house_works, facts.files) == (2, 1, 3)
    assert [(s.name, s.works, s.house_works) for s in facts.sources] == [
        ("An archive", 1, 0), ("House composer", 1, 1),
    ]  # fmt: skip
    assert facts.files_without_source == 1
    assert dict(facts.genres) == {"baroque": 2, "techno": 1}
    assert facts.languages == (("IT", 1),)
    assert dict(facts.licences) == {"CC-BY-4.0": 1, "CC0-1.0": 2}
    assert facts.excluded == (("RESERVED", 1),)
    assert facts.reservations == (("tdmrep", 1),)
    assert (facts.agreements, facts.invented_agreements) == (1, 1)
    assert facts.latest_acquisition_on == NOON.date()
    assert (facts.num_parameters, facts.events_trained) == (1000, 500)
