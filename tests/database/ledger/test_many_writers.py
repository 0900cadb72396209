"""Many at once: the same request a hundred times, and batches that compete, in exactly the order of their commits."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from property.ledger.test_against_reference import as_result, model_of
from ringfence.database import Store
from ringfence.ledger import Action, Instruction, Ledger, Posted
from ringfence.ledger.verify import verify
from trial_ledger import CLIENTS, DAY, LEDGER, account_number, arrival, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)
WRITERS = 5
_BATCHES = 25


def together(*work: threading.Thread) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(120)
        assert not thread.is_alive()


def test_a_hundred_times_the_same_request_is_one_posting(store: Store) -> None:
    results: list[Posted] = []
    started = threading.Barrier(20)

    def ask() -> None:
        with Ledger(store, LEDGER, "teller") as teller:
            wish = arrival(teller, "once", "ann", 7)
            started.wait(30)
            results.extend(teller.post([wish]) for _ in range(5))

    together(*(threading.Thread(target=ask) for _ in range(20)))
    outcomes = [outcome for posted in results for outcome in posted.outcomes]
    assert len(outcomes) == 100
    assert {outcome.posting for outcome in outcomes} == {1}
    assert Counter(outcome.replayed for outcome in outcomes) == {False: 1, True: 99}
    assert {outcome.credit_balance_minor for outcome in outcomes} == {7}
    with Ledger(store, LEDGER, "auditor") as auditor:
        assert auditor.rows("SELECT count(*) FROM {}.posting") == [(1,)]
        assert auditor.balances("wallet")["ann"] == 7


def wishes(ledger: Ledger, login: str, chance: Random) -> list[Instruction]:
    """A few that compete with what others ask: for the same money, by the same keys, linked or held."""
    outside, wallet = ledger.account("outside", "world"), {c: ledger.account("wallet", c) for c in CLIENTS}
    made = []
    for _ in range(chance.choice([1, 3, 10])):
        client = chance.choice(list(CLIENTS))
        key, amount = f"key-{chance.randrange(300)}", chance.choice([1, 5, 20])
        if login == "clerk":
            path = (wallet["ann"], ledger.account("mirror", "bank"))
            made.append(
                Instruction(key, "withdrawal", "ann", path, amount, DAY, Action.HOLD, payee=account_number("ann"))
            )
        elif chance.random() < 0.5:
            made.append(Instruction(key, "arrival", client, (outside, wallet[client]), amount, DAY))
        else:
            path = (wallet[client], ledger.account("run", "house"))
            made.append(Instruction(key, "loss", client, path, amount, DAY))
    if chance.random() < 0.3:
        made = [replace(asked, group=f"g-{chance.randrange(10**9)}" if n % 3 else "") for n, asked in enumerate(made)]
    return made


def test_batches_that_compete_are_posted_in_the_order_of_their_commits(store: Store) -> None:
    done: list[tuple[str, list[Instruction], Posted]] = []
    started = threading.Barrier(WRITERS)

    def write(number: int) -> None:
        login, chance = "clerk" if number == 0 else "teller", Random(number)
        with Ledger(store, LEDGER, login) as ledger:
            started.wait(30)
            for _ in range(_BATCHES):
                asked = wishes(ledger, login, chance)
                done.append((login, asked, ledger.post(asked)))

    together(*(threading.Thread(target=write, args=(number,)) for number in range(WRITERS)))
    assert len(done) == WRITERS * _BATCHES
    with Ledger(store, LEDGER, "auditor") as auditor:
        model = model_of(auditor)
        written = sorted((d for d in done if d[2].batch is not None), key=lambda d: d[2].batch or 0)
        assert len(written) > WRITERS
        for login, asked, posted in written:
            assert [as_result(outcome) for outcome in posted.outcomes] == model.post(login, asked, None)
        for _, _, posted in done:
            # Where nothing was written, nothing was new.
            assert posted.batch is not None or all(o.refusal or o.replayed for o in posted.outcomes)
        rows = auditor.rows("SELECT account, balance, held_out, held_in FROM {}.balances ORDER BY account")
        assert rows == [(n, a.balance, a.held_out, a.held_in) for n, a in model.accounts.items()]
        assert verify(auditor).findings == ()
