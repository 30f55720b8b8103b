"""What would the CWR file of a large publisher look like? Made from a seed, written as a stream.

About ten rows a work: one or two writers, their publisher, ownership of the performing and the mechanical
right, an ISWC for every other work, an alternative title for every fourth, a recording for every tenth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from catalog.cwr.fields import Value, encode
from catalog.cwr.layouts import LAYOUTS
from catalog.identifiers import ipi_name_check_digits, iswc_check_digit
from catalog.vocabulary import Role

SENDER = "99000010013"
WORKS_PER_WRITER = 15
WORKS_PER_PUBLISHER = 600
WORKS_PER_WORD = 6
COMMONER = 3  # half of all words are of the first eighth of the list
GROUP_WORKS = 500_000
PREFIX_WIDTH = 19
_SYLLABLE_TEXT = (
    "BA BE BO DA DE DI DO FA FE FI GA GO KA KE KO LA LE LI LO LU MA ME MI MO NA NE NI NO PA PE PO RA RE RI "
    "RO SA SE SI SO TA TE TI TO TU VA VE VI WA WE ZA ZO STAN BERG HOLM LUND STEIN MAR VIL QUIN DOR HAL"
)
SYLLABLES = _SYLLABLE_TEXT.split()


@dataclass(frozen=True)
class Made:
    """A party with the lines that CWR has of it, each without its three leading fields."""

    name: str
    ipi: str
    number: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Pool:
    """Who and which words the works are made of."""

    words: list[str]
    publishers: list[Made]
    writers: list[Made]


def write_catalogue(path: Path, num_works: int, seed: int = 0) -> None:
    """The file, written work by work."""
    random = Random(seed)
    pool = make_pool(random, num_works)
    with path.open("w", encoding="ascii", newline="\r\n") as file:
        file.write(encode("HDR", {"sender_type": SENDER[:2], "sender_id": SENDER[2:]}) + "\n")
        num_groups, num_records = 0, 2
        for first in range(0, num_works, GROUP_WORKS):
            num_groups += 1
            count = min(GROUP_WORKS, num_works - first)
            group: dict[str, Value] = {"transaction_type": "NWR", "group_id": num_groups, "version": "02.20"}
            file.write(encode("GRH", group) + "\n")
            lines = 2
            for number in range(first, first + count):
                for sequence, body in enumerate(_work(pool, random, number)):
                    file.write(f"{body[:3]}{number - first:08d}{sequence:08d}{body[3:]}\n")
                    lines += 1
            totals: dict[str, Value] = {"transaction_count": count, "record_count": lines}
            file.write(encode("GRT", {"group_id": num_groups, **totals}) + "\n")
            num_records += lines
        ends: dict[str, Value] = {"transaction_count": num_works, "record_count": num_records}
        file.write(encode("TRL", {"group_count": num_groups, **ends}) + "\n")


def make_pool(random: Random, num_works: int) -> Pool:
    """The words and the parties for so many works."""
    num_words = max(6_000, num_works // WORKS_PER_WORD)
    words = sorted({"".join(random.choices(SYLLABLES, k=random.randint(2, 5))) for _ in range(num_words)})
    random.shuffle(words)
    publishers = [
        _publisher(random, words, number) for number in range(max(2, num_works // WORKS_PER_PUBLISHER))
    ]
    writers = [_writer(random, words, number) for number in range(max(4, num_works // WORKS_PER_WRITER))]
    return Pool(words, publishers, writers)


def some_words(random: Random, words: list[str], count: int) -> list[str]:
    """Words of a list, those at its beginning far more often than those at its end."""
    return [words[int(len(words) * random.random() ** COMMONER)] for _ in range(count)]


def _ipi(block: int, number: int) -> str:
    digits = f"{block + number:09d}"
    return digits + ipi_name_check_digits(digits)


def _body(record_type: str, values: dict[str, Value]) -> str:
    line = encode(record_type, values)
    return line[:3] + line[PREFIX_WIDTH:]


def _publisher(random: Random, words: list[str], number: int) -> Made:
    name = f"{' '.join(some_words(random, words, 2))} MUSIC"
    ipi, own = _ipi(100_000_000, number), f"{number:09d}"
    values: dict[str, Value] = {
        "publisher_seq": 1,
        "ip_no": own,
        "publisher_name": name,
        "role": Role.ORIGINAL_PUBLISHER,
        "ipi_name_no": ipi,
        "pr_society": "035",
        "pr_ownership": 500_000,
        "mr_society": "035",
        "mr_ownership": 1_000_000,
    }
    return Made(name, ipi, own, (_body("SPU", values),))


def _writer(random: Random, words: list[str], number: int) -> Made:
    last, first = some_words(random, words, 2)
    ipi, own = _ipi(200_000_000, number), f"W{number:08d}"
    values: dict[str, Value] = {
        "ip_no": own,
        "last_name": last,
        "first_name": first,
        "role": random.choice([Role.COMPOSER, Role.COMPOSER_AUTHOR]),
        "ipi_name_no": ipi,
        "pr_society": "035",
    }
    lines = tuple(_body("SWR", {**values, "pr_ownership": share}) for share in (500_000, 250_000))
    return Made(f"{last}, {first}", ipi, own, lines)


def _work(pool: Pool, random: Random, number: int) -> Iterator[str]:
    """The lines of one work, without transaction and record numbers."""
    title = " ".join(some_words(random, pool.words, random.randint(2, 4)))[:60]
    yield _NWR.format(title=title.ljust(60), number=f"{number:014d}", iswc=_iswc(number))
    publisher = random.choice(pool.publishers)
    yield publisher.lines[0]
    writers = random.sample(pool.writers, 2 if random.random() < 0.25 else 1)
    for writer in writers:
        yield writer.lines[len(writers) - 1]
        name = publisher.name[:45].ljust(45)
        yield _PWR.format(publisher=publisher.number, name=name, writer=writer.number)
    if number % 4 == 0:
        other = " ".join(some_words(random, pool.words, 2))
        yield f"ALT{other:<60}AT  "
    if number % 10 == 0:
        isrc = f"QZCFX{number // 1_000_000:02d}{number // 10 % 100_000:05d}"
        yield _REC.format(isrc=isrc, title=title.ljust(60))


def _iswc(number: int) -> str:
    if number % 2:
        return " " * 11
    digits = f"{number + 300_000_000:09d}"
    return f"T{digits}{iswc_check_digit(digits)}"


def _template(record_type: str, **names: str) -> str:
    """A line whose named fields are to be filled in."""
    line = encode(record_type, {})
    fields = sorted(
        (field for field in LAYOUTS[record_type].fields if field.name in names),
        key=lambda field: -field.first,
    )
    for field in fields:
        line = line[: field.first - 1] + "{" + names[field.name] + "}" + line[field.last :]
    return line[:3] + line[PREFIX_WIDTH:]


_NWR = _template("NWR", work_title="title", submitter_work_no="number", iswc="iswc")
_PWR = _template("PWR", publisher_ip_no="publisher", publisher_name="name", writer_ip_no="writer")
_REC = _template("REC", isrc="isrc", recording_title="title")
