"""What does the report show? Plain values; everything that reads a home is elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One link of the chain: its name, the figure that sums it up, and a line below."""

    name: str
    figure: str
    detail: str


@dataclass(frozen=True)
class Refusal:
    """How often one objection kept works out, with one work as an example."""

    code: str
    human: int
    house: int
    example: str
    message: str


@dataclass(frozen=True)
class Collection:
    """The works of one source: how many there are, how many were cleared, and on what terms."""

    name: str
    origin: str
    works: int
    cleared: int
    terms: str


@dataclass(frozen=True)
class ShareRow:
    """One work's share of one piece, in parts per million, with its interval."""

    label: str
    origin: str
    holder: str
    share_ppm: int
    low_ppm: int
    high_ppm: int


@dataclass(frozen=True)
class SimilarRow:
    """A work that a piece is close to by its notes: the longest stretch shared, and its share."""

    label: str
    notes: int
    bars: str
    source_bars: str
    share_ppm: int


@dataclass(frozen=True)
class Cell:
    """One track in bars `bar_start` up to `bar_end`, from 0: the work it leaned on most there, if any."""

    bar_start: int
    bar_end: int
    label: str | None
    share_ppm: int


@dataclass(frozen=True)
class TrackRow:
    """One track: the work that it leaned on most as a whole, if any, and in each phrase in which it plays."""

    name: str
    label: str | None
    share_ppm: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class SourceRow:
    """Some bars of a piece, beside the bars of the work that they leaned on most, with a file of each."""

    bars: str
    time: str
    href: str
    label: str
    share_ppm: int
    source_bars: str
    source_href: str


@dataclass(frozen=True)
class Note:
    """A note of the picture: start and duration in bars, MIDI pitch, index of the track."""

    start_bars: float
    length_bars: float
    pitch: int
    track: int


@dataclass(frozen=True)
class Piece:
    """One generated piece with what it leaned on."""

    title: str
    prompt: str
    plan: str
    audio_uri: str
    midi_href: str
    num_bars: int
    tracks: Sequence[str]
    notes: Sequence[Note]
    bar_sources: Sequence[str | None]
    track_rows: Sequence[TrackRow]
    source_rows: Sequence[SourceRow]
    shares: Sequence[ShareRow]
    unattributed_ppm: int
    human_ppm: int
    house_ppm: int
    similar: Sequence[SimilarRow]
    similar_limit_notes: int
    reliability: str
    generation: str
    attribution: str


@dataclass(frozen=True)
class Flow:
    """Money that goes from one box of the picture to another, in minor units."""

    source: str
    target: str
    amount_minor: int


@dataclass(frozen=True)
class Payee:
    """One statement: who, how much, where the files are."""

    name: str
    amount: str
    amount_minor: int
    lines: int
    href: str


@dataclass(frozen=True)
class Check:
    """One thing that was verified, and whether it held."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """Everything on the page, from the licence to the cent."""

    title: str
    seed: int
    seconds: int
    links: Sequence[Link]
    collections: Sequence[Collection]
    refusals: Sequence[Refusal]
    findings: Sequence[tuple[str, int]]
    losses: Sequence[tuple[int, float]]
    training: Sequence[tuple[str, str]]
    pieces: Sequence[Piece]
    flows: Sequence[Flow]
    currency: str
    currency_exponent: int
    pool: str
    paid: str
    suspense: str
    payees: Sequence[Payee]
    summary_href: str
    summary_score: str
    to_be_provided: Sequence[str]
    bundle_href: str
    checks: Sequence[Check]
    tampered: Sequence[Check]
    digests: Sequence[tuple[str, str]]
