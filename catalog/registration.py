"""How do works that a file describes enter the catalogue?

A chunk of works at a time, each table in one statement. A work that is known already is found by its
submitter's number, then by its ISWC. New shares supersede the old ones, and a changed row leaves its earlier
state behind as a version: both stay on record.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing, lots
from catalog.findings import Finding, Severity
from catalog.records import Fault, PartyRecord, ShareRecord, WorkRecord
from catalog.search import index_works
from catalog.shares import blocks_payment, percent, share_findings
from catalog.tables import (
    Party,
    PartyName,
    Recording,
    RecordingWork,
    Representation,
    Share,
    Source,
    Work,
    WorkCredit,
    WorkIdentifier,
    WorkTitle,
    WorkVersion,
)
from catalog.text import fold
from catalog.vocabulary import IdentifierScheme, TitleKind

Row = dict[str, Any]
ShareKey = tuple[Any, ...]


@dataclass(frozen=True)
class Registrar:
    """Who registers: the batch, the day by which shares are judged, and how much the file may say.

    `completes_only`: the file is no registration, so it fills gaps and never changes what is on record.
    """

    session: Session
    batch_id: str
    on: date
    invented: bool = False
    completes_only: bool = False
    held: set[str] = field(default_factory=set)  # works to which the batch gives two sets of shares


@dataclass
class Registered:
    """What became of a chunk: a work's id for every record (None where it was refused), and what to tell."""

    work_ids: list[str | None] = field(default_factory=list)
    party_ids: set[str] = field(default_factory=set)
    recording_ids: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Rows:
    """What a chunk will write, table by table."""

    sources: dict[str, Row] = field(default_factory=dict)
    parties: dict[str, Row] = field(default_factory=dict)
    names: set[tuple[str, str]] = field(default_factory=set)
    works: dict[str, Row] = field(default_factory=dict)
    changed: dict[str, Row] = field(default_factory=dict)
    titles: dict[tuple[str, ...], Row] = field(default_factory=dict)
    identifiers: dict[tuple[str, ...], Row] = field(default_factory=dict)
    credits: dict[tuple[str, ...], Row] = field(default_factory=dict)
    representations: dict[tuple[str, ...], Row] = field(default_factory=dict)
    recordings: dict[str, Row] = field(default_factory=dict)
    recording_works: dict[tuple[str, ...], Row] = field(default_factory=dict)
    shares: list[Row] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    versions: dict[str, Row] = field(default_factory=dict)


def register(registrar: Registrar, records: Sequence[WorkRecord]) -> Registered:
    """The works are in the catalogue, and can be searched.

    Args:
        registrar: on whose behalf.
        records: a chunk of some hundred works; the same work twice in one batch is refused where it differs.
    """
    result = Registered()
    ids = _resolve(registrar, records, result)
    known = _known_works(registrar.session, ids)
    live = _live_shares(registrar.session, known)
    rows = _Rows()
    for record, work_id in zip(records, ids, strict=True):
        before = known.get(work_id) or rows.works.get(work_id)
        if before is not None and _differs_in_batch(registrar, record, work_id, before, live):
            found = f"'{record.title}' a second time, with other shares, so that it is paid by neither"
            _hold(registrar, rows, work_id, before)
            result.faults.append(Fault("DUPLICATE_WORK", record.place, found, "each work once in a file"))
            result.work_ids.append(None)
            continue
        result.work_ids.append(work_id)
        _collect(registrar, rows, record, work_id, result)
        payable = _judge_shares(registrar, rows, record, work_id, live, before, result)
        payable = payable and work_id not in registrar.held
        _describe(registrar, rows, record, work_id, before, result, payable=payable)
    _write(registrar, rows)
    index_works(registrar.session, [work_id for work_id in result.work_ids if work_id])
    return result


def _resolve(registrar: Registrar, records: Sequence[WorkRecord], result: Registered) -> list[str]:
    """The id of each record's work: what the record says, its submitter's number, its ISWC, or a new one."""
    schemes = (IdentifierScheme.SUBMITTER, IdentifierScheme.ISWC)
    values = {name.value for record in records for name in record.names if name.scheme in schemes}
    known: dict[tuple[str, str, str], str] = {}
    for lot in lots(values):
        statement = select(
            WorkIdentifier.scheme, WorkIdentifier.authority, WorkIdentifier.value, WorkIdentifier.work_id
        ).where(WorkIdentifier.value.in_(lot), WorkIdentifier.scheme.in_(schemes))
        for scheme, authority, value, work_id in registrar.session.execute(statement):
            known[scheme, authority, value] = work_id
    ids = []
    for record in records:
        keys = [(n.scheme, n.authority, n.value) for n in record.names if n.scheme in schemes]
        matches = [known[key] for key in keys if key in known]
        work_id = record.work_id or (matches[0] if matches else record.new_id())
        if set(matches) - {work_id}:
            message = f"'{record.title}' has the ISWC {record.iswc} of another work ({matches[-1]})"
            result.findings.append(
                Finding("ISWC_OF_ANOTHER_WORK", str(record.place), message, Severity.WARNING)
            )
        for key in keys:
            known.setdefault(key, work_id)
        ids.append(work_id)
    return ids


