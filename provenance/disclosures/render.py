"""How does a filled summary look as JSON, as Markdown and as a page to print?"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog.files import write_atomically
from provenance.disclosures.answers import Answer, Basis, State
from provenance.disclosures.eu_summary import SUMMARY_TYPE, Summary
from provenance.disclosures.rubric import LINK, Score, score_summary
from provenance.disclosures.template import FIELDS, FOLLOW_UPS, SECTIONS, SIZE_BANDS

YES_NO_FIELDS = frozenset({*FOLLOW_UPS, "3.1.a", "scope"})
_BASES = {
    Basis.RECORDS: "from the records of the corpus",
    Basis.PROVIDER: "stated by the provider",
}


@dataclass(frozen=True)
class Part:
    """A piece of a text: a link or not."""

    text: str
    is_link: bool


def write_summary(summary: Summary, folder: Path) -> tuple[Path, ...]:
    """The files of the summary: JSON for programs, Markdown for a model card, HTML to read and to print."""
    score = score_summary(summary)
    contents = {
        "json": json_of(summary, score), "md": markdown_of(summary, score), "html": html_of(summary, score),
    }  # fmt: skip
    paths = []
    for suffix, text in contents.items():
        path = folder / f"eu-summary-{summary.run_id}.{suffix}"
        write_atomically(path, text.encode("utf-8"))
        paths.append(path)
    return tuple(paths)


def json_of(summary: Summary, score: Score) -> str:
    """The summary as JSON."""
    value = {
        "type": SUMMARY_TYPE,
        "run": summary.run_id,
        "corpus": summary.corpus_id,
        "merkle_root": summary.merkle_root,
        "sections": [
            {"id": section, "heading": heading, "fields": list(_json_fields(summary, section))}
            for section, heading in SECTIONS
        ],
        "modalities": [dict(size.__dict__) for size in summary.modalities],
        "scope": summary.scope.to_json(),
        "to_be_provided": list(summary.to_be_provided),
        "findings": [finding.to_json() for finding in summary.findings],
        "score": score.to_json(),
    }
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def markdown_of(summary: Summary, score: Score) -> str:
    """The summary as Markdown."""
    lines = [
        "# Public Summary of Training Content",
        "Article 53(1)(d) of Regulation (EU) 2024/1689, on the Template of the AI Office, C(2025) 8311",
        f"Run `{summary.run_id}`, corpus `{summary.corpus_id}`, Merkle root `{summary.merkle_root}`",
    ]
    for section, heading in SECTIONS[1:]:
        lines.append(f"{'##' if '.' not in section else '###'} {section}. {plain(heading)}")
        if section == "1":
            lines += _markdown_fields(summary, "0")
        if section == "1.3":
            lines.append("\n".join(_markdown_sizes(summary)))
        lines += _markdown_fields(summary, section)
    lines.append("## Annex A. Scope assessment")
    lines += _markdown_answer(summary.scope.decision)
    lines += [f"- {plain(line)}" for line in summary.scope.lines]
    lines.append("## Annex B. Self-check")
    lines.append(
        f"{score.points} of {score.decidable} points of those questions of the AIAL rubric that a machine "
        f"can decide and that apply; {len(score.for_a_person)} questions need a person."
    )
    lines += [f"- {f.severity.value}: {f.where}: {plain(f.message)} ({f.code})" for f in summary.findings]
    return "\n\n".join(lines) + "\n"


def html_of(summary: Summary, score: Score) -> str:
    """The summary as one page that needs nothing else."""
    names = summary.answers["1.2.a"]
    sizes = [{**size.__dict__, "bands": SIZE_BANDS[size.modality]} for size in summary.modalities]
    return _environment().get_template("eu_summary.html.j2").render(
        summary=summary,
        facts=summary.facts,
        title=names.text if names.state is State.GIVEN else summary.run_id,
        sections=list(_html_sections(summary)),
        modalities=sizes,
        scope=_html_answer("scope", summary.scope.decision),
        score=score.to_json(),
    ) + "\n"  # fmt: skip


def plain(text: str) -> str:
    """A text in which Markdown sees no marks: names come from files of strangers."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", text.replace("\n", " "))


def grouped(number: int) -> str:
    """A number as the form writes numbers: 10 000."""
    return f"{number:,}".replace(",", "\u202f")


def split_links(text: str) -> list[Part]:
    """A text as pieces, so that web addresses become links and nothing else does."""
    parts, at = [], 0
    for match in LINK.finditer(text):
        link = match.group().rstrip(".,;:)")
        parts += [Part(text[at : match.start()], False), Part(link, True)]
        at = match.start() + len(link)
    return [part for part in (*parts, Part(text[at:], False)) if part.text]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("provenance.disclosures"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    environment.filters["links"] = split_links
    environment.filters["grouped"] = grouped
    return environment


def _json_fields(summary: Summary, section: str) -> Iterator[dict[str, Any]]:
    for field in FIELDS:
        if field.section == section:
            yield {"id": field.id, "heading": field.heading, **summary.answers[field.id].to_json()}


def _html_sections(summary: Summary) -> Iterator[dict[str, Any]]:
    for section, heading in SECTIONS:
        fields = [
            {
                "id": field.id,
                "heading": field.heading,
                "answer": _html_answer(field.id, summary.answers[field.id]),
            }
            for field in FIELDS
            if field.section == section
        ]
        number = "" if section == "0" else f"{section}. "
        level = 2 if "." not in section else 3
        yield {"id": section, "number": number, "heading": heading, "level": level, "fields": fields}


def _html_answer(field: str, answer: Answer) -> dict[str, Any]:
    return {
        "state": answer.state.value,
        "choice": answer.choice.value if answer.choice else None,
        "is_choice": field in YES_NO_FIELDS,
        "text": answer.text,
        "items": answer.items,
        "basis": _basis_of(answer),
    }


def _basis_of(answer: Answer) -> str:
    return "Answer " + " and ".join(_BASES[basis] for basis in answer.basis) if answer.basis else ""


def _markdown_fields(summary: Summary, section: str) -> Iterator[str]:
    for field in FIELDS:
        if field.section == section:
            yield f"**{field.id} {plain(field.heading)}**"
            yield from _markdown_answer(summary.answers[field.id])


def _markdown_answer(answer: Answer) -> Iterator[str]:
    if answer.choice is not None:
        yield f"[{'x' if answer.choice == 'yes' else ' '}] Yes [{'x' if answer.choice == 'no' else ' '}] No"
    if answer.state is State.TO_BE_PROVIDED:
        yield f"**TO BE PROVIDED:** {plain(answer.text)}"
    elif answer.state is State.NOT_APPLICABLE:
        yield f"Not applicable: {plain(answer.text)}"
    elif answer.state is State.LEFT_EMPTY:
        yield "No comment"
    elif answer.text:
        yield plain(answer.text)
    if answer.items:
        yield "\n".join(f"- {plain(item)}" for item in answer.items)


def _markdown_sizes(summary: Summary) -> Iterator[str]:
    yield "| Modality | Training data size | Types of content |"
    yield "|---|---|---|"
    for size in summary.modalities:
        name = f"{size.modality}: {size.other_name}" if size.other_name else size.modality
        stated = size.band or size.size or "Not used"
        tick = "x" if size.covered else " "
        yield f"| [{tick}] {plain(name)} | {plain(stated)} | {plain(size.content)} |"
