"""The day: its steps, each with what proves it, and who must pay in. Read from what the settlement has written down, the ledger and
the verifier; a step is done when its proof is there, not when somebody says so.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import Any, Literal, NamedTuple

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ringfence.api import Service
from ringfence.api.visitor import NotFound, Visitor
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.figures import clock, count, exact
from ringfence.console.figures import day as day_words
from ringfence.console.frame import frame
from ringfence.console.grades import grade_word, grades_board
from ringfence.console.hubs import SEES_THE_CIRCLE
from ringfence.console.pages import visitor_of
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE
from ringfence.errors import Language
from ringfence.ledger.head import Heads
from ringfence.ledger.readings import head
from ringfence.margin.delivery import Count
from ringfence.margin.funds import compute_funds, funds_of_all
from ringfence.margin.market import Direction
from ringfence.margin.tenders import counts_of
from ringfence.money.columns import column

router = APIRouter(include_in_schema=False)
_RISKS = 50
State = Literal["done", "now", "todo", "wrong"]


class Step(NamedTuple):
    """A step of the day, its proof in figures, and when its stage was reached."""

    name: str
    state: State
    proof: str
    at: str


class _Facts(NamedTuple):
    """What stands in the books of a day."""

    trades: int
    lots: int
    planned: bool
    settled: bool
    pieces: dict[str, tuple[int, int]]
    covers: tuple[int, int]
    positions: int
    posted: int
    settlement_minor: int
    deferral_minor: int
    delivery_minor: int
    counted: dict[str, Count]
    delivered: tuple[int, int, int]
    closed: bool
    signed: str
    reached: dict[str, tuple[str, int]]


_FACTS = """
    SELECT (SELECT count(*) FROM exchange_margin.trade WHERE day = %(day)s AND buyer_tender IS NULL),
        (SELECT coalesce(sum(lots), 0)::bigint FROM exchange_margin.trade WHERE day = %(day)s AND buyer_tender IS NULL),
        EXISTS (SELECT FROM exchange_margin.planned WHERE day = %(day)s),
        EXISTS (SELECT FROM exchange_margin.settled WHERE day = %(day)s),
        (SELECT count(*) FROM exchange_margin.position WHERE day = %(day)s AND long_lots + short_lots > 0),
        (SELECT count(*) FROM exchange.posting AS p WHERE p.value_date = %(day)s AND p.key LIKE %(keys)s),
        (SELECT coalesce(sum(balance), 0)::bigint FROM exchange.balances WHERE kind = 'settlement'),
        (SELECT coalesce(sum(balance), 0)::bigint FROM exchange.balances WHERE kind = 'deferral'),
        (SELECT coalesce(sum(abs(balance)), 0)::bigint FROM exchange.balances WHERE kind = 'delivery')
"""
_DELIVERED = """
    SELECT coalesce(sum(weight_minor) FILTER (WHERE outcome = 'delivered'), 0)::bigint,
        coalesce(sum(value_minor) FILTER (WHERE outcome = 'delivered'), 0)::bigint, count(*) FILTER (WHERE outcome <> 'delivered')
    FROM exchange_margin.delivery WHERE day = %s
"""
_RISK = """
    SELECT c.name, coalesce(c.title, c.name), coalesce(m.title, m.name, ''), a.balance, q.margin_minor
    FROM exchange_margin.client_day AS q
    JOIN exchange.party AS c ON c.name = q.client
    JOIN exchange.account AS a ON a.owner = c.id JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
    LEFT JOIN exchange.party AS m ON m.id = c.member
    WHERE q.day = (SELECT max(day) FROM exchange_margin.settled) AND q.margin_minor > 0
    ORDER BY q.margin_minor::numeric / greatest(a.balance, 1) DESC, c.name
