"""The pages where a ring of one's own is served: a person's desk, a client's own, the money, the books, the ring."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence.access import Session
from ringfence.api import OfficeService
from ringfence.api.office import service_of
from ringfence.console import office_desk, ring_page
from ringfence.console.entrance import In, Spoken, answered, require_own
from ringfence.console.figures import count
from ringfence.console.office_client import make_wish, own
from ringfence.console.office_desk import money
from ringfence.console.office_frame import given_to
from ringfence.console.words import Words
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Caps, Outcome, readings
from ringfence.money import parse, unit
from ringfence.office import Asked, NewClient, statement

router = APIRouter(include_in_schema=False)
_ROWS = 100


@router.get("/{language}/")
async def first_page(
    language: Spoken, request: Request, session: In, done: Annotated[str, Query(max_length=60)] = ""
) -> HTMLResponse:
    """The desk of a person of the staff, what is a client's own, or the money, for the supervisor."""
    service = service_of(request)
    return await asyncio.to_thread(_first, service, session, language, done, "", 200)


def _first(
    service: OfficeService, session: Session, language: Language, done: str, wrong: str, status: int
) -> HTMLResponse:
    role = session.person.role
    if role == "supervisor":
        return _money(service, session, language, None)
    if role == "member":
        return _books(service, session, language, "", None)
    words = Words(language)
    more = {"done": _done(service, session, words, done), "wrong": wrong}
    if role == "client":
        return answered(
            "office_own.html",
            given_to(service, session, language, "mine", "", **more, **own(service, session, words)),
            status,
        )
    seat = service.seat(session.person)
    at_desk = office_desk.Waiting.at(service, seat)
    waiting, can = office_desk.rows(service, seat, at_desk, words)
    ready = sum(1 for row in waiting if not row.waits)
    answer = words("Nothing waits for you.") if not ready else words("{count} waits for you.", count=count(ready))
    acts = any(
        seat.person in (way.asks, way.finishes)
        for book in service.office.books_of(seat)
        for way in service.office.ring.books[book].routes.values()
    )
    given = given_to(
        service,
        session,
        language,
        "desk",
        "",
        **more,
        answer=answer,
        waits=waiting,
        can=can,
        acts=acts,
        digest=at_desk.digest,
    )
    return answered("office_desk.html", given, status)


def _done(service: OfficeService, session: Session, words: Words, done: str) -> str:
    """What was just carried out, read from the book; nothing for what is not there."""
    book, _, number = done.partition(":")
    if done == "ok":
        return words("Done.")
    if not number.isdigit() or book not in service.books_of(session.person):
        return ""
    with service.reading(session, book) as connection:
        found = readings.posting(connection, service.office.names[book], int(number[:15]))
    if found is None:
        return ""
    one = found.posting
    said = {"hold": words("Held"), "release": words("Released")}.get(one.action, words("Posted"))
    return f"{said}: {one.route}, {money(one.amount_minor, one.unit)} {one.unit}, {one.subject} ({words('posting {number}', number=one.id)})"


@router.get("/{language}/waiting")
async def waiting(language: Spoken, request: Request, session: In) -> Response:
    """What waits at a desk, in a few characters: for a page that is open, to see whether something else does."""
    service = service_of(request)
    found = await asyncio.to_thread(office_desk.Waiting.at, service, service.seat(session.person))
    return Response(found.digest, media_type="text/plain", headers={"Cache-Control": "no-store"})


# -- acts -----------------------------------------------------------------------------------------------------------------


@router.post("/{language}/do")
async def do(language: Spoken, request: Request, session: In) -> Response:
    """Do what a form says, as the person who is in; what is refused is told above the desk, and nothing was written."""
    require_own(request)
    service = service_of(request)
    body = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=40)
    said = {name: values[0].strip() for name, values in body.items()}
    try:
        done = await asyncio.to_thread(_act, service, session, said)
    except RingfenceError as error:
        return await asyncio.to_thread(
            _first, service, session, language, "", service.office.said(error.text(language)), 422
        )
    if done is None:
        return RedirectResponse(f"/{language}/?done=ok", 303)
    if done.refusal is not None:
        return await asyncio.to_thread(
            _first, service, session, language, "", service.office.said(done.refusal.text(language)), 422
        )
    return RedirectResponse(f"/{language}/?done={said['book']}:{done.posting}", 303)


