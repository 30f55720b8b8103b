"""From a run to a listening test that waits for people, and to what they have said."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from console.home import Home
from console.listening.page import application
from console.listening.trial import HUMAN, TEST_NAME, Pair, Trial, clip_of, new_name, write_trial
from console.progress import Advance
from console.steps.corpora import open_corpus
from console.steps.evaluating import works_to_compare
from console.steps.generating import checkpoint_of
from model.checkpoint import load_checkpoint
from model.evaluation.bars import score_of_piece
from model.evaluation.trial import Asked, answers_to, ask_for
from model.events import VELOCITY_STEP, Note
from model.generation import USUAL
from model.render import AudioFormat, SoundBank, find_sound_bank, render, write_audio
from model.score import Score
from provenance.runs import find_run
from provenance.tables import Run

MINUTES = 0.6  # of music for 30 seconds of sound
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def make_test(
    home: Home, run_id: str, against_id: str | None, *, pairs: int, seed: int, advance: Advance
) -> Path:
    """The folder of a listening test; the same arguments give the same test, made once.

    Raises:
        SoundBankError: this machine cannot make music audible.
        ModelError: there is no piece to compare with.
    """
    with home.session() as session:
        run = find_run(session, run_id)
        against = None if against_id is None else find_run(session, against_id)
    told = f"{run.id} {against.id if against else HUMAN} {pairs} {seed}"
    folder = home.folder("listening") / hashlib.sha256(told.encode()).hexdigest()[:16]
    if (folder / TEST_NAME).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    corpus = open_corpus(home, run.corpus_id)
    asked = ask_for(corpus, works_to_compare(corpus, run.config).works, pairs, MINUTES)
    bank = find_sound_bank()
    tested = _generated(home, run, asked, seed)
    other = _generated(home, against, asked, seed) if against else map(_as_generated, asked)
    found = []
    for place, (mine, theirs) in enumerate(zip(tested, other, strict=True), start=1):
        names = [_write_clip(folder, score, bank) for score in (mine, theirs)]
        found.append(Pair(new_name(), *names))
        advance(place, len(asked), "pairs")
    write_trial(folder, Trial(run.id, against.id if against else HUMAN, seed, against is None, tuple(found)))
    return folder


def _generated(home: Home, run: Run, asked: Sequence[Asked], seed: int) -> Iterator[Score]:
    model, _ = load_checkpoint(checkpoint_of(home, run))
    for place, one in enumerate(asked):
        [answer] = answers_to(model, [one], seed + place, USUAL, lambda: None)
        yield answer.generated.score


def _as_generated(one: Asked) -> Score:
    """A held-out piece as a generated one is: on the grid, in one tempo, as loud as the steps allow."""
    notes = one.held_out.notes.copy()
    notes[:, Note.VELOCITY] = notes[:, Note.VELOCITY] // VELOCITY_STEP * VELOCITY_STEP + VELOCITY_STEP // 2
    return score_of_piece(replace(one.held_out, notes=notes))


def _write_clip(folder: Path, score: Score, bank: SoundBank) -> str:
    rendered, name = render(score, bank), new_name()
    clip = clip_of(rendered.mix, rendered.sample_rate)
    write_audio(folder / f"{name}.flac", clip, rendered.sample_rate, AudioFormat.FLAC)
    return name


def serve_test(folder: Path, host: str, port: int) -> None:
    """Plays the test to whoever comes, until it is stopped."""
    hosts = [*LOOPBACK] if host in LOOPBACK else ["*"]
    uvicorn.run(application(folder, hosts), host=host, port=port, log_level="warning", server_header=False)
