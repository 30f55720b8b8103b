"""What is an answer of a disclosure, and on what does it rest?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether there is an answer."""

    GIVEN = "given"
    TO_BE_PROVIDED = "to be provided"
    NOT_APPLICABLE = "not applicable"
    LEFT_EMPTY = "left empty"


class Choice(StrEnum):
    """An answer to a question that is answered by Yes or No."""

    YES = "yes"
    NO = "no"


class Basis(StrEnum):
    """On what an answer rests: the records of this home, or what the provider states."""

    RECORDS = "records"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Answer:
    """The content of one field. Only a person attests: without one, the answer is to be provided."""

    state: State
    choice: Choice | None = None
    text: str = ""
    items: tuple[str, ...] = ()
    basis: tuple[Basis, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The answer as a JSON object, without what is empty."""
        value: dict[str, object] = {"state": self.state.value}
        if self.choice is not None:
            value["choice"] = self.choice.value
        if self.text:
            value["text"] = self.text
        if self.items:
            value["items"] = list(self.items)
        if self.basis:
            value["basis"] = [basis.value for basis in self.basis]
        return value


def given(text: str = "", *basis: Basis, items: Sequence[str] = ()) -> Answer:
    """An answer in words."""
    return Answer(State.GIVEN, text=text, items=tuple(items), basis=basis)


def chosen(choice: Choice, *basis: Basis) -> Answer:
    """An answer by Yes or No."""
    return Answer(State.GIVEN, choice=choice, basis=basis)


def to_be_provided(what: str = "") -> Answer:
    """No answer yet, and what a person must state."""
    return Answer(State.TO_BE_PROVIDED, text=what)


def not_applicable(why: str = "") -> Answer:
    """No answer is asked for."""
    return Answer(State.NOT_APPLICABLE, text=why)


def left_empty() -> Answer:
    """No answer to a field that may stay empty."""
    return Answer(State.LEFT_EMPTY)


def stated(text: str | None, what: str) -> Answer:
    """What the provider states in words, or that it is to be provided."""
    return given(text, Basis.PROVIDER) if text else to_be_provided(what)


def commented(provider: str | None, *records: str) -> Answer:
    """Comments: what the records say and what the provider adds, or nothing."""
    said = [part for part in records if part]
    basis = [Basis.RECORDS] if said else []
    if provider:
        said.append(provider)
        basis.append(Basis.PROVIDER)
    return given("", *basis, items=said) if said else left_empty()


def decided(on_record: bool, attested: Choice | None) -> Answer:
    """Yes where the records show it; else what the provider attests; else to be provided.

    That nothing is on record never makes a No: what is not here may be elsewhere.
    """
    if on_record:
        bases = (Basis.RECORDS, Basis.PROVIDER) if attested is Choice.YES else (Basis.RECORDS,)
        return chosen(Choice.YES, *bases)
    if attested is not None:
        return chosen(attested, Basis.PROVIDER)
    return to_be_provided(
        "Yes or No: nothing is on record, and only the provider can say that there is nothing"
    )
