"""What does the licence of a file permit?

A licence is an SPDX identifier. `LicenseRef-…` names a private contract: whether it permits anything is a
question for the grants. What is not in the table is refused.

Three decisions, each for the most restrictive reading:
- **Non-commercial** (NC) is refused for every purpose: whoever runs this is paid for it.
- **No derivatives** (ND) is refused for training, generating and distributing; looking at a file to measure a
  model makes nothing of it, so evaluating is permitted.
- **Share-alike** (SA, GPL) likewise. A model's output that leans on such a file may be an adaptation that
  must carry the same licence, and no output here does. Until a contract says otherwise, it is refused.
"""

from dataclasses import dataclass
from enum import StrEnum

from catalog.vocabulary import Purpose


class Refusal(StrEnum):
    """Why a licence does not permit a purpose."""

    NONCOMMERCIAL = "ENCODING_NONCOMMERCIAL"
    NO_DERIVATIVES = "ENCODING_NO_DERIVATIVES"
    SHARE_ALIKE = "ENCODING_SHARE_ALIKE"
    UNLICENSED = "ENCODING_UNLICENSED"


EVERYTHING = frozenset(Purpose)
EVALUATE_ONLY = frozenset({Purpose.EVALUATE})
NOTHING: frozenset[Purpose] = frozenset()


@dataclass(frozen=True)
class Terms:
    """What a licence permits, whether its makers must be named, and why the rest is refused."""

    permits: frozenset[Purpose]
    must_name: bool = False
    refusal: Refusal | None = None


_FREE = Terms(EVERYTHING)
_NAMED = Terms(EVERYTHING, must_name=True)
_SHARE_ALIKE = Terms(EVALUATE_ONLY, must_name=True, refusal=Refusal.SHARE_ALIKE)
_NO_DERIVATIVES = Terms(EVALUATE_ONLY, must_name=True, refusal=Refusal.NO_DERIVATIVES)
_NONCOMMERCIAL = Terms(NOTHING, must_name=True, refusal=Refusal.NONCOMMERCIAL)
_UNKNOWN = Terms(NOTHING, refusal=Refusal.UNLICENSED)

_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
LICENCES: dict[str, Terms] = {
    **dict.fromkeys(("CC0-1.0", "CC-PDDC", "CC-PDM-1.0", "PDDL-1.0", "Unlicense", "0BSD", "MIT-0"), _FREE),
    **dict.fromkeys(("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "ODC-By-1.0"), _NAMED),
    **{f"CC-BY-{version}": _NAMED for version in _VERSIONS},
    **{f"CC-BY-SA-{version}": _SHARE_ALIKE for version in _VERSIONS},
    **{f"CC-BY-ND-{version}": _NO_DERIVATIVES for version in _VERSIONS},
    **{
        f"CC-BY-{kind}-{version}": _NONCOMMERCIAL
        for kind in ("NC", "NC-SA", "NC-ND")
        for version in _VERSIONS
    },
    **dict.fromkeys(
        (
            "GPL-2.0-only",
            "GPL-2.0-or-later",
            "GPL-3.0-only",
            "GPL-3.0-or-later",
            "LGPL-2.1-or-later",
            "LGPL-3.0-or-later",
            "ODbL-1.0",
            "FreeArt-1.3",
        ),
        _SHARE_ALIKE,
    ),
    **dict.fromkeys(("NOASSERTION", "NONE"), _UNKNOWN),
}


def is_contract(licence: str) -> bool:
    """Whether the licence is a private contract, so that the grants decide."""
    return licence.startswith("LicenseRef-")


def is_known(licence: str) -> bool:
    """Whether the licence is in the table or a private contract."""
    return licence in LICENCES or is_contract(licence)


def terms_of(licence: str) -> Terms:
    """What the licence permits by itself; a private contract and an unknown text permit nothing."""
    return LICENCES.get(licence, _UNKNOWN)
