"""How did a statement's balance become what is payable, in the words that every form of it shares?"""

from collections.abc import Callable, Iterator, Mapping

from royalties.digests import Json
from royalties.money import format_minor, percent
from royalties.settlement import Settlement, Waiting
from royalties.settling import Settled
from royalties.statements import SUSPENSE, Statement
from royalties.terms import Terms

_WHY: Mapping[Waiting, str] = {
    Waiting.BELOW_THRESHOLD: "the balance is below the threshold",
    Waiting.NEGATIVE_BALANCE: "the balance is below zero, and later income is set off against it",
    Waiting.SANCTIONS_HOLD: "payment is on hold for a check of sanctions",
    Waiting.MISSING_PAYEE_DATA: "the payee's bank account or tax form is missing",
}


def movements(statement: Statement) -> list[tuple[str, int]]:
    """What was taken off the balance, below zero, or added to it before it was paid or carried."""
    if statement.settled is None:
        return []
    s = statement.settlement
    moved = (
        ("Recouped", -s.recouped_minor),
        ("Held as reserve", -s.held_minor),
        ("Released reserve", s.released_minor),
        ("Withholding tax", -s.withheld_minor),
    )
    return [(name, minor) for name, minor in moved if minor]


def settlement_json(statement: Statement) -> dict[str, Json]:
    """Only what says something, so that a statement without terms and advances keeps its bytes."""
    value: dict[str, Json] = {}
    if statement.waiting:
        value["waits_for"] = str(statement.waiting)
    settled = statement.settled
    if settled is None:
        return value
    money = _decimals(statement.run.currency)
    s, terms = settled.settlement, settled.terms
    parts: dict[str, Json] = {
        "state": "closed" if settled.is_final else "not closed",
        "number": statement.number,
    }
    if terms.version:
        parts["terms"] = {"version": terms.version, "contract": terms.contract}
    if s.advance_before_minor:
        parts["advance"] = {
            "group": terms.cross_collateral,
            "before": money(s.advance_before_minor),
            "recouped": money(s.recouped_minor),
            "after": money(s.advance_after_minor),
        }
    if s.held_minor or s.released_minor:
        parts["reserve"] = {
            "held": money(s.held_minor),
            "release_in": settled.release_in,
            "released": money(s.released_minor),
        }
    if s.withheld_minor:
        parts["withholding"] = _withholding_json(s, terms, money)
    return value | {"settlement": parts}


def _withholding_json(s: Settlement, terms: Terms, money: Callable[[int], str]) -> Json:
    return {
        "gross": money(s.gross_minor),
        "rate_ppm": terms.withholding_ppm,
        "withheld": money(s.withheld_minor),
        "residence": terms.residence,
        "basis": terms.withholding_basis,
        "certificate": terms.certificate,
    }


def balance_notes(statement: Statement) -> Iterator[str]:
    """How the balance becomes payable, in sentences."""
    if statement.payee == SUSPENSE:
        yield "This money waits until its reason is resolved; it is not spread over other payees."
        return
    currency, settled = statement.run.currency, statement.settled
    money = _decimals(currency)
    threshold_minor = statement.settlement.threshold_minor
    yield f"A balance below {money(threshold_minor)} {currency} is carried forward."
    if settled is not None:
        yield from _settled_notes(settled, money)
    if statement.waiting:
        since = settled.terms.held_on if settled and statement.waiting is Waiting.SANCTIONS_HOLD else ""
        yield f"Carried forward: {_WHY[statement.waiting]}{since and f', since {since}'}."


def _settled_notes(settled: Settled, money: Callable[[int], str]) -> Iterator[str]:
    s, terms = settled.settlement, settled.terms
    if not settled.is_final:
        yield "This month is not closed: closing it settles the balance, by what is known then."
    if terms.version:
        yield f"Terms of version {terms.version}{terms.contract and f', contract {terms.contract}'}."
    if s.advance_before_minor:
        group = terms.cross_collateral and f" of the group {terms.cross_collateral}"
        yield (
            f"Advances{group}: {money(s.advance_before_minor)} before, {money(s.recouped_minor)} recouped "
            f"from this income, {money(s.advance_after_minor)} after."
        )
    if s.held_minor:
        yield f"A reserve of {money(s.held_minor)} is held; it is released in {settled.release_in}."
    if s.released_minor:
        yield f"A reserve of {money(s.released_minor)}, held in an earlier month, is released."
    if s.withheld_minor:
        certificate = terms.certificate and f", certificate {terms.certificate}"
        yield (
            f"Payable before tax {money(s.gross_minor)}; {percent(terms.withholding_ppm)} tax withheld, "
            f"{money(s.withheld_minor)}; net {money(s.payable_minor)}. Residence {terms.residence}, "
            f"{terms.withholding_basis}{certificate}."
        )


def _decimals(currency: str) -> Callable[[int], str]:
    return lambda amount_minor: format_minor(amount_minor, currency)
