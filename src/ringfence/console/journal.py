"""The journal: what was posted, newest first; one instruction followed through everything; and whatever one looks for, found.

What is shown is what the visitor's own login reads: a member sees its clients' postings, a bank its own book, and of other books nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence.access import Session
from ringfence.api.visitor import NotFound, Visitor
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.figures import clock, count, exact
from ringfence.console.figures import day as day_words
from ringfence.console.frame import frame
from ringfence.console.hubs import SEES_THE_CIRCLE
from ringfence.console.lanes import book_title, event_word, lanes
from ringfence.console.pages import visitor_of
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE
from ringfence.custody.trail import Trail, trail, trail_from_bank
from ringfence.errors import Language
from ringfence.ledger import readings
from ringfence.ledger.readings import RecordedPosting
from ringfence.money import grouped, unit

router = APIRouter(include_in_schema=False)
_ROWS = 50
_FOUND = 20
_Number = Annotated[int, Path(ge=1, le=2**53)]
_Book = Annotated[str, Path(max_length=41)]
_Before = Annotated[int | None, Query(ge=1, le=2**53)]


def reader_of(request: Request, session: Session) -> Visitor:
    """Whoever reads a book: a client has its window instead. Errors: NoPower."""
    return visitor_of(request, session, "exchange", "bank", "member", "supervisor")


def _own_book(visitor: Visitor) -> str:
    return visitor.person.party if visitor.person.role == "bank" else EXCHANGE


@router.get("/{language}/journal")
async def journal_home(language: Spoken, request: Request, session: In) -> Response:
    """The journal of the visitor's own book."""
    return RedirectResponse(f"/{language}/journal/{_own_book(reader_of(request, session))}", 303)


@router.get("/{language}/journal/{book}")
async def journal_page(
    language: Spoken,
    book: _Book,
    request: Request,
    session: In,
    of: Annotated[str, Query(max_length=100)] = "",
    before: _Before = None,
) -> HTMLResponse:
    """What was posted in a book, newest first; only what moved something `of` a party."""
    return await asyncio.to_thread(_journal, reader_of(request, session), language, book, of, before)


def _journal(visitor: Visitor, language: Language, book: str, of: str, before: int | None) -> HTMLResponse:
    with visitor.reading(book) as connection:
        found = readings.postings(connection, book, owner=of or None, before=before, limit=_ROWS)
    given = frame(
        language, visitor.person, "journal", f"journal/{book}" + (f"?of={of}" if of else ""), book=book, of=of,
        title=book_title(book, language), rows=[_row(one) for one in found],
        more=found[-1].posting.id if len(found) == _ROWS else None,
        books=[one for one in visitor.service.books if visitor.service.reader(visitor.person.role, visitor.person.party, one)],
        book_titles={one: book_title(one, language) for one in visitor.service.books},
    )  # fmt: skip
    return answered("journal.html", given)


@router.get("/{language}/journal/{book}/{number}")
async def posting_page(language: Spoken, book: _Book, number: _Number, request: Request, session: In) -> HTMLResponse:
    """One posting, and what it is part of."""
    return await asyncio.to_thread(_posting, reader_of(request, session), language, book, number)


def _posting(visitor: Visitor, language: Language, book: str, number: int) -> HTMLResponse:
    w = Words(language)
    with contextlib.ExitStack() as reading:
        connection = reading.enter_context(visitor.reading(book))
        one = readings.posting(connection, book, number)
        if one is None:
            raise NotFound(field="posting", value=number)
        found = None
        if visitor.person.role in SEES_THE_CIRCLE:
            found = _trail(visitor, reading, book, number, connection)
    postings = found.postings if found is not None else ((book, one),)
    given = frame(
        language, visitor.person, "journal", f"journal/{book}/{number}",
        answer=_answer(found, one, book, w), key=one.posting.key, book=book, number=number,
        picture=lanes(found, w) if found else "",
        made=[_made(where, each, language) for where, each in postings],
        events=[_event_row(event, w) for event in found.events] if found else [],
        chain=[(count(link.batch), f"{link.link[:4]}…{link.link[-4:]}", link.link, link.batch == postings[-1][1].batch) for link in found.chain] if found else [],
        of=one.posting.subject,
    )  # fmt: skip
    return answered("posting.html", given)


def _trail(
    visitor: Visitor, reading: contextlib.ExitStack, book: str, number: int, connection: psycopg.Connection[Any]
) -> Trail | None:
    """The trail, for whoever reads the exchange's book: through a bank's too where the visitor may read that."""
    exchange = connection if book == EXCHANGE else reading.enter_context(visitor.reading(EXCHANGE))
    start = number if book == EXCHANGE else trail_from_bank(exchange, book, number)

    def bank(name: str) -> psycopg.Connection[Any] | None:
        if visitor.service.reader(visitor.person.role, visitor.person.party, name) is None:
            return None
        return connection if name == book else reading.enter_context(visitor.reading(name))

    return trail(exchange, start, bank) if start else None