def _known_works(session: Session, ids: Iterable[str]) -> dict[str, Row]:
    statement = select(Work.__table__).where(Work.id.in_(set(ids)))
    return {row["id"]: dict(row) for row in session.execute(statement).mappings()}


def _live_shares(session: Session, ids: Iterable[str]) -> dict[str, list[tuple[str, str, ShareKey]]]:
    """For each work its shares that nothing superseded: id, batch, and what the share says."""
    found: dict[str, list[tuple[str, str, ShareKey]]] = defaultdict(list)
    statement = select(Share).where(Share.work_id.in_(list(ids)), Share.superseded_by.is_(None))
    for share in session.execute(statement).scalars():
        said = (share.party_id, share.role, share.kind, share.right, share.share_ppm, share.territory)
        key = (*said, share.starts_on, share.ends_on, share.controlled, share.chain)
        found[share.work_id].append((share.id, share.batch_id, key))
    return found


def _share_key(share: ShareRecord, work_id: str) -> ShareKey:
    key = (share.party.key(work_id), share.role, share.kind, share.right, share.share_ppm, share.territory)
    return (*key, share.starts_on, share.ends_on, share.controlled, share.chain)


def _differs_in_batch(
    registrar: Registrar,
    record: WorkRecord,
    work_id: str,
    before: Row,
    live: dict[str, list[tuple[str, str, ShareKey]]],
) -> bool:
    """Whether this very batch already gave the work, with other shares."""
    given = [key for _id, batch, key in live[work_id] if batch == registrar.batch_id]
    if not record.shares or not (given or before["batch_id"] == registrar.batch_id):
        return False
    return Counter(given) != Counter(_share_key(share, work_id) for share in record.shares)


def _hold(registrar: Registrar, rows: _Rows, work_id: str, before: Row) -> None:
    """A work to which one file gives two sets of shares is not paid until another file decides."""
    registrar.held.add(work_id)
    row = rows.works.get(work_id) or rows.changed.setdefault(work_id, dict(before))
    row["payable"] = False


def _judge_shares(
    registrar: Registrar,
    rows: _Rows,
    record: WorkRecord,
    work_id: str,
    live: dict[str, list[tuple[str, str, ShareKey]]],
    before: Row | None,
    result: Registered,
) -> bool:
    """Whether the work can be paid; shares that are news are put among the rows."""
    if not record.shares and record.complete:
        return before is None or bool(before["payable"])
    findings = share_findings(record, registrar.on)
    result.findings += findings
    wanted = [_share_key(share, work_id) for share in record.shares]
    held = live.get(work_id, [])
    if not held or Counter(wanted) != Counter(key for _id, _batch, key in held):
        if held:
            said = _share_changes(registrar, record, work_id, [key for _id, _batch, key in held])
            message = f"the shares of '{record.title}' replace those on record: {said}"
            result.findings.append(Finding("SUPERSEDED", str(record.place), message, Severity.INFO))
            rows.superseded += [share_id for share_id, _batch, _key in held]
        new = _share_rows(registrar, work_id, wanted)
        rows.shares += new
        live[work_id] = [(r["id"], registrar.batch_id, key) for r, key in zip(new, wanted, strict=True)]
    return not any(blocks_payment(finding) for finding in findings)


