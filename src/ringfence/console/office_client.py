"""A client's own page where a ring of one's own is served: what is its own, and asking for something in words that it signs."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from ringfence.access import Session
from ringfence.api import OfficeService
from ringfence.api.office import service_of
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.office_desk import money
from ringfence.console.office_frame import given_to
from ringfence.console.words import Words
from ringfence.custody.requests import from_hex
from ringfence.errors import BadInput
from ringfence.ledger import readings
from ringfence.money import parse, render, unit
from ringfence.office import Signed, Way, ways, wish, wishes
from ringfence.office.wishes import registration, way_called
from ringfence.office.wishes import words as wish_words

router = APIRouter(include_in_schema=False)


def own(service: OfficeService, session: Session, words: Words) -> dict[str, Any]:
    """What is a client's: its accounts, what it asked for, what moved; and the key with which it signs."""
    client = session.person.party
    accounts, asked, moved = [], [], []
    for book in service.books_of(session.person):
        declared = service.office.ring.books[book]
        with service.reading(session, book) as connection:
            for row in readings.accounts(connection, service.office.names[book]):
                held = money(row.held_out_minor, row.name.unit) if row.held_out_minor else ""
                title = declared.kinds[row.name.kind].title.text(words.language)
                accounts.append(
                    (
                        declared.title.text(words.language),
                        title,
                        row.name.unit,
                        money(row.balance_minor, row.name.unit),
                        held,
                    )
                )
            asked += wishes(connection, service.office, book)
            found = readings.postings(connection, service.office.names[book], owner=client, limit=20)
            moved += [(one.recorded_at, book, one.posting) for one in found]
    moved.sort(key=lambda one: one[0], reverse=True)
    keys = []
    for book in dict.fromkeys(way.book for way in ways(service.office)):
        with service.reading(session, book) as connection:
            keys.append(registration(connection, service.office, book, client).public_key)
    return {
        "client": client,
        "registered": next(filter(None, keys), ""),
        "accounts": accounts,
        "ways": [
            (way, service.office.ring.books[way.book].routes[way.route].says.text(words.language), service.office.ring.books[way.book].units)
            for way in ways(service.office)
        ],
        "asked": [
            {
                "at": f"{one.at.astimezone():%Y-%m-%d %H:%M}", "route": f"{one.way.book}.{one.way.route}",
                "amount": f"{money(one.amount_minor, one.unit)} {one.unit}",
                "said": words("declined: {reason}", reason=one.declined) if one.declined else words("taken up") if one.posting else words("somebody has to look at it"),
            }
            for one in sorted(asked, key=lambda one: one.id, reverse=True)
        ],
        "moved": [
            (f"{at.astimezone():%Y-%m-%d %H:%M}", f"{book}.{one.route}", one.action, f"{money(one.amount_minor, one.unit)} {one.unit}")
            for at, book, one in moved[:40]
        ],
    }  # fmt: skip


@router.get("/{language}/ask")
async def ask_page(
    language: Spoken,
    request: Request,
    session: In,
    route: Annotated[str, Query(max_length=100)],
    amount: Annotated[str, Query(max_length=40)],
    code: Annotated[str, Query(alias="unit", max_length=12)] = "",
) -> HTMLResponse:
    """The words that a client would sign to ask for something. Errors: BadInput."""
    return await asyncio.to_thread(_ask, service_of(request), session, language, route, (amount, code))


def _ask(
    service: OfficeService, session: Session, language: Spoken, route: str, how_much: tuple[str, str]
) -> HTMLResponse:
    w, way = Words(language), way_called(service.office, route)
    amount_minor, code = _amount(service, way, *how_much)
    nonce = uuid.uuid4().hex
    with service.reading(session, way.book) as connection:
        known = registration(connection, service.office, way.book, session.person.party)
    said = wish_words(
        service.office.ring.ring.name, way, session.person.party, code, amount_minor, known.account_number, nonce
    )
    given = given_to(
        service, session, language, "mine", f"ask?route={route}&amount={how_much[0]}&unit={code}",
        preview=said.decode(), way=way, amount=render(amount_minor, unit(code)), unit=code, nonce=nonce, client=session.person.party,
        registered=known.public_key, account=known.account_number, done="", wrong="",
        says=service.office.ring.books[way.book].routes[way.route].says.text(language), title=w("Sign with my own key"),
    )  # fmt: skip
    return answered("office_ask.html", given)


def make_wish(service: OfficeService, session: Session, said: dict[str, str]) -> None:
    """Ask for something, as a form says that was signed. Errors: BadInput; NoPower; as wish."""
    way = way_called(service.office, f"{said.get('book', '')}.{said.get('route', '')}")
    amount_minor, code = _amount(service, way, said.get("amount", ""), said.get("unit", ""))
    by = Signed(
        said.get("key", ""),
        *(from_hex(field, said.get(field, ""), size) for field, size in (("public_key", 32), ("signature", 64))),
    )
    with service.wishing(session, way.book) as connection:
        wish(connection, service.office, way, session.person.party, code, amount_minor, by)


def _amount(service: OfficeService, way: Way, amount: str, code: str) -> tuple[int, str]:
    """In the minor part of which unit. Errors: BadInput."""
    units = service.office.ring.books[way.book].units
    if code not in ("", *units):
        raise BadInput("unit", code, f"one of {', '.join(units)}", f"{', '.join(units)} 之一")
    amount_minor = parse(amount, unit(code or units[0]))
    if amount_minor <= 0:
        raise BadInput("amount", amount, "more than zero", "须大于零")
    return amount_minor, code or units[0]
