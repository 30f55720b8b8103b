"""From a run on record to the disclosures that the law asks for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.findings import Finding
from console.home import Home
from model.files import sha256_file
from provenance.disclosures.eu_summary import fill_summary
from provenance.disclosures.facts import load_training_facts
from provenance.disclosures.provider import read_provider
from provenance.disclosures.render import write_summary
from provenance.disclosures.rubric import Score, score_summary
from provenance.evidence.records import append
from provenance.runs import find_run


@dataclass(frozen=True)
class Disclosed:
    """A disclosure and its files: what only a person can still say, what is wrong, how it scores."""

    files: tuple[Path, ...]
    to_be_provided: tuple[str, ...]
    findings: tuple[Finding, ...]
    score: Score

    @property
    def page(self) -> Path:
        """The file that a person reads."""
        return next(path for path in self.files if path.suffix == ".html")

    @property
    def score_text(self) -> str:
        """The score in words."""
        told = f"{self.score.points} of {self.score.decidable} points of the rubric that a machine can decide"
        return f"{told}; {len(self.score.for_a_person)} of its questions need the judgement of a person"


def disclose_eu_summary(home: Home, run_id: str | None, provider: Path) -> Disclosed:
    """The public summary of a run's training content, with the provider's own statements."""
    stated = read_provider(provider)
    with home.session() as session:
        facts = load_training_facts(session, find_run(session, run_id).id)
    summary = fill_summary(facts, stated, datetime.now(UTC).date())
    files = write_summary(summary, home.folder("disclosures"))
    now = datetime.now(UTC)
    body = {
        "type": "contrafact.disclosure/1",
        "kind": "eu-summary",
        "run": summary.run_id,
        "files": {path.name: sha256_file(path) for path in files},
    }
    with home.session() as session, session.begin():
        append(session, home.key, kind="disclosure", subject_id=summary.run_id, body=body, recorded_at=now)
    return Disclosed(files, summary.to_be_provided, summary.findings, score_summary(summary))
