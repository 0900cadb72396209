"""What cannot be prevented is found: on the attacks that it is there for, and not on honest months and markets."""

from __future__ import annotations

import pytest

from ringfence import ring
from ringfence.attack.month import live_a_month
from ringfence.attack.trading import STYLES, Conspirators, pairs
from ringfence.bench.detectors import Detected, detector_table
from ringfence.custody import EXCHANGE
from ringfence.custody.history import at_random_instants, least_of_each_month, not_passed_on
from ringfence.database import Store
from ringfence.demo.run import Plan, run
from ringfence.ledger import Ledger
from ringfence.margin.flags import dealt, flags, moved
from ringfence.margin.rules import load


@pytest.mark.parametrize("name", ["old", "fb"])
def test_money_that_was_away_for_part_of_a_month_is_found_and_an_honest_month_is_not_accused(
    store: Store, name: str
) -> None:
    taken = live_a_month(store, ring.load(name), f"{name}_taken", 3, taken=True)
    honest = live_a_month(store, ring.load(name), f"{name}_honest", 3, taken=False)
    assert max(least.short_minor for one in taken for least in least_of_each_month(one)) == 30_000_000_00
    assert any(at_random_instants(one, "secret", 100) for one in taken)
    # When somebody counts at the end, everything is there.
    assert all(one[-1].short_minor == 0 for one in taken)
    for one in honest:
        assert [least.short_minor for least in least_of_each_month(one)] == [0]
        assert at_random_instants(one, "secret", 100) == []


def test_money_that_stays_at_the_member_is_seen_as_soon_as_it_may(store: Store) -> None:
    """K3 taken out: with it there is no such instant."""
    [lived] = live_a_month(store, ring.load("sge", "K3"), "passing", 1, taken=True)
    assert not_passed_on(lived)


def test_pairs_that_pass_money_by_trades_are_flagged_in_a_market_of_honest_people(store: Store) -> None:
    plan = Plan(days=10, clients=36, seed=5)
    conspiring = pairs(36, 5, 1)
    assert [pair.style for pair in conspiring] == [*STYLES]
    assert all(pair.loser.client.member == pair.gainer.client.member for pair in conspiring)
    run(store, plan, also=Conspirators(conspiring, plan.trading_days()))
    days = plan.trading_days()
    with Ledger(store, EXCHANGE, "auditor") as exchange:
        deals = dealt(exchange.connection, load(), days[0], days[-1])
        found = flags(deals, moved(exchange.connection, days[0], days[-1]))
    flagged = {frozenset((flag.client, flag.other)) for flag in found}
    seen = {pair.style for pair in conspiring if pair.names in flagged}
    assert seen >= {"wash", "one-way"}
    # What is less away from the market than anybody looks at is not seen, and we say so.
    assert "quiet" not in seen


def test_the_table_has_what_is_found_of_what_is_there_and_what_is_cried_out_of_what_is_not() -> None:
    lines = detector_table([Detected("least of the month", "F3 in fb", 3, 3, 3, 0, "months"), Detected("x", "y", 2, 1)])
    assert "3 / 3" in lines[1]
    assert "0 / 3 months" in lines[1]
    assert lines[2].split() == ["x", "y", "1", "/", "2", "-"]
