"""What did each query lean on, and what did any of them lean on together, measured once for all?

Gradients add up: the influence on several queries is the sum of that on each. So what is asked in parts can
be put together in any way afterwards, without another gradient.

Shapes: C components (checkpoint and projection seed), Q queries, N examples, M null queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from provenance.attribution.holders import Owner
from provenance.attribution.reliability import Reliability
from provenance.attribution.shares import Claimants, Floats, OwnerShare, SharePolicy, Shares, shares_of


@dataclass(frozen=True)
class Segment:
    """The shares in one query alone: owners with more than nothing, by size, and what nobody can be given."""

    shares: tuple[tuple[Owner, int], ...]
    unattributed_ppm: int

    @classmethod
    def of(cls, shares: Shares) -> "Segment":
        """The shares without their intervals."""
        paid = tuple((row.owner, row.share_ppm) for row in shares.shares if row.share_ppm)
        return cls(paid, shares.unattributed_ppm)


@dataclass(frozen=True)
class AttributionResult:
    """Shares of all queries together, and of each one; `method` and `settings` say how they came about."""

    shares: tuple[OwnerShare, ...]
    unattributed_ppm: int
    reliability: Reliability
    segments: tuple[Segment, ...]
    method: str
    settings: str


@dataclass(frozen=True, eq=False)
class QueryInfluences:
    """The influence of every example on each of some queries, and what is needed to tell it from noise.

    Args:
        nulls_CMN: the influences on null queries of length one.
        products_CQQ: the inner products of the queries' features, from which the length of every sum follows.
        null_examples_M: where null queries are examples themselves, which.
    """

    scores_CQN: Floats
    nulls_CMN: Floats
    products_CQQ: Floats
    claimants: Claimants
    null_examples_M: NDArray[np.int64] | None

    @property
    def num_queries(self) -> int:
        """How many queries were asked."""
        return self.scores_CQN.shape[1]

    def shares(self, queries: Sequence[int], policy: SharePolicy | None = None) -> Shares:
        """What some of the queries leaned on together."""
        chosen = list(queries)
        norms_C = np.sqrt(self.products_CQQ[:, chosen][:, :, chosen].sum((1, 2)).clip(min=0))
        return shares_of(
            self.scores_CQN[:, chosen].sum(1), self.nulls_CMN * norms_C[:, None, None], self.claimants,
            null_examples_M=self.null_examples_M, policy=policy,
        )  # fmt: skip

    def segment(self, queries: Sequence[int], policy: SharePolicy | None = None) -> Segment:
        """The same without intervals, which are what takes time."""
        return Segment.of(self.shares(queries, replace(policy or SharePolicy(), draws=0)))

    def result(self, policy: SharePolicy, method: str, settings: str) -> AttributionResult:
        """What all the queries leaned on together, and each one alone."""
        whole = self.shares(range(self.num_queries), policy)
        segments = tuple(self.segment([q], policy) for q in range(self.num_queries))
        return AttributionResult(
            whole.shares, whole.unattributed_ppm, whole.reliability, segments, method, settings
        )

    def leading_example(self, query: int, owner: Owner) -> int:
        """The owner's example with the largest influence on a query; of equal ones the first."""
        scores_N = self.scores_CQN[:, query].mean(0)
        own_N = np.flatnonzero(self.claimants.owned_by_N(owner))
        return int(own_N[scores_N[own_N].argmax()])
