"""Delivery in the books: tenders in their time, the count and its direction, neutrals, metal against money, defaults."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from circles import BANKS, CLIENTS, DAY, make_circle, opened
from ringfence.calendar import SHANGHAI
from ringfence.cli import app
from ringfence.custody import Circle, Deposit, EquationReader, Transfers, open_metal, verify_circle
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.margin import market
from ringfence.margin.day_end import DayEnd
from ringfence.margin.delivery import Count
from ringfence.margin.kept_plan import DaySettled
from ringfence.margin.market import Direction
from ringfence.margin.metal import Consignment, Metal, holdings
from ringfence.margin.order_state import Order
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Position, Trade
from ringfence.margin.tenders import TenderAsked, Tenders, counts_of, tenders_of

pytestmark = pytest.mark.ledgers.with_args(make_circle)
MORNING = datetime.datetime.combine(DAY, datetime.time(10, 0), SHANGHAI)
KILO = 1_000_000
SILVER = "Ag(T+D)"
PRICE = market.load().prices(DAY)[SILVER].settlement_minor  # 4,278.00 on 2020-03-06, three natural days before Monday
LONG, SHORT, NEUTRAL, OTHER = "m2-cy", "m1-ann", "m1-bo", "m2-di"


@pytest.fixture
def exchange(store: Store) -> Iterator[tuple[Circle, Transfers, Tenders]]:
    """Cy is long and Ann short of 1,500 kg of silver; everybody has 10 million CNY and an account for silver."""
    open_metal(store, [(client, "AG9999") for client in CLIENTS])
    with opened(store) as (circle, transfers):
        give_money(circle, dict.fromkeys(CLIENTS, 10_000_000_00))
        deal(circle, 1500)
        yield circle, transfers, Tenders(circle, market=market.load())


def give_money(circle: Circle, amounts: dict[str, int]) -> None:
    assert circle.arrive(DAY, {f"more:{name}": (name, amount) for name, amount in amounts.items()}) == []
    paid = [Deposit(f"in:{name}", name, amount, CLIENTS[name].account_number) for name, amount in amounts.items()]
    assert circle.deposit(DAY, paid) == []


def deal(circle: Circle, lots: int, price: int = PRICE) -> None:
    orders = Orders(circle, market=market.load())
    wished = [
        Order("s", SHORT, SILVER, "sell", "open", lots, price),
        Order("l", LONG, SILVER, "buy", "open", lots, price),
    ]
    assert [placed.refusal for placed in orders.place(wished, MORNING)] == [None, None]
    orders.fill(DAY, [Trade("t", SILVER, LONG, "open", SHORT, "open", lots, price, "l", "s")])


def bring(circle: Circle, client: str, kilograms: int) -> None:
    Metal(circle).bring_in([Consignment(f"R-{client}-{kilograms}", client, "AG9999", kilograms * KILO)])


def tender(tenders: Tenders, *asked: TenderAsked) -> None:
    assert [made.refusal for made in tenders.make(asked)] == [None] * len(asked)


def receive(lots: int, client: str = LONG, number: str = "r1", *, neutral: bool = False) -> TenderAsked:
    return TenderAsked(number, client, SILVER, "receive", lots, neutral)


def deliver(lots: int, client: str = SHORT, number: str = "d1", *, neutral: bool = False) -> TenderAsked:
    return TenderAsked(number, client, SILVER, "deliver", lots, neutral)


def metal(circle: Circle) -> dict[str, tuple[int, int]]:
    """Kilograms of silver and what of them is held, of whoever has any."""
    found = holdings(circle.clerk.connection)
    return {held.client: (held.balance_minor // KILO, held.held_minor // KILO) for held in found if held.balance_minor}


def cash(circle: Circle) -> dict[str, int]:
    return circle.settlement.balances("client-cash")


def all_is_well(store: Store, circle: Circle, settled: DaySettled) -> None:
    for unit in ("CNY", "AG9999"):
        assert circle.settlement.balances("delivery", unit) == {"exchange": 0}
    with EquationReader(store, BANKS) as reader:
        assert reader.read().holds
    assert DayEnd(circle).compute_again(settled.day) == []
    assert verify_circle(store, BANKS).ok


def test_the_exchanges_own_example(store: Store, exchange: tuple[Circle, Transfers, Tenders]) -> None:
    """100 long and 100 short, 40 want metal, 30 are tendered, an equalizer brings 10: as the exchange's page has it, times 15 kg.

    https://en.sge.com.cn/eng_trading_matchingMarket_MarginTrading
    """
    circle, transfers, tenders = exchange
    bring(circle, SHORT, 450)
    bring(circle, NEUTRAL, 150)
    tender(tenders, receive(600), deliver(450))
    end = DayEnd(circle)
    end.close_trading(DAY)
    assert counts_of(tenders._connection, DAY) == {SILVER: Count(450, 600)}
    tender(tenders, deliver(150, NEUTRAL, "n1", neutral=True))
    assert metal(circle) == {SHORT: (450, 0), NEUTRAL: (150, 150)}
    before = cash(circle)
    settled = end.settle(DAY, transfers)
    assert [(one.giver, one.taker, one.lots, one.outcome) for one in settled.deliveries] == [
        (SHORT, LONG, 450, "delivered"),
        (NEUTRAL, LONG, 150, "delivered"),
    ]
    assert metal(circle) == {LONG: (600, 0)}
    assert end.positions() == {
        (LONG, SILVER): Position(long_lots=900),
        (SHORT, SILVER): Position(short_lots=1050),
        (NEUTRAL, SILVER): Position(long_lots=150),
    }
    # Opened at the settlement price, so nobody gains or loses; the fee is that of the morning's trade alone.
    fee = (1500 * PRICE * 25 + 50_000) // 100_000
    # 1,050 lots pay 0.02 % a day for three days to 900 and 150; nothing is left over by rounding here.
    deferred = {lots: lots * PRICE * 3 * 2 // 10_000 for lots in (1050, 900, 150)}
    assert deferred[1050] == deferred[900] + deferred[150]
    changes = {name: amount - before[name] for name, amount in cash(circle).items()}
    assert changes == {
        LONG: -600 * PRICE - fee + deferred[900],
        SHORT: 450 * PRICE - fee - deferred[1050],
        NEUTRAL: 150 * PRICE + deferred[150],
        OTHER: 0,
    }
    with store.connect() as administrator:
        linked = administrator.execute(
            "SELECT split_part(key, ':', 5), count(DISTINCT batch), sum(amount) FILTER (WHERE amount > 0) FROM exchange.journal "
            "WHERE key LIKE 'match:%:1:%' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    value, weight = 450 * PRICE, 450 * KILO
    assert linked == [
        ("metal-given", 1, weight),
        ("metal-received", 1, weight),
        ("payment", 1, value),
        ("proceeds", 1, value),
    ]
    all_is_well(store, circle, settled)
    # What was delivered against leaves from the next day.
    circle.open_day(datetime.date(2020, 3, 9))
    assert end.funds(datetime.date(2020, 3, 9))[NEUTRAL].withdrawable_minor > 10_000_000_00
    assert {held.withdrawable_minor for held in holdings(circle.clerk.connection, [LONG])} == {600 * KILO}


def test_the_direction_is_what_was_counted_and_what_is_not_matched_stays_open(
    store: Store, exchange: tuple[Circle, Transfers, Tenders]
) -> None:
    circle, transfers, tenders = exchange
    assert market.load().prices(DAY)[SILVER].direction is Direction.LONGS_PAY
    bring(circle, SHORT, 45)
    tender(tenders, deliver(15), receive(45))
    settled = DayEnd(circle).settle(DAY, transfers)
    assert DayEnd(circle).positions()[SHORT, SILVER] == Position(short_lots=1485)
    paid = dict(
        circle.settlement.rows("SELECT client, amount_minor FROM exchange_margin.piece WHERE what = 'deferred'")
    )
    assert (paid[LONG] > 0, paid[SHORT] < 0) == (True, True)
    assert metal(circle) == {SHORT: (30, 0), LONG: (15, 0)}
    all_is_well(store, circle, settled)


def test_who_has_no_metal_or_no_money_defaults_and_pays(
    store: Store, exchange: tuple[Circle, Transfers, Tenders]
) -> None:
    """Ann has 45 kg, but 15 of them are held to be taken out: she cannot give Cy 45 and pays 7 % of them, and gives a neutral 15."""
    circle, transfers, tenders = exchange
    bring(circle, SHORT, 45)
    tender(tenders, deliver(60), receive(45))
    end = DayEnd(circle)
    end.close_trading(DAY)
    # 15 lots at the evening's 4,110.00, of which 7 % are frozen.
    tender(tenders, receive(15, NEUTRAL, "n1", neutral=True))
    held = circle.settlement.rows(
        "SELECT held_out FROM {}.balances WHERE kind = 'client-cash' AND owner = %s", (NEUTRAL,)
    )
    assert held == [(15 * 411000 * 7 // 100,)]
    before = cash(circle)
    Metal(circle).apply([Consignment("A-1", SHORT, "AG9999", 15 * KILO)])
    settled = end.settle(DAY, transfers)
    assert [(one.giver, one.taker, one.lots, one.outcome) for one in settled.deliveries] == [
        (SHORT, LONG, 45, "giver-defaults"),
        (SHORT, NEUTRAL, 15, "delivered"),
    ]
    penalty = 45 * PRICE * 7 // 100
    paid = circle.settlement.rows("SELECT client, amount_minor FROM exchange_margin.piece WHERE what = 'penalty'")
    assert dict(paid) == {SHORT: -penalty, LONG: penalty}
    assert cash(circle)[LONG] - before[LONG] > 0
    # Metal that was held to be taken out was not there to be delivered, and still is.
    assert metal(circle) == {SHORT: (30, 15), NEUTRAL: (15, 0)}
    assert end.positions() == {
        (LONG, SILVER): Position(long_lots=1455),
        (SHORT, SILVER): Position(short_lots=1440),
        (NEUTRAL, SILVER): Position(short_lots=15),
    }
    all_is_well(store, circle, settled)


def test_a_penalty_that_cannot_be_paid_is_covered(store: Store) -> None:
    """Cy bought 345 lots at 4,350.00 and has lost on them by the evening: 7 % of their value, the penalty, is more than it has left."""
    open_metal(store, [(client, "AG9999") for client in CLIENTS])
    with opened(store) as (circle, transfers):
        give_money(circle, {SHORT: 10_000_000_00, LONG: 110_000_00})
        circle.counter["bank_b"].put_up_guarantee(DAY, "m2", 1_000_000_00)
        deal(circle, 345, 435000)
        bring(circle, SHORT, 345)
        tender(Tenders(circle), deliver(345), receive(345))
        settled = DayEnd(circle).settle(DAY, transfers)
        assert [one.outcome for one in settled.deliveries] == ["taker-defaults"]
        penalty, fee, loss = 345 * PRICE * 7 // 100, (345 * 435000 * 25 + 50_000) // 100_000, 345 * (435000 - PRICE)
        missing = penalty + fee + loss - 110_000_00
        assert missing > 0
        [cover] = settled.covers
        assert (cover.client, cover.source, cover.bank, cover.amount_minor) == (
            LONG,
            "member-guarantee",
            "bank_b",
            missing,
        )
        assert cash(circle)[LONG] == 0
        assert cash(circle)[SHORT] == 10_000_000_00 + penalty + loss - fee
        all_is_well(store, circle, settled)


def test_metal_is_paid_for_out_of_what_margin_leaves(store: Store) -> None:
    """Cy has 150,000: more than 15 kg cost, but not beside the margin of the 330 lots that stay open."""
    open_metal(store, [(client, "AG9999") for client in CLIENTS])
    with opened(store) as (circle, transfers):
        give_money(circle, {SHORT: 10_000_000_00, LONG: 150_000_00})
        deal(circle, 345)
        bring(circle, SHORT, 15)
        tender(Tenders(circle), deliver(15), receive(15))
        settled = DayEnd(circle).settle(DAY, transfers)
    assert 15 * PRICE < 150_000_00 - 400_00 < 15 * PRICE + 330 * PRICE * 7 // 100
    assert [one.outcome for one in settled.deliveries] == ["taker-defaults"]
    assert settled.covers == []


def test_tenders_are_refused_by_name_and_hold_nothing_then(exchange: tuple[Circle, Transfers, Tenders]) -> None:
    circle, _, tenders = exchange
    for asked, field, right in (
        (receive(15, number=""), "tender_no", "1 to 100"),
        (receive(15, "m9-eve"), "client", "registered"),
        (replace(receive(15), contract="Au99.99"), "contract", "deferred contract on metal"),
        (TenderAsked("r1", LONG, SILVER, "buy", 15), "side", "deliver or receive"),  # type: ignore[arg-type]
        (receive(16), "lots", "a multiple of 15,000.000 g"),
        (receive(0), "lots", "a multiple"),
        (receive(1515), "lots", "at most the 1500 long lots"),
        (deliver(15, LONG), "lots", "at most the 0 short lots"),
        (deliver(15, NEUTRAL, neutral=True), "neutral", "after the count is published"),
        (replace(receive(10), contract="mAu(T+D)"), "client", f"ringfence metal open {LONG} AU9999"),
    ):  # fmt: skip
        (made,) = tenders.make([asked])
        assert made.refusal is not None, asked
        assert (made.refusal.figures["field"], right in made.refusal.text("en")) == (field, True), made.refusal
    assert tenders_of(tenders._connection, DAY) == []
    # What one tender has no other has, nor an order to close.
    first, second = tenders.make([receive(1005), receive(510, number="r2")])
    assert (first.refusal, "at most the 495" in str(second.refusal)) == (None, True)
    (again,) = tenders.make([receive(1005)])
    assert again.replayed
    (otherwise,) = tenders.make([receive(15)])
    assert "no other tender has" in str(otherwise.refusal)
    (order,) = Orders(circle, market=market.load()).place(
        [Order("c", LONG, SILVER, "sell", "close", 496, PRICE)], MORNING
    )
    assert "at most the 495" in str(order.refusal)
    # Trading closes; nothing is lacking on the side that is asked for, then on neither.
    DayEnd(circle).close_trading(DAY)
    for asked, right in (
        (deliver(15), "trading is not closed"),
        (receive(15, NEUTRAL, neutral=True), "deliver, of which 1005 lots are lacking"),
        (deliver(15, NEUTRAL, neutral=True), "at most 0.000 g of AG9999"),
        (deliver(15, LONG, neutral=True), "receive, as the client's other tender"),
    ):
        (made,) = tenders.make([replace(asked, tender_no=f"late-{right[:5]}")])
        assert right in str(made.refusal)


def test_a_tender_is_cancelled_until_its_time_is_over(exchange: tuple[Circle, Transfers, Tenders]) -> None:
    circle, transfers, tenders = exchange
    bring(circle, NEUTRAL, 30)
    tender(tenders, receive(45), receive(15, number="r2"))
    for _ in range(2):
        assert [state.cancelled for state in tenders.cancel(["r2"])] == [True]
    with pytest.raises(BadInput, match="that was made"):
        tenders.cancel(["r1", "r9"])
    end = DayEnd(circle)
    end.close_trading(DAY)
    assert counts_of(tenders._connection, DAY) == {SILVER: Count(0, 45)}
    with pytest.raises(BadInput, match="time to cancel is not over"):
        tenders.cancel(["r1"])
    tender(tenders, deliver(15, NEUTRAL, "n1", neutral=True), deliver(15, NEUTRAL, "n2", neutral=True))
    tenders.cancel(["n1"])
    assert metal(circle) == {NEUTRAL: (30, 15)}
    settled = end.settle(DAY, transfers)
    assert [(one.giver, one.lots) for one in settled.deliveries] == [(NEUTRAL, 15)]
    assert [(state.asked.tender_no, state.matched, state.cancelled) for state in tenders_of(tenders._connection, DAY)] == [
        ("r1", 15, False), ("r2", 0, True), ("n1", 0, True), ("n2", 15, False)
    ]  # fmt: skip
    with pytest.raises(BadInput, match="time to cancel is not over"):
        tenders.cancel(["n2"])


_TENDER = (
    "INSERT INTO exchange_margin.tender (tender_no, day, client, contract, side, neutral, lots, reserved_minor, held_in) "
    "VALUES (%s, %s, %s, 'Ag(T+D)', %s, %s, 15, 0, 'CNY')"
)
_MATCH = (
    "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, "
    "buyer_tender, seller_tender) VALUES (%s, 'x', 'Ag(T+D)', %s, 'close', %s, 'close', %s, 1, 'd1', 'r1')"
)


def test_the_database_takes_tenders_counts_and_matches_in_their_time_alone(
    exchange: tuple[Circle, Transfers, Tenders],
) -> None:
    circle, transfers, tenders = exchange

    def refused(statement: str, *values: object, why: str) -> None:
        with pytest.raises(psycopg.errors.CheckViolation, match=why):
            circle.settlement.connection.execute(statement.encode(), values)

    tender(tenders, receive(15), deliver(15), receive(15, number="r2"))
    refused(_TENDER, "x", DAY, NEUTRAL, -1, True, why="not in its time")
    refused(_TENDER, "x", DAY, LONG, -1, False, why="one client on both sides")
    refused(_MATCH, DAY, SHORT, LONG, 15, why="does not allow it")
    refused("INSERT INTO exchange_margin.tender_count VALUES (%s, 'Ag(T+D)', 15, 15)", DAY, why="not what was tendered")
    DayEnd(circle).close_trading(DAY)
    refused(_TENDER, "x", DAY, SHORT, -1, False, why="not in its time")
    refused(_TENDER, "x", DAY, NEUTRAL, 1, True, why="something is lacking")
    refused("INSERT INTO exchange_margin.tender_cancelled (tender_no) VALUES ('r1')", why="too late")
    refused(_MATCH, DAY, SHORT, LONG, 16, why="does not allow it")
    refused(_MATCH, DAY, LONG, SHORT, 15, why="does not allow it")
    refused(_MATCH, DAY, NEUTRAL, LONG, 15, why="does not allow it")
    DayEnd(circle).settle(DAY, transfers)
    refused(_TENDER, "x", DAY, NEUTRAL, -1, True, why="not in its time")
    refused(_MATCH, DAY, SHORT, LONG, 15, why="does not allow it")


def test_by_command(
    store: Store, exchange: tuple[Circle, Transfers, Tenders], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    circle, _, _ = exchange
    bring(circle, SHORT, 30)
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))

    def said(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*arguments])
        if isinstance(done.exception, BadInput):
            return str(done.exception)
        assert done.exit_code == code, done.output
        return done.output

    file = tmp_path / "tenders.csv"
    file.write_text(
        f"tender_no,client,contract,side,lots,neutral\nd1,{SHORT},{SILVER},deliver,30,\nr1,{LONG},{SILVER},receive,45,\n"
    )
    assert said("tender", "make", str(file)).count("taken") == 2
    assert said("tender", "make", str(file)).count("before") == 2
    file.write_text(f"tender_no,client,contract,side,lots,neutral\nd2,{SHORT},{SILVER},give,30,\n")
    assert "tenders.csv, line 2, side" in said("tender", "make", str(file))
    closed = said("settle", "close", str(DAY))
    assert "Ag(T+D): 30 lots to deliver, 45 to receive; shorts pay; 15 lots are lacking to deliver" in closed
    file.write_text(f"tender_no,client,contract,side,lots,neutral\nn1,{NEUTRAL},{SILVER},deliver,15,yes\n")
    assert "refused" in said("tender", "make", str(file), code=1)
    rows = json.loads(said("tender", "list", "--day", str(DAY), "--json"))
    assert [(row["tender_no"], row["lots"], row["neutral"]) for row in rows] == [("d1", 30, False), ("r1", 45, False)]
    settled = said("settle", "day", str(DAY))
    assert "30 lots of Ag(T+D) delivered" in settled
    assert "m1-ann" in said("tender", "list", "--day", str(DAY), "--language", "zh")
