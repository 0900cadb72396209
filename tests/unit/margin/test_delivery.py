"""Tenders, direction, neutrals, matches, defaults: the exchange's own example, days by hand, and what always holds."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margins import Fill, Lot, settled
from ringfence.errors import BadInput
from ringfence.margin import rules
from ringfence.margin.delivery import Cleared, Count, Match, Means, Tender, clear, count, match
from ringfence.margin.market import Direction, SettlementPrice

DAY = datetime.date(2020, 3, 16)
ON = rules.load().on(DAY)
GOLD = ON["Au(T+D)"]
KILOGRAM = 1_000_000


def lots(matches: list[Match]) -> list[tuple[str, str, int]]:
    return [(one.deliver.client, one.receive.client, one.lots) for one in matches]


def cleared_with(matches: list[Match], metal: dict[str, int], cash: dict[str, int]) -> list[Cleared]:
    """Cleared at 348.18; `metal` is gold 99.95 in milligrams, `cash` fen."""
    return clear(GOLD, 34818, matches, Means(cash, {(client, "AU9995"): weight for client, weight in metal.items()}))


def penalties(cleared: list[Cleared]) -> list[tuple[tuple[str, int], ...]]:
    return [tuple(one.penalty) for one in cleared if one.penalty]


def test_the_exchanges_own_example() -> None:
    """100 long, 100 short; 40 want metal, 30 are tendered; an equalizer brings 10: all 40 are delivered, 70 shorts pay the fee.

    https://en.sge.com.cn/eng_trading_matchingMarket_MarginTrading
    """
    tenders = [Tender(1, "long", "receive", 40), Tender(2, "short", "deliver", 30)]
    counted = count(tenders)
    assert counted == Count(30, 40)
    assert counted.direction is Direction.SHORTS_PAY
    assert counted.gap == ("deliver", 10)
    tenders.append(Tender(3, "equalizer", "deliver", 10, neutral=True))
    matches = match(tenders)
    assert lots(matches) == [("short", "long", 30), ("equalizer", "long", 10)]

    # The evening: delivery closes lots at the settlement price; the equalizer gets its reverse position there.
    price = 34818
    fills = [
        Fill("short", "Au(T+D)", 1, "close", 30, price, charged=False),
        Fill("long", "Au(T+D)", -1, "close", 40, price, charged=False),
        Fill("equalizer", "Au(T+D)", 1, "open", 10, price, charged=False),
    ]
    held = [Lot("long", "Au(T+D)", 1, 100, 34000), Lot("short", "Au(T+D)", -1, 100, 34000)]
    day = settled(DAY, ON, {"Au(T+D)": SettlementPrice(34143, price, counted.direction)}, held, fills)
    deferred = {who: row["deferred"] for (who, _), row in day.rows.items()}
    # 70 lots x 348,180.00 x 0.02 % = 4,874.52, of which 60 and 10 lots receive their part.
    assert deferred == {"short": -487452, "long": 417816, "equalizer": 69636}
    positions = {who: (row["long_lots"], row["short_lots"]) for (who, _), row in day.rows.items()}
    assert positions == {"long": (60, 0), "short": (0, 70), "equalizer": (10, 0)}
    assert {row["fee"] for row in day.rows.values()} == {0}


@pytest.mark.parametrize(
    ("deliver", "receive", "direction", "gap"),
    [
        (5, 3, Direction.LONGS_PAY, ("receive", 2)),
        (3, 5, Direction.SHORTS_PAY, ("deliver", 2)),
        (4, 4, Direction.NONE, None),
        (0, 0, Direction.NONE, None),
        (0, 1, Direction.SHORTS_PAY, ("deliver", 1)),
    ],
)
def test_the_side_that_tendered_less_pays(
    deliver: int, receive: int, direction: Direction, gap: tuple[str, int] | None
) -> None:
    counted = Count(deliver, receive)
    assert (counted.direction, counted.gap) == (direction, gap)


def test_matches_and_neutrals_go_in_the_order_of_time() -> None:
    tenders = [
        Tender(1, "s1", "deliver", 5),
        Tender(2, "l1", "receive", 2),
        Tender(3, "s2", "deliver", 4),
        Tender(4, "l2", "receive", 1),
        Tender(7, "n2", "receive", 5, neutral=True),
        Tender(6, "n1", "receive", 4, neutral=True),
        Tender(8, "n3", "receive", 9, neutral=True),
    ]
    # 9 are delivered, 3 received: neutrals have 6 to fill, the first of them 4, the second 2, the third none.
    assert lots(match(tenders)) == [("s1", "l1", 2), ("s1", "l2", 1), ("s1", "n1", 2), ("s2", "n1", 2), ("s2", "n2", 2)]


def test_position_holders_come_before_neutrals_whenever_they_tendered() -> None:
    tenders = [
        Tender(1, "n", "deliver", 2, neutral=True),
        Tender(2, "l", "receive", 3),
        Tender(3, "s", "deliver", 2),
    ]
    assert lots(match(tenders)) == [("s", "l", 2), ("n", "l", 1)]


def test_what_is_not_matched_stays_open() -> None:
    assert lots(match([Tender(1, "s", "deliver", 5), Tender(2, "l", "receive", 2)])) == [("s", "l", 2)]
    assert match([Tender(1, "s", "deliver", 5)]) == []
    assert match([]) == []


def test_a_neutral_comes_only_where_something_is_lacking() -> None:
    full = [Tender(1, "s", "deliver", 2), Tender(2, "l", "receive", 2)]
    with pytest.raises(BadInput, match="nothing is lacking"):
        match([*full, Tender(3, "n", "deliver", 1, neutral=True)])
    with pytest.raises(BadInput, match="to receive, which is lacking"):
        match([*full, Tender(4, "s", "deliver", 1), Tender(5, "n", "deliver", 1, neutral=True)])
    with pytest.raises(BadInput, match="deliver or receive"):
        Tender(1, "s", "give", 1)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="at least one lot"):
        Tender(1, "s", "deliver", 0)


def test_who_cannot_give_or_pay_defaults_and_pays_the_other() -> None:
    s1, s2, s3 = (Tender(n, f"s{n}", "deliver", 1) for n in (1, 2, 3))
    l1, l2, l3 = (Tender(n + 3, f"l{n}", "receive", 1) for n in (1, 2, 3))
    matches = [Match(s1, l1, 1), Match(s2, l2, 1), Match(s3, l3, 1)]
    kilogram_minor = 1000 * 34818
    cleared = cleared_with(
        matches,
        {"s1": KILOGRAM, "s2": KILOGRAM - 1, "s3": 0},
        {"l1": kilogram_minor - 1, "l2": kilogram_minor, "l3": 0},
    )
    assert [(one.match, one.outcome) for one in cleared] == [
        (matches[0], "taker-defaults"),
        (matches[1], "giver-defaults"),
        (matches[2], "both-default"),
    ]
    # 348,180.00 x 7 % = 24,372.60; where neither can, neither pays.
    assert penalties(cleared) == [(("l1", -2437260), ("s1", 2437260)), (("s2", -2437260), ("l2", 2437260))]


def test_metal_and_cash_are_counted_once() -> None:
    """Two matches and metal for one: the first in time is delivered, the second is not."""
    s, l1, l2 = Tender(1, "s", "deliver", 2), Tender(2, "l1", "receive", 1), Tender(3, "l2", "receive", 1)
    matches = match([s, l1, l2])
    cleared = cleared_with(matches, {"s": KILOGRAM + KILOGRAM // 2}, {"l1": 10**9, "l2": 10**9})
    assert [(one.match.receive.client, one.outcome) for one in cleared] == [
        ("l1", "delivered"),
        ("l2", "giver-defaults"),
    ]
    assert cleared[0].cash == [("s", 34818000), ("l1", -34818000)]
    assert penalties(cleared) == [(("s", -2437260), ("l2", 2437260))]


def test_cash_is_counted_once_too() -> None:
    s1, s2, taker = Tender(1, "s1", "deliver", 1), Tender(2, "s2", "deliver", 1), Tender(3, "l", "receive", 2)
    cleared = cleared_with(match([s1, s2, taker]), {"s1": KILOGRAM, "s2": KILOGRAM}, {"l": 2 * 34818000 - 1})
    assert [(one.match.deliver.client, one.outcome) for one in cleared] == [
        ("s1", "delivered"),
        ("s2", "taker-defaults"),
    ]
    assert penalties(cleared) == [(("l", -2437260), ("s2", 2437260))]


def test_what_was_paid_as_a_penalty_buys_nothing_any_more() -> None:
    """A taker defaults on two lots of the first giver; the penalty leaves it too little for the one of the second."""
    s1, s2, taker = Tender(1, "s1", "deliver", 2), Tender(2, "s2", "deliver", 1), Tender(3, "l", "receive", 3)
    for cash, last in ((34818000, "taker-defaults"), (34818000 + 4874520, "delivered")):
        cleared = cleared_with(match([s1, s2, taker]), {"s1": 2 * KILOGRAM, "s2": KILOGRAM}, {"l": cash})
        assert [one.outcome for one in cleared] == ["taker-defaults", last]


positions = st.lists(st.tuples(st.sampled_from(["deliver", "receive"]), st.integers(1, 20)), max_size=12)


@given(positions, st.lists(st.integers(1, 20), max_size=6))
def test_as_much_as_possible_is_matched_and_nobody_gets_more_than_it_tendered(tendered, neutral_lots):
    tenders = [Tender(n, f"c{n}", side, size) for n, (side, size) in enumerate(tendered)]
    counted = count(tenders)
    if counted.gap:
        tenders += [Tender(100 + n, f"n{n}", counted.gap[0], size, neutral=True) for n, size in enumerate(neutral_lots)]
    matches = match(tenders)
    filled = min(counted.gap[1], sum(neutral_lots)) if counted.gap else 0
    assert sum(one.lots for one in matches) == min(counted.deliver_lots, counted.receive_lots) + filled
    for tender in tenders:
        taken = sum(one.lots for one in matches if tender in (one.deliver, one.receive))
        assert taken <= tender.lots
        # Whoever came later on the same side gets something only when all before it got everything.
        before = [
            t for t in tenders if t.side == tender.side and (t.neutral, t.number) < (tender.neutral, tender.number)
        ]
        if taken and not tender.neutral:
            for earlier in before:
                assert sum(one.lots for one in matches if earlier in (one.deliver, one.receive)) == earlier.lots
    assert all(one.lots > 0 for one in matches)


@given(positions, st.integers(0, 40), st.integers(0, 40))
def test_nothing_is_delivered_that_is_not_there_and_every_match_ends(tendered, kilograms, millions):
    tenders = [
        Tender(n, "giver" if side == "deliver" else "taker", side, size) for n, (side, size) in enumerate(tendered)
    ]
    matches = match(tenders)
    metal, cash = kilograms * KILOGRAM, millions * 10**8
    cleared = cleared_with(matches, {"giver": metal}, {"taker": cash})
    assert [one.match for one in cleared] == matches
    delivered = sum(one.match.lots for one in cleared if one.outcome == "delivered")
    assert delivered * KILOGRAM <= metal
    assert delivered * 1000 * 34818 <= cash
    for one in cleared:
        assert sum(amount for _, amount in one.cash) == 0
        assert bool(one.penalty) == (one.outcome in ("giver-defaults", "taker-defaults"))
