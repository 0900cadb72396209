"""Positions, trades and their sides, by name.

A position is what a client holds in a contract, gross: longs and shorts. A trade has two sides by construction: a buyer and
a seller, either of whom opens or closes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ringfence.errors import BadInput

Offset = Literal["open", "close"]
ClientContract = tuple[str, str]
"""A client's identifier and a contract's code."""


@dataclass(frozen=True, slots=True)
class Position:
    """Lots that are open on each side; both are 0 or more."""

    long_lots: int = 0
    short_lots: int = 0


@dataclass(frozen=True, slots=True)
class Trade:
    """A matched trade: one number of lots at one price, in fen per quote measure, between the orders of a buyer and a seller.

    Errors: BadInput where an offset, the lots or the price cannot be, or buyer and seller are one.
    """

    trade_no: str
    contract: str
    buyer: str
    buyer_offset: Offset
    seller: str
    seller_offset: Offset
    lots: int
    price_minor: int
    buyer_order: str
    seller_order: str

    def __post_init__(self) -> None:
        for field in ("buyer_offset", "seller_offset"):
            if getattr(self, field) not in ("open", "close"):
                raise BadInput(field, getattr(self, field), '"open" or "close"')
        if self.lots <= 0:
            raise BadInput("lots", self.lots, "at least one lot")
        if self.price_minor <= 0:
            raise BadInput("price_minor", self.price_minor, "a positive price")
        if self.buyer == self.seller:
            raise BadInput("seller", self.seller, "somebody else than the buyer")
