"""Who collects for whom, and what is in dispute: recorded and signed in one transaction."""

from datetime import UTC, datetime
from typing import Any

from catalog.disputes import Claimed, dispute_json, open_dispute, settle_dispute
from catalog.findings import Finding, Severity
from catalog.mandate_register import Mandated, add_mandate
from catalog.mandates import mandate_json
from console.home import Home
from provenance.evidence.records import append


def record_mandate(home: Home, stated: Mandated) -> tuple[str, list[Finding]]:
    """The id of a mandate that is on record now; empty where the findings say why it is not."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        mandate, findings = add_mandate(session, stated, recorded_at=now, recorded_by=home.actor)
        if findings:
            return "", findings
        body = {"type": "contrafact.mandate/1", **_text(mandate_json(mandate))}
        body |= {"supersedes": stated.supersedes or ""}
        append(session, home.key, kind="mandate", subject_id=mandate.id, body=body, recorded_at=now)
        return mandate.id, []


def record_dispute(home: Home, claimed: Claimed) -> tuple[str, list[Finding]]:
    """The id of a dispute that is open now, with remarks; empty where the findings say why it is not."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        dispute, findings = open_dispute(session, claimed, opened_at=now, opened_by=home.actor)
        if any(finding.severity is Severity.ERROR for finding in findings):
            return "", findings
        body = {"type": "contrafact.dispute/1", **_text(dispute_json(dispute)), "reason": claimed.reason}
        append(session, home.key, kind="dispute", subject_id=dispute.id, body=body, recorded_at=now)
        return dispute.id, findings


def record_settlement(home: Home, dispute: str, outcome: str) -> list[Finding]:
    """Why a dispute cannot be settled; without findings it is settled now."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        findings = settle_dispute(session, dispute, outcome=outcome, settled_at=now, settled_by=home.actor)
        if not findings:
            body = {"type": "contrafact.dispute-settlement/1", "dispute": dispute, "outcome": outcome}
            kind = "dispute-settlement"
            append(session, home.key, kind=kind, subject_id=dispute, body=body, recorded_at=now)
        return findings


def _text(values: dict[str, Any]) -> dict[str, Any]:
    """The values with numbers as text, as signed records have them."""
    return {name: str(value) if isinstance(value, int) else value for name, value in values.items()}
