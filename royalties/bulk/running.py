"""How does a month's usage become a run in a folder, the same whoever computed which part of it?

The folder holds what every payee gets (`payees.parquet`), everything from which a payee's lines follow
(`cells`, `splits`, `owners`, `works`, `unmatched`), and `manifest.json`: the policy, the totals and one
digest for each of these. The digests are of the values, sorted, so that they do not depend on the order of
the usage, on threads, on the number of parts, or on how a Parquet file happens to be written. The folder gets
its final name when it is whole.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from catalog.findings import Finding
from royalties.bulk.packing import open_pack, settle, staged
from royalties.bulk.rights import Divider, Place, read_shares, read_works
from royalties.bulk.summing import Sums, cells_of, sum_usage, territory_type
from royalties.bulk.taken import check_policy
from royalties.bulk.weighing import Ground, PayeeKey, Weigher, parts_of_changing
from royalties.bulk.workers import Here, Workers
from royalties.digests import Json, canonical_json
from royalties.entitlement import PayeeKind
from royalties.errors import BulkRefusedError, LedgerError
from royalties.money import PPM, allocate_minor
from royalties.periods import Period, parse_period
from royalties.policy import DestinationKind, Policy, Rule, parse_policy

TYPE = "contrafact.bulk-run/1"
MANIFEST = "manifest.json"
_TO_POT = f"{DestinationKind.POT.value}:"
_ACCOUNT, _PARTY, _SUSPENSE = PayeeKind.ACCOUNT.value, PayeeKind.PARTY.value, PayeeKind.SUSPENSE.value
TABLES = ("cells", "splits", "owners", "works", "unmatched", "payees")
"""`owners` names the payees to whom the numbers in `splits` point."""


@dataclass(frozen=True, slots=True)
class BulkReport:
    """A run: the pool is what was allocated plus what is in suspense."""

    run: str
    period: str
    currency: str
    gross_minor: int
    pool_minor: int
    allocated_minor: int
    suspense_minor: int
    parties: int
    generations: int
    cells: int


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that decide a run beside its policy: usage, pack of attributions, shares and exposure."""

    usage: tuple[Path, ...]
    pack: Path
    shares: tuple[Path, ...]
    exposure: Path


@dataclass(frozen=True, slots=True)
class BulkRun:
    """A run in a folder; only `open_run` makes one."""

    folder: Path
    body: Mapping[str, Any]
    policy: Policy
    period: Period

    @property
    def id(self) -> str:
        """What the run is called: it follows from everything that the manifest says."""
        return _run_id(canonical_json(dict(self.body)))

    def table(self, name: str) -> pl.LazyFrame:
        """One of the run's `TABLES`."""
        return pl.scan_parquet(self.folder.joinpath(f"{name}.parquet"))


def run_bulk(
    sources: Sources,
    policy: Policy,
    period: Period,
    out: Path,
    workers: Workers | None = None,
    num_parts: int = 1,
) -> BulkReport:
    """Distributes a period by a policy into a folder; where the same run is there already, nothing changes.

    Args:
        out: the run's folder. The scratch files of parts lie beside it, under a hidden name.
        num_parts: into how many parts usage and attributions are cut.

    Raises:
        BulkRefusedError: a file or the policy cannot be used, or `out` holds something else.
        NothingToDistributeError: there is no usage in the period, or less revenue than refunds.
        CurrencyMismatchError: some usage is in another currency than the policy.
        MoneyRangeError: a sum does not fit into 64 bits.
    """
    check_policy(policy)
    with staged(out) as folder:
        scratch = folder.joinpath("scratch")
        scratch.mkdir()
        ground, gross_minor = lay_ground(sources, policy, period, workers or Here(), num_parts, scratch)
        body, tables = divide(ground, policy, period, gross_minor, workers or Here(), num_parts, scratch)
        for path in scratch.iterdir():
            path.unlink()
        scratch.rmdir()
        for name, table in tables.items():
            table.write_parquet(folder.joinpath(f"{name}.parquet"))
        data = canonical_json(body)
        folder.joinpath(MANIFEST).write_bytes(data)
        settle(folder, out, MANIFEST)
    return report_of(body)


