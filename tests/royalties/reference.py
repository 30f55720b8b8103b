"""What is the slow, obvious distribution, in fractions, that the fast one must equal?

It walks over every single sale, day by day, and keeps exact fractions to the end; then it rounds each pot
once to payees, and each payee's part once to lines. It shares no code with `royalties.distribution`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

MILLION = 1_000_000


def rounded(total: int, exact: dict) -> dict:
    """Largest remainders by fractions: what is left over goes to who lost most, ties to the smaller key."""
    parts = {key: floor(value) for key, value in exact.items()}
    by_loss = sorted(exact, key=lambda key: (-(exact[key] - parts[key]), key))
    for key in by_loss[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def in_proportion(total: int, weights: dict) -> dict:
    whole = sum(weights.values())
    return rounded(total, {key: Fraction(total) * weight / whole for key, weight in weights.items()})


def met(have: int, needs: dict) -> dict:
    """Needs, all of them or in proportion where there is too little."""
    return dict(needs) if sum(needs.values()) <= have else in_proportion(have, needs)


def party(name):
    return ("party", name, "")


def held(reason, what):
    return ("suspense", what, reason)


def account(payee):
    kind, name, reason = payee
    return {"party": f"party:{name}", "account": name, "suspense": f"suspense:{reason}:{name}"}[kind]


def owners_of(work, shares):
    """(payee, ppm) of one work."""
    total = sum(ppm for _, ppm in shares)
    if total <= 0:
        return [(held("UNIDENTIFIED_OWNER", work), MILLION)]
    if total > MILLION + 600:
        return [(held("SHARE_OVERCLAIM", work), MILLION)]
    if total >= MILLION - 600:
        scaled = {name: Fraction(0) for name, _ in shares}
        for name, ppm in shares:
            scaled[name] += Fraction(ppm * MILLION, total)
        return [(party(name), ppm) for name, ppm in rounded(MILLION, scaled).items()]
    gap = [(held("SHARE_GAP", work), MILLION - total)]
    return [(party(name), ppm) for name, ppm in shares] + gap


@dataclass
class Month:
    """What a month comes to; `rows` are [pot, payee, line, minor units]."""

    deductions: int = 0
    provider: int = 0
    pools: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    passed: int = 0
    missing: int = 0

    @property
    def accounts(self):
        sums = defaultdict(int)
        for _, payee, _, minor in self.rows:
            sums[account(payee)] += minor
        return dict(sums)


@dataclass
class Context:
    usage: list
    policy: object
    period: object
    inputs: object

    def owners(self, pool, work, on, territory):
        """(payee, ppm) of a work's part in a pool."""
        if pool.right == "master":
            masters = self.inputs.masters_on
            return owners_of(work, sorted(masters([work], on, territory).get(work, [])) if masters else [])
        if work in self.inputs.public_domain:
            return [(named(pool.public_domain, held("RESERVE", work)), MILLION)]
        shares = self.inputs.shares_on([work], str(pool.right), on, territory).get(work, [])
        return list(collected(owners_of(work, sorted(shares)), work, pool.right, on, territory, self.inputs))

    def seen(self):
        return {work: count for work, count in self.inputs.exposure.events.items() if count}

    def licensed(self, pool):
        free = set() if pool.right == "master" else self.inputs.public_domain
        return {work: count for work, count in sorted(self.seen().items()) if work not in free}


def collected(owners, work, right, on, territory, inputs):
    """(payee, ppm): of each owner's share, what is in dispute, and what those keep who collect it."""

    def holds(each, rights):
        runs = each.starts_on <= on and (each.ends_on is None or on < each.ends_on)
        return runs and right in rights and each.territory in ("WORLD", territory)

    disputes = [e for e in inputs.disputes if e.work == work and holds(e, (e.right,))]
    mandates = [e for e in inputs.mandates if holds(e, e.rights) and (e.works is None or work in e.works)]
    left = dict(owners)
    for dispute in sorted(disputes, key=lambda each: each.id):
        own = {name: left.get(party(name), 0) for name in dispute.parties}
        whole = sum(own.values())
        ppm = min(whole, dispute.share_ppm)
        exact = {name: Fraction(ppm * part, whole or 1) for name, part in own.items()}
        for name, part in rounded(ppm, exact).items():
            if part:
                left[party(name)] -= part
                yield held("DISPUTE", work), part
    for payee, ppm in left.items():
        name, kept = payee[1] if payee[0] == "party" else None, []
        while mine := sorted((e for e in mandates if e.owner == name), key=lambda e: (e.works is None, e.id)):
            name = mine[0].collector
            kept.append((party(name), Fraction(mine[0].commission_ppm, MILLION)))
        rest, exact = Fraction(ppm), []
        for collector, commission in reversed(kept):
            exact.insert(0, (collector, rest * commission))
            rest -= rest * commission
        exact.insert(0, (payee, rest))
        parts = rounded(ppm, {place: value for place, (_, value) in enumerate(exact)})
        for (whose, _), part in zip(exact, parts.values(), strict=True):
            yield whose, part


