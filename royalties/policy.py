"""How is the money of a period divided, as a file that both parties can sign?

A policy is TOML: `load_policy` reads one and lists every fault of a bad one, `explain_policy` says it in
plain words. Its values are in `policy_values`, its fields in `policy_fields`.
"""

from royalties.policy_file import load_policy, parse_policy, stated_policy
from royalties.policy_values import (
    NO_MINIMUM,
    Destination,
    DestinationKind,
    Fallback,
    Measure,
    Minimum,
    Payer,
    Policy,
    Pool,
    PoolRight,
    Pot,
    Rule,
    TopUp,
)
from royalties.policy_words import explain_policy

__all__ = [
    "NO_MINIMUM",
    "Destination",
    "DestinationKind",
    "Fallback",
    "Measure",
    "Minimum",
    "Payer",
    "Policy",
    "Pool",
    "PoolRight",
    "Pot",
    "Rule",
    "TopUp",
    "explain_policy",
    "load_policy",
    "parse_policy",
    "stated_policy",
]
