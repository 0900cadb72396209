"""Risk from the books: the evening's calls and what becomes of them, stress with the banks behind it, what has to be closed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from circles import CLIENTS, DAY, make_circle, opened, pay_in
from ringfence import calendar
from ringfence.calendar import SHANGHAI
from ringfence.cli import app
from ringfence.custody import Circle, Deposit, Transfers
from ringfence.database import Store
from ringfence.margin import market, one_sided, rules
from ringfence.margin.day_end import DayEnd
from ringfence.margin.exposure import calls, read_book
from ringfence.margin.flags import dealt, flags, moved
from ringfence.margin.order_state import Order
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade
from ringfence.margin.risk import standing_at

pytestmark = pytest.mark.ledgers.with_args(make_circle)
MORNING = datetime.datetime.combine(DAY, datetime.time(10, 0), SHANGHAI)
MONDAY = datetime.date(2020, 3, 9)
SILVER = "Ag(T+D)"
SETTLED = 415100
RULES = rules.load()


def at(hour: int, minute: int, day: datetime.date = DAY) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(hour, minute), SHANGHAI)


@pytest.fixture
def evening(store: Store) -> Iterator[tuple[Circle, Transfers]]:
    """Ann has sold Cy 30 lots at 3,900 with 10,000 each; at the evening's 4,151 Ann has lost 7,530 of them. m1's guarantee is 5,000."""
    with opened(store) as (circle, transfers):
        for client in ("m1-ann", "m2-cy"):
            pay_in(circle, client, client, 10_000_00)
        circle.counter["bank_a"].put_up_guarantee(DAY, "m1", 5_000_00)
        orders = Orders(circle, market=market.load())
        wished = [
            Order("s", "m1-ann", SILVER, "sell", "open", 30, 390000),
            Order("b", "m2-cy", SILVER, "buy", "open", 30, 390000),
        ]
        assert [placed.refusal for placed in orders.place(wished, MORNING)] == [None, None]
        orders.fill(DAY, [Trade("t", SILVER, "m2-cy", "open", "m1-ann", "open", 30, 390000, "b", "s")])
        DayEnd(circle).settle(DAY, transfers)
        yield circle, transfers


def test_a_call_is_due_when_trading_opens_and_met_when_it_is_paid(evening: tuple[Circle, Transfers]) -> None:
    circle, _ = evening
    reads = circle.settlement.connection
    cash, margin = circle.settlement.balances("client-cash")["m1-ann"], 30 * SETTLED * 7 // 100
    [call] = calls(reads, RULES, calendar.load(), at(18, 0))
    assert (call.client, call.member, call.called_minor, call.left_minor) == (
        "m1-ann",
        "m1",
        margin - cash,
        margin - cash,
    )
    # Friday has a night session: it opens Monday's trading.
    assert (call.due, call.forced_from, call.state) == (at(19, 50), at(20, 50), "open")
    assert [calls(reads, RULES, calendar.load(), at(*time))[0].state for time in ((19, 49), (19, 50), (20, 49), (20, 50))] == [
        "open", "due", "due", "forced"
    ]  # fmt: skip
    circle.open_day(MONDAY)
    paid = call.left_minor - 1
    pay_in_on(circle, MONDAY, "m1-ann", paid)
    assert calls(reads, RULES, calendar.load(), at(20, 50))[0][4:] == (1, call.due, call.forced_from, "forced")
    pay_in_on(circle, MONDAY, "m1-ann", 1)
    [met] = calls(reads, RULES, calendar.load(), at(20, 50))
    assert (met.called_minor, met.left_minor, met.state) == (margin - cash, 0, "met")


def pay_in_on(circle: Circle, day: datetime.date, client: str, amount_minor: int) -> None:
    deposit = Deposit(f"{client}:{amount_minor}", client, amount_minor, CLIENTS[client].account_number)
    assert circle.deposit(day, [deposit]) == []


def test_the_book_is_what_the_settlement_left(evening: tuple[Circle, Transfers]) -> None:
    circle, _ = evening
    book = read_book(circle.clerk.connection, RULES, {"m1": 5_000_00, "m9": 1}, 100_00)
    assert (book.clients, book.members, book.member.tolist()) == (("m1-ann", "m2-cy"), ("m1", "m2"), [0, 1])
    now = standing_at(book)
    required = circle.settlement.rows("SELECT margin_minor FROM exchange_margin.client_day ORDER BY client")
    assert [(margin,) for margin in now.funds.margin_minor.tolist()] == required
    moved_up = standing_at(book, {SILVER: 20 * 10**6})
    cash = circle.settlement.balances("client-cash")["m1-ann"]
    short = 30 * 83020 - cash
    assert moved_up.shortfall.tolist() == [short, 0]
    borne = moved_up.borne
    assert (borne.by_guarantee.tolist(), borne.by_reserve_minor, borne.by_nobody_minor) == (
        [5_000_00, 0],
        100_00,
        short - 5_100_00,
    )


def test_by_command(store: Store, evening: tuple[Circle, Transfers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))

    def said(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["risk", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    board = json.loads(said("board", "--json"))
    assert [row["clients"] for row in board["grades"]] == [1, 0, 0, 1]
    assert [row["largest_client"] for row in board["concentration"]] == ["m2-cy", "m1-ann"]
    assert "red-forced-close" in said("board")
    stressed = json.loads(said("stress", "--json", "--", "+20%"))
    assert (stressed["fallen"], stressed["by_guarantees"], stressed["by_reserve"]) == (1, "5000.00", "0.00")
    assert [row["client"] for row in stressed["clients"]] == ["m1-ann"]
    assert "other clients never" in said("stress", f"{SILVER}=-4%")
    assert said("calls", "--at", "2020-03-06T18:00").count("open") == 1
    assert json.loads(said("calls", "--at", "2020-03-06T19:50", "--json", code=1))[0]["state"] == "due"
    # 30 lots bind 8,717.10, and 2,439.25 are there: 22 lots go, which leaves 8 that bind 2,324.56.
    [row] = json.loads(said("close", "--at", "2020-03-06T18:00", "--json"))
    assert (row["client"], row["close"], row["lots"]) == ("m1-ann", "short", 22)
    assert "nothing is flagged" in said("flags")
    assert "无可疑" in said("flags", "--language", "zh")


def test_trades_with_each_other_are_seen_against_the_settlement_price(evening: tuple[Circle, Transfers]) -> None:
    """One trade far away from the market: Cy gained 30 x 251.00 from Ann. Repeated, it would be flagged."""
    circle, _ = evening
    [deal] = dealt(circle.clerk.connection, RULES, DAY, DAY)
    assert deal == (DAY, SILVER, "m1-ann", "m2-cy", 1, 0, 30, -30 * 25100, 30 * SETTLED, 30 * 25100)
    assert moved(circle.clerk.connection, DAY, DAY)["m2-cy"] == (10_000_00, 0)
    assert flags([deal], {}) == []
    [found] = flags([deal._replace(day=DAY + datetime.timedelta(n)) for n in range(3)], {})
    assert (found.pattern, found.client, found.amount_minor) == ("one-way", "m2-cy", 3 * 30 * 25100)


def test_a_market_that_ends_three_days_at_its_limit_lets_out_who_could_not_get_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann is short of 30 lots from before, Cy long; Bo sells Di one more at the upper limit on each of three days."""
    with opened(store) as (circle, transfers):
        for client in CLIENTS:
            pay_in(circle, client, client, 60_000_00)
        price = 411000
        limits: list[int] = []
        for number, day in enumerate((DAY, MONDAY, datetime.date(2020, 3, 10)), 1):
            circle.open_day(day)
            orders = Orders(circle, market=market.load())
            limit = rules.load().contract(SILVER, day).price_limits(price)[1]
            assert limit is not None
            wished = [
                Order(f"s{number}", "m1-bo", SILVER, "sell", "open", 1, limit),
                Order(f"b{number}", "m2-di", SILVER, "buy", "open", 1, limit),
            ]
            trades = [
                Trade(f"t{number}", SILVER, "m2-di", "open", "m1-bo", "open", 1, limit, f"b{number}", f"s{number}")
            ]
            if number == 1:
                wished += [
                    Order("s", "m1-ann", SILVER, "sell", "open", 30, 411000),
                    Order("b", "m2-cy", SILVER, "buy", "open", 30, 411000),
                ]
                trades.insert(0, Trade("t", SILVER, "m2-cy", "open", "m1-ann", "open", 30, 411000, "b", "s"))
            if number == 3:
                # Ann wants out, and Bo does not any more.
                wished += [
                    Order("out", "m1-ann", SILVER, "buy", "close", 30, limit),
                    Order("bo", "m1-bo", SILVER, "buy", "close", 1, limit),
                ]
            morning = datetime.datetime.combine(day, datetime.time(10, 0), SHANGHAI)
            assert [placed.refusal for placed in orders.place(wished, morning)] == [None] * len(wished)
            orders.fill(day, trades)
            if number == 3:
                orders.cancel(["bo"])
            settled = {SILVER: market.SettlementPrice(price, limit, market.Direction.NONE)}
            DayEnd(circle, prices={day: settled}.__getitem__).settle(day, transfers)
            [streak] = one_sided.streaks(circle.clerk.connection, RULES, day)
            assert (streak.contract, streak.way, streak.days, streak.limit_minor) == (SILVER, "up", number, limit)
            price, limits = limit, [*limits, limit]
        wanting = one_sided.wanting(circle.clerk.connection, RULES, streak)
    assert wanting.wanted == {"m1-ann": 30}
    gains = [price - 411000, (3 * price - sum(limits)) // 3]
    assert wanting.holders == [one_sided.Holder("m2-cy", 30, gains[0]), one_sided.Holder("m2-di", 3, gains[1])]
    # 10 % are gained by Cy alone.
    assert gains[0] * 10 >= price > gains[1] * 10
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))
    done = CliRunner().invoke(app, ["risk", "one-sided", "--json"])
    assert json.loads(done.output)["reductions"] == [
        {"contract": SILVER, "loser": "m1-ann", "winner": "m2-cy", "band": 1, "lots": 30}
    ]
    assert "forced reduction" in CliRunner().invoke(app, ["risk", "one-sided"]).output
    assert "无合约" in CliRunner().invoke(app, ["risk", "one-sided", "--day", "2020-03-05", "--language", "zh"]).output
