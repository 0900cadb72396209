"""The stages of a day: in their order only, gone through again from wherever somebody was interrupted, and computed again."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from circles import DAY, make_circle, opened, pay_in
from conftest import Server
from ringfence import ring
from ringfence.calendar import SHANGHAI
from ringfence.cli import app
from ringfence.custody import Circle, Transfers, create_circle, open_metal
from ringfence.database import Store, sql_files
from ringfence.demo.run import Plan, run
from ringfence.errors import BadInput
from ringfence.ledger import Ledger, role
from ringfence.margin import day_end, market, rules
from ringfence.margin.day import SettlementPriceMissing
from ringfence.margin.day_end import DayEnd, DayOutOfOrder, create_day_end
from ringfence.margin.metal import Consignment, Metal
from ringfence.margin.order_state import Order
from ringfence.margin.orders import Orders
from ringfence.margin.planning import ReserveExhausted
from ringfence.margin.positions import Trade
from ringfence.margin.rules import Rules
from ringfence.margin.tenders import TenderAsked, Tenders


def make_circle_with_metal(store: Store) -> None:
    """Ann and Cy have accounts for silver."""
    make_circle(store)
    open_metal(store, [("m1-ann", "AG9999"), ("m2-cy", "AG9999")])


pytestmark = pytest.mark.ledgers.with_args(make_circle_with_metal)
MORNING = datetime.datetime.combine(DAY, datetime.time(10, 0), SHANGHAI)
STAGES = ["trading-closed", "planned", "covered", "posted", "settled"]
LEFT = (
    "SELECT kind, owner, unit, balance, held_out FROM exchange.balances ORDER BY 1, 2, 3",
    "SELECT key, hash, value_date, ref FROM exchange.posting ORDER BY key",
    "SELECT day, client, what, amount_minor, bank FROM exchange_margin.piece ORDER BY 1, 2, 3, 5",
    "SELECT trade, side, since, until::text, client, contract, opened, price_minor, lots FROM exchange_margin.lot ORDER BY 1, 2, 3",
    "SELECT * FROM exchange_margin.closed ORDER BY 2, 3, 4",
    "SELECT * FROM exchange_margin.client_day ORDER BY 1, 2",
    "SELECT day, contract, previous_minor, settlement_minor, pays FROM exchange_margin.price ORDER BY 1, 2",
    "SELECT day, number, stage, figure FROM exchange_margin.stage ORDER BY 1, 2",
    "SELECT day, trade, giver, taker, outcome, weight_minor, value_minor, penalty_minor FROM exchange_margin.delivery ORDER BY trade",
    "SELECT day, contract, deliver_lots, receive_lots, pays FROM exchange_margin.tender_count ORDER BY 1, 2",
)


class Interrupted(Exception):
    """Somebody pulled the plug."""


def trade_something(circle: Circle) -> None:
    """Ann sells 45 lots of silver to Cy at its lowest; by the evening's price Ann has lost 1,845 of her 15,000. One order is left."""
    for client, amount in (("m1-ann", 15_000_00), ("m2-cy", 50_000_00)):
        pay_in(circle, client, client, amount)
    orders = Orders(circle, market=market.load())
    wished = [
        Order("s1", "m1-ann", "Ag(T+D)", "sell", "open", 45, 410000),
        Order("s2", "m2-cy", "Ag(T+D)", "buy", "open", 45, 420000),
        Order("s3", "m2-cy", "mAu(T+D)", "buy", "open", 1, 37000),
    ]
    assert [placed.refusal for placed in orders.place(wished, MORNING)] == [None] * 3
    orders.fill(DAY, [Trade("t1", "Ag(T+D)", "m2-cy", "open", "m1-ann", "open", 45, 411000, "s2", "s1")])


def tender_something(circle: Circle) -> None:
    """Cy wants 30 kg, of which Ann delivers 15, and is 15 short: it pays a penalty for those."""
    pay_in(circle, "more", "m2-cy", 49_000_00)
    Metal(circle).bring_in([Consignment("R-1", "m1-ann", "AG9999", 15_000_000)])
    wanted = [TenderAsked(number, "m1-ann", "Ag(T+D)", "deliver", 15) for number in ("d1", "d2")]
    made = Tenders(circle).make([*wanted, TenderAsked("r1", "m2-cy", "Ag(T+D)", "receive", 30)])
    assert [one.refusal for one in made] == [None] * 3


