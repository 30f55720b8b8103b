"""How is a statement told to a partner's system, as a DDEX sales report?

The profile is that for royalties: a summary for each territory, service and use, a block for each generation
with the works that it leaned on, a record for each of its usages, and one for each amount of the statement.
What has no usage (a pot that pays equally, a month that is restated, the balance before, what is carried
forward) is a block without usage. So every amount is among the licensors' amounts, and these come to what is
payable.

Source: DDEX DSR, Royalty Reporting Profile 1.0.1; cells as in `dsr_columns`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from royalties.dsr_columns import find_profile
from royalties.dsr_lines import escape
from royalties.dsr_records import NAMESPACE
from royalties.money import PPM, allocate_minor, format_minor
from royalties.policy import Policy, PoolRight
from royalties.statement_sums import movements
from royalties.statement_usage import UsageLine
from royalties.statements import Statement, StatementLine

_PROFILE = ("RoyaltyReportingProfile", "1.0.1")
_RIGHTS: Mapping[PoolRight, str] = {
    PoolRight.PERFORMING: "PerformingRight",
    PoolRight.MECHANICAL: "MechanicalRight",
    PoolRight.SYNCHRONISATION: f"{NAMESPACE}::Synchronisation",
    PoolRight.MASTER: f"{NAMESPACE}::Master",
}
_SERVICE = "Royalties"
_UNKNOWN_LENGTH = "PT0S"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a report. The cell of a party identifier that is not known stays empty, though mandatory."""

    name: str = "not-stated"
    party_id: str = ""


UNKNOWN_SENDER = Sender()


