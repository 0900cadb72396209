"""Forced reduction: band by band, in proportion, against gains alone; by hand, and what always holds."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ringfence.margin.one_sided import Holder, Reduction, reduce
from ringfence.money import Rate

GOLD = (Rate.parse("8%"), Rate.parse("4%"))
SETTLEMENT = 40000  # 8 % are 3,200 fen, 4 % are 1,600


def test_those_who_gain_most_give_first_and_within_a_band_in_proportion() -> None:
    """20 lots are wanted: 8 from who gains more than 8 %, then 12 of the 24 that gain more than 4 %, nothing from the others."""
    holders = [
        Holder("a", 8, 3200),
        Holder("b", 16, 3199),
        Holder("c", 8, 1600),
        Holder("d", 50, 1599),
        Holder("e", 50, -1),
    ]
    found = reduce({"x": 15, "y": 5}, holders, SETTLEMENT, GOLD)
    assert found == [
        Reduction("x", "a", 1, 6), Reduction("y", "a", 1, 2),
        # 9 and 3 are left; b gives 8 and c 4.
        Reduction("x", "b", 2, 8), Reduction("x", "c", 2, 1), Reduction("y", "c", 2, 3),
    ]  # fmt: skip


def test_nobody_who_loses_is_closed_and_what_is_left_stays_open() -> None:
    found = reduce({"x": 30}, [Holder("d", 20, 1), Holder("e", 50, 0), Holder("f", 50, -100)], SETTLEMENT, GOLD)
    assert found == [Reduction("x", "d", 3, 20)]
    assert reduce({}, [Holder("d", 20, 1)], SETTLEMENT, GOLD) == []
    assert reduce({"x": 3}, [], SETTLEMENT, GOLD) == []


holders = st.lists(st.tuples(st.integers(1, 40), st.integers(-100, 5000)), max_size=8)


@given(st.lists(st.integers(1, 40), max_size=5), holders)
def test_as_much_as_possible_is_closed_and_nobody_beyond_what_is_its_own(wants, having):
    wanted = {f"x{place}": lots for place, lots in enumerate(wants)}
    held = [Holder(f"h{place}", lots, gain) for place, (lots, gain) in enumerate(having)]
    found = reduce(wanted, held, SETTLEMENT, GOLD)
    gaining = [holder for holder in held if holder.gain_minor > 0]
    assert sum(one.lots for one in found) == min(sum(wants), sum(holder.lots for holder in gaining))
    for client, lots in wanted.items():
        assert sum(one.lots for one in found if one.loser == client) <= lots
    for holder in held:
        given_lots = sum(one.lots for one in found if one.winner == holder.client)
        assert given_lots <= (holder.lots if holder.gain_minor > 0 else 0)
    # A band gives only when the one before has given all; within a band everybody is within a lot of its share.
    limits = [Fraction(8, 100) * SETTLEMENT, Fraction(4, 100) * SETTLEMENT, Fraction(0)]
    band_of = {
        holder.client: next(place for place, limit in enumerate(limits, 1) if holder.gain_minor >= limit)
        for holder in gaining
    }
    for number in (1, 2, 3):
        members = [holder for holder in gaining if band_of[holder.client] == number]
        gave = {m.client: sum(one.lots for one in found if one.winner == m.client) for m in members}
        total, has = sum(gave.values()), sum(m.lots for m in members)
        assert all(one.band == band_of[one.winner] for one in found)
        if any(one.band > number for one in found):
            assert total == has
        for m in members:
            assert abs(gave[m.client] - Fraction(total * m.lots, has)) < 1
