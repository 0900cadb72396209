"""How the people of the demonstration trade: two orders for each trade that they wish for, and a fill if both are let in.

Orders go in groups in which nobody closes what it has opened: that must be filled first. Whoever was interrupted goes on with
the last group of which something is booked. What was turned away is remembered and not asked again: when others are filled,
there may be room for it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringfence.calendar import SHANGHAI
from ringfence.errors import Language
from ringfence.margin.order_state import Order, trades_named
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade

_MORNING = datetime.time(10, 0, tzinfo=SHANGHAI)


Reason = tuple[str, str]
"""Why an order was turned away, in English and in Chinese."""


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """An order that the exchange did not let in, and why."""

    order: Order
    reason: Reason

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        why = self.reason[language == "zh"]
        return f"{'order' if language == 'en' else '委托'} (K8): {self.order.client}: {why}"


def trade(
    orders: Orders,
    day: datetime.date,
    trades: Sequence[Trade],
    turned_away: dict[str, Reason],
    remember: Callable[[], None] = lambda: None,
) -> None:
    """Let the wished trades be made, as far as both their orders are let in. Errors: as Orders.

    What is not let in comes into `turned_away` by its number, and `remember` is called before anything is filled.
    """
    groups = list(_groups(trades))
    booked = {one.trade_no for one in trades_named(orders.connection, [t.trade_no for t in trades])}
    first = max((n for n, group in enumerate(groups) if any(t.trade_no in booked for t in group)), default=0)
    for group in groups[first:]:
        wished = [order for one in group for order in both_orders(one) if order.order_no not in turned_away]
        placed = orders.place(wished, datetime.datetime.combine(day, _MORNING))
        out = {p.order.order_no: (p.refusal.text("en"), p.refusal.text("zh")) for p in placed if p.refusal is not None}
        if out:
            turned_away.update(out)
            remember()
        orders.fill(day, [one for one in group if not {one.buyer_order, one.seller_order} & set(turned_away)])
        alone = [
            number
            for one in group
            if len({one.buyer_order, one.seller_order} & set(turned_away)) == 1
            for number in (one.buyer_order, one.seller_order)
            if number not in turned_away
        ]
        if alone:
            orders.cancel(alone)


def refused_orders(trades: Iterable[Trade], turned_away: Mapping[str, Reason]) -> list[RefusedOrder]:
    """The orders that were turned away, of these trades, in their order."""
    return [
        RefusedOrder(order, turned_away[order.order_no])
        for one in trades
        for order in both_orders(one)
        if order.order_no in turned_away
    ]


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
