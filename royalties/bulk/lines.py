"""What is a payee's amount for, line by line?

Lines are not kept: those of a payee follow from its amount, the run's sums and splits, and the pack of
attributions. They are the lines that `royalties.distribution.distribute` gives, in the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from catalog.findings import Finding
from royalties.bulk.packing import Pack, open_pack
from royalties.bulk.rights import ALWAYS, TRAINING
from royalties.bulk.running import BulkRun
from royalties.bulk.weighing import basis_of
from royalties.distribution import Allocation
from royalties.entitlement import Line, Payee, PayeeKind, SuspenseReason
from royalties.errors import BulkRefusedError, LedgerError, NotFoundError
from royalties.money import PPM, allocate_minor
from royalties.policy import DestinationKind, Pot, Rule

_TEXT = ("method", "generation", "territory", "work", "evidence")
_KEYS = ("method", "generation", "territory", "work", "share_ppm", "basis", "evidence")


def lines_of(run: BulkRun, pack_folder: Path, payee: str) -> list[Allocation]:
    """The lines of one payee, pot by pot, which sum to what the run gives it.

    Args:
        payee: a party's id, or an account: `party:ID`, `fund:NAME`, `suspense:REASON:ID`.

    Raises:
        NotFoundError: the run gives it nothing.
        BulkRefusedError: the pack is not the one of the run.
    """
    pack = open_pack(pack_folder)
    if pack.digest != run.body["inputs"]["attributions"]:
        message = "is another pack of attributions than the one that the run was made with"
        raise BulkRefusedError(str(pack_folder), [Finding("OTHER_PACK", str(pack_folder), message)])
    chosen = _account().is_in([payee, f"party:{payee}"])
    rows = run.table("payees").filter(chosen).collect()
    if not rows.height:
        raise NotFoundError(f"run {run.id} gives {payee} nothing")
    pots = {pot.name: pot for pot in run.policy.pots}
    found = []
    for name, kind, payee_id, reason, amount_minor in rows.iter_rows():
        receiver = _Receiver(run, pack, pots[name], Payee(PayeeKind(kind), payee_id, reason))
        found += receiver.lines(amount_minor)
    return found


def _account() -> pl.Expr:
    """The account of a payee in the ledger, as `royalties.entitlement.Payee` spells it."""
    kind = pl.col("kind")
    party = pl.when(kind == PayeeKind.PARTY.value).then(pl.format("party:{}", "id"))
    named = party.when(kind == PayeeKind.ACCOUNT.value).then("id")
    return named.otherwise(pl.format("suspense:{}:{}", "reason", "id"))


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A payee of one pot."""

    run: BulkRun
    pack: Pack
    pot: Pot
    payee: Payee

    def lines(self, amount_minor: int) -> list[Allocation]:
        weighed = {line: (weight, units, minor) for line, weight, units, minor in self._weighed()}
        if not weighed:
            weighed = {Line("no-works"): (1, 0, 0)}
        parts = allocate_minor(amount_minor, {line: entry[0] for line, entry in weighed.items()})
        if sum(parts.values()) != amount_minor:
            raise LedgerError(f"the lines of {self.payee.account} do not sum to its amount")
        return [
            Allocation(self.pot.name, self.payee, line, weighed[line][1], weighed[line][2], part)
            for line, part in parts.items()
            if part
        ]

    def _weighed(self) -> Iterator[tuple[Line, int, int, int]]:
        """Each line with its weight, units and revenue."""
        training = self.pot.rule is not Rule.ATTRIBUTION
        rule = str(self.pot.rule if training else self.pot.fallback)
        works = self.run.table("works").collect()
        basis = basis_of(rule, works.filter(~pl.col("public_domain")) if training else works)
        scale = int(basis["basis"].cast(pl.Int128).sum()) or 1
        if training:
            yield from self._rows(self._training(basis, works), scale, factor=1)
            return
        heads = self.pack.heads(["generation", "reliability", "unattributed_ppm", "digest"])
        heads = heads.with_row_index("generation_no")
        cells = self.run.table("cells").collect()
        is_sure = heads["reliability"].is_in(self.pot.reliable_when)
        sure, matched = heads.filter(is_sure), cells.filter(pl.col("generation_no") < heads.height)
        in_sure = is_sure.gather(matched["generation_no"])
        reliable, unsure = matched.filter(in_sure), matched.filter(~in_sure)
        yield from self._rows(self._attributed(reliable, sure, works), PPM, factor=scale)
        yield from self._rows(self._unattributed(reliable, sure), PPM, factor=scale)
        yield from self._rows(self._unmatched(cells, heads.height), 1, factor=scale * PPM)
        if basis.height:
            yield from self._rows(self._fallback(unsure, basis, works), scale, factor=PPM)
        else:
            yield from self._rows(self._unreliable(unsure, heads), 1, factor=scale * PPM)

    def _rows(self, frame: pl.DataFrame, total: int, factor: int) -> Iterator[tuple[Line, int, int, int]]:
        """Lines of a frame, whose weight is revenue x basis x share x factor; without revenue that of 1."""
        if not frame.height:
            return
        sums = frame.group_by(_KEYS).agg(pl.col("units", "revenue_minor").cast(pl.Int128).sum())
        for method, generation, territory, work, share, basis, evidence, units, minor in sums.iter_rows():
            line = Line(method, generation, territory, work, share, basis, total, evidence)
            yield line, (minor or 1) * basis * share * factor, units, minor

    def _mine(self) -> pl.DataFrame:
        """The splits that name this payee."""
        owners = self.run.table("owners").with_row_index("payee_no")
        named = owners.filter(
            (pl.col("kind") == self.payee.kind.value)
            & (pl.col("id") == self.payee.id)
            & (pl.col("reason") == self.payee.reason)
        )
        return self.run.table("splits").join(named.select("payee_no"), on="payee_no", how="semi").collect()

    def _training(self, basis: pl.DataFrame, works: pl.DataFrame) -> pl.DataFrame:
        mine = self._mine().filter(pl.col("epoch").is_in([ALWAYS, TRAINING]))
        rows = basis.join(mine, on="work_no").join(works.select("work_no", "work"), on="work_no")
        return _shaped(
            rows.with_columns(territory=pl.lit(self.run.policy.territory), units=0, revenue_minor=0),
            str(self.pot.rule), evidence=pl.lit(self._exposure),
        )  # fmt: skip

    def _attributed(self, reliable: pl.DataFrame, sure: pl.DataFrame, works: pl.DataFrame) -> pl.DataFrame:
        mine = self._mine().filter(pl.col("epoch") != TRAINING)
        parts = _parts_of(self.pack, mine["work_no"], works.height)
        used = parts.filter(pl.col("basis") > 0).join(reliable, on="generation_no")
        rows = (
            _split(used, mine)
            .join(sure, on="generation_no")
            .join(works.select("work_no", "work"), on="work_no")
        )
        return _shaped(rows, "attribution", evidence=pl.col("digest"))

    def _fallback(self, unsure: pl.DataFrame, basis: pl.DataFrame, works: pl.DataFrame) -> pl.DataFrame:
        keys = ("territory", "epoch")
        pooled = unsure.group_by(keys).agg(pl.col("units", "revenue_minor").cast(pl.Int128).sum())
        mine = self._mine().filter(pl.col("epoch") != TRAINING)
        touched = basis.join(mine.select("work_no").unique(), on="work_no").join(pooled, how="cross")
        rows = _split(touched, mine).join(works.select("work_no", "work"), on="work_no")
        return _shaped(rows, f"{self.pot.fallback}-fallback", evidence=pl.lit(self._exposure))

    def _unattributed(self, reliable: pl.DataFrame, sure: pl.DataFrame) -> pl.DataFrame:
        destination = self.run.policy.unattributed
        rows = sure.filter(pl.col("unattributed_ppm") > 0)
        if destination.kind is DestinationKind.SUSPENSE:
            rows = self._held(rows, SuspenseReason.RESIDUAL_ATTRIBUTION)
        elif self.payee != Payee(PayeeKind.ACCOUNT, str(destination)):
            rows = rows.clear()
        joined = reliable.join(rows, on="generation_no").with_columns(basis="unattributed_ppm")
        return _shaped(joined, "unattributed", evidence=pl.col("digest"))

    def _unmatched(self, cells: pl.DataFrame, num_generations: int) -> pl.DataFrame:
        names = self.run.table("unmatched").with_row_index("generation_no", offset=num_generations).collect()
        rows = self._held(names, SuspenseReason.UNMATCHED_WORK)
        return _shaped(cells.join(rows, on="generation_no"), "no-attribution")

    def _unreliable(self, unsure: pl.DataFrame, heads: pl.DataFrame) -> pl.DataFrame:
        rows = self._held(heads, SuspenseReason.RESIDUAL_ATTRIBUTION)
        return _shaped(unsure.join(rows, on="generation_no"), "unreliable", evidence=pl.col("digest"))

    def _held(self, rows: pl.DataFrame, reason: SuspenseReason) -> pl.DataFrame:
        """The generations whose money of this reason the payee is."""
        if (self.payee.kind, self.payee.reason) != (PayeeKind.SUSPENSE, reason.value):
            return rows.clear()
        return rows.filter(pl.col("generation") == self.payee.id)

    @property
    def _exposure(self) -> str:
        return str(self.run.body["inputs"]["exposure"])


