"""What does each payee weigh in a pot, exactly?

Sums of usage ("cells") weigh works, works weigh payees. Work weights are revenue x ppm, summed over a dense
array in 64 bits when no sum can leave them, else in limbs that cannot; payee weights are sums in 128 bits;
what is beyond is in Python's own integers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from royalties.bulk.packing import Integers, Pack, open_pack
from royalties.bulk.rights import ALWAYS, PAYEE, TRAINING, Splits
from royalties.bulk.workers import Workers
from royalties.entitlement import PayeeKind, SuspenseReason
from royalties.money import MAX_MINOR, PPM
from royalties.policy import DestinationKind, Policy, Pot, Rule

PayeeKey = tuple[str, str, str]
"""Kind, id and reason: sorted as `royalties.entitlement.Payee` is."""

NO_WORKS: PayeeKey = (PayeeKind.SUSPENSE.value, "", SuspenseReason.UNMATCHED_WORK.value)


@dataclass(frozen=True, slots=True)
class Ground:
    """What all pots of a run are weighed on.

    `cells` is what `cells_of` gives; `works` is by number; `changing` has the parts (`generation_no`,
    `work_no`, `share_ppm`) of works whose splits differ between epochs.
    """

    pack: Pack
    cells: pl.DataFrame
    unmatched: pl.Series
    works: pl.DataFrame
    splits: Splits
    changing: pl.DataFrame


@dataclass(frozen=True, slots=True)
class WorkPart:
    """Some batches of a pack to sum by work, and the files with the revenue and for the sums."""

    pack: str
    first: int
    end: int
    revenue: str
    target: str


def parts_of_changing(pack: Pack, used: pl.Series, changing: pl.DataFrame, num_works: int) -> pl.DataFrame:
    """The parts that used generations give to some works.

    Args:
        used: the numbers of the generations with usage.
        changing: the numbers of the works.
    """
    found = [pl.DataFrame(schema={"generation_no": pl.UInt32, "work_no": pl.UInt32, "share_ppm": pl.UInt32})]
    if not changing.height:
        return found[0]
    of_work = np.zeros(num_works, np.bool_)
    of_work[changing["work_no"].to_numpy()] = True
    of_generation = np.zeros(pack.num_generations, np.bool_)
    of_generation[used.to_numpy()] = True
    for first, counts, works, shares in pack.batches():
        generations = np.repeat(np.arange(first, first + len(counts), dtype=np.uint32), counts)
        mask = of_work[works] & of_generation[generations]
        columns = {"generation_no": generations[mask], "work_no": works[mask], "share_ppm": shares[mask]}
        found.append(pl.DataFrame(columns))
    return pl.concat(found)


def limbs_of(values: Integers) -> tuple[int, Integers]:
    """Numbers of at least 0 as rows of limbs, and the bits of a limb.

    The limbs of a row, each multiplied by at most 1,000,000, sum within 64 bits.
    """
    total = int(pl.Series(values).cast(pl.Int128).sum())
    if total * PPM <= MAX_MINOR:
        return 0, values.reshape(1, -1)
    bits = (MAX_MINOR // (PPM * len(values))).bit_length() - 1
    count = -(-int(values.max()).bit_length() // bits)
    mask = (1 << bits) - 1
    return bits, np.stack([(values >> (bits * number)) & mask for number in range(count)])


def sum_works(part: WorkPart) -> str:
    """Writes the sums of revenue x ppm of each work over some batches, limb by limb."""
    pack = open_pack(Path(part.pack), digested=False)
    revenue = np.load(part.revenue, mmap_mode="r", allow_pickle=False)
    sums = np.zeros((revenue.shape[0], pack.num_works), np.int64)
    for first, counts, works, shares in pack.batches(part.first, part.end):
        for limb, target in zip(revenue, sums, strict=True):
            own = np.asarray(limb[first : first + len(counts)])
            if own.any():
                weights = np.repeat(own, counts)
                weights *= shares
                np.add.at(target, works, weights)
    np.save(part.target, sums)
    return part.target


def weigh_works(
    pack: Pack, revenue: Integers, workers: Workers, num_parts: int, scratch: Path
) -> pl.DataFrame:
    """`work_no` and `weight`: the sum of revenue x ppm of each work that has one.

    Args:
        revenue: of each generation of the pack, at least 0.
    """
    bits, limbs = limbs_of(revenue)
    np.save(scratch.joinpath("revenue.npy"), limbs)
    count = max(1, min(num_parts, pack.num_batches))
    bounds = [pack.num_batches * number // count for number in range(count + 1)]
    parts = [
        WorkPart(
            str(pack.folder),
            first,
            end,
            str(scratch.joinpath("revenue.npy")),
            str(scratch.joinpath(f"works-{number}.npy")),
        )
        for number, (first, end) in enumerate(pairwise(bounds))
    ]
    weight = pl.Series("weight", [], pl.Int128).extend_constant(0, pack.num_works)
    for path in workers.map(sum_works, parts):
        for number, limb in enumerate(np.load(path, allow_pickle=False)):
            weight = weight + pl.Series(limb).cast(pl.Int128) * pl.Series(
                [1 << (bits * number)], dtype=pl.Int128
            )
    return pl.DataFrame([weight.alias("weight")]).with_row_index("work_no").filter(pl.col("weight") > 0)


@dataclass(frozen=True, slots=True)
class Weigher:
    """Weighs the pots of one policy."""

    policy: Policy
    ground: Ground
    heads: pl.DataFrame
    workers: Workers
    num_parts: int
    scratch: Path

    def weigh(self, pot: Pot) -> dict[PayeeKey, int]:
        """The weight of every payee; the same proportions as those of `royalties.distribution`."""
        weights: dict[PayeeKey, int] = {}
        entries = self._output(pot) if pot.rule is Rule.ATTRIBUTION else self._training(pot)
        for key, weight in entries:
            weights[key] = weights.get(key, 0) + weight
        return weights or {NO_WORKS: 1}

    def _training(self, pot: Pot) -> Iterator[tuple[PayeeKey, int]]:
        licensed = basis_of(str(pot.rule), self.ground.works.filter(~pl.col("public_domain")))
        chosen = self.ground.splits.frame.filter(pl.col("epoch").is_in([ALWAYS, TRAINING]))
        yield from self._named(_summed(licensed.join(chosen, on="work_no"), pl.col("basis"), "payee_no"))

    def _output(self, pot: Pot) -> Iterator[tuple[PayeeKey, int]]:
        basis = basis_of(str(pot.fallback), self.ground.works)
        scale = int(basis["basis"].cast(pl.Int128).sum()) or 1
        cells, heads = self.ground.cells, self.heads
        matched = cells.filter(pl.col("generation_no") < heads.height)
        reliable = heads["reliability"].is_in(pot.reliable_when)
        is_reliable = reliable.gather(matched["generation_no"])
        sure, unsure = matched.filter(is_reliable), matched.filter(~is_reliable)
        for key, weight in self._named(self._attributed(sure)):
            yield key, weight * scale
        yield from ((key, weight * scale) for key, weight in self._unattributed(sure))
        names = self.ground.unmatched
        stray = _by_generation(cells.filter(pl.col("generation_no") >= heads.height))
        for number, minor in stray.iter_rows():
            key = _held(names[number - heads.height], SuspenseReason.UNMATCHED_WORK)
            yield key, minor * PPM * PPM * scale
        if basis.height:
            yield from self._fallback(unsure, basis)
        else:
            whole = _by_generation(unsure)
            yield from ((key, w * PPM * PPM) for key, w in self._residual(whole, whole["revenue_minor"]))

    def _attributed(self, sure: pl.DataFrame) -> pl.DataFrame:
        revenue = np.zeros(self.heads.height, np.int64)
        np.add.at(revenue, sure["generation_no"].to_numpy(), sure["revenue_minor"].to_numpy())
        g = self.ground
        fixed = weigh_works(g.pack, revenue, self.workers, self.num_parts, self.scratch)
        always = g.splits.frame.filter(pl.col("epoch") == ALWAYS).drop("epoch")
        parts = [_summed(fixed.join(always, on="work_no"), pl.col("weight"), "payee_no")]
        if g.changing.height:
            product = pl.col("revenue_minor").cast(pl.Int128) * pl.col("share_ppm")
            moving = (
                g.changing.join(sure, on="generation_no")
                .group_by("work_no", "epoch")
                .agg(weight=product.sum())
            )
            split = moving.join(g.splits.frame, on=["work_no", "epoch"])
            parts.append(_summed(split.filter(pl.col("weight") > 0), pl.col("weight"), "payee_no"))
        return pl.concat(parts)

    def _unattributed(self, sure: pl.DataFrame) -> Iterator[tuple[PayeeKey, int]]:
        per = _by_generation(sure)
        rest = self.heads["unattributed_ppm"].gather(per["generation_no"])
        products = (per["revenue_minor"] * rest.cast(pl.Int128)).alias("product")
        chosen = products > 0
        destination = self.policy.unattributed
        if destination.kind is DestinationKind.SUSPENSE:
            yield from ((k, w * PPM) for k, w in self._residual(per.filter(chosen), products.filter(chosen)))
        elif chosen.any():
            yield (PayeeKind.ACCOUNT.value, str(destination), ""), int(products.sum()) * PPM

    def _residual(self, per: pl.DataFrame, weights: pl.Series) -> Iterator[tuple[PayeeKey, int]]:
        names = self.ground.pack.heads(["generation"])["generation"].gather(per["generation_no"])
        for name, weight in zip(names, weights, strict=True):
            yield _held(name, SuspenseReason.RESIDUAL_ATTRIBUTION), weight

    def _fallback(self, unsure: pl.DataFrame, basis: pl.DataFrame) -> Iterator[tuple[PayeeKey, int]]:
        if not unsure.height:
            return
        minor_of = dict(
            unsure.group_by("epoch").agg(pl.col("revenue_minor").cast(pl.Int128).sum()).iter_rows()
        )
        minor_of[ALWAYS] = sum(minor_of.values())
        chosen = self.ground.splits.frame.filter(pl.col("epoch").is_in(list(minor_of)))
        split = _summed(basis.join(chosen, on="work_no"), pl.col("basis"), "payee_no", "epoch")
        for key, weight, epoch in self._rows(split):
            yield key, weight * minor_of[epoch] * PPM

    def _named(self, frame: pl.DataFrame) -> Iterator[tuple[PayeeKey, int]]:
        return (
            (row[0], row[1]) for row in self._rows(frame.group_by("payee_no").agg(pl.col("weight").sum()))
        )

    def _rows(self, frame: pl.DataFrame) -> Iterable[tuple[PayeeKey, int, int]]:
        payees = self.ground.splits.payees.select(PAYEE)[frame["payee_no"]]
        epochs = frame["epoch"] if "epoch" in frame.columns else pl.repeat(ALWAYS, frame.height, eager=True)
        return zip(payees.iter_rows(), frame["weight"], epochs, strict=True)


def basis_of(rule: str, works: pl.DataFrame) -> pl.DataFrame:
    """The weight of each work that the model saw; none under a rule that does not look at training."""
    if rule not in (Rule.EQUAL, Rule.EXPOSURE):
        return pl.DataFrame(schema={"work_no": pl.UInt32, "basis": pl.Int64})
    basis = pl.lit(1, pl.Int64) if rule == Rule.EQUAL else pl.col("events")
    return works.filter(pl.col("events") > 0).select("work_no", basis=basis)


def _summed(split: pl.DataFrame, weight: pl.Expr, *keys: str) -> pl.DataFrame:
    product = weight.cast(pl.Int128) * pl.col("share_ppm")
    return split.group_by(keys).agg(weight=product.sum())


def _by_generation(cells: pl.DataFrame) -> pl.DataFrame:
    return (
        cells.group_by("generation_no")
        .agg(pl.col("revenue_minor").cast(pl.Int128).sum())
        .sort("generation_no")
    )


def _held(name: str, reason: SuspenseReason) -> PayeeKey:
    return PayeeKind.SUSPENSE.value, name, reason.value
