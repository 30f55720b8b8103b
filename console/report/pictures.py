"""What do notes, shares, losses and money look like? Values in, SVG out; no script, no request.

Every picture carries a title for screen readers, and says in text what its colours say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from console.report.values import Cell, Flow, Note, ShareRow, TrackRow

PALETTE = ("#3366aa", "#d1762c", "#3a8f5c", "#a34a8e", "#8a6d1f", "#c2403f", "#2f8c99", "#6a5acd")
GREY = "#a9adb3"
INK = "#22262b"
WIDTH = 960
FLOW_HEIGHT = 240  # of the column that carries the most money, in picture units
BOX = 14
LABEL_WIDTH = 320
LINE = 15
ROW, STRIP = 44, 20  # of a track: its line of text with its strip, and the strip alone
LETTER = 5.4  # about the width of a letter in a cell


def colours_of(*groups: Sequence[str | None]) -> dict[str, str]:
    """A colour for each source, the most frequent of the first group first; past the palette all are grey."""
    ranked: dict[str, None] = {}
    for group in groups:
        counts = Counter(source for source in group if source is not None)
        ranked |= dict.fromkeys(sorted(counts, key=lambda source: (-counts[source], source)))
    return {source: PALETTE[rank] if rank < len(PALETTE) else GREY for rank, source in enumerate(ranked)}


def piano_roll(
    notes: Sequence[Note], num_bars: int, bar_sources: Sequence[str | None], colours: Mapping[str, str]
) -> str:
    """The notes of a piece over its bars, each bar shaded by the work it leaned on most."""
    height, top = 230, 14
    pitches = [note.pitch for note in notes] or [60]
    low, high = min(pitches) - 1, max(pitches) + 1
    per_bar = WIDTH / max(num_bars, 1)
    row = (height - top) / (high - low + 1)
    parts = [_open(height, f"Piano roll of {num_bars} bars, shaded by the work each bar leaned on most")]
    for bar, source in enumerate(bar_sources[:num_bars]):
        colour = colours.get(source, GREY) if source else "#ffffff"
        label = source or "no single work"
        parts.append(
            f'<rect x="{bar * per_bar:.1f}" y="{top}" width="{per_bar:.1f}" height="{height - top}" '
            f'fill="{colour}" fill-opacity="0.22"><title>bar {bar + 1}: {escape(label)}</title></rect>'
        )
        parts.append(
            f'<rect x="{bar * per_bar:.1f}" y="0" width="{per_bar:.1f}" height="{top - 4}" fill="{colour}"/>'
        )
    for note in notes:
        parts.append(
            f'<rect x="{note.start_bars * per_bar:.1f}" y="{top + (high - note.pitch) * row:.1f}" '
            f'width="{max(note.length_bars * per_bar - 0.4, 0.8):.1f}" height="{max(row - 0.4, 1.2):.1f}" '
            f'fill="{INK}" fill-opacity="{0.9 - 0.05 * min(note.track, 9):.2f}"/>'
        )
    parts.append(_bar_numbers(num_bars, per_bar, height))
    return "".join(parts) + "</svg>"


def _bar_numbers(num_bars: int, per_bar: float, height: int) -> str:
    step = max(4, 4 * round(num_bars / 48))
    marks = []
    for bar in range(0, num_bars, step):
        x = bar * per_bar
        marks.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="{INK}" stroke-opacity="0.18"/>'
            f'<text x="{x + 3:.1f}" y="{height - 4}" font-size="10" fill="{INK}">{bar + 1}</text>'
        )
    return "".join(marks)


def track_strips(rows: Sequence[TrackRow], num_bars: int, colours: Mapping[str, str]) -> str:
    """A strip for each track over the bars of the piano roll: the work that it leaned on most in each phrase.

    The stronger a colour, the larger the work's share. Where a track does not play, its strip is broken.
    """
    per_bar = WIDTH / max(num_bars, 1)
    height = ROW * len(rows) + 18
    parts = [_open(height, "For each track, phrase by phrase, the work that it leaned on most")]
    parts.append(_bar_numbers(num_bars, per_bar, height))
    for place, row in enumerate(rows):
        top = place * ROW
        told = f"{_short(row.label, 70)} {percent(row.share_ppm)}" if row.label else "no work above noise"
        parts.append(
            f'<text x="0" y="{top + 13}" font-size="12" fill="{INK}" stroke="#ffffff" stroke-width="3" '
            f'paint-order="stroke"><tspan font-weight="600">'
            f"{escape(row.name)}</tspan> as a whole: {escape(told)}</text>"
        )
        parts += [_cell(row.name, cell, top + 18, per_bar, colours) for cell in row.cells]
    return "".join(parts) + "</svg>"


def _cell(track: str, cell: Cell, top: int, per_bar: float, colours: Mapping[str, str]) -> str:
    x, width = cell.bar_start * per_bar, (cell.bar_end - cell.bar_start) * per_bar
    colour = colours.get(cell.label, GREY) if cell.label else "#ffffff"
    opacity = 0.1 + 0.6 * (cell.share_ppm / 1_000_000) ** 0.5
    told = f"{cell.label}, {percent(cell.share_ppm)}" if cell.label else "no work above noise"
    bars = f"bars {cell.bar_start + 1} to {cell.bar_end}"
    text = _short(cell.label or "none", max(int((width - 8) / LETTER), 1))
    return (
        f"<g><title>{escape(track)}, {bars}: {escape(told)}</title>"
        f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{STRIP}" fill="{colour}" '
        f'fill-opacity="{opacity:.2f}" stroke="#ffffff"/>'
        f'<text x="{x + 4:.1f}" y="{top + 14}" font-size="10.5" fill="{INK}">{escape(text)}</text></g>'
    )


def share_bars(rows: Sequence[ShareRow], colours: Mapping[str, str]) -> str:
    """The shares of works as bars, each with its interval as a line."""
    row_height, left = 26, 380
    height = row_height * max(len(rows), 1) + 8
    most = max((max(row.high_ppm, row.share_ppm) for row in rows), default=1) or 1
    scale = (WIDTH - left - 90) / most
    parts = [_open(height, "Shares of works with their intervals")]
    for index, row in enumerate(rows):
        y = 4 + index * row_height
        colour = colours.get(row.label, GREY)
        parts.append(
            f'<text x="{left - 10}" y="{y + 15}" text-anchor="end" font-size="12.5" fill="{INK}">'
            f"{escape(_short(row.label, 54))}</text>"
            f'<rect x="{left}" y="{y + 3}" width="{row.share_ppm * scale:.1f}" height="16" fill="{colour}" '
            f'rx="2"><title>{escape(row.label)}: {percent(row.share_ppm)}</title></rect>'
            f'<line x1="{left + row.low_ppm * scale:.1f}" x2="{left + row.high_ppm * scale:.1f}" '
            f'y1="{y + 11}" y2="{y + 11}" stroke="{INK}" stroke-width="1.4"/>'
            f"{_tick(left + row.low_ppm * scale, y)}{_tick(left + row.high_ppm * scale, y)}"
            f'<text x="{left + max(row.high_ppm, row.share_ppm) * scale + 8:.1f}" y="{y + 15}" '
            f'font-size="12" fill="{INK}">{percent(row.share_ppm)}</text>'
        )
    return "".join(parts) + "</svg>"


def _tick(x: float, y: int) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 7}" y2="{y + 15}" stroke="{INK}" stroke-width="1.4"/>'


def loss_curve(losses: Sequence[tuple[int, float]]) -> str:
    """The training loss over steps."""
    height, left, bottom = 220, 46, 24
    if len(losses) < 2:
        return _open(height, "Training loss") + "</svg>"
    last = losses[-1][0] or 1
    values = [loss for _, loss in losses]
    low, high = min(values), max(values)
    spread = (high - low) or 1.0

    def point(step: int, loss: float) -> str:
        x = left + (WIDTH - left - 10) * step / last
        return f"{x:.1f},{10 + (height - bottom - 20) * (high - loss) / spread:.1f}"

    line = " ".join(point(step, loss) for step, loss in losses)
    marks = [_open(height, f"Training loss, from {values[0]:.2f} to {values[-1]:.2f} nats an event")]
    for share in (0.0, 0.5, 1.0):
        y = 10 + (height - bottom - 20) * (1 - share)
        marks.append(
            f'<line x1="{left}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{INK}" '
            f'stroke-opacity="0.15"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" '
            f'font-size="11">{low + share * spread:.1f}</text>'
        )
    marks.append(f'<polyline points="{line}" fill="none" stroke="{PALETTE[0]}" stroke-width="2"/>')
    marks.append(f'<text x="{left}" y="{height - 6}" font-size="11">step 1</text>')
    marks.append(
        f'<text x="{WIDTH - 10}" y="{height - 6}" text-anchor="end" font-size="11">step {last}</text>'
    )
    return "".join(marks) + "</svg>"


def money_flow(flows: Sequence[Flow], exponent: int, currency: str) -> str:
    """Where the money went: boxes in columns, ribbons as wide as the amounts."""
    columns = _columns(flows)
    totals = {name: _through(name, flows) for column in columns for name in column}
    most = max((sum(totals[name] for name in column) for column in columns), default=1) or 1
    scale = FLOW_HEIGHT / most
    heights = {name: max(total * scale, 1.5) for name, total in totals.items()}
    places = _places(columns, heights)
    height = max((y + heights[name] for name, (_, y) in places.items()), default=0) + 12
    parts = [_open(round(height), "Flow of the money from the revenue to the parties")]
    leaving, arriving = dict.fromkeys(totals, 0.0), dict.fromkeys(totals, 0.0)
    parts += [_ribbon(flow, places, leaving, arriving, scale) for flow in flows]
    last = max(x for x, _ in places.values()) if places else 0.0
    for name, (x, y) in places.items():
        amount = _amount(totals[name], exponent, currency)
        lines = [f"{_short(name, 30)} · {amount}"] if x == last else [_short(name, 26), amount]
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX}" height="{heights[name]:.1f}" fill="{INK}"/>'
        )
        parts += _label(lines, x + BOX + 6, y + heights[name] / 2)
    return "".join(parts) + "</svg>"


def _label(lines: Sequence[str], x: float, middle: float) -> list[str]:
    """Lines of text about a height, with a white edge where they cross a ribbon."""
    first = middle + 4 - LINE * (len(lines) - 1) / 2
    return [
        f'<text x="{x:.1f}" y="{first + LINE * place:.1f}" font-size="12" fill="{INK}" '
        f'stroke="#ffffff" stroke-width="3" paint-order="stroke">{escape(line)}</text>'
        for place, line in enumerate(lines)
    ]


def _columns(flows: Sequence[Flow]) -> list[list[str]]:
    depth: dict[str, int] = {}
    for _ in range(len(flows) + 1):
        for flow in flows:
            depth.setdefault(flow.source, 0)
            depth[flow.target] = max(depth.get(flow.target, 0), depth[flow.source] + 1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name, level in depth.items():
        columns[level].append(name)
    return [sorted(column, key=lambda name: -_through(name, flows)) for column in columns]


def _through(name: str, flows: Sequence[Flow]) -> int:
    coming = sum(flow.amount_minor for flow in flows if flow.target == name)
    going = sum(flow.amount_minor for flow in flows if flow.source == name)
    return max(coming, going)


def _places(columns: Sequence[Sequence[str]], heights: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    places = {}
    for level, column in enumerate(columns):
        x = level * (WIDTH - BOX - LABEL_WIDTH) / max(len(columns) - 1, 1)
        y = 10.0
        for name in column:
            places[name] = (x, y)
            y += heights[name] + 18
    return places


def _ribbon(
    flow: Flow,
    places: Mapping[str, tuple[float, float]],
    leaving: dict[str, float],
    arriving: dict[str, float],
    scale: float,
) -> str:
    thickness = flow.amount_minor * scale
    x0, y0 = places[flow.source][0] + BOX, places[flow.source][1] + leaving[flow.source]
    x1, y1 = places[flow.target][0], places[flow.target][1] + arriving[flow.target]
    leaving[flow.source] += thickness
    arriving[flow.target] += thickness
    middle = (x0 + x1) / 2
    return (
        f'<path d="M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f} '
        f"L{x1:.1f},{y1 + thickness:.1f} "
        f"C{middle:.1f},{y1 + thickness:.1f} {middle:.1f},{y0 + thickness:.1f} "
        f"{x0:.1f},{y0 + thickness:.1f} Z"
        f'" fill="{PALETTE[0]}" fill-opacity="0.28"/>'
    )


def _open(height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>"
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(share_ppm: int) -> str:
    """Parts per million as a percentage, exactly: what is shown sums as what is recorded."""
    return f"{share_ppm // 10_000}.{share_ppm % 10_000:04d} %"


def _amount(amount_minor: int, exponent: int, currency: str) -> str:
    whole, rest = divmod(amount_minor, 10**exponent)
    return f"{currency} {whole:,}" + (f".{rest:0{exponent}d}" if exponent else "")
