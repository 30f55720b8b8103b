"""What does a catalogue in CSV or Parquet say? A row for each party of a work, a work's rows together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from catalog.findings import Finding
from catalog.identifiers import (
    parse_ipi_base_number,
    parse_ipi_name_number,
    parse_isni,
    parse_isrc,
    parse_iswc,
)
from catalog.imports.cells import CellError, Cells
from catalog.records import (
    UNKNOWN_NAME,
    Fault,
    IdentifierRecord,
    PartyRecord,
    PublicDomainRecord,
    Read,
    RecordingRecord,
    RepresentationRecord,
    ShareRecord,
    SourceRecord,
    TitleRecord,
    WorkRecord,
)
from catalog.taxonomy import is_genre
from catalog.vocabulary import (
    PUBLISHER_ROLES,
    IdentifierScheme,
    Origin,
    PartyKind,
    Right,
    Role,
    ShareKind,
    SourceKind,
    TitleKind,
)

WORK_COLUMNS = (
    "work_number",
    "title",
    "submitter",
    "alternative_titles",
    "alternative_title_kinds",
    "alternative_title_languages",
    "society_numbers",
    "iswc",
    "language",
    "genre",
    "origin",
    "public_domain",
    "public_domain_since",
    "public_domain_basis",
    "source_name",
    "source_kind",
    "source_url",
)
PARTY_COLUMNS = (
    "party_name",
    "ipi_name_number",
    "ipi_base_number",
    "isni",
    "died_year",
    "role",
    "controlled",
    "chain",
    "represented_by",
    "agreement_number",
)
SHARE_COLUMNS: tuple[tuple[str, ShareKind, Right | None], ...] = (
    ("manuscript_share", ShareKind.MANUSCRIPT, None),
    ("performing_ownership", ShareKind.OWNERSHIP, Right.PERFORMING),
    ("mechanical_ownership", ShareKind.OWNERSHIP, Right.MECHANICAL),
    ("synchronisation_ownership", ShareKind.OWNERSHIP, Right.SYNCHRONISATION),
    ("performing_collection", ShareKind.COLLECTION, Right.PERFORMING),
    ("mechanical_collection", ShareKind.COLLECTION, Right.MECHANICAL),
    ("synchronisation_collection", ShareKind.COLLECTION, Right.SYNCHRONISATION),
)
TERM_COLUMNS = ("territory", "starts_on", "ends_on")
RECORDING_COLUMNS = (
    "isrc",
    "recording_title",
    "recording_artist",
    "recording_label",
    "recording_released_on",
    "recording_length_seconds",
)
MAX_CHAIN = 99  # Source: CWR 2.2, publisher sequence number: two digits
MAX_SECONDS = 1_000_000
COLUMNS = (
    *WORK_COLUMNS,
    *PARTY_COLUMNS,
    *(name for name, _kind, _right in SHARE_COLUMNS),
    *TERM_COLUMNS,
    *RECORDING_COLUMNS,
)
REQUIRED = ("work_number", "title")


@dataclass
class _Draft:
    """The work whose rows are being read."""

    work: WorkRecord
    credits: dict[tuple[PartyRecord, Role], None] = field(default_factory=dict)
    shares: list[ShareRecord] = field(default_factory=list)
    represented: dict[tuple[PartyRecord, str], str | None] = field(default_factory=dict)
    recordings: dict[RecordingRecord, None] = field(default_factory=dict)
    complete: bool = True


def read_table(steps: Iterable[Cells | Fault | Finding], origin: Origin) -> Iterator[Read]:
    """The works of a table, and every row that could not be used.

    A row that cannot be used makes the work around it incomplete: it may have held a share.
    """
    draft: _Draft | None = None
    unusable: tuple[str, str | None] | None = None  # the work of a row that could not open a draft
    for step in steps:
        if not isinstance(step, Cells):
            if isinstance(step, Fault) and draft is not None:
                draft.complete = False
            yield Read.of(step)
            continue
        key = (step.text("submitter") or "", step.text("work_number"))
        if draft is not None and key != (draft.work.submitter, draft.work.number):
            yield from _finished(draft)
            draft = None
        try:
            if draft is None:
                draft = _Draft(work_of(step, origin), complete=key != unusable)
            _add_row(draft, step)
        except CellError as error:
            if draft is not None:
                draft.complete = False
            else:
                unusable = key
            yield Read.of(Fault(error.code, step.place, error.found, error.expected))
    if draft is not None:
        yield from _finished(draft)


def work_of(cells: Cells, origin: Origin) -> WorkRecord:
    """The work that a row describes, without its parties.

    Raises:
        CellError: a cell cannot be used.
    """
    return WorkRecord(
        title=_required(cells, "title"),
        submitter=cells.text("submitter") or "",
        number=_required(cells, "work_number"),
        iswc=iswc_of(cells),
        language=cells.text("language"),
        origin=origin_of(cells, origin),
        genre=genre_of(cells),
        public_domain=public_domain_of(cells),
        source=source_of(cells),
        titles=_titles(cells),
        identifiers=tuple(_society_number(part) for part in cells.parts("society_numbers") if part),
        place=cells.place,
    )


def _titles(cells: Cells) -> tuple[TitleRecord, ...]:
    titles = cells.parts("alternative_titles")
    kinds = cells.parts("alternative_title_kinds")
    languages = cells.parts("alternative_title_languages")
    try:
        return tuple(
            TitleRecord(title, TitleKind(kind.upper() or TitleKind.ALTERNATIVE), language or None)
            for title, kind, language, _end in zip_longest(titles, kinds, languages, [], fillvalue="")
            if title
        )
    except ValueError:
        expected = f"for each title one of {', '.join(TitleKind)}"
        raise CellError("INVALID_CODE", "alternative_title_kinds", "|".join(kinds), expected) from None


def _society_number(text: str) -> IdentifierRecord:
    authority, colon, value = text.partition(":")
    if not (authority.strip() and colon and value.strip()):
        raise CellError("INVALID_IDENTIFIER", "society_numbers", text, "society:number, as 035:123456")
    return IdentifierRecord(IdentifierScheme.SOCIETY, authority.strip(), value.strip())


def iswc_of(cells: Cells) -> str | None:
    """The ISWC of a row; CellError where its check digit is wrong."""
    text = cells.text("iswc")
    if text is not None and parse_iswc(text) is None:
        raise CellError("INVALID_ISWC", "iswc", text, "an ISWC whose check digit agrees")
    return None if text is None else parse_iswc(text)


def origin_of(cells: Cells, default: Origin) -> Origin:
    """Who wrote the work of a row; CellError where it is neither human nor house."""
    text = cells.text("origin")
    try:
        return default if text is None else Origin(text.lower())
    except ValueError:
        raise CellError("INVALID_CODE", "origin", str(text), "human or house") from None


def genre_of(cells: Cells) -> str | None:
    """The genre of a row; CellError where it is none of the 48."""
    text = cells.text("genre")
    if text is not None and not is_genre(text):
        raise CellError("UNKNOWN_GENRE", "genre", text, "one of the 48 genres of docs/formats.md")
    return text


def source_of(cells: Cells) -> SourceRecord | None:
    """The source of a row; CellError where its kind is not one of the EU template's."""
    name = cells.text("source_name")
    if name is None:
        return None
    kind = cells.text("source_kind") or SourceKind.OTHER
    try:
        return SourceRecord(
            SourceKind(kind.lower()),
            name,
            cells.text("source_url"),
            cells.text("source_description"),
            cells.day("acquired_from_on"),
            cells.day("acquired_to_on"),
        )
    except ValueError as error:
        if isinstance(error, CellError):
            raise
        expected = ", ".join(SourceKind)
        raise CellError("INVALID_CODE", "source_kind", kind, f"one of {expected}") from None