@pytest.fixture
def traded(store: Store) -> Iterator[tuple[Circle, Transfers]]:
    with opened(store) as (circle, transfers):
        trade_something(circle)
        yield circle, transfers


@pytest.fixture
def tendered(traded: tuple[Circle, Transfers]) -> tuple[Circle, Transfers]:
    tender_something(traded[0])
    return traded


def left(store: Store) -> list[list[tuple[object, ...]]]:
    with store.connect() as administrator:
        return [administrator.execute(query.encode()).fetchall() for query in LEFT]


def test_a_day_goes_through_its_stages_and_says_when(tendered: tuple[Circle, Transfers]) -> None:
    circle, transfers = tendered
    seen: list[str] = []
    end = DayEnd(circle, reached=seen.append)
    assert end.stages(DAY) == []
    end.settle(DAY, transfers)
    assert seen == STAGES
    found = end.stages(DAY)
    assert [stage.name for stage in found] == STAGES
    assert [stage.at for stage in found] == sorted(stage.at for stage in found)
    # One order was left; two fees, two marked profits, a deferred fee paid and received; nobody had to be covered.
    assert found[0].figure == 1
    assert found[2].figure == 0
    assert found[1].figure >= 6
    # What is delivered is four postings, and no piece.
    assert found[3].figure == found[1].figure + 4
    end.settle(DAY, transfers)
    assert seen == STAGES


@pytest.fixture(scope="module")
def undisturbed(server: Server) -> Iterator[list[list[tuple[object, ...]]]]:
    """What a day leaves that nobody interrupted."""
    database = server.create()
    store = server.store(database)
    make_circle_with_metal(store)
    with opened(store) as (circle, transfers):
        trade_something(circle)
        tender_something(circle)
        DayEnd(circle).settle(DAY, transfers)
    yield left(store)
    server.drop(database)


@pytest.mark.parametrize("stage", STAGES)
def test_interrupted_at_any_stage_it_comes_to_the_same_end(
    tendered: tuple[Circle, Transfers], store: Store, undisturbed: list[list[tuple[object, ...]]], stage: str
) -> None:
    circle, transfers = tendered

    def pull(reached: str) -> None:
        if reached == stage:
            raise Interrupted

    with pytest.raises(Interrupted):
        DayEnd(circle, reached=pull).settle(DAY, transfers)
    with opened(store) as (circle, transfers):
        DayEnd(circle).settle(DAY, transfers)
    assert left(store) == undisturbed


