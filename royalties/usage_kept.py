"""What does a run, or a restatement, keep of usage that it converted or found under another name?

Both amounts stay side by side, with the rate, its source and its day.
"""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from royalties.counting import Changed, RateUse
from royalties.rates import Rate, RateKind
from royalties.tables import add_rows
from royalties.usage_tables import ExchangeRateRow, RateUseRow, RunUsageRow


def write_rates(session: Session, run_id: str, restatement_id: str, uses: Sequence[RateUse]) -> None:
    """Keeps the rates of a run, or of a restatement where there is one."""
    rows = [
        {
            "document_id": restatement_id or run_id,
            "number": use.number,
            "run_id": None if restatement_id else run_id,
            "restatement_id": restatement_id or None,
            "batch_id": use.rate.batch,
            "currency_from": use.rate.currency_from,
            "currency_to": use.rate.currency_to,
            "kind": str(use.rate.kind),
            "rate_on": use.rate.on,
            "original_minor": use.original_minor,
            "converted_minor": use.converted_minor,
        }
        for use in uses
    ]
    add_rows(session, RateUseRow, rows)


def write_changed(session: Session, run_id: str, changed: Sequence[Changed], uses: Sequence[RateUse]) -> None:
    """Keeps what a run counted otherwise than it was reported."""
    numbers = {use.rate: use.number for use in uses}
    rows = [
        {
            "run_id": run_id,
            **each.reported._asdict(),
            "generation_id": each.generation,
            "rate_number": numbers[each.rate] if each.rate is not None else None,
            "units": each.units,
            "original_minor": each.original_minor,
            "revenue_minor": each.revenue_minor,
        }
        for each in changed
    ]
    add_rows(session, RunUsageRow, rows)


def read_rate_uses(session: Session, document_id: str) -> list[RateUse]:
    """The rates of a run or a restatement, in their order."""
    use, rate = RateUseRow, ExchangeRateRow
    query = (
        select(use, rate)
        .join(
            rate,
            (rate.batch_id == use.batch_id)
            & (rate.currency_from == use.currency_from)
            & (rate.currency_to == use.currency_to)
            & (rate.kind == use.kind)
            & (rate.rate_on == use.rate_on),
        )
        .where(use.document_id == document_id)
        .order_by(use.number)
    )
    return [
        RateUse(
            kept.number,
            Rate(
                said.currency_from,
                said.currency_to,
                RateKind(said.kind),
                said.rate_on,
                said.digits,
                said.decimals,
                said.source,
                said.batch_id,
            ),
            kept.original_minor,
            kept.converted_minor,
        )
        for kept, said in session.execute(query)
    ]


def select_reported(run_id: str, currency: str) -> Select[str]:
    """The names under which usage in a run's currency was reported that it counted otherwise."""
    row = RunUsageRow
    return select(row.reported_as).where(row.run_id == run_id, row.currency == currency)
