"""What sales reports do the tests read, and what do they say to a slow, obvious reader?

The reader here shares no code with `royalties.dsr_reader`: it goes line by line, with `csv` for the escapes
and fractions for the amounts, and believes the report.
"""

import csv
import io
from fractions import Fraction
from math import floor

from royalties.dsr_columns import find_profile

BASIC = ("BasicAudioProfile", "1.2")
BASIC_SINGLE = ("BasicAudioProfileSRB", "1.2")
ROYALTY = ("RoyaltyReportingProfile", "1.0.1")
FINANCIAL = ("FinancialReportingToRecordCompaniesProfileSRB", "1.0")
NET = "AllocatedNetRevenueInCurrencyOfAccounting"


def a_row(profile: tuple[str, str], code: str, **named: object) -> str:
    """A record with these cells and no others."""
    found = find_profile(*profile)
    assert found is not None
    cells = found.records[code].cells
    assert named.keys() <= set(cells), named.keys() - set(cells)
    return "\t".join([code, *(str(named.get(cell, "")) for cell in cells[1:])])


def a_head(profile: tuple[str, str], **changes: object) -> str:
    named = {
        "MessageVersion": "dsrf/30", "Profile": profile[0], "ProfileVersion": profile[1], "MessageId": "M1",
        "MessageCreatedDateTime": "2026-11-02T00:00:00Z", "FileNumber": 1, "NumberOfFiles": 1,
        "UsageStartDate": "2026-10-01", "UsageEndDate": "2026-10-31", "SenderPartyId": "PADPIDA2013020802I",
        "SenderName": "Example Stream",
    }  # fmt: skip
    return a_row(profile, "HEAD", **(named | changes))


def a_report(profile: tuple[str, str], rows: list[str], head: str = "") -> bytes:
    """A report of these rows with the head and a foot that counts them."""
    rows = [head or a_head(profile), *rows]
    summaries = sum(row.startswith("SY") for row in rows)
    if profile in (BASIC_SINGLE, FINANCIAL):
        rows.append(f"SRFO\t{len(rows) + 1}\t{summaries}")
    else:
        blocks: list[str] = []
        for row in rows:
            block = (
                row.split("\t")[1] if "\t" in row and row[:2] not in ("HE", "SY") and row[0] != "#" else ""
            )
            blocks += [block] if block and blocks[-1:] != [block] else []
        lines = len(rows) + 1
        rows.append(f"FOOT\t{lines}\t{lines}\t{summaries}\t{len(blocks)}\t{len(blocks)}")
    return "".join(f"{row}\n" for row in rows).encode()


def a_summary(
    profile: tuple[str, str], number: int = 1, *, usages: int, revenue: str, **changes: object
) -> str:
    common = {"SummaryRecordId": f"S{number}", "UseType": "OnDemandStream", "Territory": "DE"}
    common["ServiceDescription"] = "Premium"
    if profile == ROYALTY:
        more = {"Usages": usages, "Currency": "EUR", "NetRevenue": revenue, "RightsType": "MechanicalRight",
                "AllocatedRevenue": "0", "AllocatedNetRevenue": "0"}  # fmt: skip
        return a_row(profile, "SY07", **(common | more | changes))
    if profile == FINANCIAL:
        more = {"CommercialModel": "SubscriptionModel", "ReportingPeriodStartDate": "2026-10-01",
                "ReportingPeriodEndDate": "2026-10-31", "AllocatedUsages": usages, NET: revenue,
                "CurrencyOfAccounting": "EUR"}  # fmt: skip
        return a_row(profile, "SY10", **(common | more | changes))
    more = {"CommercialModel": "SubscriptionModel", "Usages": usages, "NetRevenue": revenue,
            "CurrencyOfReporting": "EUR"}  # fmt: skip
    return a_row(profile, "SY01.01", **(common | more | changes))


