"""A day's plan as it is kept: written in one commit, read back to be carried out, and computed once more to be compared.

Of lots only what the day has changed is written: what closing took ends, what is left of it and what is new begins. So the
evening before any day can be read for ever, and what was planned can be computed again from what stands there, to the bit.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from ringfence.margin.delivery import Outcome
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.planning import Piece, Plan
from ringfence.margin.settlement import PAYS
from ringfence.money.columns import Column


class Delivery(NamedTuple):
    """What became of a match: metal against money, in milligrams and fen, or by whose default it ended."""

    match_no: str
    contract: str
    giver: str
    taker: str
    metal: str
    outcome: Outcome
    lots: int
    weight_minor: int
    value_minor: int
    penalty_minor: int


@dataclass(frozen=True, slots=True)
class DaySettled:
    """What a settled day did: how much was moved, who was covered and who is called, what was delivered."""

    day: datetime.date
    pieces: tuple[Piece, ...]
    calls: Mapping[str, int]
    deliveries: tuple[Delivery, ...]

    @property
    def covers(self) -> list[Piece]:
        """What was paid in for clients that could not pay, a guarantee before the reserve."""
        covers = [piece for piece in self.pieces if piece.bank is not None]
        return sorted(covers, key=lambda piece: (piece.client, piece.what != "member-guarantee"))


def write_plan(
    connection: psycopg.Connection[Any], plan: Plan, prices: Mapping[str, SettlementPrice], natural_days: int
) -> None:
    """Write a plan down, in one commit; `prices` are those of all contracts, also of those that nobody holds."""
    day = plan.day
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO exchange_margin.planned (day) VALUES (%s)", (day,))
        published = [
            (day, code, p.previous_minor, p.settlement_minor, PAYS[p.direction], natural_days)
            for code, p in prices.items()
        ]
        _insert(cursor, "price", published)
        _insert(cursor, "piece (day, client, what, amount_minor, bank)", [(day, *piece) for piece in plan.pieces])
        _write_lots(cursor, plan)
        _insert(
            cursor,
            "delivery",
            [
                (
                    trade, day, of.contract, of.match.deliver.client, of.match.receive.client, of.metal, of.outcome,
                    of.weight_minor, of.value_minor, of.penalty_minor,
                )
                for trade, of in plan.deliveries
            ],
        )  # fmt: skip
        _insert(cursor, "requirement", [(day, *row) for row in requirements(plan)])


def requirements(plan: Plan) -> list[tuple[str, int, int]]:
    """Each client's margin and call after the day, in fen."""
    names = [plan.opening.clients[number] for number in plan.clients.client.tolist()]
    return list(zip(names, plan.funds.margin_minor.tolist(), plan.funds.call_minor.tolist(), strict=True))


def read_plan(connection: psycopg.Connection[Any], day: datetime.date) -> DaySettled:
    """What is to be done for `day`, as it was written down."""
    pieces = connection.execute(
        "SELECT client, what, amount_minor, bank FROM exchange_margin.piece WHERE day = %s ORDER BY client, what, bank",
        (day,),
    ).fetchall()
    calls = connection.execute(
        "SELECT client, call_minor FROM exchange_margin.requirement WHERE day = %s AND call_minor > 0 ORDER BY client",
        (day,),
    ).fetchall()
    return DaySettled(day, tuple(Piece(*row) for row in pieces), dict(calls), tuple(deliveries(connection, day)))


def deliveries(connection: psycopg.Connection[Any], day: datetime.date) -> list[Delivery]:
    """What became of the matches of `day`, in their order."""
    rows = connection.execute(
        "SELECT t.trade_no, d.contract, d.giver, d.taker, d.metal, d.outcome, t.lots, d.weight_minor, d.value_minor, "
        "d.penalty_minor FROM exchange_margin.delivery AS d JOIN exchange_margin.trade AS t ON t.number = d.trade "
        "WHERE d.day = %s ORDER BY d.trade",
        (day,),
    ).fetchall()
    return [Delivery(*row) for row in rows]


def kept_prices(connection: psycopg.Connection[Any], day: datetime.date) -> tuple[dict[str, SettlementPrice], int]:
    """The prices and the natural days by which `day` was settled."""
    rows = connection.execute(
        "SELECT contract, previous_minor, settlement_minor, pays, natural_days FROM exchange_margin.price WHERE day = %s",
        (day,),
    ).fetchall()
    directions = {pays: direction for direction, pays in PAYS.items()}
    prices = {
        code: SettlementPrice(previous, settlement, Direction(directions[pays]))
        for code, previous, settlement, pays, _ in rows
    }
    return prices, rows[0][4] if rows else 1


def planned_day(connection: psycopg.Connection[Any]) -> datetime.date | None:
    """The last day that is planned; None where none is."""
    ((day,),) = connection.execute("SELECT max(day) FROM exchange_margin.planned").fetchall()
    found: datetime.date | None = day
    return found


def evening_prices(connection: psycopg.Connection[Any], before: datetime.date = datetime.date.max) -> dict[str, int]:
    """Each contract's last settlement price, or the last `before` a day, in fen."""
    return dict(
        connection.execute(
            "SELECT DISTINCT ON (contract) contract, settlement_minor FROM exchange_margin.price WHERE day < %s "
            "ORDER BY contract, day DESC",
            (before,),
        ).fetchall()
    )


def _write_lots(cursor: psycopg.Cursor[Any], plan: Plan) -> None:
    day, opening, after, closed = plan.day, plan.opening, plan.settled.lots, plan.settled.closed
    took = [
        (trade, side) for trade, side, opened in _rows(closed.trade, closed.side, closed.opened) if opened < plan.on.day
    ]
    cursor.execute(
        "UPDATE exchange_margin.lot SET until = %s WHERE until = 'infinity' "
        "AND (trade, side) IN (SELECT * FROM unnest(%s::bigint[], %s::smallint[]))",
        (day, [trade for trade, _ in took], [side for _, side in took]),
    )
    changed = set(took)
    columns = (after.trade, after.side, after.client, after.contract, after.opened, after.price, after.lots)
    _insert(
        cursor,
        "lot",
        [
            (
                trade, side, day, "infinity", opening.clients[client], opening.contracts[contract],
                datetime.date.fromordinal(opened), price, lots,
            )
            for trade, side, client, contract, opened, price, lots in _rows(*columns)
            if opened == plan.on.day or (trade, side) in changed
        ],
    )  # fmt: skip
    taken = (closed.fill, closed.trade, closed.side, closed.client, closed.contract, closed.lots)
    _insert(
        cursor,
        "closed",
        [
            (
                day,
                int(opening.fills.trade[fill]),
                trade,
                side,
                opening.clients[client],
                opening.contracts[contract],
                lots,
            )
            for fill, trade, side, client, contract, lots in _rows(*taken)
        ],
    )


def _rows(*columns: Column) -> Iterable[tuple[int, ...]]:
    return zip(*(values.tolist() for values in columns), strict=True)


def _insert(cursor: psycopg.Cursor[Any], table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO exchange_margin.{table} VALUES ({places})".encode(), rows)
