"""How good is a summary, as far as a machine can tell, and which questions need a person?

A machine decides whether something is filled, has the form that is asked for, carries a link or speaks of a
topic. Whether it is true, relevant or understandable it does not decide, least of all about its own text.

Source: AIAL rubric (Blankvoort, Pandit, Gahntz; FAccT 2026), AIAccountabilityLab/gpai-training-transparency,
242 weighted questions. `rubric.tsv` holds ids, dimensions and weights, and the text of those decided here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from provenance.disclosures.answers import Answer, Choice, State
from provenance.disclosures.eu_summary import Summary
from provenance.disclosures.template import SPECS

LINK = re.compile(r"https?://\S+")
Decide = Callable[[Summary], bool | None]


@dataclass(frozen=True)
class Question:
    """A question of the rubric; the text is there where a machine decides it."""

    id: str
    dimension: str
    weight: int
    text: str


@dataclass(frozen=True)
class Decision:
    """What a machine found: yes, no, or that the question does not apply."""

    question: Question
    answer: bool | None


@dataclass(frozen=True)
class Score:
    """Points of those that a machine could decide and that apply."""

    points: int
    decidable: int
    decisions: tuple[Decision, ...]
    for_a_person: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The score as a JSON object."""
        return {
            "points": self.points,
            "points_decidable": self.decidable,
            "decided": sum(decision.answer is not None for decision in self.decisions),
            "not_applicable": sum(decision.answer is None for decision in self.decisions),
            "need_a_person": len(self.for_a_person),
            "failed": [
                {"id": d.question.id, "question": d.question.text, "weight": d.question.weight}
                for d in self.decisions
                if d.answer is False
            ],
            "for_a_person": list(self.for_a_person),
        }


