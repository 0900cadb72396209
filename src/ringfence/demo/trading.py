"""How the people of the demonstration trade: two orders for each trade that they wish for, and a fill if both are let in.

Orders go in groups in which nobody closes what it has opened: that must be filled first. Whoever was interrupted goes on with
the last group of which something is booked.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringfence.calendar import SHANGHAI
from ringfence.errors import Language, RingfenceError
from ringfence.margin.order_state import Order, trades_named
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade

_MORNING = datetime.time(10, 0, tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """An order that the exchange did not let in, and why."""

    order: Order
    error: RingfenceError

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        return f"{'order' if language == 'en' else '委托'} (K8): {self.order.client}: {self.error.text(language)}"


def trade(orders: Orders, day: datetime.date, trades: Sequence[Trade]) -> list[RefusedOrder]:
    """Let the wished trades be made, as far as both their orders are let in. Errors: as Orders."""
    groups = list(_groups(trades))
    booked = {one.trade_no for one in trades_named(orders.connection, [t.trade_no for t in trades])}
    first = max((n for n, group in enumerate(groups) if any(t.trade_no in booked for t in group)), default=0)
    refused: list[RefusedOrder] = []
    for group in groups[first:]:
        wished = [order for one in group for order in both_orders(one)]
        placed = orders.place(wished, datetime.datetime.combine(day, _MORNING))
        out = {p.order.order_no: p.refusal for p in placed if p.refusal is not None}
        refused += [RefusedOrder(p.order, p.refusal) for p in placed if p.refusal is not None]
        orders.fill(day, [one for one in group if not {one.buyer_order, one.seller_order} & set(out)])
        alone = [
            number
            for one in group
            if len({one.buyer_order, one.seller_order} & set(out)) == 1
            for number in (one.buyer_order, one.seller_order)
            if number not in out
        ]
        if alone:
            orders.cancel(alone)
    return refused


def both_orders(one: Trade) -> tuple[Order, Order]:
    """The orders from which a trade comes."""
    return (
        Order(one.buyer_order, one.buyer, one.contract, "buy", one.buyer_offset, one.lots, one.price_minor),
        Order(one.seller_order, one.seller, one.contract, "sell", one.seller_offset, one.lots, one.price_minor),
    )


def _groups(trades: Sequence[Trade]) -> Iterator[list[Trade]]:
    group: list[Trade] = []
    opened: set[tuple[str, str]] = set()
    for one in trades:
        sides = ((one.buyer, one.buyer_offset), (one.seller, one.seller_offset))
        if any(offset == "close" and (client, one.contract) in opened for client, offset in sides):
            yield group
            group, opened = [], set()
        group.append(one)
        opened |= {(client, one.contract) for client, offset in sides if offset == "open"}
    if group:
        yield group
