"""A month of usage for the demo: invented services, invented plays, in the documented CSV form."""

import csv
import io
import random
from collections.abc import Sequence
from datetime import date, timedelta

from royalties.usage_lines import COLUMNS

PERIOD = "2026-10"
FIRST_ON = date(2026, 10, 1)
NUM_DAYS = 31
SERVICES = (
    ("Example Stream (invented)", "OnDemandStream", 300, 4),
    ("Example Shorts (invented)", "NonInteractiveStream", 900, 1),
    ("Example Store (invented)", "PermanentDownload", 4, 990),
)
TERRITORIES = ("SE", "DE", "FR", "NL", "PL", "ES", "IT", "DK")


def usage_csv(generations: Sequence[str], seed: int) -> bytes:
    """A usage file of one month: each service, territory and day reports each generation once.

    The same generations and seed give the same bytes.
    """
    chance = random.Random(seed)  # noqa: S311 (invented plays, no secret)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, "revenue_minor"])
    popularity = {generation: chance.randint(2, 9) for generation in generations}
    for day in range(NUM_DAYS):
        used_on = FIRST_ON + timedelta(days=day)
        for territory in TERRITORIES:
            for service, use_type, plays, price_minor in SERVICES:
                for generation in generations:
                    units = chance.randint(0, plays) * popularity[generation] // 5
                    if not units:
                        continue
                    line_id = f"{used_on}-{territory}-{use_type}-{generation}"
                    revenue_minor = units * price_minor // (1 if price_minor > 1 else 2)
                    writer.writerow(
                        [
                            line_id,
                            generation,
                            territory,
                            service,
                            use_type,
                            used_on,
                            units,
                            "EUR",
                            revenue_minor,
                        ]
                    )
    return buffer.getvalue().encode("utf-8")
