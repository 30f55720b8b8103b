"""How is a statement set on paper, with every script in its own glyphs?

The Typst library sets the pages from `templates/statement.typ` with the fonts in `fonts/`, never with
those of the machine: it shapes the text, orders what runs from right to left (UAX 9), breaks lines, repeats
heads and numbers pages. The same statement gives the same bytes; no clock and no chance goes in.
"""

import json
from collections.abc import Iterator
from functools import cache

import typst

from catalog.findings import Finding, Severity
from royalties.glyphs import FAMILIES, FONTS, breakable, missing_glyphs, name_of
from royalties.money import format_minor, percent
from royalties.statement_sums import balance_notes, movements
from royalties.statement_tables import Table, Tables
from royalties.statements import Statement

_TEMPLATE = FONTS.parent.joinpath("templates", "statement.typ")
_NAMED_AT_MOST = 20


def render_pdf(statement: Statement, statement_id: str) -> bytes:
    """The statement as PDF; tagged for screen readers unless it is so long that its tables are dense."""
    is_tagged = not any(table.is_dense for table in Tables(statement).all())
    return set_pages(document_json(statement, statement_id), is_tagged=is_tagged)


def set_pages(document: str, *, is_tagged: bool) -> bytes:
    """The pages of a document that `document_json` spelled, the same bytes wherever and whenever."""
    pages = typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"statement": document},
        timestamp=0,
        pdf_tags=is_tagged,
    )
    assert isinstance(pages, bytes), "a PDF is one file"
    return pages


def leaves_rows_out(statement: Statement) -> bool:
    """Whether the PDF has more rows to refer to than it prints."""
    return not all(table.is_printed for table in Tables(statement).all())


def glyph_findings(statement: Statement) -> list[Finding]:
    """What the fonts have no glyph for: who is named, and the characters."""
    texts = {f"payee {statement.payee}": statement.info.name}
    texts |= {f"work {line.work}": line.title for line in statement.lines}
    texts |= {f"service {use.service}": use.service for use in statement.usage}
    return [
        Finding("NO_GLYPH", where, _missing(missing), Severity.WARNING)
        for where, text in sorted(texts.items())
        if (missing := missing_glyphs(text))
    ]


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])


def document_json(statement: Statement, statement_id: str) -> str:
    """What the template shows, all of it text."""
    s = statement
    tables = [table for table in Tables(s).all() if table.num_rows]
    payee = breakable(s.info.name)
    about = (
        s.payee if s.payee != s.info.name else "",
        s.info.ipi_name_number and f"IPI {s.info.ipi_name_number}",
        f"statement no. {s.number}",
    )
    document = {
        "fonts": FAMILIES,
        "title": f"Royalty statement {s.period.name} for {s.info.name}",
        "running": f"Royalty statement {s.period.name}, {payee}",
        "short_id": statement_id[:16],
        "foot": f"Statement {statement_id}",
        "period": f"Period {s.period.name} ({s.period.starts_on} to {s.period.last_day_on})",
        "about": f"{s.policy.rights_text} right, amounts in {s.run.currency}",
        "payee": payee,
        "payee_about": breakable(", ".join(filter(None, about))),
        "invented": s.info.invented,
        "figures": _figures(s),
        "notes": list(_notes(s)),
        "warnings": list(_warnings(s, tables)),
        "parts": [table.to_json() for table in tables],
        "facts": _facts(s, statement_id),
    }
    return json.dumps(document, ensure_ascii=False)


def _figures(s: Statement) -> list[tuple[str, str]]:
    amounts = (
        ("Balance before", s.opening_minor),
        ("Earned in this period", s.earned_minor),
        *((("Restated", s.restated_minor),) if any(x.restated for x in s.lines) else ()),
        ("Balance after", s.closing_minor),
        *movements(s),
        ("Payable", s.payable_minor),
        ("Carried forward", s.carried_minor),
    )
    return [(name, format_minor(minor, s.run.currency)) for name, minor in amounts]


def _notes(s: Statement) -> Iterator[str]:
    """How the balance becomes payable, and where an attribution was not reliable enough to pay on."""
    currency = s.run.currency
    yield from map(breakable, balance_notes(s))
    fell_back: dict[tuple[str, str], int] = {}
    for line in s.lines:
        if line.method.endswith("-fallback") and not line.restated:
            key = (line.pot, line.method.removesuffix("-fallback"))
            fell_back[key] = fell_back.get(key, 0) + line.amount_minor
    for (pot, rule), minor in sorted(fell_back.items()):
        yield (
            f"Reliability: {format_minor(minor, currency)} {currency} of pot {pot} is from generations whose "
            f"attribution is not reliable enough to pay on; it was divided by {rule} instead. "
            "The table of generations gives the verdict on each."
        )


def _warnings(s: Statement, tables: list[Table]) -> Iterator[str]:
    findings = glyph_findings(s)
    for finding in findings[:_NAMED_AT_MOST]:
        yield breakable(f"{finding.where}: {finding.message}")
    if len(findings) > _NAMED_AT_MOST:
        yield f"{len(findings) - _NAMED_AT_MOST} more names have characters that this page cannot show."
    if any(table.is_dense for table in tables):
        yield (
            "This statement has so many lines that each is set on one line of print: text that ends in … is "
            "cut there. The CSV and JSON of the same statement hold it whole."
        )
    for table in tables:
        if not table.is_printed:
            yield f"{table.title}: {table.num_rows:,} rows are not printed; see the {table.elsewhere} form."


def _missing(characters: str) -> str:
    names = ", ".join(name_of(char) for char in characters)
    return f"the fonts have no glyph for {names}; printed as a number in brackets"


def _facts(s: Statement, statement_id: str) -> list[tuple[str, str]]:
    def money(minor: int) -> str:
        return format_minor(minor, s.run.currency)

    policy = s.policy
    topped_up = ", and what the provider tops up" if policy.can_fall_short else ""
    facts = (
        ("Gross revenue", f"{money(s.run.gross_minor)}, of {s.num_generations:,} generations"),
        ("Deductions", f"{money(s.run.deductions_minor)} ({percent(policy.deductions_ppm)} of the gross)"),
        ("Kept by the provider", money(s.run.provider_minor)),
        ("Pool", f"{money(s.run.pool_minor)} ({percent(policy.pool_rate_ppm)} of the net{topped_up})"),
        ("In suspense", money(s.run.suspense_minor)),
        ("Policy", breakable(f"{policy.name}, version {policy.version}")),
        ("Policy's SHA-256", policy.digest),
        ("Run", s.run.id),
        ("Run's SHA-256", s.run.digest),
        ("Statement", f"{statement_id}, the SHA-256 of its JSON form"),
    )
    return [fact for fact in facts if fact[1]]
