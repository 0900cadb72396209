"""Plans part by part: what stands behind clients is used once, whoever comes first, and nothing is planned beyond it."""

from __future__ import annotations

import datetime

import pytest

from ringfence.margin import rules
from ringfence.margin.day import UnbalancedPositions
from ringfence.margin.lots import BUY, SELL, Fills, Lots
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.opening import Opening
from ringfence.margin.planning import Backing, Planning, ReserveExhausted, conditions
from ringfence.money.columns import column

DAY = datetime.date(2020, 3, 6)
SILVER = "Ag(T+D)"
# Ten lots of a kilogram fall by 5.00 a kilogram.
LOSS_MINOR = 10 * 5_00
PRICE = SettlementPrice(4_200_00, 4_195_00, Direction.NONE)
PLENTY_MINOR = 10**9


def part(*clients: str, side: int = BUY, lots: int = 10) -> Opening:
    """So many lots of yesterday for each."""
    size = len(clients)
    held = Lots(
        column(range(size)),
        column([0] * size),
        column([side] * size),
        column([DAY.toordinal() - 1] * size),
        column(range(1, size + 1)),
        column([4_100_00] * size),
        column([lots] * size),
    )
    return Opening(clients, [SILVER], held, Fills.none(), [])


def planning(guarantees_minor: dict[str, dict[str, int]], reserves_minor: dict[str, int]) -> Planning:
    on = conditions([SILVER], DAY, {SILVER: PRICE}, rules.load(), 3)
    assert on.contracts[0].lot_quantity == 1
    return Planning(DAY, on, Backing(lambda client: client.split("-")[0], guarantees_minor, reserves_minor))


@pytest.mark.parametrize("apart", [False, True])
def test_a_guarantee_and_a_reserve_are_used_once(*, apart: bool) -> None:
    plan = planning({"b": {"m1": 30}, "a": {"m1": LOSS_MINOR, "m2": PLENTY_MINOR}}, {"b": PLENTY_MINOR, "a": 100})
    openings = [part("m1-ann"), part("m1-bo")] if apart else [part("m1-ann", "m1-bo")]
    parts = [plan.part(opening, column([0] * len(opening.clients))) for opening in openings]
    covers = [
        (cover.client, cover.source, cover.bank, cover.amount_minor) for planned in parts for cover in planned.covers
    ]
    assert covers == [
        ("m1-ann", "member-guarantee", "a", LOSS_MINOR),
        ("m1-bo", "member-guarantee", "b", 30),
        ("m1-bo", "exchange-reserve", "a", 100),
        ("m1-bo", "exchange-reserve", "b", LOSS_MINOR - 130),
    ]
    # Covered, each is left with nothing: all of its margin is called for.
    for planned in parts:
        assert planned.funds.equity_minor.tolist() == [0] * len(planned.names)
        assert (planned.funds.call_minor == planned.clients.margin).all()
    plan.part(part("m3-cy", side=SELL, lots=20), column([PLENTY_MINOR]))
    assert plan.left_over() == {}


def test_what_is_used_up_covers_nobody() -> None:
    plan = planning({"a": {"m1": LOSS_MINOR}}, {"a": LOSS_MINOR - 1})
    plan.part(part("m1-ann"), column([0]))
    with pytest.raises(ReserveExhausted) as short:
        plan.part(part("m1-bo"), column([0]))
    assert (short.value.figures["client"], short.value.figures["missing_minor"]) == ("m1-bo", 1)


def test_a_part_that_is_missing_is_missed() -> None:
    plan = planning({}, {})
    plan.part(part("m1-ann", "m1-bo"), column([PLENTY_MINOR] * 2))
    with pytest.raises(UnbalancedPositions) as found:
        plan.left_over()
    assert (found.value.figures["long_lots"], found.value.figures["short_lots"]) == (20, 0)