def _answer(found: Trail | None, one: RecordedPosting, book: str, w: Words) -> str:
    """The title: what became of it."""
    figures = {"client": one.posting.subject, "amount": exact(one.posting.amount_minor)}
    done = {event.what for event in found.events} if found else set()
    if found and found.route == "withdrawal":
        if "posts" in done:
            return w("{client} took out {amount}; it is home", **figures)
        return w("{client}'s {amount} is free again", **figures) if "releases" in done else w("{client}'s {amount} is held", **figures)  # fmt: skip
    if found and found.route == "deposit":
        return w("{client} paid in {amount}; it is in the circle", **figures)
    return w("{route} of {client}: {amount}", route=one.posting.route, **figures)


def _event_row(event: Any, w: Words) -> tuple[str, str, str, str]:
    right = "" if event.right is None else w("signature right ✓") if event.right else w("signature wrong ✗")
    where = "" if event.lane == "client" else book_title(event.lane, w.language)
    return (
        clock(event.at) if event.at else "",
        where or event.by,
        event_word(event, w),
        event.detail[:8] or right or event.by,
    )


def _made(book: str, one: RecordedPosting, language: Language) -> dict[str, Any]:
    said = one.posting
    return {
        "book": book_title(book, language),
        "link": f"{book}/{said.id}",
        "at": clock(one.recorded_at),
        "day": day_words(one.day, language),
        "route": said.route,
        "action": said.action,
        "amount": grouped(said.amount_minor, unit(said.unit)),
        "id": said.id,
        "entries": [
            (
                entry.account.kind,
                entry.account.owner,
                exact(-entry.amount_minor) if entry.amount_minor < 0 else "",
                exact(entry.amount_minor) if entry.amount_minor > 0 else "",
                exact(entry.balance_minor),
            )
            for entry in said.entries
        ],
    }


def _row(one: RecordedPosting) -> dict[str, Any]:
    said = one.posting
    return {
        "id": said.id,
        "at": clock(one.recorded_at),
        "day": str(one.day),
        "route": said.route,
        "action": said.action,
        "subject": said.subject,
        "amount": grouped(said.amount_minor, unit(said.unit)),
        "key": said.key,
    }


# -- whatever one looks for -------------------------------------------------------------------------------------------------


@router.get("/{language}/find")
async def find(
    language: Spoken, request: Request, session: In, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """A posting by its number or key, a withdrawal by its number, a client by name or title."""
    return await asyncio.to_thread(_find, reader_of(request, session), language, q.strip())


def _find(visitor: Visitor, language: Language, q: str) -> Response:
    book = _own_book(visitor)
    if (withdrawal := re.fullmatch(r"W-0*(\d{1,15})", q)) and visitor.person.role in SEES_THE_CIRCLE:
        return RedirectResponse(f"/{language}/withdrawals/{withdrawal[1]}", 303)
    clients: list[tuple[str, str, str]] = []
    with visitor.reading(book) as connection:
        if q.isascii() and q.isdigit() and len(q) <= 15 and readings.posting(connection, book, int(q)):
            return RedirectResponse(f"/{language}/journal/{book}/{int(q)}", 303)
        by_key = connection.execute(
            readings.in_ledger(book, "SELECT id FROM {}.posting WHERE key = %s"), (q,)
        ).fetchone()
        if by_key:
            return RedirectResponse(f"/{language}/journal/{book}/{by_key[0]}", 303)
        if q:
            clients = connection.execute(
                readings.in_ledger(book, _CLIENTS), {"exact": q, "like": _like(q), "limit": _FOUND}
            ).fetchall()
    if len(clients) == 1 and book == EXCHANGE:
        return RedirectResponse(f"/{language}/clients/{clients[0][0]}", 303)
    given = frame(language, visitor.person, "find", f"find?q={q}", q=q, clients=clients, book=book)
    return answered("found.html", given, 200 if clients else 404)


_CLIENTS = """
    SELECT c.name, coalesce(c.title, c.name), coalesce(m.title, m.name, '') FROM {0}.party AS c
    LEFT JOIN {0}.party AS m ON m.id = c.member
    WHERE c.role = 'client' AND (c.name = %(exact)s OR c.name LIKE %(like)s OR c.title LIKE %(like)s)
    ORDER BY c.name <> %(exact)s, c.name LIMIT %(limit)s
"""


def _like(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