def _act(service: OfficeService, session: Session, said: dict[str, str]) -> Outcome | None:
    acts: dict[str, Callable[[OfficeService, Session, dict[str, str]], Outcome | None]] = {
        "ask": _ask, "finish": _finish, "release": _finish, "decline": _decline, "register": _client, "bind": _client,
        "confirm": _client, "key": _key, "limit": _limit, "open": _day, "close": _day, "wish": make_wish,
    }  # fmt: skip
    act = acts.get(said.get("act", ""))
    if act is None:
        raise BadInput("act", said.get("act", ""), f"one of {', '.join(acts)}")
    return act(service, session, said)


def _asked(service: OfficeService, said: dict[str, str]) -> Asked:
    route, _, number = said.get("paper", "").rpartition(":")
    wished = said.get("wish", "")
    return Asked(
        said.get("book", ""),
        said.get("route", ""),
        _minor(service, said, "amount"),
        said.get("client", ""),
        said.get("unit", ""),
        {name.removeprefix("said."): value for name, value in said.items() if name.startswith("said.")},
        (route, _number("paper", number)) if route else None,
        _number("wish", wished) if wished else None,
        said.get("key", "")[:100],
    )


def _minor(service: OfficeService, said: dict[str, str], field: str) -> int | None:
    book = service.office.ring.books.get(said.get("book", ""))
    if book is None or not said.get(field):
        return None
    code = said.get("unit") or book.units[0]
    if code not in book.units:
        raise BadInput("unit", code, f"one of {', '.join(book.units)}")
    return parse(said[field], unit(code))


