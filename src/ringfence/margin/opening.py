"""What a day starts from, in columns: the lots of the evening before, the day's fills, and who and what the numbers stand for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg

from ringfence.ledger.arrays import EPOCH, columns_cursor
from ringfence.margin.day import ClosesTooMuch
from ringfence.margin.lots import ClosedMoreThanOpen, Fills, Lots
from ringfence.margin.parts import Part, whose
from ringfence.money.columns import Column, column

_HELD = """
    SELECT array_agg(client), array_agg(contract), array_agg(side), array_agg(opened - date '2000-01-01'), array_agg(trade),
        array_agg(price_minor), array_agg(lots)
    FROM exchange_margin.lot WHERE {}
"""
_FILLED = """
    SELECT array_agg(client), array_agg(contract), array_agg(side), array_agg(opens::integer), array_agg(lots),
        array_agg(price_minor), array_agg(trade), array_agg((kind <> 'delivery')::integer), array_agg(trade_no)
    FROM exchange_margin.fill WHERE day = %(day)s AND kind <> 'spot' AND {}
"""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """Open lots and fills; clients and contracts are numbered as they are listed.

    `trade_no` says by what number the trade of each fill is known, for whoever is told of it.
    """

    clients: Sequence[str]
    contracts: Sequence[str]
    lots: Lots
    fills: Fills
    trade_no: Sequence[str]

    def closes_too_much(self, error: ClosedMoreThanOpen) -> ClosesTooMuch:
        """Say by names what cannot be."""
        return ClosesTooMuch(
            where=f"trade {self.trade_no[error.fill]}",
            client=self.clients[int(self.fills.client[error.fill])],
            contract=self.contracts[int(self.fills.contract[error.fill])],
            asked_lots=error.asked,
            held_lots=error.held,
        )


def read_opening(
    connection: psycopg.Connection[Any],
    day: datetime.date,
    of: Part | Sequence[str] | None = None,
    *,
    contracts: Sequence[str] | None = None,
    filled: bool = True,
    again: bool = False,
) -> Opening:
    """What `day` starts from, of everybody, of some, or of a part: the lots that are open and, unless they are in these already,
    what was `filled`, of spot contracts nothing, which open none. Contracts are those that occur, unless they are given.

    Or, `again`, what a day that is planned started from.
    """
    theirs, said = whose(of)
    said |= {"day": day}
    then = "since < %(day)s AND until >= %(day)s" if again else "until = 'infinity'"
    with columns_cursor(connection) as cursor:
        held = cursor.execute(_HELD.format(f"{then} AND {theirs}").encode(), said).fetchall()[0]
        made = cursor.execute(_FILLED.format(theirs if filled else "false").encode(), said).fetchall()[0]
    nothing = column(())
    held = held if held[0] else ([], [], *[nothing] * 5)
    made = made if made[0] else ([], [], *[nothing] * 6, [])
    clients = of.names if isinstance(of, Part) else sorted({*held[0], *made[0]})
    codes = sorted({*held[1], *made[1]}) if contracts is None else contracts
    of_client = {name: number for number, name in enumerate(clients)}
    of_contract = {code: number for number, code in enumerate(codes)}
    lots = Lots(
        _numbered(held[0], of_client),
        _numbered(held[1], of_contract),
        held[2],
        held[3] + EPOCH,
        *held[4:],
    )
    fills = Fills(_numbered(made[0], of_client), _numbered(made[1], of_contract), *made[2:8])
    oldest = np.lexsort((lots.trade, lots.opened, lots.side, lots.contract, lots.client))
    in_order = np.lexsort((-fills.side, fills.trade))
    trade_no = [made[8][place] for place in in_order.tolist()]
    return Opening(clients, codes, lots.at(oldest), fills.at(in_order), trade_no)


def contracts_of(connection: psycopg.Connection[Any], day: datetime.date, *, again: bool = False) -> list[str]:
    """The contracts of which anybody has open lots, or was filled on `day`: all that its settlement is about, in their order."""
    then = "since < %(day)s AND until >= %(day)s" if again else "until = 'infinity'"
    query = (
        f"SELECT contract FROM exchange_margin.lot WHERE {then} UNION "
        "SELECT contract FROM exchange_margin.trade WHERE day = %(day)s AND paid_by IS NULL ORDER BY contract"
    )
    return [code for (code,) in connection.execute(query.encode(), {"day": day}).fetchall()]


def last_prices(opening: Opening) -> dict[str, int]:
    """The price of each contract's last fill in it, in fen."""
    fills = opening.fills
    return {
        opening.contracts[int(number)]: int(price) for number, price in zip(fills.contract, fills.price, strict=True)
    }


def _numbered(names: Sequence[str], numbers: Mapping[str, int]) -> Column:
    return column([numbers[name] for name in names])
