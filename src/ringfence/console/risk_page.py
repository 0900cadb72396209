"""Risk: who must pay in and until when, what a move of prices would do and who would bear it, what looks like collusion."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from ringfence import calendar
from ringfence.api import Service
from ringfence.api.visitor import Visitor
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.figures import count, exact
from ringfence.console.figures import day as day_words
from ringfence.console.frame import frame
from ringfence.console.grades import grade_word, grades_board
from ringfence.console.hubs import SEES_THE_CIRCLE
from ringfence.console.pages import visitor_of
from ringfence.console.stress import percent, stress_curve
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE, Funds
from ringfence.errors import Language, RingfenceError
from ringfence.margin.exposure import Call, calls, read_book
from ringfence.margin.flags import Flag, dealt, flags, moved
from ringfence.margin.kept_plan import planned_day
from ringfence.margin.risk import (
    Book,
    Concentration,
    Standing,
    concentration,
    curve,
    members_at,
    parse_move,
    standing_at,
)
from ringfence.margin.rulebook import read_rules

router = APIRouter(include_in_schema=False)
_ROWS = 50
_FLAGS, _LOOKS_BACK = 12, datetime.timedelta(30)
_PERCENT = 10**6
_MOVES = tuple(range(-15 * _PERCENT, 16 * _PERCENT, _PERCENT))
# Between two moments of a market of the past there is no "now"; calls are looked at as of the end of the evening.
_EVENING = datetime.time(16, 0)


@router.get("/{language}/risk")
async def risk_page(
    language: Spoken, request: Request, session: In, move: Annotated[str, Query(max_length=12)] = "-4%"
) -> HTMLResponse:
    """Everybody's grade and calls, and what `move` of all prices together would do; a member sees its own clients."""
    visitor = visitor_of(request, session, *SEES_THE_CIRCLE, "member")
    return await asyncio.to_thread(_risk, visitor, language, parse_move(move))


def _risk(visitor: Visitor, language: Language, move: int) -> HTMLResponse:
    w, service = Words(language), visitor.service
    watches = visitor.person.role in SEES_THE_CIRCLE
    with visitor.reading(EXCHANGE) as connection:
        rules = read_rules(connection)
        day = planned_day(connection)
        guarantees, reserve, known = _backing(service, connection) if watches else ({}, 0, False)
        book = read_book(connection, rules, guarantees, reserve)
        at, now = standing_at(book), _now(service, day)
        left = None if watches else dict(zip(book.clients, at.funds.call_minor.tolist(), strict=True))
        called = calls(connection, rules, calendar.load(), now, left)
        seen: list[Flag] = []
        if watches and day is not None:
            first = day - _LOOKS_BACK
            seen = flags(dealt(connection, rules, first, day), moved(connection, first, day))
        titles: dict[str, str] = dict(
            connection.execute("SELECT name, coalesce(title, name) FROM exchange.party").fetchall()
        )
    places = {client: place for place, client in enumerate(book.clients)}
    codes = [contract.code for contract in book.contracts]
    stressed = standing_at(book, dict.fromkeys(codes, move))
    limits = sorted({sign * contract.limit.parts for contract in book.contracts if contract.limit for sign in (-1, 1)})
    picture = (
        stress_curve(curve(book, sorted({*_MOVES, move})), move, limits, f"/{language}/risk", w) if codes else None
    )
    given = frame(
        language, visitor.person, "risk", "risk", answer=_answer(called, at, w),
        settled=day_words(day, language) if day else "", grades=grades_board(at.funds, w), picture=picture,
        move=percent(move), holding=count(len(book.clients)),
        stressed=_stressed(stressed, w), borne=_borne(stressed, w, known=known),
        fallen=_fallen(book, stressed, titles), calls=[_call(one, places.get(one.client), at, titles, w, language) for one in called[:_ROWS]],
        all_calls=count(len(called)), members=_members(book, at, stressed, titles, w, known=known),
        crowded=[_crowded(one, titles, w) for one in concentration(book)] if watches else [], watches=watches,
        flags=[_flag(one, titles, w, language) for one in seen[:_FLAGS]], all_flags=count(len(seen)),
    )  # fmt: skip
    return answered("risk.html", given)


def _backing(service: Service, connection: psycopg.Connection[Any]) -> tuple[Mapping[str, int], int, bool]:
    """What members and the reserve have put up at the banks; and whether every bank said so."""
    try:
        behind = Funds.together(bank.funds(connection) for bank in service.live.clearing.values())
    except RingfenceError:
        return {}, 0, False
    return behind.guarantees_minor, behind.reserve_minor, bool(service.live.clearing)


def _now(service: Service, day: datetime.date | None) -> datetime.datetime:
    if service.replay and day is not None:
        return datetime.datetime.combine(day, _EVENING, calendar.SHANGHAI)
    return datetime.datetime.now(datetime.UTC)


