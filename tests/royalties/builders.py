"""What do the tests of money build their cases from?"""

from datetime import UTC, date, datetime

import polars as pl

from royalties.closing import Closing, close_period
from royalties.entitlement import Attribution, Inputs, UsageTotal
from royalties.movements import Movement, MovementKind, post_movement
from royalties.periods import parse_period
from royalties.policy import Policy, parse_policy
from royalties.recorded_terms import record_terms
from royalties.restating import RestatementReport, restate
from royalties.runs import RunReport, make_exposure, run_distribution
from royalties.tables import UsageBatch, UsageTotalRow, add_rows
from royalties.terms import Terms, TermsFile
from royalties.usage import UsageFormat, import_usage

OCTOBER = parse_period("2026-10")
NOVEMBER = parse_period("2026-11")
NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
FIELDS = (
    "line_id", "generation", "territory", "service", "use_type", "used_on", "units", "revenue_minor",
    "currency",
)  # fmt: skip


def policy_text(**changes: object) -> str:
    """A valid policy's TOML; a change of None drops the field, `pots` replaces all pots."""
    pots = changes.pop("pots", None)
    fields: dict[str, object] = {
        "name": "test",
        "version": "1",
        "currency": "EUR",
        "right": "mechanical",
        "territory": "SE",
        "deductions_ppm": 100_000,
        "pool_rate_ppm": 300_000,
        "unattributed": "pot:training",
        "public_domain": "fund:public_domain",
        "threshold_minor": 1000,
    } | changes
    lines = [f"{name} = {spelled(value)}" for name, value in fields.items() if value is not None]
    for pot in pots if pots is not None else [TRAINING, OUTPUT]:
        lines += ["[[pots]]", *(f"{name} = {spelled(value)}" for name, value in pot.items())]
    return "\n".join(lines) + "\n"


TRAINING = {"name": "training", "share_ppm": 300_000, "rule": "equal"}
OUTPUT = {"name": "output", "share_ppm": 700_000, "rule": "attribution", "fallback": "exposure"}


def pool_text(fields: dict[str, object], pots: list[dict[str, object]]) -> str:
    """The TOML of one of several pools; a field of None is left out."""
    lines = [
        "[[pools]]",
        *(f"{name} = {spelled(value)}" for name, value in fields.items() if value is not None),
    ]
    for pot in pots:
        lines += ["[[pools.pots]]", *(f"{name} = {spelled(value)}" for name, value in pot.items())]
    return "\n".join(lines) + "\n"


def spelled(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {spelled(each)}" for name, each in value.items()) + " }"
    return f'"{value}"' if isinstance(value, str) else str(value)


def a_policy(**changes: object) -> Policy:
    policy, findings = parse_policy(policy_text(**changes).encode())
    assert policy is not None, findings
    return policy


def an_attribution(generation: str, shares: dict[str, int], *, reliability: str = "influence") -> Attribution:
    rest_ppm = 1_000_000 - sum(shares.values())
    return Attribution(generation, shares, rest_ppm, reliability, f"digest-of-{generation}", "trak", "run_1")


def a_total(
    generation: str = "gen_1",
    revenue_minor: int = 10_000,
    *,
    territory: str = "DE",
    day: int = 5,
    units: int = 10,
) -> UsageTotal:
    return UsageTotal(generation, territory, date(2026, 10, day), units, revenue_minor)


def shares_from(table: dict[str, list[tuple[str, int]]]):
    """Shares that are the same on every day and everywhere."""

    def shares_on(works, _right, _on, _territory):
        return {work: table[work] for work in works if work in table}

    return shares_on


