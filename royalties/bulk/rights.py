"""Who owns the works' money, as columns: what holds all through the period, and what changes within it?

Shares that hold in every territory and on every day of the usage are divided once. Only works of which a
share begins, ends or differs between territories are divided for each class of places and days. Classes with
the same splits are one epoch, as in `royalties.shares`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from catalog.errors import UnknownTerritoryError
from catalog.findings import Finding
from catalog.territories import countries, covers
from royalties.bulk.files import EXPOSURE, SHARES, bad_names, check_files, day_or, outside, repeated, scan
from royalties.entitlement import PayeeKind, SuspenseReason
from royalties.errors import BulkRefusedError
from royalties.money import MAX_MINOR, PPM
from royalties.periods import Period
from royalties.shares import split_work

ALWAYS = -1
"""The epoch of a split that holds in all of them, and in training."""
TRAINING = -2
"""The epoch of a split that holds on the last day in the policy's territory, where that differs."""

PAYEE = ("kind", "id", "reason")
_EARLY, _LATE = date(1, 1, 1), date(9999, 12, 31)
_SPLIT_SCHEMA = {
    "work_no": pl.UInt32, "kind": pl.String, "id": pl.String, "reason": pl.String, "share_ppm": pl.Int64,
}  # fmt: skip

Place = tuple[str, int]
"""A country and a span of days."""


@dataclass(frozen=True, slots=True)
class ShareTable:
    """The shares of a right that hold at some time of a period, by numbers of works and spans."""

    rows: pl.DataFrame
    breaks: tuple[date, ...]
    territories: tuple[str, ...]

    @property
    def last_span(self) -> int:
        """The number of the period's last span."""
        return len(self.breaks)


def read_works(path: Path, packed: pl.Series) -> pl.DataFrame:
    """Every work by its number: its id, the events of it in training, whether it was there and is public
    domain.

    Works that no attribution names are numbered after those of the pack.

    Raises:
        BulkRefusedError: the file has faults.
    """
    check_files([path], EXPOSURE, "exposure")
    lines = scan([path], EXPOSURE)
    faults = [
        *bad_names(lines, "work", path.name),
        *repeated(lines, ["work"], path.name),
        *outside(lines, "events", 0, MAX_MINOR, path.name),
    ]
    if faults:
        raise BulkRefusedError("exposure", faults)
    seen = lines.with_columns(pl.col("events").cast(pl.Int64), exposed=pl.lit(True)).collect()
    first = pl.DataFrame({"work": packed}).with_row_index("work_no")
    more = seen.select("work").join(first, on="work", how="anti").sort("work")
    every = pl.concat([first, more.with_row_index("work_no", offset=first.height).select("work_no", "work")])
    joined = every.join(seen, on="work", how="left").sort("work_no")
    return joined.with_columns(
        pl.col("events").fill_null(0), pl.col("public_domain", "exposed").fill_null(False)
    )


def read_shares(paths: Sequence[Path], right: str, works: pl.DataFrame, period: Period) -> ShareTable:
    """The shares that matter to the period; those of other works and rights are passed over.

    Raises:
        BulkRefusedError: the files have faults.
    """
    check_files(paths, SHARES, "shares")
    lines = scan(paths, SHARES).filter(pl.col("right") == right)
    numbers = works.lazy().select("work", "work_no")
    rows = (
        lines.with_columns(
            starts_on=day_or(pl.col("starts_on"), _EARLY), ends_on=day_or(pl.col("ends_on"), _LATE)
        )
        .filter((pl.col("starts_on") < period.ends_before_on) & (pl.col("ends_on") > period.starts_on))
        .filter(pl.col("starts_on") < pl.col("ends_on"))
        .join(numbers, on="work")
        .collect()
    )
    faults = [
        *bad_names(rows.lazy(), "payee", "shares"),
        *outside(rows.lazy(), "share_ppm", -MAX_MINOR, MAX_MINOR, "shares"),
    ]
    territories = tuple(sorted(rows["territory"].unique()))
    for name in territories:
        try:
            countries(name)
        except UnknownTerritoryError as error:
            faults.append(Finding("TERRITORY", "shares", str(error)))
    if faults:
        raise BulkRefusedError("shares", faults)
    days = {*rows["starts_on"].unique(), *rows["ends_on"].unique()}
    breaks = tuple(sorted(day for day in days if period.starts_on < day < period.ends_before_on))
    numbered = rows.select(
        "work_no", "payee", pl.col("share_ppm").cast(pl.Int64),
        territory_no=pl.col("territory").replace_strict(territories, range(len(territories)),
        return_dtype=pl.Int32), first_span=_span_at("starts_on", breaks),
        end_span=_span_at("ends_on", breaks) + (pl.col("ends_on") >= period.ends_before_on).cast(pl.Int32),
    )  # fmt: skip
    return ShareTable(numbered, breaks, territories)