def _answer(called: list[Call], at: Standing, w: Words) -> str:
    open_calls = [call for call in called if call.left_minor]
    late = [call for call in open_calls if call.state in ("due", "forced")]
    if late:
        return w("{count} clients have not paid in time", count=count(len(late)))
    if open_calls:
        due = open_calls[0].due.astimezone(calendar.SHANGHAI)
        amount = exact(sum(call.left_minor for call in open_calls))
        return w(
            "{count} clients must pay in {amount} by {time}",
            count=count(len(open_calls)),
            amount=amount,
            time=f"{due:%H:%M}",
        )
    if not at.funds.size:
        return w("Nobody holds a position.")
    return w("Nobody has to pay in")


def _stressed(at: Standing, w: Words) -> list[tuple[str, str]]:
    return [
        (w("clients called"), count(at.called)),
        (w("forced close"), count(at.forced)),
        (w("cannot pay"), count(at.fallen)),
        (w("shortfall"), exact(at.shortfall_minor)),
    ]


def _borne(at: Standing, w: Words, *, known: bool) -> list[tuple[str, str]]:
    if not known:
        return [(w("guarantees and reserve"), w("not known now")), (w("other clients"), w("never"))]
    return [
        (w("members' guarantees"), exact(int(at.borne.by_guarantee.sum()))),
        (w("reserve"), exact(at.borne.by_reserve_minor)),
        (w("nobody"), exact(at.borne.by_nobody_minor)),
        (w("other clients"), w("never")),
    ]


def _fallen(book: Book, at: Standing, titles: dict[str, str]) -> list[dict[str, str]]:
    found = sorted(((int(at.shortfall[place]), place) for place in at.shortfall.nonzero()[0].tolist()), reverse=True)
    return [
        {
            "name": book.clients[place], "title": titles[book.clients[place]],
            "member": titles.get(book.members[int(book.member[place])], ""), "short": exact(amount),
        }
        for amount, place in found[:_FLAGS]
    ]  # fmt: skip


def _call(
    call: Call, place: int | None, at: Standing, titles: dict[str, str], w: Words, language: Language
) -> dict[str, str]:
    words = {"met": w("paid"), "open": w("not paid yet"), "due": w("too late"), "forced": w("may be closed out")}
    funds = at.funds.one(place) if place is not None else None
    due = call.due.astimezone(calendar.SHANGHAI)
    return {
        "name": call.client, "title": titles[call.client], "member": titles.get(call.member, ""),
        "equity": exact(funds.equity_minor) if funds else "", "margin": exact(funds.margin_minor) if funds else "",
        "risk": f"{funds.risk_percent} %" if funds and funds.risk_percent else "-",
        "called": exact(call.called_minor), "left": exact(call.left_minor) if call.left_minor else "",
        "grade": grade_word(funds.grade if funds else "green", w), "due": f"{day_words(due.date(), language)} {due:%H:%M}",
        "state": words[call.state],
    }  # fmt: skip


def _members(
    book: Book, at: Standing, stressed: Standing, titles: dict[str, str], w: Words, *, known: bool
) -> list[dict[str, str]]:
    found = []
    for now, then in zip(members_at(book, at), members_at(book, stressed), strict=True):
        risk = f"{now.funds.risk_percent} %" if now.funds.risk_percent else "-"
        found.append(
            {
                "title": titles.get(now.member, now.member), "equity": exact(now.funds.equity_minor),
                "margin": exact(now.funds.margin_minor), "risk": risk, "grade": grade_word(now.funds.grade, w),
                "called": count(now.called), "short": exact(then.shortfall_minor),
                "bears": exact(then.guarantee_minor) if known else "-",
            }
        )  # fmt: skip
    return found


def _crowded(one: Concentration, titles: dict[str, str], w: Words) -> dict[str, str]:
    def share(lots: int) -> str:
        return f"{lots * 100 // one.lots} %"

    return {
        "contract": one.contract, "side": w("long") if one.side == 1 else w("short"), "lots": count(one.lots),
        "client": f"{titles.get(one.largest_client, one.largest_client)} {share(one.largest_lots)}", "five": share(one.five_lots),
        "member": f"{titles.get(one.largest_member, one.largest_member)} {share(one.member_lots)}",
    }  # fmt: skip


def _flag(one: Flag, titles: dict[str, str], w: Words, language: Language) -> dict[str, str]:
    words = {"round-trip": w("round trip"), "one-way": w("one way"), "drained": w("drained")}
    return {
        "pattern": words[one.pattern], "name": one.client, "gains": titles.get(one.client, one.client),
        "other": one.other, "from": titles.get(one.other, one.other), "contract": one.contract,
        "when": day_words(one.first, language) if one.first == one.last else f"{day_words(one.first, language)} – {day_words(one.last, language)}",
        "amount": exact(one.amount_minor), "why": one.reason(language),
    }  # fmt: skip
