"""How is an attribution answered: as one object for a program, and in tables for a person?"""

from collections.abc import Sequence
from typing import Any

from console.output import say, say_table
from console.steps.attributing import Attributed, HolderShare
from console.steps.measured import LossChange
from console.steps.originality import Similar
from console.steps.where import PartShares, SegmentShares, TrackShares, bars_text
from model.originality import Repeat

SHOWN_WORKS = 20
CHANGE_KEYS = ("loss_change_nats", "loss_change_low_nats", "loss_change_high_nats")


def say_attributed(found: Attributed, holders: Sequence[HolderShare], *, as_json: bool) -> None:
    """Print what a generation leaned on."""
    answer = attributed_json(found, holders)
    if as_json:
        say(answer, (), as_json=True)
        return
    rows = [
        (
            share.work_id,
            share.share_ppm,
            f"{share.low_ppm} to {share.high_ppm}",
            share.influence,
            _change_words(found.loss_changes.get(share.work_id)),
        )
        for share in found.shares[:SHOWN_WORKS]
    ]
    rows.append(("unattributed", found.unattributed_ppm, "", "", ""))
    title = f"{found.generation}: pay by {found.reliability['verdict']}"
    head = ("work", "ppm", "interval, ppm", "influence", "loss without it, nats an event")
    say_table(answer, title, head, rows, as_json=False)
    bars_head = ("bars", "leaned most on", "ppm", "above all on its bars")
    say_table(answer, "By bars", bars_head, map(_segment_row, found.segments), as_json=False)
    tracks_head = ("track", "leaned most on", "ppm", "unattributed, ppm")
    say_table(answer, "By track", tracks_head, map(_track_row, found.tracks), as_json=False)
    unknown = "what leaving a work out would change is not known: run contrafact provenance validate"
    say({}, [*_similar_lines(found.similar), *([] if found.loss_changes else [unknown])], as_json=False)


def attributed_json(found: Attributed, holders: Sequence[HolderShare]) -> dict[str, Any]:
    """The attribution as one object. Bars of segments and of their sources count from 0, ends excluded."""
    return {
        "generation": found.generation,
        "attribution": found.attribution,
        "method": found.method,
        "shares": [
            {
                "work": share.work_id,
                "share_ppm": share.share_ppm,
                "low_ppm": share.low_ppm,
                "high_ppm": share.high_ppm,
                "influence": share.influence,
                **_change_json(found.loss_changes.get(share.work_id)),
            }
            for share in found.shares
        ],
        "holders": [{"party": holder.party, "share_ppm": holder.share_ppm} for holder in holders],
        "unattributed_ppm": found.unattributed_ppm,
        "segments": [
            {**_segment_json(segment), "source_bars": _sources_json(segment)} for segment in found.segments
        ],
        "tracks": [_track_json(track) for track in found.tracks],
        "reliability": found.reliability,
        "similar": [_similar_json(repeat) for repeat in found.similar.works],
        "similar_limit_notes": found.similar.limit_notes,
    }


def _change_json(change: LossChange | None) -> dict[str, str | None]:
    """By how much the loss would rise without the work; null where nobody knows."""
    told = (change.nats, change.low_nats, change.high_nats) if change else (None, None, None)
    return dict(zip(CHANGE_KEYS, told, strict=True))


def _change_words(change: LossChange | None) -> str:
    return f"{change.nats} ({change.low_nats} to {change.high_nats})" if change else ""


def _parts_json(parts: PartShares) -> dict[str, Any]:
    return {
        "shares": [{"work": work, "share_ppm": share_ppm} for work, share_ppm in parts.shares],
        "others_ppm": parts.others_ppm,
        "unattributed_ppm": parts.unattributed_ppm,
    }


def _segment_json(segment: SegmentShares) -> dict[str, Any]:
    return {"bar_start": segment.bar_start, "bar_end": segment.bar_end, **_parts_json(segment.parts)}


def _sources_json(segment: SegmentShares) -> list[dict[str, Any]]:
    return [
        {
            "work": work,
            "encoding": source.encoding_id,
            "bar_start": source.bar_start,
            "bar_end": source.bar_end,
        }
        for work, source in segment.sources
    ]


def _track_json(track: TrackShares) -> dict[str, Any]:
    return {
        "track": track.track,
        "name": track.name,
        "program": track.program,
        **_parts_json(track.parts),
        "segments": [_segment_json(segment) for segment in track.segments],
    }


def _similar_json(repeat: Repeat) -> dict[str, Any]:
    told = repeat.to_json()
    return {"work": told["work_id"], **{name: told[name] for name in ("notes", "bars", "source_bars")}}


def _segment_row(segment: SegmentShares) -> tuple[str, ...]:
    bars = bars_text(segment.bar_start, segment.bar_end)
    if not segment.sources:
        return bars, "no work above noise", "", ""
    source = segment.sources[0][1]
    return bars, *_leading(segment.parts), bars_text(source.bar_start, source.bar_end)


def _track_row(track: TrackShares) -> tuple[str, ...]:
    return f"{track.track + 1} {track.name}", *_leading(track.parts), str(track.parts.unattributed_ppm)


def _leading(parts: PartShares) -> tuple[str, str]:
    work, share_ppm = parts.shares[0] if parts.shares else ("no work above noise", "")
    return work, str(share_ppm)


def _similar_lines(similar: Similar) -> list[str]:
    if not similar.works:
        return ["by content it is close to no work: no stretch of a line is shared"]
    lines = [
        "closest by content, in any key and on any instrument; no part of the shares "
        f"(works share up to {similar.limit_notes} notes by chance):"
    ]
    for repeat in map(_similar_json, similar.works):
        here, there = ("{} to {}".format(*repeat[side]) for side in ("bars", "source_bars"))
        lines.append(f"  {repeat['work']}: {repeat['notes']} notes, bars {here}, in the work {there}")
    return lines
