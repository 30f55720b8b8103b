"""What is usage worth in the currency that is paid, when it was sold in another?

Every amount is converted once, directly, by its own rate, as an exact fraction. Only then is there one
rounding: the sum of a currency is rounded to the minor unit, half away from zero, and the parts are made to
come to it. Parts are cut towards zero first, and the units that are missing go to the largest fractions,
ties to the smaller key; so no part is a whole unit away from its exact value, and the reversal is the exact
negative.
"""

from collections.abc import Mapping
from typing import NamedTuple

from royalties.money import EXPONENTS, Key
from royalties.rates import Rate


class Exact(NamedTuple):
    """An amount in minor units as a fraction; the denominator is above 0."""

    numerator: int
    denominator: int


def convert_exact(amount_minor: int, rate: Rate) -> Exact:
    """The amount in minor units of the other currency, exactly."""
    numerator = amount_minor * rate.digits * 10 ** EXPONENTS[rate.currency_to]
    return Exact(numerator, 10 ** (rate.decimals + EXPONENTS[rate.currency_from]))


def round_together(amounts: Mapping[Key, Exact]) -> dict[Key, int]:
    """Whole parts, each less than one unit off, that come to the rounded sum of the amounts.

    Returns:
        A part for every key, in the order of the keys.
    """
    denominator = max((each.denominator for each in amounts.values()), default=1)
    assert all(denominator % each.denominator == 0 for each in amounts.values()), "powers of ten"
    scaled = {key: n * (denominator // d) for key, (n, d) in sorted(amounts.items())}
    parts = {key: _towards_zero(n, denominator) for key, n in scaled.items()}
    total = sum(scaled.values())
    sign = 1 if total >= 0 else -1
    missing = sign * ((2 * abs(total) + denominator) // (2 * denominator)) - sum(parts.values())
    direction = 1 if missing >= 0 else -1
    rests = {key: direction * (n - parts[key] * denominator) for key, n in scaled.items()}
    for key in sorted(rests, key=lambda key: -rests[key])[: abs(missing)]:
        parts[key] += direction
    return parts


def _towards_zero(numerator: int, denominator: int) -> int:
    whole = abs(numerator) // denominator
    return whole if numerator >= 0 else -whole
