"""Which clips are compared, which of them is whose, and what was answered?

A test lies in a folder of its own. Clips have names that say nothing; which is which stands in `test.json`
alone. An answer is a line that is added to `answers.jsonl` and reaches the disk before it is acknowledged.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from console.errors import NotFoundError
from model.evaluation.listening import Heard, results_of
from model.files import replacing
from model.render import Audio

TEST_NAME, ANSWERS_NAME = "test.json", "answers.jsonl"
CLIP_SECONDS = 30
FADE_SECONDS = 0.5
HUMAN = "held-out works"


@dataclass(frozen=True)
class Pair:
    """Two clips by the names of their files: that of the run under test, and the other one."""

    id: str
    tested: str
    other: str


@dataclass(frozen=True)
class Trial:
    """A test. `other_is_human` says whether the other clips are works by people, else by another run."""

    run: str
    against: str
    seed: int
    other_is_human: bool
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Answer:
    """What one listener said of a pair, by clips; `preferred` is empty for no difference."""

    listener: str
    pair: str
    preferred: str
    person: str


def new_name() -> str:
    """A name that says nothing and cannot be guessed."""
    return secrets.token_hex(12)


def clip_of(audio: Audio, sample_rate: int) -> Audio:
    """The first 30 seconds, faded out at the end; silence where there is less."""
    length, fade = CLIP_SECONDS * sample_rate, int(FADE_SECONDS * sample_rate)
    clip = np.zeros((2, length), dtype=np.float32)
    some = audio[:, :length]
    clip[:, : some.shape[1]] = some
    clip[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return clip


def write_trial(folder: Path, trial: Trial) -> None:
    """Writes what is to be known of a test: after its clips, so that its presence says all is there."""
    with replacing(folder / TEST_NAME) as temporary:
        temporary.write_text(json.dumps(asdict(trial), indent=1, sort_keys=True), encoding="utf-8")


def read_trial(folder: Path) -> Trial:
    """The test of a folder.

    Raises:
        NotFoundError: there is none.
    """
    path = folder / TEST_NAME
    if not path.exists():
        raise NotFoundError(f"no listening test is in {folder}; make one: contrafact model listen RUN")
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Trial(**{**told, "pairs": tuple(Pair(**pair) for pair in told["pairs"])})


class Answers:
    """The answers of a test, kept on disk: of one listener the first answer about a pair counts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ANSWERS_NAME
        self.found = list(_first_of_each(_read(self.path)))
        self._known = {(answer.listener, answer.pair) for answer in self.found}

    def has(self, listener: str, pair: str) -> bool:
        """Whether a listener has answered about a pair."""
        return (listener, pair) in self._known

    def add(self, answer: Answer) -> None:
        """Keeps an answer, unless its listener has given one about this pair."""
        if self.has(answer.listener, answer.pair):
            return
        line = json.dumps(asdict(answer), sort_keys=True) + "\n"
        begins = b"\n" if _ends_torn(self.path) else b""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, begins + line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self.found.append(answer)
        self._known.add((answer.listener, answer.pair))


def _ends_torn(path: Path) -> bool:
    """Whether the last line was cut off by a crash: the next one then begins anew."""
    return path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")


def _read(path: Path) -> Iterator[Answer]:
    """The whole lines; one that a crash cut off was never acknowledged, and is passed over."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield Answer(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _first_of_each(answers: Iterable[Answer]) -> Iterator[Answer]:
    known: set[tuple[str, str]] = set()
    for answer in answers:
        if (answer.listener, answer.pair) not in known:
            known.add((answer.listener, answer.pair))
            yield answer


def heard_of(trial: Trial, answers: Sequence[Answer]) -> list[Heard]:
    """The answers told by kind."""
    pairs: Mapping[str, Pair] = {pair.id: pair for pair in trial.pairs}
    return [
        Heard(
            answer.listener,
            None if not answer.preferred else answer.preferred == pairs[answer.pair].tested,
            answer.person == pairs[answer.pair].other if trial.other_is_human else None,
        )
        for answer in answers
        if answer.pair in pairs
    ]


def results_in(folder: Path) -> dict[str, Any]:
    """What a test has shown so far; JSON values."""
    trial = read_trial(folder)
    return {
        "test": folder.name, "run": trial.run, "against": trial.against, "pairs": len(trial.pairs),
        **results_of(heard_of(trial, Answers(folder).found)),
    }  # fmt: skip


def heard_so_far(root: Path, run_id: str) -> dict[str, Any]:
    """What people have said of a run beside works by people; JSON values.

    Args:
        root: the folder of all tests.
    """
    folders = sorted(path.parent for path in root.glob(f"*/{TEST_NAME}"))
    tests = [found for folder in folders if (found := results_in(folder))["run"] == run_id]
    own = [test for test in tests if test["against"] == HUMAN and test["answers"]]
    verdict = " ".join(test["verdict"] for test in own) or results_of([])["verdict"]
    return {"tests": own, "verdict": verdict}
