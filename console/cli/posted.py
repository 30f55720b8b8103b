"""What is said of a run that was posted to the ledger?"""

from console.output import say
from royalties.money import format_minor
from royalties.runs import RunReport


def say_posted(report: RunReport, *, as_json: bool) -> None:
    """The run with its sums, as JSON or in words."""
    answer = {
        "run": report.run,
        "period": report.period,
        "currency": report.currency,
        "gross_minor": report.gross_minor,
        "pool_minor": report.pool_minor,
        "allocated_minor": report.allocated_minor,
        "suspense_minor": report.suspense_minor,
        "parties": report.parties,
        "digest": report.digest,
        "shortfalls": list(report.shortfalls),
    }
    pool, allocated, held = (
        format_minor(amount, report.currency)
        for amount in (report.pool_minor, report.allocated_minor, report.suspense_minor)
    )
    say(
        answer,
        [
            f"run {report.run} of {report.period}",
            f"pool {report.currency} {pool} = allocated {allocated} + suspense {held}",
            f"{report.parties} parties are owed something; 'contrafact royalties statement' says what for",
            *(f"shortfall: {each}" for each in report.shortfalls),
        ],
        as_json=as_json,
    )
