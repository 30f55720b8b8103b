"""How is a statement written down, for a machine, a spreadsheet and a printer?

The same statement gives the same bytes. Its id is the SHA-256 of its canonical JSON.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from catalog.files import write_atomically
from catalog.findings import Finding
from royalties.counting import RateUse
from royalties.digests import Json, canonical_json
from royalties.dsr_writer import UNKNOWN_SENDER, Sender, dsr_file_name, render_dsr
from royalties.money import format_minor, percent
from royalties.policy import Policy
from royalties.statement_claims import (
    claim_cells,
    claim_columns,
    claim_json,
    claim_phrase,
    claims_json,
    mandate_cells,
)
from royalties.statement_deltas import Restated, Version
from royalties.statement_pdf import glyph_findings, leaves_rows_out, render_pdf
from royalties.statement_sums import balance_notes, movements, settlement_json
from royalties.statement_usage import Original, UsageLine
from royalties.statements import GenerationLine, Statement, StatementLine

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class StatementFormat(StrEnum):
    """The forms in which a statement is written."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    DSR = "dsr"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """A statement's id, the files that it was written to, and what could not be printed in them."""

    statement: str
    files: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()


def write_statement(
    statement: Statement,
    directory: Path,
    formats: Sequence[StatementFormat],
    sender: Sender = UNKNOWN_SENDER,
) -> WrittenStatement:
    """Writes a statement in the given forms; each file appears whole or not at all.

    A PDF that leaves out rows, as it says, has the CSV and the JSON that hold them written beside it.
    """
    stem = f"{statement.period.name}_{_file_name(statement.payee)}"
    beside: tuple[StatementFormat, ...] = ()
    if StatementFormat.PDF in formats and leaves_rows_out(statement):
        beside = (StatementFormat.CSV, StatementFormat.JSON)
    paths = []
    for each in dict.fromkeys((*formats, *beside)):
        dsr = each is StatementFormat.DSR
        path = directory.joinpath(dsr_file_name(statement, sender) if dsr else f"{stem}.{each}")
        write_atomically(path, render_statement(statement, each, sender))
        paths.append(path)
    findings = glyph_findings(statement) if StatementFormat.PDF in formats else ()
    return WrittenStatement(statement_id(statement), tuple(paths), tuple(findings))


def render_statement(statement: Statement, form: StatementFormat, sender: Sender = UNKNOWN_SENDER) -> bytes:
    """The bytes of a statement in one form; only a sales report (DSR) names its sender."""
    if form is StatementFormat.DSR:
        return render_dsr(statement, statement_id(statement), sender)
    return _RENDERERS[form](statement)


def statement_id(statement: Statement) -> str:
    """The digest of a statement's JSON."""
    return hashlib.sha256(_render_json(statement)).hexdigest()


def statement_json(statement: Statement) -> dict[str, Json]:
    """The statement as a JSON object; amounts are decimal strings, shares integers in ppm."""
    s, money = statement, _decimals(statement.run.currency)
    return {
        "type": "contrafact.statement/1",
        "period": s.period.name,
        "run": {"id": s.run.id, "digest": s.run.digest},
        "policy": _policy_json(s.policy),
        "payee": {
            "id": s.payee,
            "name": s.info.name,
            "ipi_name_number": s.info.ipi_name_number,
            "invented": s.info.invented,
        },
        "currency": s.run.currency,
        "right": s.policy.rights_text,
        "opening": money(s.opening_minor),
        "earned": money(s.earned_minor),
        **_restated_total(statement),
        "closing": money(s.closing_minor),
        "threshold": money(s.settlement.threshold_minor),
        "payable": money(s.payable_minor),
        "carried_forward": money(s.carried_minor),
        **settlement_json(statement),
        "pool": {
            "gross": money(s.run.gross_minor),
            "deductions": money(s.run.deductions_minor),
            "provider": money(s.run.provider_minor),
            "pool": money(s.run.pool_minor),
            "in_suspense": money(s.run.suspense_minor),
            "generations": s.num_generations,
        },
        "lines": [_line_json(line, s.run.currency) for line in s.lines],
        "usage": [_usage_json(line, s.run.currency) for line in s.usage],
        **_rates_json(s),
        "generations": [_generation_json(line) for line in s.generations],
        **_agreements_json(s),
        **claims_json(s),
    }