def _share_changes(registrar: Registrar, record: WorkRecord, work_id: str, before: Sequence[ShareKey]) -> str:
    """Whose shares become what, in words: `A. WRITER mechanical ownership 50 % -> 25 %`."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    names = {share.party.key(work_id): share.party.name for share in record.shares}
    after = [_share_key(share, work_id) for share in record.shares]
    for place, keys in enumerate((before, after)):
        for party_id, _role, kind, right, share_ppm, *_rest in keys:
            sums[party_id, f"{right} {kind}" if right else str(kind)][place] += share_ppm
    told = []
    for (party_id, what), (old_ppm, new_ppm) in sums.items():
        if old_ppm != new_ppm:
            party = None if party_id in names else registrar.session.get(Party, party_id)
            name = names.get(party_id) or (party.name if party else party_id)
            told.append(f"{name} {what} {percent(old_ppm)} -> {percent(new_ppm)}")
    return "; ".join(sorted(told)) or "the same sums, with other roles, territories or terms"


_SHARE_COLUMNS = (
    "party_id",
    "role",
    "kind",
    "right",
    "share_ppm",
    "territory",
    "starts_on",
    "ends_on",
    "controlled",
    "chain",
)


def _share_rows(registrar: Registrar, work_id: str, keys: Sequence[ShareKey]) -> list[Row]:
    seen: dict[ShareKey, int] = {}
    rows = []
    for key in keys:
        row: Row = dict(zip(_SHARE_COLUMNS, key, strict=True))
        again = seen.get(key, 0)  # the same share twice is two shares
        row["id"] = derive_id("share", registrar.batch_id, work_id, *map(str, key), str(again))
        row["work_id"] = work_id
        row["batch_id"] = registrar.batch_id
        row["superseded_by"] = None
        rows.append(row)
        seen[key] = again + 1
    return rows


def _describe(
    registrar: Registrar,
    rows: _Rows,
    record: WorkRecord,
    work_id: str,
    before: Row | None,
    result: Registered,
    *,
    payable: bool,
) -> None:
    """The work's own row: new, or changed where the record knows more."""
    domain = record.public_domain
    said: Row = {
        "title": record.title,
        "iswc": record.iswc,
        "origin": record.origin,
        "genre": record.genre,
        "language": record.language,
        "public_domain_in": None if domain is None else domain.territory,
        "public_domain_from_on": None if domain is None else domain.from_on,
        "public_domain_basis": None if domain is None else domain.basis,
        "payable": payable,
        "source_id": None if record.source is None else record.source.id,
    }
    if before is None:
        rows.works[work_id] = {"id": work_id, **said, "batch_id": registrar.batch_id}
        return
    merged = dict(before)
    for name, value in said.items():
        if value is None or value == before[name]:
            continue
        if before[name] is None or name == "payable" or not registrar.completes_only:
            merged[name] = value
        elif name in ("title", "origin", "genre"):
            _differs(merged, record, name, value, result)
    if fold(str(merged["title"])) != fold(str(before["title"])):
        _add_title(registrar, rows, work_id, str(before["title"]), TitleKind.ALTERNATIVE, None)
    if merged == before:
        return
    if work_id in rows.works:
        rows.works[work_id] = merged
        return
    rows.changed[work_id] = merged
    if before["batch_id"] != registrar.batch_id:
        earlier = {name: before[name] for name in said}
        rows.versions[work_id] = {"work_id": work_id, "superseded_by": registrar.batch_id, **earlier}
        if not registrar.completes_only:
            result.findings += _changes(record, before, merged)


def _changes(record: WorkRecord, before: Row, merged: Row) -> list[Finding]:
    """What the record changes in the work's own row, in words."""
    changed = [
        f"{name} {'nothing' if before[name] is None else repr(before[name])} -> {merged[name]!r}"
        for name in before
        if merged[name] != before[name]
    ]
    message = f"'{record.title}' is described anew: {', '.join(changed)}"
    return [Finding("CHANGED", str(record.place), message, Severity.INFO)]


def _differs(merged: Row, record: WorkRecord, name: str, value: str, result: Registered) -> None:
    """A file that may only complete says something else: the record stays, but for capitals of a title."""
    held = str(merged[name])
    if name == "title" and fold(held) == fold(value):
        merged[name] = value if held.isupper() else held
        return
    message = f"{name} '{value}' differs from '{held}' on record, which stays"
    result.findings.append(Finding(f"{name.upper()}_DIFFERS", str(record.place), message, Severity.WARNING))


def _collect(registrar: Registrar, rows: _Rows, record: WorkRecord, work_id: str, result: Registered) -> None:
    """Everything of a record but its own row and its shares."""
    if record.source is not None:
        source = record.source
        rows.sources[source.id] = {
            "id": source.id,
            "kind": source.kind,
            "name": source.name,
            "url": source.url,
            "description": source.description,
            "acquired_from_on": source.acquired_from_on,
            "acquired_to_on": source.acquired_to_on,
        }
    for party in _parties_of(record):
        result.party_ids.add(_add_party(registrar, rows, party, work_id))
    for title in record.titles:
        _add_title(registrar, rows, work_id, title.title, title.kind, title.language)
    batch_id = registrar.batch_id
    for name in record.names:
        key = (work_id, name.scheme, name.authority, name.value)
        rows.identifiers[key] = {
            "work_id": work_id,
            "scheme": name.scheme,
            "authority": name.authority,
            "value": name.value,
            "batch_id": batch_id,
        }
    for party, role in record.credits:
        party_id = party.key(work_id)
        rows.credits[work_id, party_id, role] = {
            "work_id": work_id,
            "party_id": party_id,
            "role": role,
            "batch_id": batch_id,
        }
    for link in record.representations:
        writer_id, publisher_id = link.writer.key(work_id), link.publisher.key(work_id)
        rows.representations[work_id, writer_id, publisher_id] = {
            "work_id": work_id,
            "writer_id": writer_id,
            "publisher_id": publisher_id,
            "agreement_number": link.agreement_number,
            "batch_id": batch_id,
        }
    for recording in record.recordings:
        recording_id = recording.key(work_id)
        result.recording_ids.add(recording_id)
        rows.recordings[recording_id] = {
            "id": recording_id,
            "isrc": recording.isrc,
            "title": recording.title,
            "artist": recording.artist,
            "label": recording.label,
            "released_on": recording.released_on,
            "length_seconds": recording.length_seconds,
        }
        rows.recording_works[recording_id, work_id] = {"recording_id": recording_id, "work_id": work_id}


