"""How are the attributions of millions of generations kept, so that a month's money runs over them in a
second?

A pack is a folder that is written once: `works.parquet` names every work, `attributions.arrow` (Arrow IPC,
read in place) has one row for each generation, in the order of their ids, with the works it leaned on as row
numbers of the former, and `pack.json` says what the digests of both are. Packs are checked when they are
made.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from catalog.findings import Finding
from royalties.bulk.files import (
    ATTRIBUTIONS,
    GENERATIONS,
    MAX_LISTED,
    bad_names,
    check_files,
    outside,
    repeated,
    scan,
    sync,
)
from royalties.digests import Json, canonical_json
from royalties.errors import BulkRefusedError
from royalties.money import PPM

TYPE = "contrafact.attribution-pack/1"
BATCH_ROWS = 16_384
LISTS = "attributions.arrow"
WORKS = "works.parquet"

Integers = NDArray[np.int64]
Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class PackReport:
    """What a pack holds."""

    digest: str
    generations: int
    works: int
    shares: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was checked against its digests; only `open_pack` makes one."""

    folder: Path
    digest: str
    num_generations: int
    num_works: int
    num_batches: int

    def heads(self, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of every generation, in the order of their numbers."""
        with pa.memory_map(str(self.folder.joinpath(LISTS))) as source:
            table = pa.ipc.open_file(source).read_all().select(list(columns))
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            return frame.rechunk()

    def works(self) -> pl.Series:
        """The ids of the works, in the order of their numbers."""
        return pl.read_parquet(self.folder.joinpath(WORKS))["work"]

    def batches(
        self, first: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, Integers, Numbers, Numbers]]:
        """Some of the batches: first generation's number, works of each generation, work numbers, shares."""
        with pa.memory_map(str(self.folder.joinpath(LISTS))) as source:
            reader = pa.ipc.open_file(source)
            for number in range(first, self.num_batches if end is None else end):
                batch = reader.get_batch(number)
                lists, parts = batch.column("works"), batch.column("shares_ppm")
                counts = np.diff(lists.offsets.to_numpy()).astype(np.int64)
                yield number * BATCH_ROWS, counts, lists.flatten().to_numpy(), parts.flatten().to_numpy()


def pack_attributions(attributions: Sequence[Path], generations: Sequence[Path], out: Path) -> PackReport:
    """Makes a pack of the attributions that two kinds of Parquet files tell; a pack that is there stays.

    Args:
        attributions: files with the columns `ATTRIBUTIONS`, in any order of lines.
        generations: files with the columns `GENERATIONS`.

    Raises:
        BulkRefusedError: the files have faults, all of which are listed, or `out` holds something else.
    """
    check_files(attributions, ATTRIBUTIONS, "attributions")
    check_files(generations, GENERATIONS, "generations")
    heads = scan(generations, GENERATIONS)
    rows = scan(attributions, ATTRIBUTIONS)
    faults = [
        *bad_names(heads, "generation", "generations"),
        *repeated(heads, ["generation"], "generations"),
        *outside(heads, "unattributed_ppm", 0, PPM, "generations"),
        *bad_names(rows, "work", "attributions"),
        *outside(rows, "share_ppm", 0, PPM, "attributions"),
    ]
    if faults:
        raise BulkRefusedError("attributions", faults)
    with staged(out) as folder:
        report = _write_pack(heads, rows, folder)
        return report if settle(folder, out, "pack.json") else describe(open_pack(out))


def _write_pack(heads: pl.LazyFrame, rows: pl.LazyFrame, folder: Path) -> PackReport:
    head = heads.sort("generation").collect()
    works = rows.select(pl.col("work").unique()).sort("work").collect()
    works.write_parquet(folder.joinpath(WORKS))
    numbered = _numbered(rows, head, works)
    _check_sums(head, numbered)
    per = np.bincount(numbered["generation_no"].to_numpy(), minlength=head.height)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(per)])
    _write_lists(head, numbered["work_no"].to_numpy(), numbered["share_ppm"].to_numpy(), offsets, folder)
    body: dict[str, Json] = {
        "type": TYPE,
        "generations": head.height,
        "works": works.height,
        "shares": numbered.height,
        "batch_rows": BATCH_ROWS,
        "files": {name: sha256(folder.joinpath(name)) for name in (LISTS, WORKS)},
    }
    data = canonical_json(body)
    folder.joinpath("pack.json").write_bytes(data)
    return PackReport(hashlib.sha256(data).hexdigest(), head.height, works.height, numbered.height)


