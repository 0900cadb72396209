"""Exposure: the book of the exchange as it stands, and the calls of the last evening: what became of them, and until when.

The book has every client with open lots, at the settlement prices of the last planned day, with what it has now: what was paid
in since then counts. A call falls due when trading opens again; an hour later the exchange may close out whoever has not paid.

Source: SGE detailed rules, article 57 (dybbs8): a shortage is to be made up before the next opening, and what is not made up one
hour after it may be closed out.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import psycopg

from ringfence.calendar import TradingCalendar, opening_of
from ringfence.margin.kept_plan import kept_prices, planned_day
from ringfence.margin.risk import Book, Positions
from ringfence.margin.rules import Rules
from ringfence.margin.standing import standing
from ringfence.money.columns import column

FORCED_AFTER: Final = datetime.timedelta(hours=1)
CallState = Literal["met", "open", "due", "forced"]


class Call(NamedTuple):
    """What a client was called for in the evening of `day`, and what of it is left to pay in now, in fen.

    `met` when nothing is left; otherwise `open` until it is due, `due` until the exchange may close out, then `forced`.
    """

    client: str
    member: str
    day: datetime.date
    called_minor: int
    left_minor: int
    due: datetime.datetime
    forced_from: datetime.datetime
    state: CallState


def read_book(
    connection: psycopg.Connection[Any],
    rules: Rules,
    guarantees_minor: Mapping[str, int] | None = None,
    reserve_minor: int = 0,
) -> Book:
    """The book, through a login that reads; what members and the reserve have put up is for whoever knows it. Errors: RuleUnknown."""
    day = planned_day(connection)
    rows = connection.execute(
        "SELECT client, contract, long_lots, short_lots FROM exchange_margin.position WHERE day = %s ORDER BY client, contract",
        (day,),
    ).fetchall()
    codes = sorted({contract for _, contract, _, _ in rows})
    found = connection.execute(
        """
        SELECT b.owner, coalesce(m.name, ''), b.balance
        FROM exchange.balances AS b
        JOIN exchange.party AS c ON c.name = b.owner LEFT JOIN exchange.party AS m ON m.id = c.member
        WHERE b.kind = 'client-cash' AND b.owner = ANY (%s) ORDER BY b.owner
        """,
        (sorted({client for client, *_ in rows}),),
    ).fetchall()
    clients = tuple(client for client, _, _ in found)
    members = tuple(sorted({member for _, member, _ in found}))
    of_client = {client: place for place, client in enumerate(clients)}
    of_member = {member: place for place, member in enumerate(members)}
    of_code = {code: place for place, code in enumerate(codes)}
    prices = {} if day is None else kept_prices(connection, day)[0]
    return Book(
        clients,
        members,
        column(of_member[member] for _, member, _ in found),
        column(cash for _, _, cash in found),
        tuple(rules.contract(code, day or datetime.date.min) for code in codes),
        column(prices[code].settlement_minor for code in codes),
        Positions(
            column(of_client[row[0]] for row in rows),
            column(of_code[row[1]] for row in rows),
            column(row[2] for row in rows),
            column(row[3] for row in rows),
        ),
        column((guarantees_minor or {}).get(member, 0) for member in members),
        reserve_minor,
    )


def calls(
    connection: psycopg.Connection[Any],
    rules: Rules,
    calendar: TradingCalendar,
    now: datetime.datetime,
    left_minor: Mapping[str, int] | None = None,
) -> list[Call]:
    """The calls of the last evening, the largest first, as they stand `now`.

    What is left follows from all trades of the day. Whoever may not read those says itself what is `left_minor`, by client.

    Errors: RuleUnknown; CalendarUnknown.
    """
    day = planned_day(connection)
    rows: Sequence[tuple[str, str, int]] = connection.execute(
        """
        SELECT q.client, coalesce(m.name, ''), q.call_minor
        FROM exchange_margin.client_day AS q
        JOIN exchange.party AS c ON c.name = q.client LEFT JOIN exchange.party AS m ON m.id = c.member
        WHERE q.day = %s AND q.call_minor > 0 ORDER BY q.call_minor DESC, q.client
        """,
        (day,),
    ).fetchall()
    if day is None or not rows:
        return []
    following = calendar.next_trading_day(day)
    due = opening_of(following, calendar)
    if left_minor is None:
        funds = standing(connection, following, [client for client, _, _ in rows], rules)
        left_minor = {client: one.call_minor for client, one in funds.items()}
    found = []
    for client, member, called in rows:
        left = left_minor.get(client, 0)
        found.append(Call(client, member, day, called, left, due, due + FORCED_AFTER, _state(left, due, now)))
    return found


def _state(left_minor: int, due: datetime.datetime, now: datetime.datetime) -> CallState:
    if not left_minor:
        return "met"
    return "open" if now < due else "due" if now < due + FORCED_AFTER else "forced"
