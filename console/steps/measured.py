"""What has retraining said about a run's attributions? Nothing, until `provenance validate` was run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from console.home import Home
from console.steps.training import folder_of
from provenance.attribution.calibration import Calibration
from provenance.attribution.shares import OwnerShare
from provenance.attribution.validation import Estimate
from provenance.tables import Run


@dataclass(frozen=True)
class Measured:
    """How well influence predicts retraining, and what it is in nats; either may not be known."""

    rank_correlation: Estimate | None = None
    calibration: Calibration | None = None


@dataclass(frozen=True)
class LossChange:
    """By how much a query's loss is expected to rise without a work, in nats an event, with 90 %."""

    nats: str
    low_nats: str
    high_nats: str


def validation_file(home: Home, run: Run) -> Path:
    """Where the answer of a validation stands."""
    return folder_of(home, run) / "validation.json"


def measured_of(home: Home, run: Run, settings: str) -> Measured:
    """What a validation under the same settings of the attribution found; an older one says nothing."""
    path = validation_file(home, run)
    if not path.exists():
        return Measured()
    found: dict[str, Any] = json.loads(path.read_bytes())
    if found.get("settings") != settings:
        return Measured()
    lds, told = found["lds"], found["calibration"]
    calibration = Calibration.from_json(told) if told else None
    return Measured(Estimate(lds["value"], lds["low"], lds["high"]), calibration)


def loss_changes(
    shares: Sequence[OwnerShare], works: Sequence[str], num_events: int, calibration: Calibration
) -> dict[str, LossChange]:
    """The change that leaving each work out would bring; others take its places in the batches.

    Args:
        shares: of all works; their influences are on all events of the queries together.
        works: of each example.
        num_events: how many events of the queries are said.
    """
    counts: Mapping[str, int] = dict(zip(*np.unique(np.array(works), return_counts=True), strict=True))
    mean = sum(share.influence for share in shares) / len(works)
    changes = {}
    for share in shares:
        count = counts[str(share.owner)]
        influence = np.array((share.influence - count * mean) / num_events)
        change = float(calibration.nats(influence))
        width = float(calibration.half_width(influence, np.array(count / len(works))))
        changes[str(share.owner)] = LossChange(
            *(f"{x:.6f}" for x in (change, change - width, change + width))
        )
    return changes
