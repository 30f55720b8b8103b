"""Is a run what its manifest says, and does it follow from what it was made of?

Nothing of what the run says of itself is believed: its tables are digested again, and every payee's amount is
computed again from them; with the sources at hand the whole run is made again.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from royalties.bulk.packing import open_pack
from royalties.bulk.rights import PAYEE, Splits
from royalties.bulk.running import MANIFEST, TABLES, BulkRun, Sources, digest_frame, divide, run_bulk
from royalties.bulk.summing import territory_type
from royalties.bulk.weighing import Ground, parts_of_changing
from royalties.bulk.workers import Here
from royalties.digests import canonical_json
from royalties.errors import RoyaltiesError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    holds: bool
    found: str = ""


def verify_run(run: BulkRun, pack_folder: Path) -> list[Check]:
    """What holds of a run by its folder and its pack of attributions alone."""
    checks = [_digested(run, name) for name in TABLES]
    try:
        pack = open_pack(pack_folder)
    except RoyaltiesError as error:
        return [*checks, Check("attributions", holds=False, found=str(error))]
    checks.append(_same("attributions", str(run.body["inputs"]["attributions"]), pack.digest))
    if all(check.holds for check in checks):
        checks.append(_computed(run, pack_folder))
    return checks


def verify_sources(run: BulkRun, sources: Sources) -> Check:
    """Whether the same run comes out of the files that it was made from."""
    with tempfile.TemporaryDirectory() as name:
        again = Path(name).joinpath("run")
        try:
            run_bulk(sources, run.policy, run.period, again)
        except RoyaltiesError as error:
            return Check("sources", holds=False, found=str(error))
        same = again.joinpath(MANIFEST).read_bytes() == canonical_json(dict(run.body))
        return Check("sources", holds=same, found="" if same else "another run comes out of these files")


def _digested(run: BulkRun, name: str) -> Check:
    try:
        found = digest_frame(run.table(name).collect())
    except (pl.exceptions.PolarsError, OSError) as error:
        return Check(name, holds=False, found=f"cannot be read: {str(error)[:200]}")
    return _same(name, str(run.body["tables"].get(name)), found)


def _same(name: str, expected: str, found: str) -> Check:
    if found == expected:
        return Check(name, holds=True)
    return Check(name, holds=False, found=f"has digest {found}; expected {expected}")


def _computed(run: BulkRun, pack_folder: Path) -> Check:
    """Whether the amounts and totals follow from sums, splits and attributions."""
    try:
        ground = _ground(run, pack_folder)
        gross_minor = int(run.body["totals"]["gross_minor"])
        with tempfile.TemporaryDirectory() as scratch:
            body, _ = divide(ground, run.policy, run.period, gross_minor, Here(), 1, Path(scratch))
    except (RoyaltiesError, ValueError, KeyError, pl.exceptions.PolarsError) as error:
        return Check("amounts", holds=False, found=str(error)[:500])
    different = sorted(name for name in {*body, *run.body} if body.get(name) != run.body.get(name))
    return Check(
        "amounts", holds=not different, found=f"differs in {', '.join(different)}" if different else ""
    )


def _ground(run: BulkRun, pack_folder: Path) -> Ground:
    pack = open_pack(pack_folder, digested=False)
    tables = {name: run.table(name).collect() for name in TABLES}
    cells = tables["cells"].with_columns(pl.col("territory").cast(pl.String).cast(territory_type()))
    changing = tables["splits"].filter(pl.col("epoch") >= 0).select(pl.col("work_no").unique())
    used = cells["generation_no"].unique()
    parts = parts_of_changing(
        pack, used.filter(used < pack.num_generations), changing, tables["works"].height
    )
    no_epochs = pl.DataFrame(schema={"territory": pl.String, "span": pl.UInt16, "epoch": pl.Int32})
    splits = Splits(tables["splits"], tables["owners"].select(PAYEE), no_epochs)
    return Ground(pack, cells, tables["unmatched"]["generation"], tables["works"], splits, parts)
