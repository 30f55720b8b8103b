"""Which purposes does an opt-out signal withhold, and how does it come on record?

The signal is kept as it was seen. The most restrictive reading holds; a signal that cannot be read withholds
everything. Purposes: mining of text and data, and training of any kind, withhold `train` and `evaluate`;
what a model may be given as input withholds `generate`.

Source: TDMRep (W3C Community Group, 10 May 2024); RSL 1.0 (November 2025); IETF AIPREF drafts for
Content-Usage; CAWG training and data mining assertion.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import Element

from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing
from catalog.errors import NotFoundError
from catalog.findings import Finding, Severity
from catalog.lines import storable
from catalog.tables import Reservation
from catalog.vocabulary import Purpose, ReservationProtocol
from catalog.xml import local_name, parse_xml

EVERYTHING = frozenset(Purpose)
NOTHING = frozenset[Purpose]()
MINING = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
RSL_USES = {
    "all": EVERYTHING,
    "ai-all": EVERYTHING,
    "ai-train": MINING,
    "train-ai": MINING,  # as drafts before 1.0 had it
    "ai-input": frozenset({Purpose.GENERATE}),
}
RSL_ASKED = MINING | {Purpose.GENERATE}  # what RSL can speak of; it knows no distribution of outputs
CAWG_USES = {
    "data_mining": MINING,
    "ai_training": MINING,
    "ai_generative_training": MINING,
    "ai_inference": frozenset({Purpose.GENERATE}),
}
USAGE_CATEGORIES = {
    "ai": EVERYTHING,
    "bots": EVERYTHING,
    "train-ai": MINING,
    "genai": MINING,
    "tdm": MINING,
}


@dataclass(frozen=True)
class Target:
    """What is reserved: exactly one of a work, a file (by its SHA-256), or all that a party has a part in."""

    work_id: str | None = None
    encoding_id: str | None = None
    party_id: str | None = None


@dataclass(frozen=True)
class Signal:
    """A signal as read: what it withholds, and why it could not be read where it could not."""

    purposes: frozenset[Purpose]
    fault: str | None = None


def read_signal(protocol: ReservationProtocol, text: str) -> Signal:
    """What a signal withholds. One that cannot be read withholds everything and says so in `fault`."""
    try:
        return Signal(_READERS[protocol](text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return Signal(EVERYTHING, f"the {protocol} signal could not be read ({error})")


def add_reservation(
    session: Session,
    target: Target,
    protocol: ReservationProtocol,
    text: str,
    *,
    seen_where: str,
    seen_at: datetime,
    recorded_at: datetime,
    recorded_by: str,
    purposes: Iterable[Purpose] | None = None,
) -> tuple[str, list[Finding]]:
    """The id of the reservation, which is on record now, and what there is to say of its signal.

    Args:
        target: exists in the catalogue.
        text: the signal as it was seen, whole.
        seen_where: a URL, a file, a letter's reference.
        purposes: what a letter withholds in words; None leaves it to the signal.
    """
    signal = read_signal(protocol, text)
    withheld = signal.purposes if purposes is None else frozenset(purposes)
    row = reservation_row(
        target, protocol, text, withheld, seen_where=seen_where, seen_at=seen_at, recorded_at=recorded_at,
        recorded_by=recorded_by,
    )  # fmt: skip
    insert_missing(session, Reservation, [row])
    return str(row["id"]), list(_remarks(str(row["id"]), signal, withheld))


def reservation_row(
    target: Target,
    protocol: ReservationProtocol,
    text: str,
    withheld: frozenset[Purpose],
    *,
    seen_where: str,
    seen_at: datetime,
    recorded_at: datetime,
    recorded_by: str,
) -> dict[str, Any]:
    """The row of a reservation, in force until it is lifted."""
    named = [value for value in (target.work_id, target.encoding_id, target.party_id) if value is not None]
    if len(named) != 1:
        raise ValueError("a reservation is about exactly one work, file or party")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {
        "id": derive_id("reservation", named[0], protocol, digest, seen_where, *sorted(withheld)),
        **asdict(target),
        "protocol": protocol,
        "signal": storable(text),
        "signal_sha256": digest,
        "seen_where": storable(seen_where),
        "seen_at": seen_at,
        "purposes": sorted(withheld),
        "recorded_at": recorded_at,
        "recorded_by": recorded_by,
        "lifted_on": None,
        "lifted_at": None,
    }


def lift_reservation(session: Session, reservation_id: str, on: date, recorded_at: datetime) -> None:
    """The reservation no longer holds from a day on; it stays on record.

    Raises:
        NotFoundError: there is no such reservation.
    """
    row = session.get(Reservation, reservation_id)
    if row is None:
        raise NotFoundError("reservation", reservation_id)
    if row.lifted_on is None:
        row.lifted_on, row.lifted_at = on, recorded_at
        session.flush()


def _remarks(where: str, signal: Signal, withheld: frozenset[Purpose]) -> Iterable[Finding]:
    if signal.fault is not None:
        message = f"{signal.fault}; everything is withheld until somebody has read it"
        yield Finding("UNREADABLE_SIGNAL", where, message, Severity.WARNING)
    if not withheld:
        message = "the signal withholds nothing; it is kept as it was seen"
        yield Finding("SIGNAL_WITHHOLDS_NOTHING", where, message, Severity.INFO)


def _tdmrep(text: str) -> frozenset[Purpose]:
    """1 reserves, 0 does not: as a JSON file, an HTTP header, an HTML meta element, or the bare figure."""
    stripped = text.strip()
    if stripped[:1] in "[{":
        rules = json.loads(stripped)
        values = [rule["tdm-reservation"] for rule in (rules if isinstance(rules, list) else [rules])]
    elif stripped in ("0", "1"):
        values = [int(stripped)]
    else:
        meta = r"""name=["']tdm-reservation["'][^>]*content=["']\s*(\d)"""
        values = [
            int(v) for v in re.findall(rf"tdm-reservation\s*[:=]\s*(\d)|{meta}", text, re.I) for v in v if v
        ]
    if not values or not set(values) <= {0, 1}:
        raise ValueError("no tdm-reservation of 0 or 1 in it")
    return MINING if 1 in values else NOTHING


def _rsl(text: str) -> frozenset[Purpose]:
    """A use is free only where every licence permits it without a payment and nothing prohibits it."""
    licences = [e for e in parse_xml(text.encode("utf-8")).iter() if local_name(e) == "license"]
    if not licences:
        raise ValueError("no license element in it")
    withheld = NOTHING
    for licence in licences:
        permitted, prohibited = _rsl_uses(licence, "permits"), _rsl_uses(licence, "prohibits")
        paid = any(local_name(e) == "payment" and e.get("type", "free") != "free" for e in licence)
        if paid:
            withheld |= RSL_ASKED
        elif permitted is not None:
            withheld |= RSL_ASKED - permitted
        withheld |= prohibited or NOTHING
    return withheld


def _rsl_uses(licence: Element, name: str) -> frozenset[Purpose] | None:
    """The purposes that the elements of a name are about; None where there is no such element."""
    told = [e for e in licence if local_name(e) == name and e.get("type", "usage") == "usage"]
    tokens = [token for e in told for token in re.split(r"[\s,]+", (e.text or "").strip().lower())]
    return NOTHING.union(*(RSL_USES.get(token, NOTHING) for token in tokens)) if told else None


def _content_usage(text: str) -> frozenset[Purpose]:
    """`Content-Usage: train-ai=n`, in robots.txt or an HTTP header; a Disallow withholds mining."""
    withheld, found = NOTHING, False
    for line in text.splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        if name.strip().lower() == "content-usage":
            for category, answer in re.findall(r"([a-z-]+)\s*=\s*([a-z?01]+)", value.lower()):
                found = True
                withheld |= (
                    USAGE_CATEGORIES.get(category, MINING) if answer not in ("y", "?1", "1") else NOTHING
                )
        elif name.strip().lower() in ("disallow", "allow", "user-agent"):
            found = True
            withheld |= MINING if name.strip().lower() == "disallow" and value.strip() else NOTHING
    if not found:
        raise ValueError("neither Content-Usage nor a robots rule in it")
    return withheld


def _cawg(text: str) -> frozenset[Purpose]:
    """Entries whose use is not `allowed` withhold; a constraint is a question, and so withholds too."""
    entries = json.loads(text)["entries"]
    withheld = NOTHING
    for label, entry in entries.items():
        use, category = entry["use"], label.rpartition(".")[2]
        if use not in ("allowed", "notAllowed", "constrained"):
            raise ValueError(f"the use '{use}' of {label} is not known")
        withheld |= CAWG_USES.get(category, EVERYTHING) if use != "allowed" else NOTHING
    return withheld


def _letter(_text: str) -> frozenset[Purpose]:
    return EVERYTHING


_READERS: dict[ReservationProtocol, Callable[[str], frozenset[Purpose]]] = {
    ReservationProtocol.TDMREP: _tdmrep,
    ReservationProtocol.RSL: _rsl,
    ReservationProtocol.ROBOTS: _content_usage,
    ReservationProtocol.AIPREF: _content_usage,
    ReservationProtocol.CAWG: _cawg,
    ReservationProtocol.LETTER: _letter,
}
