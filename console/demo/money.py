"""Where did the money of a distribution go, as boxes and ribbons, and who got a statement?"""

import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.tables import Party
from console.report.values import Flow, Payee
from royalties.entitlement import PayeeKind
from royalties.money import format_minor
from royalties.runs import RunReport
from royalties.statement_files import StatementFormat, WrittenStatement
from royalties.tables import AllocationRow, DistributionRun

SHOWN_PARTIES = 14


def flows_of(session: Session, report: RunReport) -> list[Flow]:
    """From revenue over pool and pots to the largest payees; the others are one box."""
    run = session.get_one(DistributionRun, report.run)
    amounts = _by_pot_and_payee(session, run.id)
    pots: dict[str, int] = {}
    for (pot, _), amount in amounts.items():
        pots[pot] = pots.get(pot, 0) + amount
    flows = [
        Flow("revenue", "provider and deductions", run.provider_minor + run.deductions_minor),
        Flow("revenue", "pool", run.pool_minor),
        *(Flow("pool", f"{pot} pot", amount) for pot, amount in sorted(pots.items())),
    ]
    totals: dict[str, int] = {}
    for (_, payee), amount in amounts.items():
        totals[payee] = totals.get(payee, 0) + amount
    shown = set(sorted(totals, key=lambda payee: (-totals[payee], payee))[:SHOWN_PARTIES])
    merged: dict[tuple[str, str], int] = {}
    for (pot, payee), amount in amounts.items():
        target = payee if payee in shown else "all others"
        merged[f"{pot} pot", target] = merged.get((f"{pot} pot", target), 0) + amount
    flows += [Flow(pot, payee, amount) for (pot, payee), amount in sorted(merged.items())]
    return [flow for flow in flows if flow.amount_minor > 0]


def payees_of(
    session: Session, report: RunReport, statements: Mapping[str, WrittenStatement], out: Path
) -> list[Payee]:
    """Everybody who has a statement, the largest first."""
    names = _names(session)
    sums = _sums(session, report.run)
    found = [
        Payee(
            name=names.get(payee, payee),
            amount=f"{report.currency} {format_minor(sums[payee][0], report.currency)}",
            amount_minor=sums[payee][0],
            lines=sums[payee][1],
            href=_page(written, out),
        )
        for payee, written in statements.items()
    ]
    return sorted(found, key=lambda payee: (-payee.amount_minor, payee.name))


def _page(written: WrittenStatement, out: Path) -> str:
    page = next(path for path in written.files if path.suffix == f".{StatementFormat.HTML}")
    return os.path.relpath(page, out)


def _names(session: Session) -> dict[str, str]:
    return {party_id: name for party_id, name in session.execute(select(Party.id, Party.name))}


def _by_pot_and_payee(session: Session, run_id: str) -> dict[tuple[str, str], int]:
    names = _names(session)
    row = AllocationRow
    query = (
        select(row.pot, row.payee_kind, row.payee_id, func.sum(row.amount_minor))
        .where(row.run_id == run_id)
        .group_by(row.pot, row.payee_kind, row.payee_id)
        .order_by(row.pot, row.payee_kind, row.payee_id)
    )
    found: dict[tuple[str, str], int] = {}
    for pot, kind, payee, amount in session.execute(query):
        name = "suspense" if kind == PayeeKind.SUSPENSE else names.get(payee, payee)
        found[pot, name] = found.get((pot, name), 0) + int(amount)
    return found


def _sums(session: Session, run_id: str) -> dict[str, tuple[int, int]]:
    row = AllocationRow
    query = (
        select(row.payee_kind, row.payee_id, func.sum(row.amount_minor), func.count())
        .where(row.run_id == run_id)
        .group_by(row.payee_kind, row.payee_id)
    )
    found: dict[str, tuple[int, int]] = {}
    for kind, payee, amount, lines in session.execute(query):
        key = "suspense" if kind == PayeeKind.SUSPENSE else payee
        before = found.get(key, (0, 0))
        found[key] = (before[0] + int(amount), before[1] + int(lines))
    return found
