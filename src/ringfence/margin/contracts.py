"""Contracts: what one lot is, how its price is quoted, and what a number of lots is worth.

A price is an integer of fen per quote measure (fen per gram for gold, fen per kilogram for silver), a lot
is a whole number of quote measures, so the value of any number of lots at any price is an exact integer of
fen. Nothing is rounded here.

Figures: SGE contract specifications; the member rules of Shanghai Pudong Development Bank repeat those of
gold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ringfence.errors import BadInput
from ringfence.money import parse, render, unit

_MILLIGRAMS = {"g": 1_000, "kg": 1_000_000}
_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Contract:
    """A deferred contract: `lot_quantity` quote measures per lot, prices in steps of `tick_minor` fen.

    `metal` is the unit that is delivered against it.
    """

    code: str
    metal: str
    quote_measure: Literal["g", "kg"]
    lot_quantity: int
    tick_minor: int

    def value_minor(self, lots: int, price_minor: int) -> int:
        """Return the value in fen of `lots` at `price_minor` fen per quote measure."""
        return lots * self.lot_quantity * price_minor

    def metal_minor(self, lots: int) -> int:
        """Return the milligrams of metal in `lots`."""
        return lots * self.lot_quantity * _MILLIGRAMS[self.quote_measure]

    def parse_price(self, text: str) -> int:
        """Read a price such as "341.43" (CNY per quote measure) as fen.

        Errors: BadInput when the text is not a plain decimal of CNY, or the price is not a positive
        multiple of the tick.
        """
        price_minor = parse(text, _CNY)
        if price_minor <= 0 or price_minor % self.tick_minor:
            tick = f"{render(self.tick_minor, _CNY)} CNY/{self.quote_measure}"
            raise BadInput("price", text, f"a positive multiple of {self.code}'s tick, {tick}")
        return price_minor


_KNOWN = (
    Contract("Au(T+D)", metal="AU9995", quote_measure="g", lot_quantity=1_000, tick_minor=1),
    Contract("mAu(T+D)", metal="AU9999", quote_measure="g", lot_quantity=100, tick_minor=1),
    Contract("Ag(T+D)", metal="AG9999", quote_measure="kg", lot_quantity=1, tick_minor=100),
)

CONTRACTS: Mapping[str, Contract] = MappingProxyType({known.code: known for known in _KNOWN})


def contract(code: str) -> Contract:
    """Return the contract named `code`.

    Errors: BadInput when no such contract is known; its text lists the known codes.
    """
    try:
        return CONTRACTS[code]
    except KeyError:
        raise BadInput("contract", code, f"one of {', '.join(CONTRACTS)}") from None