def named(destination, suspense):
    return suspense if str(destination) == "suspense" else ("account", str(destination), "")


def slow_distribution(usage, policy, period, inputs) -> dict[str, int]:
    """What each account gets in the end."""
    return slow_month(usage, policy, period, inputs).accounts


def slow_month(usage, policy, period, inputs) -> Month:
    """The whole month."""
    context, month = Context(usage, policy, period, inputs), Month()
    own = fund(context, month)
    for pool in policy.all_pools:
        rows = divide_pool(context, pool, own)
        for what, minimum in (
            ("work", pool.minimum.per_work_minor),
            ("licensor", pool.minimum.per_licensor_minor),
        ):
            if minimum:
                rows = top_up(context, pool, what, minimum, rows, month)
        month.rows += rows
    return month


def fund(context, month) -> dict[str, int]:
    """What each pot has of its own."""
    policy = context.policy
    gross = sum(total.revenue_minor for total in context.usage)
    units = sum(total.units for total in context.usage)
    net = gross * Fraction(MILLION - policy.deductions_ppm, MILLION)
    names = {pool.name: f"pool:{pool.name}" if policy.pools else "pool" for pool in policy.all_pools}
    exact = {names[p.name]: net * Fraction(p.pool_rate_ppm, MILLION) for p in policy.all_pools}
    split = rounded(gross, exact | {"deductions": gross - net, "provider": net - sum(exact.values())})
    month.deductions, month.provider = split["deductions"], split["provider"]
    month.pools = {name: split[key] for name, key in names.items()}

    def fees(pools, payer):
        return {
            pot.name: pot.fee_minor * len(context.licensed(pool))
            for pool in pools
            for pot in pool.pots
            if pot.rule == "fixed" and pot.paid_by == payer
        }

    def pay(have, needs):
        paid = met(have, needs)
        month.missing += sum(needs.values()) - sum(paid.values())
        return paid

    own = pay(month.provider, fees(policy.all_pools, "provider"))
    month.provider -= sum(own.values())
    bought = {pool.name: sum(own.get(pot.name, 0) for pot in pool.pots) for pool in policy.all_pools}
    lacks = {}
    for pool in policy.all_pools:
        by_use = ceil(Fraction(max(units, 0) * pool.minimum.per_use_micro, MILLION))
        least = max(pool.minimum.per_period_minor, by_use)
        lacks[pool.name] = max(0, least - month.pools[pool.name] - bought[pool.name])
    given = pay(month.provider, lacks)
    month.provider -= sum(given.values())
    for pool in policy.all_pools:
        month.pools[pool.name] += given[pool.name]
        first = pay(month.pools[pool.name], fees([pool], "pool"))
        shares = {pot.name: Fraction(pot.share_ppm, MILLION) for pot in pool.pots if pot.rule != "fixed"}
        left = month.pools[pool.name] - sum(first.values())
        own |= first | (in_proportion(left, shares) if shares else {})
        month.pools[pool.name] += bought[pool.name]
    return own


