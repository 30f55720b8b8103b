"""Who has which share of the rights that a policy has pools for, beside its first?

The shares in compositions are those of the catalogue. Of recordings the catalogue keeps who made and released
them, and no shares: unless `Inputs.masters_on` knows better, nobody is on record, and a master pool's money
waits in suspense, work by work, with the reason UNIDENTIFIED_OWNER.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from catalog.vocabulary import Right
from royalties.entitlement import Inputs, UsageTotal
from royalties.periods import Period
from royalties.policy_values import Policy, PoolRight
from royalties.shares import ShareBook, read_shares


def read_other_shares(
    usage: Sequence[UsageTotal], works: Iterable[str], policy: Policy, period: Period, inputs: Inputs
) -> dict[PoolRight, ShareBook]:
    """The shares of each right that the policy has a pool for, but its own `right`."""
    found: dict[PoolRight, ShareBook] = {}
    asked = sorted(works)
    for right in policy.rights:
        if right is PoolRight.MASTER:
            found[right] = read_shares(usage, asked, policy, period, _of_recordings(inputs))
        elif Right(right) is not policy.right:
            found[right] = read_shares(usage, asked, replace(policy, right=Right(right)), period, inputs)
    return found


def _of_recordings(inputs: Inputs) -> Inputs:
    """The inputs with the shares in recordings, to which nothing applies that is known of compositions."""
    masters_on = inputs.masters_on

    def shares_on(
        works: Sequence[str], _right: Right, on: date, territory: str
    ) -> Mapping[str, Sequence[tuple[str, int]]]:
        return masters_on(works, on, territory) if masters_on else {}

    return Inputs(inputs.attributions, inputs.exposure, shares_on)