def _parties_of(record: WorkRecord) -> Iterable[PartyRecord]:
    """Every party of a record in the order of its lines; the reader's one object for a party comes once."""
    links = [party for link in record.representations for party in (link.writer, link.publisher)]
    named = [*(party for party, _role in record.credits), *(share.party for share in record.shares), *links]
    return {id(party): party for party in named}.values()


def _add_party(registrar: Registrar, rows: _Rows, party: PartyRecord, work_id: str) -> str:
    party_id = party.key(work_id)
    rows.names.add((party_id, party.name))
    row = rows.parties.get(party_id)
    if row is None:
        row = rows.parties[party_id] = {
            "id": party_id,
            "kind": party.kind,
            "name": party.name,
            "ipi_name_number": party.ipi_name_number,
            "ipi_base_number": None,
            "isni": None,
            "dpid": None,
            "territory": None,
            "died_year": None,
            "invented": registrar.invented,
        }
    for name in _COMPLETED:
        if row[name] is None:
            row[name] = getattr(party, name)
    return party_id


def _add_title(
    registrar: Registrar, rows: _Rows, work_id: str, title: str, kind: TitleKind, language: str | None
) -> None:
    row = {"work_id": work_id, "title": title, "kind": kind, "language": language}
    row["batch_id"] = registrar.batch_id
    rows.titles[work_id, title, kind] = row


def _write(registrar: Registrar, rows: _Rows) -> None:
    session = registrar.session
    insert_missing(session, Source, list(rows.sources.values()))
    _write_parties(registrar, rows)
    insert_missing(session, Work, list(rows.works.values()))
    insert_missing(session, WorkVersion, list(rows.versions.values()))
    _update_works(session, list(rows.changed.values()))
    for lot in lots(rows.superseded):
        statement = update(Share).where(Share.id.in_(lot))
        session.execute(statement.values(superseded_by=registrar.batch_id))
    insert_missing(session, WorkTitle, list(rows.titles.values()))
    insert_missing(session, WorkIdentifier, list(rows.identifiers.values()))
    insert_missing(session, WorkCredit, list(rows.credits.values()))
    insert_missing(session, Representation, list(rows.representations.values()))
    insert_missing(session, Recording, list(rows.recordings.values()))
    insert_missing(session, RecordingWork, list(rows.recording_works.values()))
    insert_missing(session, Share, rows.shares)


def _update_works(session: Session, changed: list[Row]) -> None:
    if changed:
        table = Work.__table__
        names = [column.name for column in table.columns if column.name != "id"]
        statement = table.update().where(table.c.id == bindparam("key"))  # type: ignore[attr-defined]
        values: Row = {name: bindparam(f"new_{name}") for name in names}
        parameters = [{"key": row["id"], **{f"new_{name}": row[name] for name in names}} for row in changed]
        session.connection().execute(statement.values(values), parameters)


def _write_parties(registrar: Registrar, rows: _Rows) -> None:
    """New parties; further names of known ones; what was blank of a known one and is told now."""
    session = registrar.session
    held = _held_parties(session, list(rows.parties))
    insert_missing(session, Party, list(rows.parties.values()))
    names = []
    for party_id, name in sorted(rows.names):
        first = held[party_id]["name"] if party_id in held else rows.parties[party_id]["name"]
        if fold(name) != fold(first):
            names.append({"party_id": party_id, "name": name, "batch_id": registrar.batch_id})
    insert_missing(session, PartyName, names)
    for party_id, party in held.items():
        told = {name: rows.parties[party_id][name] for name in _COMPLETED if party[name] is None}
        told = {name: value for name, value in told.items() if value is not None}
        if told:
            session.execute(update(Party).where(Party.id == party_id).values(told))


_COMPLETED = ("ipi_base_number", "isni", "died_year")


def _held_parties(session: Session, ids: Sequence[str]) -> dict[str, Row]:
    table = Party.__table__
    columns = [table.c[name] for name in ("id", "name", *_COMPLETED)]
    found: dict[str, Row] = {}
    for lot in lots(ids):
        for row in session.execute(select(*columns).where(table.c.id.in_(lot))).mappings():
            found[row["id"]] = dict(row)
    return found