def lay_ground(
    sources: Sources, policy: Policy, period: Period, workers: Workers, num_parts: int, scratch: Path
) -> tuple[Ground, int]:
    """What the pots are weighed on, and the gross revenue."""
    pack = open_pack(sources.pack)
    works = read_works(sources.exposure, pack.works())
    table = read_shares(sources.shares, str(policy.right), works, period)
    sums = sum_usage(
        sources.usage, pack, period, policy.currency, table.breaks, workers, num_parts, scratch
    )  # fmt: skip
    divider = Divider(table, works, _places(sums), (policy.territory, table.last_span))
    changing = parts_of_changing(pack, sums.used, divider.changing, works.height)
    named = pl.concat([changing.select("work_no"), works.filter("exposed").select("work_no")]).unique()
    free = policy.public_domain
    payee = None if free.kind is DestinationKind.SUSPENSE else (PayeeKind.ACCOUNT.value, str(free), "")
    splits = divider.divide(named.join(divider.changing, on="work_no"), payee)
    epoch_of = splits.epoch_of.with_columns(pl.col("territory").cast(territory_type()))
    return Ground(
        pack, cells_of(sums.frame, epoch_of), sums.unmatched, works, splits, changing
    ), sums.gross_minor


def _places(sums: Sums) -> list[Place]:
    return [(str(territory), span) for territory, span in sums.places.iter_rows()]


def divide(
    ground: Ground,
    policy: Policy,
    period: Period,
    gross_minor: int,
    workers: Workers,
    num_parts: int,
    scratch: Path,
) -> tuple[dict[str, Json], dict[str, pl.DataFrame]]:
    """The run's manifest and its tables.

    Raises:
        LedgerError: the sums do not hold.
    """
    net_ppm = PPM - policy.deductions_ppm
    split = allocate_minor(
        gross_minor,
        {
            "deductions": policy.deductions_ppm * PPM,
            "pool": net_ppm * policy.pool_rate_ppm,
            "provider": net_ppm * (PPM - policy.pool_rate_ppm),
        },
    )
    own = allocate_minor(split["pool"], {pot.name: pot.share_ppm for pot in policy.pots})
    received = dict.fromkeys(own, 0)
    heads = ground.pack.heads(["reliability", "unattributed_ppm"])
    weigher = Weigher(policy, ground, heads, workers, num_parts, scratch)
    rows: list[tuple[str, str, str, str, int]] = []
    for pot in sorted(policy.pots, key=lambda pot: pot.rule is not Rule.ATTRIBUTION):
        amount_minor = own[pot.name] + received[pot.name]
        if not amount_minor:
            continue
        for key, part_minor in allocate_minor(amount_minor, weigher.weigh(pot)).items():
            target = _receiving_pot(key)
            if part_minor and target is not None:
                received[target] += part_minor
            if part_minor:
                rows.append((pot.name, *key, part_minor))
    tables = _tables(ground, rows)
    body = _manifest(policy, period, gross_minor, split, own, received, tables["payees"])
    body["inputs"] = {
        "attributions": ground.pack.digest,
        "generations": str(heads.height),
        "exposure": exposure_digest(ground.works),
    }
    body["tables"] = {name: digest_frame(table) for name, table in tables.items()}
    body["cells"] = str(ground.cells.height)
    _check(body, tables["payees"])
    return body, tables


def _receiving_pot(key: PayeeKey) -> str | None:
    kind, name, _ = key
    return name.removeprefix(_TO_POT) if kind == _ACCOUNT and name.startswith(_TO_POT) else None


def _tables(ground: Ground, rows: list[tuple[str, str, str, str, int]]) -> dict[str, pl.DataFrame]:
    schema = {
        "pot": pl.String,
        "kind": pl.String,
        "id": pl.String,
        "reason": pl.String,
        "amount_minor": pl.Int64,
    }
    return {
        "cells": ground.cells,
        "splits": ground.splits.frame,
        "owners": ground.splits.payees,
        "works": ground.works,
        "unmatched": pl.DataFrame({"generation": ground.unmatched}, schema={"generation": pl.String}),
        "payees": pl.DataFrame(rows, schema=schema, orient="row").sort("pot", "kind", "id", "reason"),
    }


def _manifest(
    policy: Policy,
    period: Period,
    gross_minor: int,
    split: Mapping[str, int],
    own: Mapping[str, int],
    received: Mapping[str, int],
    payees: pl.DataFrame,
) -> dict[str, Json]:
    kept = payees.filter((pl.col("kind") != _ACCOUNT) | ~pl.col("id").str.starts_with(_TO_POT))
    held = pl.col("kind") == _SUSPENSE
    totals = {
        "gross_minor": gross_minor,
        "deductions_minor": split["deductions"],
        "provider_minor": split["provider"],
        "pool_minor": split["pool"],
        "allocated_minor": _total(kept.filter(~held)),
        "suspense_minor": _total(kept.filter(held)),
    }
    pots: list[Json] = [
        {"name": pot.name, "own_minor": str(own[pot.name]), "received_minor": str(received[pot.name])}
        for pot in policy.pots
    ]
    return {
        "type": TYPE,
        "period": period.name,
        "currency": policy.currency,
        "policy": {"digest": policy.digest, "source": policy.source},
        "totals": {name: str(value) for name, value in totals.items()},
        "pots": pots,
        "parties": str(kept.filter(pl.col("kind") == _PARTY)["id"].n_unique()),
    }


