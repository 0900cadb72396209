"""Trades of a day's wishes: what was turned away stays so, whatever has changed when an interrupted day goes on."""

from __future__ import annotations

import pytest

from circles import DAY, make_circle, opened, pay_in
from ringfence.database import Store
from ringfence.demo.trading import Reason, refused_orders, trade
from ringfence.margin import market
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade

pytestmark = pytest.mark.ledgers.with_args(make_circle)
TRADES = [
    Trade("t1", "Ag(T+D)", "m1-ann", "open", "m2-cy", "open", 10, 411000, "t1-b", "t1-s"),
    Trade("t2", "Ag(T+D)", "m1-bo", "open", "m2-cy", "open", 1, 411000, "t2-b", "t2-s"),
]


class Interrupted(Exception):
    """Somebody pulled the plug."""


def test_what_was_turned_away_is_remembered_before_anything_is_filled_and_not_asked_again(store: Store) -> None:
    with opened(store) as (circle, _):
        for client in ("m1-ann", "m2-cy"):
            pay_in(circle, client, client, 50_000_00)
        orders = Orders(circle, market=market.load())
        kept: dict[str, Reason] = {}
        turned_away: dict[str, Reason] = {}

        def interrupted() -> None:
            kept.update(turned_away)
            raise Interrupted

        with pytest.raises(Interrupted):
            trade(orders, DAY, TRADES, turned_away, interrupted)
        assert circle.settlement.rows("SELECT count(*) FROM exchange_margin.trade") == [(0,)]
        # Bo, who had nothing, has something now; its order is not asked again all the same.
        pay_in(circle, "bo", "m1-bo", 50_000_00)
        for _ in range(2):
            trade(orders, DAY, TRADES, kept, lambda: None)
            assert [one.order.order_no for one in refused_orders(TRADES, kept)] == ["t2-b"]
            assert circle.settlement.rows("SELECT trade_no FROM exchange_margin.trade") == [("t1",)]
        (said,) = refused_orders(TRADES, kept)
        assert "m1-bo" in said.text("en")
        assert "at most 0.00 CNY" in said.text("en")
        assert "可用资金 0.00" in said.text("zh")
        # The other side's order found nobody, and holds nothing any more.
        assert [state.order.order_no for state in orders.states(DAY) if state.cancelled] == ["t2-s"]
        assert circle.settlement.rows("SELECT sum(held_out) FROM {}.balances") == [(0,)]
