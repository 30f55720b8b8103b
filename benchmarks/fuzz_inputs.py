"""Which damaged files are tried? Small ones of each kind, and what a line, a disk or an enemy does to them.

Everything follows from a seed and a number, so that any input can be made again.
"""

import io
import random
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from catalog.cwr.fields import encode
from catalog.cwr.writer import Sender, write_cwr
from catalog.export_table import write_csv, write_parquet
from catalog.records import (
    IdentifierRecord,
    PartyRecord,
    RecordingRecord,
    RepresentationRecord,
    ShareRecord,
    TitleRecord,
    WorkRecord,
)
from catalog.vocabulary import IdentifierScheme, PartyKind, Right, Role, ShareKind

SENDER = Sender("TESTLING VERLAG", "00000000199")
AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
PUBLISHER = PartyRecord("TESTLING VERLAG", PartyKind.PUBLISHER, "00000000199")
WRITER = PartyRecord("STEIN, ANNA", PartyKind.WRITER, "00014107338")
OTHER = PartyRecord("BERG, IDA", PartyKind.WRITER, "00000000297")
RIGHTS = (
    "file,licence,licence_basis,title,genre,composer,composer_died,source_name\n"
    "{name},CC0-1.0,stated,Air,baroque,J. S. Bach,1750,Test\n"
)
ABC = "X:1\nT:Air\nM:4/4\nL:1/4\nK:C\nC D E F | G A B c |]\n"
KERN = "**kern\n*M4/4\n=1\n4c\n4d\n4e\n4f\n=2\n1g\n==\n*-\n"
MUSICXML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0"><part-list>'
    '<score-part id="P1"><part-name>A</part-name></score-part></part-list><part id="P1"><measure number="1">'
    "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    "<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><type>whole</type></note>"
    "</measure></part></score-partwise>\n"
)
CONTAINER = (
    '<?xml version="1.0"?><container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'
)
ERN = """<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43" LanguageAndScriptCode="en">
 <MessageHeader><MessageId>M1</MessageId>
  <MessageSender><PartyId>PADPIDA20070627029</PartyId></MessageSender></MessageHeader>
 <PartyList><Party><PartyReference>P1</PartyReference>
  <PartyName><FullName>The Testers</FullName></PartyName></Party></PartyList>
 <ResourceList><SoundRecording><ResourceReference>A1</ResourceReference>
  <SoundRecordingEdition><ResourceId><ISRC>QZ5AB2100001</ISRC></ResourceId></SoundRecordingEdition>
  <WorkId><ISWC>T0345246801</ISWC></WorkId><DisplayTitleText>Song &amp; Test</DisplayTitleText>
  <DisplayArtist><ArtistPartyReference>P1</ArtistPartyReference>
   <DisplayArtistRole>MainArtist</DisplayArtistRole></DisplayArtist><Duration>PT3M5S</Duration>
 </SoundRecording></ResourceList>
 <ReleaseList><Release><ReleaseReference>R0</ReleaseReference><ReleaseId><ICPN>036000291452</ICPN></ReleaseId>
  <DisplayTitleText>EP</DisplayTitleText>
  <ReleaseResourceReference>A1</ReleaseResourceReference></Release></ReleaseList>
 <DealList><ReleaseDeal><DealReleaseReference>R0</DealReleaseReference><Deal><DealTerms>
  <TerritoryCode>Worldwide</TerritoryCode><ValidityPeriod><StartDate>2026-06-01</StartDate></ValidityPeriod>
 </DealTerms></Deal></ReleaseDeal></DealList>
</ern:NewReleaseMessage>
"""
REVENUE_MINOR = 2000  # of the sales report
DSR = """HEAD\tdsrf/30\tRoyaltyReportingProfile\t1.0.1\tM1\t\
2026-11-02T00:00:00Z\t1\t1\t2026-10\t2026-10\tPADPIDA2013020802I\tS
#a comment
SY07\tS1\t\t\t\tOnDemandStream\tDE\tMechanicalRight\tPremium\t30\t\tEUR\t20.00\t\t\t\t4.00\t9.00
AS01\tB1\tR1\tgen_1\t\tOne \\| two\t\tModel\t\tPT3M5S\tSoundRecording
SU03.01\tB1\tT1\tS1\tgen_1\t10\t12.345
LI01\tB1\tS1\tAda\t\tW1\t50\tMechanicalRight\t4.50\t2.00
AS02.01\tB2\tR1\tgen_2\t\tThree\t\tModel\t\tPT0S\tSoundRecording
SU03.01\tB2\tT2\tS1\tgen_2\t20\t7.655
LI01\tB2\tS1\tAda\t\tW1\t50\tMechanicalRight\t4.50\t2.00
FOOT\t10\t10\t1\t2\t2
"""
# What is put into files on purpose: the ends of ranges, formulas, markup, zero bytes, other encodings.
TOKENS = (
    b"\0", b"\xff\xfe", b"\r\n", b"\n\n", b'"', b"=cmd()", b"../../x", b"<!DOCTYPE x>", b"&x;", b"99999",
    b"-1", b"NaN", b"1e308", b"%s", b"\xe2\x80\xae", b"A" * 5000, b"\x1a", b"<", b"]]>", b"|", b"NWR",
    b"GRHACK",
)  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """One input: what kind of file, its bytes, and how gently it was damaged."""

    kind: str
    data: bytes
    how: str

    @property
    def gentle(self) -> bool:
        """Whether one bit was changed or the end is missing, after which no share may be another."""
        return self.how in ("flip one", "cut")


