"""Batches in any order, in the database and in the plain model: every result and everything that is left must agree."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from random import Random
from typing import ClassVar

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conftest import Server
from property.ledger.reference import Account, Model, Result
from ringfence.database import Store
from ringfence.ledger import Action, Control, Instruction, Ledger, Outcome
from ringfence.ledger.verify import verify
from trial_ledger import CLIENTS, DAY, DECLARATION, LEDGER, account_number, make_trial_ledger

DAYS = [DAY + datetime.timedelta(offset) for offset in range(4)]


class Trial(RuleBasedStateMachine):
    """One ledger in a database of its own, and the model beside it."""

    server: Server
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.database = self.server.clone(make_trial_ledger)
        self.store: Store = self.server.store(self.database)
        self.logins = {name: Ledger(self.store, LEDGER, name) for name in ("teller", "clerk")}
        self.holds: list[tuple[int, Instruction]] = []
        self.asked: list[Instruction] = []
        self.keys = 0
        self.bank_batch = 0

    @initialize()
    def begin(self) -> None:
        ledger = self.logins["teller"]
        rows = ledger.rows("SELECT account, kind, owner, unit, number FROM {}.balances ORDER BY account")
        self.model = Model(
            DECLARATION,
            dict(ledger.parties),
            {number: Account(*rest) for number, *rest in rows},
            {client: ("bank", account_number(client)) for client in CLIENTS if client != "cy"},
            day=DAY,
        )
        self.by_kind: dict[str, list[int]] = {}
        for number, kind, *_ in rows:
            self.by_kind.setdefault(kind, []).append(number)

    def teardown(self) -> None:
        for ledger in self.logins.values():
            ledger.close()
        self.server.drop(self.database)

    # -- what is asked ----------------------------------------------------------------------------------------------

    def instruction(self, chance: Random, login: str) -> Instruction:
        """Mostly what could be carried out, and now and then anything."""
        dice = chance.random()
        if self.asked and dice < 0.1:
            again = chance.choice(self.asked)
            return again if chance.random() < 0.7 else replace(again, ref=again.ref + "?")
        self.keys += 1
        asked = self.finish(chance) if self.holds and dice < 0.3 else self.wish(chance, login)
        if chance.random() < 0.25:
            asked = self.spoilt(chance, asked)
        self.asked.append(asked)
        return asked

    def wish(self, chance: Random, login: str) -> Instruction:
        route = chance.choice([route for route in DECLARATION.routes if route.asks == login])
        client = chance.choice([*CLIENTS, "ann"])
        return Instruction(
            key=f"key-{self.keys}",
            route=route.name,
            subject=client,
            path=tuple(self.fitting(kind, client) for kind in route.path),
            amount_minor=chance.choice([1, 2, 3, 5, 8, 20, 60]),
            value_date=chance.choice(DAYS[1:]),
            action=Action.HOLD if route.finishes else Action.POST,
            payee=account_number(client),
            ref=chance.choice(["", "说明"]),
        )

    def finish(self, chance: Random) -> Instruction:
        number, held = chance.choice(self.holds)
        return replace(
            held,
            key=f"key-{self.keys}",
            action=chance.choice([Action.POST_HELD, Action.POST_HELD, Action.RELEASE]),
            hold=number,
        )

    def spoilt(self, chance: Random, asked: Instruction) -> Instruction:
        """The same, with one thing changed that may matter."""
        accounts = [*self.model.accounts, 999]
        place = chance.randrange(len(asked.path))
        path = asked.path
        match chance.randrange(10):
            case 0:
                return replace(asked, amount_minor=chance.choice([0, -3, 10**15, 10**15 + 1, 1000]))
            case 1:
                return replace(asked, path=(*path[:place], chance.choice(accounts), *path[place + 1 :]))
            case 2:
                return replace(asked, path=(*path, chance.choice(accounts))[:4])
            case 3:
                return replace(asked, path=path[:-1])
            case 4:
                kinds = next(route.path for route in DECLARATION.routes if route.name == asked.route)
                return replace(asked, path=tuple(chance.choice(self.by_kind[kind]) for kind in kinds))
            case 5:
                return replace(asked, subject=chance.choice(["bo", "cy", "m1", "nobody"]))
            case 6:
                return replace(asked, payee=chance.choice(["", account_number("bo")]))
            case 7:
                return replace(asked, hold=chance.choice([0, 1, 999, self.model.count + 1]))
            case 8:
                return replace(asked, action=chance.choice([*Action]), value_date=chance.choice(DAYS))
            case _:
                return replace(asked, route=chance.choice(["elsewhere", *(route.name for route in DECLARATION.routes)]))

    def fitting(self, kind: str, client: str) -> int:
        """The account of a kind that belongs on the path of a client."""
        fit = [n for n in self.by_kind[kind] if self.model.accounts[n].owner in (client, CLIENTS[client])]
        return (fit or self.by_kind[kind])[0]

    # -- what happens -----------------------------------------------------------------------------------------------

    @rule(
        seed=st.integers(0, 2**32),
        login=st.sampled_from(["teller", "teller", "clerk"]),
        source=st.sampled_from([None, "bank", "bank", "strange-bank"]),
    )
    def post(self, seed: int, login: str, source: str | None) -> None:
        chance = Random(seed)
        instructions = [self.instruction(chance, login) for _ in range(chance.choice([1, 2, 10, 40, 80]))]
        if source is not None and login == "teller":
            self.bank_batch += 1
        taking_over = (source, self.bank_batch) if source and login == "teller" else None
        found = self.logins[login].post(instructions, taking_over)
        expected = self.model.post(login, instructions, source if taking_over else None)
        assert [as_result(outcome) for outcome in found.outcomes] == expected
        for asked, result in zip(instructions, expected, strict=True):
            self.seen[result.control.name if result.control else "REPLAYED" if result.replayed else "POSTED"] += 1
            if result.posting and not result.replayed and asked.action is Action.HOLD:
                self.holds.append((result.posting, asked))

    @rule(day=st.sampled_from(DAYS))
    def open_day(self, day: datetime.date) -> None:
        try:
            self.logins["teller"].open_day(day)
            opened = True
        except psycopg.errors.CheckViolation:
            opened = False
        assert opened == self.model.open(day)

    @precondition(lambda self: self.model.count > 3)
    @rule(day=st.sampled_from(DAYS[:3]))
    def close_day(self, day: datetime.date) -> None:
        try:
            self.logins["teller"].close_day(day)
            closed = True
        except psycopg.errors.CheckViolation:
            closed = False
        assert closed == self.model.close(day)

    @invariant()
    def everything_that_is_left_agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        ledger = self.logins["clerk"]
        rows = ledger.rows("SELECT account, balance, held_out, held_in FROM {}.balances ORDER BY account")
        assert rows == [(n, a.balance, a.held_out, a.held_in) for n, a in self.model.accounts.items()]
        entries = ledger.rows("SELECT account, amount, balance FROM {}.entry ORDER BY id")
        assert entries == self.model.entries
        with Ledger(self.store, LEDGER, "auditor") as auditor:
            assert verify(auditor).findings == ()


def as_result(outcome: Outcome) -> Result:
    """An outcome in the model's words."""
    refusal = outcome.refusal
    if refusal is not None:
        return Result(refusal.control, refusal.figure)
    return Result(None, 0, outcome.posting, outcome.replayed, outcome.debit_balance_minor, outcome.credit_balance_minor)


@pytest.fixture
def trial(server: Server) -> type[Trial]:
    Trial.server = server
    return Trial


def test_the_ledger_does_what_the_model_does(trial: type[Trial]) -> None:
    trial.seen.clear()
    run_state_machine_as_test(trial, settings=settings(stateful_step_count=8))
    # A test of refusals that never happen, or of nothing but refusals, would show little.
    assert len({control.name for control in Control} & set(trial.seen)) > 12, trial.seen
    assert trial.seen["POSTED"] > 0.3 * trial.seen.total(), trial.seen
    assert trial.seen["REPLAYED"] > 0
