"""Settlement: what a day's trades and settlement prices make of every position.

    realised    side x quantity x (closing price - base), for lots closed today
    marked      side x quantity x (settlement - base), for lots still open
    base        the previous settlement for lots carried into the day, the opening price for lots opened today

Side is +1 for longs and -1 for shorts. That is profit marked daily (逐日盯市): it becomes cash every evening. The same
positions by trade (逐笔对冲) count from the opening price throughout: what was closed, by trade, and what floats. Either
divides the same profit, so

    realised + marked = sold value - bought value + settlement x net quantity after - previous settlement x net quantity before

The deferred fee moves between longs and shorts: each lot of the paying side owes its value x rate x natural days. A lot that
grows older than a step of its contract's overdue fee owes that too, on either side.

Four things are rounded, each once: a fill's fee to the nearest fen with half a fen up; what a client pays in deferred or
overdue fee up to the next fen and what it receives down, so that what is left over is never less than nothing, and stands in
an account of its own; a margin requirement up, once per side.

Rules: SGE settlement rules, which mark daily in the same way as CTP's 逐日盯市; deferred fee by the SGE deferred trading
rules. Everything is computed in columns (`ringfence.margin.lots`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ringfence.errors import BadInput
from ringfence.margin.contracts import Contract
from ringfence.margin.lots import BUY, SELL, Closed, Fills, Lots, Rows, first_in_first_out
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.money.columns import Column, apply_rates, column, sums, times

_FOREVER = 2**31
PAYS = {Direction.LONGS_PAY: BUY, Direction.SHORTS_PAY: SELL, Direction.NONE: 0}


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """What a day is settled by: a row per contract, in the order of its numbers; prices in fen, rates in parts per 10^8.

    `pays` is the side that pays the deferred fee: 1 longs, -1 shorts, 0 nobody. `natural_days` runs to the next trading day.
    """

    day: int
    natural_days: int
    contracts: tuple[Contract, ...]
    previous: Column
    settlement: Column
    pays: Column

    @classmethod
    def of(
        cls, day: int, natural_days: int, contracts: Sequence[Contract], prices: Mapping[str, SettlementPrice]
    ) -> Conditions:
        """Gather them; `day` is an ordinal. Errors: BadInput where `natural_days` is less than 1; KeyError without a price."""
        if natural_days < 1:
            raise BadInput("natural_days", natural_days, "at least one day until the next trading day")
        found = [prices[contract.code] for contract in contracts]
        return cls(
            day,
            natural_days,
            tuple(contracts),
            column(price.previous_minor for price in found),
            column(price.settlement_minor for price in found),
            column(PAYS[price.direction] for price in found),
        )

    @property
    def quantity(self) -> Column:
        """Quote measures in a lot."""
        return column(contract.lot_quantity for contract in self.contracts)

    def parts(self, rate: str) -> Column:
        """One of the contracts' rates."""
        return column(getattr(contract, rate).parts for contract in self.contracts)


