"""Which resources and which usages do the records of one part of a report hold?

Everything here is a function from columns to columns. A record is a row with its `line`, its `type`, its
`cells` and its `run`: the number of the block that it is in.
"""

from collections.abc import Callable

import polars as pl

from royalties.dsr_columns import Profile, Record, UsageCells
from royalties.usage_lines import FAULT_SCHEMA, isrc_name

NAMESPACE = "contrafact"
"""The namespace of our ids where DDEX has `namespace::id`."""

_OURS = rf"(?:\A|\|){NAMESPACE}::([^|]+)"
_PLACE = {"line": pl.Int64, "run": pl.Int64}
_TEXTS = (
    "summary_id", "transaction", "units_text", "counted_text", "returns", "amount_text", "bearing",
    "used_on_text", "resource", "release", "own",
)  # fmt: skip
_USAGE_SCHEMA = {**_PLACE, "type": pl.String, **dict.fromkeys(_TEXTS, pl.String)}

RESOURCE_SCHEMA = {**_PLACE, "ref": pl.String, "generation": pl.String}
"""A resource: how its block refers to it, and which generation it is."""

RELEASE_SCHEMA = {**RESOURCE_SCHEMA, "used": pl.String}
"""A release; `used` refers to its resources, and is null where these are all of the block."""


def whole_records(records: pl.DataFrame, profile: Profile) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records of known types with as many cells as these have, and the others as refused lines."""
    types = {
        code: record
        for code, record in profile.records.items()
        if not code.startswith("SY") and code not in ("HEAD", profile.foot)
    }
    least = _by_type({code: record.num_required for code, record in types.items()})
    most = _by_type({code: len(record.cells) for code, record in types.items()})
    num = pl.col("cells").list.len()
    whole = num.is_between(least, most).fill_null(value=False)
    good, bad = records.filter(whole), records.filter(~whole)
    if bad.is_empty():
        return good, pl.DataFrame(schema=FAULT_SCHEMA)
    text = pl.col("raw").str.slice(0, 150)
    refused = bad.select(
        "line",
        code=pl.when(num.is_null() | least.is_not_null())
        .then(pl.lit("FIELDS"))
        .otherwise(pl.lit("RECORD_TYPE")),
        found=pl.format("{} cells in {}", num, text).fill_null("a line that is too long or has no end"),
        expected=pl.format("{} to {} cells in {}", least, most, "type").fill_null(
            f"one of the records {', '.join(types)} of {profile.name}"
        ),
    )
    return good, refused


def _by_type(numbers: dict[str, int]) -> pl.Expr:
    return pl.col("type").replace_strict(numbers, default=None, return_dtype=pl.UInt32)


def resources_of(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The resources that the records describe."""
    return _each(records, profile, "AS", RESOURCE_SCHEMA, _resource)


def releases_of(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The releases that the records describe."""
    return _each(records, profile, "RE", RELEASE_SCHEMA, _release)


def licensors_of(records: pl.DataFrame, profile: Profile, cells: tuple[str, ...]) -> pl.DataFrame:
    """What the records give to licensors: the `summary_id` and each of the cells."""
    schema = {"line": pl.Int64, "summary_id": pl.String, **dict.fromkeys(cells, pl.String)}

    def pick(record: Record) -> dict[str, pl.Expr]:
        return {
            "summary_id": _cell(record, "SummaryRecordId"),
            **{name: _cell(record, name) for name in cells},
        }

    return _each(records, profile, "LI", schema, pick)


def usages_of(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The usages that the records report, as the texts of their cells."""
    frames = [pl.DataFrame(schema=_USAGE_SCHEMA)]
    for code, spec in profile.usages.items():
        picked = _usage(profile.records[code], spec)
        frames.append(records.filter(pl.col("type") == code).select("line", "run", "type", **picked))
    return pl.concat(frames).sort("line")


def _usage(record: Record, spec: UsageCells) -> dict[str, pl.Expr]:
    cells = (
        "SummaryRecordId", "SalesTransactionId", spec.units, spec.counted or spec.units, spec.returns,
        spec.amount, spec.bearing, spec.used_on, spec.resource, spec.release,
    )  # fmt: skip
    elsewhere = spec.preceding or spec.resource
    texts = [_cell(record, cell) for cell in cells]
    return dict(zip(_TEXTS, [*texts, pl.lit(None, pl.String) if elsewhere else _own_id(record)], strict=True))


def _each(
    records: pl.DataFrame,
    profile: Profile,
    prefix: str,
    schema: dict[str, type[pl.DataType]],
    pick: Callable[[Record], dict[str, pl.Expr]],
) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=schema)]
    place = [name for name in ("line", "run") if name in schema]
    for code, record in profile.records.items():
        if code.startswith(prefix):
            frames.append(records.filter(pl.col("type") == code).select(*place, **pick(record)))
    return pl.concat(frames).sort("line")


