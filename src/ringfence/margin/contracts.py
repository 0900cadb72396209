"""Contracts: what one lot is, how its price is quoted, and what holding it costs, all as on one day.

A contract is what the dated rules say of it on a day (`Rules.contract`), so a new contract is rows of a table. A price is
an integer of fen per quote measure (fen per gram for gold, fen per kilogram for silver), a lot is a whole number of quote
measures, so the value of any number of lots at any price is an exact integer of fen. Nothing is rounded here.

    deferred    margin is held for it, it is marked every evening, and delivery can be put off for a fee
    spot        paid in full when it is bought, delivered when it is sold
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ringfence.errors import BadInput
from ringfence.money import Rate, apply_rate, parse, render, round_half_up, round_up, unit

Kind = Literal["deferred", "spot"]
LimitBase = Literal["settlement", "close"]
_MILLIGRAMS = {"g": 1_000, "kg": 1_000_000}
_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Fee:
    """What a fill costs: a rate of its value, and fen for each lot."""

    rate: Rate
    per_lot_minor: int = 0

    def of(self, value_minor: int, lots: int) -> int:
        """The fee of one fill in fen, to the nearest fen and a half up."""
        return apply_rate(value_minor, self.rate, round_half_up) + lots * self.per_lot_minor

    def of_lot_at_most(self, value_minor: int) -> int:
        """What one lot of a fill can cost at most in fen, however many fills there are of so many lots."""
        return apply_rate(value_minor, self.rate, round_up) + self.per_lot_minor

    def __str__(self) -> str:
        return f"{render(self.per_lot_minor, _CNY)}/lot" if self.per_lot_minor else str(self.rate)


@dataclass(frozen=True, slots=True)
class OverdueStep:
    """Lots that are older than `after_days` natural days pay `rate` of their value for each natural day."""

    after_days: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as it is on one day: `lot_quantity` quote measures per lot, prices in steps of `tick_minor` fen.

    `metal` is the unit that is delivered against it, in milligrams; `delivery_minor` the least that is. A `neutral` tender to
    receive freezes that of its value; of what a spot sale brings `reuse` can be used on the same day. A forced reduction goes by
    the `bands` of what is gained. What no rule is known for,
    and does not need one, is None: nothing limits it. It `trades` unless it is suspended.
    """

    code: str
    kind: Kind
    metal: str | None
    measure: str
    lot_quantity: int
    tick_minor: int
    largest_order_lots: int | None
    limit_base: LimitBase
    limit: Rate | None
    margin: Rate
    fee: Fee
    deferred_fee: Rate
    overdue: tuple[OverdueStep, ...]
    delivery_minor: int | None
    penalty: Rate | None
    neutral: Rate | None
    reuse: Rate
    bands: tuple[Rate, ...]
    trades: bool

    def value_minor(self, lots: int, price_minor: int) -> int:
        """Return the value in fen of `lots` at `price_minor` fen per quote measure."""
        return lots * self.lot_quantity * price_minor

    def margin_minor(self, lots: int, price_minor: int) -> int:
        """Return the margin of `lots` on one side at `price_minor`, up to the next fen."""
        return apply_rate(self.value_minor(lots, price_minor), self.margin, round_up)

    def metal_minor(self, lots: int) -> int:
        """Return the milligrams of metal in `lots`. Errors: BadInput for a contract whose lots are not weighed."""
        if self.measure not in _MILLIGRAMS:
            raise BadInput("contract", self.code, "a contract on metal")
        return lots * self.lot_quantity * _MILLIGRAMS[self.measure]

    def price_limits(self, base_minor: int) -> tuple[int, int | None]:
        """The lowest and the highest price of a day that began with `base_minor`, each cut to the tick.

        Source: prices of the year's limit days lie on them (2020-03-13 to 17, 2020-08-12).
        """
        if self.limit is None:
            return self.tick_minor, None
        lowest = base_minor * (Rate.WHOLE - self.limit.parts) // (Rate.WHOLE * self.tick_minor) * self.tick_minor
        highest = base_minor * (Rate.WHOLE + self.limit.parts) // (Rate.WHOLE * self.tick_minor) * self.tick_minor
        return max(lowest, self.tick_minor), highest

    def parse_price(self, text: str) -> int:
        """Read a price such as "341.43" (CNY per quote measure) as fen; zeros at the end may be more than the tick has.

        Errors: BadInput when the text is not a plain decimal of CNY, or the price is not a positive multiple of the tick.
        """
        price_minor = exact_minor(text)
        if price_minor is None or price_minor <= 0 or price_minor % self.tick_minor:
            tick = f"{render(self.tick_minor, _CNY)} CNY/{self.measure}"
            raise BadInput("price", text, f"a positive multiple of {self.code}'s tick, {tick}")
        return price_minor


def exact_minor(text: str) -> int | None:
    """Plain decimal text of CNY as fen, whatever zeros are at its end; None where it is none, or finer than a fen."""
    try:
        return parse(text.rstrip("0").rstrip(".") if "." in text else text, _CNY)
    except BadInput:
        return None
