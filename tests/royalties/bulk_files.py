"""How is a month of the tests written down as the files of a bulk distribution?"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from royalties.bulk.packing import pack_attributions
from royalties.bulk.running import Sources

TEXTS = {name: pl.String for name in ("generation", "territory", "currency", "reliability", "digest", "work")}


def usage_rows(usage, currency="EUR"):
    return [
        {
            "generation": each.generation,
            "territory": each.territory,
            "used_on": each.used_on,
            "units": each.units,
            "revenue_minor": each.revenue_minor,
            "currency": currency,
        }
        for each in usage
    ]


def write_usage(path: Path, rows) -> Path:
    pl.DataFrame(rows).write_parquet(path)
    return path


def write_pack(folder: Path, attributions) -> Path:
    heads, rows = [], []
    for found in attributions.values():
        heads.append((found.generation, found.reliability, found.unattributed_ppm, found.digest))
        rows += [(found.generation, work, ppm) for work, ppm in found.shares_ppm.items()]
    heads_schema = {
        "generation": pl.String,
        "reliability": pl.String,
        "unattributed_ppm": pl.Int64,
        "digest": pl.String,
    }
    rows_schema = {"generation": pl.String, "work": pl.String, "share_ppm": pl.Int64}
    pl.DataFrame(heads, heads_schema, orient="row").write_parquet(folder / "generations.parquet")
    pl.DataFrame(rows, rows_schema, orient="row").write_parquet(folder / "attributions.parquet")
    pack_attributions([folder / "attributions.parquet"], [folder / "generations.parquet"], folder / "pack")
    return folder / "pack"


def write_exposure(path: Path, inputs) -> Path:
    works = sorted({*inputs.exposure.events} | inputs.public_domain)
    rows = [(work, inputs.exposure.events.get(work, 0), work in inputs.public_domain) for work in works]
    schema = {"work": pl.String, "events": pl.Int64, "public_domain": pl.Boolean}
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)
    return path


def share_rows(inputs, works, period, places=("DE", "SE")):
    """The shares of a month's inputs as terms: of each work, the days between which its shares stay the
    same."""
    rows = []
    rest = f"WORLD {' '.join(f'-{place}' for place in places)}"
    days = [
        period.starts_on + timedelta(days=n) for n in range((period.ends_before_on - period.starts_on).days)
    ]
    for work in sorted(works):
        told = {
            place: [inputs.shares_on([work], "mechanical", day, place).get(work, []) for day in days]
            for place in (*places, "FR")
        }
        everywhere = told["FR"]
        if all(each == everywhere[0] for answers in told.values() for each in answers):
            told = {"WORLD": everywhere}
        for place, answers in told.items():
            where = rest if place == "FR" else place
            starts = [n for n in range(len(days)) if n == 0 or answers[n] != answers[n - 1]]
            for first, end in zip(starts, [*starts[1:], len(days)], strict=True):
                starts_on = None if first == 0 else days[first]
                ends_on = None if end == len(days) else days[end]
                rows += [
                    (work, "mechanical", where, starts_on, ends_on, payee, ppm)
                    for payee, ppm in answers[first]
                ]
    return rows


def write_shares(path: Path, rows) -> Path:
    schema = {
        "work": pl.String, "right": pl.String, "territory": pl.String, "starts_on": pl.Date,
        "ends_on": pl.Date, "payee": pl.String, "share_ppm": pl.Int64,
    }  # fmt: skip
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)
    return path


def write_sources(folder: Path, usage, inputs, period) -> Sources:
    """Everything beside the policy, in a folder."""
    works = {*inputs.exposure.events, *(w for a in inputs.attributions.values() for w in a.shares_ppm)}
    return Sources(
        usage=(write_usage(folder / "usage.parquet", usage_rows(usage)),),
        pack=write_pack(folder, inputs.attributions),
        shares=(write_shares(folder / "shares.parquet", share_rows(inputs, works, period)),),
        exposure=write_exposure(folder / "exposure.parquet", inputs),
    )
