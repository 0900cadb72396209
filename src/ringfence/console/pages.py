"""The page of the circle, and its stream. Each is what the visitor's own database login may see; none moves money."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from ringfence.access import NotKnown, Role, Session
from ringfence.api import Service
from ringfence.api.visitor import Visitor
from ringfence.console import own_rendering, rendering
from ringfence.console.entrance import In, NotIn, Spoken, headers_for, session_of
from ringfence.console.hubs import SEES_THE_CIRCLE, Hubs
from ringfence.database import StoreUnreachable

_LOOKS_AGAIN_S = 10.0

router = APIRouter(include_in_schema=False)


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
        session = await session_of(request)
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
                except StoreUnreachable:
                    again = clock()  # nobody can be asked now; at the next event
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
