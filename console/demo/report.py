"""From a run of the chain and its home to the values of the report."""

import base64
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import soundfile
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.files import write_atomically
from catalog.tables import Encoding, Party, Share, Source, Work
from catalog.vocabulary import Origin, Right, ShareKind
from console.demo.chain import Chain
from console.demo.money import flows_of, payees_of
from console.demo.where import Listening, bar_sources_of, bar_times_of, source_rows_of, track_rows_of
from console.home import Home
from console.report.page import render_report
from console.report.values import (
    Check,
    Collection,
    Link,
    Note,
    Piece,
    Refusal,
    Report,
    ShareRow,
    SimilarRow,
)
from console.steps import attributing, generating
from console.steps.corpora import open_corpus
from console.steps.generating import read_excerpts
from model.analysis import Bar, find_bars
from model.midi import read_midi
from model.render import AudioFormat, encode_audio
from model.score import DURATION, PITCH, START, Score, quantise
from provenance.attributions import WorkShare
from provenance.evidence.verification import Verification
from royalties.money import EXPONENTS, format_minor

SHOWN_WORKS = 10
PREVIEW_RATE = 22_050
REPORT_NAME = "report.html"


def write_report(home: Home, chain: Chain, out: Path) -> Path:
    """The report of a chain as one page in `out`."""
    path = out / REPORT_NAME
    with home.session() as session:
        report = report_of(home, session, chain, out)
    write_atomically(path, render_report(report).encode("utf-8"))
    return path


def report_of(home: Home, session: Session, chain: Chain, out: Path) -> Report:
    """The values of the report, read from the home. Files to listen to are written beside it."""
    corpus = open_corpus(home, chain.corpus.id)
    labels = _labels(session)
    currency = chain.run.currency
    return Report(
        title="Contrafact: from the licence to the cent",
        seed=chain.seed,
        seconds=chain.seconds,
        links=_links(chain),
        collections=_collections(session, chain),
        refusals=_refusals(session, chain),
        findings=sorted(chain.audit.by_code.items()),
        losses=list(enumerate(chain.training.trained.losses, start=1)),
        training=_training(chain),
        pieces=[
            _piece(piece, found, labels, Listening(corpus, read_excerpts(home, found.generation), out))
            for piece, found in zip(chain.pieces, chain.attributions, strict=True)
        ],
        flows=flows_of(session, chain.run),
        currency=currency,
        currency_exponent=EXPONENTS[currency],
        pool=_money(chain.run.pool_minor, currency),
        paid=_money(chain.run.allocated_minor, currency),
        suspense=_money(chain.run.suspense_minor, currency),
        payees=payees_of(session, chain.run, chain.statements, out),
        summary_href=_href(chain.disclosed.page, out),
        summary_score=chain.disclosed.score_text,
        to_be_provided=chain.disclosed.to_be_provided,
        bundle_href=_href(chain.bundle, out),
        checks=_checks(chain.verified),
        tampered=[check for check in _checks(chain.tampered) if not check.ok],
        digests=_digests(chain),
    )


class Labels(dict[str, tuple[str, Origin, str]]):
    """For each work its label, origin and holder."""


def _labels(session: Session) -> Labels:
    labels = Labels()
    holders: dict[str, list[str]] = defaultdict(list)
    query = (
        select(Share.work_id, Party.name)
        .join(Party, Party.id == Share.party_id)
        .where(Share.kind == ShareKind.OWNERSHIP, Share.right == Right.MECHANICAL)
        .order_by(Share.work_id, Share.share_ppm.desc(), Party.name)
    )
    for work_id, name in session.execute(query):
        holders[work_id].append(name)
    for work in session.scalars(select(Work)):
        suffix = "house" if work.origin is Origin.HOUSE else "human"
        holder = ", ".join(holders.get(work.id, ["public domain"]))
        labels[work.id] = (f"{work.title} ({suffix})", work.origin, holder)
    return labels


