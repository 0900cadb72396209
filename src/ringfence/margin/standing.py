"""How clients stand while a day goes on: what they have, what of it their positions bind, what may leave the circle now.

The margin is that of the evening before and of what was opened since; what was closed since frees nothing before the evening.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import psycopg

from ringfence.margin.contracts import contract
from ringfence.margin.funds import Funds, compute_funds
from ringfence.margin.parameters import Parameters
from ringfence.margin.positions import Trade
from ringfence.money import apply_rate, round_up


def trades_of(connection: psycopg.Connection[Any], day: datetime.date) -> list[Trade]:
    """The trades that were booked for `day`, in the order of their numbers."""
    rows = connection.execute(
        "SELECT trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor "
        "FROM exchange_margin.trade WHERE day = %s ORDER BY trade_no",
        (day,),
    ).fetchall()
    return [Trade(*row) for row in rows]


def standing(
    connection: psycopg.Connection[Any], day: datetime.date, parameters: Parameters, client: str | None = None
) -> dict[str, Funds]:
    """The funds of every client during `day`, or of one, through a login that reads all trades. Errors: ParameterUnknown."""
    margins: dict[str, int] = dict(
        connection.execute(
            "SELECT client, margin_minor FROM exchange_margin.requirement "
            "WHERE day = (SELECT max(day) FROM exchange_margin.planned) AND (%(client)s::text IS NULL OR client = %(client)s)",
            {"client": client},
        ).fetchall()
    )
    if not connection.execute("SELECT FROM exchange_margin.planned WHERE day = %s", (day,)).rowcount:
        _add_opened(margins, trades_of(connection, day), day, parameters)
    cash = connection.execute(
        "SELECT owner, balance, held_out FROM exchange.balances WHERE kind = 'client-cash' AND unit = 'CNY' "
        "AND (%(client)s::text IS NULL OR owner = %(client)s)",
        {"client": client},
    ).fetchall()
    return {
        owner: compute_funds(cash_minor=balance, margin_minor=margins.get(owner, 0), frozen_minor=held)
        for owner, balance, held in cash
    }


def _add_opened(margins: dict[str, int], trades: Iterable[Trade], day: datetime.date, parameters: Parameters) -> None:
    for trade in trades:
        rate = parameters.rates(trade.contract, day).margin
        value = contract(trade.contract).value_minor(trade.lots, trade.price_minor)
        for client, offset in ((trade.buyer, trade.buyer_offset), (trade.seller, trade.seller_offset)):
            if offset == "open":
                margins[client] = margins.get(client, 0) + apply_rate(value, rate, round_up)
