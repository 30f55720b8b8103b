"""What is an amount, and how is one divided so that nothing is lost?

An amount is an integer number of minor units (cents, yen, fils). The only rounding in this package is
`allocate_minor`: the largest-remainder method, whose parts always sum to the whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from royalties.errors import CurrencyMismatchError, MoneyRangeError

PPM = 1_000_000
MAX_MINOR = 2**63 - 1

_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK
SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD
YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

EXPONENTS: Mapping[str, int] = {
    code: exponent
    for exponent, codes in ((2, _TWO_DECIMALS), (0, _NO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}
"""Number of decimals of each currency in circulation. Source: ISO 4217, list one."""

_DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency; adding another currency is an error."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError(f"amount_minor is an int, not {self.amount_minor!r}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"{self.currency!r} is no currency of ISO 4217")

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"cannot add {other.currency} to {self.currency}: convert one first")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + (-other)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __str__(self) -> str:
        return f"{format_minor(self.amount_minor, self.currency)} {self.currency}"


def format_minor(amount_minor: int, currency: str) -> str:
    """The amount as a plain decimal, with every decimal of its currency: 1234 EUR is "12.34"."""
    exponent = EXPONENTS[currency]
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else sign + digits


def percent(part: int, whole: int = PPM) -> str:
    """A proportion in percent with four decimals, rounded down."""
    units = part * 1_000_000 // whole if whole else 0
    return f"{units // 10_000}.{units % 10_000:04d} %"


def parse_minor(text: str, currency: str) -> int:
    """The minor units of a plain decimal, exactly.

    Raises:
        ValueError: the text is no plain decimal, or has more decimals than the currency.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no plain decimal such as 12.34")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    exponent = EXPONENTS[currency]
    if len(fraction) > exponent:
        raise ValueError(f"{text} has {len(fraction)} decimals, {currency} has {exponent}")
    return int(sign + whole + fraction.ljust(exponent, "0"))


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...  # noqa: ANN401  # as typeshed has it
    def __hash__(self) -> int: ...


Key = TypeVar("Key", bound=_Ordered)


def allocate_minor(total_minor: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """Parts in the proportion of the weights that sum to the total, each less than one unit off.

    Each part is rounded down, and the units left over go to the largest remainders, ties to the smaller key.
    A negative total gives the exact negatives of its opposite's parts, so that a reversal cancels.

    Args:
        total_minor: what to divide, of either sign.
        weights: at least 0 each, not all 0.

    Returns:
        A part for every key, in the order of the keys.

    Raises:
        ValueError: a weight is negative, or no weight is positive.

    Source: Hamilton's method; Balinski and Young, Fair Representation (1982), chapter 2.
    """
    whole = sum(weights.values())
    if whole <= 0 or min(weights.values()) < 0:
        raise ValueError("weights are at least 0, and one of them is positive")
    size = abs(total_minor)
    keys = sorted(weights)
    parts: dict[Key, int] = {}
    remainders: list[int] = []
    for key in keys:
        parts[key], remainder = divmod(size * weights[key], whole)
        remainders.append(-remainder)
    left = size - sum(parts.values())
    for index in sorted(range(len(keys)), key=remainders.__getitem__)[:left]:
        parts[keys[index]] += 1
    return parts if total_minor >= 0 else {key: -part for key, part in parts.items()}


def allocate(total: Money, weights: Mapping[Key, int]) -> dict[Key, Money]:
    """`allocate_minor` on an amount with its currency."""
    parts = allocate_minor(total.amount_minor, weights)
    return {key: Money(part, total.currency) for key, part in parts.items()}


def in_range(amount_minor: int) -> int:
    """The amount, if the database can hold it.

    Raises:
        MoneyRangeError: it is beyond 64 bits.
    """
    if abs(amount_minor) > MAX_MINOR:
        raise MoneyRangeError(f"{amount_minor} minor units do not fit into 64 bits: split the period or file")
    return amount_minor
