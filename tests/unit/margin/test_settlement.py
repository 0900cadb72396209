"""Days worked by hand, with the exchange's own prices and rates."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from margins import Fill, Lot, settled
from ringfence import calendar
from ringfence.errors import BadInput
from ringfence.margin import market, rules
from ringfence.margin.contracts import OverdueStep
from ringfence.margin.day import NotZeroSum, UnbalancedPositions, balances, by_client, require_zero_sum
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.money import Rate

MARKET = market.load()
DAYS = calendar.load()
MONDAY = datetime.date(2020, 3, 16)
RULES = rules.load()
ON = RULES.on(MONDAY)
FREE = {code: replace(c, fee=replace(c.fee, rate=Rate(0))) for code, c in ON.items()}
PRICE = {"Au(T+D)": SettlementPrice(34143, 34496, Direction.LONGS_PAY)}


def test_the_monday_of_the_silver_fall() -> None:
    # Ag(T+D) 3841 -> 3637, shorts pay 0.02 %, margin 14 % from this evening; opened at 4,000 and 4,100
    lots = [Lot("loser", "Ag(T+D)", 1, 100, 400000), Lot("winner", "Ag(T+D)", -1, 100, 410000)]
    fills = [Fill("winner", "Ag(T+D)", 1, "close", 40, 360000), Fill("loser", "Ag(T+D)", -1, "close", 40, 360000)]
    day = settled(MONDAY, ON, MARKET.prices(MONDAY), lots, fills)
    loser, winner = day["loser", "Ag(T+D)"], day["winner", "Ag(T+D)"]

    assert loser["realised"] == -40 * (384100 - 360000)
    assert loser["marked"] == -60 * (384100 - 363700)
    assert loser["by_trade"] == -40 * (400000 - 360000)
    assert loser["floating"] == -60 * (400000 - 363700)
    assert winner["by_trade"] == 40 * (410000 - 360000)
    assert winner["floating"] == 60 * (410000 - 363700)
    assert (winner["realised"], winner["marked"]) == (-loser["realised"], -loser["marked"])
    assert loser["fee"] == winner["fee"] == 3600  # 144,000.00 x 0.025 %
    assert winner["deferred"] == -4365  # 60 x 3,637.00 x 0.02 % = 43.644, up
    assert loser["deferred"] == 4364  # down; 0.01 is left over
    assert loser["margin"] == winner["margin"] == 3055080  # 218,220.00 x 14 % = 30,550.80
    assert loser["released"] == 40 * 384100 * 14 // 100
    assert by_client(day.settled.holdings).change.tolist() == [
        -964000 - 1224000 - 3600 + 4364,
        964000 + 1224000 - 3600 - 4365,
    ]
    (balance,) = balances(day.settled.holdings, day.on)
    assert (balance.long_lots, balance.short_lots, balance.profit_minor, balance.left_over_minor) == (60, 60, 0, 1)
    assert day.lots == [("loser", "Ag(T+D)", 1, 400000, 60), ("winner", "Ag(T+D)", -1, 410000, 60)]


def test_contracts_of_one_client_are_added_and_kept_apart() -> None:
    lots = [
        Lot("a", "Au(T+D)", 1, 1, 35000),
        Lot("b", "Au(T+D)", -1, 1, 35000),
        Lot("a", "mAu(T+D)", -1, 2, 35000),
        Lot("b", "mAu(T+D)", 1, 2, 35000),
    ]
    day = settled(MONDAY, ON, MARKET.prices(MONDAY), lots)
    # Au 355.94 -> 348.18, mAu 356.52 -> 348.09
    gold, mini = 1000 * (34818 - 35594), 2 * 100 * (34809 - 35652)
    assert day["a", "Au(T+D)"]["marked"] == gold
    assert day["a", "mAu(T+D)"]["marked"] == -mini
    clients = by_client(day.settled.holdings)
    assert clients.marked.tolist() == [gold - mini, mini - gold]
    assert clients.margin.tolist() == [34818 * 1000 * 6 // 100 + 34809 * 200 * 6 // 100] * 2


def test_closed_and_opened_in_one_day() -> None:
    # close 2 carried at 345.00: 2 x 1000 x (345.00 - 341.43) = 7,140.00
    # open 1 at 344.00:          1 x 1000 x (344.96 - 344.00) = 960.00
    # fees 0.025 %: 690,000.00 -> 172.50 and 344,000.00 -> 86.00
    fills = [Fill("a", "Au(T+D)", -1, "close", 2, 34500), Fill("a", "Au(T+D)", 1, "open", 1, 34400)]
    row = settled(MONDAY, ON, PRICE, [Lot("a", "Au(T+D)", 1, 2, 30000)], fills)["a", "Au(T+D)"]
    assert (row["realised"], row["marked"]) == (714000, 96000)
    assert (row["by_trade"], row["floating"]) == (2 * 1000 * 4500, 96000)
    assert row["fee"] == 17250 + 8600
    assert row["turnover"] == 69000000 + 34400000
    assert (row["long_lots"], row["short_lots"]) == (1, 0)


def test_closing_takes_the_oldest_lots_first() -> None:
    # carried 1 from 300.00 and 1 from 310.00, both now from 341.43; opened 1 at 344.00 and 1 at 346.00; close 3 at 345.00:
    # marked daily 1000 x (2 x (345.00 - 341.43) + (345.00 - 344.00)) = 8,140.00
    # by trade     1000 x ((345.00 - 300.00) + (345.00 - 310.00) + (345.00 - 344.00)) = 81,000.00
    # left 1 at 346.00: 1000 x (344.96 - 346.00) = -1,040.00
    lots = [Lot("a", "Au(T+D)", 1, 1, 31000, age=2), Lot("a", "Au(T+D)", 1, 1, 30000, age=9)]
    fills = [
        Fill("a", "Au(T+D)", 1, "open", 1, 34400),
        Fill("a", "Au(T+D)", 1, "open", 1, 34600),
        Fill("a", "Au(T+D)", -1, "close", 3, 34500),
    ]
    day = settled(MONDAY, FREE, PRICE, lots, fills)
    row = day["a", "Au(T+D)"]
    assert (row["realised"], row["by_trade"]) == (814000, 8100000)
    assert (row["marked"], row["floating"]) == (-104000, -104000)
    assert day.lots == [("a", "Au(T+D)", 1, 34600, 1)]
    assert day.settled.closed.price.tolist() == [30000, 31000, 34400]


def test_one_lot_is_closed_by_several_fills_and_one_fill_closes_several_lots() -> None:
    lots = [Lot("a", "Au(T+D)", -1, 5, 34600, age=2), Lot("b", "Au(T+D)", 1, 2, 34600)]
    fills = [
        Fill("a", "Au(T+D)", 1, "close", 1, 34500),
        Fill("b", "Au(T+D)", 1, "open", 3, 34500),
        Fill("a", "Au(T+D)", 1, "close", 2, 34400),
        Fill("b", "Au(T+D)", -1, "close", 4, 34400),
    ]
    day = settled(MONDAY, FREE, PRICE, lots, fills)
    assert day["a", "Au(T+D)"]["by_trade"] == 1000 * (100 + 2 * 200)
    assert day["b", "Au(T+D)"]["by_trade"] == 1000 * (2 * -200 + 2 * -100)
    assert day.lots == [("a", "Au(T+D)", -1, 34600, 2), ("b", "Au(T+D)", 1, 34500, 1)]


def test_longs_and_shorts_stand_side_by_side() -> None:
    day = settled(MONDAY, FREE, PRICE, [Lot("a", "Au(T+D)", 1, 3, 30000)], [Fill("a", "Au(T+D)", -1, "open", 3, 34496)])
    row = day["a", "Au(T+D)"]
    assert (row["long_lots"], row["short_lots"]) == (3, 3)
    assert (row["realised"], row["marked"]) == (0, 3 * 1000 * 353)


def test_the_fee_is_rounded_per_fill_with_half_a_fen_up() -> None:
    # one lot of silver at 3,802: 0.025 % of 3,802.00 is 0.9505, so 0.95; at 3,820: 0.9550, so 0.96
    fills = [Fill("a", "Ag(T+D)", 1, "open", 1, 380200), Fill("a", "Ag(T+D)", 1, "open", 1, 382000)]
    day = settled(MONDAY, ON, {"Ag(T+D)": SettlementPrice(100, 100, Direction.NONE)}, fills=fills)
    assert day["a", "Ag(T+D)"]["fee"] == 95 + 96


@pytest.mark.parametrize(
    ("held", "fills", "at", "asked", "holds"),
    [
        ((2, 0), [(-1, "close", 3)], 0, 3, 2),
        ((2, 0), [(1, "close", 1)], 0, 1, 0),
        ((0, 1), [(-1, "open", 1), (1, "close", 3)], 1, 3, 2),
        ((1, 0), [(-1, "close", 1), (-1, "close", 1)], 1, 1, 0),
        ((0, 0), [(-1, "close", 1), (1, "open", 1)], 0, 1, 0),
        ((2, 0), [(-1, "close", 1), (-1, "close", 2), (1, "open", 5)], 1, 2, 1),
    ],
)
def test_closing_more_than_is_open_at_that_moment_cannot_be(
    held: tuple[int, int], fills: list[tuple[int, str, int]], at: int, asked: int, holds: int
) -> None:
    lots = [Lot("a", "Au(T+D)", side, n, 34000) for side, n in ((1, held[0]), (-1, held[1])) if n]
    with pytest.raises(ClosedMoreThanOpen) as error:
        settled(MONDAY, ON, PRICE, lots, [Fill("a", "Au(T+D)", *one, 34500) for one in fills])
    assert (error.value.fill, error.value.asked, error.value.held) == (at, asked, holds)


@pytest.mark.parametrize(
    ("code", "long_lots", "short_lots", "price", "rate", "margin"),
    [
        ("Au(T+D)", 1, 0, 34818, "6%", 2089080),  # 348,180.00 x 6 % = 20,890.80
        ("Ag(T+D)", 0, 10, 316900, "14%", 443660),  # 31,690.00 x 14 % = 4,436.60
        ("mAu(T+D)", 1, 0, 34143, "11.2%", 382402),  # 34,143.00 x 11.2 % = 3,824.016, up
        ("mAu(T+D)", 1, 1, 34143, "11.2%", 2 * 382402),  # both sides, each rounded up
    ],
)
def test_margin_is_held_on_each_side_and_rounded_up(
    code: str, long_lots: int, short_lots: int, price: int, rate: str, margin: int
) -> None:
    lots = [Lot("a", code, side, n, 30000) for side, n in ((1, long_lots), (-1, short_lots)) if n]
    dear = {code: replace(ON[code], margin=Rate.parse(rate))}
    day = settled(MONDAY, dear, {code: SettlementPrice(price, price, Direction.NONE)}, lots)
    assert day["a", code]["margin"] == margin


def test_the_exchanges_own_example_of_the_deferred_fee() -> None:
    """100 long, 100 short, 30 delivered, an equalizer of 10 lots: 70 shorts pay 60 longs and those 10."""
    # 70 lots x 348,180.00 x 0.02 % = 4,874.52; of it 60/70 = 4,178.16 and 10/70 = 696.36
    lots = [
        Lot("short", "Au(T+D)", -1, 70, 34000),
        Lot("long", "Au(T+D)", 1, 60, 34000),
        Lot("equalizer", "Au(T+D)", 1, 10, 34818),
    ]
    day = settled(MONDAY, ON, {"Au(T+D)": SettlementPrice(34143, 34818, Direction.SHORTS_PAY)}, lots)
    assert {who: row["deferred"] for (who, _), row in day.rows.items()} == {
        "short": -487452,
        "long": 417816,
        "equalizer": 69636,
    }


def test_the_deferred_fee_is_for_every_natural_day_and_rounded_once() -> None:
    lots = [Lot("a", "Au(T+D)", 1, 1, 34000), Lot("b", "Au(T+D)", -1, 1, 34000)]
    price = {"Au(T+D)": SettlementPrice(34143, 34818, Direction.LONGS_PAY)}
    day = settled(MONDAY, ON, price, lots, natural_days=11)
    # 348,180.00 x 0.02 % x 11 = 765.996: paid up, received down
    assert (day["a", "Au(T+D)"]["deferred"], day["b", "Au(T+D)"]["deferred"]) == (-76600, 76599)


def test_whoever_is_on_both_sides_pays_and_receives() -> None:
    lots = [
        Lot("both", "Au(T+D)", 1, 2, 34000),
        Lot("both", "Au(T+D)", -1, 1, 34000),
        Lot("other", "Au(T+D)", -1, 1, 34000),
    ]
    day = settled(MONDAY, ON, {"Au(T+D)": SettlementPrice(34143, 34818, Direction.LONGS_PAY)}, lots)
    # 2 x 69.636 = 139.272 paid up, 69.636 received down
    assert day["both", "Au(T+D)"]["deferred"] == -13928 + 6963
    assert day["other", "Au(T+D)"]["deferred"] == 6963


def test_nobody_pays_without_a_direction() -> None:
    lots = [Lot("a", "Au(T+D)", 1, 5, 34000), Lot("b", "Au(T+D)", -1, 5, 34000)]
    day = settled(MONDAY, ON, {"Au(T+D)": SettlementPrice(34143, 34818, Direction.NONE)}, lots)
    assert [row["deferred"] for row in day.rows.values()] == [0, 0]


@pytest.mark.parametrize(
    ("age", "natural_days", "owed"),
    [
        (19, 1, 0),  # 20 days old by tomorrow: not more than 20
        (20, 1, 3482),  # 348,180.00 x 0.01 % = 34.818, up
        (18, 4, 6964),  # two of the four days are beyond the 20th: 69.636, up
        (39, 3, 24373),  # one day at 0.01 % (34.818), two at 0.03 % (208.908)
        (400, 1, 10446),  # 104.454
    ],
)
def test_lots_that_grow_old_owe_the_overdue_fee_on_either_side(age: int, natural_days: int, owed: int) -> None:
    steps = (OverdueStep(20, Rate.parse("0.01%")), OverdueStep(40, Rate.parse("0.03%")))
    old = {"Au(T+D)": replace(ON["Au(T+D)"], overdue=steps)}
    lots = [Lot("a", "Au(T+D)", 1, 1, 34000, age), Lot("b", "Au(T+D)", -1, 1, 34000, age)]
    price = {"Au(T+D)": SettlementPrice(34143, 34818, Direction.NONE)}
    day = settled(MONDAY, old, price, lots, natural_days=natural_days)
    assert [row["overdue"] for row in day.rows.values()] == [owed, owed]


def test_nothing_happens_to_silver_on_the_day_it_was_suspended_but_its_margin() -> None:
    wednesday = datetime.date(2020, 3, 18)
    lots = [Lot("a", "Ag(T+D)", 1, 10, 400000), Lot("b", "Ag(T+D)", -1, 10, 400000)]
    day = settled(wednesday, RULES.on(wednesday), MARKET.prices(wednesday), lots)
    assert by_client(day.settled.holdings).change.tolist() == [0, 0]
    assert by_client(day.settled.holdings).margin.tolist() == [602110] * 2  # 31,690.00 x 19 % = 6,021.10


def test_a_year_carried_day_by_day_is_the_difference_of_its_ends() -> None:
    lots = [
        Lot("long", "Au(T+D)", 1, 1, 34205),
        Lot("short", "Au(T+D)", -1, 1, 34205),
        Lot("long", "Ag(T+D)", 1, 1, 433400),
        Lot("short", "Ag(T+D)", -1, 1, 433400),
    ]
    marked, left_over, deferred = [0, 0], 0, [0, 0]
    for when in MARKET.days:
        day = settled(when, RULES.on(when), MARKET.prices(when), lots, natural_days=DAYS.natural_days_until_next(when))
        clients = by_client(day.settled.holdings)
        marked = [a + b for a, b in zip(marked, clients.marked.tolist(), strict=True)]
        deferred = [a + b for a, b in zip(deferred, clients.deferred.tolist(), strict=True)]
        left_over += sum(one.left_over_minor for one in balances(day.settled.holdings, day.on))
    gold, silver = 1000 * (39218 - 34205), 551900 - 433400
    assert marked == [gold + silver, -gold - silver]
    assert sum(deferred) == -left_over
    assert 0 < left_over <= 2 * len(MARKET.days)
    # Marked every day or counted from the opening price: at the end of the year it is the same.
    assert by_client(day.settled.holdings).floating.tolist() == marked


def test_a_fill_without_its_other_side_is_found() -> None:
    day = settled(MONDAY, ON, MARKET.prices(MONDAY), fills=[Fill("a", "Au(T+D)", 1, "open", 1, 35000)])
    with pytest.raises(UnbalancedPositions) as error:
        require_zero_sum(MONDAY, balances(day.settled.holdings, day.on), 1)
    assert (error.value.figures["long_lots"], error.value.figures["short_lots"]) == (1, 0)


def test_two_sides_at_two_prices_are_found_with_the_difference() -> None:
    fills = [Fill("a", "Au(T+D)", 1, "open", 1, 35000), Fill("b", "Au(T+D)", -1, "open", 1, 35001)]
    day = settled(MONDAY, ON, MARKET.prices(MONDAY), fills=fills)
    with pytest.raises(NotZeroSum) as error:
        require_zero_sum(MONDAY, balances(day.settled.holdings, day.on), 2)
    assert error.value.figures["profit_minor"] == 1000
    assert "2020-03-16, Au(T+D)" in str(error.value)
    assert "1000" in error.value.text("zh")


def test_deferred_fees_that_come_from_nowhere_are_found() -> None:
    lots = [Lot("a", "Au(T+D)", 1, 1, 35000), Lot("b", "Au(T+D)", -1, 1, 35000)]
    day = settled(MONDAY, ON, MARKET.prices(MONDAY), lots)
    generous = replace(day.settled.holdings, deferred=day.settled.holdings.deferred + 1)
    with pytest.raises(NotZeroSum, match="deferred"):
        require_zero_sum(MONDAY, balances(generous, day.on), 2)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(BadInput, match="natural_days"):
        settled(MONDAY, ON, PRICE, [Lot("a", "Au(T+D)", 1, 1, 35000)], natural_days=0)
    with pytest.raises(BadInput, match="below 2"):
        settled(MONDAY, ON, PRICE, [Lot("a", "Au(T+D)", 1, 10**13, 35000)])
