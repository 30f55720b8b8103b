"""How does influence become integer parts per million? This is the one place where it does.

1. An example that is there several times (same content) counts once, its copies share.
2. Influence is added up over the examples of a unit (a work). Units are facts of the corpus, not of who
   claims it; an owner's share is the sum over the owner's units.
3. Every unit is centred and scaled by what it scores for queries that have nothing to do with it.
4. Only what stands above the noise is claimed: the threshold is the lowest at which noise alone would claim
   no more than a stated part of the same mass.
5. The whole is all positive influence beyond noise; what no unit can claim of it is unattributed.

Clipping an owner's net influence instead would pay for splitting a catalogue: with influences of 10 and -5
the two halves would claim 10, the whole 5. A claim that adds up over units, whoever owns them, cannot be
gamed.

Shapes: C components (checkpoint and projection seed), N examples, U units, H owners, M null queries,
K thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from provenance.attribution.holders import Owner, owner_key
from provenance.attribution.reliability import Influences, Reliability, judge

WHOLE_PPM = 1_000_000
FINE = 10**12  # units are rounded down at this resolution before they are added up
THRESHOLDS_K = np.arange(0.0, 8.5, 0.5)
SPREAD_OF_MAD = 1.4826  # a normal distribution's standard deviation by its median absolute deviation
FEW_UNITS = 20  # with fewer, the spread over units says nothing
FEW_NULLS = 3
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SharePolicy:
    """How influence is turned into shares.

    Args:
        max_false_mass: the part of what is claimed that noise alone may claim.
        draws: bootstrap draws behind an interval; 0 gives intervals of no width.
        interval: the probability that an interval is made to hold.
        seed: of the draws.
    """

    max_false_mass: float = 0.1
    draws: int = 200
    interval: float = 0.9
    seed: int = 0


@dataclass(frozen=True)
class OwnerShare:
    """What one owner gets, and from which signed influence (mean over checkpoints, sum over examples)."""

    owner: Owner
    share_ppm: int
    low_ppm: int
    high_ppm: int
    influence: float


@dataclass(frozen=True)
class Shares:
    """Shares by size, then by owner; with `unattributed_ppm` they sum to 1,000,000 exactly."""

    shares: tuple[OwnerShare, ...]
    unattributed_ppm: int
    reliability: Reliability


@dataclass(frozen=True, eq=False)
class Claimants:
    """Which examples make up a unit, which unit is whose, and how often an example's content is there."""

    owners: tuple[Owner, ...]
    owner_of_unit_U: Ints
    unit_N: Ints
    content_N: Ints
    weight_N: Floats

    @classmethod
    def of(
        cls,
        owners: Sequence[Owner],
        units: Sequence[Owner] | None = None,
        contents: Sequence[Owner] | None = None,
    ) -> "Claimants":
        """Owners, units and contents as one label an example.

        Without units, each example is a unit of its own; without contents, no two examples are alike.

        Raises:
            ValueError: if a unit has two owners; divide the unit's share by contract instead.
        """
        contents = [f"#{i}" for i in range(len(owners))] if contents is None else contents
        units = _numbered(contents) if units is None else units
        distinct, owner_N = _places(owners)
        content_N = _places(contents)[1]
        unit_labels, unit_N = _places(units)
        owner_of_unit_U = np.zeros(len(unit_labels), dtype=np.int64)
        owner_of_unit_U[unit_N] = owner_N
        if (owner_of_unit_U[unit_N] != owner_N).any():
            raise ValueError(
                "a unit has two owners: give units as owners and divide their shares by contract"
            )
        weight_N = 1.0 / np.bincount(content_N)[content_N]
        return cls(distinct, owner_of_unit_U, unit_N, content_N, weight_N)

    @property
    def num_units(self) -> int:
        """How many units there are."""
        return len(self.owner_of_unit_U)

    def owned_by_N(self, owner: Owner) -> NDArray[np.bool_]:
        """Which examples are an owner's."""
        owned_N: NDArray[np.bool_] = self.owner_of_unit_U[self.unit_N] == self.owners.index(owner)
        return owned_N

    def unit_sums(self, rows_XN: Floats, order_N: Ints) -> Floats:
        """Rows over examples added up to rows over units, in the given order, so that rounding is fixed."""
        sums = [self.sums_U(row, order_N) for row in rows_XN * self.weight_N]
        return np.stack(sums) if sums else np.zeros((0, self.num_units))

    def sums_U(self, values_N: Floats, order_N: Ints | None = None) -> Floats:
        """Values over examples added up to values over units."""
        order_N = np.arange(len(values_N)) if order_N is None else order_N
        sums: Floats = np.zeros(self.num_units)
        np.add.at(sums, self.unit_N[order_N], values_N[order_N])
        return sums

    def owner_sums(self, values_U: NDArray[Any]) -> NDArray[Any]:
        """Values over units added up to values over owners."""
        totals_H = np.zeros(len(self.owners), dtype=values_U.dtype)
        np.add.at(totals_H, self.owner_of_unit_U, values_U)
        return totals_H


