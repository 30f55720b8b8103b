"""How is a composer put to the test? It is asked for pieces like those that it has never seen.

Of each held-out piece everything that a person could say becomes a prompt; what is generated from it is
compared with the piece itself. Every fourth prompt names a mood instead of a key, so that moods are measured
too. The same composer, corpus and seed give the same answer.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from model.corpus import VerifiedCorpus
from model.errors import ModelError
from model.evaluation.adherence import adherence
from model.evaluation.bars import BarPiece, first_bars, piece_of_excerpts
from model.evaluation.harmony import chord_table
from model.evaluation.prompts import bars_in, prompt_of, with_mood
from model.evaluation.report import Reference, compare, genre_told, same_length
from model.evaluation.statistics import estimate
from model.excerpts import Excerpt
from model.generation import USUAL, Generated, Manner, generate
from model.network import Composer
from model.originality import lines_of, repertoire_of
from model.plan import SongPlan
from model.prompt import Prompt

MIN_BARS = 16  # in less no section returns
REFERENCE_WORKS = 200
MOOD_EVERY = 4
UNGUIDED = Manner(guided=False)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Asked:
    """A held-out piece, cut to the length that is asked for, and the prompt that asks for one like it."""

    work_id: str
    plan: SongPlan
    held_out: BarPiece
    prompt: Prompt


@dataclass(frozen=True, eq=False)
class Answer:
    """What a composer made of a prompt."""

    generated: Generated
    piece: BarPiece


def in_order(works: Iterable[str]) -> list[str]:
    """Works in an order that nobody chose: by the digest of their names."""
    return sorted(works, key=lambda work: hashlib.sha256(work.encode()).hexdigest())


def pieces_of(corpus: VerifiedCorpus, works: Sequence[str]) -> list[tuple[str, SongPlan, BarPiece]]:
    """The piece of each work, whole, after its first encoding."""
    wanted = set(works)
    places: dict[str, dict[str, list[int]]] = {}
    for place, (work, encoding) in enumerate(zip(corpus.work_ids, corpus.encoding_ids, strict=True)):
        if work in wanted:
            places.setdefault(work, {}).setdefault(encoding, []).append(place)
    found = []
    for work in works:
        if work in places:
            excerpts = [corpus[place] for place in places[work][min(places[work])]]
            found.append((work, excerpts[0].plan, piece_of_excerpts(excerpts)))
    return found


def ask_for(corpus: VerifiedCorpus, works: Sequence[str], count: int, max_minutes: float) -> list[Asked]:
    """Up to so many works as prompts, those with at least 16 bars.

    Raises:
        ModelError: there is none.
    """
    found: list[Asked] = []
    for work, plan, whole in pieces_of(corpus, in_order(works)):
        bars = min(whole.num_bars, bars_in(plan, max_minutes))
        held_out = first_bars(whole, bars)
        if bars >= MIN_BARS and len(held_out.pitched):
            prompt = prompt_of(plan, max_minutes)
            moody = len(found) % MOOD_EVERY == MOOD_EVERY - 1
            found.append(Asked(work, plan, held_out, with_mood(prompt, len(found)) if moody else prompt))
        if len(found) == count:
            return found
    if not found:
        raise ModelError(
            f"of {len(works)} works none has {MIN_BARS} bars within {max_minutes:g} minutes: nothing to "
            "compare with; train on a corpus with longer works, or allow more minutes"
        )
    return found


def answers_to(
    model: Composer, asked: Sequence[Asked], seed: int, manner: Manner, heard: Callable[[], None]
) -> list[Answer]:
    """What the composer makes of each prompt.

    Args:
        heard: called after each.
    """
    answers = []
    for place, one in enumerate(asked):
        generated = generate(model, one.prompt, seed=seed + place, manner=manner)
        answers.append(Answer(generated, piece_of_excerpts(generated.excerpts)))
        heard()
    return answers


def reference_of(corpus: VerifiedCorpus, left_out: Sequence[str]) -> Reference:
    """What the trained works sound like, from up to 200 of them."""
    others = set(left_out)
    works = in_order(set(corpus.work_ids) - others)[:REFERENCE_WORKS]
    genres: dict[str, list[BarPiece]] = {}
    pieces = []
    for _, plan, piece in pieces_of(corpus, works):
        if len(piece.pitched):
            pieces.append(piece)
            genres.setdefault(plan.genre, []).append(piece)
    return Reference(chord_table(pieces), {genre: some for genre, some in genres.items() if genre})


def put_to_the_test(
    model: Composer,
    corpus: VerifiedCorpus,
    works: Sequence[str],
    *,
    count: int,
    max_minutes: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What is measured of a composer on works that it has not been trained on; JSON values.

    Args:
        count: how many pieces at most.
        progress: called after each piece with the pieces written and all of them.

    Raises:
        ModelError: none of the works is long enough.
    """
    asked = ask_for(corpus, works, count, max_minutes)
    written = 0

    def heard() -> None:
        nonlocal written
        written += 1
        if progress is not None:
            progress(written, 2 * len(asked))

    answers = answers_to(model, asked, seed, USUAL, heard)
    free = answers_to(model, asked, seed, UNGUIDED, heard)
    reference = reference_of(corpus, works)
    pairs = [same_length(a.held_out, b.piece) for a, b in zip(asked, answers, strict=True)]
    held_out, generated = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    genres = [one.prompt.genre for one in asked]
    told = {
        "held_out": genre_told(held_out, genres, reference),
        "generated": genre_told(generated, genres, reference),
    }
    return {
        **compare(held_out, generated, reference, seed),
        "adherence": {
            "constrained": _adherence(asked, answers, seed),
            "unconstrained": _adherence(asked, free, seed),
        },
        "originality": _originality(corpus, asked, answers, seed),
        "genre_told": {column: estimate(row, seed).to_json() for column, row in told.items()},
        "max_minutes": max_minutes,
        "seed": seed,
        "works": [one.work_id for one in asked],
    }


def _originality(
    corpus: VerifiedCorpus, asked: Sequence[Asked], answers: Sequence[Answer], seed: int
) -> dict[str, Any]:
    """How many notes pieces share at most with a work: held-out ones with others, generated ones with any."""
    repertoire = repertoire_of(corpus)
    own = [Excerpt(one.plan, 0, one.held_out.num_bars, one.held_out.notes) for one in asked]
    repeats = {
        "held_out": [
            repertoire.longest(lines_of([excerpt]), without_work=one.work_id)
            for one, excerpt in zip(asked, own, strict=True)
        ],
        "generated": [repertoire.longest(lines_of(answer.generated.excerpts)) for answer in answers],
    }
    notes = {
        column: [0.0 if repeat is None else float(repeat.notes) for repeat in some]
        for column, some in repeats.items()
    }
    return {
        **{column: estimate(some, seed).to_json() for column, some in notes.items()},
        "limit_notes": repertoire.limit_notes,
        "flagged": sum(count > repertoire.limit_notes for count in notes["generated"]),
    }


def _adherence(asked: Sequence[Asked], answers: Sequence[Answer], seed: int) -> dict[str, Any]:
    rows = [
        adherence(one.prompt, answer.generated.plan, answer.piece)
        for one, answer in zip(asked, answers, strict=True)
    ]
    return {name: estimate([row[name] for row in rows], seed).to_json() for name in rows[0]}
