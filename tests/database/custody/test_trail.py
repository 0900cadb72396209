"""One instruction, followed through signatures, holds, letters and both books, from whichever of its postings one comes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from lived import CLIENT, SIGNED_MINOR, make_lived
from ringfence.custody.trail import Trail, trail, trail_from_bank
from ringfence.database import Store
from ringfence.ledger import role

pytestmark = pytest.mark.ledgers.with_args(make_lived)


@pytest.fixture
def exchange(store: Store) -> Iterator[psycopg.Connection]:
    with store.connect(role("exchange", "supervisor")) as connection:
        yield connection


def one(exchange: psycopg.Connection, query: str) -> int:
    row = exchange.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def events(found: Trail | None) -> list[tuple[str, str]]:
    assert found is not None
    return [(event.lane, event.what) for event in found.events]


WITHDRAWAL = "SELECT max(id) FROM exchange.posting WHERE ref LIKE 'ed25519 %'"


def test_a_signed_withdrawal_from_the_signature_to_the_exchanges_posting(exchange: psycopg.Connection) -> None:
    hold = one(exchange, WITHDRAWAL)
    found = trail(exchange, hold)
    assert events(found) == [
        ("client", "signs"),
        ("exchange", "holds"),
        ("bank_a", "pays"),
        ("exchange", "reports"),
        ("exchange", "posts"),
    ]
    assert found is not None
    assert [event.right for event in found.events] == [True, None, None, True, None]
    assert {event.amount_minor for event in found.events if event.amount_minor} == {SIGNED_MINOR}
    assert found.client == CLIENT
    # The same from its end; and the chain goes through the batch of that.
    last = one(exchange, f"SELECT id FROM exchange.posting WHERE about = {hold}")
    assert trail(exchange, last) == found
    assert [link.batch for link in found.chain][1] == found.postings[-1][1].batch


def test_of_a_bank_whose_book_may_be_read_its_very_entries_are_there(
    store: Store, exchange: psycopg.Connection
) -> None:
    with contextlib.ExitStack() as reading:

        def bank(name: str) -> psycopg.Connection:
            return reading.enter_context(store.connect(role(name, "supervisor")))

        found = trail(exchange, one(exchange, WITHDRAWAL), bank)
        assert found is not None
        assert [book for book, _ in found.postings] == ["exchange", "bank_a", "exchange"]
        at_bank = found.postings[1][1]
        assert sum(entry.amount_minor for entry in at_bank.posting.entries) == 0
        assert [entry.account.kind for entry in at_bank.posting.entries] == [
            "exchange-client-money", "member-transit", "member-transit", "client-bank",
        ]  # fmt: skip
        assert trail_from_bank(exchange, "bank_a", at_bank.posting.id) == found.postings[2][1].posting.id
        moments = [event.at for event in found.events if event.at is not None][1:]
        assert moments == sorted(moments)


def test_a_deposit_begins_at_the_bank(exchange: psycopg.Connection) -> None:
    deposit = one(
        exchange, "SELECT max(p.id) FROM exchange.posting AS p JOIN exchange.route AS r ON r.id = p.route WHERE r.name = 'deposit'"
    )  # fmt: skip
    found = events(trail(exchange, deposit))
    assert [what for _, what in found] == ["books", "reports", "posts"]
    assert found[0][0].startswith("bank_")


def test_what_only_the_exchange_did_is_one_step(exchange: psycopg.Connection) -> None:
    fee = one(
        exchange, "SELECT max(p.id) FROM exchange.posting AS p JOIN exchange.route AS r ON r.id = p.route WHERE r.name = 'fee'"
    )  # fmt: skip
    assert events(trail(exchange, fee)) == [("exchange", "moves")]
    assert trail(exchange, 10**12) is None
    assert trail_from_bank(exchange, "bank_a", 10**12) is None


def test_what_was_changed_shows_as_a_wrong_signature(store: Store, exchange: psycopg.Connection) -> None:
    hold = one(exchange, WITHDRAWAL)
    with store.connect() as administrator:
        administrator.execute("UPDATE exchange.posting SET amount = amount + 1 WHERE id = %s", (hold,))
        administrator.execute("UPDATE exchange_letters.letter SET signature = decode(repeat('00', 64), 'hex')")
    found = trail(exchange, hold)
    assert found is not None
    assert [event.right for event in found.events if event.right is not None] == [False, False]