def _numbered(contents: Sequence[Owner]) -> list[str]:
    """Every content with the number of times that it was there before."""
    seen: dict[Owner, int] = {}
    labels = []
    for content in contents:
        seen[content] = seen.get(content, 0) + 1
        labels.append(f"{content}\x1f{seen[content]:09d}")
    return labels


def _places(labels: Sequence[Owner]) -> tuple[tuple[Owner, ...], Ints]:
    """The distinct labels in order, and where each label stands among them."""
    distinct = tuple(sorted(set(labels), key=owner_key))
    place = {label: i for i, label in enumerate(distinct)}
    return distinct, np.array([place[label] for label in labels], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Noise:
    """The centre and spread of each unit's score for unrelated queries, and the chosen threshold."""

    centre_U: Floats
    spread_U: Floats
    threshold: float
    expected_claims: float

    def claims_U(self, scores_U: Floats) -> Floats:
        """What stands above the noise."""
        return np.maximum(0.0, scores_U - self.centre_U - self.threshold * self.spread_U)

    def signal(self, scores_U: Floats) -> float:
        """By how many standard deviations of noise's own claims the claims exceed those; 0 without claims."""
        claimed = float(self.claims_U(scores_U).sum())
        if claimed <= 0:
            return 0.0
        variance = _mean_square_excess(self.threshold) - _mean_excess(self.threshold) ** 2
        spread = math.sqrt(max(variance, 0.0) * float((self.spread_U**2).sum()))
        return (claimed - self.expected_claims) / max(spread, 1e-12 * claimed)


def shares_of(
    scores_CN: Floats,
    nulls_CMN: Floats,
    claimants: Claimants,
    *,
    null_examples_M: Ints | None = None,
    policy: SharePolicy | None = None,
) -> Shares:
    """The shares of all owners in one query.

    Args:
        scores_CN: signed influence of each example under each checkpoint and seed.
        nulls_CMN: the same for queries that nothing is known to have influenced, brought to the query's norm.
        null_examples_M: where null queries are examples themselves, which; their own units are left out.
    """
    policy = policy or SharePolicy()
    scores_CN = np.asarray(scores_CN, dtype=np.float64)
    order_N = np.lexsort((scores_CN.mean(0), claimants.unit_N))
    scores_CU = claimants.unit_sums(scores_CN, order_N)
    nulls_MU = claimants.unit_sums(np.asarray(nulls_CMN, dtype=np.float64).mean(0), order_N)
    if null_examples_M is not None:
        nulls_MU = _without_own(nulls_MU, claimants, null_examples_M)
    scores_U = scores_CU.mean(0)
    noise = _noise(scores_U, nulls_MU, claimants, policy)
    ppm_H = _floor_ppm(_share_of_units(scores_U, noise), claimants)
    low_H, high_H = _interval_ppm(scores_CU, noise, claimants, policy)
    influence_H = claimants.owner_sums(claimants.sums_U(scores_CN.mean(0), order_N))
    rows = [
        OwnerShare(owner, int(p), min(int(low), int(p)), max(int(high), int(p)), float(value))
        for owner, p, low, high, value in zip(
            claimants.owners, ppm_H, low_H, high_H, influence_H, strict=True
        )
    ]
    found = Influences(scores_CU, nulls_MU, noise.signal(scores_U))
    return Shares(
        tuple(sorted(rows, key=lambda row: (-row.share_ppm, owner_key(row.owner)))),
        WHOLE_PPM - int(ppm_H.sum()),
        judge(found),
    )


def _without_own(nulls_MU: Floats, claimants: Claimants, null_examples_M: Ints) -> Floats:
    """The null scores without those of units that hold the null query itself, or a copy of it."""
    nulls_MU = nulls_MU.copy()
    for row, example in zip(nulls_MU, null_examples_M, strict=True):
        row[claimants.unit_N[claimants.content_N == claimants.content_N[example]]] = np.nan
    return nulls_MU


def _noise(scores_U: Floats, nulls_MU: Floats, claimants: Claimants, policy: SharePolicy) -> _Noise:
    """The empirical null of each unit, widened by the query's own bulk, and the threshold it leads to.

    Source: Efron 2004, JASA 99, 96-104, for a null whose centre and spread come from the bulk of the data.
    """
    weight_U: Floats = claimants.sums_U(claimants.weight_N)
    centre_U, spread_U = _centre_and_spread(nulls_MU, scores_U, weight_U)
    if weight_U.sum() >= FEW_UNITS:
        bulk_U = (scores_U - centre_U) / spread_U
        distance_U = np.abs(bulk_U - _weighted_median(bulk_U, weight_U))
        spread_U = spread_U * max(1.0, SPREAD_OF_MAD * _weighted_median(distance_U, weight_U))
    mass = float(spread_U.sum())
    for threshold in THRESHOLDS_K:
        noise = _Noise(centre_U, spread_U, float(threshold), mass * _mean_excess(float(threshold)))
        claimed = float(noise.claims_U(scores_U).sum())
        if claimed > 0 and noise.expected_claims <= policy.max_false_mass * claimed:
            return noise
    return _Noise(centre_U, spread_U, math.inf, 0.0)


def _centre_and_spread(nulls_MU: Floats, scores_U: Floats, weight_U: Floats) -> tuple[Floats, Floats]:
    """Median and scaled median deviation over null queries; over units where there are too few queries.

    A unit that hinders every query is not given credit for hindering this one less: no centre is below zero.
    The least spread goes by weight, so that a unit and its two halves have the same.
    """
    floor_U = (1e-12 * (float(np.abs(scores_U).max()) if scores_U.size else 0.0) + 1e-300) * weight_U
    if not ((~np.isnan(nulls_MU)).sum(0) >= FEW_NULLS).all():
        spread = SPREAD_OF_MAD * _weighted_median(np.abs(scores_U) / weight_U, weight_U)
        return np.zeros_like(scores_U), np.maximum(spread * weight_U, floor_U)
    centre_U = np.nanmedian(nulls_MU, 0)
    spread_U = SPREAD_OF_MAD * np.nanmedian(np.abs(nulls_MU - centre_U), 0)
    return np.maximum(centre_U, 0.0), np.maximum(spread_U, floor_U)


def _weighted_median(values_U: Floats, weight_U: Floats) -> float:
    """The smallest value at which half of the weight is reached: a unit and its two halves give the same."""
    order_U = values_U.argsort(kind="stable")
    reached_U = weight_U[order_U].cumsum()
    return float(values_U[order_U][int(np.searchsorted(reached_U, (0.5 - 1e-9) * reached_U[-1]))])


def _mean_excess(threshold: float) -> float:
    """The mean of max(0, z - threshold) for a standard normal z."""
    density = math.exp(-0.5 * threshold**2) / math.sqrt(2 * math.pi)
    return density - threshold * 0.5 * math.erfc(threshold / math.sqrt(2))


def _mean_square_excess(threshold: float) -> float:
    """The mean of max(0, z - threshold)^2 for a standard normal z."""
    density = math.exp(-0.5 * threshold**2) / math.sqrt(2 * math.pi)
    return (1 + threshold**2) * 0.5 * math.erfc(threshold / math.sqrt(2)) - threshold * density


def _masses(scores_U: Floats, noise: _Noise) -> tuple[float, float]:
    """All positive influence beyond noise, and the part of it that can be attributed."""
    claims = float(noise.claims_U(scores_U).sum())
    positive = float(np.maximum(0.0, scores_U - noise.centre_U).sum())
    beyond = positive - float(noise.spread_U.sum()) * _mean_excess(0.0)
    return max(claims, beyond, 0.0), max(0.0, claims - noise.expected_claims)


def _share_of_units(scores_U: Floats, noise: _Noise) -> Floats:
    claims_U = noise.claims_U(scores_U)
    claimed = float(claims_U.sum())
    total, attributed = _masses(scores_U, noise)
    if claimed <= 0 or total <= 0:
        return np.zeros_like(claims_U)
    return claims_U / claimed * (attributed / total)


def _floor_ppm(shares_U: Floats, claimants: Claimants) -> Ints:
    """Parts per million by owner, always rounded down: what is lost to rounding is unattributed.

    Rounding down is superadditive, so that a divided catalogue can lose by it but never gain.
    """
    fine_U = np.floor(shares_U * FINE).astype(np.int64)
    return claimants.owner_sums(fine_U) // (FINE // WHOLE_PPM)


def _interval_ppm(
    scores_CU: Floats, noise: _Noise, claimants: Claimants, policy: SharePolicy
) -> tuple[Ints, Ints]:
    """The lower and upper end of each owner's share over draws of components and of each owner's units.

    A draw takes components with replacement, and as many units of each owner as there are, with replacement.
    Where there is but one component, an error of the size of the null's spread stands for the difference
    between checkpoints that is not known.
    """
    num_components, num_units = scores_CU.shape
    rng = np.random.default_rng(policy.seed)
    drawn_DH = np.empty((max(policy.draws, 1), len(claimants.owners)), dtype=np.int64)
    drawn_DH[0] = _floor_ppm(_share_of_units(scores_CU.mean(0), noise), claimants)
    for d in range(policy.draws):
        scores_U = scores_CU[rng.integers(0, num_components, num_components)].mean(0)
        if num_components == 1:
            scores_U = scores_U + noise.spread_U * rng.standard_normal(num_units)
        shares_U = _share_of_units(scores_U, noise)
        times_U = _times_drawn(claimants.owner_of_unit_U, rng)
        shares_U = shares_U * times_U / (1.0 + float(((times_U - 1) * shares_U).sum()))
        drawn_DH[d] = _floor_ppm(shares_U, claimants)
    tail = (1.0 - policy.interval) / 2
    low_H, high_H = np.quantile(drawn_DH, [tail, 1 - tail], axis=0)
    return np.floor(low_H).astype(np.int64), np.ceil(high_H).astype(np.int64)


def _times_drawn(owner_of_unit_U: Ints, rng: np.random.Generator) -> Ints:
    """How often each unit comes when every owner's units are drawn with replacement."""
    order_U = owner_of_unit_U.argsort(kind="stable")
    sizes_H = np.bincount(owner_of_unit_U)
    first_H = np.concatenate([[0], sizes_H.cumsum()[:-1]])
    owner_U = owner_of_unit_U[order_U]
    offset_U = np.minimum(
        (rng.random(len(owner_U)) * sizes_H[owner_U]).astype(np.int64), sizes_H[owner_U] - 1
    )
    return np.bincount(order_U[first_H[owner_U] + offset_U], minlength=len(owner_U))
