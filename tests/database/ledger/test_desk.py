"""The desk: single instructions of many callers become batches, and everybody gets an answer of one's own."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest

from ringfence.database import Store, StoreUnreachable
from ringfence.errors import BadInput
from ringfence.ledger import Control, Desk, DeskClosed, DeskFull, Instruction, Ledger, Unanswered
from ringfence.ledger.ledger import Posted
from trial_ledger import DAY, LEDGER, arrival, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)


class Watched(Ledger):
    """A ledger that remembers the size of every batch, and waits for `gate` before each."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, LEDGER, "teller")
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def post(
        self, instructions: Sequence[Instruction], taking_over: tuple[str, int] | None = None, *, whole: bool = False
    ) -> Posted:
        assert self.gate.wait(20)
        self.sizes.append(len(instructions))
        return super().post(instructions, taking_over, whole=whole)


@contextmanager
def desk_of(store: Store, waiting: int = 1_000) -> Iterator[tuple[Desk, Watched]]:
    ledger = Watched(store)
    with Desk(lambda: ledger, waiting) as desk:
        try:
            yield desk, ledger
        finally:
            ledger.gate.set()


def in_threads(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What every call returned or raised."""
    with ThreadPoolExecutor(len(calls)) as pool:
        asked = [pool.submit(call) for call in calls]
        return [one.exception(30) or one.result() for one in asked]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_what_waits_together_is_one_batch_and_everybody_gets_an_own_outcome(store: Store, teller: Ledger) -> None:
    with desk_of(store) as (desk, ledger):
        ledger.gate.clear()
        first = threading.Thread(target=desk.post, args=(arrival(teller, "first", "ann", 1),))
        first.start()
        until(lambda: not desk._queue)
        asked = [arrival(teller, f"k{n}", "ann", 100 + n) for n in range(40)]
        threading.Timer(0.2, ledger.gate.set).start()
        outcomes = in_threads([partial(desk.post, one) for one in asked])
        first.join(10)
    assert ledger.sizes == [1, 40]
    assert [outcome.instruction.key for outcome in outcomes] == [one.key for one in asked]
    assert len({outcome.posting for outcome in outcomes}) == 40
    # The balances are those of one order of the forty.
    in_order = sorted(outcomes, key=lambda outcome: outcome.posting)
    sums = itertools.accumulate(outcome.instruction.amount_minor for outcome in in_order)
    assert [outcome.credit_balance_minor for outcome in in_order] == [1 + total for total in sums]


def test_a_refusal_is_its_callers_alone(store: Store, teller: Ledger) -> None:
    with desk_of(store) as (desk, _):
        good = [arrival(teller, f"g{n}", "ann", 10) for n in range(20)]
        bad = [replace(one, key=f"b{n}", amount_minor=0) for n, one in enumerate(good)]
        outcomes = in_threads([partial(desk.post, one) for one in [*good, *bad]])
    assert all(outcome.refusal is None for outcome in outcomes[:20])
    assert {outcome.refusal.control for outcome in outcomes[20:]} == {Control.AMOUNT}
    assert teller.balances("wallet")["ann"] == 200


UNSENDABLE: list[tuple[str, Any, str]] = [
    ("ref", "x" * 10_000_000, "0 to 2,000 characters"),
    ("ref", "a\0b", "without zero bytes"),
    ("ref", "\ud800", "without zero bytes and half characters"),
    ("payee", "9" * 201, "0 to 200 characters"),
    ("key", "", "1 to 200 characters"),
    ("key", "k" * 201, "1 to 200 characters"),
    ("hold", 2**63, "0 to 2^63 - 1"),
    ("reverses", 2**70, "0 to 2^63 - 1"),
    ("path", (1, 2, 3, 4, 5), "at most four"),
    ("path", (1, 2**64), "0 to 2^63 - 1"),
]


def test_what_cannot_be_sent_is_refused_by_name_and_disturbs_nobody(store: Store, teller: Ledger) -> None:
    with desk_of(store) as (desk, _):
        for turn, (field, value, right) in enumerate(UNSENDABLE):
            good = [arrival(teller, f"g{turn}.{n}", "ann", 10) for n in range(10)]
            bad = replace(arrival(teller, f"bad{turn}", "ann", 10), **{field: value})
            outcomes = in_threads([partial(desk.post, one) for one in [bad, *good]])
            assert isinstance(outcomes[0], BadInput)
            assert outcomes[0].figures["field"] == field
            assert right in str(outcomes[0])
            assert len(str(outcomes[0])) < 300
            assert all(outcome.posting for outcome in outcomes[1:])
            with pytest.raises(BadInput, match=field):
                teller.post([replace(good[0], key=f"other{turn}"), bad])


def test_a_full_desk_says_so_and_takes_more_once_there_is_room(store: Store, teller: Ledger) -> None:
    with desk_of(store, waiting=3) as (desk, ledger):
        ledger.gate.clear()
        asked = [arrival(teller, f"k{n}", "ann", 1) for n in range(5)]
        under_way = threading.Thread(target=desk.post, args=(asked[0],))
        under_way.start()
        until(lambda: not desk._queue)
        waiting = [threading.Thread(target=desk.post, args=(one,)) for one in asked[1:4]]
        for thread in waiting:
            thread.start()
        until(lambda: len(desk._queue) == 3)
        with pytest.raises(DeskFull) as full:
            desk.post(asked[4], seconds=0.05)
        assert full.value.figures["waiting"] == 3
        with pytest.raises(DeskFull):
            asyncio.run(desk.post_soon(asked[4], seconds=0.05))
        threading.Timer(0.1, ledger.gate.set).start()
        assert desk.post(asked[4], seconds=10).posting
        for thread in [under_way, *waiting]:
            thread.join(10)
    assert teller.balances("wallet")["ann"] == 5


def test_coroutines_and_threads_share_a_desk(store: Store, teller: Ledger) -> None:
    async def many(desk: Desk, mark: str) -> list[Any]:
        return await asyncio.gather(
            *(desk.post_soon(arrival(teller, f"{mark}{n}", "bo", 1)) for n in range(50)),
            desk.post_soon(replace(arrival(teller, f"{mark}bad", "bo", 1), value_date=DAY.replace(year=2019))),
        )

    with desk_of(store) as (desk, ledger):
        results = in_threads(
            [partial(asyncio.run, many(desk, mark)) for mark in "xy"]
            + [partial(desk.post, arrival(teller, f"t{n}", "bo", 1)) for n in range(20)]
        )
    assert all(outcome.posting for outcome in [*results[0][:50], *results[1][:50], *results[2:]])
    assert {results[0][50].refusal.control, results[1][50].refusal.control} == {Control.DATED}
    assert teller.balances("wallet")["bo"] == 120
    assert len(ledger.sizes) < 60, "they were posted together"


def test_a_caller_that_gave_up_disturbs_nobody(store: Store, teller: Ledger) -> None:
    async def impatient(desk: Desk, ledger: Watched) -> None:
        ledger.gate.clear()
        asked = asyncio.create_task(desk.post_soon(arrival(teller, "left", "ann", 7)))
        await asyncio.sleep(0.05)
        asked.cancel()
        ledger.gate.set()
        assert (await desk.post_soon(arrival(teller, "stayed", "ann", 5))).posting

    with desk_of(store) as (desk, ledger):
        asyncio.run(impatient(desk, ledger))
    assert teller.balances("wallet")["ann"] == 12, "what was left at the desk is posted all the same"


def test_a_group_stays_together_and_is_refused_whole(store: Store, teller: Ledger) -> None:
    pair = [replace(arrival(teller, f"p{n}", "ann", 10 * n), group="pair") for n in range(2)]
    with desk_of(store) as (desk, _):
        outcomes = desk.post_together(pair)
        assert [outcome.refusal.control for outcome in outcomes if outcome.refusal] == [Control.AMOUNT, Control.LINKED]
        with pytest.raises(BadInput, match="1 to 1000"):
            desk.post_together([])


def test_a_lost_database_is_told_and_the_same_key_finds_out(store: Store, teller: Ledger) -> None:
    asked = arrival(teller, "lost", "ann", 30)
    with Desk(lambda: Ledger(store, LEDGER, "teller")) as desk:
        assert desk.post(arrival(teller, "before", "ann", 1)).posting
        with store.connect() as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> %s",
                ("ringfence_trial_teller", teller.connection.info.backend_pid),
            )
        with pytest.raises(Unanswered, match="ask again with the same key"):
            desk.post(asked)
        again = desk.post(asked)
    assert again.posting
    assert teller.balances("wallet")["ann"] == 31


def test_a_server_that_stays_away_is_named_and_nobody_waits_for_ever(store: Store, teller: Ledger) -> None:
    entries = iter([Ledger(store, LEDGER, "teller")])

    def enter() -> Ledger:
        for ledger in entries:
            return ledger
        raise psycopg.OperationalError("no such server")

    with Desk(enter) as desk:
        assert desk._ledger is not None
        desk._ledger.connection.close()
        with pytest.raises(Unanswered):
            desk.post(arrival(teller, "1", "ann", 1))
        for key in ("2", "3"):
            with pytest.raises(StoreUnreachable, match="no such server"):
                desk.post(arrival(teller, key, "ann", 1))


def test_a_batch_that_fails_as_a_whole_is_posted_one_by_one(store: Store, teller: Ledger) -> None:
    class Choking(Watched):
        def post(self, instructions: Sequence[Instruction], *rest: Any, **more: Any) -> Posted:
            if any(asked.key == "choke" for asked in instructions):
                self.sizes.append(-len(instructions))
                raise psycopg.errors.ProgramLimitExceeded("too much")
            return super().post(instructions, *rest, **more)

    ledger = Choking(store)
    with Desk(lambda: ledger) as desk:
        ledger.gate.clear()
        first = threading.Thread(target=desk.post, args=(arrival(teller, "first", "ann", 1),))
        first.start()
        until(lambda: not desk._queue)
        threading.Timer(0.2, ledger.gate.set).start()
        asked = [arrival(teller, key, "ann", 1) for key in ("a", "choke", "c")]
        outcomes = in_threads([partial(desk.post, one) for one in asked])
        first.join(10)
    assert outcomes[0].posting
    assert outcomes[2].posting
    assert isinstance(outcomes[1], psycopg.errors.ProgramLimitExceeded)
    assert -3 in ledger.sizes


def test_a_closed_desk_posts_what_waits_and_takes_nothing_more(store: Store, teller: Ledger) -> None:
    desk = Desk(lambda: Ledger(store, LEDGER, "teller"))
    waiting = [threading.Thread(target=desk.post, args=(arrival(teller, f"k{n}", "ann", 1),)) for n in range(10)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(10)
    desk.close()
    with pytest.raises(DeskClosed):
        desk.post(arrival(teller, "late", "ann", 1))
    assert teller.balances("wallet")["ann"] == 10