def divide_pool(context, pool, own):
    """The rows of a pool's pots."""
    received, rows = defaultdict(int), []
    unit = context.policy.rounding_unit_minor
    for pot in sorted(pool.pots, key=lambda pot: pot.rule != "attribution"):
        amount = own[pot.name] + received[pot.name]
        if amount == 0:
            continue
        weights = (output_weights if pot.rule == "attribution" else training_weights)(context, pool, pot)
        weights = {key: value for key, value in weights.items() if value}
        if not weights:
            method = "no-usage" if pot.rule == "attribution" else "no-works"
            weights = {(held("UNMATCHED_WORK", ""), line(method)): Fraction(1)}
        of_payee = defaultdict(dict)
        for (payee, its), weight in weights.items():
            of_payee[payee][its] = weight
        totals = {payee: sum(lines.values()) for payee, lines in of_payee.items()}
        for payee, steps in sorted(in_proportion(amount // unit, totals).items()):
            if payee[0] == "account" and payee[1].startswith("pot:"):
                received[payee[1].removeprefix("pot:")] += steps * unit
            elif steps:
                parts = in_proportion(steps * unit, of_payee[payee])
                rows += [[pot.name, payee, its, part] for its, part in sorted(parts.items()) if part]
        if amount % unit:
            rows.append([pot.name, held("ROUNDING", pot.name), line("rounding"), amount % unit])
    return rows


def line(method, generation="", territory="", work="", share=MILLION, basis=1, whole=1, evidence=""):
    return (method, generation, territory, work, share, basis, whole, evidence)


def training_weights(context, pool, pot):
    weights = defaultdict(Fraction)
    territory, on = context.policy.territory, context.period.last_day_on
    digest = context.inputs.exposure.digest
    basis = {w: count if pot.rule == "exposure" else 1 for w, count in context.licensed(pool).items()}
    whole = sum(basis.values())
    for work, count in basis.items():
        for payee, ppm in context.owners(pool, work, on, territory):
            its = line(str(pot.rule), "", territory, work, ppm, count, whole, digest)
            weights[payee, its] += Fraction(count, whole) * Fraction(ppm, MILLION)
    return weights


MEASURES = {"revenue": "revenue_minor", "units": "units", "listener": "listened_micro"}


def output_weights(context, pool, pot):
    weights, inputs = defaultdict(Fraction), context.inputs
    digest = inputs.exposure.digest
    basis = {} if pot.fallback == "suspense" else context.seen()
    basis = dict.fromkeys(basis, 1) if pot.fallback == "equal" else basis
    scale = sum(basis.values())
    for total in context.usage:
        money, name, where = Fraction(getattr(total, MEASURES[pot.usage])), total.generation, total.territory
        found = inputs.attributions.get(name)
        if found is None:
            weights[held("UNMATCHED_WORK", name), line("no-attribution", name, where)] += money
            continue
        if pot.blend:
            trust = dict(pot.blend).get(found.reliability, 0)
        else:
            trust = MILLION if found.reliability in pot.reliable_when else 0
        of_trust, of_rest = Fraction(trust, MILLION), Fraction(MILLION - trust, MILLION)
        times, whole = (1, MILLION) if trust == MILLION else (trust, MILLION**2)
        rest, rest_whole = (1, 1) if trust == 0 else (MILLION - trust, MILLION)

        parts = [
            (work, money * of_trust * Fraction(ppm, MILLION),
             line("attribution", name, where, work, 0, ppm * times, whole, found.digest))
            for work, ppm in found.shares_ppm.items()
        ] + [
            (work, money * of_rest * Fraction(count, scale),
             line(f"{pot.fallback}-fallback", "", where, work, 0, count * rest, scale * rest_whole, digest))
            for work, count in basis.items()
        ]  # fmt: skip
        for work, weight, its in parts:
            for payee, share in context.owners(pool, work, total.used_on, where):
                weights[payee, (*its[:4], share, *its[5:])] += weight * Fraction(share, MILLION)
        its = line(
            "unattributed", name, where, "", MILLION, found.unattributed_ppm * times, whole, found.digest
        )
        payee = named(pool.unattributed, held("RESIDUAL_ATTRIBUTION", name))
        weights[payee, its] += money * of_trust * Fraction(found.unattributed_ppm, MILLION)
        if not basis:
            its = line("unreliable", name, where, "", MILLION, rest, rest_whole, found.digest)
            weights[held("RESIDUAL_ATTRIBUTION", name), its] += money * of_rest
    return weights


def top_up(context, pool, what, minimum, rows, month):
    """The rows after those below a minimum were topped up."""
    territory, on = context.policy.territory, context.period.last_day_on
    works = list(context.licensed(pool))
    splits = {work: context.owners(pool, work, on, territory) for work in works}
    if what == "work":
        has = dict.fromkeys(works, 0)
        key_of = lambda row: row[2][3]  # noqa: E731
    else:
        has = {
            payee[1]: 0 for split in splits.values() for payee, ppm in split if payee[0] == "party" and ppm
        }
        key_of = lambda row: row[1][1] if row[1][0] == "party" else ""  # noqa: E731
    for row in rows:
        if key_of(row) in has:
            has[key_of(row)] += row[3]
    lacks = {key: max(0, minimum - sum_minor) for key, sum_minor in has.items()}
    spare = {key: max(0, sum_minor - minimum) for key, sum_minor in has.items()}
    if pool.minimum.top_up == "provider":
        taken = min(month.provider, sum(lacks.values()))
        month.provider -= taken
        month.pools[pool.name] += taken
    else:
        taken = min(sum(spare.values()), sum(lacks.values()))
        month.passed += taken
        for giver, gives in (in_proportion(taken, spare) if taken else {}).items():
            its = {number: row[3] for number, row in enumerate(rows) if key_of(row) == giver}
            for number, cut in (in_proportion(gives, its) if gives else {}).items():
                rows[number][3] -= cut
    month.missing += sum(lacks.values()) - taken
    rows, pot = [row for row in rows if row[3]], f"minimum-per-{what}:{pool.name}"
    digest = context.inputs.exposure.digest
    for key, part in (in_proportion(taken, lacks) if taken else {}).items():
        if part and what == "licensor":
            its = line("minimum-per-licensor", "", territory, "", MILLION, part, minimum, digest)
            rows.append([pot, party(key), its, part])
        elif part:
            parts = in_proportion(part, {
                (payee, line("minimum-per-work", "", territory, key, ppm, part, minimum, digest)): ppm
                for payee, ppm in splits[key]
            })  # fmt: skip
            rows += [[pot, *payee_line, minor] for payee_line, minor in parts.items() if minor]
    return rows
