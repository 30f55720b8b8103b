"""Which months do the properties of money hold for? Random ones."""

from datetime import date

from hypothesis import strategies as st

from royalties.entitlement import Inputs, UsageTotal
from royalties.runs import make_exposure
from tests.royalties.builders import OUTPUT, TRAINING, a_policy, an_attribution

DESTINATIONS = st.sampled_from(["pot:training", "fund:research", "provider", "suspense"])


@st.composite
def cases(draw):
    """A random month: usage with refunds, attributions, shares with gaps that change within the month."""
    works = [f"work_{index}" for index in range(draw(st.integers(1, 5)))]
    ppm = st.lists(st.integers(0, 1000), min_size=len(works) + 1, max_size=len(works) + 1)
    attributions = {}
    for index in range(draw(st.integers(0, 4))):
        weights = draw(ppm)
        whole = sum(weights) or 1
        shares = {work: weight * 1_000_000 // whole for work, weight in zip(works, weights, strict=False)}
        verdict = draw(st.sampled_from(["influence", "exposure"]))
        attributions[f"gen_{index}"] = an_attribution(f"gen_{index}", shares, reliability=verdict)
    sums = st.sampled_from([(500_000, 500_000), (333_333, 666_667), (333_300, 666_600), (300_000, 200_000)])
    tables = [
        {
            work: list(zip(("party_1", f"party_{draw(st.integers(2, 4))}"), draw(sums), strict=True))
            for work in works
        }
        for _ in range(2)
    ]
    tables[1][works[0]] = draw(st.sampled_from([[], [("party_1", 900_000), ("party_9", 200_000)]]))

    def shares_on(asked, _right, on, territory):
        table = tables[on.day > 15 and territory == "DE"]
        return {work: table[work] for work in asked if table[work]}

    usage = [
        UsageTotal(
            f"gen_{draw(st.integers(0, 4))}", draw(st.sampled_from(["DE", "SE"])),
            date(2026, 10, draw(st.sampled_from([1, 15, 16, 31]))),
            draw(st.integers(0, 100)), draw(st.integers(0, 10**9)),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]  # fmt: skip
    exposure = make_exposure({work: draw(st.integers(0, 10_000)) for work in works})
    public = frozenset(work for work in works if draw(st.booleans()) and draw(st.booleans()))
    policy = a_policy(
        deductions_ppm=draw(st.integers(0, 999_999)),
        pool_rate_ppm=draw(st.integers(0, 1_000_000)),
        unattributed=draw(DESTINATIONS),
        public_domain=draw(DESTINATIONS),
        pots=[
            TRAINING | {"rule": draw(st.sampled_from(["equal", "exposure"]))},
            OUTPUT | {"fallback": draw(st.sampled_from(["equal", "exposure", "suspense"]))},
        ],
    )
    return usage, policy, Inputs(attributions, exposure, shares_on, public)
