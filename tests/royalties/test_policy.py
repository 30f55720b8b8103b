"""Is a policy read exactly, and a bad one refused with every fault?"""

from pathlib import Path

import pytest

import royalties
from royalties.errors import PolicyRefusedError
from royalties.policy import (
    Destination,
    DestinationKind,
    Fallback,
    Rule,
    explain_policy,
    load_policy,
    parse_policy,
)
from tests.royalties.builders import OUTPUT, TRAINING, a_policy, policy_text, pool_text

EXAMPLES = sorted(Path(royalties.__file__).parent.joinpath("policies").glob("*.toml"))


def codes(text: str) -> list[str]:
    policy, findings = parse_policy(text.encode())
    assert policy is None
    return [finding.code for finding in findings]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_shipped_policies_are_valid_and_explain_themselves(path):
    lines = explain_policy(load_policy(path))
    assert len(lines) >= 7
    assert any("pool" in line for line in lines)


def test_three_example_policies_are_shipped():
    assert {path.stem for path in EXAMPLES} >= {"stim_like", "gema_like", "fifty_fifty"}


def test_a_policy_is_read_as_it_is_written():
    policy = a_policy()
    assert policy.unattributed == Destination(DestinationKind.POT, "training")
    assert [(pot.name, pot.rule, pot.fallback) for pot in policy.pots] == [
        ("training", Rule.EQUAL, Fallback.EXPOSURE),
        ("output", Rule.ATTRIBUTION, Fallback.EXPOSURE),
    ]


def test_any_change_of_a_policy_changes_its_digest():
    assert a_policy().digest == a_policy().digest
    assert a_policy().digest != a_policy(threshold_minor=1001).digest


def test_every_fault_is_listed_at_once():
    text = policy_text(
        currency="XYZ",
        deductions_ppm=-1,
        pool_rate_ppm=None,
        unattributed="nowhere",
        surprise="x",
        territory="Sweden",
    )
    assert sorted(codes(text)) == [
        "MISSING_FIELD", "UNKNOWN_FIELD", "WRONG_VALUE", "WRONG_VALUE", "WRONG_VALUE", "WRONG_VALUE",
    ]  # fmt: skip


def test_a_fraction_is_no_share():
    _, findings = parse_policy(policy_text(pool_rate_ppm="@").replace('"@"', "0.3").encode())
    assert [finding.code for finding in findings] == ["WRONG_VALUE"]
    assert "'0.3'" in findings[0].message


def test_pots_must_sum_to_the_pool():
    assert codes(policy_text(pots=[TRAINING | {"share_ppm": 300_001}, OUTPUT])) == ["POTS_DO_NOT_SUM"]


def test_two_pots_cannot_have_one_name():
    assert "DUPLICATE_POT" in codes(policy_text(pots=[TRAINING, OUTPUT | {"name": "training"}]))


def test_money_cannot_be_sent_into_a_pot_that_sends_it_back():
    assert codes(policy_text(unattributed="pot:output")) == ["NO_SUCH_POT"]
    assert codes(policy_text(public_domain="pot:elsewhere")) == ["NO_SUCH_POT"]


def test_a_fallback_belongs_to_attribution_only():
    assert codes(policy_text(pots=[TRAINING | {"fallback": "exposure"}, OUTPUT])) == ["UNKNOWN_FIELD"]


@pytest.mark.parametrize("pots", [[], [{"name": "x"}]])
def test_a_policy_without_whole_pots_is_refused(pots):
    assert "MISSING_FIELD" in codes(policy_text(pots=pots))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"name = ", b"[[pots]"])
def test_bytes_that_are_no_toml_are_one_fault(data):
    policy, findings = parse_policy(data)
    assert policy is None
    assert [finding.code for finding in findings] == ["NO_TOML"]


def test_loading_a_bad_or_missing_policy_says_what_is_wrong(tmp_path):
    path = tmp_path / "policy.toml"
    with pytest.raises(PolicyRefusedError, match="cannot be read"):
        load_policy(path)
    path.write_text(policy_text(currency="XYZ", version=None))
    with pytest.raises(PolicyRefusedError, match="2 faults") as refused:
        load_policy(path)
    assert len(refused.value.findings) == 2


def test_the_explanation_names_every_rate():
    text = "\n".join(explain_policy(a_policy()))
    for expected in (
        "10 %",
        "30 %",
        "70 %",
        "the pot training",
        "the fund public_domain",
        "10.00 EUR",
        "mechanical",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("rates", "told"),
    [(None, "is refused"), ("period_average", "average"), ("period_end", "end"), ("day", "of its day")],
)
def test_the_explanation_says_what_becomes_of_other_currencies(rates, told):
    [line] = [line for line in explain_policy(a_policy(rates=rates)) if line.startswith("Usage in another")]
    assert told in line and "EUR" in line


