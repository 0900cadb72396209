"""The checks of an order, for each client before anything else (K8): one refuses, or the order has what it holds.

They look at an order in this order: its number, registered client, contract that is traded, lots, tick, price limit, position to
close or metal to sell, available funds. There is no override.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.margin.contracts import Contract
from ringfence.margin.kept_plan import evening_prices, planned_day
from ringfence.margin.left import is_client, take_cash, take_metal
from ringfence.margin.market import Market, price_before
from ringfence.margin.metal import available, require_account
from ringfence.margin.order_state import SIDES, Order, closable
from ringfence.margin.rules import Rules
from ringfence.margin.standing import standing
from ringfence.money import apply_rate, render, round_up, unit

_CNY = unit("CNY")
_LONGEST = 100


class Judge:
    """Looks at orders one after another, and remembers what those before have taken."""

    class Need(NamedTuple):
        """What an order holds: so many fen, or milligrams of a metal."""

        amount_minor: int
        held_in: str = "CNY"

    def __init__(
        self, ledger: Ledger, day: datetime.date, clients: Collection[str], rules: Rules, market: Market | None
    ) -> None:
        self._ledger, self._connection = ledger, ledger.connection
        self._rules, self._market, self._day = rules, market, day
        self._previous = evening_prices(self._connection, day)
        self._clients = {name for name in clients if is_client(ledger, name)}
        funds = standing(self._connection, day, sorted(self._clients), rules)
        self._available = {name: found.available_minor for name, found in funds.items()}
        self._closable = closable(self._connection, day, sorted(self._clients))
        self._metal: dict[tuple[str, str], int] | None = None
        self._evening = planned_day(self._connection) or day

    def needs(self, order: Order) -> Need:
        """What an order holds. Errors, in this order: BadInput for its number, client, contract, lots, price; for the position to
        close, the metal, funds; RuleUnknown.
        """
        if not 1 <= len(order.order_no) <= _LONGEST:
            raise BadInput("order_no", order.order_no, f"1 to {_LONGEST} characters")
        if order.client not in self._clients:
            raise BadInput("client", order.client, "a client that is registered", "已登记的客户")
        traded = self._rules.contract(order.contract, self._day)
        if not traded.trades:
            raise BadInput(
                "contract", order.contract, f"a contract that trades on {self._day}", f"{self._day} 可交易的合约"
            )
        self._look_at(order, traded)
        if traded.kind == "spot":
            return self._spot(order, traded)
        return self.Need(self._close(order) if order.offset == "close" else self._open(order, traded))

    def _look_at(self, order: Order, traded: Contract) -> None:
        most = traded.largest_order_lots
        if order.lots < 1 or (most is not None and order.lots > most):
            right = f"1 to {most} lots" if most else "at least one lot"
            raise BadInput("lots", order.lots, right, f"1 至 {most} 手" if most else "至少一手")
        for field, given, known in (("side", order.side, SIDES), ("offset", order.offset, ("open", "close"))):
            if given not in known:
                raise BadInput(field, given, f"one of {', '.join(known)}")
        price = render(order.price_minor, _CNY)
        if order.price_minor <= 0 or order.price_minor % traded.tick_minor:
            tick = f"{render(traded.tick_minor, _CNY)} CNY/{traded.measure}"
            raise BadInput(
                "price",
                price,
                f"a positive multiple of {traded.code}'s tick, {tick}",
                f"{traded.code} 最小变动价位 {tick} 的倍数",
            )
        lowest, highest = self._limits(traded)
        if order.price_minor < lowest or (highest is not None and order.price_minor > highest):
            span = f"{render(lowest, _CNY)} to {render(highest or 0, _CNY)}"
            raise BadInput("price", price, f"within the day's limits, {span}", f"涨跌停板 {span} 以内")

    def _limits(self, traded: Contract) -> tuple[int, int | None]:
        return traded.price_limits(price_before(self._day, traded.code, self._previous, self._market))

    def _close(self, order: Order) -> int:
        held = (order.client, order.contract, -SIDES[order.side])
        left = self._closable.get(held, 0)
        if order.lots > left:
            what = "long" if order.side == "sell" else "short"
            raise BadInput(
                "lots",
                order.lots,
                f"at most the {left} {what} lots that no other order closes",
                f"至多 {left} 手:持仓减其他平仓委托",
            )
        self._closable[held] = left - order.lots
        return 0

    def _open(self, order: Order, traded: Contract) -> int:
        _, highest = self._limits(traded)
        # A sale may be filled at any price up to the limit.
        price = order.price_minor if order.side == "buy" else highest or order.price_minor
        value = traded.value_minor(order.lots, price)
        rate = self._rules.contract(traded.code, self._evening).margin
        return take_cash(
            self._available,
            order.client,
            apply_rate(value, rate, round_up) + traded.fee.of(value, order.lots),
            "margin and fee",
            "保证金与手续费",
        )

    def _spot(self, order: Order, traded: Contract) -> Need:
        """A purchase holds its price and fee, a sale its metal: the fee comes out of the proceeds."""
        if order.offset != ("open" if order.side == "buy" else "close"):
            right = f"open for a purchase of {traded.code}, which is a spot contract, close for a sale"
            raise BadInput("offset", order.offset, right, f"现货合约 {traded.code} 买入为 open,卖出为 close")
        metal = traded.metal or ""
        require_account(self._ledger, order.client, metal)
        if order.side == "buy":
            lot = traded.value_minor(1, order.price_minor)
            # By the lot, so that what each fill gives back pays for it.
            needed = order.lots * (lot + traded.fee.of_lot_at_most(lot))
            return self.Need(take_cash(self._available, order.client, needed, "price and fee", "货款与手续费"))
        if self._metal is None:
            self._metal = available(self._connection, sorted(self._clients))
        weight = traded.metal_minor(order.lots)
        take_metal(self._metal, order.client, metal, weight)
        return self.Need(weight, metal)
