"""A whole day and a whole year: money changes hands and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ringfence import calendar
from ringfence.errors import BadInput
from ringfence.margin import (
    BUY,
    ClientContract,
    DayResult,
    DeferredFee,
    Direction,
    Fill,
    NotZeroSum,
    ParameterUnknown,
    Position,
    SettlementPrice,
    SettlementPriceMissing,
    Trade,
    UnbalancedPositions,
    day,
    market,
    parameters,
    settle_day,
)

MARKET = market.load()
PARAMETERS = parameters.load()
DAYS = calendar.load()
MONDAY = datetime.date(2020, 3, 16)


def settle(
    when: datetime.date,
    positions: Mapping[ClientContract, Position],
    *trades: Trade,
    prices: Mapping[str, SettlementPrice] | None = None,
) -> DayResult:
    fills = [fill for trade in trades for fill in trade.fills()]
    return settle_day(
        when,
        positions,
        fills,
        MARKET.prices(when) if prices is None else prices,
        PARAMETERS,
        natural_days=DAYS.natural_days_until_next(when),
    )


def test_the_monday_of_the_silver_fall() -> None:
    # Ag(T+D) 3841 -> 3637, shorts pay 0.02 %, margin 14 % from this evening
    positions = {("m1-c0001", "Ag(T+D)"): Position(100, 0), ("m2-c0001", "Ag(T+D)"): Position(0, 100)}
    trade = Trade("t1", "Ag(T+D)", "m2-c0001", "close", "m1-c0001", "close", 40, 360000)
    result = settle(MONDAY, positions, trade)
    loser, winner = result.clients["m1-c0001"], result.clients["m2-c0001"]

    assert loser.realised_minor == -40 * (384100 - 360000)
    assert loser.marked_minor == -60 * (384100 - 363700)
    assert (winner.realised_minor, winner.marked_minor) == (-loser.realised_minor, -loser.marked_minor)
    assert loser.trading_fee_minor == winner.trading_fee_minor == 3600  # 144,000.00 x 0.025 %
    assert winner.deferred_minor == -4364  # 60 x 3,637.00 x 0.02 % = 43.644
    assert loser.deferred_minor == 4364
    assert loser.margin_minor == winner.margin_minor == 3055080  # 218,220.00 x 14 % = 30,550.80
    assert loser.change_minor == -964000 - 1224000 - 3600 + 4364
    assert sum(client.change_minor for client in result.clients.values()) == -result.trading_fee_minor == -7200
    assert result.positions() == {
        ("m1-c0001", "Ag(T+D)"): Position(60, 0),
        ("m2-c0001", "Ag(T+D)"): Position(0, 60),
    }


def test_contracts_of_one_client_are_added_and_kept_apart() -> None:
    positions = {
        ("a", "Au(T+D)"): Position(1, 0),
        ("b", "Au(T+D)"): Position(0, 1),
        ("a", "mAu(T+D)"): Position(0, 2),
        ("b", "mAu(T+D)"): Position(2, 0),
    }
    result = settle(MONDAY, positions)
    # Au 355.94 -> 348.18, mAu 356.52 -> 348.09
    gold, mini = 1000 * (34818 - 35594), 2 * 100 * (34809 - 35652)
    assert result.clients["a"].contracts["Au(T+D)"].marked_minor == gold
    assert result.clients["a"].contracts["mAu(T+D)"].marked_minor == -mini
    assert result.clients["a"].marked_minor == gold - mini
    assert result.clients["a"].margin_minor == 34818 * 1000 * 6 // 100 + 34809 * 200 * 6 // 100


def test_a_position_closed_in_the_day_is_not_carried() -> None:
    positions = {("a", "Au(T+D)"): Position(1, 0), ("b", "Au(T+D)"): Position(0, 1)}
    result = settle(MONDAY, positions, Trade("t1", "Au(T+D)", "b", "close", "a", "close", 1, 35000))
    assert result.positions() == {}
    assert result.clients["a"].margin_minor == 0
    assert result.clients["a"].realised_minor == 1000 * (35000 - 35594)


def test_a_client_may_trade_with_itself() -> None:
    result = settle(MONDAY, {}, Trade("t1", "Au(T+D)", "a", "open", "a", "open", 2, 35000))
    assert result.positions() == {("a", "Au(T+D)"): Position(2, 2)}
    assert result.clients["a"].realised_minor + result.clients["a"].marked_minor == 0
    assert result.clients["a"].deferred_minor == 0


def test_the_order_of_what_is_given_does_not_matter() -> None:
    positions = {
        ("d", "Ag(T+D)"): Position(0, 1),
        ("c", "Ag(T+D)"): Position(1, 0),
        ("b", "Au(T+D)"): Position(0, 3),
        ("a", "Au(T+D)"): Position(1, 0),
        ("c", "Au(T+D)"): Position(2, 0),
    }
    turned = dict(reversed(positions.items()))
    assert settle(MONDAY, positions) == settle(MONDAY, turned)
    assert list(settle(MONDAY, positions).clients) == list(settle(MONDAY, turned).clients) == list("abcd")


def test_nothing_happens_to_silver_on_the_day_it_was_suspended_but_its_margin() -> None:
    positions = {("a", "Ag(T+D)"): Position(10, 0), ("b", "Ag(T+D)"): Position(0, 10)}
    result = settle(datetime.date(2020, 3, 18), positions)
    for client in result.clients.values():
        assert client.change_minor == 0
        assert client.margin_minor == 602110  # 31,690.00 x 19 % = 6,021.10


def test_a_year_carried_day_by_day_is_the_difference_of_its_ends() -> None:
    positions: dict[ClientContract, Position] = {
        ("long", "Au(T+D)"): Position(1, 0),
        ("short", "Au(T+D)"): Position(0, 1),
        ("long", "Ag(T+D)"): Position(1, 0),
        ("short", "Ag(T+D)"): Position(0, 1),
    }
    marked = {"long": 0, "short": 0}
    deferred = {"long": 0, "short": 0}
    for when in MARKET.days:
        result = settle(when, positions)
        positions = result.positions()
        for client, settled in result.clients.items():
            marked[client] += settled.marked_minor
            deferred[client] += settled.deferred_minor
    gold_minor, silver_minor = 1000 * (39218 - 34205), 551900 - 433400
    assert marked == {"long": gold_minor + silver_minor, "short": -gold_minor - silver_minor}
    assert deferred["long"] == -deferred["short"] != 0


def test_a_fill_without_its_other_side_is_found() -> None:
    fill = Fill("t1", "a", "Au(T+D)", BUY, "open", 1, 35000)
    with pytest.raises(UnbalancedPositions) as error:
        settle_day(MONDAY, {}, [fill], MARKET.prices(MONDAY), PARAMETERS, natural_days=1)
    assert (error.value.figures["long_lots"], error.value.figures["short_lots"]) == (1, 0)


def test_two_sides_at_two_prices_are_found_with_the_difference() -> None:
    bought, sold = Trade("t1", "Au(T+D)", "a", "open", "b", "open", 1, 35000).fills()
    with pytest.raises(NotZeroSum) as error:
        settle_day(
            MONDAY,
            {},
            [bought, replace(sold, price_minor=35001)],
            MARKET.prices(MONDAY),
            PARAMETERS,
            natural_days=1,
        )
    assert (error.value.figures["profit_minor"], error.value.figures["deferred_minor"]) == (1000, 0)
    assert "Au(T+D) on 2020-03-16" in str(error.value)
    assert "1000" in error.value.text("zh")


def test_a_deferred_fee_that_does_not_cancel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "deferred_fee", lambda *_: DeferredFee({"b": 6964}, {"a": 6963}))
    positions = {("a", "Au(T+D)"): Position(1, 0), ("b", "Au(T+D)"): Position(0, 1)}
    with pytest.raises(NotZeroSum) as error:
        settle(MONDAY, positions)
    assert (error.value.figures["profit_minor"], error.value.figures["deferred_minor"]) == (0, -1)


def test_what_is_missing_is_named() -> None:
    gold = {("a", "Au(T+D)"): Position(1, 1)}
    with pytest.raises(SettlementPriceMissing, match=r"Au\(T\+D\)"):
        settle(MONDAY, gold, prices={})
    with pytest.raises(BadInput, match="contract"):
        settle(MONDAY, {("a", "Au99.99"): Position(1, 1)})
    with pytest.raises(BadInput, match="natural_days"):
        settle_day(MONDAY, gold, [], MARKET.prices(MONDAY), PARAMETERS, natural_days=0)
    later = datetime.date(2021, 1, 4)
    price = {"Au(T+D)": SettlementPrice(39218, 39300, Direction.NONE)}
    with pytest.raises(ParameterUnknown, match="2021-01-04"):
        settle_day(later, gold, [], price, PARAMETERS, natural_days=1)


def test_an_empty_day_is_settled() -> None:
    assert settle(MONDAY, {}) == DayResult(MONDAY, {})
