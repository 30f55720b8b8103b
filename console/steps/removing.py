"""Does the loss change as predicted when all works of one rights holder are left out of the training?

Shapes: N examples, Q queries, H holders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.shares import owners_on
from catalog.vocabulary import Right
from catalog.works import credited
from console.home import Home
from console.steps.retraining import Floats, Losses
from provenance.attribution.calibration import Calibration
from provenance.attribution.validation import rank_correlation

TERRITORY = "WORLD"


@dataclass(frozen=True)
class Holder:
    """A party and the works that it has a part in."""

    party: str
    works: frozenset[str]


def leading_holders(home: Home, works: Sequence[str], count: int) -> list[Holder]:
    """Those with the most works among these, but not with all of them; by number of works, then by id.

    A work belongs to its owners by mechanical right; one that nobody owns, to those who are named as having
    made it.
    """
    if not count:
        return []
    held: dict[str, set[str]] = {}
    with home.session() as session:
        owners = owners_on(session, works, Right.MECHANICAL, datetime.now(UTC).date(), TERRITORY)
        makers = credited(session, [work for work, parts in owners.items() if not parts])
    for work, parts in owners.items():
        for party in {party for party, _ in parts} or makers.get(work, frozenset()):
            held.setdefault(party, set()).add(work)
    found = [Holder(party, frozenset(own)) for party, own in held.items() if len(own) < len(owners)]
    return sorted(found, key=lambda holder: (-len(holder.works), holder.party))[:count]


def compare(
    influence_QN: Floats,
    works_N: NDArray[np.str_],
    complete: Losses,
    removed: Losses,
    calibration: Calibration,
) -> dict[str, Any] | None:
    """The changes that were predicted for leaving holders out beside those that came of it; None where
    nothing was left out, or fewer than two were trained on everything to compare with.

    A holder's influence is what it exceeds the mean example's by: others take the places in the batches.
    What trainings on everything differ by is the noise of one that leaves out little, and of their mean.
    """
    num = len(complete)
    if not len(removed) or num < 2:
        return None
    taken_HN = np.array([[work in without for work in works_N] for without in removed.without])
    centred_QN = influence_QN - influence_QN.mean(1, keepdims=True)
    influence_HQ = taken_HN.astype(float) @ centred_QN.T
    predicted_HQ = calibration.nats(influence_HQ)
    found_HQ = removed.whole_MQ - complete.whole_MQ.mean(0)
    noise = float(np.sqrt((1 + 1 / num) * complete.whole_MQ.var(0, ddof=1).mean()))
    width_HQ = calibration.half_width(influence_HQ, taken_HN.mean(1)[:, None], noise)
    held_HQ = np.abs(found_HQ - predicted_HQ) <= width_HQ
    return {
        "holders": len(removed), "complete": num, "of": held_HQ.size, "held": int(held_HQ.sum()),
        "held_least": int(held_HQ.sum(1).min()),
        "noise_nats": round(noise, 5),
        "half_width_nats": round(float(width_HQ.mean()), 5),
        "predicted_nats": round(float(np.abs(predicted_HQ).mean()), 5),
        "found_nats": round(float(np.abs(found_HQ).mean()), 5),
        "rank_correlation": round(float(rank_correlation(predicted_HQ.T, found_HQ.T).mean()), 3),
    }  # fmt: skip