def a_work(number: str, title: str, parts: dict[PartyRecord, int]) -> WorkRecord:
    """A work of which these parties own these parts of two rights."""
    roles = {PUBLISHER: Role.ORIGINAL_PUBLISHER, WRITER: Role.COMPOSER, OTHER: Role.AUTHOR}
    shares = [
        ShareRecord(
            party,
            roles[party],
            ShareKind.OWNERSHIP,
            right,
            part,
            controlled=True,
            chain=int(party is PUBLISHER),
        )
        for party, part in parts.items()
        for right in (Right.PERFORMING, Right.MECHANICAL)
    ]
    collected = replace(shares[1], kind=ShareKind.COLLECTION, territory="WORLD -US", share_ppm=1_000_000)
    return WorkRecord(
        title,
        SENDER.ipi_name_number,
        number,
        credits=tuple((party, roles[party]) for party in parts),
        shares=(*shares, collected),
        representations=(RepresentationRecord(WRITER, PUBLISHER, "AG7"),) if PUBLISHER in parts else (),
    )


@cache
def works() -> tuple[WorkRecord, ...]:
    """The works that the whole files hold."""
    first = replace(
        a_work("W1", "SONG OF THE TEST", {PUBLISHER: 375_000, WRITER: 375_000, OTHER: 250_000}),
        iswc="T0345246801",
        titles=(TitleRecord("LIED"),),
        identifiers=(IdentifierRecord(IdentifierScheme.SOCIETY, "035", "123"),),
        recordings=(RecordingRecord("USRC17607839", "TAKE", "BAND", "LABEL", date(2020, 5, 1), 185),),
    )
    second = a_work("W2", "OTHER", {WRITER: 1_000_000})
    return (first, second, a_work("W3", "THIRD", {PUBLISHER: 500_000, WRITER: 500_000}))


def _cwr() -> bytes:
    return write_cwr(works(), SENDER, AT)


def _ack() -> bytes:
    lines = _cwr().decode().split("\r\n")
    answer = {
        "transaction_seq": 0, "record_seq": 0, "creation_title": "SONG OF THE TEST",
        "submitter_creation_no": "W1", "recipient_creation_no": "9001", "processing_date": AT.date(),
        "status": "RJ",
    }  # fmt: skip
    message = {"transaction_seq": 0, "record_seq": 1, "level": "R", "text": "NO SHARES"}
    group = encode("GRH", {"transaction_type": "ACK", "group_id": 2, "version": "02.20"})
    counts = {"group_id": 2, "transaction_count": 1, "record_count": 4}
    more = [group, encode("ACK", answer), encode("MSG", message), encode("GRT", counts)]
    total = encode(
        "TRL",
        {
            "group_count": 2,
            "transaction_count": int(lines[-2][8:16]) + 1,
            "record_count": int(lines[-2][16:24]) + 4,
        },
    )
    return "\r\n".join([*lines[:-2], *more, total, ""]).encode()


def _csv() -> bytes:
    stream = io.BytesIO()
    write_csv(works(), stream)
    return stream.getvalue()


def _parquet() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "works.parquet"
        write_parquet(works(), path)
        return path.read_bytes()


def _mxl() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("META-INF/container.xml"), CONTAINER)
        archive.writestr(zipfile.ZipInfo("score.xml"), MUSICXML)
    return packed.getvalue()


def _midi() -> bytes:
    notes = b"".join(b"\x00\x90%c\x40\x60\x80%c\x40" % (pitch, pitch) for pitch in (60, 64, 67, 72))
    track = b"\x00\xff\x51\x03\x07\xa1\x20\x00\xff\x58\x04\x04\x02\x18\x08" + notes + b"\x00\xff\x2f\x00"
    return b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + len(track).to_bytes(4, "big") + track


WHOLE: dict[str, Callable[[], bytes]] = {
    "cwr": cache(_cwr),
    "ack": cache(_ack),
    "csv": cache(_csv),
    "parquet": cache(_parquet),
    "ern": ERN.encode,
    "midi": _midi,
    "musicxml": MUSICXML.encode,
    "mxl": cache(_mxl),
    "krn": KERN.encode,
    "abc": ABC.encode,
    "rights": RIGHTS.format(name="a.mid").encode,
    "dsr": DSR.encode,
}
KINDS = tuple(WHOLE)


def damaged(seed: int, number: int) -> Damaged:
    """The input of this number: kinds in turn, the damage by chance."""
    chance = random.Random(f"{seed}:{number}")
    kind = KINDS[number % len(KINDS)]
    data = bytearray(WHOLE[kind]())
    how = chance.choice(("flip one", "flip one", "cut", "cut", "flip some", "mix"))
    if how == "flip one":
        _flip(chance, data)
    elif how == "flip some":
        for _ in range(chance.randint(2, 12)):
            _flip(chance, data)
    elif how == "cut":
        del data[chance.randrange(len(data)) :]
    else:
        for _ in range(chance.randint(1, 4)):
            chance.choice((_flip, _insert, _remove, _repeat, _swap))(chance, data)
    return Damaged(kind, bytes(data), how)


def _flip(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _insert(chance: random.Random, data: bytearray) -> None:
    place = chance.randint(0, len(data))
    data[place:place] = chance.choice(TOKENS)


def _span(chance: random.Random, data: bytearray) -> slice:
    first = chance.randint(0, len(data))
    return slice(first, first + chance.choice((1, 4, 30, 200)))


def _remove(chance: random.Random, data: bytearray) -> None:
    del data[_span(chance, data)]


def _repeat(chance: random.Random, data: bytearray) -> None:
    span = _span(chance, data)
    data[span.start : span.start] = bytes(data[span]) * chance.randint(1, 50)


def _swap(chance: random.Random, data: bytearray) -> None:
    piece = bytes(data[_span(chance, data)])
    place = chance.randint(0, len(data))
    data[place : place + len(piece)] = piece