@cache
def read_rubric() -> tuple[Question, ...]:
    """All questions, in the order of the rubric."""
    text = (files("provenance.disclosures") / "rubric.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    return tuple(Question(row[0], row[1], int(row[2]), row[3]) for row in rows)


def score_summary(summary: Summary) -> Score:
    """The score of a summary."""
    decisions, for_a_person = [], []
    for question in read_rubric():
        decide = DECIDERS.get(question.id)
        if decide is None:
            for_a_person.append(question.id)
        else:
            decisions.append(Decision(question, decide(summary)))
    points = sum(d.question.weight for d in decisions if d.answer)
    decidable = sum(d.question.weight for d in decisions if d.answer is not None)
    return Score(points, decidable, tuple(decisions), tuple(for_a_person))


def _words(answer: Answer) -> str:
    return " ".join((answer.text, *answer.items))


def _filled(field: str) -> Decide:
    """Whether a field has an answer; nothing where none is asked for."""

    def decide(summary: Summary) -> bool | None:
        state = summary.answers[field].state
        return None if state is State.NOT_APPLICABLE else state is State.GIVEN

    return decide


def _says(field: str, pattern: str) -> Decide:
    """Whether the answer of a field, or what is already known for it, holds the pattern."""

    def decide(summary: Summary) -> bool | None:
        answer = summary.answers[field]
        said = " ".join(answer.items) if answer.state is State.TO_BE_PROVIDED else _words(answer)
        return None if answer.state is State.NOT_APPLICABLE else re.search(pattern, said, re.I) is not None

    return decide


def _each_links(field: str) -> Decide:
    """Whether each thing that a field lists has a link; nothing where nothing is listed."""

    def decide(summary: Summary) -> bool | None:
        named = [item for item in summary.answers[field].items if ": " in item]
        return all(LINK.search(item) for item in named) if named else None

    return decide


def _version_format(summary: Summary) -> bool | None:
    answer = summary.answers["0.a"]
    return re.fullmatch(r"v?\d+(\.\d+)*", answer.text) is not None if answer.state is State.GIVEN else None


def _dependencies_link(summary: Summary) -> bool | None:
    items = summary.answers["1.2.b"].items
    return all(LINK.search(item) for item in items) if items else None


def _one_size(summary: Summary) -> bool | None:
    regular = [s for s in summary.modalities if s.covered and s.modality != "Other"]
    return all(bool(s.band) != bool(s.size) for s in regular) if regular else None


def _answered(field: str) -> Decide:
    """Whether a question is answered by Yes or No."""
    return lambda summary: isinstance(summary.answers[field].choice, Choice)


DECIDERS: dict[str, Decide] = {
    "D1": lambda summary: summary.answers.keys() == SPECS.keys(),
    "D18": _says("0.a", r"published at https?://"),
    "D19": _says("0.a", r"no earlier version|https?://"),
    "D23": _filled("0.a"),
    "D24": _says("0.a", r"no earlier version|https?://"),
    "D26": _version_format,
    "D28": _filled("0.b"),
    "D30": _says("0.b", r"^(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])/\d\d$"),
    "F1.1.a.1": _filled("1.1.a"),
    "F1.1.a.3": _filled("1.1.a"),
    "F1.1.b.1": _filled("1.1.b"),
    "F1.1.b.3": _filled("1.1.b"),
    "F1.2.a.1": _filled("1.2.a"),
    "F1.2.a.3": _says("1.2.a", r"https?://"),
    "F1.2.b.1": _filled("1.2.b"),
    "F1.2.b.4": _dependencies_link,
    "F1.2.c.1": _filled("1.2.c"),
    "F1.3.a.1": lambda summary: any(size.covered for size in summary.modalities),
    "F1.3.b.1": _one_size,
    "F1.3.c.1": _filled("1.3.c"),
    "F1.3.d.1": _says("1.3.d", r"\d{4}"),
    "F1.3.d.2": _says("1.3.d", r"\b(0[1-9]|1[0-2])/\d{4}\b"),
    "F1.3.d.3": _says("1.3.d", r"\b(0[1-9]|1[0-2])/\d{4}\b"),
    "F1.3.d.5": _says("1.3.d", r"continuously trained"),
    "F1.3.e.1": _filled("1.3.e"),
    "F1.3.f.1": _says("1.3.f", r"national and regional:"),
    "F1.3.f.2": _says("1.3.f", r"demographic:"),
    "F1.3.g.1": _says("1.3.g", r"compress"),
    "F1.3.g.2": _says("1.3.g", r"tokenisation"),
    "F2.1.a.1": _answered("2.1.a"),
    "F2.1.b.1": _filled("2.1.b"),
    "F2.1.c.3": _each_links("2.1.c"),
    "F2.1.c.6": _says("2.1.c", r"only those works were used|selected"),
    "F2.1.d.1": _filled("2.1.d"),
    "F2.1.e.1": _says("2.1.e", r"\d+ (works|files|hours|tokens)"),
    "F2.2.1.a.1": _answered("2.2.1.a"),
    "F2.2.1.b.1": _filled("2.2.1.b"),
    "F2.2.2.a.1": _answered("2.2.2.a"),
    "F2.2.2.b.1": _filled("2.2.2.b"),
    "F2.2.2.c.4": _each_links("2.2.2.c"),
    "F2.2.2.d.1": _filled("2.2.2.d"),
    "F2.3.a.1": _answered("2.3.a"),
    "F2.3.c.1": _filled("2.3.c"),
    "F2.3.d.1": _filled("2.3.d"),
    "F2.3.d.2": _says("2.3.d", "captcha"),
    "F2.3.d.3": _says("2.3.d", "password"),
    "F2.3.d.4": _says("2.3.d", "paywall"),
    "F2.3.d.5": _says("2.3.d", r"robots\.txt"),
    "F2.3.e.1": _filled("2.3.e"),
    "F2.3.e.4": _says("2.3.e", r"\b(0[1-9]|1[0-2])/\d{4}\b"),
    "F2.3.g.1": _filled("2.3.g"),
    "F2.3.h.1": _filled("2.3.h"),
    "F2.4.a.1": _answered("2.4.a"),
    "F2.4.b.1": _answered("2.4.b"),
    "F2.4.d.1": _filled("2.4.d"),
    "F2.5.a.1": _answered("2.5.a"),
    "F2.5.b.1": _filled("2.5.b"),
    "F2.5.c.1": _filled("2.5.c"),
    "F2.5.c.4": _each_links("2.5.c"),
    "F2.6.a.1": _answered("2.6.a"),
    "F2.6.b.1": _filled("2.6.b"),
    "F3.1.a.1": _answered("3.1.a"),
    "F3.1.b.1": _says("3.1.b", r"robots\.txt"),
    "F3.1.c.1": _says("3.1.c", "copyright policy"),
    "F3.2.a.1": _filled("3.2.a"),
    "F3.3.a.1": _filled("3.3.a"),
}