FEE = {"name": "fee", "rule": "fixed", "fee_minor": 5}
WHOLE = TRAINING | {"share_ppm": 1_000_000}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pots": [TRAINING, OUTPUT, FEE | {"share_ppm": 5}]}, ["UNKNOWN_FIELD"]),
        ({"pots": [TRAINING | {"fee_minor": 5}, OUTPUT]}, ["UNKNOWN_FIELD"]),
        ({"pots": [TRAINING | {"usage": "units"}, OUTPUT]}, ["UNKNOWN_FIELD"]),
        ({"pots": [TRAINING, OUTPUT, FEE | {"fee_minor": 0}]}, ["WRONG_VALUE"]),
        ({"pots": [TRAINING, OUTPUT, FEE | {"paid_by": "listener"}]}, ["WRONG_VALUE"]),
        ({"pots": [TRAINING, OUTPUT | {"usage": "minutes"}]}, ["WRONG_VALUE"]),
        ({"pots": [TRAINING, OUTPUT | {"blend": {"influence": 1_000_001}}]}, ["WRONG_VALUE"]),
        ({"pots": [TRAINING, OUTPUT | {"blend": {}}]}, ["WRONG_VALUE"]),
        (
            {"pots": [TRAINING, OUTPUT | {"blend": {"influence": 5}, "reliable_when": ["influence"]}]},
            ["CONTRADICTION"],
        ),
        ({"pots": [FEE], "unattributed": "provider"}, ["POTS_DO_NOT_SUM"]),
        ({"rounding_unit_minor": 0}, ["WRONG_VALUE"]),
        ({"minimum": {"top_up": "provider"}}, ["NO_MINIMUM"]),
        ({"minimum": 5}, ["WRONG_VALUE"]),
        ({"minimum": {"per_year_minor": 5, "per_work_minor": 0}}, ["UNKNOWN_FIELD", "WRONG_VALUE"]),
        ({"minimum": {"per_period_minor": 5, "top_up": "pro_rata"}}, ["CONTRADICTION"]),
        (
            {"minimum": {"per_work_minor": 5, "per_licensor_minor": 5, "top_up": "pro_rata"}},
            ["CONTRADICTION"],
        ),
        ({"minimum": {"per_work_minor": 5}, "rounding_unit_minor": 10}, ["CONTRADICTION"]),
        (
            {
                "minimum": {"per_period_minor": 5}, "pool_rate_ppm": 0, "unattributed": "provider",
                "pots": [FEE | {"paid_by": "provider"}],
            },
            ["CONTRADICTION"],
        ),
        ({"right": "master"}, ["UNKNOWN_FIELD"]),
        ({"pots": [TRAINING | {"rule": "auction"}, OUTPUT]}, ["WRONG_VALUE"]),
    ],
)  # fmt: skip
def test_each_fault_of_what_a_policy_can_say_is_found(changes, expected):
    assert sorted(codes(policy_text(**changes))) == expected


def several(*pools: str, **changes: object) -> str:
    fields = {"right": None, "pool_rate_ppm": None, "unattributed": "provider", "pots": []} | changes
    return policy_text(**fields) + "".join(pools)


def one_of_several(**changes: object) -> str:
    pots = changes.pop("pots", [WHOLE])
    return pool_text({"right": "performing", "pool_rate_ppm": 300_000} | changes, pots)


def test_a_policy_of_two_pools_is_read_with_the_destinations_of_each():
    text = several(
        one_of_several(unattributed="pot:training"),
        one_of_several(right="master", pots=[WHOLE | {"name": "recordings"}]),
    )
    policy, findings = parse_policy(text.encode())
    assert findings == []
    assert [(pool.name, str(pool.unattributed)) for pool in policy.pools] == [
        ("performing", "pot:training"), ("master", "provider"),
    ]  # fmt: skip
    assert (policy.right, policy.pool_rate_ppm, policy.rights_text) == (
        "performing", 600_000, "performing and master",
    )  # fmt: skip
    assert policy.right_of("recordings") == "master"
    assert policy.right_of("gone") == "performing and master"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (several(one_of_several(), one_of_several()), ["DUPLICATE_POOL", "DUPLICATE_POT"]),
        (
            several(
                one_of_several(pool_rate_ppm=600_000),
                one_of_several(name="b", pool_rate_ppm=600_000, pots=[WHOLE | {"name": "other"}]),
            ),
            ["RATES_EXCEED_NET"],
        ),
        (several(one_of_several(), pool_rate_ppm=5), ["UNKNOWN_FIELD"]),
        (several(one_of_several(), minimum={"per_period_minor": 5}), ["CONTRADICTION"]),
        (several(one_of_several(), unattributed=None), ["MISSING_FIELD"]),
        (several(one_of_several(right="master", public_domain="provider")), ["UNKNOWN_FIELD"]),
        (
            several(
                one_of_several(),
                one_of_several(name="b", unattributed="pot:training", pots=[WHOLE | {"name": "other"}]),
            ),
            ["NO_SUCH_POT"],
        ),
        (several(one_of_several(pots=[])), ["MISSING_FIELD"]),
    ],
)
def test_each_fault_between_pools_is_found(text, expected):
    assert sorted(codes(text)) == expected