def public_domain_of(cells: Cells) -> PublicDomainRecord | None:
    """Where the work of a row is said to be in the public domain; CellError where no basis is given."""
    text = cells.text("public_domain")
    if text is None or text.lower() in ("no", "n", "false", "0"):
        return None
    everywhere = text.lower() in ("yes", "y", "true", "1")
    basis = cells.text("public_domain_basis")
    if basis is None:
        raise CellError("NO_BASIS", "public_domain", text, "why, in the column public_domain_basis")
    territory = "WORLD" if everywhere else cells.territory("public_domain", "WORLD")
    return PublicDomainRecord(territory, basis, cells.day("public_domain_since"))


def _required(cells: Cells, column: str) -> str:
    value = cells.text(column)
    if value is None:
        raise CellError("MISSING_FIELD", column, "", "a value")
    return value


def _add_row(draft: _Draft, cells: Cells) -> None:
    recording = _recording(cells)
    if recording is not None:
        draft.recordings[recording] = None
    if cells.text("party_name") is None and cells.text("role") is None:
        return
    role = _role(cells)
    party = _party(cells, role, draft.work.submitter)
    shares = _shares(cells, party, role)
    draft.credits[party, role] = None
    draft.shares += shares
    agreements = cells.parts("agreement_number")
    for publisher, agreement in zip_longest(cells.parts("represented_by"), agreements, fillvalue=""):
        if publisher:
            draft.represented[party, publisher] = agreement or None


