"""Positions: the open lots of a client in a contract, and the trades that change them.

Longs and shorts are kept gross: a client may hold both in one contract, and only a closing trade reduces
one of them. At a settlement every open lot is marked to the settlement price, so from one day to the next a
position is only two numbers of lots, and the price that carried lots count from is the previous settlement,
whatever they were opened at.

A trade has two sides by construction. Each side is a *fill* of one client: bought or sold, to open or to
close.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ringfence.errors import BadInput

Side = Literal[1, -1]
Offset = Literal["open", "close"]

BUY: Final[Side] = 1
SELL: Final[Side] = -1


@dataclass(frozen=True, slots=True)
class Position:
    """Lots that are open on each side; both are 0 or more."""

    long_lots: int = 0
    short_lots: int = 0

    def __post_init__(self) -> None:
        if self.long_lots < 0 or self.short_lots < 0:
            raise BadInput("lots", (self.long_lots, self.short_lots), "long and short lots of 0 or more")


@dataclass(frozen=True, slots=True)
class Fill:
    """One client's side of a trade: bought or sold, to open or to close, in fen per quote measure."""

    trade_no: str
    client: str
    contract: str
    side: Side
    offset: Offset
    lots: int
    price_minor: int

    def __post_init__(self) -> None:
        if self.side not in (BUY, SELL):
            raise BadInput("side", self.side, "1 to buy or -1 to sell")
        if self.offset not in ("open", "close"):
            raise BadInput("offset", self.offset, '"open" or "close"')
        if self.lots <= 0:
            raise BadInput("lots", self.lots, "at least one lot")
        if self.price_minor <= 0:
            raise BadInput("price_minor", self.price_minor, "a positive price")


@dataclass(frozen=True, slots=True)
class Trade:
    """A matched trade: one number of lots at one price between a buyer and a seller."""

    trade_no: str
    contract: str
    buyer: str
    buyer_offset: Offset
    seller: str
    seller_offset: Offset
    lots: int
    price_minor: int

    def fills(self) -> tuple[Fill, Fill]:
        """Return the buyer's and the seller's side.

        Errors: BadInput when an offset, the lots or the price cannot be.
        """
        return (
            self._fill(self.buyer, BUY, self.buyer_offset),
            self._fill(self.seller, SELL, self.seller_offset),
        )

    def _fill(self, client: str, side: Side, offset: Offset) -> Fill:
        return Fill(self.trade_no, client, self.contract, side, offset, self.lots, self.price_minor)
