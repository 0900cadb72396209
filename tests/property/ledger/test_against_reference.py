"""Batches in any order, in the database and in the plain model: every result and everything that is left must agree."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

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
from property.ledger.reference import Account, GrantOf, Model, Result
from ringfence.database import Store
from ringfence.ledger import AccountName, Action, Caps, Control, Grant, Instruction, Ledger, Outcome, Refused
from ringfence.ledger.instruction import NEVER
from ringfence.ledger.verify import verify
from trial_ledger import CLIENTS, DAY, DECLARATION, LEDGER, account_number, arrival, binding, make_trial_ledger

ROUTES = {route.name: route for route in DECLARATION.routes}
REVERSALS = {route.reverses: route for route in DECLARATION.routes if route.reverses}
DAYS = [DAY + datetime.timedelta(offset) for offset in range(4)]


class Trial(RuleBasedStateMachine):
    """One ledger in a database of its own, and the model beside it."""

    server: Server
    seen: ClassVar[Counter[str]] = Counter()
    given: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.database = self.server.clone(make_trial_ledger)
        self.store: Store = self.server.store(self.database)
        self.logins = {
            name: Ledger(self.store, LEDGER, name)
            for name in ("teller", "clerk", "officer", "deputy", "registrar", "intake")
        }
        self.holds: list[tuple[int, Instruction]] = []
        self.posted: list[tuple[int, Instruction]] = []
        self.asked: list[Instruction] = []
        self.keys = 0
        self.groups: list[list[Instruction]] = []
        self.bank_batch = 0

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        ledger = self.logins["teller"]
        self.model = model_of(ledger)
        for walked in ("payment", "payment-later"):
            parent = next(n for n, grant in self.model.grants.items() if grant.route == walked)
            number = self.logins["officer"].give(walked, parent=parent, grantee="clerk", caps=Caps(per_day_minor=600))
            assert self.model.give("officer", {"grantee": "clerk", "per_day": 600}, parent) == number
        self.by_kind: dict[str, list[int]] = {}
        for number, account in self.model.accounts.items():
            self.by_kind.setdefault(account.kind, []).append(number)
        money = [arrival(ledger, f"begin-{client}", client, 300) for client in CLIENTS]
        assert [as_result(o) for o in ledger.post(money).outcomes] == self.model.post("teller", money, None)
        # The bank has paid some in, so that something can be paid out there.
        mirror = ledger.account("mirror", "bank")
        paid_in = [
            Instruction(f"paid-in-{client}", "confirmed", client, (mirror, ledger.account("wallet", client)), 500, DAY)
            for client in CLIENTS
        ]
        self.bank_batch = 1
        results = [as_result(outcome) for outcome in ledger.post(paid_in, ("bank", 1)).outcomes]
        assert results == self.model.post("teller", paid_in, "bank")
        # Of five wishes for a grant one is granted: every history begins with some.
        self.administer(seed)

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
        holds = [(number, held) for number, held in self.holds if ROUTES[held.route].finishes == login]
        posted = [(number, done) for number, done in self.posted if REVERSALS[done.route].asks == login]
        if holds and dice < 0.3:
            asked = self.finish(chance, *chance.choice(holds))
        elif posted and 0.3 <= dice < 0.4:
            asked = self.reverse(*chance.choice(posted))
        else:
            asked = self.wish(chance, login)
        if chance.random() < 0.25:
            asked = self.spoilt(chance, asked)
        self.asked.append(asked)
        return asked

    def wish(self, chance: Random, login: str) -> Instruction:
        # Now and then one that cannot pass as a wish: a reversal of nothing, or over accounts that nobody has.
        routes = [route for route in DECLARATION.routes if route.asks == login]
        likely = [r for r in routes if not r.reverses and all(kind in self.by_kind for kind in r.path)]
        route = chance.choice(likely if chance.random() < 0.95 else routes)
        client = chance.choice([*CLIENTS, "ann"])
        return Instruction(
            key=f"key-{self.keys}",
            route=route.name,
            subject=client,
            path=tuple(self.fitting(kind, client) for kind in route.path),
            amount_minor=chance.choice(
                [60, 100, 200] if route.path[0] in ("outside", "mirror", "run") else [1, 3, 8, 20, 60]
            ),
            value_date=self.model.day + datetime.timedelta(chance.choice([0, 0, 0, 1, 2, -1, -3])),
            action=Action.HOLD if route.finishes else Action.POST,
            payee=account_number(client),
            ref=chance.choice(["", "说明"]),
            expires=chance.choice([NEVER, DAYS[1], DAYS[2]]) if route.finishes else NEVER,
        )

    def finish(self, chance: Random, number: int, held: Instruction) -> Instruction:
        return replace(
            held,
            key=f"key-{self.keys}",
            amount_minor=held.amount_minor if chance.random() < 0.6 else 1,
            expires=NEVER,
            action=chance.choice([Action.POST_HELD, Action.POST_HELD, Action.RELEASE]),
            hold=number,
        )

    def reverse(self, number: int, posted: Instruction) -> Instruction:
        return replace(
            posted,
            key=f"key-{self.keys}",
            route=REVERSALS[posted.route].name,
            path=posted.path[::-1],
            reverses=number,
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
                return replace(asked, path=tuple(chance.choice(self.by_kind.get(kind) or [999]) for kind in kinds))
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
        fit = [n for n in self.by_kind.get(kind, []) if self.model.accounts[n].owner in (client, CLIENTS.get(client))]
        return (fit or self.by_kind.get(kind) or [999])[0]

    # -- what happens -----------------------------------------------------------------------------------------------

    @rule(
        seed=st.integers(0, 2**32),
        login=st.sampled_from(["teller", "teller", "clerk"]),
        source=st.sampled_from([None, "bank", "bank", "strange-bank"]),
    )
    def post(self, seed: int, login: str, source: str | None) -> None:
        chance = Random(seed)
        instructions = self.linked(chance, login, chance.choice([1, 2, 10, 40, 80]))
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
            elif result.posting and not result.replayed and asked.route in REVERSALS:
                self.posted.append((result.posting, asked))

    def linked(self, chance: Random, login: str, count: int) -> list[Instruction]:
        """So many instructions, some of them linked with those beside them; now and then a whole group again."""
        instructions: list[Instruction] = []
        while len(instructions) < count:
            if self.groups and chance.random() < 0.1:
                again = chance.choice(self.groups)
                instructions += again if chance.random() < 0.7 else again[:-1]
            elif chance.random() < 0.1:
                group = [
                    replace(self.instruction(chance, login), group=f"group-{self.keys}-{len(self.groups)}")
                    for _ in range(chance.choice([2, 2, 3]))
                ]
                group = [replace(asked, group=group[0].group) for asked in group]
                self.groups.append(group)
                instructions += group
            else:
                instructions.append(self.instruction(chance, login))
        return instructions

    @rule(seed=st.integers(0, 2**32))
    def administer(self, seed: int) -> None:
        """Something happens that is no posting."""
        chance = Random(seed)
        for _ in range(3):
            self.keys += 1
            chance.choice([self.give, self.give, self.revoke, self.rebind, self.open_pocket])(chance)

    def give(self, chance: Random) -> None:
        login = chance.choice(["officer", "officer", "deputy"])
        own = [number for number, grant in self.model.grants.items() if grant.grantee == login]
        anyones = [number for number, grant in self.model.grants.items() if grant.route]
        parent = chance.choice(own if own and chance.random() < 0.9 else anyones)
        grantee = chance.choice(["clerk", "clerk", "clerk", "clerk", "deputy", "teller"])
        amounts = {"per_item": [5, 20, 60], "per_day": [20, 60, 100], "per_period": [60, 100, 200], "exposure": [8, 60]}
        wanted = {cap: chance.choice(sizes) for cap, sizes in amounts.items() if chance.random() < 0.25}
        if "per_period" in wanted or chance.random() < 0.05:
            wanted["period_days"] = chance.choice([2, 3])
        scope = chance.choice([None, None, None, "ann", "m1", "m2", "friends"])
        key = f"key-{self.keys + chance.choice([1, 2, 10])}" if chance.random() < 0.2 else None
        if key and chance.random() < 0.9:
            wanted["per_item"] = 60
        dates = {name: chance.choice(DAYS) for name in ("valid_from", "valid_until") if chance.random() < 0.05}
        named: dict[str, Any] = {"scope": scope, "key": key}
        expected = self.model.give(
            login, {"grantee": grantee, **wanted, **dates, **{k: v for k, v in named.items() if v}}, parent
        )
        caps = Caps(**{f"{cap}_minor".replace("days_minor", "days"): value for cap, value in wanted.items()})
        try:
            given = self.logins[login].give(
                f"give-{self.keys}", parent=parent, grantee=grantee, scope=scope, only_for=key, caps=caps, **dates
            )
        except Refused:
            given = None
        self.given["GIVEN" if given else "REFUSED"] += 1
        assert given == expected

    def rebind(self, chance: Random) -> None:
        client = chance.choice(["ann", "bo", "cy"])
        bindings = [binding(client)]
        self.logins["registrar"].bind(bindings)
        self.logins["intake"].confirm(bindings)
        self.model.rebind(client, account_number(client), DECLARATION.cool_off_days)
        self.model.grants[len(self.model.grants) + 1] = GrantOf(None, "registrar", client, "account", "", stands=False)

    def open_pocket(self, chance: Random) -> None:
        client = chance.choice(["ann", "bo"])
        standing = [
            n
            for n, grant in self.model.grants.items()
            if grant.stands and grant.route and grant.scope in (None, client)
        ]
        under = chance.choice([None, *standing[-3:]])
        registrar = self.logins["registrar"]
        name = AccountName(
            "pocket", client, "CNY", 1 + len([a for a in self.model.accounts.values() if a.kind == "pocket"])
        )
        registrar.register(accounts=[(name, None)], under=under)
        number = registrar.accounts[name]
        self.model.open_account(number, client, under)
        self.by_kind.setdefault("pocket", []).insert(0, number)
        for login in self.logins.values():
            login.refresh()

    def revoke(self, chance: Random) -> None:
        login = chance.choice(["officer", "deputy"])
        wanted = chance.choice([n for n, grant in self.model.grants.items() if grant.route])
        expected = self.model.revoke(login, wanted)
        try:
            self.logins[login].revoke(f"revoke-{self.keys}", wanted)
            revoked = True
        except Refused:
            revoked = False
        assert revoked == expected

    @rule(day=st.sampled_from(DAYS))
    def next_day(self, day: datetime.date) -> None:
        self.open_day(day)

    def open_day(self, day: datetime.date) -> None:
        try:
            self.logins["teller"].open_day(day)
            opened = True
        except psycopg.errors.CheckViolation:
            opened = False
        assert opened == self.model.open(day)

    @precondition(lambda self: self.model.count > 3)
    @rule(day=st.sampled_from(DAYS[:3]), goes_on=st.sampled_from([True, True, True, False]))
    def close_day(self, day: datetime.date, goes_on: bool) -> None:
        try:
            self.logins["teller"].close_day(day)
            closed = True
        except psycopg.errors.CheckViolation:
            closed = False
        assert closed == self.model.close(day)
        if closed and goes_on and day >= self.model.day:
            self.open_day(day + datetime.timedelta(1))

    @invariant()
    def everything_that_is_left_agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        ledger = self.logins["clerk"]
        rows = ledger.rows("SELECT account, balance, held_out, held_in FROM {}.balances ORDER BY account")
        assert rows == [(n, a.balance, a.held_out, a.held_in) for n, a in self.model.accounts.items()]
        entries = ledger.rows("SELECT account, amount, balance FROM {}.entry ORDER BY id")
        assert entries == self.model.entries
        grants = [(grant.id, not grant.ended, grant.outstanding_minor) for grant in ledger.grants() if is_capped(grant)]
        assert grants == [(n, self.model.grants[n].stands, self.model.outstanding(n)) for n, _, _ in grants]
        with Ledger(self.store, LEDGER, "auditor") as auditor:
            assert verify(auditor).findings == ()


def model_of(ledger: Ledger) -> Model:
    """The model of the trial ledger as it was made."""
    rows = ledger.rows("SELECT account, kind, owner, unit, number FROM {}.balances ORDER BY account")
    model = Model(
        DECLARATION,
        dict(ledger.parties),
        {number: Account(*rest) for number, *rest in rows},
        {client: ("bank", account_number(client), DAY) for client in CLIENTS if client != "cy"},
        day=DAY,
        groups={"friends": {"ann", "m2"}},
    )
    # Grants are numbered as they come; those of readers and of accounts are no business of the model.
    for grant in ledger.grants():
        person = grant.grantee.removeprefix("ringfence_trial_")
        model.grants[grant.id] = GrantOf(None, "owner", person, grant.power, grant.route or "")
    return model


def is_capped(grant: Grant) -> bool:
    """Whether use is counted under it."""
    return bool(grant.caps.document())


def as_result(outcome: Outcome) -> Result:
    """An outcome in the model's words."""
    refusal = outcome.refusal
    if refusal is not None:
        return Result(refusal.control, refusal.figure, under=refusal.grant.id if refusal.grant else 0)
    balances = outcome.debit_balance_minor, outcome.credit_balance_minor
    return Result(None, 0, outcome.posting, outcome.replayed, *balances, outcome.under or 0)


@pytest.fixture
def trial(server: Server) -> type[Trial]:
    Trial.server = server
    return Trial


def test_the_ledger_does_what_the_model_does(trial: type[Trial]) -> None:
    trial.seen.clear()
    trial.given.clear()
    run_state_machine_as_test(trial, settings=settings(stateful_step_count=8))
    # A test of refusals that never happen, or of nothing but refusals, would show little.
    assert len({control.name for control in Control} & set(trial.seen)) > 12, trial.seen
    assert trial.seen["POSTED"] > 0.2 * trial.seen.total(), trial.seen
    assert trial.seen["REPLAYED"] > 0
    assert trial.given["GIVEN"] > 0