def _parts_of(pack: Pack, work_nos: pl.Series, num_works: int) -> pl.DataFrame:
    """The parts that any generation gives to some works, as `basis`."""
    wanted = np.zeros(num_works, np.bool_)
    wanted[work_nos.to_numpy()] = True
    found = [pl.DataFrame(schema={"generation_no": pl.UInt32, "work_no": pl.UInt32, "basis": pl.UInt32})]
    for first, counts, works, shares in pack.batches() if len(work_nos) else ():
        places = np.flatnonzero(wanted[works])
        generations = np.searchsorted(np.cumsum(counts), places, side="right") + first
        columns = {
            "generation_no": generations.astype(np.uint32),
            "work_no": works[places],
            "basis": shares[places],
        }
        found.append(pl.DataFrame(columns))
    return pl.concat(found)


def _split(rows: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    """Rows with a work and an epoch, with the payee's share in the work then."""
    always = mine.filter(pl.col("epoch") == ALWAYS).select("work_no", "share_ppm")
    others = mine.select("work_no", "epoch", "share_ppm")
    both = [rows.join(always, on="work_no"), rows.join(others, on=["work_no", "epoch"])]
    return pl.concat(both, how="diagonal")


def _shaped(rows: pl.DataFrame, method: str, evidence: pl.Expr | None = None) -> pl.DataFrame:
    """Rows with every column of a line; those that are not there are what they are by default."""
    defaults: dict[str, pl.Expr] = {
        "generation": pl.lit(""),
        "work": pl.lit(""),
        "share_ppm": pl.lit(PPM, pl.Int64),
        "basis": pl.lit(1, pl.Int64),
    }
    rows = rows.with_columns(**{name: value for name, value in defaults.items() if name not in rows.columns})
    rows = rows.with_columns(method=pl.lit(method), evidence=pl.lit("") if evidence is None else evidence)
    return rows.select(
        pl.col(_TEXT).cast(pl.String), pl.col("share_ppm", "basis").cast(pl.Int64),
        pl.col("units", "revenue_minor").cast(pl.Int128),
    )  # fmt: skip
