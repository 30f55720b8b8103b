"""What is the slow, obvious distribution, in fractions, that the fast one must equal?

It walks over every single sale, day by day, and keeps exact fractions to the end; then it rounds each pot
once to payees. It shares no code with `royalties.distribution`.
"""

from collections import defaultdict
from fractions import Fraction
from math import floor

MILLION = 1_000_000


def rounded(total: int, exact: dict[str, Fraction]) -> dict[str, int]:
    """Largest remainders by fractions: what is left over goes to who lost most, ties to the smaller key."""
    parts = {key: floor(value) for key, value in exact.items()}
    by_loss = sorted(exact, key=lambda key: (-(exact[key] - parts[key]), key))
    for key in by_loss[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def owners_of(work, shares):
    """(account, fraction) of one work."""
    total = sum(ppm for _, ppm in shares)
    if total <= 0:
        return [(f"suspense:UNIDENTIFIED_OWNER:{work}", Fraction(1))]
    if total > MILLION + 600:
        return [(f"suspense:SHARE_OVERCLAIM:{work}", Fraction(1))]
    if total >= MILLION - 600:
        scaled = {party: Fraction(0) for party, _ in shares}
        for party, ppm in shares:
            scaled[party] += Fraction(ppm * MILLION, total)
        whole = rounded(MILLION, scaled)
        return [(f"party:{party}", Fraction(ppm, MILLION)) for party, ppm in whole.items()]
    gap = Fraction(MILLION - total, MILLION)
    return [(f"party:{party}", Fraction(ppm, MILLION)) for party, ppm in shares] + [
        (f"suspense:SHARE_GAP:{work}", gap)
    ]


def slow_distribution(usage, policy, period, inputs) -> dict[str, int]:
    """What each account gets in the end."""
    gross = sum(total.revenue_minor for total in usage)
    net = Fraction(MILLION - policy.deductions_ppm, MILLION)
    rate = Fraction(policy.pool_rate_ppm, MILLION)
    pool = rounded(gross, {
        "deductions": gross * (1 - net), "pool": gross * net * rate, "provider": gross * net * (1 - rate),
    })["pool"]  # fmt: skip
    own = rounded(pool, {pot.name: pool * Fraction(pot.share_ppm, MILLION) for pot in policy.pots})
    received = defaultdict(int)
    result = defaultdict(int)
    for pot in sorted(policy.pots, key=lambda pot: pot.rule != "attribution"):
        amount = own[pot.name] + received[pot.name]
        if amount == 0:
            continue
        if pot.rule == "attribution":
            weights = output_weights(usage, pot, policy, inputs)
        else:
            weights = training_weights(pot, policy, period, inputs)
        weights = {key: value for key, value in weights.items() if value} or {
            "suspense:UNMATCHED_WORK:": Fraction(1)
        }
        whole = sum(weights.values())
        for account, part in rounded(amount, {key: amount * w / whole for key, w in weights.items()}).items():
            if account.startswith("pot:"):
                received[account.removeprefix("pot:")] += part
            elif part:
                result[account] += part
    return dict(result)


def work_weights(work, weight, on, territory, policy, inputs):
    if work in inputs.public_domain:
        yield named(policy.public_domain, f"suspense:RESERVE:{work}"), weight
        return
    shares = inputs.shares_on([work], str(policy.right), on, territory).get(work, [])
    for account, fraction in collected(owners_of(work, shares), work, on, territory, policy, inputs):
        yield account, weight * fraction


def collected(owners, work, on, territory, policy, inputs):
    """(account, fraction): of each owner's share, what is in dispute, and what those keep who collect it."""

    def holds(each, rights):
        runs = each.starts_on <= on and (each.ends_on is None or on < each.ends_on)
        return runs and policy.right in rights and each.territory in ("WORLD", territory)

    disputes = [e for e in inputs.disputes if e.work == work and holds(e, (e.right,))]
    mandates = [e for e in inputs.mandates if holds(e, e.rights) and (e.works is None or work in e.works)]
    left = {account: ppm_of(fraction) for account, fraction in owners}
    for dispute in sorted(disputes, key=lambda each: each.id):
        held = {party: left.get(f"party:{party}", 0) for party in dispute.parties}
        whole = sum(held.values())
        ppm = min(whole, dispute.share_ppm)
        for party, part in rounded(
            ppm, {party: Fraction(ppm * own, whole or 1) for party, own in held.items()}
        ).items():
            if part:
                left[f"party:{party}"] -= part
                yield f"suspense:DISPUTE:{work}", Fraction(part, MILLION)
    for account, ppm in left.items():
        party, kept = account.removeprefix("party:"), []
        while mine := sorted(
            (e for e in mandates if e.owner == party), key=lambda e: (e.works is None, e.id)
        ):
            party = mine[0].collector
            kept.append((f"party:{party}", Fraction(mine[0].commission_ppm, MILLION)))
        rest, exact = Fraction(ppm), []
        for collector, commission in reversed(kept):
            exact.insert(0, (collector, rest * commission))
            rest -= rest * commission
        exact.insert(0, (account, rest))
        parts = rounded(ppm, {place: value for place, (_, value) in enumerate(exact)})
        for (whose, _), part in zip(exact, parts.values(), strict=True):
            yield whose, Fraction(part, MILLION)


def ppm_of(fraction):
    assert (fraction * MILLION).denominator == 1
    return int(fraction * MILLION)


def named(destination, suspense):
    return suspense if str(destination) == "suspense" else str(destination)


def seen(rule, inputs):
    events = {work: count for work, count in inputs.exposure.events.items() if count}
    return dict.fromkeys(events, 1) if rule == "equal" else events


def training_weights(pot, policy, period, inputs):
    weights = defaultdict(Fraction)
    for work, count in seen(pot.rule, inputs).items():
        if work not in inputs.public_domain:
            for account, weight in work_weights(
                work, Fraction(count), period.last_day_on, policy.territory, policy, inputs
            ):
                weights[account] += weight
    return weights


def output_weights(usage, pot, policy, inputs):
    weights = defaultdict(Fraction)
    for total in usage:
        revenue = Fraction(total.revenue_minor)
        found = inputs.attributions.get(total.generation)
        if found is None:
            weights[f"suspense:UNMATCHED_WORK:{total.generation}"] += revenue
            continue
        parts = {work: Fraction(ppm, MILLION) for work, ppm in found.shares_ppm.items()}
        rest = Fraction(found.unattributed_ppm, MILLION)
        if found.reliability not in pot.reliable_when:
            basis = {} if pot.fallback == "suspense" else seen(pot.fallback, inputs)
            parts = {work: Fraction(count, sum(basis.values())) for work, count in basis.items()}
            rest = Fraction(0 if basis else 1)
        elif rest:
            account = named(policy.unattributed, f"suspense:RESIDUAL_ATTRIBUTION:{total.generation}")
            weights[account] += revenue * rest
            rest = Fraction(0)
        if rest:
            weights[f"suspense:RESIDUAL_ATTRIBUTION:{total.generation}"] += revenue * rest
        for work, part in parts.items():
            for account, weight in work_weights(
                work, revenue * part, total.used_on, total.territory, policy, inputs
            ):
                weights[account] += weight
    return weights