def _links(chain: Chain) -> list[Link]:
    manifest, trained, run = chain.corpus.manifest, chain.training.trained, chain.run
    origins = manifest["works_by_origin"]
    counts = chain.audit.counts
    bars = sum(piece.num_bars for piece in chain.pieces)
    held_out = trained.held_out.get("sum")
    heard = f"held-out loss {held_out:.2f} nats" if held_out else "no works held out"
    people = f"{counts['parties']} parties, {counts['grants']} grants"
    return [
        Link("Catalogue", f"{counts['works']:,} works", people),
        Link(
            "Corpus",
            f"{manifest['works']:,} cleared",
            f"{origins['human']} human, {origins['house']} house; {manifest['examples']:,} examples",
        ),
        Link(
            "Model",
            f"{chain.training.num_parameters / 1e6:.1f} M parameters",
            f"{trained.steps} steps, {heard}",
        ),
        Link(
            "Pieces",
            f"{len(chain.pieces)} written",
            f"{bars} bars, attributed over {chain.examples} examples",
        ),
        Link(
            "Royalties",
            _money(run.pool_minor, run.currency),
            f"{run.parties} parties, from {chain.usage_lines:,} usage lines",
        ),
        Link(
            "Evidence",
            "verified" if chain.verified.valid else "NOT verified",
            f"{len(chain.verified.checks)} checks, offline; one flipped byte is refused",
        ),
    ]


