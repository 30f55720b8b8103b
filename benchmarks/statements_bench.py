"""How long does one payee's statement take in each form, by its number of lines?

Seconds of the clock, seconds of the processor (which other work on the machine does not lengthen much), MB.

`read` is the statement out of a database, which comes before each form. Run alone with
`python -m benchmarks.statements_bench`.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from benchmarks.royalties_bench import OCTOBER, POLICY
from catalog.database import open_engine
from migrations import upgrade
from royalties.policy import parse_policy
from royalties.statement_files import StatementFormat, render_statement
from royalties.statement_usage import UsageLine
from royalties.statements import (
    GenerationLine,
    Names,
    PayeeInfo,
    Statement,
    StatementLine,
    make_statement,
)
from royalties.tables import AllocationRow, DistributionRun, add_rows

SIZES = (100, 1_000, 20_000, 100_000)
WORKS = 2_000
GENERATIONS = 900
TITLES = (
    "Overcoat Weather",
    "夜に駆ける",
    "أغنية البحر",
    "राग यमन",
    "Ελένη",
    "Zwölf lange Wochen am großen Fluss",
)
TERRITORIES = ("DE", "FR", "GB", "SE", "US")
_SAME_NAMES = (
    "line_no", "pot", "reason", "method", "territory", "share_ppm", "basis", "basis_total", "evidence",
    "units", "revenue_minor", "amount_minor",
)  # fmt: skip


def a_statement(num_lines: int) -> Statement:
    """A statement of that many lines, the same for the same number."""
    lines = tuple(_lines(num_lines))
    policy, _ = parse_policy(POLICY)
    assert policy is not None
    names = [f"gen_{number:016x}" for number in range(min(GENERATIONS, num_lines))]
    run = DistributionRun(
        id="dist_bench", period="2026-10", currency="EUR", policy_source="", inputs="", digest="0" * 64,
        gross_minor=0, deductions_minor=0, provider_minor=0, pool_minor=0, allocated_minor=0,
        suspense_minor=0, num_parties=1, run_at=datetime(2026, 11, 2, tzinfo=UTC),
    )  # fmt: skip
    return Statement(
        period=OCTOBER,
        run=run,
        policy=policy,
        payee="party_bench",
        info=PayeeInfo("Ада Example & 山田 花子 & سارة"),
        opening_minor=0,
        earned_minor=sum(line.amount_minor for line in lines),
        lines=lines,
        usage=tuple(UsageLine(name, "DE", "Example Stream", "OnDemandStream", 10, 99) for name in names),
        generations=tuple(GenerationLine(name, "0" * 64, "trak", "run_1", "influence", 1) for name in names),
        num_generations=len(names),
    )


def _lines(num_lines: int) -> Iterator[StatementLine]:
    chance = random.Random(0)
    for number in range(1, num_lines + 1):
        work = chance.randrange(min(WORKS, num_lines))
        yield StatementLine(
            line_no=number, pot="output", method="attribution", reason="",
            generation=f"gen_{number % min(GENERATIONS, num_lines):016x}",
            territory=chance.choice(TERRITORIES), work=f"work_{work:016x}",
            title=f"{TITLES[work % len(TITLES)]} {work}", iswc="T-034.524.680-1",
            basis=chance.randrange(1, 500_000), basis_total=1_000_000, share_ppm=500_000,
            units=chance.randrange(1, 900), revenue_minor=chance.randrange(1, 90_000),
            amount_minor=chance.randrange(1, 5_000), evidence="0" * 64,
        )  # fmt: skip


def put(session: Session, statement: Statement) -> None:
    """The run that the statement is of, as rows of a database."""
    total_minor = sum(line.amount_minor for line in statement.lines)
    run = statement.run
    run.policy_source, run.inputs = POLICY.decode(), '{"batches":""}'
    run.gross_minor = run.pool_minor = run.allocated_minor = total_minor
    session.add(run)
    session.flush()
    rows = [
        {
            "run_id": run.id,
            "payee_kind": "party",
            "payee_id": statement.payee,
            "generation_id": line.generation,
        }
        | {"work_id": line.work, **{name: getattr(line, name) for name in _SAME_NAMES}}
        for line in statement.lines
    ]
    add_rows(session, AllocationRow, rows)
    session.commit()


def bench() -> Iterator[str]:
    """A table row for each number of lines: seconds, those of the processor, and bytes of each form."""
    forms = " | ".join(f"{form} (s, CPU s, MB)" for form in StatementFormat)
    yield f"| lines | read (s, CPU s) | {forms} |"
    yield f"|---:|---:|{'---:|' * len(StatementFormat)}"
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            engine = open_engine(f"sqlite:///{folder}/money.db")
            upgrade(engine)
            with Session(engine) as session:
                put(session, a_statement(size))
            with Session(engine) as session:
                clock = _Clock()
                make_statement(session, OCTOBER, "party_bench", Names())
                cells = [str(clock)]
            engine.dispose()
        statement = a_statement(size)
        for form in StatementFormat:
            clock = _Clock()
            written = render_statement(statement, form)
            cells.append(f"{clock}, {len(written) / 1e6:.1f}")
        yield f"| {size:,} | {' | '.join(cells)} |"


class _Clock:
    """Seconds since it was made: of the clock, of the processor."""

    def __init__(self) -> None:
        self.started, self.cpu_started = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.started:.1f}, {time.process_time() - self.cpu_started:.1f}"


if __name__ == "__main__":
    for row in bench():
        print(row)