@dataclass(frozen=True, slots=True, eq=False)
class Holdings(Rows):
    """What a day made of each client's position in each contract, in fen; a row for whoever had lots or fills.

    Profits and `deferred` are signed as the client sees them; fees are 0 or more. `by_trade` is what was closed and `floating`
    what is open, counted from the opening prices. `released` is the margin that closing has set free, at the base.
    """

    client: Column
    contract: Column
    long_lots: Column
    short_lots: Column
    realised: Column
    by_trade: Column
    marked: Column
    floating: Column
    turnover: Column
    fee: Column
    deferred: Column
    overdue: Column
    margin: Column
    released: Column


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A settled day: holdings in the order of clients and contracts, the lots that are open after it, what was closed."""

    holdings: Holdings
    lots: Lots
    closed: Closed


def settle(
    lots: Lots, fills: Fills, on: Conditions, *, margin_at: Literal["settlement", "base"] = "settlement"
) -> Settled:
    """Settle the `lots` of the evening before and the day's `fills`; while the day goes on margin is counted at the base.

    Errors: ClosedMoreThanOpen; BadInput where an amount might not fit 64 bits.
    """
    after, closed = first_in_first_out(lots, fills, on.day)
    width = len(on.contracts)
    keys = [rows.client * width + rows.contract for rows in (lots, fills)]
    holding = np.unique(np.concatenate(keys))
    size = holding.size

    def gathered(rows: Lots | Fills | Closed, values: Column) -> Column:
        return sums(values, np.searchsorted(holding, rows.client * width + rows.contract), size)

    quantity = on.quantity
    base_closed, base_after = _base(closed, on), _base(after, on)
    settlement = on.settlement[after.contract]
    side_closed, side_after = closed.side * quantity[closed.contract], after.side * quantity[after.contract]
    value = times(fills.lots, quantity[fills.contract], fills.price)
    per_lot = column(contract.fee.per_lot_minor for contract in on.contracts)
    fee_parts = column(contract.fee.rate.parts for contract in on.contracts)
    fee = apply_rates(value, fee_parts[fills.contract], "half-up") + times(fills.lots, per_lot[fills.contract])
    long_lots = gathered(after, np.where(after.side == BUY, after.lots, 0))
    short_lots = gathered(after, np.where(after.side == SELL, after.lots, 0))
    contract = holding % width
    zero = np.zeros(size, dtype=np.int64)
    released = apply_rates(
        times(closed.lots, quantity[closed.contract], base_closed), on.parts("margin")[closed.contract], "down"
    )
    valued = times(after.lots, quantity[after.contract], settlement if margin_at == "settlement" else base_after)
    long_value = gathered(after, np.where(after.side == BUY, valued, 0))
    short_value = gathered(after, np.where(after.side == SELL, valued, 0))
    holdings = Holdings(
        client=holding // width,
        contract=contract,
        long_lots=long_lots,
        short_lots=short_lots,
        realised=gathered(closed, times(closed.lots, side_closed, closed.close_price - base_closed)),
        by_trade=gathered(closed, times(closed.lots, side_closed, closed.close_price - closed.price)),
        marked=gathered(after, times(after.lots, side_after, settlement - base_after)),
        floating=gathered(after, times(after.lots, side_after, settlement - after.price)),
        turnover=gathered(fills, value * fills.charged),
        fee=gathered(fills, fee * fills.charged),
        deferred=_deferred(long_lots, short_lots, contract, on),
        overdue=gathered(after, _overdue(after, on)) if any(c.overdue for c in on.contracts) else zero,
        margin=requirement(long_value, short_value, on.parts("margin")[contract]),
        released=gathered(closed, released),
    )
    return Settled(holdings, after, closed)


def requirement(long_value: Column, short_value: Column, rate_parts: Column) -> Column:
    """The margin of positions in fen: the rate of each open side's value, each rounded up to the fen.

    Longs and shorts of one client are not netted.
    """
    margin: Column = apply_rates(long_value, rate_parts, "up") + apply_rates(short_value, rate_parts, "up")
    return margin


def _base(rows: Lots | Closed, on: Conditions) -> Column:
    based: Column = np.where(rows.opened == on.day, rows.price, on.previous[rows.contract])
    return based


def _deferred(long_lots: Column, short_lots: Column, contract: Column, on: Conditions) -> Column:
    pays = on.pays[contract]
    lot = times(on.settlement[contract], on.quantity[contract], on.natural_days)
    rate = on.parts("deferred_fee")[contract]
    paying = np.where(pays == BUY, long_lots, np.where(pays == SELL, short_lots, 0))
    receiving = np.where(pays == BUY, short_lots, np.where(pays == SELL, long_lots, 0))
    moved: Column = apply_rates(times(receiving, lot), rate, "down") - apply_rates(times(paying, lot), rate, "up")
    return moved


def _overdue(lots: Lots, on: Conditions) -> Column:
    """Lots that will be older than a step by the next trading day owe it for each natural day until then."""
    due = np.zeros(lots.size, dtype=np.int64)
    for number, contract in enumerate(on.contracts):
        of_it = np.flatnonzero(lots.contract == number)
        age = on.day - lots.opened[of_it]
        for step, following in zip(contract.overdue, [*contract.overdue[1:], None], strict=True):
            until = following.after_days if following else _FOREVER
            days = np.clip(
                np.minimum(age + on.natural_days, until) - np.maximum(age, step.after_days), 0, on.natural_days
            )
            value = times(lots.lots[of_it], contract.lot_quantity, int(on.settlement[number]), days)
            due[of_it] += apply_rates(value, column([step.rate.parts]), "up")
    return due
