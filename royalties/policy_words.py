"""What does a policy say, in plain words and in the order in which the money flows?"""

from collections.abc import Iterator

from royalties.money import PPM, format_minor
from royalties.policy_values import (
    NO_MINIMUM,
    Destination,
    DestinationKind,
    Fallback,
    Measure,
    Payer,
    Policy,
    Pool,
    PoolRight,
    Pot,
    Rule,
    TopUp,
)

_MICRO_DIGITS = 6
_RATES = {
    "": "Usage in another currency than {currency} is refused.",
    "period_average": "Usage in another currency is converted to {currency} by its month's average rate.",
    "period_end": "Usage in another currency is converted to {currency} by the rate at its month's end.",
    "day": "Usage in another currency is converted to {currency} by the rate of its day.",
}


def explain_policy(policy: Policy) -> list[str]:
    """The policy as sentences, in the order in which the money flows."""
    lines = [
        *([policy.description] if policy.description else []),
        f"Policy {policy.name}, version {policy.version}, in {policy.currency}.",
        f"From the gross revenue, {_percent(policy.deductions_ppm)} are deducted; what is left is the net.",
    ]
    lines.append(_RATES[policy.rates].format(currency=policy.currency))
    if not policy.pools:
        lines.append(
            f"Of the net, {_percent(policy.pool_rate_ppm)} are the pool; the rest stays with the provider."
        )
    else:
        told = ", ".join(f"{_percent(p.pool_rate_ppm)} are the pool {p.name}" for p in policy.pools)
        lines.append(f"Of the net, {told}; the rest stays with the provider.")
    for pool in policy.all_pools:
        lines += _explain_pool(policy, pool)
    if policy.rounding_unit_minor > 1:
        unit = _money(policy.rounding_unit_minor, policy)
        lines.append(
            f"What a payee gets of a pot is a multiple of {unit}; the rest of a pot, always less than that, "
            "waits in suspense with the reason ROUNDING."
        )
    return [
        *lines,
        f"Below a balance of {_money(policy.threshold_minor, policy)} nothing is paid out; the balance is "
        "carried forward.",
    ]


def _explain_pool(policy: Policy, pool: Pool) -> Iterator[str]:
    for pot in pool.pots:
        yield _explain_pot(policy, pool, pot)
    if any(pot.rule is Rule.ATTRIBUTION for pot in pool.pots):
        place = _explain_place(pool.unattributed)
        yield f"The part of an output that no work can be given goes to {place}."
    if pool.right is PoolRight.MASTER:
        yield (
            f"The money of pool {pool.name} is divided by who has the recordings of a work, works in the "
            "public domain too. A work whose recordings have no owner on record waits in suspense with the "
            "reason UNIDENTIFIED_OWNER."
        )
    else:
        yield f"The part of works in the public domain goes to {_explain_place(pool.public_domain)}."
        yield (
            f"A work's money is divided by its {pool.right} shares on the day and in the territory of use; "
            f"money with no day of use by the shares on the period's last day in {policy.territory}."
        )
    yield from _explain_minimum(policy, pool)


def _explain_pot(policy: Policy, pool: Pool, pot: Pot) -> str:
    if pot.rule is Rule.FIXED:
        return _explain_fee(policy, pool, pot)
    rest = " that fixed fees leave" if any(_is_taken_first(each) for each in pool.pots) else ""
    of = f"the pool {pool.name}" if policy.pools else "the pool"
    head = f"Pot {pot.name}: {_percent(pot.share_ppm)} of {of}{rest}, "
    if pot.rule is Rule.EQUAL:
        return head + "the same amount for every licensed work that the model was trained on."
    if pot.rule is Rule.EXPOSURE:
        return head + "to the licensed works in proportion to what the model saw of each in training."
    measure = {
        Measure.REVENUE: "in proportion to its revenue",
        Measure.UNITS: "in proportion to how often it was used",
        Measure.LISTENER: "in proportion to what its listeners brought, each listener's money divided among "
        "what that listener used",
    }[pot.usage]
    return f"{head}to the works that each generation leaned on, {measure}. {_explain_trust(pot)}"


def _is_taken_first(pot: Pot) -> bool:
    return pot.rule is Rule.FIXED and pot.paid_by is Payer.POOL


def _explain_trust(pot: Pot) -> str:
    fallback = {
        Fallback.EQUAL: "is divided equally between the works trained on",
        Fallback.EXPOSURE: "is divided by what the model saw of each work in training",
        Fallback.SUSPENSE: "waits in suspense",
    }[pot.fallback]
    if not pot.blend:
        verdicts = " or ".join(pot.reliable_when)
        return f"Where the verdict on an attribution is not {verdicts}, the generation's money {fallback}."
    parts = ", ".join(f"{_percent(ppm)} where the verdict is {verdict}" for verdict, ppm in pot.blend)
    return f"Of a generation's money goes by its attribution: {parts}, else nothing. The rest {fallback}."


def _explain_fee(policy: Policy, pool: Pool, pot: Pot) -> str:
    fee = _money(pot.fee_minor, policy)
    head = (
        f"Pot {pot.name}: a fixed fee of {fee} in each period for every licensed work that the model was "
        "trained on"
    )
    if pot.paid_by is Payer.PROVIDER:
        return f"{head}, paid by the provider out of its part before any minimum, as far as that goes."
    of = f"the pool {pool.name}" if policy.pools else "the pool"
    return f"{head}, taken from {of} first, as far as it goes."


def _explain_minimum(policy: Policy, pool: Pool) -> Iterator[str]:
    minimum = pool.minimum
    if minimum == NO_MINIMUM:
        return
    of = f"The pool {pool.name}" if policy.pools else "The pool"
    amounts = []
    if minimum.per_period_minor:
        amounts.append(f"{_money(minimum.per_period_minor, policy)} in a period")
    if minimum.per_use_micro:
        amounts.append(f"{_micro(minimum.per_use_micro)} minor units of {policy.currency} for each use")
    if amounts:
        yield (
            f"{of} is at least {', and at least '.join(amounts)}; what is missing is topped up by the "
            "provider out of its part, never below zero. What that does not cover is named as a shortfall."
        )
    who = (
        "by the provider out of its part, as far as that goes"
        if minimum.top_up is TopUp.PROVIDER
        else "by those of the same pool who have more, in proportion to what they have above it"
    )
    for amount_minor, whom in (
        (minimum.per_work_minor, "every licensed work that the model was trained on"),
        (
            minimum.per_licensor_minor,
            "every party with a share in a licensed work that the model was trained on",
        ),
    ):
        if amount_minor:
            yield f"Of it, {whom} has at least {_money(amount_minor, policy)} in a period, topped up {who}."


def _explain_place(destination: Destination) -> str:
    return {
        DestinationKind.POT: f"the pot {destination.name}",
        DestinationKind.FUND: f"the fund {destination.name}",
        DestinationKind.PROVIDER: "the provider",
        DestinationKind.SUSPENSE: "suspense",
    }[destination.kind]


def _money(amount_minor: int, policy: Policy) -> str:
    return f"{format_minor(amount_minor, policy.currency)} {policy.currency}"


def _micro(amount_micro: int) -> str:
    whole, rest = divmod(amount_micro, PPM)
    return f"{whole}.{rest:0{_MICRO_DIGITS}d}".rstrip("0").rstrip(".")


def _percent(share_ppm: int) -> str:
    whole, rest = divmod(share_ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + " %"