def _span_at(column: str, breaks: Sequence[date]) -> pl.Expr:
    """How many breaks lie on or before the day."""
    return sum(((pl.col(column) >= day).cast(pl.Int32) for day in breaks), pl.lit(0, pl.Int32))


@dataclass(frozen=True, slots=True)
class _Classes:
    """Places that the same rows cover."""

    of_place: Mapping[Place, int]
    keys: tuple[tuple[frozenset[int], int], ...]


def _classes(table: ShareTable, places: Iterable[Place]) -> _Classes:
    numbers: dict[tuple[frozenset[int], int], int] = {}
    of_place = {}
    for country, span in sorted(places):
        covering = frozenset(no for no, name in enumerate(table.territories) if covers(name, country))
        of_place[country, span] = numbers.setdefault((covering, span), len(numbers))
    return _Classes(of_place, tuple(numbers))


def _holds(key: tuple[frozenset[int], int]) -> pl.Expr:
    covering, span = key
    there = pl.col("territory_no").is_in(sorted(covering))
    return there & (pl.col("first_span") <= span) & (span < pl.col("end_span"))


class Divider:
    """Divides works for the places of a run's usage and for training."""

    def __init__(
        self, table: ShareTable, works: pl.DataFrame, places: Iterable[Place], training: Place
    ) -> None:
        self.works = works
        self.training = training
        self.usage_places = sorted(places)
        self.classes = _classes(table, {*self.usage_places, training})
        rows = table.rows.join(works.filter("public_domain").select("work_no"), on="work_no", how="anti")
        keys = self.classes.keys
        held = [_holds(key).cast(pl.Int32) for key in keys]
        rows = rows.with_columns(held=sum(held, pl.lit(0, pl.Int32))).filter(pl.col("held") > 0)
        self.changing = (
            rows.filter(pl.col("held") < len(keys)).select(pl.col("work_no").unique()).sort("work_no")
        )
        self.fixed_rows = rows.join(self.changing, on="work_no", how="anti")
        self.changing_rows = rows.join(self.changing, on="work_no")

    def divide(self, touched: pl.DataFrame, public_domain: tuple[str, str, str] | None) -> "Splits":
        """The splits of all works.

        Args:
            touched: those of the changing works that the period's money can touch.
            public_domain: the payee of works in the public domain; None holds each work's part in suspense.
        """
        owned = self.works.filter(~pl.col("public_domain")).select("work_no", "work")
        fixed = split_works(self.fixed_rows, owned.join(self.changing, on="work_no", how="anti"))
        changing = owned.join(touched, on="work_no", how="semi")
        frames = [fixed.with_columns(epoch=pl.lit(ALWAYS, pl.Int32)), self._free(public_domain)]
        of_class = [
            split_works(self.changing_rows.filter(_holds(key)), changing).sort("work_no", *PAYEE)
            for key in self.classes.keys
        ]
        epochs: list[pl.DataFrame] = []
        epoch_of = []
        for country, span in self.usage_places:
            frame = of_class[self.classes.of_place[country, span]]
            number = next((n for n, known in enumerate(epochs) if known.equals(frame)), len(epochs))
            if number == len(epochs):
                epochs.append(frame)
            epoch_of.append((country, span, number))
        last = of_class[self.classes.of_place[self.training]]
        frames += [frame.with_columns(epoch=pl.lit(n, pl.Int32)) for n, frame in enumerate(epochs)]
        frames.append(last.with_columns(epoch=pl.lit(TRAINING, pl.Int32)))
        return _numbered(pl.concat(frames, how="diagonal"), epoch_of)

    def _free(self, payee: tuple[str, str, str] | None) -> pl.DataFrame:
        free = self.works.filter("public_domain")
        kind, name, reason = payee or (PayeeKind.SUSPENSE.value, "", SuspenseReason.RESERVE.value)
        return free.select(
            "work_no", kind=pl.lit(kind), id=pl.lit(name) if payee else pl.col("work"), reason=pl.lit(reason),
            share_ppm=pl.lit(PPM, pl.Int64), epoch=pl.lit(ALWAYS, pl.Int32),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Splits:
    """Who gets which part of a work.

    `frame` has `work_no`, `epoch` (a number, `ALWAYS` or `TRAINING`), `payee_no` and `share_ppm`; `payees`
    has the payees in the order of their numbers, which is their own; `epoch_of` the epoch of each territory
    and span.
    """

    frame: pl.DataFrame
    payees: pl.DataFrame
    epoch_of: pl.DataFrame


def _numbered(frame: pl.DataFrame, epoch_of: list[tuple[str, int, int]]) -> Splits:
    payees = frame.select(PAYEE).unique().sort(PAYEE)
    numbered = frame.join(payees.with_row_index("payee_no"), on=PAYEE)
    chosen = numbered.select("work_no", "epoch", "payee_no", "share_ppm").sort("work_no", "epoch", "payee_no")
    schema = {"territory": pl.String, "span": pl.UInt16, "epoch": pl.Int32}
    return Splits(chosen, payees, pl.DataFrame(epoch_of, schema=schema, orient="row"))


def split_works(rows: pl.DataFrame, works: pl.DataFrame) -> pl.DataFrame:
    """The splits of works by the share rows given, as `royalties.shares.split_work` divides each of them."""
    rows = rows.join(works, on="work_no", how="semi")
    per_work = rows.group_by("work_no").agg(
        total=pl.col("share_ppm").cast(pl.Int128).sum(),
        lowest=pl.col("share_ppm").min(),
        once=pl.col("payee").n_unique() == pl.len(),
    )
    plain = per_work.filter((pl.col("total") == PPM) & (pl.col("lowest") >= 0) & pl.col("once"))
    party, held = PayeeKind.PARTY.value, PayeeKind.SUSPENSE.value
    whole = rows.join(plain, on="work_no", how="semi").filter(pl.col("share_ppm") > 0).select(
        "work_no", kind=pl.lit(party), id="payee", reason=pl.lit(""), share_ppm="share_ppm"
    )  # fmt: skip
    nobody = works.join(per_work, on="work_no", how="anti").select(
        "work_no", kind=pl.lit(held), id="work", reason=pl.lit(SuspenseReason.UNIDENTIFIED_OWNER.value),
        share_ppm=pl.lit(PPM, pl.Int64),
    )  # fmt: skip
    uneven = rows.join(plain, on="work_no", how="anti").join(works, on="work_no").sort("work_no")
    slow = [
        (work_no, str(payee.kind), payee.id, payee.reason, share_ppm)
        for (work_no, work), part in uneven.group_by("work_no", "work", maintain_order=True)
        for payee, share_ppm, *_ in split_work(
            str(work), sorted(zip(part["payee"], part["share_ppm"], strict=True))
        )
    ]
    return pl.concat([whole, nobody, pl.DataFrame(slow, schema=_SPLIT_SCHEMA, orient="row")])
