"""The pages: coming in, the circle, its stream. Each is what the visitor's own database login may see; none moves money."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from ringfence.access import NotKnown, Role, Session
from ringfence.api import Service
from ringfence.api.rates import NAME, TooOften
from ringfence.api.visitor import COOKIE, NotFound, Visitor, language_of
from ringfence.console import own_rendering, rendering
from ringfence.console.frame import frame
from ringfence.console.hubs import SEES_THE_CIRCLE, Hubs
from ringfence.console.words import LANGUAGES, Words
from ringfence.errors import BadInput, Language

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_LOOKS_AGAIN_S = 10.0
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


class NotIn(Exception):
    """Nobody is in: the browser is led to the door."""


def _language(language: str) -> Language:
    if language not in LANGUAGES:
        raise NotFound(field="path", value=language)
    return language


Spoken = Annotated[Language, Depends(_language)]


async def _session(request: Request) -> Session:
    token = request.cookies.get(COOKIE, "")
    service: Service = request.app.state.service
    if not token:
        raise NotIn
    try:
        session = service.door.known_lately(token)
        if session is None:
            session = await asyncio.to_thread(service.door.known, token)
        request.state.person = session.person.name
        return session
    except NotKnown:
        raise NotIn from None


In = Annotated[Session, Depends(_session)]


@router.get("/")
async def home(request: Request) -> Response:
    """To the circle, in the language of whoever asks."""
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
    service: Service = request.app.state.service
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
async def leaving(language: Spoken, session: In) -> HTMLResponse:
    """Where one leaves: the one form of those who have nothing to press."""
    given = frame(language, session.person, "out", "out") | {"may_press": False}
    return answered("leave.html", given)


@router.post("/{language}/out")
async def leave(language: Spoken, request: Request) -> Response:
    """Leave."""
    require_own(request)
    service: Service = request.app.state.service
    token = request.cookies.get(COOKIE, "")
    if token:
        await asyncio.to_thread(service.door.leave, token)
    response = RedirectResponse(f"/{language}/in", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/{language}/")
async def circle_page(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """The circle, as a picture or a table; for a member, a client or a bank, what is theirs."""
    person, hubs = session.person, _hubs(request)
    if person.role in SEES_THE_CIRCLE:
        as_table = request.query_params.get("as") == "table"
        said = rendering.page(hubs.the_circle().state, language, person, as_table=as_table)
    else:
        own = await asyncio.to_thread(hubs.own, session)
        said = own_rendering.page(own, language, person)
    return HTMLResponse(said, headers=headers_for(language))


@router.get("/{language}/stream")
async def stream(language: Spoken, request: Request) -> Response:
    """What happens, for a page that is open: server-sent events."""
    try:
        session = await _session(request)
    except NotIn:
        # A redirect would be followed and its page taken for a stream.
        raise NotKnown from None
    asked = request.query_params.get("as")
    kind: rendering.Kind = "table" if asked == "table" else "texts" if asked == "texts" else "picture"
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _while_in(request, session, _hubs(request).stream(session, language, kind=kind))
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _while_in(request: Request, session: Session, events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The events, as long as whoever looks is in."""
    service: Service = request.app.state.service
    clock = asyncio.get_running_loop().time
    again = clock() + _LOOKS_AGAIN_S
    async with contextlib.aclosing(events) as following:  # type: ignore[type-var]
        async for message in following:
            if clock() > again:
                again = clock() + _LOOKS_AGAIN_S
                try:
                    await asyncio.to_thread(service.door.known, session.token)
                except NotKnown:
                    return
            yield message


def _hubs(request: Request) -> Hubs:
    hubs: Hubs = request.app.state.hubs
    return hubs


def visitor_of(request: Request, session: Session, *roles: Role) -> Visitor:
    """Who looks, by its own login. Errors: NoPower for a role that has no such page."""
    service: Service = request.app.state.service
    visitor = Visitor(session, service)
    visitor.require(*roles)
    return visitor


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
