"""Registration and declaration: what cannot be registered or declared, and that nothing of it stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import (
    AccountName,
    Control,
    DeclaredOtherwise,
    Instruction,
    Ledger,
    Party,
    Refused,
    Route,
    UnknownAccount,
    create_ledger,
    registry,
)
from trial_ledger import DAY, DECLARATION, LEDGER, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)


@pytest.fixture
def registrar(store: Store) -> Iterator[Ledger]:
    with Ledger(store, LEDGER, "registrar") as ledger:
        yield ledger


def registered(ledger: Ledger) -> list[tuple[object, ...]]:
    return ledger.rows(
        "SELECT (SELECT count(*) FROM {0}.party), (SELECT count(*) FROM {0}.account), batch FROM {0}.head"
    )


def document(**given: list[dict[str, Any]]) -> str:
    return json.dumps({"parties": [], "accounts": [], "groups": []} | given)


def register(registrar: Ledger, wanted: str, key: str = "k") -> None:
    registrar._instruct("register", key, json.loads(wanted))


UNKNOWN = [
    (document(parties=[{"name": "dee", "role": "client", "member": "m9"}]), "m9"),
    (document(parties=[{"name": "dee", "role": "client", "member": "ann"}]), "ann"),
    (document(accounts=[{"kind": "purse", "owner": "ann", "unit": "CNY"}]), "purse of ann in CNY"),
    (document(accounts=[{"kind": "wallet", "owner": "dee", "unit": "CNY"}]), "wallet of dee in CNY"),
    (document(accounts=[{"kind": "wallet", "owner": "bo", "unit": "XAU"}]), "wallet of bo in XAU"),
    (document(accounts=[{"kind": "wallet", "owner": "m1", "unit": "CNY"}]), "wallet of m1 in CNY"),
    (document(accounts=[{"kind": "pocket", "owner": "ann", "unit": "AU9999"}]), "pocket of ann in AU9999"),
    (document(accounts=[{"kind": "pocket", "owner": "ann", "unit": "CNY", "under": 999}]), "under 999"),
    (document(groups=[{"name": "ann", "parties": []}]), "group ann"),
    (document(groups=[{"name": "friends", "parties": ["ann", "house"]}]), "in group house"),
]


def test_what_is_unknown_is_named_and_nothing_is_registered(registrar: Ledger) -> None:
    before = registered(registrar)
    for wanted, named in UNKNOWN:
        with pytest.raises(Refused, match=f"unknown: .*{named} is not registered here"):
            register(registrar, wanted)
    assert registered(registrar) == before


THERE = [
    document(parties=[{"name": "ann", "role": "client"}]),
    document(accounts=[{"kind": "wallet", "owner": "ann", "unit": "CNY"}]),
    document(accounts=[{"kind": "wallet", "owner": "bo", "unit": "AU9999", "number": "62-ann"}]),
    document(accounts=[{"kind": "wallet", "owner": "ann", "unit": "CNY", "ordinal": 2}]),
]


def test_what_is_there_already_is_not_registered_again(registrar: Ledger) -> None:
    before = registered(registrar)
    for wanted in THERE:
        with pytest.raises(Refused, match="taken"):
            register(registrar, wanted)
    assert registered(registrar) == before


def test_registering_the_same_again_through_the_ledger_changes_nothing(registrar: Ledger) -> None:
    before = registered(registrar)
    registrar.register(
        parties=[Party("ann", "client", "m1")],
        accounts=[(AccountName("wallet", "ann"), "62-ann")],
    )
    assert registered(registrar) == before
    registrar.register(
        parties=[Party("dee", "client", "m2", "id-dee")], accounts=[(AccountName("wallet", "dee"), None)]
    )
    assert registrar.party("dee") == Party("dee", "client", "m2", "id-dee")


def test_a_registration_has_a_key_of_its_own(registrar: Ledger) -> None:
    register(registrar, document(parties=[{"name": "dee", "role": "client"}]), "dee")
    before = registered(registrar)
    register(registrar, document(parties=[{"name": "dee", "role": "client"}]), "dee")
    with pytest.raises(Refused, match="key 'dee' was used by another instruction"):
        register(registrar, document(parties=[{"name": "eve", "role": "client"}]), "dee")
    assert registered(registrar) == before


def test_an_unknown_party_is_an_error_that_says_so(registrar: Ledger) -> None:
    with pytest.raises(BadInput, match="'dee' is not usable; expected a party that is registered in ledger trial"):
        registrar.party("dee")


def test_a_ledger_keeps_its_declaration(store: Store) -> None:
    create_ledger(store, LEDGER, DECLARATION)
    with pytest.raises(DeclaredOtherwise, match="nothing was changed"):
        create_ledger(store, LEDGER, replace(DECLARATION, units=("CNY",)))


def test_a_path_starts_and_ends_where_money_may_stay(store: Store) -> None:
    for path in (("wallet", "transit"), ("transit", "pool"), ("wallet", "pool", "outside"), ("wallet", "purse")):
        bent = replace(DECLARATION, routes=(Route("bent", path, "teller"),))
        with pytest.raises(psycopg.errors.CheckViolation, match="bent"):
            create_ledger(store, "bent", bent)


def test_what_reverses_a_route_goes_its_path_backwards_and_at_once(store: Store) -> None:
    for back in (
        Route("back", ("wallet", "outside"), "teller", reverses="deposit"),
        Route("back", ("wallet", "transit", "pool"), "teller", reverses="deposit"),
        Route("back", ("pool", "transit", "wallet"), "teller", "clerk", reverses="deposit"),
    ):
        bent = replace(DECLARATION, routes=(*DECLARATION.routes, back))
        with pytest.raises(psycopg.errors.CheckViolation):
            create_ledger(store, "bent", bent)


def test_who_takes_over_nothing_cannot_say_that_it_did(store: Store) -> None:
    call = (
        "SELECT trial.post('{1}', '{1}', '{1}', '{0}', '{0}', '{0}', '{1}', '{1}', '{1}', "
        "'{0}', '{k}', '{h}', '{2020-03-06}', '{9999-12-31}', '{0}', '{p}', '{r}', 1, 1)"
    )
    with store.connect("ringfence_trial_teller") as teller:
        teller.execute(call.encode())
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE trial.route SET asks = 'x', finishes = 'x' WHERE bank_confirmed AND finishes IS NOT NULL"
        )
        administrator.execute("UPDATE trial.route SET asks = 'x' WHERE bank_confirmed AND finishes IS NULL")
    with (
        store.connect("ringfence_trial_teller") as teller,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="takes over no batches"),
    ):
        teller.execute(call.encode())


def test_a_large_ledger_is_entered_without_reading_it_and_does_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LARGE", 0)
    with Ledger(store, LEDGER, "teller") as teller, Ledger(store, LEDGER, "registrar") as registrar:
        small = {"ann", "bo", "cy"}
        assert small <= set(registrar.parties)
        path = (teller.account("outside", "world"), teller.account("wallet", "ann"))
        wishes = [
            Instruction("a", "arrival", "ann", path, 5, DAY),
            Instruction("b", "arrival", "nobody", path, 5, DAY),
            Instruction("c", "arrival", "bo", path, 5, DAY),
        ]
        outcomes = teller.post(wishes).outcomes
        assert outcomes[0].posting
        refused = [outcome.refusal.control for outcome in outcomes if outcome.refusal]
        assert refused == [Control.PARTY, Control.CLIENT]
        with pytest.raises(UnknownAccount, match="no account of kind wallet for dee"):
            teller.account("wallet", "dee")
        registrar.register(parties=[Party("dee", "client", "m2")], accounts=[(AccountName("wallet", "dee"), "62-dee")])
        registrar.register(parties=[Party("dee", "client", "m2")], accounts=[(AccountName("wallet", "dee"), "62-dee")])
        assert registrar.numbered["62-dee"] == registrar.account("wallet", "dee")
        teller.refresh()
        assert teller.names[teller.account("wallet", "dee")] == AccountName("wallet", "dee")
