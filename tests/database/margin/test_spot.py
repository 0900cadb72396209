"""Spot contracts: a purchase holds its price and fee, a sale its metal; a fill exchanges one for the other, all of it or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from circles import BANKS, DAY, make_circle, opened, pay_in
from ringfence.calendar import SHANGHAI
from ringfence.custody import Circle, EquationReader, open_metal, verify_circle
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Caps
from ringfence.margin import market
from ringfence.margin.day_end import DayEnd
from ringfence.margin.funds import Funds
from ringfence.margin.metal import Consignment, Metal, holdings
from ringfence.margin.order_state import Order, states
from ringfence.margin.orders import Orders, Placed
from ringfence.margin.positions import Trade
from ringfence.margin.standing import standing
from ringfence.margin.statement import statement

pytestmark = pytest.mark.ledgers.with_args(make_circle)
MORNING = datetime.datetime.combine(DAY, datetime.time(10, 0), SHANGHAI)
GRAM = 1_000
# Ann buys 10 lots of 10 g at up to 370.03; Cy sells them. Au99.99 closed at 366.49 the evening before; the fee is 0.04 %.
BUY = Order("b1", "m1-ann", "Au99.99", "buy", "open", 10, 370_03)
SELL = Order("s1", "m2-cy", "Au99.99", "sell", "close", 10, 369_00)


@pytest.fixture
def exchange(store: Store) -> Iterator[tuple[Circle, Orders]]:
    """Ann has 50,000 CNY at the exchange, Cy 100 CNY and 150 g of gold 99.99."""
    open_metal(store, [("m1-ann", "AU9999"), ("m2-cy", "AU9999")])
    with opened(store) as (circle, _):
        pay_in(circle, "ann", "m1-ann", 50_000_00)
        pay_in(circle, "cy", "m2-cy", 100_00)
        Metal(circle).bring_in([Consignment("R-1", "m2-cy", "AU9999", 150 * GRAM)])
        yield circle, Orders(circle, market=market.load())


def one(orders: Orders, order: Order) -> Placed:
    (placed,) = orders.place([order], MORNING)
    return placed


def has(circle: Circle, client: str) -> tuple[int, int]:
    (held,) = holdings(circle.clerk.connection, [client])
    return held.balance_minor, held.held_minor


def funds(circle: Circle, client: str) -> Funds:
    return standing(circle.settlement.connection, DAY, [client])[client]


def trade(orders: Orders, lots: int = 10, number: str = "t1") -> Trade:
    made = Trade(number, "Au99.99", "m1-ann", "open", "m2-cy", "close", lots, 369_50, "b1", "s1")
    orders.fill(DAY, [made])
    return made


def test_a_purchase_holds_price_and_fee_and_a_sale_its_metal(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    # A lot is 3,700.30, its fee 1.48012, which is at most 1.49.
    assert one(orders, BUY).reserved_minor == 10 * (3_700_30 + 1_49)
    sold = one(orders, SELL)
    assert (sold.reserved_minor, sold.held_in) == (100 * GRAM, "AU9999")
    assert has(circle, "m2-cy") == (150 * GRAM, 100 * GRAM)
    assert funds(circle, "m2-cy").available_minor == 100_00
    assert funds(circle, "m1-ann").available_minor == 50_000_00 - 37_017_90
    assert [(state.held_minor, state.held_in) for state in states(orders.connection, DAY)] == [
        (37_017_90, "CNY"),
        (100 * GRAM, "AU9999"),
    ]


def test_a_fill_exchanges_metal_for_money_in_linked_postings_and_what_is_paid_today_leaves_tomorrow(
    store: Store, exchange: tuple[Circle, Orders]
) -> None:
    circle, orders = exchange
    for order in (BUY, SELL):
        assert one(orders, order).refusal is None
    made = trade(orders)
    orders.fill(DAY, [made])
    # 100 g at 369.50 are 36,950.00; 0.04 % of it is 14.78, from either side.
    assert has(circle, "m1-ann") == (100 * GRAM, 0)
    assert has(circle, "m2-cy") == (50 * GRAM, 0)
    cash = circle.settlement.balances("client-cash")
    assert (cash["m1-ann"], cash["m2-cy"]) == (50_000_00 - 36_950_00 - 14_78, 100_00 + 36_950_00 - 14_78)
    assert circle.settlement.balances("fees-due") == {"exchange": 2 * 14_78}
    assert [
        *circle.settlement.balances("delivery").values(),
        *circle.settlement.balances("delivery", "AU9999").values(),
    ] == [0, 0]
    # Of 36,950.00 nine tenths can be used today, and nothing leaves.
    cy = funds(circle, "m2-cy")
    assert cy.available_minor == cash["m2-cy"] - 3_695_00
    assert cy.withdrawable_minor == 100_00 - 14_78
    (ann,) = holdings(circle.clerk.connection, ["m1-ann"])
    assert (ann.available_minor, ann.withdrawable_minor) == (100 * GRAM, 0)
    with pytest.raises(BadInput, match=r"at most 0\.000 g"):
        Metal(circle).apply([Consignment("A-1", "m1-ann", "AU9999", GRAM)])
    linked = circle.settlement.rows(
        "SELECT route, count(DISTINCT batch), count(*) FROM {}.journal WHERE key LIKE 'trade:t1:%%' GROUP BY route ORDER BY route"
    )
    assert linked == [
        ("fee", 1, 4), ("metal-given", 1, 2), ("metal-received", 1, 2), ("payment", 1, 2), ("proceeds", 1, 2)
    ]  # fmt: skip
    # The evening has nothing to do with it, and the day after all of it may leave.
    with opened(store) as (again, transfers):
        DayEnd(again).settle(DAY, transfers)
        again.open_day(datetime.date(2020, 3, 9))
        monday = standing(again.settlement.connection, datetime.date(2020, 3, 9), ["m2-cy"])["m2-cy"]
        assert monday.withdrawable_minor == monday.available_minor == cash["m2-cy"]
        (ann,) = holdings(again.clerk.connection, ["m1-ann"])
        assert ann.withdrawable_minor == 100 * GRAM
        with EquationReader(store, BANKS) as reader:
            assert reader.read().holds
        said = statement(again.settlement.connection, "m2-cy", DAY)
    assert said is not None
    assert (said.paid_in_minor, said.sold_minor, said.fee_minor, said.other_minor) == (100_00, 36_950_00, -14_78, 0)
    assert said.closing_minor == cash["m2-cy"]
    assert verify_circle(store, BANKS).ok


def test_many_small_fills_are_paid_from_what_the_order_holds(exchange: tuple[Circle, Orders]) -> None:
    """Ann has not a fen beside the order: each of its fills has a fee that is rounded by itself."""
    circle, orders = exchange
    held = one(orders, replace(BUY, price_minor=369_50)).reserved_minor
    one(orders, SELL)
    one(orders, Order("s2", "m1-ann", "Ag(T+D)", "buy", "open", 1, 4100_00))
    spare = funds(circle, "m1-ann").available_minor
    assert held == 10 * (3_695_00 + 1_48)
    for number in range(5):
        trade(orders, 2, f"t{number}")
    # Each fill of 7,390.00 costs 2.956, which is 2.96; ten lots held 14.80.
    assert funds(circle, "m1-ann").available_minor - spare == 10 * 1_48 - 5 * 2_96
    assert states(orders.connection, DAY)[0].held_minor == 0


def test_what_is_cancelled_in_the_evening_gives_metal_and_money_back(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    for order in (BUY, SELL):
        one(orders, order)
    trade(orders, 4)
    assert has(circle, "m2-cy") == (110 * GRAM, 60 * GRAM)
    DayEnd(circle).close_trading(DAY)
    assert has(circle, "m2-cy") == (110 * GRAM, 0)
    assert [(state.filled, state.cancelled, state.held_minor) for state in states(orders.connection, DAY)] == [
        (4, 6, 0)
    ] * 2


def test_each_refusal_names_what_would_be_right(exchange: tuple[Circle, Orders]) -> None:
    _, orders = exchange
    for order, field, right in (
        (replace(BUY, offset="close"), "offset", "open for a purchase of Au99.99"),
        (replace(SELL, offset="open"), "offset", "close for a sale"),
        (replace(BUY, client="m1-bo"), "client", "ringfence metal open m1-bo AU9999"),
        (replace(BUY, lots=14), "funds", "at most 50,000.00 CNY"),
        (replace(SELL, lots=16), "metal", "at most 150.000 g of AU9999"),
        (replace(SELL, client="m1-ann"), "metal", "at most 0.000 g"),
        # 366.49 and 30 %
        (replace(BUY, price_minor=476_44), "price", "256.54 to 476.43"),
    ):  # fmt: skip
        placed = one(orders, order)
        assert placed.refusal is not None, order
        assert placed.refusal.figures["field"] == field, order
        assert right in placed.refusal.text("en"), order
    assert orders.states(DAY) == []
    # Two sales of one call do not count on the same metal.
    first, second = orders.place([SELL, replace(SELL, order_no="s2", lots=6)], MORNING)
    assert (first.refusal, str(second.refusal).count("50.000 g")) == (None, 1)


def test_a_fill_that_cannot_be_paid_for_in_full_is_no_fill(exchange: tuple[Circle, Orders]) -> None:
    """The officer has ended what the settlement may charge: metal and money stay where they are, and so do the holds."""
    circle, orders = exchange
    for order in (BUY, SELL):
        one(orders, order)
    circle.limit("fee", Caps(per_day_minor=14_78))
    with pytest.raises(BadInput, match=r"fee.*trade:t1:fee:sell"):
        trade(orders)
    assert has(circle, "m2-cy") == (150 * GRAM, 100 * GRAM)
    assert circle.settlement.balances("client-cash")["m1-ann"] == 50_000_00
    assert [state.filled for state in states(orders.connection, DAY)] == [0, 0]


def test_the_database_books_no_spot_trade_that_is_not_paid(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    for order in (BUY, SELL):
        one(orders, order)
    row = (DAY, "t9", "Au99.99", "m1-ann", "open", "m2-cy", "close", 1, 369_50, "b1", "s1")
    for paid in (None, 1):
        with pytest.raises(psycopg.errors.CheckViolation, match="booked with its payment"):
            circle.settlement.connection.execute(
                "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, "
                "price_minor, buyer_order, seller_order, paid_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (*row, paid),
            )
