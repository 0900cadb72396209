"""Orders (K8): what each check refuses, what is held meanwhile, and that no trade is booked which two orders do not allow."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from circles import BANKS, CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.calendar import SHANGHAI
from ringfence.cli import app
from ringfence.custody import Circle, Withdrawal
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import role
from ringfence.margin import market, rules
from ringfence.margin.day_end import DayEnd
from ringfence.margin.order_state import Order, OrderState, states
from ringfence.margin.orders import Orders, Placed
from ringfence.margin.positions import Position, Trade
from ringfence.margin.rules import Rule, Rules
from ringfence.margin.standing import standing

pytestmark = pytest.mark.ledgers.with_args(make_circle)
MORNING = datetime.datetime.combine(DAY, datetime.time(10, 0), SHANGHAI)
MONDAY = datetime.date(2020, 3, 9)
# Of the evening before, 2020-03-05: Ag(T+D) settled at 4,110, mAu(T+D) at 365.67; margin 7 % and 6 %, limits 6 % and 5 %.
SILVER = Order("s1", "m1-ann", "Ag(T+D)", "buy", "open", 10, 420000)
PRICES = market.load().prices(DAY)


@pytest.fixture
def exchange(store: Store) -> Iterator[tuple[Circle, Orders]]:
    """Ann and Cy have 50,000 CNY at the exchange each."""
    with opened(store) as (circle, _):
        for client in ("m1-ann", "m2-cy"):
            pay_in(circle, client, client, 50_000_00)
        yield circle, Orders(circle, market=market.load())


def one(orders: Orders, order: Order, at: datetime.datetime = MORNING) -> Placed:
    (placed,) = orders.place([order], at)
    return placed


def available(circle: Circle, client: str) -> int:
    return standing(circle.settlement.connection, DAY, [client])[client].available_minor


def state(orders: Orders, order_no: str) -> OrderState:
    (found,) = states(orders.connection, numbers=[order_no])
    return found


def match(orders: Orders, lots: int = 10, price: int = 419000) -> Trade:
    """Ann buys of Cy, both to open."""
    sell = Order("s2", "m2-cy", "Ag(T+D)", "sell", "open", 10, 418000)
    assert [placed.refusal for placed in orders.place([SILVER, sell], MORNING)] == [None, None]
    trade = Trade("t1", "Ag(T+D)", "m1-ann", "open", "m2-cy", "open", lots, price, "s1", "s2")
    orders.fill(DAY, [trade])
    return trade


def test_an_order_holds_margin_and_fee(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    placed = one(orders, SILVER)
    # 42,000.00 x 7 % = 2,940.00 and 0.025 % = 10.50
    assert (placed.refusal, placed.reserved_minor) == (None, 2_950_50)
    assert available(circle, "m1-ann") == 50_000_00 - 2_950_50
    assert state(orders, "s1").held_minor == 2_950_50


def test_a_sale_holds_what_it_can_cost_at_the_upper_limit(exchange: tuple[Circle, Orders]) -> None:
    _, orders = exchange
    placed = one(orders, replace(SILVER, side="sell"))
    highest = 435600  # 4,110 + 6 % is 4,356.60
    assert PRICES["Ag(T+D)"].previous_minor == 411000
    assert placed.reserved_minor == -(-10 * highest * 7 // 100) + (10 * highest * 25 + 50_000) // 100_000


REFUSALS = [
    ({"order_no": ""}, "order_no", "1 to 100"),
    ({"client": "m9-eve"}, "client", "registered"),
    ({"client": "m1"}, "client", "registered"),
    ({"contract": "Ag(T+N)"}, "contract", "Ag(T+D)"),
    ({"contract": "Au99.95"}, "contract", "Au99.99"),
    ({"lots": 0}, "lots", "1 to 2000"),
    ({"lots": 2001}, "lots", "1 to 2000"),
    ({"price_minor": 420050}, "price", "tick"),
    ({"price_minor": 435700}, "price", "3863.00 to 4356.00"),
    ({"price_minor": 386200}, "price", "3863.00 to 4356.00"),
    ({"side": "long"}, "side", "buy, sell"),
    ({"offset": "close"}, "lots", "at most the 0 short lots"),
    ({"lots": 200}, "funds", "at most 50,000.00 CNY"),
    ({"client": "m1-bo"}, "funds", "at most 0.00 CNY"),
]


def test_each_check_refuses_by_name_and_nothing_is_written(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    for change, field, right in REFUSALS:
        placed = one(orders, replace(SILVER, **change))  # type: ignore[arg-type]
        assert placed.refusal is not None, change
        assert placed.refusal.figures["field"] == field, change
        assert right in placed.refusal.text("en"), change
        assert placed.reserved_minor == 0, change
    assert available(circle, "m1-ann") == 50_000_00
    assert orders.states(DAY) == []


def test_nothing_is_ordered_of_a_contract_that_is_suspended(exchange: tuple[Circle, Orders]) -> None:
    circle, _ = exchange
    suspended = Rule("Ag(T+D)", "trading", DAY, "suspended", "assumed", "this test")
    placed = one(Orders(circle, Rules([*rules.load(), suspended]), market.load()), SILVER)
    assert placed.refusal is not None
    assert placed.refusal.figures["field"] == "contract"
    assert "trades on 2020-03-06" in placed.refusal.text("en")


def test_orders_of_one_call_are_judged_one_after_another(exchange: tuple[Circle, Orders]) -> None:
    """Each holds 29,505.00: the second of one client finds less, another client's does not."""
    _, orders = exchange
    big = replace(SILVER, lots=100)
    wished = [
        big,
        replace(big, order_no="s3"),
        replace(big, order_no="s4", client="m2-cy"),
        replace(SILVER, order_no="s5"),
    ]
    placed = orders.place(wished, MORNING)
    assert [p.refusal is None for p in placed] == [True, False, True, True]
    assert "20,495.00 CNY" in str(placed[1].refusal)


