"""Which months do the properties of every policy hold for? Random ones by random policies."""

from dataclasses import replace

from hypothesis import strategies as st

from royalties.entitlement import Inputs
from royalties.policy import Policy, parse_policy
from tests.royalties.builders import policy_text, pool_text
from tests.royalties.months import cases

PPM = st.sampled_from([1, 250_000, 333_333, 500_000, 999_999])
MINOR = st.sampled_from([1, 7, 100, 12_345, 10**6, 10**7, 10**8, 10**10])


@st.composite
def rich_cases(draw):
    """A random month with listeners' money and shares in recordings, by a random policy."""
    usage, _, inputs = draw(cases())
    usage = [replace(total, listened_micro=draw(st.integers(0, 10**9))) for total in usage]
    return usage, draw(policies()), replace(inputs, masters_on=draw(masters(inputs)))


@st.composite
def masters(draw, inputs: Inputs):
    """Nobody on record, or a label that has all of some works' recordings, or half."""
    if draw(st.booleans()):
        return None
    table = {
        work: [("label_1", draw(st.sampled_from([1_000_000, 500_000, 1_100_000])))]
        for work in inputs.exposure.events
        if draw(st.booleans())
    }
    return lambda works, _on, _territory: {work: table[work] for work in works if work in table}


@st.composite
def policies(draw) -> Policy:
    """A random valid policy with anything that a policy can say."""
    rights = draw(
        st.lists(st.sampled_from(["mechanical", "performing", "master"]), min_size=1, max_size=3, unique=True)
    )
    unit = draw(st.sampled_from([1, 1, 1, 1, 7, 100]))
    rates = [draw(st.integers(0, 1_000_000 // len(rights))) for _ in rights]
    pools = [
        draw(pools_of(right, rate, unit, number))
        for number, (right, rate) in enumerate(zip(rights, rates, strict=True))
    ]
    text = policy_text(
        deductions_ppm=draw(st.integers(0, 999_999)),
        rounding_unit_minor=unit,
        right=None, pool_rate_ppm=None, unattributed=None, public_domain=None, pots=[],
    ) + "".join(pools)  # fmt: skip
    policy, findings = parse_policy(text.encode())
    assert policy is not None, findings
    return policy


@st.composite
def pools_of(draw, right, rate, unit, number):
    """The text of one pool."""
    where = st.sampled_from([f"pot:training_{number}", "fund:research", "provider", "suspense"])
    share = draw(st.integers(1, 999_999))
    pots = [
        {
            "name": f"training_{number}",
            "share_ppm": share,
            "rule": draw(st.sampled_from(["equal", "exposure"])),
        },
        draw(outputs(f"output_{number}", 1_000_000 - share)),
    ]
    for payer in draw(st.sampled_from([[], [], ["pool"], ["provider"], ["pool", "provider"]])):
        pots.append(
            {"name": f"fee_{payer}_{number}", "rule": "fixed", "fee_minor": draw(MINOR), "paid_by": payer}
        )
    fields = {
        "right": right,
        "pool_rate_ppm": rate,
        "unattributed": draw(where),
        "minimum": draw(minimums(unit)),
    }
    if right != "master":
        fields["public_domain"] = draw(where)
    return pool_text(fields, draw(st.permutations(pots)))


@st.composite
def outputs(draw, name, share):
    """A pot by attribution."""
    pot = {
        "name": name,
        "share_ppm": share,
        "rule": "attribution",
        "fallback": draw(st.sampled_from(["equal", "exposure", "suspense"])),
        "usage": draw(st.sampled_from(["revenue", "units", "listener"])),
    }
    if draw(st.booleans()):
        pot["blend"] = {"influence": draw(PPM | st.just(1_000_000)), "exposure": draw(PPM | st.just(0))}
    return pot


@st.composite
def minimums(draw, unit):
    """A minimum, or None."""
    minimum = {}
    if draw(st.booleans()):
        minimum[draw(st.sampled_from(["per_period_minor", "per_use_micro"]))] = draw(MINOR)
    top_up = draw(st.sampled_from(["provider", "pro_rata"]))
    of_payees = draw(st.sampled_from([["work"], ["licensor"], ["work", "licensor"], []])) if unit == 1 else []
    for what in of_payees[:1] if top_up == "pro_rata" else of_payees:
        minimum[f"per_{what}_minor"] = draw(MINOR)
    if not minimum:
        return None
    return minimum | ({"top_up": top_up} if of_payees else {})
