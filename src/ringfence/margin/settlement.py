"""Settlement of one contract: what a day's trades and the settlement price make of one client's position.

    realised    side x quantity x (closing price - base), for lots closed today
    marked      side x quantity x (settlement - base), for lots still open
    base        the previous settlement for lots carried into the day, the opening price for lots opened today

Side is +1 for longs and -1 for shorts. Closing takes carried lots first, then the day's own lots in the
order in which they were opened: what CTP does with a plain close (平仓) where the exchange does not tell
closing today's lots (平今) from yesterday's (平昨). The order only divides the profit between realised and
marked; their sum does not depend on it:

    realised + marked = sold value - bought value
                        + settlement x net quantity after - previous settlement x net quantity before

Amounts are exact integers of fen. Three things are rounded: a fill's fee and a payer's deferred fee to the
nearest fen with half a fen up, and a margin requirement up to the next fen, once per side.

Rules: SGE settlement rules, which mark daily in the same way as CTP's 逐日盯市; deferred fee by the SGE
deferred trading rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.margin.contracts import Contract
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.positions import BUY, SELL, Fill, Position, Side
from ringfence.money import Rate, allocate, apply_rate, round_half_up, round_up


class ClosesTooMuch(RingfenceError):
    """A fill closes more than is open: `trade_no`, `client`, `contract`, `asked_lots`, `held_lots`."""

    code = "closes-too-much"
    template: ClassVar[dict[Language, str]] = {
        "en": "trade {trade_no}: {client} closes {asked_lots} lots of {contract} but holds {held_lots}",
        "zh": "成交 {trade_no}:{client} 平 {contract} {asked_lots} 手,该方向仅持 {held_lots} 手",
    }


class UnbalancedPositions(RingfenceError):
    """Longs and shorts of a contract are not equally many: `contract`, `long_lots`, `short_lots`."""

    code = "unbalanced-positions"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract}: {long_lots} long lots stand against {short_lots} short lots; they must be equal",
        "zh": "{contract}:多头 {long_lots} 手,空头 {short_lots} 手,两者必须相等",
    }


@dataclass(frozen=True, slots=True)
class ContractDay:
    """One client's day in one contract: profits in signed fen, a loss negative, and the fee that is owed."""

    realised_minor: int
    marked_minor: int
    fee_minor: int
    turnover_minor: int
    position: Position


@dataclass(frozen=True, slots=True)
class DeferredFee:
    """What each client pays and receives, in fen of 0 or more; the two add up to the same total."""

    payments: Mapping[str, int]
    receipts: Mapping[str, int]


class _OpenLots:
    """The lots of one side during the day, and what the closed ones rose, per quote measure."""

    def __init__(self, side: Side, carried: int, previous_settlement_minor: int) -> None:
        self.side = side
        self.held = carried
        self.carried = carried
        self.opened_today: deque[tuple[int, int]] = deque()
        self.base_minor = previous_settlement_minor
        self.closed_gain = 0

    def open(self, fill: Fill) -> None:
        self.held += fill.lots
        self.opened_today.append((fill.lots, fill.price_minor))

    def close(self, fill: Fill) -> None:
        if fill.lots > self.held:
            raise ClosesTooMuch(
                trade_no=fill.trade_no,
                client=fill.client,
                contract=fill.contract,
                asked_lots=fill.lots,
                held_lots=self.held,
            )
        self.held -= fill.lots
        from_carried = min(self.carried, fill.lots)
        self.carried -= from_carried
        self.closed_gain += from_carried * (fill.price_minor - self.base_minor)
        remaining = fill.lots - from_carried
        while remaining:
            lots, opened_at = self.opened_today.popleft()
            taken = min(lots, remaining)
            self.closed_gain += taken * (fill.price_minor - opened_at)
            remaining -= taken
            if taken < lots:
                self.opened_today.appendleft((lots - taken, opened_at))

    def realised(self) -> int:
        return self.side * self.closed_gain

    def marked(self, settlement_minor: int) -> int:
        gain = self.carried * (settlement_minor - self.base_minor)
        gain += sum(lots * (settlement_minor - opened_at) for lots, opened_at in self.opened_today)
        return self.side * gain


