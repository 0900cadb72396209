"""The entrance of every console: coming in, who is in, leaving; what browsers load; how a page goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence.access import NotKnown, Session
from ringfence.api.coming_in import known
from ringfence.api.rates import NAME, TooOften
from ringfence.api.reception import Reception
from ringfence.api.visitor import COOKIE, NotFound, language_of
from ringfence.console import rendering
from ringfence.console.frame import frame
from ringfence.console.words import LANGUAGES, Words
from ringfence.errors import BadInput, Language

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


class NotIn(Exception):
    """Nobody is in: the browser is led to the door."""


def _language(language: str) -> Language:
    if language not in LANGUAGES:
        raise NotFound(field="path", value=language)
    return language


Spoken = Annotated[Language, Depends(_language)]


async def session_of(request: Request) -> Session:
    """Who the browser's token stands for. Errors: NotIn."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise NotIn
    try:
        return await known(request, token)
    except NotKnown:
        raise NotIn from None


In = Annotated[Session, Depends(session_of)]


@router.get("/")
async def home(request: Request) -> Response:
    """To the first page, in the language of whoever asks."""
    return RedirectResponse(f"/{language_of(request)}/", 303)


@router.get("/static/{digest}/{name}")
async def static_file(digest: str, name: str, request: Request) -> Response:
    """What the browser loads; its address changes with it, so it may be kept."""
    found = rendering.static_files().get(name)
    if found is None or found[0] != digest:
        raise NotFound(field="path", value=name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    content = found[1]
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = rendering.compressed(name), "gzip"
    return Response(content, headers=headers, media_type=_TYPES[name.rsplit(".", 1)[-1]])


@router.get("/{language}/in")
async def door(language: Spoken) -> HTMLResponse:
    """Where one comes in."""
    return _door(language, "", "")


@router.post("/{language}/in")
async def come_in(language: Spoken, request: Request) -> Response:
    """Come in by name and password."""
    require_own(request)
    said = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    name, password = (said.get(field, [""])[0] for field in ("name", "password"))
    service: Reception = request.app.state.service
    asker = f"name {name[:100]}"
    try:
        service.rates.take(asker, NAME)
        session = await asyncio.to_thread(service.door.enter, name, password)
    except TooOften as often:
        return _door(language, name[:100], often.text(language), 429)
    except NotKnown:
        return _door(language, name[:100], Words(language)("Nobody is known by that name and password."), 401)
    service.rates.forgive(asker)
    request.state.person = session.person.name
    response = RedirectResponse(f"/{language}/", 303)
    seconds = int((session.until - session.until.now(session.until.tzinfo)).total_seconds())
    response.set_cookie(COOKIE, session.token, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/{language}/out")
async def leaving(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """Where one leaves: the one form of those who have nothing to press."""
    links = request.app.state.links(language, session.person, "out")
    given = frame(language, session.person, "out", "out", links=links) | {"may_press": False}
    return answered("leave.html", given)


@router.post("/{language}/out")
async def leave(language: Spoken, request: Request) -> Response:
    """Leave."""
    require_own(request)
    service: Reception = request.app.state.service
    token = request.cookies.get(COOKIE, "")
    if token:
        await asyncio.to_thread(service.door.leave, token)
    response = RedirectResponse(f"/{language}/in", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def answered(template: str, given: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A page made of a template and what `frame` gives it, with the headers of every page."""
    said = rendering.templates().get_template(template).render(given)
    return HTMLResponse(said, status, headers=headers_for(given["language"]))


def require_own(request: Request) -> None:
    """A form that another site's page sent is not taken. Errors: BadInput."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if site not in ("same-origin", "none") or (origin is not None and origin != own):
        raise BadInput("Origin", origin or site, "this site's own page", "本站页面")


def _door(language: Language, name: str, wrong: str, status: int = 200) -> HTMLResponse:
    return answered("enter.html", frame(language, None, "in", "in", name=name, wrong=wrong), status)


def headers_for(language: Language) -> dict[str, str]:
    """The headers of every page."""
    return {
        "Content-Security-Policy": POLICY,
        "Content-Language": language,
        "Cross-Origin-Opener-Policy": "same-origin",
        # With none at all, a browser would not say where its own forms come from.
        "Referrer-Policy": "same-origin",
    }