def _role(cells: Cells) -> Role:
    text = cells.text("role") or ""
    try:
        return Role(text.upper())
    except ValueError:
        raise CellError("INVALID_CODE", "role", text, f"one of {', '.join(Role)}") from None


def _party(cells: Cells, role: Role, submitter: str) -> PartyRecord:
    kind = PartyKind.PUBLISHER if role in PUBLISHER_ROLES else PartyKind.WRITER
    if role is Role.PERFORMER:
        kind = PartyKind.PERFORMER
    numbers: dict[str, str | None] = {}
    for column, parse in (
        ("ipi_name_number", parse_ipi_name_number),
        ("ipi_base_number", parse_ipi_base_number),
        ("isni", parse_isni),
    ):
        text = cells.text(column)
        numbers[column] = None if text is None else parse(text)
        if text is not None and numbers[column] is None:
            raise CellError("INVALID_IDENTIFIER", column, text, "a number whose check digits agree")
    return PartyRecord(
        cells.text("party_name") or UNKNOWN_NAME,
        kind,
        numbers["ipi_name_number"],
        numbers["ipi_base_number"],
        numbers["isni"],
        cells.year("died_year"),
        authority=submitter,
    )


def _shares(cells: Cells, party: PartyRecord, role: Role) -> list[ShareRecord]:
    territory = cells.territory("territory", "WORLD")
    starts_on, ends_on = cells.day("starts_on"), cells.day("ends_on")
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise CellError("INVALID_DATE", "ends_on", str(ends_on), f"a day after {starts_on}")
    controlled, chain = cells.flag("controlled"), cells.number("chain", MAX_CHAIN) or 0
    told = [(kind, right, cells.share_ppm(column)) for column, kind, right in SHARE_COLUMNS]
    given = [(kind, right, share_ppm) for kind, right, share_ppm in told if share_ppm is not None]
    # Zeros are not kept, except that a party which has nothing at all is a party to the work still.
    kept = [item for item in given if item[2]] or given[:1]
    return [
        ShareRecord(party, role, kind, right, share_ppm, territory, starts_on, ends_on, controlled, chain)
        for kind, right, share_ppm in kept
    ]


def _recording(cells: Cells) -> RecordingRecord | None:
    isrc = cells.text("isrc")
    if isrc is not None and parse_isrc(isrc) is None:
        raise CellError("INVALID_ISRC", "isrc", isrc, "an ISRC of ISO 3901")
    recording = RecordingRecord(
        None if isrc is None else parse_isrc(isrc),
        cells.text("recording_title"),
        cells.text("recording_artist"),
        cells.text("recording_label"),
        cells.day("recording_released_on"),
        cells.number("recording_length_seconds", MAX_SECONDS),
    )
    return None if recording == RecordingRecord() else recording


def _finished(draft: _Draft) -> Iterator[Read]:
    parties = [party for party, role in draft.credits if role in PUBLISHER_ROLES]
    links = []
    complete = draft.complete
    for (writer, wanted), agreement in draft.represented.items():
        number = parse_ipi_name_number(wanted)
        match = [
            party
            for party in parties
            if wanted == party.name or (number is not None and number == party.ipi_name_number)
        ]
        if match:
            links.append(RepresentationRecord(writer, match[0], agreement))
        else:
            found = f"'{wanted}' in column represented_by"
            expected = "the name or IPI name number of a publisher of this work"
            yield Read.of(Fault("UNKNOWN_PARTY", draft.work.place, found, expected))
    yield Read.of(
        replace(
            draft.work,
            credits=tuple(draft.credits),
            shares=tuple(draft.shares),
            representations=tuple(links),
            recordings=tuple(draft.recordings),
            complete=complete,
        )
    )
