"""Which tables does a printed statement have, and how does a line lead from one to the next?

Generations and works have numbers, G1 and W1, so that a line names both in a few characters; the tables of
generations and works say what stands behind each. A table of many rows is set densely, one row a line; one of
very many is not set at all, and says where its rows are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from royalties.glyphs import breakable, clipped, width_units
from royalties.money import PPM, format_minor, percent
from royalties.statement_claims import claim_phrase, mandate_cells
from royalties.statement_deltas import Restated
from royalties.statement_usage import Original
from royalties.statements import Statement, StatementLine

DENSE_ABOVE = 400
"""A table with more rows than this is set densely."""

PRINTED_UP_TO = 20_000
"""A table with more rows than this is not printed: its rows are in the statement's other forms."""

ROWS_A_PAGE = 78
_TEXT_UNITS = 28


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column, whether it holds numbers, and its width beside others; 0: that of its text."""

    head: str
    is_number: bool = False
    width: int = 10


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, made when they are printed; `elsewhere` names the other forms that hold them."""

    title: str
    note: str
    columns: tuple[Column, ...]
    num_rows: int
    make_rows: Callable[[], list[tuple[str, ...]]]
    total: tuple[str, ...] | None = None
    elsewhere: str = "JSON"

    @property
    def is_printed(self) -> bool:
        """Whether the table's rows are few enough for paper."""
        return self.num_rows <= PRINTED_UP_TO

    @property
    def is_dense(self) -> bool:
        """Whether the table is printed with too many rows for cells that wrap."""
        return DENSE_ABOVE < self.num_rows <= PRINTED_UP_TO

    def to_json(self) -> dict[str, object]:
        """The table as the template takes it."""
        if not self.is_printed:
            return {"title": self.title, "note": self._left_out(), "rows": [], "pages": []}
        common = {
            "title": self.title,
            "note": self.note,
            "heads": [column.head for column in self.columns],
            "sides": [column.is_number for column in self.columns],
            "total": self.total,
        }
        if self.is_dense:
            return common | {"rows": [], **self._densely(self.make_rows())}
        cells = [[breakable(cell) for cell in row] for row in self.make_rows()]
        return common | {"rows": cells, "pages": [], "widths": [column.width for column in self.columns]}

    def _left_out(self) -> str:
        return (
            f"{self.num_rows:,} rows, which are not printed (more than {PRINTED_UP_TO:,}): "
            f"the {self.elsewhere} form of this statement holds every one."
        )

    def _densely(self, rows: Sequence[tuple[str, ...]]) -> dict[str, object]:
        columns = [
            cells if column.is_number else [clipped(cell, _TEXT_UNITS) for cell in cells]
            for column, cells in zip(self.columns, zip(*rows, strict=True), strict=True)
        ]
        widths = [
            max(width_units(column.head), *map(width_units, cells))
            for column, cells in zip(self.columns, columns, strict=True)
        ]
        pages = [
            ["\n".join(cells[start : start + ROWS_A_PAGE]) for cells in columns]
            for start in range(0, len(rows), ROWS_A_PAGE)
        ]
        return {"pages": pages, "widths": widths}