@dataclass(frozen=True, slots=True)
class _Share:
    """One amount, and how it is said whose it is."""

    work: str
    party_id: str
    share_ppm: int
    net_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class _Use:
    """One usage, or none where `units` is None, and the amounts that it gives."""

    summary: tuple[str, str, str]
    units: int | None
    revenue_minor: int
    shares: tuple[_Share, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """A generation, a pot or a balance, with its works and usages."""

    resource: str
    kind: str
    artist: str
    works: tuple[StatementLine, ...]
    uses: tuple[_Use, ...]


@dataclass(slots=True)
class _Total:
    """What the usages of one summary come to."""

    units: int = 0
    revenue_minor: int = 0
    amount_minor: int = 0
    net_minor: int = 0


def render_dsr(statement: Statement, message_id: str, sender: Sender) -> bytes:
    """The bytes of a statement as a report; the licensors' amounts come to what is payable, to the unit."""
    blocks = [
        *_generations(statement), *_pots(statement), *_corrections(statement), *_balances(statement)
    ]  # fmt: skip
    totals: dict[tuple[str, str, str], _Total] = {}
    for use in (use for block in blocks for use in block.uses):
        total = totals.setdefault(use.summary, _Total())
        total.units += use.units or 0
        total.revenue_minor += use.revenue_minor
        total.amount_minor += sum(share.amount_minor for share in use.shares)
        total.net_minor += sum(share.net_minor for share in use.shares)
    names = {summary: str(number) for number, summary in enumerate(sorted(totals), start=1)}
    rows = [_head(statement, message_id, sender)]
    rows += [_summary(statement, names[each], each, totals[each]) for each in sorted(totals)]
    transactions = iter(range(1, len(statement.lines) + len(statement.usage) + len(blocks) + 1))
    for number, block in enumerate(blocks, start=1):
        rows += _rows(statement, str(number), block, names, transactions)
    lines = str(len(rows) + 1)
    counts = [lines, lines, str(len(totals)), str(len(blocks)), str(len(blocks))]
    rows.append(_row("FOOT", dict(zip(_cells("FOOT")[1:], counts, strict=True))))
    return "".join(f"{row}\n" for row in rows).encode()


def dsr_file_name(statement: Statement, sender: Sender) -> str:
    """The name of a report. Source: DDEX DSR, Part 1, clause 9.1."""
    territories = {line.territory for line in statement.lines if line.territory}
    territory = next(iter(territories)) if len(territories) == 1 else "multi"
    created = f"{statement.run.run_at:%Y%m%dT%H%M%S}"
    parts = (
        _name_part(statement.payee), _name_part(sender.party_id or sender.name), _SERVICE,
        statement.period.name, territory, "1of1", created,
    )  # fmt: skip
    return f"DSR_{'_'.join(parts)}.tsv"


def _name_part(text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9-]", "-", text)[:80]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _generations(statement: Statement) -> Iterator[_Block]:
    """A block for each generation that lines name, with each of its usages."""
    models = {each.generation: each.model for each in statement.generations}
    lines: dict[str, dict[str, list[StatementLine]]] = {}
    for line in statement.lines:
        if line.generation and not line.restated:
            lines.setdefault(line.generation, {}).setdefault(line.territory, []).append(line)
    for generation, places in sorted(lines.items()):
        uses = [
            use for place, its in sorted(places.items()) for use in _uses(statement, generation, place, its)
        ]
        works = tuple(line for its in places.values() for line in its)
        artist = f"Model {models.get(generation) or 'not stated'}"
        yield _Block(generation, "SoundRecording", artist, works, tuple(uses))


def _uses(
    statement: Statement, generation: str, territory: str, lines: Sequence[StatementLine]
) -> Iterator[_Use]:
    """The usages of a generation in a territory; each amount is divided among them by what they brought."""
    usages = [use for use in statement.usage if (use.generation, use.territory) == (generation, territory)]
    if not usages:
        usages = [UsageLine(generation, territory, "", "", lines[0].units, lines[0].revenue_minor)]
    weights = {place: max(use.revenue_minor, 0) for place, use in enumerate(usages)}
    if not any(weights.values()):
        weights = {place: int(place == 0) for place in weights}
    parts = [allocate_minor(line.amount_minor, weights) for line in lines]
    for place, use in enumerate(usages):
        shares = tuple(
            _share(statement, line, use.revenue_minor, part[place])
            for line, part in zip(lines, parts, strict=True)
        )
        yield _Use((territory, use.service, use.use_type), use.units, use.revenue_minor, shares)


def _pots(statement: Statement) -> Iterator[_Block]:
    """A block for each pot's lines that name no generation."""
    lines: dict[tuple[str, str], list[StatementLine]] = {}
    for line in statement.lines:
        if not line.generation and not line.restated:
            lines.setdefault((line.pot, line.territory or statement.policy.territory), []).append(line)
    for (pot, territory), its in sorted(lines.items()):
        shares = tuple(_share(statement, line, 0, line.amount_minor) for line in its)
        use = _Use((territory, f"Pot {pot}", ""), None, 0, shares)
        yield _Block(f"pot:{pot}", f"{NAMESPACE}::Pot", statement.policy.name, tuple(its), (use,))


def _corrections(statement: Statement) -> Iterator[_Block]:
    """A block for each month that is restated here, without usage: its own report told of that."""
    lines: dict[str, list[StatementLine]] = {}
    for line in statement.lines:
        if line.restated:
            lines.setdefault(line.restated.period, []).append(line)
    for month, its in sorted(lines.items()):
        shares = tuple(_share(statement, line, 0, line.amount_minor) for line in its)
        use = _Use((statement.policy.territory, f"Restated {month}", ""), None, 0, shares)
        kind = f"{NAMESPACE}::Restatement"
        yield _Block(f"restated:{month}", kind, statement.policy.name, tuple(its), (use,))


def _balances(statement: Statement) -> Iterator[_Block]:
    """What was on the account before, what was recouped, held and withheld, and, taken off, what stays."""
    balances = {
        "Opening balance": statement.opening_minor,
        **dict(movements(statement)),
        "Carried forward": -statement.carried_minor,
    }
    for name, amount_minor in balances.items():
        if amount_minor:
            share = _Share("", _party_id(statement), PPM, 0, amount_minor)
            use = _Use((statement.policy.territory, name, ""), None, 0, (share,))
            kind = f"{NAMESPACE}::Balance"
            yield _Block(f"balance:{name.split()[0].lower()}", kind, statement.policy.name, (), (use,))


def _share(statement: Statement, line: StatementLine, revenue_minor: int, amount_minor: int) -> _Share:
    net_minor = revenue_minor * line.basis * line.share_ppm // (max(line.basis_total, 1) * PPM)
    party_id = f"{NAMESPACE}::suspense:{line.reason}" if line.reason else _party_id(statement)
    return _Share(line.work, party_id, line.share_ppm, net_minor, amount_minor)


def _party_id(statement: Statement) -> str:
    number = statement.info.ipi_name_number
    return f"IPI::{number}" if number else f"{NAMESPACE}::{statement.payee}"


def _head(statement: Statement, message_id: str, sender: Sender) -> str:
    return _row(
        "HEAD",
        {
            "MessageVersion": "dsrf/30",
            "Profile": _PROFILE[0],
            "ProfileVersion": _PROFILE[1],
            "MessageId": message_id,
            "MessageCreatedDateTime": f"{statement.run.run_at:%Y-%m-%dT%H:%M:%SZ}",
            "FileNumber": "1",
            "NumberOfFiles": "1",
            "UsageStartDate": str(statement.period.starts_on),
            "UsageEndDate": str(statement.period.last_day_on),
            "SenderPartyId": sender.party_id,
            "SenderName": sender.name,
            "ServiceDescription": _SERVICE,
            "RecipientName": statement.info.name,
        },
    )


def _summary(statement: Statement, name: str, summary: tuple[str, str, str], total: _Total) -> str:
    territory, service, use_type = summary
    currency = statement.run.currency
    return _row(
        "SY07",
        {
            "SummaryRecordId": name,
            "DistributionChannel": service,
            "UseType": use_type,
            "Territory": territory,
            "RightsType": _rights_type(statement.policy),
            "ServiceDescription": re.sub(r"[\s_]+", "-", service),
            "Usages": str(total.units),
            "Currency": currency,
            "NetRevenue": format_minor(total.revenue_minor, currency),
            "RightsController": statement.info.name,
            "RightsControllerPartyId": _party_id(statement),
            "AllocatedRevenue": format_minor(total.amount_minor, currency),
            "AllocatedNetRevenue": format_minor(total.net_minor, currency),
        },
    )


def _rows(
    statement: Statement,
    block_id: str,
    block: _Block,
    names: Mapping[tuple[str, str, str], str],
    transactions: Iterator[int],
) -> Iterator[str]:
    works = {line.work: line for line in block.works if line.work}
    resource = {
        "BlockId": block_id,
        "ResourceReference": "R1",
        "DspResourceId": block.resource,
        "Title": block.resource,
        "DisplayArtistName": block.artist,
        "Duration": _UNKNOWN_LENGTH,
        "ResourceType": block.kind,
    }
    yield _row("AS01" if works else "AS02.01", resource)
    for work, line in sorted(works.items()):
        cells = {"DspWorkId": work, "ISWC": _iswc(line.iswc), "Title": line.title}
        yield _row("MW01.01", {"BlockId": block_id, **cells})
    for use in block.uses:
        cells = {
            "SalesTransactionId": str(next(transactions)),
            "SummaryRecordId": names[use.summary],
            "DspReleaseId": block.resource,
            "Usages": "" if use.units is None else str(use.units),
            "NetRevenue": format_minor(use.revenue_minor, statement.run.currency),
        }
        yield _row("SU03.01", {"BlockId": block_id, **cells})
        for share in use.shares:
            yield _licensor(statement, block_id, names[use.summary], share)


def _rights_type(policy: Policy) -> str:
    return _RIGHTS[policy.rights[0]] if len(policy.rights) == 1 else f"{NAMESPACE}::Several"


def _iswc(text: str) -> str:
    plain = re.sub(r"[^A-Z0-9]", "", text)
    return plain if re.fullmatch(r"T[0-9]{10}", plain) else ""


def _licensor(statement: Statement, block_id: str, summary: str, share: _Share) -> str:
    currency = statement.run.currency
    return _row(
        "LI01",
        {
            "BlockId": block_id,
            "SummaryRecordId": summary,
            "RightsController": statement.info.name,
            "RightsControllerPartyId": share.party_id,
            "RightsControllerWorkId": share.work,
            "RightSharePercentage": f"{share.share_ppm // 10_000}.{share.share_ppm % 10_000:04d}",
            "RightsType": _rights_type(statement.policy),
            "AllocatedNetRevenue": format_minor(share.net_minor, currency),
            "AllocatedAmount": format_minor(share.amount_minor, currency),
        },
    )


def _cells(code: str) -> tuple[str, ...]:
    profile = find_profile(*_PROFILE)
    assert profile is not None, "the profile that is written is one that is read"
    return profile.records[code].cells


def _row(code: str, named: Mapping[str, str]) -> str:
    cells = _cells(code)
    unknown = named.keys() - set(cells)
    if unknown:
        raise ValueError(f"{code} has no cells {sorted(unknown)}")
    return "\t".join([code, *(escape(named.get(cell, "")) for cell in cells[1:])])
