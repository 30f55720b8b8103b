"""How are payees' accounts settled when a period is closed, and what would that give now?

Reads balances, income, advances and terms into values, lets `settlement` decide, and writes what it decided:
a row for each payee and one posting. It happens in the caller's one transaction, with the closing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from royalties.ledger import Posting, payee_account, post, settled_movements
from royalties.periods import Period
from royalties.policy import Policy, stated_policy
from royalties.recorded_terms import RecordedTerms, newest_terms, terms_by_id
from royalties.settlement import Account, Income, Settlement, Waiting, settle
from royalties.tables import (
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
    SettlementRow,
    add_rows,
)
from royalties.terms import Terms

_AMOUNTS = tuple(each.name for each in fields(Settlement) if each.name not in ("payee", "reason"))


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement, the terms by which it was made, and when what it holds back is released.

    It is final once the period is closed; before, it is what closing now would give.
    """

    settlement: Settlement
    terms: Terms
    release_in: str
    is_final: bool

    @property
    def is_plain(self) -> bool:
        """Whether balance, threshold and nothing else decided."""
        s, terms = self.settlement, self.terms
        moved = (s.advance_before_minor, s.held_minor, s.released_minor, s.withheld_minor)
        return not any(moved) and terms == Terms(terms.payee)


def settle_period(session: Session, run: DistributionRun, period: Period, *, posted_at: datetime) -> None:
    """Settles every payee's account for an open period, and posts it."""
    policy = stated_policy(run.policy_source)
    known = newest_terms(session)
    settled = _settle(session, run, period, policy, known, None)
    rows = [
        _row(settlement, period, run.currency, known.get(payee))
        for payee, settlement in settled.items()
        if _says_something(settlement)
    ]
    add_rows(session, SettlementRow, rows)
    written = session.scalars(select(SettlementRow).where(SettlementRow.period == period.name))
    posting = Posting("settlement", f"Settlement of {period.name}", settled_movements(written))
    post(
        session,
        [posting],
        settles=period.name,
        period=period.name,
        currency=run.currency,
        posted_at=posted_at,
    )


def preview(
    session: Session, run: DistributionRun, period: Period, policy: Policy, payee: str
) -> Settled | None:
    """What closing the period now would give a payee, with the accounts of its cross-collateral group."""
    known = newest_terms(session, [payee])
    group = known[payee].terms.cross_collateral if payee in known else ""
    if group:
        everyone = newest_terms(session)
        known = {name: each for name, each in everyone.items() if each.terms.cross_collateral == group}
    settled = _settle(session, run, period, policy, known, {payee, *known})
    terms = known[payee].terms if payee in known else Terms(payee)
    return Settled(settled[payee], terms, _release_in(settled[payee], terms, period), is_final=False)


def read_settled(session: Session, period: Period, payee: str) -> Settled | None:
    """How a payee's account was settled when the period was closed; nothing, if it was not."""
    row = session.get(SettlementRow, (period.name, payee))
    if row is None:
        return None
    terms = terms_by_id(session, row.terms_id) if row.terms_id else Terms(payee)
    return Settled(_settlement(row), terms, row.release_in, is_final=True)


def settled_payees(session: Session, period: Period) -> list[str]:
    """Those whose accounts moved or had a balance when the period was closed."""
    return list(session.scalars(select(SettlementRow.payee_id).where(SettlementRow.period == period.name)))


def _settle(
    session: Session,
    run: DistributionRun,
    period: Period,
    policy: Policy,
    known: Mapping[str, RecordedTerms],
    only: Collection[str] | None,
) -> dict[str, Settlement]:
    facts = _Facts(session, run, period, policy, known, only)
    return settle(facts.accounts(), currency=run.currency, threshold_minor=policy.threshold_minor)