def some_inputs(**changes: object) -> Inputs:
    """Two works of two parties each, two generations, one work in the public domain."""
    fields: dict[str, object] = {
        "attributions": {
            "gen_1": an_attribution("gen_1", {"work_a": 500_000, "work_b": 250_000, "work_pd": 50_000}),
            "gen_2": an_attribution("gen_2", {"work_b": 100_000}, reliability="exposure"),
        },
        "exposure": make_exposure({"work_a": 3_000, "work_b": 1_000, "work_pd": 500}),
        "shares_on": shares_from(
            {
                "work_a": [("party_1", 500_000), ("party_2", 500_000)],
                "work_b": [("party_2", 333_333), ("party_3", 666_667)],
            }
        ),
        "public_domain": frozenset({"work_pd"}),
    }
    return Inputs(**(fields | changes))  # type: ignore[arg-type]


def a_line(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "line_id": f"L{number}",
        "generation": "gen_1",
        "territory": "DE",
        "service": "Example Stream",
        "use_type": "OnDemandStream",
        "used_on": "2026-10-05",
        "units": 10,
        "revenue_minor": 1234,
        "currency": "EUR",
    } | changes


def as_csv(lines: list[dict[str, object]], *, columns: tuple[str, ...] = FIELDS) -> bytes:
    rows = [",".join(columns), *(",".join(str(line[name]) for name in columns) for line in lines)]
    return ("\n".join(rows) + "\n").encode()


def as_frame(lines: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(lines).with_columns(pl.col("used_on").str.to_date())


LINES = [
    a_line(
        number, generation=f"gen_{number % 3 + 1}", territory="DE" if number % 2 else "SE", revenue_minor=997
    )
    for number in range(1, 61)
]


def bring_in(session, folder, lines, name="usage.csv"):
    """Imports lines as a CSV file in a folder."""
    path = folder / name
    path.write_bytes(as_csv(lines))
    return import_usage(session, folder / "usage", UsageFormat.CSV, path, imported_at=NOW)


def run(session, **changes) -> RunReport:
    """October by the usual policy and inputs, or with changes."""
    fields = {"period": OCTOBER, "policy": a_policy(), "inputs": some_inputs()} | changes
    return run_distribution(session, fields["period"], fields["policy"], fields["inputs"], run_at=NOW)


def agree(session, payee: str, **terms: object) -> None:
    """Terms of a payee on record, in euros."""
    file = TermsFile("1", "", (Terms(payee, currency="EUR", version="1", **terms),))  # type: ignore[arg-type]
    record_terms(session, file, recorded_at=NOW)


def advance(session, payee: str, amount_minor: int, *, day: date = date(2026, 10, 1), **changes) -> str:
    """An advance, posted; the month in which it is."""
    fields = {"kind": MovementKind.ADVANCE, "currency": "EUR", "happened_on": day} | changes
    movement = Movement(payee=payee, amount_minor=amount_minor, **fields)
    return post_movement(session, movement, recorded_at=NOW)


def close(session, period=OCTOBER) -> Closing:
    return close_period(session, period, closed_at=NOW)


def restated(session, **changes) -> RestatementReport:
    """October anew by the usual policy and inputs, or with changes."""
    fields = {"restates": OCTOBER, "policy": a_policy(), "inputs": some_inputs()} | changes
    return restate(session, restated_at=NOW, **fields)


def put_totals(session, batch: str, totals: list[UsageTotal]) -> None:
    """Usage as the totals of one batch, past the file; each total stands for one line."""
    session.add(
        UsageBatch(
            id=batch,
            format="csv",
            file_name=batch,
            num_lines=len(totals),
            num_quarantined=0,
            lines_sha256="",
            imported_at=NOW,
        )
    )
    session.flush()
    rows = [
        {
            "batch_id": batch,
            "generation_id": total.generation,
            "territory": total.territory,
            "service": f"service {number}",
            "use_type": "Stream",
            "used_on": total.used_on,
            "currency": "EUR",
            "num_lines": 1,
            "units": total.units,
            "revenue_minor": total.revenue_minor,
        }
        for number, total in enumerate(totals)
    ]
    add_rows(session, UsageTotalRow, rows)
