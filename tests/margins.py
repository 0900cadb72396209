"""A settled day by names: lots and fills in, figures by client and contract out, for tests that are worked by hand."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from ringfence.margin.contracts import Contract
from ringfence.margin.lots import Fills, Lots
from ringfence.margin.market import SettlementPrice
from ringfence.margin.settlement import Conditions, Settled, settle
from ringfence.money.columns import column


class Lot(NamedTuple):
    """An open lot: `side` 1 long, -1 short; opened `age` days before, at fen per quote measure."""

    client: str
    contract: str
    side: int
    lots: int
    price_minor: int
    age: int = 1


class Fill(NamedTuple):
    """A fill: `side` 1 bought, -1 sold."""

    client: str
    contract: str
    side: int
    offset: str
    lots: int
    price_minor: int
    charged: bool = True


@dataclass(frozen=True)
class Result:
    """What came out: a row of figures for each client and contract, open lots as (client, contract, side, price, lots)."""

    settled: Settled
    on: Conditions
    clients: tuple[str, ...]
    rows: Mapping[tuple[str, str], Mapping[str, int]]

    def __getitem__(self, who: tuple[str, str]) -> Mapping[str, int]:
        return self.rows[who]

    def total(self, name: str) -> int:
        """A figure of everybody."""
        return sum(row[name] for row in self.rows.values())

    @property
    def lots(self) -> list[tuple[str, str, int, int, int]]:
        """What is open."""
        after = self.settled.lots
        columns = (after.client, after.contract, after.side, after.price, after.lots)
        return [
            (self.clients[client], self.on.contracts[contract].code, side, price, lots)
            for client, contract, side, price, lots in zip(*(c.tolist() for c in columns), strict=True)
        ]


def settled(
    day: datetime.date,
    contracts: Mapping[str, Contract],
    prices: Mapping[str, SettlementPrice],
    lots: Iterable[Lot] = (),
    fills: Iterable[Fill] = (),
    natural_days: int = 1,
) -> Result:
    """Settle a day. Lots are numbered from 1 as if by their trades, fills from 1001."""
    held, filled = list(lots), list(fills)
    clients = tuple(sorted({lot.client for lot in held} | {fill.client for fill in filled}))
    codes = tuple(sorted({lot.contract for lot in held} | {fill.contract for fill in filled}))
    on = Conditions.of(day.toordinal(), natural_days, [contracts[code] for code in codes], prices)
    held.sort(key=lambda lot: -lot.age)
    made = settle(
        Lots(
            column(clients.index(lot.client) for lot in held),
            column(codes.index(lot.contract) for lot in held),
            column(lot.side for lot in held),
            column(day.toordinal() - lot.age for lot in held),
            column(range(1, len(held) + 1)),
            column(lot.price_minor for lot in held),
            column(lot.lots for lot in held),
        ),
        Fills(
            column(clients.index(fill.client) for fill in filled),
            column(codes.index(fill.contract) for fill in filled),
            column(fill.side for fill in filled),
            column(int(fill.offset == "open") for fill in filled),
            column(fill.lots for fill in filled),
            column(fill.price_minor for fill in filled),
            column(range(1001, 1001 + len(filled))),
            column(int(fill.charged) for fill in filled),
        ),
        on,
    )
    names = [field.name for field in fields(made.holdings)]
    figures = zip(*(getattr(made.holdings, name).tolist() for name in names), strict=True)
    rows = [dict(zip(names, row, strict=True)) for row in figures]
    return Result(made, on, clients, {(clients[row["client"]], codes[row["contract"]]): row for row in rows})