def _numbered(rows: pl.LazyFrame, head: pl.DataFrame, works: pl.DataFrame) -> pl.DataFrame:
    """The rows with numbers for generations and works, in their order."""
    generation_no = head.lazy().select("generation").with_row_index("generation_no")
    work_no = works.lazy().with_row_index("work_no")
    unknown = rows.join(generation_no, on="generation", how="anti").select(pl.col("generation").unique())
    stray = unknown.sort("generation").head(MAX_LISTED).collect()["generation"]
    if len(stray):
        message = "has shares, but is in no file of generations"
        raise BulkRefusedError("attributions", [Finding("NO_GENERATION", name, message) for name in stray])
    joined = rows.join(generation_no, on="generation").join(work_no, on="work")
    columns = ("generation_no", "work_no", pl.col("share_ppm").cast(pl.UInt32))
    numbered = joined.select(*columns).collect().sort("generation_no", "work_no")
    again = numbered.filter(
        (pl.col("generation_no") == pl.col("generation_no").shift())
        & (pl.col("work_no") == pl.col("work_no").shift())
    ).head(MAX_LISTED)
    if again.height:
        names = zip(
            head["generation"].gather(again["generation_no"]),
            works["work"].gather(again["work_no"]),
            strict=True,
        )
        faults = [Finding("REPEATED", name, f"leans on work {work} twice") for name, work in names]
        raise BulkRefusedError("attributions", faults)
    return numbered


def _check_sums(head: pl.DataFrame, numbered: pl.DataFrame) -> None:
    sums = numbered.group_by("generation_no").agg(pl.col("share_ppm").cast(pl.Int64).sum())
    whole = (
        head.select("generation", "unattributed_ppm").with_row_index("generation_no")
        .join(sums, on="generation_no", how="left")
        .with_columns(total=pl.col("share_ppm").fill_null(0) + pl.col("unattributed_ppm").cast(pl.Int64))
        .filter(pl.col("total") != PPM).sort("generation").head(MAX_LISTED)
    )  # fmt: skip
    if whole.height:
        faults = [
            Finding("WRONG_SUM", name, f"its parts sum to {total:,} ppm; expected 1,000,000")
            for name, total in whole.select("generation", "total").iter_rows()
        ]
        raise BulkRefusedError("attributions", faults)


def _write_lists(
    head: pl.DataFrame, works: Numbers, shares: Numbers, offsets: Integers, folder: Path
) -> None:
    texts = ("generation", "reliability", "digest")
    schema = pa.schema(
        [*((name, pa.large_string()) for name in texts), ("unattributed_ppm", pa.int64())]
        + [(name, pa.large_list(pa.uint32())) for name in ("works", "shares_ppm")]
    )
    with pa.OSFile(str(folder.joinpath(LISTS)), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for first in range(0, head.height, BATCH_ROWS):
            part = head.slice(first, BATCH_ROWS)
            within = offsets[first : first + part.height + 1]
            chosen = slice(int(within[0]), int(within[-1]))
            starts = pa.array(within - within[0])
            columns = [pa.array(part[name].to_list(), pa.large_string()) for name in texts]
            columns.append(pa.array(part["unattributed_ppm"].to_list(), pa.int64()))
            columns += [
                pa.LargeListArray.from_arrays(starts, pa.array(values[chosen])) for values in (works, shares)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def open_pack(folder: Path, *, digested: bool = True) -> Pack:
    """A pack, after its files were digested again; without that only for parts of a job that did it.

    Raises:
        BulkRefusedError: it is none, or its files are not those that were written.
    """
    try:
        data = folder.joinpath("pack.json").read_bytes()
        body = json.loads(data)
        listed = body["files"].items() if digested else ()
        wrong = [name for name, digest in listed if sha256(folder.joinpath(name)) != digest]
        known = (
            body["type"] == TYPE and body["batch_rows"] == BATCH_ROWS and set(body["files"]) == {LISTS, WORKS}
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"is no pack of attributions ({str(error)[:100]}): make one with 'royalties bulk pack'"
        raise BulkRefusedError("attributions", [Finding("NO_PACK", str(folder), message)]) from error
    if wrong or not known:
        message = f"is damaged or of another version ({', '.join(wrong) or 'pack.json'}): pack again"
        raise BulkRefusedError("attributions", [Finding("DAMAGED_PACK", str(folder), message)])
    return Pack(
        folder=folder,
        digest=hashlib.sha256(data).hexdigest(),
        num_generations=body["generations"],
        num_works=body["works"],
        num_batches=-(-body["generations"] // BATCH_ROWS),
    )


def describe(pack: Pack) -> PackReport:
    """What the pack's own note says."""
    body = json.loads(pack.folder.joinpath("pack.json").read_bytes())
    return PackReport(pack.digest, body["generations"], body["works"], body["shares"])


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write in; what is left of it in the end is removed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name[:40]}.", suffix=".part", dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settle(folder: Path, out: Path, note: str) -> bool:
    """Gives a whole folder its final name; False if the same is there already.

    Raises:
        BulkRefusedError: something else is there.
    """
    sync(folder)
    folder.chmod(0o755)
    if not out.exists():
        folder.rename(out)
        return True
    found = out.joinpath(note)
    if found.is_file() and found.read_bytes() == folder.joinpath(note).read_bytes():
        return False
    message = "is there already and holds something else; nothing is overwritten: name another folder"
    raise BulkRefusedError(str(out), [Finding("OTHER_CONTENT", str(out), message)])
