"""A withdrawal from the client's signature to the bank's payment: who may do what about it, and what stops it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from circles import BANKS, CLIENTS, DAY, LIMIT_MINOR, make_circle, opened, pay_in
from ringfence.access import Persons
from ringfence.custody import Client, intake, verify_circle
from ringfence.custody.requests import (
    KeyTaken,
    register_key,
    sign,
    signature_in,
    signed,
    words,
)
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served

KEYS = {client: Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number, client in enumerate(CLIENTS, 1)}
PAID_MINOR = 90_000_00


def public(client: str) -> bytes:
    return KEYS[client].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def make_paid_in(store: Store) -> None:
    """Everybody has paid in 90,000 and registered a key; one person lets up to 50,000 pass alone."""
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, PAID_MINOR)
    with Ledger(store, "exchange", "registrar") as registrar:
        for client in CLIENTS:
            register_key(registrar, client, public(client))


pytestmark = pytest.mark.ledgers.with_args(make_paid_in)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        persons = Persons(store)
        for name, duty in (("first", "clerk"), ("other", "clerk"), ("second", "officer")):
            api.passwords[name] = persons.add(name, "exchange", "exchange", duty)
        yield api


def ask(api: Api, client: str = "m1-ann", amount_minor: int = 200_00, key: str = "w", **changed: Any) -> httpx.Response:
    """Ask as the client, or change something after it was signed."""
    who = {"m1-ann": "ann", "m2-di": "di"}[client]
    payee = CLIENTS[client].account_number
    signature = sign(KEYS[client], client, amount_minor, payee, f"withdrawal:{client}:{key}")
    said = {
        "amount": f"{amount_minor // 100}.{amount_minor % 100:02d}",
        "payee_account": payee,
        "public_key": public(client).hex(),
        "signature": signature.hex(),
    }
    return api.ask(
        who, "POST", f"/v1/clients/{client}/withdrawals", json=said | changed, headers={"Idempotency-Key": key}
    )


def step(api: Api, who: str, number: int, what: str, reason: str = "no") -> httpx.Response:
    body = {"json": {"reason": reason}} if what == "refuse" else {}
    return api.ask(
        who, "POST", f"/v1/withdrawals/{number}/{what}", headers={"Idempotency-Key": f"{who}-{what}"}, **body
    )


def until(api: Api, number: int, state: str) -> dict[str, Any]:
    """Wait until it has come so far."""
    deadline = time.monotonic() + 15
    while (found := api.get("sup", f"/v1/withdrawals/{number}"))["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found  # type: ignore[no-any-return]


def at_bank(store: Store, client: str) -> int:
    with Ledger(store, CLIENTS[client].bank, "auditor") as bank:
        ((balance,),) = bank.rows("SELECT balance FROM {}.account WHERE number = %s", (CLIENTS[client].account_number,))
    return int(balance)


def test_one_person_lets_a_small_one_pass_and_the_bank_pays(api: Api, store: Store) -> None:
    before = at_bank(store, "m1-ann")
    asked = ask(api)
    assert (asked.status_code, asked.json()["state"]) == (201, "asked")
    number = asked.json()["number"]
    checks = {check["name"]: check for check in api.get("first", f"/v1/withdrawals/{number}")["checks"]}
    assert [*checks] == ["signature", "withdrawable", "payee", "limits", "cool-off", "second-person"]
    assert all(check["passes"] for check in checks.values())
    assert checks["withdrawable"]["figures"]["withdrawable"] == "90000.00"
    assert checks["payee"]["figures"] == {"registered": "····-ann", "bank": "bank_a"}
    assert step(api, "first", number, "audit").status_code == 200
    found = until(api, number, "posted")
    assert [(taken["step"], taken["person"]) for taken in found["steps"]] == [("audited", "first")]
    assert at_bank(store, "m1-ann") == before + 200_00
    assert api.get("ann", "/v1/books/exchange/accounts")["items"][0]["balance"] == "89800.00"
    assert verify_circle(store, BANKS).findings == []


def test_a_large_one_takes_a_second_person_who_is_another(api: Api, store: Store) -> None:
    number = ask(api, amount_minor=LIMIT_MINOR + 1).json()["number"]
    assert step(api, "second", number, "approve").json()["code"] == "step-refused"
    assert step(api, "first", number, "audit").json()["state"] == "audited"
    waits = {check["name"]: check["passes"] for check in api.get("first", f"/v1/withdrawals/{number}")["checks"]}
    assert waits["second-person"] is None
    time.sleep(0.7)
    assert api.get("sup", f"/v1/withdrawals/{number}")["state"] == "audited"
    # Nobody of the first person's duty can be the second, the first least of all.
    for who in ("first", "other", "ex", "sup", "m1", "ann", "bank_a"):
        assert step(api, who, number, "approve").status_code == 403, who
    assert step(api, "other", number, "audit").json()["code"] == "step-refused"
    assert step(api, "second", number, "approve").status_code == 200
    found = until(api, number, "posted")
    assert [taken["person"] for taken in found["steps"]] == ["first", "second"]
    with Ledger(store, "exchange", "auditor") as ledger:
        given = [grant for grant in ledger.grants("ask") if grant.key == found["key"]]
    assert [(grant.grantor, grant.grantee) for grant in given] == [
        ("ringfence_exchange_officer", "ringfence_exchange_clerk")
    ]


def test_the_database_itself_wants_two_persons(api: Api, store: Store) -> None:
    number = ask(api, amount_minor=LIMIT_MINOR + 1).json()["number"]
    key = api.get("sup", f"/v1/withdrawals/{number}")["key"]
    calls = {name: f"SELECT exchange_requests.{name}(%s, %s, '{{}}')" for name in ("audit", "approve", "refuse")}
    with store.connect("ringfence_exchange_clerk") as clerk, store.connect("ringfence_exchange_officer") as officer:
        for connection, name in ((clerk, "approve"), (officer, "audit")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(calls[name].encode(), (key, "one"))
        assert clerk.execute(calls["audit"].encode(), (key, "one")).fetchone() == ("audited",)
        assert officer.execute(calls["approve"].encode(), (key, "one")).fetchone() == ("same-person",)
        assert clerk.execute(calls["refuse"].encode(), (key, "one")).fetchone() == ("same-person",)
    with store.connect() as administrator, pytest.raises(psycopg.errors.UniqueViolation):
        administrator.execute(
            "INSERT INTO exchange_requests.step (withdrawal, step, person, seen) VALUES (%s, 'approved', 'one', '{}')",
            (key,),
        )


def test_what_is_refused_is_refused_for_good_and_says_why(api: Api, store: Store) -> None:
    number = ask(api).json()["number"]
    assert step(api, "first", number, "refuse", "the client says it was not them").status_code == 200
    found = api.get("ann", f"/v1/withdrawals/{number}")
    assert (found["state"], found["reason_en"], found["checks"]) == ("refused", "the client says it was not them", None)
    for who, what in (("other", "audit"), ("second", "approve"), ("second", "refuse")):
        assert step(api, who, number, what).status_code == 409
    assert step(api, "first", number, "refuse").status_code == 200
    time.sleep(0.7)
    assert at_bank(store, "m1-ann") == 10_000_00


def test_what_is_not_signed_by_the_client_is_not_asked_for(api: Api, store: Store) -> None:
    stranger = Ed25519PrivateKey.generate()
    strange = stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    said = words("m1-ann", 200_00, "6201-ann", "withdrawal:m1-ann:w")
    for changed in (
        {"amount": "200.01"},
        {"payee_account": "6201-cy"},
        {"signature": "00" * 64},
        {"public_key": public("m2-cy").hex()},
        {"public_key": strange.hex(), "signature": stranger.sign(said).hex()},
        # Signed by another client, over the words of this one.
        {"public_key": public("m2-cy").hex(), "signature": KEYS["m2-cy"].sign(said).hex()},
    ):
        refused = ask(api, **dict[str, Any](changed))
        assert (refused.status_code, refused.json()["code"]) == (422, "not-signed"), changed
    # A signature is for one key: used under another, it is good for nothing.
    signature = ask(api).json()["signature"]
    assert ask(api, key="again", signature=signature).json()["code"] == "not-signed"
    assert len(api.get("sup", "/v1/withdrawals")["items"]) == 1
    with store.connect("ringfence_exchange_window") as window:
        # The window's own login, with no visit, asks for nobody.
        call = b"SELECT exchange_requests.ask('k', 'm1-ann', 1, 'x', %s, %s)"
        assert window.execute(call, (public("m1-ann"), b"0" * 64)).fetchone() == ("client",)


def test_a_key_is_used_once(api: Api) -> None:
    first = ask(api)
    assert ask(api).status_code == 200
    assert ask(api).json()["number"] == first.json()["number"]
    other = ask(api, amount_minor=300_00)
    assert (other.status_code, other.json()["code"]) == (422, "key-taken")
    # Another client's key of the same letters is another.
    assert ask(api, "m2-di").status_code == 201


def test_what_cannot_leave_does_not_pass_and_is_counted_once(api: Api) -> None:
    assert ask(api, amount_minor=PAID_MINOR - 100_00, key="most").status_code == 201
    number = ask(api, amount_minor=100_01, key="rest").json()["number"]
    refused = step(api, "first", number, "audit")
    assert (refused.status_code, refused.json()["code"], refused.json()["check"]) == (
        422,
        "check-failed",
        "withdrawable",
    )
    assert (refused.json()["withdrawable_minor"], refused.json()["asked_before_minor"]) == (100_00, PAID_MINOR - 100_00)
    assert api.get("sup", f"/v1/withdrawals/{number}")["state"] == "asked"


def test_what_has_changed_since_stops_it(api: Api, store: Store) -> None:
    number = ask(api, amount_minor=LIMIT_MINOR + 1).json()["number"]
    step(api, "first", number, "audit")
    with Ledger(store, "exchange", "registrar") as registrar:
        new = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        register_key(registrar, "m1-ann", new)
        with pytest.raises(KeyTaken):
            register_key(registrar, "m1-ann", public("m1-ann"))
        with pytest.raises(KeyTaken):
            register_key(registrar, "m2-cy", new)
    assert step(api, "second", number, "approve").json()["check"] == "signature"
    key = api.get("sup", f"/v1/withdrawals/{number}")["key"]
    # Even where the second person's login is used past the checks.
    with store.connect("ringfence_exchange_officer") as officer:
        officer.execute(b"SELECT exchange_requests.approve(%s, 'second', '{}')", (key,))
    found = until(api, number, "refused")
    assert "not signed by the key" in found["reason_en"]
    assert at_bank(store, "m1-ann") == 10_000_00


def test_an_account_that_was_changed_waits_for_its_cool_off(api: Api, store: Store) -> None:
    with opened(store) as (circle, _):
        circle.bind([Client("m1-ann", "m1", "bank_a", "6201-new", "id-ann")])
    number = ask(api).json()["number"]
    checks = {check["name"]: check["passes"] for check in api.get("first", f"/v1/withdrawals/{number}")["checks"]}
    assert (checks["payee"], checks["cool-off"]) == (False, False)
    assert step(api, "first", number, "audit").json()["check"] == "payee"


def test_the_signature_stands_in_the_chain_and_can_be_checked_for_ever(api: Api, store: Store) -> None:
    number = ask(api, key="for-ever").json()["number"]
    step(api, "first", number, "audit")
    found = until(api, number, "posted")
    held = api.get("ann", f"/v1/books/exchange/postings/{found['hold']}")
    key = signature_in(held["ref"])
    assert key is not None
    assert key[0] == public("m1-ann")
    amount_minor = int(held["amount"].replace(".", ""))
    assert signed(*key, words(held["subject"], amount_minor, held["payee"], held["key"]))
    assert not signed(*key, words(held["subject"], amount_minor + 1, held["payee"], held["key"]))
    assert verify_circle(store, BANKS).findings == []
    other = KEYS["m2-cy"].sign(words(held["subject"], amount_minor, held["payee"], held["key"]))
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE exchange.posting SET ref = %s WHERE id = %s",
            (f"ed25519 {public('m1-ann').hex()} {other.hex()}", found["hold"]),
        )
    said = [
        finding.what for finding in verify_circle(store, BANKS).findings if finding.where == f"posting {found['hold']}"
    ]
    assert "the client's signature that stands in it is not of these words" in said


def test_who_sees_what_was_asked_for(api: Api) -> None:
    numbers = {client: ask(api, client).json()["number"] for client in ("m1-ann", "m2-di")}
    for who, sees in (
        ("ann", {"m1-ann"}),
        ("di", {"m2-di"}),
        ("m1", {"m1-ann"}),
        ("m2", {"m2-di"}),
        ("sup", set(numbers)),
        ("ex", set(numbers)),
    ):
        items = api.get(who, "/v1/withdrawals")["items"]
        assert {item["client"] for item in items} == sees, who
        for client, number in numbers.items():
            status = api.ask(who, "GET", f"/v1/withdrawals/{number}").status_code
            assert status == (200 if client in sees else 404)
    assert api.ask("bank_a", "GET", "/v1/withdrawals").status_code == 404
    assert (
        api.ask("di", "POST", "/v1/clients/m1-ann/withdrawals", json={}, headers={"Idempotency-Key": "k"}).status_code
        == 400
    )


def test_while_a_settlement_is_under_way_nothing_is_held_out(api: Api, store: Store) -> None:
    number = ask(api).json()["number"]
    with Ledger(store, "exchange", "settlement") as settlement:
        with intake(settlement, frozen=True):
            step(api, "first", number, "audit")
            time.sleep(0.8)
            assert api.get("sup", f"/v1/withdrawals/{number}")["state"] == "passed"
        until(api, number, "posted")


def test_while_no_day_is_open_it_waits(api: Api, store: Store) -> None:
    number = ask(api).json()["number"]
    with opened(store) as (circle, _):
        circle.close_day(DAY)
    step(api, "first", number, "audit")
    time.sleep(0.8)
    assert api.get("sup", f"/v1/withdrawals/{number}")["state"] == "passed"
    with opened(store) as (circle, _):
        circle.open_day(DAY.replace(day=9))
    until(api, number, "posted")