def _number(field: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise BadInput(field, text[:60], "a number", "数字")
    return int(text)


def _ask(service: OfficeService, session: Session, said: dict[str, str]) -> Outcome:
    return service.desk.ask(service.seat(session.person), _asked(service, said))


def _finish(service: OfficeService, session: Session, said: dict[str, str]) -> Outcome:
    hold = _number("hold", said.get("hold", ""))
    return service.desk.finish(
        service.seat(session.person), _asked(service, said), hold, release=said["act"] == "release"
    )


def _decline(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    asked, seat = _asked(service, said), service.seat(session.person)
    service.desk.decline(seat, asked.book, asked.route, asked.wish or 0, said.get("reason", ""))


def _client(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    client = NewClient(*(said.get(name, "") for name in ("name", "title", "identity", "account_number")))
    act = {"register": service.desk.register, "bind": service.desk.bind, "confirm": service.desk.confirm}[said["act"]]
    act(service.seat(session.person), said.get("book", ""), client)


def _key(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    seat = service.seat(session.person)
    service.desk.register_key(seat, said.get("book", ""), said.get("name", ""), said.get("public_key", "").lower())


def _limit(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    caps = Caps(per_item_minor=_minor(service, said, "per_item"), per_day_minor=_minor(service, said, "per_day"))
    service.desk.limit(service.seat(session.person), said.get("book", ""), said.get("route", ""), caps)


def _day(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    seat, book = service.seat(session.person), said.get("book", "")
    if said["act"] == "close":
        service.desk.close_day(seat, book)
        return
    try:
        day = datetime.date.fromisoformat(said.get("day", ""))
    except ValueError:
        raise BadInput("day", said.get("day", "")[:40], "a day such as 2026-11-27", "日期，如 2026-11-27") from None
    service.desk.open_day(seat, book, day)


# -- readings -------------------------------------------------------------------------------------------------------------


@router.get("/{language}/money")
async def money_page(
    language: Spoken, request: Request, session: In, day: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """The money equation, the segregation statement of a day, and what the verifier said."""
    service = service_of(request)
    service.require_reader(session.person)
    try:
        asked = datetime.date.fromisoformat(day) if day else None
    except ValueError:
        raise BadInput("day", day, "a day such as 2026-11-27", "日期，如 2026-11-27") from None
    return await asyncio.to_thread(_money, service, session, language, asked)


def _money(service: OfficeService, session: Session, language: Language, asked: datetime.date | None) -> HTMLResponse:
    words = Words(language)
    day = asked or service.office.earliest_day()
    statements = [
        {
            "unit": one.unit,
            "resource": money(one.resource_minor, one.unit),
            "resources": [
                (held.book, held.kind, held.owner, money(held.amount_minor, one.unit)) for held in one.resources
            ],
            "requirement": money(one.requirement_minor, one.unit),
            "added_back": money(one.added_back_minor, one.unit) if one.added_back_minor else "",
            "others": [(other.kind, money(other.amount_minor, one.unit)) for other in one.others],
            "excess": money(abs(one.excess_minor), one.unit),
            "short": one.excess_minor < 0,
            "clients": [
                (
                    owed.client,
                    money(owed.owed_minor, one.unit),
                    money(owed.owes_minor, one.unit) if owed.owes_minor else "",
                )
                for owed in one.clients
            ],
        }
        for one in statement(service.office, day)
    ]
    given = given_to(service, session, language, "money", f"money?day={day}", day=day, statements=statements)
    given["answer"] = words("Every book agrees.") if given["right"] else words("The books do not agree.")
    return answered("office_money.html", given)


@router.get("/{language}/books")
async def books_page(
    language: Spoken,
    request: Request,
    session: In,
    book: Annotated[str, Query(max_length=60)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> HTMLResponse:
    """A book as this person may read it: balances and journal; for an intermediary what is its clients' own."""
    service = service_of(request)
    return await asyncio.to_thread(_books, service, session, language, book, before)


def _books(service: OfficeService, session: Session, language: Language, book: str, before: int | None) -> HTMLResponse:
    words, known = Words(language), service.books_of(session.person)
    book = book or known[0]
    ledger = service.office.names.get(book, "")
    with service.reading(session, book) as connection:
        accounts = readings.accounts(connection, ledger, limit=_ROWS)
        posted = readings.postings(connection, ledger, before=before, limit=_ROWS)
    kinds = service.office.ring.books[book].kinds
    given = given_to(
        service, session, language, "books", f"books?book={book}",
        answer=service.office.ring.books[book].title.text(language), book=book, day=service.office.day(book),
        books=[(name, service.office.ring.books[name].title.text(language)) for name in known],
        accounts=[
            (kinds[row.name.kind].title.text(language), row.name.owner, row.name.unit, money(row.balance_minor, row.name.unit),
             money(row.held_out_minor, row.name.unit) if row.held_out_minor else "")
            for row in accounts
        ],
        posted=[
            {"id": one.posting.id, "day": one.day, "at": f"{one.recorded_at.astimezone():%H:%M:%S}", "route": one.posting.route,
             "action": "" if one.posting.action == "post" else one.posting.action, "subject": one.posting.subject,
             "amount": f"{money(one.posting.amount_minor, one.posting.unit)} {one.posting.unit}", "key": one.posting.key, "ref": one.posting.ref}
            for one in posted
        ],
        more=posted[-1].posting.id if len(posted) == _ROWS else None,
    )  # fmt: skip
    return answered("office_books.html", given | {"words": words})


@router.get("/{language}/ring")
async def the_ring(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """Who could take anything, decided from the declaration."""
    service = service_of(request)
    given = await asyncio.to_thread(given_to, service, session, language, "ring", "ring")
    given |= await asyncio.to_thread(ring_page.told, service.decided, language)
    given |= {"declared": True, "controls": [], "without": "", "otherwise": ""}
    return answered("ring.html", given)


@router.get("/{language}/ring.svg")
async def drawing(language: Spoken, request: Request, session: In) -> Response:
    """The ring as a picture."""
    return ring_page.picture(service_of(request).office.ring, language)
