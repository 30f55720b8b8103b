"""From a generation to the works that it leaned on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from catalog.shares import owners_on
from catalog.vocabulary import Right
from console.home import Home
from console.steps.generating import read_excerpts
from console.steps.indexing import Opened, open_attributor
from console.steps.measured import LossChange, Measured, loss_changes, measured_of
from console.steps.originality import Similar, similar_works
from console.steps.retraining import events_of
from console.steps.where import SegmentShares, TrackShares, Unit, Where, questions_of, where_of
from model.excerpts import Excerpt
from provenance.attribution.attributor import METHOD
from provenance.attribution.reliability import Reliability
from provenance.attribution.shares import Shares
from provenance.attribution.validation import Estimate
from provenance.attributions import AttributionValues, WorkShare, record_attribution
from provenance.composer_index import matrices_of
from provenance.generations import find_generation
from provenance.runs import find_index
from royalties.money import PPM, allocate_minor


@dataclass(frozen=True)
class HolderShare:
    """A rights holder's part of a generation; `party` is empty for what nobody owns."""

    party: str
    share_ppm: int


@dataclass(frozen=True)
class Attributed:
    """An attribution on record. What is similar by content stands beside it and is no part of the shares.

    `loss_changes` has the works of the shares, if a validation of the run said what influence is in nats.
    """

    attribution: str
    generation: str
    method: str
    shares: tuple[WorkShare, ...]
    unattributed_ppm: int
    reliability: Mapping[str, object]
    segments: tuple[SegmentShares, ...]
    tracks: tuple[TrackShares, ...]
    similar: Similar
    loss_changes: Mapping[str, LossChange]


def attribute(home: Home, generation_id: str, by: Unit = Unit.PHRASE) -> Attributed:
    """The works that a generation leaned on, as a whole, by phrase and by track, on record.

    On record are phrases, however it is asked: to look bar by bar changes nothing that is paid on.

    Args:
        by: what the segments of the answer are.
    """
    with home.session() as session:
        generation = find_generation(session, generation_id)
        find_index(session, generation.run_id)
        run_id = generation.run_id
    opened = open_attributor(home, run_id)
    excerpts = read_excerpts(home, generation_id)
    questions = questions_of(excerpts, by)
    found = opened.influences(questions.matrices(opened.max_events))
    whole = found.shares(range(len(questions.phrases)))
    where = where_of(questions, found, opened.examples)
    similar = similar_works(home, opened.run.corpus_id, excerpts)
    settings = opened.attributor.settings_digest
    measured = measured_of(home, opened.run, settings)
    changes = _loss_changes(opened, whole, questions.phrases, measured)
    details = {
        "settings": settings,
        "queries": len(questions.phrases) + len(questions.cells),
        "tracks": [track.to_json() for track in where.tracks],
        **similar.to_json(),
        "calibration": measured.calibration and measured.calibration.to_json(),
        "loss_changes": {work: asdict(change) for work, change in changes.items()},
    }
    reliability = whole.reliability.weighed(measured.rank_correlation)
    values = _values(generation_id, whole, reliability, where, details)
    with home.session() as session, session.begin():
        record_attribution(session, home.key, values, datetime.now(UTC))
    return Attributed(
        attribution=values.id,
        generation=generation_id,
        method=values.method,
        shares=tuple(values.shares),
        unattributed_ppm=values.unattributed_ppm,
        reliability=values.reliability,
        segments=where.phrases if by is Unit.PHRASE else where.bars,
        tracks=where.tracks,
        similar=similar,
        loss_changes=changes,
    )


def _loss_changes(
    opened: Opened, whole: Shares, queries: Sequence[Excerpt], measured: Measured
) -> dict[str, LossChange]:
    """What leaving out each work with a share would change, where it is known what influence is in nats."""
    if measured.calibration is None:
        return {}
    num_events = int(events_of(matrices_of(queries, opened.max_events)).sum())
    changes = loss_changes(whole.shares, opened.examples.work_ids, num_events, measured.calibration)
    return {str(row.owner): changes[str(row.owner)] for row in whole.shares if row.share_ppm}


def holder_shares(
    session: Session, shares: Sequence[WorkShare], territory: str, on: date
) -> list[HolderShare]:
    """Who holds what part of an attribution, by mechanical ownership; every work is divided wholly."""
    owners = owners_on(session, [share.work_id for share in shares], Right.MECHANICAL, on, territory)
    totals: dict[str, int] = {}
    for share in shares:
        weights = dict(owners[share.work_id])
        weights[""] = max(PPM - sum(weights.values()), 0)
        for party, part in allocate_minor(share.share_ppm, weights).items():
            totals[party] = totals.get(party, 0) + part
    found = [HolderShare(party, part) for party, part in totals.items() if part]
    return sorted(found, key=lambda holder: (-holder.share_ppm, holder.party))


def _values(
    generation_id: str,
    whole: Shares,
    reliability: Reliability,
    where: Where,
    details: Mapping[str, object],
) -> AttributionValues:
    return AttributionValues(
        generation_id=generation_id,
        method=METHOD,
        shares=[
            WorkShare(str(row.owner), row.share_ppm, row.low_ppm, row.high_ppm, f"{row.influence:.9g}")
            for row in whole.shares
            if row.share_ppm or row.high_ppm
        ],
        unattributed_ppm=whole.unattributed_ppm,
        reliability={
            "verdict": reliability.verdict.value,
            "reason": reliability.reason,
            "signal_to_noise": f"{reliability.signal_to_noise:.3f}",
            "agreement": None if reliability.agreement is None else f"{reliability.agreement:.3f}",
            "hub": f"{reliability.hub:.3f}",
            "rank_correlation": _told(reliability.rank_correlation),
        },
        segments=[segment.to_json() for segment in where.phrases],
        details=details,
    )


def _told(estimate: Estimate | None) -> dict[str, str] | None:
    return {name: f"{value:.3f}" for name, value in estimate.to_json().items()} if estimate else None