def test_orders_of_one_call_do_not_count_on_the_same_money_beside_a_position(exchange: tuple[Circle, Orders]) -> None:
    """Margin of 100 lots is bound but not held in the ledger; each of two orders would fit beside it, both do not."""
    _, orders = exchange
    pair = [replace(SILVER, lots=100), Order("s2", "m2-cy", "Ag(T+D)", "sell", "open", 100, 420000)]
    assert [p.refusal for p in orders.place(pair, MORNING)] == [None, None]
    orders.fill(DAY, [Trade("t1", "Ag(T+D)", "m1-ann", "open", "m2-cy", "open", 100, 420000, "s1", "s2")])
    more = replace(SILVER, order_no="s3", lots=50)
    placed = orders.place([more, replace(more, order_no="s4")], MORNING)
    assert placed[0].refusal is None
    # 50,000.00 - 29,400.00 of margin - 105.00 of fee - 14,752.50 held
    assert "at most 5,742.50 CNY" in str(placed[1].refusal)


def test_the_same_order_again_is_told_what_became_of_it(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    one(orders, SILVER)
    again = one(orders, SILVER)
    assert (again.refusal, again.replayed, again.reserved_minor) == (None, True, 2_950_50)
    other = one(orders, replace(SILVER, lots=11))
    assert other.refusal is not None
    assert other.refusal.figures["field"] == "order_no"
    assert available(circle, "m1-ann") == 50_000_00 - 2_950_50


def test_an_order_belongs_to_the_open_trading_day(exchange: tuple[Circle, Orders]) -> None:
    _, orders = exchange
    thursday_night = datetime.datetime(2020, 3, 5, 21, 0, tzinfo=SHANGHAI)
    assert one(orders, SILVER, thursday_night).refusal is None
    assert (state(orders, "s1").day, state(orders, "s1").session) == (DAY, "night")
    for moment, says in (
        (datetime.datetime(2020, 3, 6, 21, 0, tzinfo=SHANGHAI), "2020-03-06, which is open"),
        (datetime.datetime(2020, 3, 6, 16, 0, tzinfo=SHANGHAI), "a moment of a session"),
    ):
        with pytest.raises(BadInput, match=says):
            orders.place([replace(SILVER, order_no="s9")], moment)


def test_a_cancelled_order_gives_back_and_what_it_gives_back_leaves_tomorrow(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    one(orders, SILVER)
    (cancelled,) = orders.cancel(["s1"])
    assert (cancelled.cancelled, cancelled.rest, cancelled.held_minor) == (10, 0, 0)
    funds = standing(circle.settlement.connection, DAY, ["m1-ann"])["m1-ann"]
    assert (funds.frozen_minor, funds.available_minor) == (0, 50_000_00)
    assert funds.withdrawable_minor == 50_000_00 - 2_950_50
    assert orders.cancel(["s1"]) == [cancelled]
    with pytest.raises(BadInput, match="no-such"):
        orders.cancel(["s1", "no-such"])


def test_a_fill_gives_back_its_part_and_the_trade_needs_margin(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    match(orders, lots=4)
    after = state(orders, "s1")
    assert (after.filled, after.rest) == (4, 6)
    assert after.held_minor == 2_950_50 - 2_950_50 * 4 // 10
    funds = standing(circle.settlement.connection, DAY, ["m1-ann"])["m1-ann"]
    # 4 x 4,190.00 x 7 % = 1,173.20 of margin, 4.19 of fee; the last price is the trade's own, so nothing floats.
    assert (funds.margin_minor, funds.frozen_minor) == (1_173_20, after.held_minor)
    assert funds.available_minor == 50_000_00 - 4_19 - 1_173_20 - after.held_minor
    orders.fill(DAY, [Trade("t2", "Ag(T+D)", "m1-ann", "open", "m2-cy", "open", 6, 419000, "s1", "s2")])
    assert state(orders, "s1").held_minor == 0
    held = circle.settlement.rows("SELECT owner, held_out FROM {}.balances WHERE kind = 'client-cash' AND held_out > 0")
    assert held == []


def test_floating_loss_counts_and_floating_profit_does_not(exchange: tuple[Circle, Orders]) -> None:
    """Two later trades at lower prices: Ann, who is long, has less to use; Cy has no more."""
    circle, orders = exchange
    match(orders)
    before = {name: available(circle, name) for name in ("m1-ann", "m2-cy")}
    pair = [
        Order("s3", "m2-cy", "Ag(T+D)", "buy", "open", 1, 400000),
        Order("s4", "m1-ann", "Ag(T+D)", "sell", "open", 1, 400000),
    ]
    assert [p.refusal for p in orders.place(pair, MORNING)] == [None, None]
    orders.fill(DAY, [Trade("t2", "Ag(T+D)", "m2-cy", "open", "m1-ann", "open", 1, 400000, "s3", "s4")])
    cost = 280_00 + 1_00  # 4,000.00 x 7 % and 0.025 %
    assert available(circle, "m1-ann") == before["m1-ann"] - cost - 10 * 190_00
    assert available(circle, "m2-cy") == before["m2-cy"] - cost


def test_closing_needs_open_lots_that_no_other_order_closes(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    match(orders)
    close = Order("c1", "m1-ann", "Ag(T+D)", "sell", "close", 7, 421000)
    first, second, third = orders.place(
        [close, replace(close, order_no="c2"), replace(close, order_no="c3", lots=3)], MORNING
    )
    assert (first.refusal, third.refusal) == (None, None)
    assert first.reserved_minor == 0
    assert "at most the 3 long lots" in str(second.refusal)
    orders.cancel(["c3"])
    assert one(orders, replace(close, order_no="c4", lots=3)).refusal is None
    # 7 lots are closed with 2,000 a lot: realised at once; the margin that it sets free and its profit do not leave today.
    orders.place([Order("c5", "m2-cy", "Ag(T+D)", "buy", "close", 7, 421000)], MORNING)
    orders.fill(DAY, [Trade("t2", "Ag(T+D)", "m2-cy", "close", "m1-ann", "close", 7, 421000, "c5", "c1")])
    funds = standing(circle.settlement.connection, DAY, ["m1-ann"])["m1-ann"]
    realised, fees = 7 * 20_00, 10_48 + 7_37  # 41,900.00 and 29,470.00 x 0.025 %
    assert funds.available_minor == 50_000_00 + realised - fees - funds.margin_minor
    released = 7 * 419000 * 7 // 100
    assert funds.withdrawable_minor == funds.available_minor - released - realised


NOT_ALLOWED = [
    ({"price_minor": 420100}, "4200.00 or better"),
    ({"price_minor": 417900}, "4180.00 or better"),
    ({"lots": 11}, "at most the 10"),
    ({"buyer": "m1-bo"}, "an order of m1-bo"),
    ({"buyer_offset": "close"}, "to close"),
    ({"contract": "mAu(T+D)"}, r"mAu"),
    ({"buyer_order": "s2", "seller_order": "s1"}, "to buy"),
    ({"buyer_order": "none"}, "an order that was placed"),
]


def test_a_trade_that_its_orders_do_not_allow_is_booked_nowhere(exchange: tuple[Circle, Orders], store: Store) -> None:
    circle, orders = exchange
    orders.place([SILVER, Order("s2", "m2-cy", "Ag(T+D)", "sell", "open", 10, 418000)], MORNING)
    fair = Trade("t1", "Ag(T+D)", "m1-ann", "open", "m2-cy", "open", 10, 419000, "s1", "s2")
    for change, says in NOT_ALLOWED:
        trade = replace(fair, **change)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match=says):
            orders.fill(DAY, [trade])
        # Nor does the database take it, past everything in Python, by the very login that books trades.
        with store.connect(role("exchange", "settlement")) as settlement, pytest.raises(psycopg.IntegrityError):
            settlement.execute(
                "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, "
                "price_minor, buyer_order, seller_order) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    DAY, trade.trade_no, trade.contract, trade.buyer, trade.buyer_offset, trade.seller, trade.seller_offset,
                    trade.lots, trade.price_minor, trade.buyer_order, trade.seller_order,
                ),
            )  # fmt: skip
    assert circle.settlement.rows("SELECT count(*) FROM exchange_margin.trade") == [(0,)]
    assert state(orders, "s1").held_minor == 2_950_50


def test_what_is_cancelled_is_what_was_left_past_python_too(exchange: tuple[Circle, Orders], store: Store) -> None:
    _, orders = exchange
    match(orders, lots=4)
    for lots in (5, 7):
        with store.connect(role("exchange", "settlement")) as settlement, pytest.raises(psycopg.IntegrityError):
            settlement.execute("INSERT INTO exchange_margin.cancelled VALUES ('s1', %s, 0)", (lots,))
    assert state(orders, "s1").rest == 6


def test_a_trade_is_booked_once(exchange: tuple[Circle, Orders]) -> None:
    circle, orders = exchange
    trade = match(orders)
    orders.fill(DAY, [trade, trade])
    assert circle.settlement.rows("SELECT count(*) FROM exchange_margin.trade") == [(1,)]
    with pytest.raises(BadInput, match="no other trade"):
        orders.fill(DAY, [replace(trade, trade_no="t2", lots=1), replace(trade, trade_no="t2", lots=2)])
    with pytest.raises(BadInput, match="no other trade"):
        orders.fill(DAY, [replace(trade, price_minor=419500)])


def test_the_evening_cancels_what_is_left_and_carries_what_was_traded(
    exchange: tuple[Circle, Orders], store: Store
) -> None:
    circle, orders = exchange
    match(orders, lots=4)
    end = DayEnd(circle)
    with opened(store) as (_, transfers):
        end.settle(DAY, transfers)
    assert state(orders, "s1").rest == 0
    assert state(orders, "s1").cancelled == 6
    assert end.positions() == {("m1-ann", "Ag(T+D)"): Position(4, 0), ("m2-cy", "Ag(T+D)"): Position(0, 4)}
    assert circle.settlement.rows("SELECT sum(held_out) FROM {}.balances WHERE kind = 'client-cash'") == [(0,)]
    with pytest.raises(BadInput, match="an open day"):
        one(orders, replace(SILVER, order_no="s9"))


def test_nothing_comes_into_a_settled_day_past_python_either(exchange: tuple[Circle, Orders], store: Store) -> None:
    circle, orders = exchange
    match(orders)
    with opened(store) as (_, transfers):
        DayEnd(circle).settle(DAY, transfers)
    late = {
        "settlement": "INSERT INTO exchange_margin.orders (order_no, day, session, client, contract, side, opens, lots, price_minor, "
        f"reserved_minor) VALUES ('x', '{DAY}', 'day', 'm1-ann', 'Ag(T+D)', 1, false, 1, 1, 0)",
        "officer": "INSERT INTO exchange_margin.rule (contract, rule, effective_from, value, status, source) "
        f"VALUES ('Ag(T+D)', 'fee', '{DAY}', '0.01%', 'notice', 'x')",
    }
    for person, statement in late.items():
        with (
            store.connect(role("exchange", person)) as login,
            pytest.raises(psycopg.errors.CheckViolation, match="closed"),
        ):
            login.execute(statement.encode())


def test_an_order_and_a_withdrawal_never_count_on_the_same_money(store: Store) -> None:
    """Two threads, each with all of Ann's money in view: one of them is refused, whichever comes second."""
    with opened(store) as (circle, _):
        pay_in(circle, "ann", "m1-ann", 3_000_00)
    outcomes: list[bool] = []
    together = threading.Barrier(2)

    def order() -> None:
        with Circle(store, BANKS) as own:
            orders = Orders(own, market=market.load())
            together.wait(10)
            outcomes.append(one(orders, SILVER).refusal is None)

    def withdraw() -> None:
        from ringfence.custody import Transfers, deciding

        with Circle(store, BANKS) as own:
            transfers = Transfers(own)
            together.wait(10)
            with deciding(own.clerk):
                most = standing(own.clerk.connection, DAY, ["m1-ann"])["m1-ann"].withdrawable_minor
                asked = Withdrawal("w1", "m1-ann", 2_000_00, CLIENTS["m1-ann"].account_number)
                outcomes.append(not transfers.withdraw(DAY, [asked], {"m1-ann": most}, second=lambda _: True))

    threads = [threading.Thread(target=work) for work in (order, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [False, True]


def test_orders_by_file(
    exchange: tuple[Circle, Orders], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, orders = exchange
    for opening in ("existing_store", "exchange_store"):
        monkeypatch.setattr(f"ringfence.cli.order.{opening}", lambda folder: _given(store))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["order", *arguments])
        return done.exit_code, done.output + str(done.exception or "")

    placing = tmp_path / "orders.csv"
    placing.write_text(
        "order_no,client,contract,side,offset,lots,price\n"
        "a,m1-ann,Ag(T+D),buy,open,10,4200\nb,m2-cy,Ag(T+D),sell,open,10,4190\nc,m1-bo,Ag(T+D),buy,open,1,4200\n"
    )
    code, said = run("place", str(placing), "--at", "2020-03-06T10:00")
    assert code == 1
    assert "a: placed, 2,950.50 CNY held" in said
    assert "c: refused (K8): funds" in said
    assert "a: placed before" in run("place", str(placing), "--at", "2020-03-06T10:00")[1]
    assert "c:已拒绝" in run("place", str(placing), "--at", "2020-03-06T10:00", "--language", "zh")[1]
    filling = tmp_path / "fills.csv"
    filling.write_text("trade_no,buyer_order,seller_order,lots,price\nt1,a,b,4,4195\n")
    assert run("fill", str(filling), "--day", "2020-03-06") == (0, "1 trades are booked for 2020-03-06\n")
    assert "a: 6 of 10 lots cancelled" in run("cancel", "a")[1]
    assert [(s.order.order_no, s.filled, s.rest) for s in orders.states(DAY)] == [("a", 4, 0), ("b", 4, 6)]
    assert "m1-ann" in run("list", "--day", "2020-03-06", "--client", "m1-ann")[1]
    assert '"rest": 6' in run("list", "--day", "2020-03-06", "--open", "--json")[1]

    for line, says in (
        ("t2,a,z,4,4195", "fills.csv, line 3, seller_order: 'z'"),
        ("t2,a,b,0,4195", "line 3, lots: '0'"),
        ("t2,a,b,4,x", "line 3, price: 'x'"),
    ):
        filling.write_text(f"trade_no,buyer_order,seller_order,lots,price\nt1,a,b,4,4195\n{line}\n")
        assert says in run("fill", str(filling), "--day", "2020-03-06")[1]
    placing.write_text("order_no,client,contract,side,offset,lots,price\nd,m1-ann,Ag(T+D),buys,open,10,4200\n")
    assert "line 2, side: 'buys'" in run("place", str(placing), "--at", "2020-03-06T10:00")[1]
    assert "2020-03-16T10:00" in run("place", str(placing), "--at", "tomorrow")[1]


def test_rules_by_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for opening in ("existing_store", "exchange_store"):
        monkeypatch.setattr(f"ringfence.cli.contract.{opening}", lambda folder: _given(store))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["contract", *arguments])
        return done.output + str(done.exception or "")

    new = tmp_path / "new.csv"
    header = "contract,rule,effective_from,value,status,source\n"
    new.write_text(
        header + "Ag(T+D),margin,2020-03-12,12%,notice,a notice\nAg(T+D),margin,2020-02-03,7%,notice,said again\n"
    )
    assert run("add", str(new)) == "1 rows added\n1 were there already\n"
    assert "12%" in run("list", "Ag(T+D)", "--day", "2020-03-12")
    assert "12%" not in run("list", "Ag(T+D)", "--day", "2020-03-13")
    assert '"source": "a notice"' in run("list", "Ag(T+D)", "--json")
    new.write_text(header + "Ag(T+D),margin,2020-03-12,13%,notice,another\n")
    assert "12%, which stands there" in run("add", str(new))
    with store.connect() as administrator:
        administrator.execute("INSERT INTO exchange_margin.trading_closed VALUES ('2020-03-11', 0)")
        administrator.execute("INSERT INTO exchange_margin.planned VALUES ('2020-03-11')")
    new.write_text(header + "Ag(T+D),margin,2020-03-14,14%,notice,x\nAg(T+D),fee,2020-03-11,0.01%,notice,x\n")
    assert "a day after 2020-03-11, which is settled" in run("add", str(new))
    assert "14%" not in run("list", "Ag(T+D)", "--day", "2020-03-14")
    assert "Ag(T+D)" in run("list", "Pt")


def _given(store: Store) -> AbstractContextManager[Store]:
    return nullcontext(store)
