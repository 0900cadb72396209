"""A book kept in two ledgers of one store: a settlement that crosses them is two postings with one key, and sums to zero."""

from __future__ import annotations

import threading

import pytest

from ringfence.bench.workload import DAY, make
from ringfence.database import Store
from ringfence.ledger import Instruction, Ledger
from ringfence.ledger.verify import verify

BOTH = ("north", "south")
CLIENTS = 40


def make_both(store: Store) -> None:
    for name in BOTH:
        make(store, name, CLIENTS, lambda said: None)


pytestmark = pytest.mark.ledgers.with_args(make_both)


def settled(ledger: Ledger, sign: int) -> list[Instruction]:
    """Every client of one ledger loses what the client of the same name in the other gains; the half the other way round."""
    between = ledger.account("between-ledgers", "house")
    found = []
    for number, client in enumerate(sorted(name for name, party in ledger.parties.items() if party.role == "client")):
        wallet = ledger.account("wallet", client)
        loses = (number % 2 == 0) == (sign > 0)
        route, path = ("loss", (wallet, between)) if loses else ("profit", (between, wallet))
        # The halves do not cancel out within a ledger.
        found.append(Instruction(f"settle:{client}", route, client, path, 100 + (number if number % 2 else 0), DAY))
    return found


def between(store: Store) -> list[int]:
    total = []
    for name in BOTH:
        with Ledger(store, name, "teller") as ledger:
            total.append(ledger.balances("between-ledgers")["house"])
    return total


def test_what_crosses_two_ledgers_sums_to_zero_also_when_it_was_interrupted(store: Store) -> None:
    with Ledger(store, "north", "teller") as north, Ledger(store, "south", "teller") as south:
        assert north.post(settled(north, 1)).refusals == []
        # Here somebody pulls the plug: the other side is not posted, and the sum says what is missing.
        assert sum(between(store)) == between(store)[0] != 0
        for ledger, sign in ((north, 1), (south, -1)):
            outcomes = ledger.post(settled(ledger, sign)).outcomes
            assert [outcome.replayed for outcome in outcomes] == [ledger is north] * CLIENTS
    found = between(store)
    assert sum(found) == 0
    assert found[0] != 0
    for name in BOTH:
        with Ledger(store, name, "teller") as ledger:
            assert verify(ledger).findings == ()


def test_two_ledgers_are_written_at_the_same_time(store: Store) -> None:
    """Neither waits for the other: one posts while the head of the other is held."""
    with store.connect() as administrator, administrator.transaction():
        administrator.execute("SELECT FROM north.head FOR UPDATE")
        done = threading.Event()

        def post() -> None:
            with Ledger(store, "south", "teller") as south:
                assert south.post(settled(south, -1)).refusals == []
            done.set()

        threading.Thread(target=post, daemon=True).start()
        assert done.wait(20)