def settle_contract(
    contract: Contract, position: Position, fills: Iterable[Fill], price: SettlementPrice, fee_rate: Rate
) -> ContractDay:
    """Settle one client's `position` of the evening before and its `fills` in the order they were made.

    Errors: ClosesTooMuch when a fill closes more than is open at that moment.
    """
    longs = _OpenLots(BUY, position.long_lots, price.previous_minor)
    shorts = _OpenLots(SELL, position.short_lots, price.previous_minor)
    fee_minor = turnover_minor = 0
    for fill in fills:
        value_minor = contract.value_minor(fill.lots, fill.price_minor)
        turnover_minor += value_minor
        fee_minor += apply_rate(value_minor, fee_rate, round_half_up)
        if fill.offset == "open":
            (longs if fill.side == BUY else shorts).open(fill)
        else:
            (shorts if fill.side == BUY else longs).close(fill)
    return ContractDay(
        realised_minor=contract.lot_quantity * (longs.realised() + shorts.realised()),
        marked_minor=contract.lot_quantity
        * (longs.marked(price.settlement_minor) + shorts.marked(price.settlement_minor)),
        fee_minor=fee_minor,
        turnover_minor=turnover_minor,
        position=Position(longs.held, shorts.held),
    )


def margin_requirement(contract: Contract, position: Position, settlement_minor: int, rate: Rate) -> int:
    """Return the margin of a position in fen: `rate` of each open side's value, each rounded up to the fen.

    Longs and shorts of one client are not netted.
    """
    long_value_minor = contract.value_minor(position.long_lots, settlement_minor)
    short_value_minor = contract.value_minor(position.short_lots, settlement_minor)
    return apply_rate(long_value_minor, rate, round_up) + apply_rate(short_value_minor, rate, round_up)


def deferred_fee(
    contract: Contract,
    positions: Mapping[str, Position],
    price: SettlementPrice,
    natural_days: int,
    rate: Rate,
) -> DeferredFee:
    """Return what the deferred fee moves between the clients' `positions` after the day's trades.

    Every lot of the paying side owes its value at the settlement price x `rate` x `natural_days`. A
    client's payment is rounded once, half a fen up. What is received in all is exactly what is paid in all,
    divided among the receiving lots by the largest remainder, clients in the order of their identifiers.
    Nobody pays when the direction is NONE.

    Errors: BadInput when `natural_days` is less than 1; UnbalancedPositions.
    """
    if natural_days < 1:
        raise BadInput("natural_days", natural_days, "at least one day until the next trading day")
    _require_balanced(contract.code, positions)
    if price.direction is Direction.NONE:
        return DeferredFee({}, {})

    longs = {client: positions[client].long_lots for client in sorted(positions)}
    shorts = {client: positions[client].short_lots for client in sorted(positions)}
    payers, receivers = (longs, shorts) if price.direction is Direction.LONGS_PAY else (shorts, longs)
    payments = {
        client: apply_rate(contract.value_minor(lots, price.settlement_minor) * natural_days, rate, round_half_up)
        for client, lots in payers.items()
        if lots
    }
    receiving = {client: lots for client, lots in receivers.items() if lots}
    shares = allocate(sum(payments.values()), list(receiving.values()))
    return DeferredFee(payments, dict(zip(receiving, shares, strict=True)))


def _require_balanced(contract: str, positions: Mapping[str, Position]) -> None:
    long_lots = sum(position.long_lots for position in positions.values())
    short_lots = sum(position.short_lots for position in positions.values())
    if long_lots != short_lots:
        raise UnbalancedPositions(contract=contract, long_lots=long_lots, short_lots=short_lots)
