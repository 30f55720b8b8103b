"""How do the controls of a month look to a person? A few tables, the first rows of each, and lines below."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from console.output import say
from royalties.accruals import Accruals
from royalties.ageing import Aged, DueDay
from royalties.money import format_minor
from royalties.reconciling import Reconciliation
from royalties.variance import Change, Variance

SHOWN_ROWS = 40
"""How many rows of a table are shown to a person; --json has all."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?|not known|", re.ASCII)

Rows = Sequence[Sequence[object]]
Table = tuple[str, Sequence[str], Rows]


def show(answer: Mapping[str, Any], tables: Sequence[Table], lines: Sequence[str], *, as_json: bool) -> None:
    """The answer as JSON, or as tables with the first of their rows, and lines below."""
    shown = [line for title, columns, rows in tables if rows for line in table_lines(title, columns, rows)]
    say(_plain(answer), [*shown, *(lines or ["nothing to remark"])], as_json=as_json)


def table_lines(title: str, columns: Sequence[str], rows: Rows) -> list[str]:
    """The first rows as lines of aligned columns, numbers to the right; they are never wrapped."""
    cells = [list(columns), *([str(cell) for cell in row] for row in rows[:SHOWN_ROWS])]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    numbers = [all(_NUMBER.fullmatch(row[at]) for row in cells[1:]) for at in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in cells
    ]
    more = len(rows) - SHOWN_ROWS
    told = [f"and {more} more rows (use --json to see all)"] if more > 0 else []
    return [title, *(f"  {line}" for line in [*lines, *told]), ""]


def reconciliation_tables(found: Reconciliation) -> list[Table]:
    """Each step beside the one before, the payments, and what moved in the ledger."""
    steps = [
        (each.step, each.what,
         *_money(each.currency, each.expected_minor, each.found_minor, each.difference_minor), each.currency)
        for each in found.compared
    ]  # fmt: skip
    payments = [
        (each.payee, *_money(found.currency, each.payable_minor, each.ordered_minor, each.accepted_minor,
                             each.refused_minor, each.open_minor))
        for each in found.payments
    ]  # fmt: skip
    ledger = [(kind, *_money(found.currency, minor)) for kind, minor in found.ledger.items()]
    title = f"{found.period}, run {found.run}"
    return [
        (title, ("step", "what", "expected", "found", "difference", "currency"), steps),
        (
            f"payments, {found.currency}",
            ("payee", "payable", "ordered", "accepted", "refused", "open"),
            payments,
        ),
        (f"moved in the ledger, {found.currency}", ("kind", "amount"), ledger),
    ]


def variance_tables(found: Variance) -> list[Table]:
    """The totals, outliers first and then by the size of the change; shares; restated lines."""
    changes = sorted(found.changes, key=lambda each: (not each.outlier, -abs(each.change_minor or 0)))
    shares = [
        (each.work, each.territory, each.account, each.before_ppm, each.now_ppm) for each in found.shares
    ]
    restated = [
        (each.restates, each.account, each.work,
         *_money(found.currency, each.before_minor, each.after_minor, each.change_minor))
        for each in found.restated
    ]  # fmt: skip
    against = ", ".join(found.against) or "nothing"
    return [
        (
            f"{found.period} against {against}, {found.currency}",
            ("", "of", "what", "now", "before", "change", "ppm", "median"),
            [_change_row(each, found.currency) for each in changes],
        ),
        ("shares that changed, ppm", ("work", "territory", "account", "before", "now"), shares),
        (
            f"lines that restatements changed, {found.currency}",
            ("month", "account", "work", "before", "after", "change"),
            restated,
        ),
    ]


def accrual_tables(found: Accruals) -> list[Table]:
    """Months not run, accounts, suspense, and the projection."""
    unrun = [
        (each.period, *_money(each.currency, each.gross_minor, each.pool_minor, each.provider_minor,
                              each.deductions_minor), each.currency, each.policy, each.was_run)
        for each in found.unrun
    ]  # fmt: skip
    owed = [
        (each.account, *_money(each.currency, each.balance_minor, each.ordered_minor, each.unpaid_minor),
         each.currency)
        for each in found.owed
    ]  # fmt: skip
    held = [
        (reason, *_money(currency, minor), currency) for (reason, currency), minor in found.suspense.items()
    ]
    projected = [
        (each.period, each.days, *_money(each.currency, each.so_far_minor, each.gross_minor, each.low_minor,
                                         each.high_minor, each.pool_minor), each.currency,
         ", ".join(each.months) or "no history")
        for each in found.projections
    ]  # fmt: skip
    of_month = ("month", "days", "so far", "estimate", "low", "high", "pool", "currency", "by")
    of_unrun = ("month", "revenue", "pool", "provider", "deductions", "currency", "policy", "was run")
    return [
        ("usage that no run has counted", of_unrun, unrun),
        ("owed", ("account", "balance", "ordered", "unpaid", "currency"), owed),
        ("suspense", ("reason", "amount", "currency"), held),
        ("projection of the month", of_month, projected),
    ]


def ageing_tables(aged: Sequence[Aged], due: Sequence[DueDay], on: date) -> list[Table]:
    """What waits, and what is due when."""
    held = [
        (each.held.period, each.held.reason, each.held.what,
         *_money(each.held.currency, each.held.amount_minor), each.held.currency, each.stage, each.age_months)
        for each in aged
    ]  # fmt: skip
    days = [
        (each.on, each.what, each.year_ends_on, *_money(each.currency, each.amount_minor), each.currency,
         each.overdue)
        for each in due
    ]  # fmt: skip
    of_held = ("month", "reason", "of", "amount", "currency", "stage", "months")
    return [
        (f"in suspense on {on}", of_held, held),
        ("due", ("by", "what", "year to", "amount", "currency", "overdue"), days),
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 (what `asdict` gives)
    """The value with days as text."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _money(currency: str, *amounts: int | None) -> tuple[str, ...]:
    return tuple("not known" if minor is None else format_minor(minor, currency) for minor in amounts)


def _change_row(change: Change, currency: str) -> tuple[object, ...]:
    mark = "outlier" if change.outlier else ""
    amounts = (change.amount_minor, change.before_minor, change.change_minor)
    ppm = "" if change.change_ppm is None else change.change_ppm
    median = _money(currency, change.median_minor)
    return (mark, change.dimension, change.key, *_money(currency, *amounts), ppm, *median)
