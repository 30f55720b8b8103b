"""Which pieces are on record, written by which run, from which prompt, and how were they made audible?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.canonical import digest
from provenance.errors import NotRecordedError
from provenance.evidence.keys import SigningKey
from provenance.evidence.records import append
from provenance.runs import find_run
from provenance.tables import Generation, Rendering

GENERATION_TYPE = "contrafact.generation/1"
RENDERING_TYPE = "contrafact.rendering/1"


@dataclass(frozen=True)
class GenerationValues:
    """What a piece follows from, the digest of its MIDI, and what it shares with a work of its corpus.

    `originality` is None where that was not looked into.
    """

    run_id: str
    parent_id: str | None
    prompt: Mapping[str, Any]
    seed: int
    midi_sha256: str
    originality: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id that follows from all of it."""
        return f"gen_{digest(self.body())[:16]}"

    def body(self) -> dict[str, Any]:
        """The generation as it is written down."""
        body = {"type": GENERATION_TYPE, **self.__dict__, "prompt": dict(self.prompt)}
        originality = body.pop("originality")
        return body if originality is None else {**body, "originality": dict(originality)}


def record_generation(
    session: Session, key: SigningKey, values: GenerationValues, created_at: datetime
) -> Generation:
    """The generation on record, once however often it is recorded.

    Raises:
        NotRecordedError: the run or the parent is not on record.
    """
    known = session.get(Generation, values.id)
    if known is not None:
        return known
    find_run(session, values.run_id)
    if values.parent_id is not None:
        find_generation(session, values.parent_id)
    generation = Generation(
        id=values.id, run_id=values.run_id, parent_id=values.parent_id, prompt=dict(values.prompt),
        seed=values.seed, midi_sha256=values.midi_sha256,
        originality=None if values.originality is None else dict(values.originality), created_at=created_at,
    )  # fmt: skip
    session.add(generation)
    append(session, key, kind="generation", subject_id=values.id, body=values.body(), recorded_at=created_at)
    return generation


def record_rendering(
    session: Session,
    key: SigningKey,
    *,
    generation_id: str,
    sound_bank: Mapping[str, Any],
    files: Mapping[str, str],
    rendered_at: datetime,
) -> Rendering:
    """The rendering on record, once however often it is recorded.

    Args:
        sound_bank: its name, licence and SHA-256.
        files: SHA-256 by file name, mix and stems.
    """
    find_generation(session, generation_id)
    body = rendering_body(generation_id, sound_bank, files)
    known = session.get(Rendering, digest(body))
    if known is None:
        known = Rendering(
            id=digest(body), generation_id=generation_id, sound_bank=dict(sound_bank), files=dict(files),
            rendered_at=rendered_at,
        )  # fmt: skip
        session.add(known)
        append(session, key, kind="rendering", subject_id=generation_id, body=body, recorded_at=rendered_at)
    return known


def rendering_body(
    generation_id: str, sound_bank: Mapping[str, Any], files: Mapping[str, str]
) -> dict[str, Any]:
    """A rendering as it is written down."""
    return {
        "type": RENDERING_TYPE, "generation_id": generation_id, "sound_bank": dict(sound_bank),
        "files": dict(files),
    }  # fmt: skip


def generation_values(generation: Generation) -> GenerationValues:
    """The values of a generation on record."""
    return GenerationValues(
        generation.run_id, generation.parent_id, generation.prompt, generation.seed, generation.midi_sha256,
        generation.originality,
    )  # fmt: skip


def find_generation(session: Session, generation_id: str) -> Generation:
    """The generation of this id.

    Raises:
        NotRecordedError: there is none.
    """
    generation = session.get(Generation, generation_id)
    if generation is None:
        raise NotRecordedError("generation", generation_id, "contrafact generate")
    return generation


def list_generations(session: Session, run_id: str | None = None) -> list[Generation]:
    """The generations on record, or those of one run, oldest first."""
    query = select(Generation).order_by(Generation.created_at, Generation.id)
    return list(session.scalars(query if run_id is None else query.where(Generation.run_id == run_id)))


def renderings_of(session: Session, generation_id: str) -> list[Rendering]:
    """How a generation was made audible."""
    return list(
        session.scalars(
            select(Rendering).where(Rendering.generation_id == generation_id).order_by(Rendering.id)
        )
    )
