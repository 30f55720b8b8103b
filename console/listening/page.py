"""How are the pairs played to a person who must not know which is which?

Plain forms and players, no script. Nothing in an address, a header or a page tells one clip of a pair from
the other, and sides are swapped from listener to listener.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from console.listening.trial import Answer, Answers, Pair, read_trial

COOKIE = "listener"
MAX_BODY_BYTES = 4096
_LISTENER = re.compile(r"[0-9a-f]{32}")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; media-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Side:
    """One player of a page: its letter and its clip."""

    letter: str
    clip: str


def sides_of(pair: Pair, listener: str) -> tuple[Side, Side]:
    """Which clip is A and which B for this listener."""
    swapped = hashlib.sha256(f"{listener} {pair.id}".encode()).digest()[0] & 1
    first, second = (pair.other, pair.tested) if swapped else (pair.tested, pair.other)
    return Side("A", first), Side("B", second)


class Pages:
    """The pages of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trial, self.answers = folder, read_trial(folder), Answers(folder)
        self.clips = {clip for pair in self.trial.pairs for clip in (pair.tested, pair.other)}
        self.templates = Environment(
            loader=PackageLoader("console.listening", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def welcome(self, request: Request) -> Response:
        """What this is, and a name for who listens."""
        response = self.page(
            "welcome.html.j2", pairs=len(self.trial.pairs), next_pair=self.next_of(request),
            other_is_human=self.trial.other_is_human,
        )  # fmt: skip
        if _listener(request) is None:
            response.set_cookie(COOKIE, secrets.token_hex(16), httponly=True, samesite="strict")
        return response

    async def pair(self, request: Request) -> Response:
        """Two clips and what is asked about them."""
        listener, place, pair = self.asked(request)
        return self.page(
            "pair.html.j2", place=place, pairs=len(self.trial.pairs), sides=sides_of(pair, listener),
            other_is_human=self.trial.other_is_human,
        )  # fmt: skip

    async def answer(self, request: Request) -> Response:
        """Keeps what was said of a pair."""
        listener, _, pair = self.asked(request)
        said = parse_qs(await _body(request), keep_blank_values=True)
        clips = {pair.tested, pair.other}
        preferred = _one_of(said, "preferred", {*clips, ""})
        person = _one_of(said, "person", clips) if self.trial.other_is_human else ""
        self.answers.add(Answer(listener, pair.id, preferred, person))
        following = self.next_of(request)
        return RedirectResponse("/done" if following is None else f"/pair/{following}", status_code=303)

    async def done(self, _request: Request) -> Response:
        """Thanks."""
        return self.page("done.html.j2")

    async def clip(self, request: Request) -> Response:
        """A clip by its name, which is looked up and never used as a path before.

        No header says when it was made or is its digest: that would tell the two apart.
        """
        name = request.path_params["name"].removesuffix(".flac")
        if name not in self.clips:
            raise HTTPException(404, "There is no such clip.")
        data = (self.folder / f"{name}.flac").read_bytes()
        return Response(data, media_type="audio/flac", headers=HEADERS)

    async def style(self, _request: Request) -> Response:
        """The style sheet."""
        sheet = self.templates.get_template("style.css").render()
        return Response(sheet, media_type="text/css", headers=HEADERS)

    def page(self, template: str, **values: object) -> HTMLResponse:
        """A page with its headers."""
        return HTMLResponse(self.templates.get_template(template).render(**values), headers=HEADERS)

    def next_of(self, request: Request) -> int | None:
        """The first pair that this listener has not answered, counted from 1."""
        listener = _listener(request) or ""
        places = (n for n, p in enumerate(self.trial.pairs, start=1) if not self.answers.has(listener, p.id))
        return next(places, None)

    def asked(self, request: Request) -> tuple[str, int, Pair]:
        """Who listens, and to which pair.

        Raises:
            HTTPException: nobody is named, or there is no such pair.
        """
        listener, place = _listener(request), request.path_params["place"]
        if listener is None:
            raise HTTPException(400, "Begin at the first page, which gives you a number.")
        if not 1 <= place <= len(self.trial.pairs):
            raise HTTPException(404, "There is no such pair.")
        return listener, place, self.trial.pairs[place - 1]


def _listener(request: Request) -> str | None:
    name = request.cookies.get(COOKIE, "")
    return name if _LISTENER.fullmatch(name) else None


async def _body(request: Request) -> str:
    """What was sent, if it is no more than a form can be.

    Raises:
        HTTPException: it is more, or no text.
    """
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise HTTPException(413, "That is more than an answer can be.")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise HTTPException(400, "That is no form.") from error


def _one_of(said: dict[str, list[str]], name: str, allowed: set[str]) -> str:
    values = said.get(name, [])
    if len(values) != 1 or values[0] not in allowed:
        raise HTTPException(400, "Please answer every question, with one of the choices.")
    return values[0]


def application(folder: Path, hosts: list[str]) -> Starlette:
    """The pages of a test as an ASGI application.

    Args:
        folder: that of the test.
        hosts: under which names it may be asked, so that no other site can ask through a browser.
    """
    pages = Pages(folder)
    return Starlette(
        routes=[
            Route("/", pages.welcome),
            Route("/pair/{place:int}", pages.pair),
            Route("/pair/{place:int}", pages.answer, methods=["POST"]),
            Route("/done", pages.done),
            Route("/clip/{name}", pages.clip),
            Route("/style.css", pages.style),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
    )
