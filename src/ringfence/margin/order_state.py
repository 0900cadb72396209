"""Orders as they stand: what was placed, what of it is filled, cancelled and left, and what they still hold.

Read through any login that may; nothing is kept but what was placed, cancelled and traded.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import psycopg

from ringfence.custody import EXCHANGE
from ringfence.errors import BadInput
from ringfence.ledger import Action, Control, Instruction, Ledger, Outcome
from ringfence.margin.positions import Offset, Trade

OrderSide = Literal["buy", "sell"]
SIDES = {"buy": 1, "sell": -1}


@dataclass(frozen=True, slots=True)
class Order:
    """A client's wish to buy or sell, to open or to close, at `price_minor` fen per quote measure or better.

    Of a spot contract a purchase opens and a sale closes.
    """

    order_no: str
    client: str
    contract: str
    side: OrderSide
    offset: Offset
    lots: int
    price_minor: int


class OrderState(NamedTuple):
    """An order as it stands: what of it is filled, cancelled, and left. What it holds is CNY, or the metal that it sells."""

    order: Order
    day: datetime.date
    session: str
    reserved_minor: int
    held_in: str
    hold: int | None
    filled: int
    cancelled: int
    rest: int

    @property
    def held_minor(self) -> int:
        """What of its hold is still there, in fen or milligrams."""
        return self.reserved_minor - given_back(self, self.filled) if self.rest else 0


def states(
    connection: psycopg.Connection[Any],
    day: datetime.date | None = None,
    *,
    numbers: Collection[str] | None = None,
    open_only: bool = False,
    client: str | None = None,
) -> list[OrderState]:
    """Orders of a day, of a client, or by their numbers, through a login that reads trades; as they were placed."""
    rows = connection.execute(
        """
        SELECT order_no, client, contract, side, opens, lots, price_minor, day, session, reserved_minor, held_in, hold, filled, cancelled, rest
        FROM exchange_margin.order_state
        WHERE (%(day)s::date IS NULL OR day = %(day)s) AND (%(numbers)s::text[] IS NULL OR order_no = ANY (%(numbers)s))
            AND (%(client)s::text IS NULL OR client = %(client)s) AND (rest > 0 OR NOT %(open)s)
        ORDER BY number
        """,
        {"day": day, "numbers": None if numbers is None else list(numbers), "client": client, "open": open_only},
    ).fetchall()
    return [
        OrderState(
            Order(number, who, contract, "buy" if side == 1 else "sell", "open" if opens else "close", lots, price),
            *rest,
        )
        for number, who, contract, side, opens, lots, price, *rest in rows
    ]


def given_back(state: OrderState, filled: int) -> int:
    """What of an order's hold is given back when so many lots are filled and some are left, in fen: their part, rounded down."""
    return state.reserved_minor * filled // state.order.lots


def cancel_rest(ledger: Ledger, open_orders: Iterable[OrderState], *, in_the_evening: bool = False) -> None:
    """Cancel what is left of orders, because somebody wants it or the day ends, and give back what they hold, in one commit."""
    found = list(open_orders)
    with ledger.connection.transaction(), ledger.connection.cursor() as cursor:
        post_all(ledger, [release(ledger, s, f"cancel:{s.order.order_no}", s.held_minor) for s in found if s.hold])
        cursor.executemany(
            "INSERT INTO exchange_margin.cancelled (order_no, lots, released_minor, in_the_evening) VALUES (%s, %s, %s, %s)",
            [(state.order.order_no, state.rest, state.held_minor, in_the_evening) for state in found],
        )


def closable(
    connection: psycopg.Connection[Any], day: datetime.date, clients: Sequence[str]
) -> dict[tuple[str, str, int], int]:
    """How many lots each client may still close, by client, contract and side: open ones that no order closes and no tender has."""
    rows = connection.execute(
        """
        SELECT client, contract, side, sum(lots)::integer FROM (
            SELECT client, contract, side, lots FROM exchange_margin.lot WHERE until = 'infinity' AND client = ANY (%(clients)s)
            UNION ALL
            SELECT o.client, o.contract, CASE WHEN o.opens THEN o.side ELSE -o.side END,
                CASE WHEN o.opens THEN o.filled ELSE -o.filled - o.rest END
            FROM exchange_margin.order_state AS o WHERE o.day = %(day)s AND o.client = ANY (%(clients)s)
            UNION ALL
            SELECT t.client, t.contract, t.side, -t.lots
            FROM exchange_margin.tender AS t
            WHERE t.day = %(day)s AND NOT t.neutral AND t.client = ANY (%(clients)s)
                AND NOT EXISTS (SELECT FROM exchange_margin.tender_cancelled AS c WHERE c.tender_no = t.tender_no)
        ) AS l GROUP BY client, contract, side
        """,
        {"day": day, "clients": list(clients)},
    ).fetchall()
    return {(client, contract, side): lots for client, contract, side, lots in rows}


def trades_named(connection: psycopg.Connection[Any], numbers: Sequence[str]) -> list[Trade]:
    """The trades that have these numbers."""
    rows = connection.execute(
        "SELECT trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, buyer_order, seller_order "
        "FROM exchange_margin.trade WHERE trade_no = ANY (%s)",
        (list(numbers),),
    ).fetchall()
    return [Trade(*row) for row in rows]


def release(ledger: Ledger, state: OrderState, key: str, amount_minor: int) -> Instruction:
    """Give back some of what an order holds."""
    route, path = holds_on(ledger, state.order.client, state.held_in)
    return Instruction(
        key, route, state.order.client, path, amount_minor, state.day, action=Action.RELEASE, hold=state.hold or 0,
        ref=state.order.contract,
    )  # fmt: skip


def holds_on(ledger: Ledger, client: str, held_in: str) -> tuple[str, tuple[int, int]]:
    """The route and the path on which something is held of a client: CNY for an order, or a metal that is sold."""
    if held_in == "CNY":
        return "order", (ledger.account("client-cash", client), ledger.account("settlement", EXCHANGE))
    return "metal-order", (
        ledger.account("client-metal", client, held_in),
        ledger.account("delivery", EXCHANGE, held_in),
    )


def post_all(ledger: Ledger, asked: Sequence[Instruction]) -> list[Outcome]:
    """Post them. Errors: BadInput where one is refused, which a hold that is still there never is; all of it is undone then, if
    it is part of a transaction.
    """
    outcomes = ledger.post_in_batches(asked)
    refusals = [one.refusal for one in outcomes if one.refusal]
    if refusals:
        # What is linked with the one that was refused says no more than that.
        first = min(refusals, key=lambda refusal: refusal.control is Control.LINKED)
        raise BadInput(first.instruction.route, first.instruction.key, first.reason("en"), first.reason("zh"))
    return outcomes
