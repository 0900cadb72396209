"""What a day starts from, in columns: the lots of the evening before, the day's trades, and who and what the numbers stand for."""

from __future__ import annotations

import datetime
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ringfence.margin.day import ClosesTooMuch
from ringfence.margin.lots import BUY, SELL, ClosedMoreThanOpen, Fills, Lots
from ringfence.money.columns import column


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """Open lots and fills; clients and contracts are numbered as they are listed, in the order of their names.

    `trade_no` says by what number of a trade it is known, for whoever is told of it.
    """

    clients: tuple[str, ...]
    contracts: tuple[str, ...]
    lots: Lots
    fills: Fills
    trade_no: dict[int, str]

    def closes_too_much(self, error: ClosedMoreThanOpen) -> ClosesTooMuch:
        """Say by names what cannot be."""
        return ClosesTooMuch(
            where=f"trade {self.trade_no[int(self.fills.trade[error.fill])]}",
            client=self.clients[int(self.fills.client[error.fill])],
            contract=self.contracts[int(self.fills.contract[error.fill])],
            asked_lots=error.asked,
            held_lots=error.held,
        )


def read_opening(
    connection: psycopg.Connection[Any], day: datetime.date, only: list[str] | None = None, *, again: bool = False
) -> Opening:
    """What `day` starts from, of everybody or of some; its fills only while it is not planned, and none of spot contracts, which
    open nothing.

    Or, `again`, what a day that is planned started from.
    """
    held = connection.execute(
        "SELECT client, contract, side, opened, trade, price_minor, lots FROM exchange_margin.lot "
        "WHERE (CASE WHEN %(again)s THEN since < %(day)s AND until >= %(day)s ELSE until = 'infinity' END) AND (%(only)s::text[] IS NULL OR client = ANY (%(only)s)) "
        "ORDER BY client, contract, side, opened, trade",
        {"only": only, "day": day, "again": again},
    ).fetchall()
    traded = connection.execute(
        "SELECT number, trade_no, contract, buyer, buyer_offset = 'open', seller, seller_offset = 'open', lots, price_minor, "
        "buyer_tender IS NULL "
        "FROM exchange_margin.trade WHERE day = %(day)s AND paid_by IS NULL AND (%(again)s OR NOT EXISTS (SELECT FROM exchange_margin.planned WHERE day = %(day)s)) "
        "AND (%(only)s::text[] IS NULL OR ARRAY[buyer, seller] && %(only)s) ORDER BY number",
        {"day": day, "only": only, "again": again},
    ).fetchall()
    fills = [
        (who, contract, side, opens, lots, price, number, charged)
        for number, _, contract, buyer, buyer_opens, seller, seller_opens, lots, price, charged in traded
        for who, side, opens in ((buyer, BUY, buyer_opens), (seller, SELL, seller_opens))
        if only is None or who in only
    ]
    clients = tuple(sorted({row[0] for row in (*held, *fills)}))
    contracts = tuple(sorted({row[1] for row in (*held, *fills)}))

    def numbered(names: Sequence[str], rows: Sequence[tuple[Any, ...]], place: int) -> list[int]:
        return [bisect_left(names, row[place]) for row in rows]

    return Opening(
        clients,
        contracts,
        Lots(
            column(numbered(clients, held, 0)),
            column(numbered(contracts, held, 1)),
            column(row[2] for row in held),
            column(row[3].toordinal() for row in held),
            *(column(row[place] for row in held) for place in (4, 5, 6)),
        ),
        Fills(
            column(numbered(clients, fills, 0)),
            column(numbered(contracts, fills, 1)),
            *(column(int(row[place]) for row in fills) for place in range(2, 8)),
        ),
        {row[0]: row[1] for row in traded},
    )


def last_prices(opening: Opening) -> dict[str, int]:
    """The price of each contract's last fill in it, in fen."""
    fills = opening.fills
    return {
        opening.contracts[int(number)]: int(price) for number, price in zip(fills.contract, fills.price, strict=True)
    }