def test_client_by_client_it_comes_to_the_same_end(
    tendered: tuple[Circle, Transfers],
    store: Store,
    undisturbed: list[list[tuple[object, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringfence.margin.parts.PART", 1)
    circle, transfers = tendered
    DayEnd(circle).settle(DAY, transfers)
    assert left(store) == undisturbed
    assert DayEnd(circle).compute_again(DAY) == []


@pytest.mark.parametrize("batches", [1, 2])
def test_interrupted_between_two_batches_of_its_postings_it_comes_to_the_same_end(
    tendered: tuple[Circle, Transfers],
    store: Store,
    undisturbed: list[list[tuple[object, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    batches: int,
) -> None:
    circle, transfers = tendered
    reached: list[str] = []
    sent: list[object] = []
    send = Ledger._send

    def send_until_unplugged(ledger: Ledger, *said: Any) -> Any:
        if reached[-1:] == ["covered"]:
            if len(sent) == batches:
                raise Interrupted
            sent.append(said)
        return send(ledger, *said)

    end = DayEnd(circle, reached=reached.append)
    with monkeypatch.context() as patched:
        patched.setattr("ringfence.ledger.ledger.LARGEST_BATCH", 4)
        patched.setattr("ringfence.margin.parts.PART", 2)
        patched.setattr(Ledger, "_send", send_until_unplugged)
        with pytest.raises(Interrupted):
            end.settle(DAY, transfers)
    assert [stage.name for stage in end.stages(DAY)] == STAGES[:3]
    ((posted,),) = circle.settlement.rows("SELECT count(*) FROM {}.posting WHERE starts_with(key, 'settle:')")
    assert 0 < posted <= 4 * batches
    with opened(store) as (circle, transfers):
        DayEnd(circle).settle(DAY, transfers)
    assert left(store) == undisturbed


def test_the_database_lets_no_stage_be_reached_but_from_the_one_before(store: Store) -> None:
    into = [
        "trading_closed (day, cancelled) VALUES (%s, 0)",
        "planned (day) VALUES (%s)",
        "covered (day, covers) VALUES (%s, 0)",
        "posted (day, postings) VALUES (%s, 0)",
        "settled (day) VALUES (%s)",
    ]
    with store.connect(role("exchange", "settlement")) as login:
        for number, stage in enumerate(into):
            for later in into[number + 1 :]:
                with pytest.raises(psycopg.errors.ForeignKeyViolation):
                    login.execute(f"INSERT INTO exchange_margin.{later}".encode(), (DAY,))
            login.execute(f"INSERT INTO exchange_margin.{stage}".encode(), (DAY,))


def test_nobody_takes_a_stage_back(traded: tuple[Circle, Transfers], store: Store) -> None:
    circle, transfers = traded
    DayEnd(circle).settle(DAY, transfers)
    for table in (
        "trading_closed",
        "planned",
        "covered",
        "posted",
        "settled",
        "lot",
        "closed",
        "price",
        "trade",
        "orders",
    ):
        for statement in ("DELETE FROM exchange_margin.{}", "TRUNCATE exchange_margin.{} CASCADE"):
            with (
                store.connect(role("exchange", "settlement")) as login,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                login.execute(statement.format(table).encode())


def test_a_lot_ends_once(traded: tuple[Circle, Transfers], store: Store) -> None:
    circle, transfers = traded
    DayEnd(circle).settle(DAY, transfers)
    with store.connect(role("exchange", "settlement")) as login:
        ended = login.execute("UPDATE exchange_margin.lot SET until = '2020-03-09' WHERE side = 1").rowcount
        assert ended == 1
        # From then on no policy shows it to be ended again.
        assert login.execute("UPDATE exchange_margin.lot SET until = '2020-03-10' WHERE side = 1").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("UPDATE exchange_margin.lot SET lots = 1")


def test_closed_trading_lets_nothing_in(traded: tuple[Circle, Transfers]) -> None:
    circle, _ = traded
    end = DayEnd(circle)
    end.close_trading(DAY)
    end.close_trading(DAY)
    orders = Orders(circle, market=market.load())
    with pytest.raises(BadInput, match="an open day"):
        orders.place([Order("s9", "m2-cy", "Ag(T+D)", "buy", "open", 1, 411000)], MORNING)
    with pytest.raises(BadInput, match="not closed"):
        orders.fill(DAY, [Trade("t2", "mAu(T+D)", "m2-cy", "open", "m1-ann", "open", 1, 37000, "s3", "s1")])
    assert [stage.name for stage in end.stages(DAY)] == ["trading-closed"]


def test_days_go_in_order_and_only_the_open_one_is_settled(traded: tuple[Circle, Transfers]) -> None:
    circle, transfers = traded
    end = DayEnd(circle)
    with pytest.raises(BadInput, match="2020-03-06, which is open"):
        end.settle(datetime.date(2020, 3, 9), transfers)
    end.settle(DAY, transfers)
    with pytest.raises(DayOutOfOrder, match="2020-03-06 is settled"):
        end.settle(datetime.date(2020, 3, 5), transfers)


def test_a_day_that_cannot_be_planned_moves_nothing_and_goes_on_once_it_can(
    traded: tuple[Circle, Transfers], store: Store
) -> None:
    circle, transfers = traded
    before = left(store)[0]
    with pytest.raises(SettlementPriceMissing, match=r"Ag\(T\+D\)"):
        DayEnd(circle, prices=lambda day: {}).settle(DAY, transfers)
    ignorant = Rules(row for row in rules.load() if (row.contract, row.rule) != ("Ag(T+D)", "margin"))
    with pytest.raises(rules.RuleUnknown, match="margin"):
        DayEnd(circle, rules=ignorant).settle(DAY, transfers)
    assert [stage.name for stage in DayEnd(circle).stages(DAY)] == ["trading-closed"]
    # Trading is closed and what the last order held is given back; beyond that nothing has moved.
    assert [(row[:4]) for row in left(store)[0]] == [row[:4] for row in before]
    DayEnd(circle).settle(DAY, transfers)
    assert [stage.name for stage in DayEnd(circle).stages(DAY)] == STAGES


def test_a_day_is_settled_by_command_with_prices_from_a_file(
    traded: tuple[Circle, Transfers], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence.cli.settle.exchange_store", lambda folder: nullcontext(store))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["settle", *arguments])
        return done.output + str(done.exception or "")

    prices = tmp_path / "prices.csv"
    header = "date,contract,wavg,fee_direction\n"
    for text, says in (
        (f"{DAY},mAu(T+D),368.00,\n", "Ag(T+D) has positions or trades on 2020-03-06"),
        (f"{DAY},Ag(T+D),x,\n", "prices.csv, line 2, wavg"),
        ("2020-03-09,Ag(T+D),4100,\n", "prices of 2020-03-06"),
    ):
        prices.write_text(header + text)
        assert says in run("day", str(DAY), "--prices", str(prices))
    prices.write_text(header + f"{DAY},Ag(T+D),4200,long_pays_short\n")
    said = run("day", str(DAY), "--prices", str(prices))
    assert "trading closed: 1 orders cancelled" in said
    assert "settled: the day is closed in every book" in said
    # 45 lots short from 4,110 to 4,200: 4,050.00 of 15,000.00 less the fee of 46.24 and what longs paid for three days.
    with store.connect() as administrator:
        cash = "SELECT balance FROM exchange.balances WHERE kind = 'client-cash' AND owner = 'm1-ann'"
        assert administrator.execute(cash.encode()).fetchone() == (15_000_00 - 4_050_00 - 46_24 + 113_40,)
    assert run("check") == "1 days computed again, to the fen the same\n"
    assert "a day that is planned" in run("check", "--day", "2020-03-05")


def test_a_client_has_no_day_that_is_not_planned(store: Store) -> None:
    with (
        store.connect(role("exchange", "settlement")) as login,
        pytest.raises(psycopg.errors.ForeignKeyViolation, match="not planned"),
    ):
        login.execute(
            "INSERT INTO exchange_margin.client_day (day, client, margin_minor, call_minor) VALUES (%s, 'm1-ann', 1, 0)",
            (DAY,),
        )


@pytest.fixture(scope="module")
def lived(server: Server) -> Iterator[Store]:
    database = server.create()
    store = server.store(database)
    run(store, Plan(days=10, clients=48, seed=11))
    yield store
    server.drop(database)


@pytest.mark.ledgers.with_args(lambda store: None)
def test_every_day_is_computed_again_to_the_same_pieces(lived: Store) -> None:
    with lived.connect() as administrator:
        days = [
            day for (day,) in administrator.execute("SELECT day FROM exchange_margin.settled ORDER BY 1").fetchall()
        ]
        assert len(days) == 10
        with Circle(lived, ("bank_a", "bank_b")) as circle:
            end = DayEnd(circle)
            assert [end.compute_again(day) for day in days] == [[]] * 10
            # Whoever changes a piece or a lot behind everybody's back is found, by name.
            administrator.execute("SET session_replication_role = replica")
            ((client, what),) = administrator.execute(
                "UPDATE exchange_margin.client_day SET marked_minor = marked_minor + 1 WHERE (day, client) = "
                "(SELECT day, client FROM exchange_margin.piece WHERE day = %s AND what = 'marked' LIMIT 1) RETURNING client, 'marked'",
                (days[4],),
            ).fetchall()
            assert end.compute_again(days[4]) == [f"{client}, {what}"]
            administrator.execute(
                "INSERT INTO exchange_margin.client_day (day, client, margin_minor, call_minor) VALUES (%s, 'zz-nobody', 0, 0)",
                (days[5],),
            )
            assert end.compute_again(days[5]) == ["zz-nobody, margin"]
            administrator.execute("UPDATE exchange_margin.lot SET lots = lots + 1 WHERE since = %s", (days[7],))
            (said,) = end.compute_again(days[8])
            assert "must be equal" in said
            with pytest.raises(BadInput, match="planned"):
                end.compute_again(days[0] - datetime.timedelta(days=1))


def test_a_client_that_cannot_pay_is_covered_bank_by_bank_before_its_loss_is_booked(store: Store) -> None:
    """The guarantee of its own member at one bank, then reserves; another member's guarantee stays whole."""
    with opened(store) as (circle, transfers):
        circle.counter["bank_a"].put_up_guarantee(DAY, "m1", 1_000_00)
        circle.counter["bank_b"].put_up_guarantee(DAY, "m2", 9_000_00)
        circle.counter["bank_a"].fill_reserve(DAY, 300_00)
        circle.counter["bank_b"].fill_reserve(DAY, 100_000_00)
        trade_something(circle)
        fallen = {
            code: replace(price, settlement_minor=price.settlement_minor * 150 // 100) if code == "Ag(T+D)" else price
            for code, price in market.load().prices(DAY).items()
        }
        settled = DayEnd(circle, prices=lambda day: fallen).settle(DAY, transfers)
        # Ann is 45 lots short from 4,110 and silver is settled at half more than 4,195.
        covers = [(p.client, p.source, p.bank) for p in settled.covers]
        assert covers == [
            ("m1-ann", "member-guarantee", "bank_a"),
            ("m1-ann", "exchange-reserve", "bank_a"),
            ("m1-ann", "exchange-reserve", "bank_b"),
        ]
        assert [p.amount_minor for p in settled.covers][:2] == [1_000_00, 300_00]
        assert circle.settlement.balances("client-cash")["m1-ann"] == 0
        assert circle.teller["bank_b"].balances("member-guarantee")["m2"] == 9_000_00


def test_nobody_is_covered_beyond_the_reserve_and_nothing_is_moved(store: Store) -> None:
    with opened(store) as (circle, transfers):
        circle.counter["bank_a"].fill_reserve(DAY, 300_00)
        trade_something(circle)
        fallen = {
            code: replace(price, settlement_minor=price.settlement_minor * 150 // 100) if code == "Ag(T+D)" else price
            for code, price in market.load().prices(DAY).items()
        }
        with pytest.raises(ReserveExhausted) as short:
            DayEnd(circle, prices=lambda day: fallen).settle(DAY, transfers)
        assert short.value.figures["client"] == "m1-ann"
        assert circle.settlement.rows("SELECT count(*) FROM exchange_margin.piece") == [(0,)]
        assert circle.settlement.balances("client-cash")["m1-ann"] == 15_000_00


@pytest.mark.ledgers.with_args(lambda store: None)
def test_what_an_older_store_has_planned_is_taken_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    create_circle(store, ring.load("sge"), ())
    with monkeypatch.context() as older:
        older.setattr(day_end, "sql_files", lambda *place: sql_files(*place)[:8])
        create_day_end(store)
    pieces = [
        ("ann", "marked", -70, None),
        ("ann", "fee", -5, None),
        ("ann", "member-guarantee", 40, "bank_a"),
        ("ann", "member-guarantee", 15, "bank_b"),
        ("ann", "exchange-reserve", 1, "bank_a"),
        ("bo", "deferred", 3, None),
        ("bo", "overdue", -2, None),
        ("bo", "realised", 9, None),
        ("bo", "penalty", -4, None),
        ("Ag(T+D)", "left-over", 1, None),
    ]
    with store.connect() as administrator, administrator.cursor() as cursor:
        cursor.execute("INSERT INTO exchange_margin.trading_closed VALUES (%s, 0)", (DAY,))
        cursor.execute("INSERT INTO exchange_margin.planned VALUES (%s)", (DAY,))
        cursor.executemany(
            "INSERT INTO exchange_margin.piece (day, client, what, amount_minor, bank) VALUES (%s, %s, %s, %s, %s)",
            [(DAY, *piece) for piece in pieces],
        )
        cursor.executemany(
            "INSERT INTO exchange_margin.requirement VALUES (%s, %s, %s, %s)",
            [(DAY, "ann", 11, 12), (DAY, "bo", 13, 0), (DAY, "cy", 14, 0)],
        )
    create_day_end(store)
    with store.connect() as administrator:
        found = administrator.execute("SELECT client, what, amount_minor, bank FROM exchange_margin.piece").fetchall()
        assert sorted(found, key=str) == sorted(pieces, key=str)
        margins = "SELECT client, margin_minor, call_minor FROM exchange_margin.client_day ORDER BY client"
        assert administrator.execute(margins).fetchall() == [("ann", 11, 12), ("bo", 13, 0), ("cy", 14, 0)]
        assert administrator.execute("SELECT stage, figure FROM exchange_margin.stage ORDER BY number").fetchall() == [
            ("trading-closed", 0),
            ("planned", len(pieces)),
        ]
