"""How do the values become one page? A template filled once, with its pictures inside."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.report.pictures import (
    colours_of,
    loss_curve,
    money_flow,
    percent,
    piano_roll,
    share_bars,
    track_strips,
)
from console.report.values import Piece, Report


def render_report(report: Report) -> str:
    """The report as a self-contained HTML page."""
    environment = Environment(
        loader=PackageLoader("console.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    pieces = [(piece, *_pictures(piece)) for piece in report.pieces]
    return environment.get_template("report.html.j2").render(
        report=report,
        pieces=pieces,
        loss=Markup(loss_curve(report.losses)),  # noqa: S704
        money=Markup(money_flow(report.flows, report.currency_exponent, report.currency)),  # noqa: S704
    )


def _pictures(piece: Piece) -> tuple[dict[str, Markup], dict[str, str]]:
    """The pictures of a piece by name, and the colour of each work in them."""
    colours = colours_of(piece.bar_sources, [cell.label for row in piece.track_rows for cell in row.cells])
    pictures = {
        "roll": piano_roll(piece.notes, piece.num_bars, piece.bar_sources, colours),
        "tracks": track_strips(piece.track_rows, piece.num_bars, colours),
        "shares": share_bars(piece.shares, colours),
    }
    return {name: Markup(picture) for name, picture in pictures.items()}, colours  # noqa: S704
