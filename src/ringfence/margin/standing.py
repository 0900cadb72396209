"""How clients stand while a day goes on: what they have, what of it their positions bind, what may leave the circle now.

Lots carried into the day count from the evening's settlement price, today's from what they were opened at; both float to the
last price of today's trades, or the evening's where there was none. Margin is by the rate of the evening before: a change
counts from the day's settlement. What was closed today is realised at once but not booked before the evening, and what that
set free leaves from tomorrow, as does what metal was sold for.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg

from ringfence.margin.day import by_client
from ringfence.margin.funds import Funds, funds_of_all
from ringfence.margin.kept_plan import evening_prices, planned_day
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.opening import Opening, last_prices, read_opening
from ringfence.margin.rulebook import read_rules
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions, settle
from ringfence.money import apply_rate, round_down
from ringfence.money.columns import Column, column, sums


def standing(
    connection: psycopg.Connection[Any],
    day: datetime.date,
    clients: Sequence[str] | None = None,
    rules: Rules | None = None,
) -> dict[str, Funds]:
    """The funds of every client during `day`, or of some, by the exchange's own rules, through a login that reads all trades.

    Errors: RuleUnknown.
    """
    only = None if clients is None else list(clients)
    cash = connection.execute(
        "SELECT owner, balance, held_out FROM exchange.balances WHERE kind = 'client-cash' AND unit = 'CNY' "
        "AND (%(clients)s::text[] IS NULL OR owner = ANY (%(clients)s)) ORDER BY owner",
        {"clients": only},
    ).fetchall()
    rules = rules or read_rules(connection)
    planned = planned_day(connection)
    opening = read_opening(connection, day, only, filled=planned is None or day > planned)
    proceeds, reusable = _proceeds(connection, day, only, rules)
    names = [owner for owner, _, _ in cash]
    places = {name: place for place, name in enumerate(names)}
    found = _during(
        connection,
        opening,
        day,
        rules,
        [places[name] for name in opening.clients],
        len(names),
    )
    given_back: dict[str, int] = dict(
        connection.execute(
            "SELECT o.client, sum(c.released_minor)::bigint FROM exchange_margin.cancelled AS c "
            "JOIN exchange_margin.orders AS o USING (order_no) "
            "WHERE o.day = %(day)s AND (%(clients)s::text[] IS NULL OR o.client = ANY (%(clients)s)) GROUP BY o.client",
            {"day": day, "clients": only},
        ).fetchall()
    )
    funds = funds_of_all(
        unfrozen=column(given_back.get(name, 0) for name in names),
        cash=column(balance for _, balance, _ in cash),
        frozen=column(held for _, _, held in cash),
        proceeds=column(proceeds[name] for name in names),
        reusable=column(reusable[name] for name in names),
        **found,
    )
    return {name: funds.one(place) for place, name in enumerate(names)}


def _proceeds(
    connection: psycopg.Connection[Any], day: datetime.date, only: list[str] | None, rules: Rules
) -> tuple[Counter[str], Counter[str]]:
    """What each client has sold metal for today, and what of it can be used today, in fen, rounded down."""
    proceeds: Counter[str] = Counter()
    reusable: Counter[str] = Counter()
    for client, code, lots_at_prices in connection.execute(
        "SELECT seller, contract, sum(lots::bigint * price_minor)::bigint FROM exchange_margin.trade "
        "WHERE day = %(day)s AND paid_by IS NOT NULL AND (%(only)s::text[] IS NULL OR seller = ANY (%(only)s)) "
        "GROUP BY seller, contract",
        {"day": day, "only": only},
    ).fetchall():
        traded = rules.contract(code, day)
        value = traded.lot_quantity * lots_at_prices
        proceeds[client] += value
        reusable[client] += apply_rate(value, traded.reuse, round_down)
    return proceeds, reusable


def _during(
    connection: psycopg.Connection[Any],
    opening: Opening,
    day: datetime.date,
    rules: Rules,
    places: list[int],
    size: int,
) -> dict[str, Column]:
    """What the day has made so far of each client's positions, in columns of `size` by their `places`."""
    evening = evening_prices(connection)
    settled = planned_day(connection)
    last = last_prices(opening)
    prices = {
        code: SettlementPrice(evening.get(code) or last[code], last.get(code) or evening[code], Direction.NONE)
        for code in opening.contracts
    }
    contracts = [
        replace(rules.contract(code, day), margin=rules.contract(code, settled or day).margin)
        for code in opening.contracts
    ]
    on = Conditions.of(day.toordinal(), 1, contracts, prices)
    try:
        days = by_client(settle(opening.lots, opening.fills, on, margin_at="base").holdings)
    except ClosedMoreThanOpen as error:
        raise opening.closes_too_much(error) from None
    where = column(places)[days.client]
    return {
        name: sums(values, where, size)
        for name, values in (
            ("margin", days.margin),
            ("realised", days.realised),
            ("fee", days.fee),
            ("floating", days.marked),
            ("released", days.released),
        )
    }
