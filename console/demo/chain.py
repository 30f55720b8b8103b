"""The whole chain on real music, from an empty home to a report; each step is what a command would do.

A second run repeats every step and finds its work done: imports, corpus, run, index and records are named by
what they are. Days are fixed, so that the same seed gives the same digests whenever it is run.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from catalog.audit import AuditReport
from catalog.files import write_atomically
from catalog.vocabulary import Origin, Purpose
from console.demo.house_catalogue import HouseCatalogue, write_house_catalogue
from console.demo.sources import human_pieces, write_folder
from console.demo.usage import PERIOD, usage_csv
from console.home import Home
from console.progress import progress
from console.steps.attributing import Attributed, attribute
from console.steps.auditing import run_audit
from console.steps.catalogue import import_into
from console.steps.corpora import build, open_corpus
from console.steps.disclosing import Disclosed, disclose_eu_summary
from console.steps.evidence import export
from console.steps.generating import Piece, generate_piece
from console.steps.indexing import index_run
from console.steps.paying import run_royalties, take_usage, write_statements
from console.steps.permissions import record_grants
from console.steps.policies import find_policy
from console.steps.training import Training, train_model
from model.genres import GENRE_SLUGS
from model.house import HousePiece, compose
from model.prompt import Prompt
from provenance.corpus.build import BuiltCorpus
from provenance.corpus.plan import Order
from provenance.evidence.bundle import verify_bundle
from provenance.evidence.verification import Verification
from royalties.periods import parse_period
from royalties.runs import RunReport
from royalties.statement_files import StatementFormat, WrittenStatement
from royalties.usage import UsageFormat

CLEARED_ON = date(2026, 10, 1)
TERRITORY = "EU"
POLICY = "stim_like"
PRESET = "lite"
PROMPTS = (
    Prompt(genre="hymn", key="G major", structure=tuple("AABA"), tempo_bpm=84, minutes=0.75),
    Prompt(genre="celtic", mood="cheerful", key="D major", structure=tuple("AABB"), minutes=0.75),
    Prompt(
        genre="bossa_nova",
        mood="calm",
        key="E minor",
        instruments=("drums", "bass", "guitar", "piano", "flute"),
        structure=tuple("AABA"),
        minutes=0.75,
    ),
    Prompt(
        genre="synthwave",
        mood="energetic",
        key="A minor",
        structure=("intro", "verse", "chorus", "verse", "chorus"),
        minutes=0.75,
    ),
)


@dataclass(frozen=True)
class Size:
    """How much music goes through the chain; by default everything that there is."""

    genres: Sequence[str] = GENRE_SLUGS
    house_pieces_per_genre: int = 3
    human_pieces: int | None = None
    prompts: Sequence[Prompt] = PROMPTS


@dataclass(frozen=True)
class Chain:
    """Everything that a run of the chain gave, for the report and the answer."""

    seed: int
    seconds: int
    audit: AuditReport
    corpus: BuiltCorpus
    training: Training
    examples: int
    pieces: tuple[Piece, ...]
    attributions: tuple[Attributed, ...]
    usage_lines: int
    run: RunReport
    statements: dict[str, WrittenStatement]
    disclosed: Disclosed
    bundle: Path
    verified: Verification
    tampered: Verification


def run_chain(home: Home, out: Path, minutes: float, seed: int, size: Size = Size()) -> Chain:
    """The chain, link by link. Interrupted anywhere, it goes on where it stood when it is called again."""
    started = time.monotonic()
    inputs = out / "inputs"
    import_music(home, inputs, seed, size)
    audit = run_audit(home, CLEARED_ON)
    with progress("Building the corpus") as advance:
        corpus = build(home, Order(Purpose.TRAIN, TERRITORY, CLEARED_ON), advance)
    with progress("Training") as advance:
        verified = open_corpus(home, corpus.id)
        training = train_model(home, verified, preset=PRESET, minutes=minutes, seed=seed, advance=advance)
    with progress("Indexing gradients") as advance:
        indexed = index_run(home, training.run, advance)
    pieces = [
        _generate(home, training.run, prompt, seed + place) for place, prompt in enumerate(size.prompts)
    ]
    with progress("Attributing") as advance:
        attributions = []
        for place, piece in enumerate(pieces, start=1):
            attributions.append(attribute(home, piece.generation))
            advance(place, len(pieces), "pieces")
    usage_lines, run, statements = _pay(home, inputs, pieces, seed)
    disclosed = disclose_eu_summary(home, training.run, _provider())
    bundle = export(home, pieces[0].generation)
    data = bundle.read_bytes()
    return Chain(
        seed=seed,
        seconds=round(time.monotonic() - started),
        audit=audit,
        corpus=corpus,
        training=training,
        examples=indexed.examples,
        pieces=tuple(pieces),
        attributions=tuple(attributions),
        usage_lines=usage_lines,
        run=run,
        statements=statements,
        disclosed=disclosed,
        bundle=bundle,
        verified=verify_bundle(data),
        tampered=verify_bundle(one_byte_flipped(data)),
    )


def one_byte_flipped(data: bytes) -> bytes:
    """The bytes with the lowest bit of the middle one turned over."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def import_music(home: Home, inputs: Path, seed: int, size: Size) -> None:
    """The pieces in the catalogue, with the agreements that permit some of them."""
    with progress("Composing house pieces") as advance:
        house = _house(inputs, seed, size)
        advance(1, 1, "written")
    with progress("Importing") as advance:
        human = inputs / "human"
        write_folder(human_pieces(size.human_pieces), human)
        steps = (
            ("cwr", house.cwr, Origin.HOUSE, True),
            ("folder", house.folder, Origin.HOUSE, True),
            ("folder", human, Origin.HUMAN, False),
        )
        for place, (form, path, origin, invented) in enumerate(steps, start=1):
            import_into(home, form, path, origin=origin, invented=invented)
            advance(place, len(steps), path.name)
        record_grants(home, house.agreements)


def _house(inputs: Path, seed: int, size: Size) -> HouseCatalogue:
    pieces: list[HousePiece] = [
        compose(genre, index, seed) for genre in size.genres for index in range(size.house_pieces_per_genre)
    ]
    return write_house_catalogue(pieces, inputs, seed)


def _generate(home: Home, run: str, prompt: Prompt, seed: int) -> Piece:
    with progress(f"Composing {str(prompt.genre).replace('_', ' ')}") as advance:
        return generate_piece(home, run, prompt, seed, advance)


def _pay(
    home: Home, inputs: Path, pieces: Sequence[Piece], seed: int
) -> tuple[int, RunReport, dict[str, WrittenStatement]]:
    path = inputs / f"usage-{PERIOD}.csv"
    write_atomically(path, usage_csv([piece.generation for piece in pieces], seed))
    usage = take_usage(home, UsageFormat.CSV, [path])
    period = parse_period(PERIOD)
    run = run_royalties(home, period, find_policy(POLICY))
    statements = write_statements(home, period, (), list(StatementFormat))
    return usage.lines, run, statements


def _provider() -> Path:
    return Path(str(files("provenance.disclosures"))) / "provider_example.toml"