def _total(payees: pl.DataFrame) -> int:
    return int(payees["amount_minor"].cast(pl.Int128).sum())


def _check(body: Mapping[str, Any], payees: pl.DataFrame) -> None:
    """The invariants of `royalties.distribution.check_distribution`, on the run's own totals."""
    totals = {name: int(value) for name, value in body["totals"].items()}
    faults = []
    for pot in body["pots"]:
        given_minor = _total(payees.filter(pl.col("pot") == pot["name"]))
        if given_minor != int(pot["own_minor"]) + int(pot["received_minor"]):
            faults.append(f"pot {pot['name']} gave {given_minor}")
    if totals["gross_minor"] != totals["deductions_minor"] + totals["provider_minor"] + totals["pool_minor"]:
        faults.append("gross is not deductions + provider + pool")
    if totals["pool_minor"] != totals["allocated_minor"] + totals["suspense_minor"]:
        faults.append("pool is not allocated + held")
    if faults:
        raise LedgerError(f"the distribution of {body['period']} does not add up: {'; '.join(faults)}")


def exposure_digest(works: pl.DataFrame) -> str:
    """The digest that `royalties.runs.make_exposure` gives the exposure, which lines show as evidence."""
    rows = works.filter("exposed").select("work", "events").sort("work")
    spelled = rows.select(pl.format("{}\x1f{}\x1e", "work", "events").str.join("")).item()
    return hashlib.sha256((spelled or "").encode()).hexdigest()


def digest_frame(frame: pl.DataFrame) -> str:
    """The SHA-256 of a table's values in their order, whatever file they lie in.

    A column is its name and length, then its integers in 64 bits, or its texts with record separators
    between.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name].rechunk()
        digest.update(f"{name} {frame.height}\x1e".encode())
        if isinstance(column.dtype, pl.Enum):
            column, texts = _numbered(column)
            digest.update(texts)
        if column.dtype == pl.String:
            digest.update((column.str.join("\x1e").item() or "").encode() + b"\x1f")
        else:
            digest.update(column.cast(pl.Int64).to_numpy().astype("<i8", copy=False).tobytes())
    return digest.hexdigest()


def _numbered(column: pl.Series) -> tuple[pl.Series, bytes]:
    """A column of few texts as numbers, and which texts these stand for; other texts leave no trace."""
    present = column.unique().cast(pl.String).sort()
    texts = (present.str.join("\x1e").item() or "").encode() + b"\x1f"
    return column.cast(pl.Enum(present)).to_physical(), texts


def open_run(folder: Path) -> BulkRun:
    """A run by its folder; its tables are not digested again, which is what `verify_run` is for.

    Raises:
        BulkRefusedError: the folder holds no run.
    """
    try:
        body = json.loads(folder.joinpath(MANIFEST).read_bytes())
        policy, _ = parse_policy(body["policy"]["source"].encode())
        period = parse_period(body["period"])
        known = body["type"] == TYPE and policy is not None and policy.digest == body["policy"]["digest"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"is no run ({str(error)[:100]}): make one with 'contrafact royalties bulk run'"
        raise BulkRefusedError(str(folder), [Finding("NO_RUN", str(folder), message)]) from error
    if not known or policy is None:
        message = "its manifest is of another version, or was changed"
        raise BulkRefusedError(str(folder), [Finding("NO_RUN", str(folder), message)])
    return BulkRun(folder, body, policy, period)


def report_of(body: Mapping[str, Any]) -> BulkReport:
    """What a manifest says of its run."""
    totals = {name: int(value) for name, value in body["totals"].items()}
    return BulkReport(
        run=_run_id(canonical_json(dict(body))),
        period=body["period"],
        currency=body["currency"],
        gross_minor=totals["gross_minor"],
        pool_minor=totals["pool_minor"],
        allocated_minor=totals["allocated_minor"],
        suspense_minor=totals["suspense_minor"],
        parties=int(body["parties"]),
        generations=int(body["inputs"]["generations"]),
        cells=int(body["cells"]),
    )


def _run_id(manifest: bytes) -> str:
    return f"bulk_{hashlib.sha256(manifest).hexdigest()[:32]}"
