"""One contract, one client, one day: worked by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ringfence.errors import BadInput
from ringfence.margin import (
    BUY,
    SELL,
    ClosesTooMuch,
    Direction,
    Fill,
    Position,
    SettlementPrice,
    Side,
    Trade,
    UnbalancedPositions,
    contract,
    deferred_fee,
    margin_requirement,
    settle_contract,
)
from ringfence.money import Rate

GOLD = contract("Au(T+D)")
MINI = contract("mAu(T+D)")
SILVER = contract("Ag(T+D)")
FEE = Rate.parse("0.025%")
NO_FEE = Rate(0)
PRICE = SettlementPrice(previous_minor=34143, settlement_minor=34496, direction=Direction.LONGS_PAY)


def fill(side: Side, offset: str, lots: int, price_minor: int, code: str = "Au(T+D)") -> Fill:
    return Fill("t1", "m1-c0001", code, side, offset, lots, price_minor)  # type: ignore[arg-type]


def test_lots_that_only_lie_there_are_marked_from_the_previous_settlement() -> None:
    # 10 lots short of 1 kg: 10 x (3841 - 3637) = 2,040.00
    price = SettlementPrice(384100, 363700, Direction.SHORTS_PAY)
    result = settle_contract(SILVER, Position(short_lots=10), [], price, FEE)
    assert (result.realised_minor, result.marked_minor) == (0, 204000)
    assert (result.fee_minor, result.turnover_minor) == (0, 0)
    assert result.position == Position(0, 10)


def test_closed_and_opened_in_one_day() -> None:
    # close 2 carried at 345.00: 2 x 1000 x (345.00 - 341.43) = 7,140.00
    # open 1 at 344.00:          1 x 1000 x (344.96 - 344.00) = 960.00
    # fees 0.025 %: 690,000.00 -> 172.50 and 344,000.00 -> 86.00
    fills = [fill(SELL, "close", 2, 34500), fill(BUY, "open", 1, 34400)]
    result = settle_contract(GOLD, Position(long_lots=2), fills, PRICE, FEE)
    assert (result.realised_minor, result.marked_minor) == (714000, 96000)
    assert result.fee_minor == 17250 + 8600
    assert result.turnover_minor == 69000000 + 34400000
    assert result.position == Position(1, 0)


def test_closing_takes_carried_lots_first_and_then_the_first_opened() -> None:
    # carried 1 at 341.43, opened 1 at 344.00 and 1 at 346.00; close 2 at 345.00:
    # 1000 x ((345.00 - 341.43) + (345.00 - 344.00)) = 4,570.00
    # left 1 at 346.00: 1000 x (344.96 - 346.00) = -1,040.00
    fills = [fill(BUY, "open", 1, 34400), fill(BUY, "open", 1, 34600), fill(SELL, "close", 2, 34500)]
    result = settle_contract(GOLD, Position(long_lots=1), fills, PRICE, NO_FEE)
    assert (result.realised_minor, result.marked_minor) == (457000, -104000)
    assert result.position == Position(1, 0)


def test_an_opening_is_closed_in_part() -> None:
    # opened short 5 at 346.00, closed 3 at 345.00: 3,000.00; left 2: 2 x 1000 x (346.00 - 344.96) = 2,080.00
    fills = [fill(SELL, "open", 5, 34600), fill(BUY, "close", 1, 34500), fill(BUY, "close", 2, 34500)]
    result = settle_contract(GOLD, Position(), fills, PRICE, NO_FEE)
    assert (result.realised_minor, result.marked_minor) == (300000, 208000)
    assert result.position == Position(0, 2)


def test_longs_and_shorts_stand_side_by_side() -> None:
    fills = [fill(SELL, "open", 3, 34496)]
    result = settle_contract(GOLD, Position(long_lots=3), fills, PRICE, NO_FEE)
    assert result.position == Position(3, 3)
    assert (result.realised_minor, result.marked_minor) == (0, 3 * 1000 * 353)


def test_the_fee_is_rounded_per_fill_with_half_a_fen_up() -> None:
    # one lot of silver at 3,802: 0.025 % of 3,802.00 is 0.9505, so 0.95; at 3,820: 0.9550, so 0.96
    fills = [fill(BUY, "open", 1, 380200, "Ag(T+D)"), fill(BUY, "open", 1, 382000, "Ag(T+D)")]
    result = settle_contract(SILVER, Position(), fills, SettlementPrice(1, 1, Direction.NONE), FEE)
    assert result.fee_minor == 95 + 96


@pytest.mark.parametrize(
    ("position", "fills", "asked", "held"),
    [
        (Position(long_lots=2), [(SELL, "close", 3)], 3, 2),
        (Position(long_lots=2), [(BUY, "close", 1)], 1, 0),
        (Position(short_lots=1), [(SELL, "open", 1), (BUY, "close", 3)], 3, 2),
        (Position(long_lots=1), [(SELL, "close", 1), (SELL, "close", 1)], 1, 0),
        (Position(), [(SELL, "close", 1), (BUY, "open", 1)], 1, 0),
    ],
)
def test_closing_more_than_is_open_at_that_moment_is_an_error_with_figures(
    position: Position, fills: list[tuple[Side, str, int]], asked: int, held: int
) -> None:
    with pytest.raises(ClosesTooMuch) as error:
        settle_contract(GOLD, position, [fill(*one, price_minor=34500) for one in fills], PRICE, NO_FEE)
    assert error.value.figures["asked_lots"] == asked
    assert error.value.figures["held_lots"] == held
    assert "m1-c0001" in str(error.value)
    assert str(asked) in error.value.text("zh")


@pytest.mark.parametrize(
    "broken",
    [
        {"side": 2},
        {"side": 0},
        {"offset": "close-today"},
        {"lots": 0},
        {"lots": -1},
        {"price_minor": 0},
    ],
)
def test_a_fill_that_cannot_be_is_refused(broken: dict[str, object]) -> None:
    good = {
        "trade_no": "t1",
        "client": "m1-c0001",
        "contract": "Au(T+D)",
        "side": BUY,
        "offset": "open",
        "lots": 1,
        "price_minor": 34500,
    }
    Fill(**good)  # type: ignore[arg-type]
    with pytest.raises(BadInput) as refused:
        Fill(**(good | broken))  # type: ignore[arg-type]
    assert refused.value.figures["field"] in broken


def test_a_position_cannot_be_negative() -> None:
    with pytest.raises(BadInput):
        Position(long_lots=-1)
    with pytest.raises(BadInput):
        Position(short_lots=-1)


def test_a_trade_has_two_sides_at_one_price() -> None:
    trade = Trade("t9", "Ag(T+D)", "m1-c0001", "open", "m2-c0007", "close", 4, 363700)
    bought, sold = trade.fills()
    assert (bought.client, bought.side, bought.offset) == ("m1-c0001", BUY, "open")
    assert (sold.client, sold.side, sold.offset) == ("m2-c0007", SELL, "close")
    for side in (bought, sold):
        assert (side.trade_no, side.contract, side.lots, side.price_minor) == ("t9", "Ag(T+D)", 4, 363700)


@pytest.mark.parametrize(
    ("code", "position", "settlement_minor", "rate", "margin_minor"),
    [
        ("Au(T+D)", Position(1, 0), 34818, "6%", 2089080),  # 348,180.00 x 6 % = 20,890.80
        ("Ag(T+D)", Position(0, 10), 316900, "14%", 443660),  # 31,690.00 x 14 % = 4,436.60
        ("mAu(T+D)", Position(1, 0), 34143, "11.2%", 382402),  # 34,143.00 x 11.2 % = 3,824.016, up
        ("mAu(T+D)", Position(1, 1), 34143, "11.2%", 2 * 382402),  # both sides, each rounded up
        ("Au(T+D)", Position(), 34818, "6%", 0),
    ],
)
def test_margin_is_held_on_each_side_and_rounded_up(
    code: str, position: Position, settlement_minor: int, rate: str, margin_minor: int
) -> None:
    assert margin_requirement(contract(code), position, settlement_minor, Rate.parse(rate)) == margin_minor


class TestDeferredFee:
    RATE = Rate.parse("0.02%")

    def fee(
        self, positions: Mapping[str, Position], direction: Direction, natural_days: int = 1
    ) -> tuple[Mapping[str, int], Mapping[str, int]]:
        price = SettlementPrice(34143, 34818, direction)
        fee = deferred_fee(GOLD, positions, price, natural_days, self.RATE)
        return fee.payments, fee.receipts

    def test_the_exchanges_own_example(self) -> None:
        """100 long, 100 short, 30 delivered, an equalizer of 10 lots: 70 shorts pay 60 longs and those 10."""
        # 70 lots x 348,180.00 x 0.02 % = 4,874.52; of it 60/70 = 4,178.16 and 10/70 = 696.36
        positions = {"short": Position(0, 70), "long": Position(60, 0), "equalizer": Position(10, 0)}
        payments, receipts = self.fee(positions, Direction.SHORTS_PAY)
        assert payments == {"short": 487452}
        assert receipts == {"long": 417816, "equalizer": 69636}

    def test_longs_pay_when_the_direction_says_so_and_for_every_natural_day(self) -> None:
        positions = {"m1-c0001": Position(1, 0), "m1-c0002": Position(0, 1)}
        payments, receipts = self.fee(positions, Direction.LONGS_PAY, natural_days=11)
        assert payments == {"m1-c0001": 76600}  # 348,180.00 x 0.02 % x 11 = 765.996, rounded once
        assert receipts == {"m1-c0002": 76600}

    def test_payers_round_to_the_fen_and_receivers_share_exactly_that(self) -> None:
        # mini gold: 34,818.00 x 0.02 % = 6.9636 a lot; one payer of 3 lots owes 20.8908, so 20.89
        positions = {
            "p": Position(0, 3),
            "b": Position(1, 0),
            "a": Position(1, 0),
            "c": Position(1, 0),
            "flat": Position(),
        }
        price = SettlementPrice(34143, 34818, Direction.SHORTS_PAY)
        fee = deferred_fee(MINI, positions, price, 1, self.RATE)
        assert fee.payments == {"p": 2089}
        assert fee.receipts == {"a": 697, "b": 696, "c": 696}

    def test_whoever_is_on_both_sides_pays_and_receives(self) -> None:
        positions = {"both": Position(2, 1), "other": Position(0, 1)}
        payments, receipts = self.fee(positions, Direction.LONGS_PAY)
        assert payments == {"both": 13927}  # 2 x 69.636 = 139.272
        assert receipts == {"both": 6964, "other": 6963}

    def test_nobody_pays_without_a_direction(self) -> None:
        positions = {"a": Position(5, 0), "b": Position(0, 5)}
        assert self.fee(positions, Direction.NONE) == ({}, {})

    @pytest.mark.parametrize("direction", list(Direction))
    def test_longs_and_shorts_must_be_equally_many(self, direction: Direction) -> None:
        with pytest.raises(UnbalancedPositions) as error:
            self.fee({"a": Position(5, 0), "b": Position(0, 4)}, direction)
        assert (error.value.figures["long_lots"], error.value.figures["short_lots"]) == (5, 4)
        assert "Au(T+D)" in str(error.value)

    def test_the_days_must_be_counted(self) -> None:
        with pytest.raises(BadInput, match="natural_days"):
            self.fee({}, Direction.NONE, natural_days=0)
