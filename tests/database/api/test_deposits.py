"""A deposit over HTTP: posted by the bank, credited by the exchange, once for a key; and what is refused, in words."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from circles import BANKS, DAY, make_circle, opened
from ringfence.custody import Client, EquationReader, verify_circle
from ringfence.database import Store
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        yield api


def cash(api: Api) -> dict[str, str]:
    found = api.get("ex", "/v1/books/exchange/accounts", kind="client-cash")["items"]
    return {account["owner"]: account["balance"] for account in found if account["balance"] != "0.00"}


def test_a_deposit_is_posted_and_credited(api: Api) -> None:
    answer = api.deposit("k", "m1-ann", "700.25")
    assert answer.status_code == 201
    said = answer.json()
    assert (said["state"], said["amount"], said["value_date"], said["replayed"]) == (
        "credited",
        "700.25",
        str(DAY),
        False,
    )
    posted = api.get("bank_a", f"/v1/books/bank_a/postings/{said['bank']['posting']}")
    assert [(e["kind"], e["owner"], e["amount"]) for e in posted["entries"]] == [
        ("client-bank", "m1-ann", "-700.25"),
        ("member-transit", "m1", "700.25"),
        ("member-transit", "m1", "-700.25"),
        ("exchange-client-money", "exchange", "700.25"),
    ]
    credited = api.get("ex", f"/v1/books/exchange/postings/{said['exchange']['posting']}")
    assert (credited["route"], credited["subject"], credited["amount"]) == ("deposit", "m1-ann", "700.25")
    assert cash(api) == {"m1-ann": "700.25"}
    equation = api.get("sup", "/v1/equation")
    assert (equation["holds"], equation["at_banks"], equation["difference"]) == (True, "700.25", "0.00")


def test_the_same_key_is_carried_out_once_whenever_it_comes_again(api: Api, store: Store) -> None:
    first = api.deposit("k", "m1-ann", "5.00").json()
    again = api.deposit("k", "m1-ann", "5.00")
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    assert again.json() | {"replayed": False} == first
    with opened(store) as (circle, _):
        circle.close_day(DAY)
        circle.open_day(DAY + datetime.timedelta(3))
    later = api.deposit("k", "m1-ann", "5.00")
    assert (later.status_code, later.json()["value_date"]) == (200, str(DAY))
    assert api.deposit("new", "m1-ann", "6.00").json()["value_date"] == str(DAY + datetime.timedelta(3))
    assert cash(api) == {"m1-ann": "11.00"}
    for other in (("m1-ann", "5.01"), ("m2-cy", "5.00")):
        refused = api.deposit("k", *other)
        assert (refused.status_code, refused.json()["control"]) == (422, "key")
    # The key is the bank's own; another bank's is another.
    assert api.deposit("k", "m1-bo", "5.00").status_code == 201


REFUSED: list[tuple[dict[str, object], int, str, dict[str, str]]] = [
    ({"amount": "100000.01"}, 422, "refused", {"control": "funds", "seen": "100,000.00 CNY", "amount": "100000.01"}),
    ({"amount": "0.00"}, 422, "refused", {"control": "amount"}),
    ({"amount": "-1.00"}, 422, "refused", {"control": "amount"}),
    ({"payer_account": "6201-cy"}, 422, "refused", {"control": "payee"}),
    ({"client": "nobody"}, 400, "bad-input", {"field": "client", "value": "nobody"}),
    ({"client": "m1-bo"}, 400, "bad-input", {"field": "client", "value": "m1-bo"}),
    ({"amount": "1,000.00"}, 400, "bad-input", {"field": "amount", "value": "1,000.00"}),
    ({"amount": "1.001"}, 400, "bad-input", {"expected": "at most 2 decimals for CNY"}),
    ({"amount": 5}, 400, "bad-input", {"field": "amount", "expected": "text"}),
    ({"amount": "1e3"}, 400, "bad-input", {"value": "1e3"}),
    ({"unit": "USD"}, 400, "bad-input", {"field": "unit", "value": "USD"}),
    ({"note": "x"}, 400, "bad-input", {"field": "note", "expected": "no such field"}),
    ({"client": "a\0b"}, 400, "bad-input", {"field": "client"}),
    ({"client": ""}, 400, "bad-input", {"expected": "at least 1 characters"}),
]  # fmt: skip


def test_what_is_refused_says_why_and_writes_nothing(api: Api) -> None:
    for change, status, code, said in REFUSED:
        asked = {"client": "m1-ann", "payer_account": "6201-ann", "amount": "1.00"} | change
        answer = api.ask("bank_a", "POST", "/v1/books/bank_a/deposits", json=asked, headers={"Idempotency-Key": "k"})
        found = answer.json()
        assert (answer.status_code, found["code"], found["written"]) == (status, code, False), found
        assert {name: found[name] for name in said} == said
        assert answer.headers["content-type"] == "application/problem+json"
    assert cash(api) == {}


def test_a_write_without_a_key_is_refused(api: Api) -> None:
    asked = {"client": "m1-ann", "payer_account": "6201-ann", "amount": "1.00"}
    for headers in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b"}, {"Idempotency-Key": "k" * 181}):
        answer = api.ask("bank_a", "POST", "/v1/books/bank_a/deposits", json=asked, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
    assert cash(api) == {}


def test_only_the_clients_own_bank_can_confirm(api: Api) -> None:
    for who in ("ex", "m1", "ann", "sup"):
        refused = api.deposit("k", "m1-ann", "1.00", who=who)
        assert (refused.status_code, refused.json()["code"]) == (403, "no-power"), who
    assert api.deposit("k", "m1-ann", "1.00", who="bank_b").status_code == 404
    assert cash(api) == {}


def test_deposits_of_many_callers_share_commits_and_each_gets_its_own_answer(api: Api, store: Store) -> None:
    def pay(number: int) -> int:
        # Every tenth is more than there is.
        return api.deposit(f"k{number}", "m1-ann", "999999.00" if number % 10 == 9 else "1.00").status_code

    before = api.get("sup", "/v1/books/bank_a")["batch"]
    with ThreadPoolExecutor(32) as callers:
        found = list(callers.map(pay, range(200)))
    assert found == [422 if number % 10 == 9 else 201 for number in range(200)]
    assert cash(api) == {"m1-ann": "180.00"}
    assert api.get("sup", "/v1/books/bank_a")["batch"] - before < 150
    assert verify_circle(store, BANKS).findings == []


def test_the_verifier_sees_nothing_wrong_while_deposits_go_on(api: Api, store: Store) -> None:
    def pay(number: int) -> int:
        return api.deposit(f"k{number}", "m1-ann" if number % 2 else "m1-bo", "0.01").status_code

    with ThreadPoolExecutor(8) as callers:
        paying = [callers.submit(pay, number) for number in range(300)]
        seen = 0
        with EquationReader(store, BANKS) as reader:
            while not all(future.done() for future in paying):
                assert verify_circle(store, BANKS).findings == []
                assert reader.read().holds
                seen += 1
    assert {future.result() for future in paying} == {201}
    assert seen > 1


def test_a_client_who_was_registered_meanwhile_is_credited(api: Api, store: Store) -> None:
    assert api.deposit("k", "m1-ann", "1.00").status_code == 201
    new = Client("m1-eve", "m1", "bank_a", "6201-eve", "id-eve")
    with opened(store) as (circle, _):
        circle.register([], [new])
        circle.arrive(DAY, {"arrival:eve": ("m1-eve", 100_00)})
    asked = {"client": "m1-eve", "payer_account": "6201-eve", "amount": "40.00"}
    answer = api.ask("bank_a", "POST", "/v1/books/bank_a/deposits", json=asked, headers={"Idempotency-Key": "eve"})
    assert (answer.status_code, answer.json()["state"]) == (201, "credited")
    assert cash(api)["m1-eve"] == "40.00"


def test_what_the_exchange_has_not_booked_in_time_is_in_transit_and_said_to_be(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stands_still(*arguments: object) -> None:
        return None

    with monkeypatch.context() as patched:
        for room in ("live", "exchange_answering"):
            patched.setattr(f"ringfence.custody.{room}.take_over", stands_still)
        patched.setattr("ringfence.custody.live.PATIENCE_S", 0.2)
        answer = api.deposit("k", "m1-ann", "3.00")
        assert (answer.status_code, answer.json()["state"], answer.json()["exchange"]) == (202, "in-transit", None)
        equation = api.get("ex", "/v1/equation")
        assert (equation["holds"], equation["in_transit"], equation["clients"]) == (True, "3.00", "0.00")
        [waiting] = equation["waiting"]
        assert (waiting["bank"], waiting["key"], waiting["client"]) == ("bank_a", "api:k", "m1-ann")
        assert (waiting["route"], waiting["amount"]) == ("deposit", "3.00")
    again = api.deposit("k", "m1-ann", "3.00")
    assert (again.status_code, again.json()["state"]) == (200, "credited")


def test_a_lost_database_says_what_is_not_known_and_the_key_finds_out(api: Api, store: Store) -> None:
    assert api.deposit("first", "m1-ann", "1.00").status_code == 201
    with store.connect() as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN "
            "('ringfence_bank_a_teller', 'ringfence_exchange_link', 'ringfence_bank_a_clerk') AND datname = current_database()"
        )
    lost = api.deposit("second", "m1-ann", "2.00")
    assert (lost.status_code, lost.json()["key"]) == (503, "second")
    assert "ringfence_" not in lost.text
    deadline = time.monotonic() + 20
    while (again := api.deposit("second", "m1-ann", "2.00")).status_code != 201 and time.monotonic() < deadline:
        assert again.status_code in (200, 202, 503)
        if again.json().get("state") == "credited":
            break
        time.sleep(0.2)
    assert cash(api) == {"m1-ann": "3.00"}
