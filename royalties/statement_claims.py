"""How does a statement tell who collects for whom, what is in dispute, and which recordings a work has?

All of it is left out where there is none, so that a statement without any keeps the bytes that it had.
"""

from collections.abc import Iterator, Mapping

from catalog.mandates import Mandate, mandate_json
from catalog.shares import percent
from royalties.digests import Json
from royalties.entitlement import SuspenseReason
from royalties.statement_deltas import Version
from royalties.statements import Statement, StatementLine

_ON_LINES = ("role", "on_behalf_of", "agreement")


def claim_json(line: StatementLine | Version) -> dict[str, Json]:
    """The role of a line's payee, on whose behalf it is and by what, as far as there is any of it."""
    return {name: getattr(line, name) for name in _ON_LINES if getattr(line, name)}


def claims_json(statement: Statement) -> dict[str, Json]:
    """What stands behind the ids on the lines: mandates, the names of parties, and the works' recordings."""
    recordings: dict[str, Json] = {work: list(isrcs) for work, isrcs in statement.recordings.items()}
    mandates: dict[str, Json] = {name: mandate_json(each) for name, each in statement.mandates.items()}
    found: dict[str, Json] = {
        "mandates": mandates,
        "parties": dict(statement.parties),
        "recordings": recordings,
    }
    return {name: value for name, value in found.items() if value}


def claim_columns(statement: Statement) -> tuple[str, ...]:
    """The columns that the CSV of a statement has more."""
    on_lines = _ON_LINES if any(claim_json(line) for line in statement.lines) else ()
    return (*on_lines, *(("isrcs",) if statement.recordings else ()))


def claim_cells(statement: Statement, line: StatementLine) -> Mapping[str, str]:
    """The cells of those columns."""
    cells = {name: str(getattr(line, name)) for name in _ON_LINES}
    return cells | {"isrcs": " ".join(statement.recordings.get(line.work, ()))}


def claim_phrase(statement: Statement, line: StatementLine) -> str:
    """In a few words, what the payee is to the work, and for whom it collects; empty where it is not said."""
    whom = statement.parties.get(line.on_behalf_of, line.on_behalf_of)
    if line.reason:
        return f"of the share of {whom}, {line.agreement}" if line.on_behalf_of else ""
    role = line.role.replace("_", "-")
    return f"{role} for {whom}" if line.on_behalf_of else role


def mandate_cells(statement: Statement, mandate: Mandate) -> tuple[str, ...]:
    """A mandate in a table: id, agreement, owner, collector, territory, term, commission."""
    m, names = mandate, statement.parties
    collector = f"{names.get(m.collector, m.collector)} ({m.role.replace('_', '-')})"
    term = f"{m.starts_on} to {m.ends_on or 'further notice'}"
    return (
        m.id, m.reference, names.get(m.owner, m.owner), collector, m.territory, term,
        percent(m.commission_ppm),
    )  # fmt: skip


def claim_sentences(statement: Statement, line: StatementLine, version: Version) -> Iterator[str]:
    """How a line's share came to its payee, where others collect it or dispute it."""
    names = statement.parties
    whom = names.get(version.on_behalf_of, version.on_behalf_of)
    mandate = statement.mandates.get(version.agreement)
    if line.reason == SuspenseReason.DISPUTE:
        yield f"In dispute: {percent(version.share_ppm)}, of the share of {whom}, by {version.agreement}."
    elif mandate is None:
        if version.agreement:
            for_whom = f" for {whom}" if whom else ""
            yield f"Collected{for_whom} under {version.agreement}."
    elif version.on_behalf_of:
        yield (
            f"{percent(mandate.commission_ppm)} commission of {names.get(mandate.collector, '')} "
            f"({mandate.role.replace('_', '-')}) under {_named(mandate)} on the share of {whom}."
        )
    else:
        yield (
            f"What is left of the owner's share: {names.get(mandate.collector, '')} "
            f"({mandate.role.replace('_', '-')}) collects it under {_named(mandate)} and keeps "
            f"{percent(mandate.commission_ppm)} of what reaches it."
        )
    if version.role and not version.on_behalf_of:
        yield f"Role in the work: {version.role.replace('_', ' ')}."


def _named(mandate: Mandate) -> str:
    return f"agreement '{mandate.reference}' ({mandate.id})"
