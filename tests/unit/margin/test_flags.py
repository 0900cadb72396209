"""Flags: each pattern by hand, honest trading beside it, and where exactly it begins."""

from __future__ import annotations

import datetime

from ringfence.margin.flags import Dealt, Flag, Thresholds, flags

DAYS = [datetime.date(2020, 3, day) for day in (2, 3, 4, 5, 6)]


def deal(
    day: datetime.date, client: str, other: str, bought: int, sold: int, gained: int = 0, off_percent: int = 0
) -> Dealt:
    """Lots of Ag(T+D) worth 1,000.00 each; prices `off_percent` away from the settlement price."""
    value = (bought + sold) * 1_000_00
    return Dealt(day, "Ag(T+D)", client, other, 1, bought, sold, gained, value, value * off_percent // 100)


def seen(found: list[Flag]) -> list[tuple[str, str, str]]:
    return [(flag.pattern, flag.client, flag.other) for flag in found]


def test_a_round_trip_is_most_of_what_one_of_the_two_traded() -> None:
    trip = deal(DAYS[0], "ann", "bo", 10, 10, gained=-500_00)
    [found] = flags([trip], {})
    assert (found.pattern, found.client, found.other, found.amount_minor) == ("round-trip", "bo", "ann", 500_00)
    assert "10 lots bought and sold back" in found.reason("en")
    assert "100 %" in found.reason("zh")
    # Beside 50 lots with others on either side it is a fifth and less: chance.
    others = [deal(DAYS[0], "ann", "cy", 50, 0), deal(DAYS[0], "bo", "di", 0, 50)]
    assert flags([trip, *others], {}) == []
    assert seen(flags([trip, others[0]], {})) == [("round-trip", "bo", "ann")]
    # One way is no trip, and neither is back on another day.
    assert flags([deal(DAYS[0], "ann", "bo", 10, 0), deal(DAYS[1], "ann", "bo", 0, 10)], {}) == []


def test_one_way_is_the_same_gain_again_and_again_away_from_the_market() -> None:
    again = [deal(day, "ann", "bo", 10, 0, gained=-4_000_00, off_percent=4) for day in DAYS[:3]]
    [found] = flags(again, {})
    assert (found.pattern, found.client, found.other, found.amount_minor) == ("one-way", "bo", "ann", 12_000_00)
    assert (found.first, found.last, found.trades) == (DAYS[0], DAYS[2], 3)
    assert "3 of 3 days, 12,000.00 CNY in all, at prices 4.00 % away" in found.reason()
    assert flags(again[:2], {}) == []
    assert flags([deal(d.day, "ann", "bo", 10, 0, gained=-4_000_00) for d in again], {}) == []
    assert flags([*again[:2], deal(DAYS[2], "ann", "bo", 10, 0, gained=4_000_00, off_percent=4)], {}) == []
    assert flags(again, {}, Thresholds(least_minor=12_000_01)) == []


def test_drained_is_gained_from_one_alone_and_taken_out() -> None:
    gains = [
        deal(DAYS[0], "ann", "mule", 10, 0, gained=-20_000_00),
        deal(DAYS[1], "bo", "mule", 10, 0, gained=-4_000_00),
    ]
    [found] = flags(gains, {"mule": (1_000_00, 20_000_00)})
    assert (found.pattern, found.client, found.other, found.amount_minor) == ("drained", "mule", "ann", 19_000_00)
    assert "83 % of what it gained came from one client, and 19,000.00 CNY more than it paid in" in found.reason()
    # What it paid in itself it may take out; and who gains from many gains from the market.
    assert flags(gains, {"mule": (10_000_00, 20_000_00)}) == []
    assert flags(gains, {}) == []
    assert flags([*gains, deal(DAYS[2], "cy", "mule", 10, 0, gained=-20_000_00)], {"mule": (0, 90_000_00)}) == []


def test_drained_away_from_the_market_is_seen_whatever_was_paid_in_before() -> None:
    gains = [deal(DAYS[0], "ann", "mule", 10, 0, gained=-20_000_00, off_percent=4)]
    [found] = flags(gains, {"mule": (500_000_00, 20_000_00)})
    assert (found.pattern, found.amount_minor) == ("drained", 20_000_00)
    assert "100 % of what it gained came from one client, away from the market's prices" in found.reason()
    # Less than the gain has gone out; and at the market's prices what was paid in counts.
    assert flags(gains, {"mule": (500_000_00, 15_000_00)}) == []
    assert flags([gains[0]._replace(off_minor=0)], {"mule": (500_000_00, 20_000_00)}) == []


def test_the_largest_comes_first() -> None:
    trip, larger = deal(DAYS[0], "ann", "bo", 1, 1, gained=5), deal(DAYS[0], "cy", "di", 1, 1, gained=-9)
    assert seen(flags([trip, larger], {})) == [("round-trip", "di", "cy"), ("round-trip", "ann", "bo")]
