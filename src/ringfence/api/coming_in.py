"""Coming in by name and password, being told who one is, and leaving."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ringfence import shapes
from ringfence.access import NotKnown, Session
from ringfence.api.rates import NAME
from ringfence.api.reception import Reception

router = APIRouter(prefix="/v1")


async def session_of(request: Request) -> Session:
    """Who the token stands for that comes with the request. Errors: NotKnown."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotKnown
    return await known(request, token)


async def known(request: Request, token: str) -> Session:
    """Who a token stands for, told to the record of calls. Errors: NotKnown."""
    service: Reception = request.app.state.service
    session = service.door.known_lately(token)
    if session is None:
        session = await asyncio.to_thread(service.door.known, token)
    request.state.person = session.person.name
    return session


In = Annotated[Session, Depends(session_of)]


@router.post("/session", status_code=201)
def come_in(asked: shapes.Credentials, request: Request) -> shapes.SessionShown:
    """Come in by name and password."""
    service: Reception = request.app.state.service
    asker = f"name {asked.name}"
    service.rates.take(asker, NAME)
    session = service.door.enter(asked.name, asked.password)
    service.rates.forgive(asker)
    request.state.person = session.person.name
    return shapes.SessionShown(token=session.token, **_person(session).model_dump())


@router.get("/session")
async def who_am_i(session: In) -> shapes.PersonShown:
    """Who the token stands for, and until when."""
    return _person(session)


@router.delete("/session", status_code=204)
def leave(request: Request, session: In) -> Response:
    """Leave: the token is good for nothing any more."""
    service: Reception = request.app.state.service
    service.door.leave(session.token)
    return Response(status_code=204)


def _person(session: Session) -> shapes.PersonShown:
    person = session.person
    return shapes.PersonShown(
        name=person.name, role=person.role, party=person.party, duty=person.duty, until=session.until
    )
