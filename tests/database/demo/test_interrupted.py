"""A market that is interrupted again and again comes to the same end as one that never was."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

from conftest import Server
from ringfence.custody import verify_circle
from ringfence.database import Store, drop_ledger
from ringfence.demo.people import BANKS
from ringfence.demo.run import Plan, Watch, run

PLAN = Plan(days=2, clients=24, seed=3)
SHORT = Plan(days=1, clients=24, seed=3)
LEFT = {
    book: (
        f"SELECT kind, owner, unit, number, balance, held_out, held_in FROM {book}.balances ORDER BY 1, 2, 3",
        f"SELECT key, hash, value_date, payee, ref FROM {book}.posting ORDER BY key",
    )
    for book in (*BANKS, "exchange")
}
MARGIN = tuple(
    f"SELECT * FROM exchange_margin.{table} ORDER BY 1, 2, 3" for table in ("trade", "piece", "position", "client_day")
)

REFUSED = "SELECT day, refused FROM demo.lived ORDER BY 1"


class Interrupted(Exception):
    """Somebody pulled the plug."""


# After every commit in `make simulate`; else after every fifth, since each goes through the start of a run once more.
EVERY = int(os.environ.get("RINGFENCE_INTERRUPT_EVERY", "5"))


@dataclass
class Interrupting(Watch):
    """Pulls the plug after so many commits, once the equation has been read there."""

    left: int = EVERY

    def __call__(self) -> None:
        super().__call__()
        assert not self.failures
        assert self.transit_nonzero == 0
        self.left -= 1
        if not self.left:
            raise Interrupted


def left_behind(store: Store) -> list[Any]:
    with store.connect() as administrator:
        queries = [*(query for book in LEFT.values() for query in book), *MARGIN, REFUSED]
        return [administrator.execute(query.encode()).fetchall() for query in queries]


def lived(server: Server, plan: Plan) -> list[Any]:
    database = server.create()
    store = server.store(database)
    run(store, plan)
    left = left_behind(store)
    server.drop(database)
    return left


@pytest.fixture(scope="module")
def undisturbed(server: Server) -> list[Any]:
    return lived(server, PLAN)


def test_interrupted_again_and_again(server: Server, store: Store) -> None:
    interruptions = 0
    while True:
        try:
            run(store, SHORT, watch=Interrupting())
        except Interrupted:
            interruptions += 1
            assert interruptions < 200, "it does not get anywhere"
        else:
            break
    assert interruptions > 20 // EVERY
    assert left_behind(store) == lived(server, SHORT)
    assert verify_circle(store, BANKS).ok


def test_in_whatever_batches_it_is_posted(
    store: Store, undisturbed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More clients than fit a batch are no other market."""
    monkeypatch.setattr("ringfence.ledger.ledger.LARGEST_BATCH", 5)
    run(store, PLAN)
    assert left_behind(store) == undisturbed
    with store.connect() as administrator:
        largest = administrator.execute("SELECT max(postings) FROM exchange.batch").fetchone()
    assert largest == (5,)


@pytest.mark.parametrize("after", [3, 9, 17])
def test_interrupted_once(store: Store, undisturbed: list[Any], after: int) -> None:
    class Once(Watch):
        def __call__(self) -> None:
            super().__call__()
            if self.reader is not None and self.checks == after:
                raise Interrupted

    with pytest.raises(Interrupted):
        run(store, PLAN, watch=Once())
    result = run(store, PLAN)
    assert result.went_on
    assert left_behind(store) == undisturbed


def test_interrupted_while_an_earlier_demonstration_is_replaced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left of the earlier books, they stay a demonstration's, and the next run replaces them."""
    run(store, SHORT)
    for dropped in range(9):
        left = dropped

        def drop(administrator: Any, schema: str) -> None:
            nonlocal left
            if not left:
                raise Interrupted
            left -= 1
            drop_ledger(administrator, schema)

        with monkeypatch.context() as patched:
            patched.setattr("ringfence.demo.run.drop_ledger", drop)
            with pytest.raises(Interrupted):
                run(store, PLAN)
    assert not run(store, SHORT).went_on