def a_use(profile: tuple[str, str], number: int, *, units: int, amount: str = "", generation: str = "gen_1",
          summary: int = 1, **changes: object) -> list[str]:  # fmt: skip
    """The records of one usage, in a block of its own where the profile has blocks."""
    place = {"SummaryRecordId": f"S{summary}", "SalesTransactionId": f"T{number}"}
    block = {"BlockId": f"B{number}"}
    resource = {"ResourceReference": "R1", "DspResourceId": generation, "Title": "Piece"}
    if profile == BASIC:
        use = {"TransactedResource": "R1", "IsRoyaltyBearing": "true", "NumberOfStreams": units}
        return [
            a_row(profile, "AS02.02", **block, **resource),
            a_row(profile, "SU02", **(block | place | use | changes)),
        ]
    if profile == ROYALTY:
        use = {"DspReleaseId": generation, "Usages": units, "NetRevenue": amount}
        return [
            a_row(profile, "AS01", **block, **resource),
            a_row(profile, "SU03.01", **(block | place | use | changes)),
        ]
    if profile == FINANCIAL:
        use = {"DspResourceId": generation, "SalesTransactionDate": "2026-10-05", "TotalUsages": units,
               "Returns": 0, "NetUsage": units, NET: amount}  # fmt: skip
        return [a_row(profile, "SR08", **(place | use | changes))]
    use = {"DspResourceId": generation, "IsRoyaltyBearing": "true", "NumberOfStreams": units}
    return [a_row(profile, "SR02", **(place | use | changes))]


def plain_report(profile: tuple[str, str], uses: list[tuple[str, int, int]]) -> bytes:
    """A report of one summary, from (generation, units, revenue in cents) of each usage."""
    total = sum(revenue for _, _, revenue in uses)
    rows = [a_summary(profile, usages=sum(units for _, units, _ in uses), revenue=cents(total))]
    for number, (generation, units, revenue) in enumerate(uses, start=1):
        rows += a_use(profile, number, units=units, amount=cents(revenue), generation=generation)
    return a_report(profile, rows)


def cents(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def slow_lines(data: bytes) -> list[tuple[str, str, int, int]]:
    """(line_id, generation, units, revenue in cents) of each usage of a report that is right."""
    lines, running, resources, before = [], {}, {}, ""
    summaries: dict[str, dict[str, str]] = {}
    reader = csv.reader(
        io.StringIO(data.decode()), delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\", strict=True
    )
    records: dict[str, object] = {}
    for cells in reader:
        if not cells or cells[0].startswith("#"):
            continue
        if cells[0] == "HEAD":
            found = find_profile(cells[2], cells[3])
            assert found is not None
            records, message = dict(found.records), cells[4]
        row = dict(zip(records[cells[0]].cells, cells, strict=False))  # type: ignore[attr-defined]
        code = cells[0]
        if code.startswith("SY"):
            summaries[row["SummaryRecordId"]] = row
        elif code.startswith("AS"):
            before = row["DspResourceId"]
            resources[row["BlockId"], row["ResourceReference"]] = before
        elif code.startswith(("SU", "SR0")):
            summary = summaries[row["SummaryRecordId"]]
            units = int(row.get("NumberOfStreams") or row.get("NetUsage") or row.get("Usages") or 0)
            amount = row.get(NET) if code == "SR08" else row.get("NetRevenue")
            if code == "SU02":
                generation = resources[row["BlockId"], row["TransactedResource"]]
            else:
                generation = before if code == "SU03.01" else row["DspResourceId"]
            upto = running.get(row["SummaryRecordId"], Fraction(0))
            if amount is not None:
                after = upto + Fraction(amount) * 100
                parts = floor(after + Fraction(1, 2)) - floor(upto + Fraction(1, 2))
            else:
                rate = Fraction(summary["NetRevenue"]) * 100 / (int(summary["Usages"]) or 1)
                after = upto + units * rate
                parts = floor(after) - floor(upto)
            running[row["SummaryRecordId"]] = after
            lines.append((f"{message}:{row['SalesTransactionId']}", generation, units, parts))
    return lines