def _agreements_json(statement: Statement) -> dict[str, Json]:
    """Only where one is on record: lines name works, and this the agreements behind them."""
    agreements: dict[str, Json] = {work: list(ids) for work, ids in statement.agreements.items()}
    return {"agreements": agreements} if agreements else {}


def _policy_json(policy: Policy) -> Json:
    return {"name": policy.name, "version": policy.version, "digest": policy.digest}


def _restated_total(statement: Statement) -> dict[str, Json]:
    """Only where there is something, so that a statement without restatements keeps its bytes."""
    if not any(line.restated for line in statement.lines):
        return {}
    return {"restated": format_minor(statement.restated_minor, statement.run.currency)}


def _line_json(line: StatementLine, currency: str) -> dict[str, Json]:
    money = _decimals(currency)
    corrected = {"restates": _restated_json(line.restated, currency)} if line.restated else {}
    return {
        "line": line.line_no,
        "pot": line.pot,
        "method": line.method,
        "reason": line.reason,
        "generation": line.generation,
        "territory": line.territory,
        "work": line.work,
        "title": line.title,
        "iswc": line.iswc,
        "basis": str(line.basis),
        "basis_total": str(line.basis_total),
        "share_ppm": line.share_ppm,
        "units": str(line.units),
        "revenue": money(line.revenue_minor),
        "amount": money(line.amount_minor),
        "evidence": line.evidence,
        **claim_json(line),
        **corrected,
    }


def _restated_json(restated: Restated, currency: str) -> Json:
    source, before = restated.supersedes, restated.before
    return {
        "period": restated.period,
        "restatement": restated.restatement,
        "run": restated.run,
        "policy": _policy_json(restated.policy),
        "supersedes": {"document": source.document, "line": source.line_no} if source else None,
        "before": _version_json(before, currency) if before else None,
        "after": _version_json(restated.after, currency),
    }


def _version_json(version: Version, currency: str) -> Json:
    return {
        "basis": str(version.basis),
        "basis_total": str(version.basis_total),
        "share_ppm": version.share_ppm,
        "units": str(version.units),
        "revenue": format_minor(version.revenue_minor, currency),
        "amount": format_minor(version.amount_minor, currency),
        "evidence": version.evidence,
        **claim_json(version),
    }


def _usage_json(line: UsageLine, currency: str) -> Json:
    return {
        "generation": line.generation,
        "territory": line.territory,
        "service": line.service,
        "use_type": line.use_type,
        "units": str(line.units),
        "revenue": format_minor(line.revenue_minor, currency),
        **({"reported_as": line.reported_as} if line.reported_as else {}),
        **({"original": _original_json(line.original)} if line.original else {}),
    }


def _original_json(original: Original) -> Json:
    return {
        "currency": original.currency,
        "revenue": format_minor(original.revenue_minor, original.currency),
        "rates": list(original.rates),
    }


def _original_text(original: Original) -> str:
    numbers = ", ".join(map(str, original.rates))
    return f"{format_minor(original.revenue_minor, original.currency)} {original.currency}, rate {numbers}"


def _rates_json(statement: Statement) -> dict[str, Json]:
    """The rates by which usage was converted, only where some was; the sums are those of the whole run."""
    restated: dict[str, Json] = {
        restatement: [_rate_json(use) for use in uses]
        for restatement, uses in statement.restated_rates.items()
    }
    return {
        **({"rates": [_rate_json(use) for use in statement.rates]} if statement.rates else {}),
        **({"restated_rates": restated} if restated else {}),
    }


def _rate_json(use: RateUse) -> Json:
    return {
        "number": use.number,
        "from": use.rate.currency_from,
        "to": use.rate.currency_to,
        "rate": use.rate.text,
        "kind": str(use.rate.kind),
        "date": str(use.rate.on),
        "source": use.rate.source,
        "original": format_minor(use.original_minor, use.rate.currency_from),
        "converted": format_minor(use.converted_minor, use.rate.currency_to),
    }