def _collections(session: Session, chain: Chain) -> list[Collection]:
    cleared = {file.leaf.work_id for file in chain.corpus.files}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    terms: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    query = (
        select(Source.name, Work.origin, Work.id, Encoding.licence)
        .join(Encoding, Encoding.source_id == Source.id)
        .join(Work, Work.id == Encoding.work_id)
    )
    for name, origin, work_id, licence in session.execute(query):
        found[name, origin.value].add(work_id)
        terms[name, origin.value][licence] += 1
    return [
        Collection(
            name,
            origin,
            len(works),
            len(works & cleared),
            ", ".join(f"{licence} ({count})" for licence, count in sorted(terms[name, origin].items())),
        )
        for (name, origin), works in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def _refusals(session: Session, chain: Chain) -> list[Refusal]:
    origins = {work.id: work for work in session.scalars(select(Work))}
    works = {file.leaf.work_id for file in chain.corpus.files}
    by_code: dict[str, dict[str, str]] = defaultdict(dict)
    for exclusion in chain.corpus.exclusions:
        if exclusion.work_id not in works:
            by_code[exclusion.code].setdefault(exclusion.work_id, exclusion.message)
    rows = []
    for code, refused in by_code.items():
        count = Counter(origins[work_id].origin for work_id in refused)
        example = min(refused)
        rows.append(
            Refusal(code, count[Origin.HUMAN], count[Origin.HOUSE], origins[example].title, refused[example])
        )
    return sorted(rows, key=lambda row: (-row.human - row.house, row.code))


def _training(chain: Chain) -> list[tuple[str, str]]:
    trained = chain.training.trained
    rows = [
        ("run", chain.training.run),
        ("trained on corpus", chain.corpus.id),
        ("parameters", f"{chain.training.num_parameters:,}"),
        ("steps", f"{trained.steps:,}"),
        ("loss, first and last step", f"{trained.losses[0]:.2f} and {trained.losses[-1]:.2f} nats an event"),
    ]
    if trained.held_out:
        told = ", ".join(f"{name} {loss:.2f}" for name, loss in trained.held_out.items())
        rows.append((f"loss on {len(trained.held_out_works)} works held out", told))
    return rows


def _piece(
    piece: generating.Piece, found: attributing.Attributed, labels: Labels, listening: Listening
) -> Piece:
    score = quantise(read_midi(piece.midi.read_bytes()))
    bars = find_bars(score)
    by_origin = Counter[Origin]()
    for share in found.shares:
        by_origin[labels[share.work_id][1]] += share.share_ppm
    plan = piece.plan
    names = {work: label for work, (label, _, _) in labels.items()}
    return Piece(
        title=f"{str(plan['genre']).replace('_', ' ').capitalize()} in {plan['key']}",
        prompt=f"{plan['tempo_bpm']} beats a minute, {plan['metre']}",
        plan=f"{piece.num_bars} bars, {' '.join(plan['structure'])}, {len(piece.tracks)} tracks",
        audio_uri=_audio_uri(piece.mix),
        midi_href=_href(piece.midi, listening.out),
        num_bars=len(bars),
        tracks=piece.tracks,
        notes=_notes(score, bars),
        bar_sources=bar_sources_of(found, len(bars), names),
        track_rows=track_rows_of(found, names),
        source_rows=source_rows_of(found, names, bar_times_of(score, bars), listening),
        shares=[
            ShareRow(
                labels[share.work_id][0],
                labels[share.work_id][1].value,
                labels[share.work_id][2],
                share.share_ppm,
                share.low_ppm,
                share.high_ppm,
            )
            for share in _strongest(found)
        ],
        unattributed_ppm=found.unattributed_ppm,
        human_ppm=by_origin[Origin.HUMAN],
        house_ppm=by_origin[Origin.HOUSE],
        similar=_similar(found, labels),
        similar_limit_notes=found.similar.limit_notes,
        reliability=_verdict(found.reliability),
        generation=piece.generation,
        attribution=found.attribution,
    )


def _strongest(found: attributing.Attributed) -> list[WorkShare]:
    return sorted(found.shares, key=lambda share: (-share.share_ppm, share.work_id))[:SHOWN_WORKS]


def _similar(found: attributing.Attributed, labels: Labels) -> list[SimilarRow]:
    """The works that are closest by content, each beside what influence gives it."""
    share_of = {share.work_id: share.share_ppm for share in found.shares}
    return [
        SimilarRow(
            labels[repeat.work_id][0],
            repeat.notes,
            _bars(repeat.bars),
            _bars(repeat.source_bars),
            share_of.get(repeat.work_id, 0),
        )
        for repeat in found.similar.works
    ]


def _bars(bars: tuple[int, int]) -> str:
    return f"{bars[0] + 1} to {bars[1] + 1}"


def _verdict(reliability: Mapping[str, object]) -> str:
    told = f"pay by {reliability['verdict']}; signal to noise {reliability['signal_to_noise']}"
    return f"{told}. {reliability['reason']}" if reliability["reason"] else told


def _notes(score: Score, bars: Sequence[Bar]) -> list[Note]:
    starts = [bar.start_steps for bar in bars]
    lengths = [4 * 12 * bar.numerator / bar.denominator for bar in bars]
    found = []
    for index, track in enumerate(score.tracks):
        bar = 0
        for row in track.notes:
            while bar + 1 < len(starts) and starts[bar + 1] <= row[START]:
                bar += 1
            start = bar + (int(row[START]) - starts[bar]) / lengths[bar]
            found.append(Note(start, int(row[DURATION]) / lengths[bar], int(row[PITCH]), index))
    return found


def _audio_uri(mix: Path | None) -> str:
    """A small copy of the mix inside the page."""
    if mix is None:
        return "data:,"
    audio, sample_rate = soundfile.read(mix, dtype="float32", always_2d=True)
    halved = audio[: len(audio) // 2 * 2].reshape(-1, 2, audio.shape[1]).mean(axis=1)
    data = encode_audio(halved.mean(axis=1, keepdims=True).T, sample_rate // 2, AudioFormat.MP3)
    return "data:audio/mpeg;base64," + base64.b64encode(data).decode("ascii")


def _checks(verification: Verification) -> list[Check]:
    return [Check(check.name, check.ok, check.detail) for check in verification.checks]


def _digests(chain: Chain) -> list[tuple[str, str]]:
    rows = [
        ("corpus", chain.corpus.id),
        ("Merkle root", chain.corpus.manifest["merkle_root"]),
        ("run", chain.training.run),
    ]
    for piece, found in zip(chain.pieces, chain.attributions, strict=True):
        rows.append((f"generation of {piece.plan['genre']}", piece.generation))
        rows.append((f"attribution of {piece.plan['genre']}", found.attribution))
    rows.append(("distribution", f"{chain.run.run} {chain.run.digest}"))
    rows += [(f"statement of {payee}", written.statement) for payee, written in chain.statements.items()][:12]
    return rows


def _href(path: Path, out: Path) -> str:
    return os.path.relpath(path, out)


def _money(amount_minor: int, currency: str) -> str:
    return f"{currency} {format_minor(amount_minor, currency)}"