@dataclass(frozen=True)
class Tables:
    """The tables of one statement."""

    statement: Statement

    def all(self) -> Iterator[Table]:
        """Works, pots, lines, corrections, usage and attributions, in the order in which they are printed."""
        yield self.works()
        yield self.pots()
        yield self.lines()
        if self._corrections:
            yield self.corrections()
        yield self.usage()
        if self.statement.rates:
            yield self.rates()
        yield self.generations()
        yield self.mandates()

    @cached_property
    def _own(self) -> list[StatementLine]:
        """The lines of the period's own run."""
        return [line for line in self.statement.lines if not line.restated]

    @cached_property
    def _corrections(self) -> list[tuple[StatementLine, Restated]]:
        """The lines that correct earlier months."""
        return [(line, line.restated) for line in self.statement.lines if line.restated]

    @cached_property
    def work_numbers(self) -> Mapping[str, str]:
        """The number by which lines name a work; the work with the largest sum is W1."""
        return {work: f"W{number}" for number, work in enumerate(self._work_sums, start=1)}

    @cached_property
    def generation_numbers(self) -> Mapping[str, str]:
        """The number by which lines name a generation, in the order of their ids."""
        named = {line.generation for line in self.statement.generations}
        named |= {line.generation for line in self.statement.lines if line.generation}
        named |= {use.generation for use in self.statement.usage}
        return {generation: f"G{number}" for number, generation in enumerate(sorted(named), start=1)}

    @cached_property
    def _work_sums(self) -> Mapping[str, tuple[StatementLine, int, int]]:
        """By work: one of its lines, how many there are, and what they come to; the largest first."""
        sums: dict[str, tuple[StatementLine, int, int]] = {}
        for line in self.statement.lines:
            if line.work:
                first, count, amount_minor = sums.get(line.work, (line, 0, 0))
                sums[line.work] = (first, count + 1, amount_minor + line.amount_minor)
        return dict(sorted(sums.items(), key=lambda item: (-item[1][2], item[0])))

    def works(self) -> Table:
        """What each work brought."""
        columns = (
            Column("No.", width=0), Column("Work", width=30), Column("ISWC", width=0),
            Column("Id, ISRC" if self.statement.recordings else "Id", width=20),
            Column("Agreement", width=22), Column("Lines", is_number=True), Column("Amount", is_number=True),
        )  # fmt: skip

        def rows() -> list[tuple[str, ...]]:
            return [
                (
                    self.work_numbers[work],
                    line.title,
                    line.iswc,
                    ", ".join((work, *self.statement.recordings.get(work, ()))),
                    ", ".join(self.statement.agreements.get(work, ())),
                    f"{count:,}",
                    self._money(amount_minor),
                )
                for work, (line, count, amount_minor) in self._work_sums.items()
            ]

        return Table("Works", "", columns, len(self._work_sums), rows)

    def pots(self) -> Table:
        """What each pot gave by each method, with the evidence that divided it."""
        sums: dict[tuple[str, str, str], tuple[int, int, set[str]]] = {}
        for line in self._own:
            key = (line.pot, line.method, line.reason)
            count, amount_minor, evidence = sums.get(key, (0, 0, set()))
            sums[key] = (count + 1, amount_minor + line.amount_minor, evidence | {line.evidence} - {""})
        columns = (
            Column("Pot", width=12), Column("Method", width=14), Column("Waits for", width=14),
            Column("Evidence", width=40), Column("Lines", is_number=True), Column("Amount", is_number=True),
        )  # fmt: skip

        def rows() -> list[tuple[str, ...]]:
            return [
                (*key, _evidence(evidence), f"{count:,}", self._money(amount_minor))
                for key, (count, amount_minor, evidence) in sorted(sums.items())
            ]

        return Table("Pots and methods", "", columns, len(sums), rows, self._total(len(columns)))

    def lines(self) -> Table:
        """Every line: what was sold, the part of it that is the work's, the payee's share, the amount."""
        columns = (
            Column("Line", is_number=True), Column("Pot, method", width=16), Column("Gen.", width=0),
            Column("In", width=0), Column("Work", width=30), Column("Units", is_number=True),
            Column("Revenue", is_number=True), Column("Part", is_number=True),
            Column("Share", is_number=True), Column("Amount", is_number=True),
        )  # fmt: skip
        note = (
            "Amount = the pot in the proportion revenue x part x share, rounded once. Part: the work's part "
            "of the generation (or of the pot); share: the payee's of the work."
        )
        return Table(
            "Lines",
            note,
            columns,
            len(self._own),
            lambda: [self._line(line) for line in self._own],
            self._total(len(columns)),
            elsewhere="CSV and the JSON",
        )

    def corrections(self) -> Table:
        """What differs of earlier months by what is known now: each line before, now, and the difference."""
        columns = (
            Column("Line", is_number=True), Column("Month", width=0), Column("Pot, method", width=16),
            Column("Gen.", width=0), Column("In", width=0), Column("Work", width=30),
            Column("Before", is_number=True), Column("Now", is_number=True),
            Column("Difference", is_number=True),
        )  # fmt: skip
        return Table(
            "Corrections of earlier months",
            "The CSV and the JSON name the line that each one supersedes.",
            columns,
            len(self._corrections),
            lambda: [self._correction(*each) for each in self._corrections],
            self._total(len(columns), self.statement.restated_minor),
            elsewhere="CSV and the JSON",
        )

    def _correction(self, line: StatementLine, restated: Restated) -> tuple[str, ...]:
        return (
            str(line.line_no),
            restated.period,
            "; ".join(filter(None, (f"{line.pot}, {line.method}", claim_phrase(self.statement, line)))),
            self.generation_numbers.get(line.generation, ""),
            line.territory,
            self._work(line),
            self._money(restated.before.amount_minor if restated.before else 0),
            self._money(restated.after.amount_minor),
            self._money(line.amount_minor),
        )

    def _work(self, line: StatementLine) -> str:
        work = f"{self.work_numbers[line.work]} {line.title}" if line.work else line.reason
        return f"{work} ({line.reason})" if line.work and line.reason else work

    def _line(self, line: StatementLine) -> tuple[str, ...]:
        used = bool(line.units or line.revenue_minor)
        return (
            str(line.line_no),
            "; ".join(filter(None, (f"{line.pot}, {line.method}", claim_phrase(self.statement, line)))),
            self.generation_numbers.get(line.generation, ""),
            line.territory,
            self._work(line),
            f"{line.units:,}" if used else "",
            self._money(line.revenue_minor) if used else "",
            percent(line.basis, line.basis_total),
            percent(line.share_ppm),
            self._money(line.amount_minor),
        )

    def usage(self) -> Table:
        """What was sold of the generations behind the lines."""
        columns = (
            Column("Gen.", width=0), Column("In", width=0), Column("Service", width=30),
            Column("Use", width=20), Column("Units", is_number=True), Column("Revenue", is_number=True),
        )  # fmt: skip

        def rows() -> list[tuple[str, ...]]:
            return [
                (
                    self.generation_numbers[use.generation],
                    use.territory,
                    use.service,
                    use.use_type,
                    f"{use.units:,}",
                    self._money(use.revenue_minor) + _original(use.original),
                )
                for use in self.statement.usage
            ]

        return Table("Usage behind the lines", "", columns, len(self.statement.usage), rows)

    def rates(self) -> Table:
        """The rates by which usage in other currencies was converted."""
        columns = (Column("No.", width=0), Column("Rate", width=24), Column("Source", width=30))

        def rows() -> list[tuple[str, ...]]:
            return [
                (str(use.number), f"1 {rate.currency_from} = {rate.text} {rate.currency_to}", str(rate))
                for use in self.statement.rates
                for rate in (use.rate,)
            ]

        return Table("Rates", "", columns, len(self.statement.rates), rows)

    def generations(self) -> Table:
        """The generations and the attributions that divided their money."""
        columns = (
            Column("No.", width=0), Column("Generation", width=24), Column("Method, model", width=18),
            Column("Reliability", width=11), Column("Attribution (SHA-256)", width=34),
            Column("Unattributed", is_number=True),
        )  # fmt: skip

        def rows() -> list[tuple[str, ...]]:
            return [
                (
                    self.generation_numbers[each.generation],
                    each.generation,
                    ", ".join(filter(None, (each.method, each.model))),
                    each.reliability,
                    each.attribution,
                    percent(each.unattributed_ppm, PPM),
                )
                for each in self.statement.generations
            ]

        num_rows = len(self.statement.generations)
        return Table("Generations and attributions", "", columns, num_rows, rows)

    def mandates(self) -> Table:
        """By which mandates the lines were collected; left out where there are none."""
        columns = (
            Column("Mandate", width=22), Column("Agreement", width=22), Column("Owner", width=18),
            Column("Collects", width=18), Column("In", width=10), Column("Term", width=16),
            Column("Commission", is_number=True),
        )  # fmt: skip
        its = self.statement.mandates.values()
        return Table(
            "Who collects for whom",
            "A commission is of what reaches the collector; the rest is passed on to the owner.",
            columns,
            len(its),
            lambda: [mandate_cells(self.statement, mandate) for mandate in its],
        )

    @property
    def _money(self) -> Callable[[int], str]:
        currency = self.statement.run.currency
        return lambda amount_minor: format_minor(amount_minor, currency)

    def _total(self, num_columns: int, amount_minor: int | None = None) -> tuple[str, ...]:
        """A row with what the run gave, or with another sum, in the last column."""
        total_minor = self.statement.earned_minor if amount_minor is None else amount_minor
        return ("Total", *[""] * (num_columns - 2), self._money(total_minor))


def _evidence(digests: set[str]) -> str:
    if len(digests) > 1:
        return "the attribution of each generation, listed below"
    return next(iter(digests), "")


def _original(original: Original | None) -> str:
    """What converted usage was reported as, behind its amount."""
    if original is None:
        return ""
    return f" ({format_minor(original.revenue_minor, original.currency)} {original.currency})"