def _generation_json(line: GenerationLine) -> Json:
    return {
        "generation": line.generation,
        "attribution": line.attribution,
        "method": line.method,
        "model": line.model,
        "reliability": line.reliability,
        "unattributed_ppm": line.unattributed_ppm,
    }


def _decimals(currency: str) -> Callable[[int], str]:
    return lambda amount_minor: format_minor(amount_minor, currency)


def _render_json(statement: Statement) -> bytes:
    return canonical_json(statement_json(statement))


_CSV_COLUMNS = (
    "statement", "period", "payee", "payee_name", "currency", "right", "line", "pot", "method", "reason",
    "generation", "territory", "work", "title", "iswc", "units", "revenue", "basis", "basis_total",
    "share_ppm", "amount", "evidence", "restates", "supersedes", "before", "after", "agreements",
)  # fmt: skip


def _render_csv(statement: Statement) -> bytes:
    """One row per line, RFC 4180; a cell that a spreadsheet would run as a formula is quoted with '."""
    head = {
        "statement": statement_id(statement),
        "period": statement.period.name,
        "payee": statement.payee,
        "payee_name": statement.info.name,
        "currency": statement.run.currency,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = (*_CSV_COLUMNS, *claim_columns(statement))
    writer.writerow(columns)
    for line in statement.lines:
        agreements = " ".join(statement.agreements.get(line.work, ()))
        policy = line.restated.policy if line.restated else statement.policy
        row = {
            **head,
            "right": policy.right_of(line.pot),
            **_cells(line, statement.run.currency),
            "agreements": agreements,
        }
        row |= claim_cells(statement, line)
        writer.writerow(_safe_cell(row[column]) for column in columns)
    return text.getvalue().encode("utf-8")


def _cells(line: StatementLine, currency: str) -> Mapping[str, str]:
    cells = {name: str(cell) for name, cell in _line_json(line, currency).items()}
    restated, money = line.restated, _decimals(currency)
    if restated is None:
        return cells | dict.fromkeys(("restates", "supersedes", "before", "after"), "")
    return cells | {
        "restates": restated.period,
        "supersedes": str(restated.supersedes or ""),
        "before": money(restated.before.amount_minor if restated.before else 0),
        "after": money(restated.after.amount_minor),
    }


def _safe_cell(cell: str) -> str:
    if cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def _render_html(statement: Statement) -> bytes:
    html = _template().render(
        s=statement,
        id=statement_id(statement),
        money=_decimals(statement.run.currency),
        works=_by_work(statement),
        movements=movements(statement),
        notes=list(balance_notes(statement)),
        corrections=[line for line in statement.lines if line.restated],
        percent=percent,
        original=_original_text,
        agreements=statement.agreements,
        claimed=claim_phrase,
        mandates=[mandate_cells(statement, mandate) for mandate in statement.mandates.values()],
    )
    return html.encode("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("royalties"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("statement.html")


@dataclass(frozen=True, slots=True)
class WorkSum:
    """What all lines of one work come to."""

    work: str
    title: str
    iswc: str
    num_lines: int
    amount_minor: int


def _by_work(statement: Statement) -> list[WorkSum]:
    """The statement summed by work, the largest first."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for line in statement.lines:
        entry = sums.setdefault((line.work, line.title, line.iswc), [0, 0])
        entry[0] += 1
        entry[1] += line.amount_minor
    works = [WorkSum(*key, *values) for key, values in sums.items()]
    return sorted(works, key=lambda each: (-each.amount_minor, each.work))


def _file_name(payee: str) -> str:
    """The payee's id where it is a harmless file name, else something like it that is as unique."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", payee)[:80]
    return plain if plain == payee else f"{plain}_{hashlib.sha256(payee.encode()).hexdigest()[:8]}"


_RENDERERS: Mapping[StatementFormat, Callable[[Statement], bytes]] = {
    StatementFormat.JSON: _render_json,
    StatementFormat.CSV: _render_csv,
    StatementFormat.HTML: _render_html,
    StatementFormat.PDF: lambda statement: render_pdf(statement, statement_id(statement)),
}