def _resource(record: Record) -> dict[str, pl.Expr]:
    return {"ref": _cell(record, "ResourceReference"), "generation": _own_id(record)}


def _release(record: Record) -> dict[str, pl.Expr]:
    number = "ProprietarySubReleaseId" if "UsedResources" in record.cells else "ProprietaryReleaseId"
    return {
        "ref": _cell(record, "ReleaseReference"),
        "generation": _cell(record, number).str.extract(_OURS),
        "used": _cell(record, "UsedResources")
        if "UsedResources" in record.cells
        else pl.lit(None, pl.String),
    }


def _cell(record: Record, cell: str) -> pl.Expr:
    """The text of a cell, or null where it is empty or the record has none of that name."""
    if not cell:
        return pl.lit(None, pl.String)
    text = pl.col("cells").list.get(record.at(cell), null_on_oob=True)
    return pl.when(text != "").then(text)


def _own_id(record: Record) -> pl.Expr:
    """What a record names: our id by our namespace, the label's own id, the ISRC, or the sender's id."""
    spelled = [
        _cell(record, cell).str.extract(_OURS)
        for cell in ("ProprietaryResourceId", "ProprietaryReleaseId")
        if cell in record.cells
    ]
    label, sender = (
        _cell(record, cell if cell in record.cells else "") for cell in ("LabelResourceId", "DspResourceId")
    )
    isrc = _cell(record, next((cell for cell in ("ISRC", "ResourceISRC") if cell in record.cells), ""))
    mark = f"{NAMESPACE}::"
    ours = [pl.when(text.str.starts_with(mark)).then(text.str.strip_prefix(mark)) for text in (label, sender)]
    return pl.coalesce(
        *spelled, *ours, label, isrc_name(isrc.map_batches(_first_of, return_dtype=pl.String)), sender
    )


def _first_of(texts: pl.Series) -> pl.Series:
    """The first value of cells that may hold several."""
    return texts.str.extract(r"\A([^|]*)") if texts.str.contains("|", literal=True).any() else texts


def split_late(
    resources: pl.DataFrame, usages: pl.DataFrame, used_run: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The resources that come before the usages of their block, and the others as refused lines.

    Args:
        used_run: the block at the end of the part before, if it had a usage there, else -1.
    """
    first = usages.group_by("run").agg(_first=pl.col("line").min())
    marked = resources.join(first, on="run", how="left", maintain_order="left")
    late = (pl.col("line") > pl.col("_first")).fill_null(value=False) | (pl.col("run") == used_run)
    refused = marked.filter(late).select(
        "line",
        code=pl.lit("ORDER"),
        found=pl.format("resource {}", pl.col("ref").fill_null("")),
        expected=pl.lit("the resources of a block before its usages"),
    )
    return marked.filter(~late).drop("_first"), refused


def name_by_reference(usages: pl.DataFrame, resources: pl.DataFrame, releases: pl.DataFrame) -> pl.DataFrame:
    """The usages with the `generation` that their own record, or the one that they refer to, names.

    A reference that nothing or more than one record of the block has names none, and so does a release that
    holds more than one resource.
    """
    by_ref = resources.unique(["run", "ref"], keep="none").select(
        "run", resource="ref", _by_resource="generation"
    )
    named = usages.join(by_ref, on=["run", "resource"], how="left", maintain_order="left")
    if releases.is_empty():
        named = named.with_columns(_by_release=pl.lit(None, pl.String))
    else:
        only = resources.group_by("run").agg(_only=pl.col("generation").first(), _n=pl.len()).filter(
            pl.col("_n") == 1
        )  # fmt: skip
        held = releases.unique(["run", "ref"], keep="none").join(
            by_ref.rename({"resource": "used"}), on=["run", "used"], how="left"
        )
        held = held.join(only, on="run", how="left").select(
            "run",
            release="ref",
            _by_release=pl.coalesce(
                "generation", pl.when(pl.col("used").is_null()).then("_only").otherwise("_by_resource")
            ),
        )
        named = named.join(held, on=["run", "release"], how="left", maintain_order="left")
    one = pl.col("resource").is_null() | pl.col("release").is_null()
    generation = pl.when(one).then(pl.coalesce("own", "_by_resource", "_by_release"))
    return named.with_columns(generation=generation).drop("_by_resource", "_by_release")


def name_by_preceding(usages: pl.DataFrame, resources: pl.DataFrame) -> pl.DataFrame:
    """The usages with the `generation` of the last resource before them in their block."""
    before = resources.select("line", _run="run", generation="generation")
    named = usages.join_asof(before, on="line", strategy="backward")
    generation = pl.when(pl.col("_run") == pl.col("run")).then("generation")
    return named.with_columns(generation=generation).drop("_run")
