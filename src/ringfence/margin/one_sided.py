"""One-sided markets (单边市): days that end at the price limit, and what the exchange may do about them.

    first day     the margin rises at its settlement, the price limit from the next day: rows of rules that the officer adds
    second day    the same once more
    third day     forced reduction: whoever could not get out at the limit is let out, against those who gain

Who wants out has orders to close at the limit price that nobody filled. They are filled from the clients with the largest gain
for each unit of quantity, band by band: all of a band's lots before any of the next, and where a band has more than is wanted, each
of its clients in proportion to its lots. The bands are a dated rule of the contract, as shares of the settlement price; whoever
gains less than the last of them, but gains, is a band of its own. Nobody is made to close at a loss, and nobody closes against
itself.

Source: the exchange's risk rules in fragments (360docs.net a98113455: unit net profit of 8 % and 4 % for gold, 10 % and 5 % for
silver). By how much margin and limit rise is a notice of its own each time, so it is no rule here.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import psycopg

from ringfence.margin.delivery import overlay
from ringfence.margin.kept_plan import kept_prices
from ringfence.margin.rules import Rules
from ringfence.money import Rate, allocate

Way = Literal["up", "down"]
WAYS: Mapping[Way, int] = {"up": 1, "down": -1}


class Streak(NamedTuple):
    """How many days in a row up to `day` ended with a trade at the contract's upper or lower price limit."""

    contract: str
    way: Way
    days: int
    day: datetime.date
    limit_minor: int


class Holder(NamedTuple):
    """A client on the side that gains: its open lots, and what it gains for each quote measure, in fen."""

    client: str
    lots: int
    gain_minor: int


class Reduction(NamedTuple):
    """`lots` that `loser` closes against `winner`, who was in the `band` (from 1)."""

    loser: str
    winner: str
    band: int
    lots: int


def streaks(connection: psycopg.Connection[Any], rules: Rules, day: datetime.date) -> list[Streak]:
    """Which contracts ended planned `day` at a limit, and for how many days in a row. Errors: RuleUnknown."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (t.contract, t.day) t.contract, t.day, t.price_minor
        FROM exchange_margin.trade AS t
        WHERE t.buyer_tender IS NULL AND t.day > %(day)s::date - 30 AND t.day <= %(day)s
        ORDER BY t.contract, t.day DESC, t.number DESC
        """,
        {"day": day},
    ).fetchall()
    ends: dict[str, list[tuple[datetime.date, int]]] = {}
    for contract, traded_on, price in rows:
        ends.setdefault(contract, []).append((traded_on, price))
    days = [
        one for (one,) in connection.execute("SELECT day FROM exchange_margin.planned ORDER BY day DESC").fetchall()
    ]
    found = []
    for contract, dated in ends.items():
        last_way: Way | None = None
        length, limit_minor = 0, 0
        for expected, (traded_on, price) in zip((one for one in days if one <= day), dated, strict=False):
            way, limit = _at_limit(connection, rules, contract, traded_on, price)
            if traded_on != expected or way is None or last_way not in (None, way):
                break
            if last_way is None:
                limit_minor = limit
            last_way, length = way, length + 1
        if last_way is not None:
            found.append(Streak(contract, last_way, length, day, limit_minor))
    return found


def _at_limit(
    connection: psycopg.Connection[Any], rules: Rules, contract: str, day: datetime.date, price: int
) -> tuple[Way | None, int]:
    prices, _ = kept_prices(connection, day)
    if contract not in prices:
        return None, 0
    lowest, highest = rules.contract(contract, day).price_limits(prices[contract].previous_minor)
    if highest is not None and price >= highest:
        return "up", highest
    return ("down", lowest) if price <= lowest else (None, 0)


def reduce(
    wanted: Mapping[str, int], holders: Sequence[Holder], settlement_minor: int, bands: Sequence[Rate]
) -> list[Reduction]:
    """Who closes against whom: `wanted` lots of those who lose, from those who gain.

    Lots of a band are given by its clients in proportion to what they have, and got by those who want out in proportion to what
    they still want; what does not divide goes to the largest remainders.
    """
    left = {client: lots for client, lots in sorted(wanted.items()) if lots > 0}
    found: list[Reduction] = []
    for number, members in enumerate(_banded(holders, settlement_minor, bands), 1):
        given = min(sum(left.values()), sum(holder.lots for holder in members))
        if not given:
            continue
        gives = dict(zip((one.client for one in members), allocate(given, [one.lots for one in members]), strict=True))
        gets = dict(zip(left, allocate(given, list(left.values())), strict=True))
        found += [
            Reduction(loser, winner, number, lots) for loser, winner, lots in overlay(gets.items(), gives.items())
        ]
        left = {client: lots - gets[client] for client, lots in left.items() if lots > gets[client]}
    return found


def _banded(holders: Sequence[Holder], settlement_minor: int, bands: Sequence[Rate]) -> list[list[Holder]]:
    found: list[list[Holder]] = [[] for _ in range(len(bands) + 1)]
    for holder in sorted(holders):
        if holder.gain_minor > 0 and holder.lots > 0:
            share = holder.gain_minor * Rate.WHOLE
            place = next(
                (number for number, band in enumerate(bands) if share >= band.parts * settlement_minor), len(bands)
            )
            found[place].append(holder)
    return found


class Wanting(NamedTuple):
    """Who wants out of a contract at the limit, who gains on the other side, and by what the gains are measured."""

    wanted: dict[str, int]
    holders: list[Holder]
    settlement_minor: int


def wanting(connection: psycopg.Connection[Any], rules: Rules, streak: Streak) -> Wanting:
    """Who could not get out on the streak's day: orders to close at the limit that were cancelled in the evening; and who gains.

    With prices at the upper limit those who are short want to buy, and those who are long gain. A client that has both sides is
    counted on the side that it wants out of alone. Errors: RuleUnknown.
    """
    way = WAYS[streak.way]
    contract = rules.contract(streak.contract, streak.day)
    wanted: dict[str, int] = dict(
        connection.execute(
            """
            SELECT o.client, sum(c.lots)::integer
            FROM exchange_margin.orders AS o JOIN exchange_margin.cancelled AS c USING (order_no)
            WHERE c.in_the_evening AND o.day = %s AND o.contract = %s AND NOT o.opens AND o.side = %s AND o.price_minor = %s
            GROUP BY o.client ORDER BY o.client
            """,
            (streak.day, contract.code, way, streak.limit_minor),
        ).fetchall()
    )
    settlement = kept_prices(connection, streak.day)[0][contract.code].settlement_minor
    rows = connection.execute(
        """
        SELECT client, sum(lots)::integer, sum(lots * price_minor)::bigint FROM exchange_margin.lot
        WHERE contract = %s AND side = %s AND since <= %s AND until > %s GROUP BY client ORDER BY client
        """,
        (contract.code, way, streak.day, streak.day),
    ).fetchall()
    holders = [
        # The average gain, in whole fen: what is less than one fen puts nobody into a higher band.
        Holder(client, lots, way * (settlement * lots - paid) // lots)
        for client, lots, paid in rows
        if client not in wanted
    ]
    return Wanting(wanted, holders, settlement)