@dataclass(frozen=True)
class _Facts:
    """What is known of accounts before a period is settled; `only` names some payees, None means all."""

    session: Session
    run: DistributionRun
    period: Period
    policy: Policy
    known: Mapping[str, RecordedTerms]
    only: Collection[str] | None

    def accounts(self) -> list[Account]:
        """The accounts with anything on them, and those that were asked for."""
        opening, earned, restated = self._opening(), self._earned(), self._restated()
        due, advances, before = self._due(), self._advances(), self._before()
        payees = set(self.only or ()) | set(opening) | set(earned) | set(restated) | set(due) | set(advances)
        nothing = Income()
        accounts = []
        for payee in sorted(payees):
            last = before.get(payee)
            opening_minor = opening.get(payee, 0)
            protected_minor = min(last.carried_protected_minor if last else 0, max(opening_minor, 0))
            accounts.append(
                Account(
                    payee=payee,
                    terms=self._terms(payee),
                    opening=Income(opening_minor, protected_minor),
                    earned=earned.get(payee, nothing),
                    restated=restated.get(payee, nothing),
                    due=due.get(payee, nothing),
                    advance_minor=advances.get(payee, 0),
                    waited=last.waited if last else 0,
                )
            )
        return accounts

    def _terms(self, payee: str) -> Terms:
        return self.known[payee].terms if payee in self.known else Terms(payee)

    def _earned(self) -> dict[str, Income]:
        row = AllocationRow
        query = (
            select(row.payee_id, row.pot, row.role, func.sum(row.amount_minor))
            .where(row.run_id == self.run.id, row.payee_kind != "suspense", *self._among(row.payee_id))
            .group_by(row.payee_id, row.pot, row.role)
        )
        found = self.session.execute(query)
        rows = ((payee, pot, self.policy.right_of(pot), role, minor) for payee, pot, role, minor in found)
        return self._income(rows)

    def _restated(self) -> dict[str, Income]:
        row, restatement = DeltaRow, RestatementRow
        query = (
            select(row.payee_id, row.pot, row.role, restatement.id, func.sum(row.amount_minor))
            .join(restatement, restatement.id == row.restatement_id)
            .where(
                restatement.period == self.period.name,
                row.payee_kind != "suspense",
                *self._among(row.payee_id),
            )
            .group_by(row.payee_id, row.pot, row.role, restatement.id)
        )
        sources = self.session.execute(
            select(restatement.id, restatement.policy_source).where(restatement.period == self.period.name)
        )
        policies = {name: stated_policy(source) for name, source in sources}
        found = self.session.execute(query)
        return self._income(
            (payee, pot, policies[of].right_of(pot), role, minor) for payee, pot, role, of, minor in found
        )

    def _income(self, rows: Iterable[tuple[str, str, str, str, int]]) -> dict[str, Income]:
        sums: dict[str, Income] = {}
        for payee, pot, right, role, minor in rows:
            protected_minor = 0 if self._terms(payee).is_recoupable(pot, right, role) else int(minor)
            sums[payee] = sums.get(payee, Income()) + Income(int(minor), protected_minor)
        return sums

    def _opening(self) -> dict[str, int]:
        """What earlier periods left on the accounts of parties, funds and the provider."""
        account = LedgerEntry.account
        ours = or_(account.startswith("party:"), account.startswith("fund:"), account == "provider")
        if self.only is not None:
            ours = account.in_([payee_account(payee) for payee in self.only])
        found = self.session.execute(self._sums(ours, LedgerPosting.period < self.period.name))
        return {name.removeprefix("party:"): int(minor) for name, minor in found if minor}

    def _advances(self) -> dict[str, int]:
        account = LedgerEntry.account
        ours = account.startswith("advance:")
        if self.only is not None:
            ours = account.in_([f"advance:{payee}" for payee in self.only])
        found = self.session.execute(self._sums(ours, LedgerPosting.period <= self.period.name))
        return {name.removeprefix("advance:"): -int(minor) for name, minor in found if minor}

    def _sums(self, *chosen: ColumnElement[bool]) -> Select[str, Any]:
        entry = LedgerEntry
        return (
            select(entry.account, func.sum(entry.amount_minor))
            .join(LedgerPosting)
            .where(entry.currency == self.run.currency, *chosen)
            .group_by(entry.account)
        )

    def _due(self) -> dict[str, Income]:
        """The reserves that no earlier settlement released and this one does."""
        row = SettlementRow
        earlier = (row.currency == self.run.currency) & (row.period < self.period.name)
        last = self.session.scalar(select(func.max(row.period)).where(earlier)) or ""
        query = (
            select(row.payee_id, func.sum(row.held_minor), func.sum(row.held_protected_minor))
            .where(earlier, row.release_in > last, row.release_in <= self.period.name)
            .where(*self._among(row.payee_id))
            .group_by(row.payee_id)
        )
        return {
            payee: Income(int(held), int(protected)) for payee, held, protected in self.session.execute(query)
        }

    def _before(self) -> dict[str, SettlementRow]:
        """The last settlement of each payee before this one."""
        row = SettlementRow
        chosen = (row.currency == self.run.currency, row.period < self.period.name)
        newest = (
            select(row.payee_id, func.max(row.period).label("period"))
            .where(*chosen, *self._among(row.payee_id))
            .group_by(row.payee_id)
            .subquery()
        )
        query = select(row).join(
            newest, (row.payee_id == newest.c.payee_id) & (row.period == newest.c.period)
        )
        return {each.payee_id: each for each in self.session.scalars(query)}

    def _among(self, payee_id: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 (a column of any table)
        return [] if self.only is None else [payee_id.in_(sorted(self.only))]


def _says_something(s: Settlement) -> bool:
    """An account on which nothing was and nothing moved leaves no row."""
    return any((s.opening_minor, s.earned_minor, s.restated_minor, s.released_minor, s.credited_minor))


def _release_in(settlement: Settlement, terms: Terms, period: Period) -> str:
    return period.later(terms.release_after_periods).name if settlement.held_minor else ""


def _row(
    settlement: Settlement, period: Period, currency: str, recorded: RecordedTerms | None
) -> dict[str, object]:
    terms = recorded.terms if recorded else Terms(settlement.payee)
    return {
        "period": period.name,
        "payee_id": settlement.payee,
        "currency": currency,
        "terms_id": recorded.id if recorded else None,
        "residence": terms.residence,
        "release_in": _release_in(settlement, terms, period),
        "reason": str(settlement.reason),
        **{name: getattr(settlement, name) for name in _AMOUNTS},
    }


def _settlement(row: SettlementRow) -> Settlement:
    amounts = {name: getattr(row, name) for name in _AMOUNTS}
    return Settlement(payee=row.payee_id, reason=Waiting(row.reason), **amounts)
