"""Who has which part of a right, there and then, and do the parts make a whole?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from catalog.records import WorkRecord
from catalog.tables import Share, Work
from catalog.territories import countries
from catalog.vocabulary import Right, ShareKind

WHOLE_PPM = 1_000_000
TOLERANCE_PPM = 600  # Source: CWR 2.2, share rules: 0.06 percentage points
LOOKUP_CHUNK = 1_000

Part = tuple[ShareKind, Right | None, str, int]  # kind, right, territory, ppm


def in_term(starts_on: date | None, ends_on: date | None, on: date) -> bool:
    """Whether the day lies in the half-open term; an open end has no limit."""
    return (starts_on is None or starts_on <= on) and (ends_on is None or on < ends_on)


def totals(parts: Sequence[tuple[str, int]], asked: frozenset[str]) -> dict[int, frozenset[str]]:
    """What the parts sum to, and in which of the countries asked about.

    Args:
        parts: pairs of a territory and a share in ppm.
        asked: ISO 3166 codes; together the returned sets are exactly these.
    """
    if all(asked <= countries(territory) for territory, _share_ppm in parts):
        return {sum(share_ppm for _territory, share_ppm in parts): asked}
    by_country = dict.fromkeys(asked, 0)
    for territory, share_ppm in parts:
        for country in countries(territory) & asked:
            by_country[country] += share_ppm
    grouped: dict[int, set[str]] = defaultdict(set)
    for country, total in by_country.items():
        grouped[total].add(country)
    return {total: frozenset(named) for total, named in grouped.items()}


def is_whole(total_ppm: int) -> bool:
    """Whether a sum of shares is 100 % within the tolerance of the standard."""
    return abs(total_ppm - WHOLE_PPM) <= TOLERANCE_PPM


def named(codes: Iterable[str], limit: int = 6) -> str:
    """Some countries for a message: a few by name, of many the number."""
    ordered = sorted(codes)
    return ", ".join(ordered) if len(ordered) <= limit else f"{len(ordered)} countries"


def percent(share_ppm: int) -> str:
    """A share for a message: 37.5 %."""
    whole, rest = divmod(share_ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + " %"


def share_findings(work: WorkRecord, on: date) -> list[Finding]:
    """What keeps a work from being paid, and what is strange about its shares.

    Rule: ownership of the performing right sums to 100 %, of the two others to 100 % or to nothing, each
    within 0.06 points; manuscript shares likewise; nobody collects more than 100 % anywhere.

    Source: CWR 2.2, share rules.
    """
    wrong, overclaimed = _judged(
        tuple(
            (share.kind, share.right, share.territory, share.share_ppm)
            for share in work.shares
            if in_term(share.starts_on, share.ends_on, on)
        )
    )
    found = [] if work.complete else [_unreadable(work)]
    found += [_gap(work, what, total) for what, total in wrong]
    return found + [_overclaim(work, right, total) for right, total in overclaimed]


def blocks_payment(finding: Finding) -> bool:
    """Whether a finding of `share_findings` makes the work unpayable."""
    return finding.severity is Severity.ERROR


@lru_cache(maxsize=1 << 12)
def _judged(live: tuple[Part, ...]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[Right, int], ...]]:
    """The sums that are wrong, and those that claim too much; kept, because few divisions are common."""
    return tuple(_wrong_sums(live)), tuple(_overclaims(live))


def _wrong_sums(live: Sequence[Part]) -> Iterator[tuple[str, int]]:
    for right in Right:
        parts = _parts(live, ShareKind.OWNERSHIP, right)
        expected_at_all = right is Right.PERFORMING and bool(live)
        if sum(share_ppm for _territory, share_ppm in parts) or expected_at_all:
            for total in totals(parts, _claimed(parts)):
                if not is_whole(total):
                    yield f"{right} ownership", total
    manuscript = _parts(live, ShareKind.MANUSCRIPT, None)
    for total in totals(manuscript, _claimed(manuscript)) if manuscript else ():
        if not is_whole(total):
            yield "manuscript shares", total


def _overclaims(live: Sequence[Part]) -> Iterator[tuple[Right, int]]:
    for right in Right:
        parts = _parts(live, ShareKind.COLLECTION, right)
        for total in totals(parts, _claimed(parts)) if parts else ():
            if total > WHOLE_PPM + TOLERANCE_PPM:
                yield right, total


def _parts(live: Sequence[Part], kind: ShareKind, right: Right | None) -> list[tuple[str, int]]:
    return [
        (territory, share_ppm)
        for of_kind, of_right, territory, share_ppm in live
        if of_kind is kind and of_right is right
    ]


def _claimed(parts: Sequence[tuple[str, int]]) -> frozenset[str]:
    return frozenset().union(*(countries(territory) for territory, _share_ppm in parts))


def _unreadable(work: WorkRecord) -> Finding:
    message = f"'{work.title}' has a record about shares that could not be read: it is kept, but not paid"
    return Finding("SHARES_UNREADABLE", str(work.place), message)


def _gap(work: WorkRecord, what: str, total_ppm: int) -> Finding:
    message = (
        f"{what} of '{work.title}' sum to {percent(total_ppm)}, expected 100 % within 0.06 points: the work "
        "is kept, but not paid until its shares are corrected"
    )
    return Finding("SHARE_SUM", str(work.place), message)


def _overclaim(work: WorkRecord, right: Right, total_ppm: int) -> Finding:
    message = f"{right} collection of '{work.title}' sums to {percent(total_ppm)} somewhere, more than 100 %"
    return Finding("COLLECTION_OVERCLAIM", str(work.place), message, Severity.WARNING)


def shares_on(
    session: Session,
    work_ids: Iterable[str],
    right: Right,
    on: date,
    territory: str,
    kind: ShareKind = ShareKind.OWNERSHIP,
) -> dict[str, list[tuple[str, int]]]:
    """Each work's parties and their shares of a right, in ppm, on that day in all of that territory.

    Returns:
        For every work asked about, pairs of party and share in the order of the party ids, without zeros.
        They need not sum to 1,000,000: the rest is what nobody claims. A share that holds in a part of the
        territory only is left out too.
    """
    asked = countries(territory)
    found: dict[str, dict[str, int]] = {work_id: {} for work_id in work_ids}
    for work_id, party_id, share_ppm, where in _live(session, sorted(found), right, on, kind):
        if asked <= countries(where):
            found[work_id][party_id] = found[work_id].get(party_id, 0) + share_ppm
    return {work_id: sorted(parties.items()) for work_id, parties in found.items()}


def owners_on(
    session: Session, work_ids: Iterable[str], right: Right, on: date, territory: str
) -> dict[str, list[tuple[str, int]]]:
    """`shares_on` for whoever pays: nobody owns a work whose shares were wrong when they came in."""
    shares = shares_on(session, work_ids, right, on, territory)
    wrong = unpayable(session, shares)
    return {work_id: [] if work_id in wrong else parts for work_id, parts in shares.items()}


def roles_of(session: Session, work_ids: Iterable[str], right: Right) -> dict[str, dict[str, str]]:
    """What each owner of a right is to each work, in words: `composer`, `author, composer`."""
    wanted = sorted(set(work_ids))
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for first in range(0, len(wanted), LOOKUP_CHUNK):
        statement = select(Share.work_id, Share.party_id, Share.role).where(
            Share.work_id.in_(wanted[first : first + LOOKUP_CHUNK]),
            Share.kind == ShareKind.OWNERSHIP,
            Share.right == right,
            Share.superseded_by.is_(None),
            Share.share_ppm > 0,
        )
        for work_id, party_id, role in session.execute(statement):
            found[work_id][party_id].add(role.name.lower())
    return {
        work_id: {party_id: ", ".join(sorted(roles)) for party_id, roles in parties.items()}
        for work_id, parties in found.items()
    }


def _live(
    session: Session, work_ids: Sequence[str], right: Right, on: date, kind: ShareKind
) -> Iterator[tuple[str, str, int, str]]:
    for first in range(0, len(work_ids), LOOKUP_CHUNK):
        statement = select(Share.work_id, Share.party_id, Share.share_ppm, Share.territory).where(
            Share.work_id.in_(work_ids[first : first + LOOKUP_CHUNK]),
            Share.kind == kind,
            Share.right == right,
            Share.superseded_by.is_(None),
            Share.share_ppm > 0,
            or_(Share.starts_on.is_(None), Share.starts_on <= on),
            or_(Share.ends_on.is_(None), Share.ends_on > on),
        )
        for row in session.execute(statement):
            yield row.work_id, row.party_id, row.share_ppm, row.territory


def unpayable(session: Session, work_ids: Iterable[str]) -> frozenset[str]:
    """Those of the works whose shares were wrong or unreadable when they came in."""
    wanted = sorted(set(work_ids))
    found: set[str] = set()
    for first in range(0, len(wanted), LOOKUP_CHUNK):
        chunk = wanted[first : first + LOOKUP_CHUNK]
        found |= set(session.scalars(select(Work.id).where(Work.id.in_(chunk), Work.payable.is_(False))))
    return frozenset(found)
