"""The pages of withdrawals: the queue, one of them, and what a person with a duty does about it."""

from __future__ import annotations

import asyncio
import datetime
from typing import Annotated, cast
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence.api.visitor import NoPower, NotFound, Visitor
from ringfence.api.withdrawals import do_step, examined
from ringfence.console import queue
from ringfence.console.entrance import In, Spoken, headers_for, require_own
from ringfence.console.hubs import SEES_THE_CIRCLE
from ringfence.console.pages import visitor_of
from ringfence.custody import EXCHANGE
from ringfence.custody import requests as asked
from ringfence.custody.requests import Step
from ringfence.errors import Language, RingfenceError

router = APIRouter(include_in_schema=False)
_Number = Annotated[int, Path(ge=1, le=2**53)]
_LONGEST_REASON = 500


@router.get("/{language}/withdrawals")
async def queue_page(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """What waits, and for whom."""
    return await asyncio.to_thread(_page, visitor_of(request, session, *SEES_THE_CIRCLE), language, None, "", 200)


@router.get("/{language}/withdrawals/{number}")
async def one_page(language: Spoken, number: _Number, request: Request, session: In) -> HTMLResponse:
    """The same, with one of them and its checks."""
    return await asyncio.to_thread(_page, visitor_of(request, session, *SEES_THE_CIRCLE), language, number, "", 200)


@router.post("/{language}/withdrawals/{number}/{step}")
async def act(language: Spoken, number: _Number, step: str, request: Request, session: In) -> Response:
    """Let it pass, or refuse it, as whoever is in."""
    require_own(request)
    if step not in ("audit", "approve", "refuse"):
        raise NotFound(field="path", value=step)
    visitor = visitor_of(request, session, *SEES_THE_CIRCLE)
    said = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    reason = "".join(letter for letter in said.get("reason", [""])[0] if letter.isprintable())[:_LONGEST_REASON]
    try:
        await asyncio.to_thread(do_step, visitor, number, cast("Step", step), reason)
    except (NotFound, NoPower):
        raise
    except RingfenceError as error:
        return await asyncio.to_thread(_page, visitor, language, number, error.text(language), 409)
    return RedirectResponse(f"/{language}/withdrawals/{number}", 303)


def _page(visitor: Visitor, language: Language, number: int | None, wrong: str, status: int) -> HTMLResponse:
    limit_minor = visitor.service.limit_minor()
    with visitor.reading(EXCHANGE) as connection:
        waiting = asked.requests(connection, limit_minor, waiting=True)
        lately = asked.requests(connection, limit_minor, limit=100)
    done = [one for one in lately if one.state in ("posted", "refused")][: queue.SHOWN_DONE]
    state = queue.QueueState(datetime.datetime.now(datetime.UTC), tuple(waiting), tuple(done), limit_minor)
    chosen, checks = (None, None) if number is None else examined(visitor, number)
    person = visitor.person
    said = queue.page(state, person, language, chosen, checks, wrong)
    return HTMLResponse(said, status, headers=headers_for(language))
