"""Clients, as whoever may see them sees them: the list, by keyset, and one of them with the statement of a day."""

from __future__ import annotations

import asyncio
import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from ringfence.api.visitor import NotFound, Visitor
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.figures import count, exact, masked
from ringfence.console.figures import day as day_words
from ringfence.console.frame import frame
from ringfence.console.journal import reader_of
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE
from ringfence.custody.requests import registration
from ringfence.errors import Language
from ringfence.reports import make_paper, settled_days

router = APIRouter(include_in_schema=False)
_ROWS = 200
_DAYS = 10

_CLIENTS = """
    SELECT c.name, coalesce(c.title, c.name), coalesce(m.name, ''), coalesce(m.title, m.name, ''), a.balance, a.held_out,
        coalesce(q.margin_minor, 0), coalesce(q.call_minor, 0)
    FROM exchange.party AS c
    JOIN exchange.account AS a ON a.owner = c.id JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
    LEFT JOIN exchange.party AS m ON m.id = c.member
    LEFT JOIN exchange_margin.client_day AS q ON q.client = c.name AND q.day = (SELECT max(day) FROM exchange_margin.settled)
    WHERE c.role = 'client' AND c.name > %(after)s AND (%(of)s = '' OR m.name = %(of)s)
    ORDER BY c.name LIMIT %(limit)s
"""
_TOTAL = """
    SELECT count(*), coalesce(sum(a.balance), 0)::bigint FROM exchange.party AS c
    JOIN exchange.account AS a ON a.owner = c.id JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
    LEFT JOIN exchange.party AS m ON m.id = c.member
    WHERE c.role = 'client' AND (%(of)s = '' OR m.name = %(of)s)
"""
_NOW = """
    SELECT a.balance, a.held_out FROM exchange.party AS c
    JOIN exchange.account AS a ON a.owner = c.id JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
    WHERE c.name = %s
"""


@router.get("/{language}/clients")
async def clients_page(
    language: Spoken,
    request: Request,
    session: In,
    of: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Clients in the order of their names, `of` a member, 200 a page; the total is of all of them."""
    return await asyncio.to_thread(_clients, reader_of(request, session), language, of, after)


def _clients(visitor: Visitor, language: Language, of: str, after: str) -> HTMLResponse:
    w = Words(language)
    with visitor.reading(EXCHANGE) as connection:
        rows = connection.execute(_CLIENTS, {"of": of, "after": after, "limit": _ROWS}).fetchall()
        number, total = connection.execute(_TOTAL, {"of": of}).fetchone() or (0, 0)
    given = frame(
        language, visitor.person, "clients", "clients" + (f"?of={of}" if of else ""), of=of,
        answer=w("{count} clients have {amount}", count=count(number), amount=exact(total)),
        rows=[
            {
                "name": name, "title": title, "member": member, "member_title": member_title, "cash": exact(cash),
                "held": exact(held), "margin": exact(margin), "call": exact(call),
            }
            for name, title, member, member_title, cash, held, margin, call in rows
        ],
        more=rows[-1][0] if len(rows) == _ROWS else "",
    )  # fmt: skip
    return answered("clients.html", given)


@router.get("/{language}/clients/{client}")
async def client_page(
    language: Spoken,
    client: Annotated[str, Path(max_length=100)],
    request: Request,
    session: In,
    day: datetime.date | None = None,
) -> HTMLResponse:
    """One client: what there is now, and the statement of a day, the last that is settled."""
    return await asyncio.to_thread(_client, reader_of(request, session), language, client, day)


def _client(visitor: Visitor, language: Language, client: str, day: datetime.date | None) -> HTMLResponse:
    w = Words(language)
    with visitor.reading(EXCHANGE) as connection:
        days = settled_days(connection)
        chosen = day or (days[-1] if days else datetime.date.min)
        paper = make_paper(connection, client, chosen)
        now: Any = connection.execute(_NOW, (client,)).fetchone()
        known = registration(connection, client)
    if paper is None or now is None:
        raise NotFound(field="client", value=client)
    cash, held = now
    given = frame(
        language, visitor.person, "clients", f"clients/{client}", client=client, member=paper.member,
        answer=w("{client} has {amount}", client=paper.title, amount=exact(cash)),
        day=day_words(chosen, language) if day or days else "", days=[str(one) for one in days[-_DAYS:]][::-1],
        lines=paper.lines(language) if day or days else [], bound=paper.bound(language), holdings=paper.holdings,
        now=[
            (w("At the exchange"), exact(cash)),
            (w("Held"), exact(held)),
            (w("Registered account"), masked(known.account_number) if known.account_number else "-"),
            (w("Signs with"), f"{known.public_key[:4]}…{known.public_key[-4:]}" if known.public_key else "-"),
        ],
    )  # fmt: skip
    return answered("client.html", given)
