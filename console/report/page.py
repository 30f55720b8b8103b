"""How do the values become one page? A template filled once, with its pictures inside."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.report.pictures import colours_of, loss_curve, money_flow, percent, piano_roll, share_bars
from console.report.values import Report


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
    pieces = []
    for piece in report.pieces:
        colours = colours_of(piece.bar_sources)
        roll = piano_roll(piece.notes, piece.num_bars, piece.bar_sources, colours)
        pieces.append((piece, Markup(roll), Markup(share_bars(piece.shares, colours)), colours))  # noqa: S704
    return environment.get_template("report.html.j2").render(
        report=report,
        pieces=pieces,
        loss=Markup(loss_curve(report.losses)),  # noqa: S704
        money=Markup(money_flow(report.flows, report.currency_exponent, report.currency)),  # noqa: S704
    )