"""


@router.get("/{language}/day")
async def day_home(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """The day that is open, or was last."""
    return await asyncio.to_thread(_day, visitor_of(request, session, *SEES_THE_CIRCLE), language, None)


@router.get("/{language}/day/{day}")
async def day_page(language: Spoken, day: datetime.date, request: Request, session: In) -> HTMLResponse:
    """A day: where it is, and whether it is safe to go on."""
    return await asyncio.to_thread(_day, visitor_of(request, session, *SEES_THE_CIRCLE), language, day)


def _day(visitor: Visitor, language: Language, asked: datetime.date | None) -> HTMLResponse:
    w, service = Words(language), visitor.service
    with visitor.reading(EXCHANGE) as connection:
        at = head(connection, EXCHANGE)
        day = asked or at.day
        days = _days(connection, at.day)
        if day not in days:
            raise NotFound(field="day", value=str(day))
        facts = _facts(connection, service, day, at.closed_through)
        rows = connection.execute(_RISK).fetchall()
        last = connection.execute("SELECT max(day) FROM exchange_margin.settled").fetchone()
    found = steps(facts, service.the_verdicts().last, w, is_open=day == at.day)
    here = days.index(day)
    settled = last[0] if last else None
    given = frame(
        language, visitor.person, "day", f"day/{day}", day=day_words(day, language), steps=found,
        answer=_answer(found, facts, w),
        before=days[here - 1] if here else None, after=days[here + 1] if here + 1 < len(days) else None,
        settled=day_words(settled, language) if settled else "", holding=count(len(rows)),
        risks=[_risk(row, w) for row in rows[:_RISKS]], board=_board(rows, w),
    )  # fmt: skip
    return answered("day.html", given)


def _days(connection: psycopg.Connection[Any], today: datetime.date) -> list[datetime.date]:
    rows = connection.execute("SELECT day FROM exchange_margin.planned ORDER BY day").fetchall()
    return sorted({day for (day,) in rows} | {today})


def _facts(
    connection: psycopg.Connection[Any], service: Service, day: datetime.date, closed_through: datetime.date
) -> _Facts:
    row = connection.execute(_FACTS, {"day": day, "keys": f"settle:{day}:%"}).fetchone()
    assert row is not None
    trades, lots, planned, settled, positions, posted, settlement, deferral, delivery = row
    counted = counts_of(connection, day)
    ((weight, value, defaults),) = connection.execute(_DELIVERED, (day,)).fetchall()
    pieces: dict[str, tuple[int, int]] = {
        what: (number, amount)
        for what, number, amount in connection.execute(
            "SELECT what, count(*), sum(amount_minor)::bigint FROM exchange_margin.piece WHERE day = %s GROUP BY what",
            (day,),
        ).fetchall()
    }
    covers = [pieces.pop(what, (0, 0)) for what in ("member-guarantee", "exchange-reserve")]
    reached = {
        name: (clock(at), figure)
        for name, at, figure in connection.execute(
            "SELECT stage, at, figure FROM exchange_margin.stage WHERE day = %s", (day,)
        ).fetchall()
    }
    of_day = [one for one in Heads(service.store).signed(EXCHANGE) if one.day == str(day)]
    return _Facts(
        trades, lots, planned, settled, pieces, (sum(n for n, _ in covers), sum(a for _, a in covers)), positions, posted,
        settlement, deferral, delivery, counted, (weight, value, defaults), day <= closed_through, of_day[-1].link if of_day else "", reached,
    )  # fmt: skip


def steps(facts: _Facts, verified: Any, w: Words, *, is_open: bool) -> list[Step]:
    """The steps in their order: what is proven is done, the first that is not is now, the others are to come.

    A step whose proof contradicts it is wrong: what ought to cancel out and does not.
    """
    zero = {what: facts.pieces.get(what, (0, 0)) for what in ("realised", "marked", "deferred", "left-over", "fee")}
    profit = zero["realised"][1] + zero["marked"][1]
    left_over = zero["left-over"][1]
    deferred = zero["deferred"][1] + left_over
    planned = sum(number for number, _ in facts.pieces.values())
    proven: list[tuple[str, bool, bool, str]] = [
        (w("Trading closed"), bool(facts.reached) or facts.closed, False,
         w("{count} trades, {lots} lots; {left} orders cancelled", count=count(facts.trades), lots=count(facts.lots), left=count(facts.reached.get("trading-closed", ("", 0))[1]))),
        (w("Tenders counted, direction published"), bool(facts.reached) or facts.closed, False, _counted(facts, w)),
        (w("Profit and loss at the settlement price"), facts.planned, profit != 0,
         w("realised {realised}, marked {marked}; together {sum}", realised=exact(zero["realised"][1]), marked=exact(zero["marked"][1]), sum=exact(profit))),
        (w("Deferred fees"), facts.planned, deferred != 0,
         w("{count} clients; with {left} left over by rounding together {sum}", count=count(zero["deferred"][0]), left=exact(left_over), sum=exact(deferred))),
        (w("Trading fees"), facts.planned, zero["fee"][1] > 0,
         w("{count} clients; {sum}", count=count(zero["fee"][0]), sum=exact(zero["fee"][1]))),
        (w("Matched tenders delivered"), facts.planned, False, _delivered(facts, w)),
        (w("Positions and margin of the evening"), facts.planned, False, w("{count} positions", count=count(facts.positions))),
        (w("Whoever cannot pay is covered"), facts.planned and (facts.settled or not facts.covers[0]), False,
         w("{count} covers, {sum} of real money", count=count(facts.covers[0]), sum=exact(facts.covers[1])) if facts.covers[0] else w("everybody can pay")),
        (w("Posted"), facts.settled, facts.settled and facts.posted < planned,
         w("{posted} of {planned} postings", posted=count(facts.posted), planned=count(planned))),
        (w("Settlement, deferral and delivery are zero"), facts.settled,
         facts.settled and is_open and bool(facts.settlement_minor or facts.deferral_minor or facts.delivery_minor),
         w("{settlement}, {deferral} and {delivery}", settlement=exact(facts.settlement_minor), deferral=exact(facts.deferral_minor), delivery=exact(facts.delivery_minor)) if is_open else w("closed with zero: the kernel closes no day otherwise")),
        (w("Day closed in every book"), facts.closed, False, w("nobody dates anything back into it")),
        (w("Head signed"), bool(facts.signed), False, f"{facts.signed[:8]}…{facts.signed[-8:]}" if facts.signed else w("outside the database")),
        (w("Verified from zero"), facts.closed and verified.verdict.ok, not verified.verdict.ok,
         w("{postings} postings replayed, at {at}", postings=count(verified.verdict.reached), at=clock(verified.at))),
    ]  # fmt: skip
    found, now = [], True
    at_stage = ("trading-closed", "trading-closed", *["planned"] * 5, "covered", "posted", "settled", "settled", "", "")
    for stage, (name, done, wrong, proof) in zip(at_stage, proven, strict=True):
        state: State = "wrong" if wrong else "done" if done else "now" if now else "todo"
        if state == "now":
            now = False
        found.append(
            Step(name, state, proof if done or wrong or state == "now" else "", facts.reached.get(stage, ("", 0))[0])
        )
    return found


def _counted(facts: _Facts, w: Words) -> str:
    who = {
        Direction.LONGS_PAY: w("longs pay"), Direction.SHORTS_PAY: w("shorts pay"), Direction.NONE: w("nobody pays")
    }  # fmt: skip
    said = [
        w("{contract}: {deliver} to deliver, {receive} to receive, {pays}", contract=contract, deliver=count(of.deliver_lots), receive=count(of.receive_lots), pays=who[of.direction])
        for contract, of in facts.counted.items()
    ]  # fmt: skip
    return " · ".join(said) or w("nobody tendered; the direction is the market's")


def _delivered(facts: _Facts, w: Words) -> str:
    weight, value, defaults = facts.delivered
    if not weight and not defaults:
        return w("nothing was to be delivered")
    kilograms = f"{weight // 1_000_000:,}.{weight // 1_000 % 1_000:03d} kg"
    return w("{weight} against {value}; {count} defaults", weight=kilograms, value=exact(value), count=count(defaults))


def _answer(found: list[Step], facts: _Facts, w: Words) -> str:
    wrong = [step for step in found if step.state == "wrong"]
    if wrong:
        return w("Not safe to go on: {step}", step=wrong[0].name)
    done = sum(step.state == "done" for step in found)
    if done == len(found):
        return w("The day is closed and proven")
    if not facts.planned:
        return w("The day is open; nothing is settled yet")
    return w("Settling: {done} of {count} steps are proven", done=done, count=len(found))


def _risk(row: tuple[str, str, str, int, int], w: Words) -> dict[str, str]:
    name, title, member, cash, margin = row
    funds = compute_funds(cash_minor=cash, margin_minor=margin)
    risk = "-" if funds.risk_percent is None else f"{funds.risk_percent} %"
    call = exact(funds.call_minor) if funds.call_minor else ""
    return {"name": name, "title": title, "member": member, "equity": exact(funds.equity_minor), "margin": exact(margin), "risk": risk, "grade": grade_word(funds.grade, w), "call": call}  # fmt: skip


def _board(rows: list[tuple[str, str, str, int, int]], w: Words) -> list[tuple[str, str, str, str]]:
    if not rows:
        return []
    return grades_board(
        funds_of_all(cash=column(cash for *_, cash, _ in rows), margin=column(margin for *_, margin in rows)), w
    )
