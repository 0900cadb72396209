"""The account of a client: two institutions must say the same, a change waits, and nobody who posts can have a hand in it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from ringfence.database import Store
from ringfence.ledger import AccountName, Action, Binding, Control, Instruction, Ledger, Refused
from ringfence.ledger.verify import verify
from trial_ledger import DAY, LEDGER, account_number, binding, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)


@dataclass
class Desk:
    """Who takes part."""

    registrar: Ledger
    intake: Ledger
    teller: Ledger
    clerk: Ledger

    def agree(self, wanted: Binding) -> None:
        self.registrar.bind([wanted])
        self.intake.confirm([wanted])

    def deposit(self, key: str, payee: str, client: str = "ann") -> Control | None:
        """Pay 1 in from `payee`, and tell what refuses it."""
        teller = self.teller
        path = (
            teller.account("wallet", client),
            teller.account("transit", "m1" if client != "cy" else "m2"),
            teller.account("pool", "house"),
        )
        arrival = (teller.account("outside", "world"), path[0])
        teller.post([Instruction(f"a-{key}", "arrival", client, arrival, 1, DAY)])
        refusals = teller.post([Instruction(key, "deposit", client, path, 1, DAY, payee=payee)]).refusals
        self.said = str(refusals[0]) if refusals else ""
        return refusals[0].control if refusals else None

    def of(self, client: str) -> list[tuple[str, bool, datetime.date]]:
        return [
            (r.binding.account_number, r.waiting, r.in_force_from)
            for r in self.registrar.bindings()
            if r.binding.client == client
        ]


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    logins = [Ledger(store, LEDGER, person) for person in ("registrar", "intake", "teller", "clerk", "auditor")]
    yield Desk(*logins[:4])
    assert verify(logins[4]).findings == ()
    for ledger in logins:
        ledger.close()


def test_what_one_institution_says_alone_changes_nothing(desk: Desk) -> None:
    desk.registrar.bind([binding("cy")])
    assert desk.of("cy") == [("62-cy", True, DAY)]
    assert desk.deposit("1", "62-cy", "cy") is Control.PAYEE
    desk.intake.confirm([binding("cy")])
    assert desk.of("cy") == [("62-cy", False, DAY)]
    assert desk.deposit("1", "62-cy", "cy") is None


def test_a_change_waits_and_until_then_there_is_no_account(desk: Desk) -> None:
    assert desk.deposit("1", account_number("ann")) is None
    desk.agree(binding("ann")._replace(account_number="63-ann"))
    in_force = DAY + datetime.timedelta(2)
    assert desk.of("ann") == [("63-ann", False, in_force)]
    assert desk.deposit("2", account_number("ann")) is Control.PAYEE
    # Back to the one that is on the path: that is a change too.
    desk.agree(binding("ann"))
    assert desk.deposit("2", account_number("ann")) is Control.COOLING
    assert "is in force from 2020-03-08; nobody can shorten that" in desk.said
    desk.teller.open_day(DAY + datetime.timedelta(1))
    assert desk.deposit("2", account_number("ann")) is Control.COOLING
    desk.teller.open_day(in_force)
    assert desk.deposit("2", account_number("ann")) is None


def test_what_waits_changes_nothing_of_what_is_in_force(desk: Desk) -> None:
    other = binding("ann")._replace(account_number="63-ann")
    desk.registrar.bind([other])
    assert [(number, waits) for number, waits, _ in desk.of("ann")] == [("62-ann", False), ("63-ann", True)]
    assert desk.deposit("1", account_number("ann")) is None
    # Bound anew, what waited before is forgotten.
    desk.registrar.bind([binding("ann")._replace(account_number="64-ann")])
    with pytest.raises(Refused, match="differs: account_number 63-ann is not what was bound: 64-ann"):
        desk.intake.confirm([other])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (binding("cy")._replace(client="dee"), "unknown: client dee"),
        (binding("cy")._replace(client="m1"), "unknown: client m1"),
        (binding("cy")._replace(bank="house"), "unknown: bank house"),
        (
            binding("cy")._replace(identity="id-eve"),
            "identity: identity id-eve is not the one under which cy is registered",
        ),
        (binding("cy")._replace(account_number="62-ann"), "account: account 62-ann cannot be cy's"),
        (binding("cy")._replace(account_number=""), "account: "),
        (binding("cy")._replace(account_number="6" * 65), "account: "),
    ],
)
def test_what_cannot_be_bound_is_told_and_nothing_is(desk: Desk, wanted: Binding, said: str) -> None:
    before = desk.registrar.bindings()
    with pytest.raises(Refused, match=said):
        desk.registrar.bind([binding("bo"), wanted])
    assert desk.registrar.bindings() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (binding("cy")._replace(bank="strange-bank"), "differs: bank strange-bank is not what was bound: bank"),
        (binding("cy")._replace(account_number="63-cy"), "differs: account_number 63-cy is not what was bound: 62-cy"),
        (binding("cy")._replace(identity="id-eve"), "identity"),
        (binding("bo"), "waiting: no account waits to be confirmed for bo"),
        (binding("cy")._replace(client="dee"), "waiting"),
    ],
)
def test_other_words_confirm_nothing(desk: Desk, words: Binding, said: str) -> None:
    desk.registrar.bind([binding("cy")])
    with pytest.raises(Refused, match=said):
        desk.intake.confirm([words])
    assert desk.of("cy") == [("62-cy", True, DAY)]


def test_two_who_wait_for_one_account_do_not_both_get_it(desk: Desk) -> None:
    anns, bos = (binding(client)._replace(account_number="65-new") for client in ("ann", "bo"))
    with pytest.raises(Refused, match="account: account 65-new"):
        desk.registrar.bind([anns, bos])
    for wanted in (anns, bos):
        desk.registrar.bind([wanted])
    desk.intake.confirm([anns])
    with pytest.raises(Refused, match="account: account 65-new cannot be bo's"):
        desk.intake.confirm([bos])


def test_without_an_identity_nobody_is_bound(desk: Desk) -> None:
    desk.registrar.register(
        parties=[*desk.registrar.parties.values(), desk.registrar.parties["ann"]._replace(name="dee", identity=None)]
    )
    with pytest.raises(Refused, match="identity"):
        desk.registrar.bind([binding("cy")._replace(client="dee", identity="")])


def test_what_was_held_for_the_old_account_can_be_finished(desk: Desk) -> None:
    mirror = desk.clerk.account("mirror", "bank")
    path = (desk.clerk.account("wallet", "ann"), mirror)
    paid_in = Instruction("c", "confirmed", "ann", path[::-1], 50, DAY)
    assert desk.teller.post([paid_in], ("bank", 1)).refusals == []
    wish = Instruction("w", "withdrawal", "ann", path, 20, DAY, Action.HOLD, payee=account_number("ann"))
    hold = desk.clerk.post([wish]).outcomes[0].posting or 0
    desk.agree(binding("ann")._replace(account_number="63-ann"))
    done = Instruction("d", "withdrawal", "ann", path, 20, DAY, Action.POST_HELD, hold, account_number("ann"))
    assert desk.teller.post([done], ("bank", 2)).refusals == []


@pytest.mark.parametrize("person", ["teller", "clerk", "auditor", "officer"])
def test_who_posts_has_no_hand_in_it(store: Store, person: str) -> None:
    with Ledger(store, LEDGER, person) as ledger:
        for call in ("register", "bind", "confirm"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ledger.rows(f"SELECT {{}}.{call}('k', '{{{{}}}}')")


def test_who_binds_cannot_confirm_and_who_confirms_cannot_bind(store: Store) -> None:
    for person, call in (("registrar", "confirm"), ("intake", "bind")):
        with Ledger(store, LEDGER, person) as ledger, pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.rows(f"SELECT {{}}.{call}('k', '{{{{}}}}')")


# -- accounts that live as long as a grant ------------------------------------------------------------------------------


def pocket(desk: Desk, number: int, under: int | None = None) -> int:
    name = AccountName("pocket", "ann", ordinal=number)
    desk.registrar.register(accounts=[(name, None)], under=under)
    desk.teller.refresh()
    return desk.teller.accounts[name]


def save(desk: Desk, key: str, account: int, *, back: bool = False) -> Control | None:
    wallet = desk.teller.account("wallet", "ann")
    arrival = Instruction(f"a-{key}", "arrival", "ann", (desk.teller.account("outside", "world"), wallet), 5, DAY)
    path, route = ((account, wallet), "spending") if back else ((wallet, account), "saving")
    refusals = desk.teller.post([arrival, Instruction(key, route, "ann", path, 2, DAY)]).refusals
    return refusals[0].control if refusals else None


def test_an_owner_has_several_accounts_of_a_kind_that_allows_it(desk: Desk) -> None:
    first, second = pocket(desk, 1), pocket(desk, 2)
    assert first != second
    with pytest.raises(Refused, match="taken"):
        desk.registrar._instruct("register", None, {"accounts": [{"kind": "pocket", "owner": "ann", "unit": "CNY"}]})
    with pytest.raises(Refused, match="account_is_the_only_one"):
        desk.registrar.register(accounts=[(AccountName("wallet", "ann", ordinal=2), None)])


def test_an_account_receives_as_long_as_the_grant_lives_that_opened_it(desk: Desk, store: Store) -> None:
    with Ledger(store, LEDGER, "officer") as officer:
        root = officer.granted("payment")[0].id
        tomorrow = DAY + datetime.timedelta(1)
        revoked = officer.give("1", parent=root, grantee="clerk", scope="ann")
        expiring = officer.give("2", parent=root, grantee="clerk", scope="ann", valid_until=tomorrow)
        accounts = [pocket(desk, 1), pocket(desk, 2, revoked), pocket(desk, 3, expiring)]
        assert [save(desk, f"s{n}", account) for n, account in enumerate(accounts)] == [None, None, None]
        officer.revoke("3", revoked)
        assert [save(desk, f"t{n}", account) for n, account in enumerate(accounts)] == [None, Control.ENDED, None]
        desk.teller.open_day(tomorrow + datetime.timedelta(1))
        assert [save(desk, f"u{n}", account) for n, account in enumerate(accounts)] == [
            None,
            Control.ENDED,
            Control.ENDED,
        ]
        # What is in it can go home.
        assert [save(desk, f"v{n}", account, back=True) for n, account in enumerate(accounts)] == [None, None, None]
        with pytest.raises(Refused, match="under"):
            pocket(desk, 4, revoked)
        with pytest.raises(Refused, match="under"):
            desk.registrar.register(accounts=[(AccountName("pocket", "bo"), None)], under=expiring)
