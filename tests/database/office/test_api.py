"""A ring of one's own over HTTP: each person at its desk, a client's wish, and what nobody gets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from offices import DAY, LINK, arrive, make_office, wanted
from ringfence.database import Store
from ringfence.ledger import Action, Instruction
from ringfence.office import Desk, Office, Unattended, verify_office
from served import Api, served_office

pytestmark = pytest.mark.ledgers.with_args(make_office)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served_office(Office.kept(store), clients=("ann", "bob")) as api:
        yield api


def walk(api: Api, who: str, where: str, code: int = 201, key: str = "", **asked: Any) -> dict[str, Any]:
    """Ask on a route, as `book.route`, and see how it is answered."""
    book, _, route = where.partition(".")
    answer = api.ask(
        who,
        "POST",
        f"/v1/books/{book}/routes/{route}",
        json=asked,
        headers={"Idempotency-Key": key or f"{time.monotonic_ns()}"},
    )
    assert answer.status_code == code, answer.text
    said: dict[str, Any] = answer.json()
    return said


def wish(
    api: Api, client: str, amount: str, nonce: str, *, by: str = "", who: str = "", signed_for: str = ""
) -> httpx.Response:
    """Ask as a client to be paid, in words that somebody signs, perhaps for another amount."""
    said = wanted(client, signed_for or amount, nonce, by) | {"amount": amount}
    return api.ask(who or client, "POST", "/v1/wishes", json=said, headers={"Idempotency-Key": nonce})


def waits(api: Api, who: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(who, "/v1/desk")["waits"]
    return found


def test_a_day_over_http(api: Api) -> None:
    walk(api, "bank.teller", "bank.arrival", client="ann", amount="500.00", said={"payment-in": "no. 1"})
    paid = walk(
        api, "bank.teller", "bank.deposit", key="k", client="ann", amount="500.00", said={"client-order": "no. 1"}
    )
    again = walk(
        api, "bank.teller", "bank.deposit", 200, "k", client="ann", amount="500.00", said={"client-order": "no. 1"}
    )
    assert (again["posting"], again["replayed"]) == (paid["posting"], True)
    [task] = waits(api, "platform.link")
    assert (task["client"], task["amount"], task["unit"], task["ready"]) == ("ann", "500.00", "EUR", True)
    walk(api, "platform.link", "platform.deposit", paper=task["paper"])
    # A client asks; somebody takes it up; the bank pays; it is booked.
    wished = wish(api, "ann", "120.00", "n1").json()
    assert wish(api, "ann", "120.00", "n1").json() == wished
    assert wished["signed"] is True
    assert (wished["client"], wished["posting"]) == ("ann", None)
    [task] = waits(api, "platform.clerk")
    assert (task["wish"], task["amount"], task["client"]) == (wished["id"], "120.00", "ann")
    held = walk(api, "platform.clerk", "platform.withdrawal", wish=wished["id"])
    assert held["held"]
    assert api.get("ann", "/v1/wishes")[0]["posting"] == held["posting"]
    assert waits(api, "platform.clerk") == []
    walk(api, "platform.clerk", "platform.withdrawal", 409, wish=wished["id"])
    [order] = waits(api, "bank.clerk")
    walk(api, "bank.clerk", "bank.withdrawal", paper=order["paper"])
    [pair] = api.get("supervisor", "/v1/equation")["pairs"]
    assert (pair["held"], pair["said"], pair["transit"], pair["difference"]) == ("380.00", "500.00", "-120.00", "0.00")
    hold = f"/v1/books/platform/routes/withdrawal/holds/{held['posting']}"
    assert api.ask("platform.link", "POST", hold, json={}).status_code == 201
    [read] = api.get("platform.auditor", f"/v1/segregation/{DAY}")
    assert (read["resource"], read["requirement"], read["excess"]) == ("380.00", "380.00", "0.00")
    assert read["clients"] == [
        {"client": "ann", "owed": "380.00", "owes": "0.00"},
        {"client": "bob", "owed": "0.00", "owes": "0.00"},
    ]
    assert api.get("ann", "/v1/verdict") == api.get("ann", "/v1/verdict") | {"ok": True, "findings": []}
    # What is Ann's she reads; Bob sees nothing of it, nor of the books.
    [cash] = api.get("ann", "/v1/books/platform/accounts")["items"]
    assert (cash["owner"], cash["balance"]) == ("ann", "380.00")
    assert [one["balance"] for one in api.get("bob", "/v1/books/platform/accounts")["items"]] == ["0.00"]
    assert api.get("bob", "/v1/books/platform/postings")["items"] == []
    assert api.get("bob", "/v1/wishes") == []


def test_what_is_not_ones_own_is_refused_by_name(api: Api) -> None:
    arrive(api.service.desk, 2_000_00)
    for who, where, code, said in (
        ("bank.teller", "bank.withdrawal", 403, "bank.clerk"),
        ("platform.link", "bank.deposit", 403, "bank.teller"),
        ("ann", "bank.deposit", 403, "staff"),
        ("supervisor", "bank.deposit", 403, "staff"),
        ("bank.teller", "bank.theft", 400, "arrival, deposit"),
        ("bank.teller", "moon.deposit", 404, "moon"),
    ):
        assert said in walk(api, who, where, code, client="ann", amount="1.00")["detail"], (who, where)
    assert "client-order" in walk(api, "bank.teller", "bank.deposit", 400, client="ann", amount="1.00")["detail"]
    [task] = waits(api, "platform.link")
    walk(api, "platform.link", "platform.deposit", paper=task["paper"])
    refused = walk(
        api, "platform.clerk", "platform.withdrawal", 422, client="ann", amount="1000.01", said={"audit": "x"}
    )
    assert refused["control"] == "item"
    assert "platform.officer can let it pass" in refused["detail"]
    assert "ringfence_r" not in refused["detail"]
    # The intermediary sees its clients in the platform's book, and can do nothing at all.
    assert {one["owner"] for one in api.get("member", "/v1/books/platform/accounts")["items"]} == {"ann", "bob"}
    assert [one["route"] for one in api.get("member", "/v1/books/platform/postings")["items"]] == ["deposit"]
    assert api.ask("member", "GET", "/v1/books/bank/accounts").status_code == 404
    assert api.ask("member", "GET", "/v1/equation").status_code == 403
    assert "staff" in walk(api, "member", "platform.withdrawal", 403, client="ann", amount="1.00")["detail"]
    # No book but one's own, no reading of the whole for clients, no other ring's roles.
    assert api.ask("bank.teller", "GET", "/v1/books/platform/accounts").status_code == 404
    assert api.ask("ann", "GET", "/v1/equation").status_code == 403
    assert api.ask("ann", "GET", f"/v1/segregation/{DAY}").status_code == 403
    assert api.ask("ann", "GET", "/v1/desk").status_code == 403
    assert api.client.get("/v1/desk").status_code == 401
    assert wish(api, "ann", "1.00", "n1", who="platform.clerk").status_code == 403


def test_persons_register_confirm_grant_and_close(api: Api) -> None:
    cy = {"name": "cy", "title": "Cy", "identity": "passport C", "account_number": "DE03"}
    assert api.ask("platform.clerk", "POST", "/v1/books/platform/clients", json=cy).status_code == 403
    assert api.ask("platform.registrar", "POST", "/v1/books/platform/clients", json=cy).status_code == 201
    wrong = cy | {"account_number": "DE99"}
    assert api.ask("platform.intake", "POST", "/v1/books/platform/confirmations", json=wrong).status_code == 422
    assert api.ask("platform.intake", "POST", "/v1/books/platform/confirmations", json=cy).status_code == 201
    moved = cy | {"account_number": "DE04"}
    assert api.ask("platform.registrar", "POST", "/v1/books/platform/bindings", json=moved).status_code == 201
    limit = "/v1/books/platform/routes/withdrawal/limit"
    assert api.ask("platform.officer", "PUT", limit, json={"per_item": "5.00", "per_day": "7.00"}).status_code == 204
    assert [grant.caps.per_item_minor for grant in api.service.desk.limits("platform", "withdrawal")] == [5_00]
    assert api.ask("platform.officer", "PUT", limit, json={}).status_code == 204
    assert api.service.desk.limits("platform", "withdrawal") == []
    assert api.ask("bank.clerk", "POST", "/v1/books/bank/close").status_code == 204
    assert api.ask("bank.clerk", "POST", "/v1/books/bank/days", json={"day": str(DAY)}).status_code == 400
    assert api.ask("bank.clerk", "POST", "/v1/books/bank/days", json={"day": "2026-11-27"}).status_code == 204
    assert api.get("ann", "/v1/ring")["days"] == {"bank": "2026-11-27", "platform": str(DAY)}
    assert api.get("ann", "/v1/ring")["closed"] is True


def test_a_wish_is_declined_with_a_reason(api: Api) -> None:
    number = wish(api, "bob", "9.00", "n1").json()["id"]
    path = f"/v1/books/platform/routes/withdrawal/wishes/{number}/decline"
    assert api.ask("platform.link", "POST", path, json={"reason": "no"}).status_code == 403
    assert api.ask("platform.clerk", "POST", path, json={"reason": "nothing is there"}).status_code == 204
    assert api.ask("platform.clerk", "POST", path, json={"reason": "again"}).status_code == 409
    assert [one["declined"] for one in api.get("bob", "/v1/wishes")] == ["nothing is there"]
    assert waits(api, "platform.clerk") == []


def test_a_wish_is_signed_by_its_client_and_taken_up_as_it_was_signed(api: Api) -> None:
    for refused in (
        wish(api, "ann", "9.00", "n1", by="bob"),
        wish(api, "ann", "9.00", "n1", signed_for="90.00"),
        wish(api, "bob", "9.00", "n1", who="ann"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "not-signed")
    assert wish(api, "ann", "9.00", "n1").status_code == 201
    assert wish(api, "ann", "9.50", "n1").json()["code"] == "key-taken"
    arrive(api.service.desk, 100_00)
    walk(api, "platform.link", "platform.deposit", paper=waits(api, "platform.link")[0]["paper"])
    [task] = waits(api, "platform.clerk")
    assert (
        "as the client asked"
        in walk(api, "platform.clerk", "platform.withdrawal", 400, wish=task["wish"], amount="9.50")["detail"]
    )
    # Another key is registered: what was signed with the old one is not taken up any more, only declined.
    new = "11" * 32
    key = "/v1/books/platform/clients/ann/key"
    assert api.ask("platform.clerk", "PUT", key, json={"public_key": new}).status_code == 403
    assert api.ask("platform.registrar", "PUT", key, json={"public_key": new}).status_code == 204
    assert walk(api, "platform.clerk", "platform.withdrawal", 422, wish=task["wish"])["code"] == "not-signed"
    assert [one["signed"] for one in api.get("ann", "/v1/wishes")] == [False]
    # A key is one client's for ever; and the registrar of the bank has nothing to say here.
    bobs = wanted("bob", "1.00", "x")["public_key"]
    assert api.ask("platform.registrar", "PUT", key, json={"public_key": bobs}).json()["code"] == "key-taken"
    assert api.ask("bank.registrar", "PUT", key, json={"public_key": "22" * 32}).status_code == 403


def test_the_verifier_reads_every_signature_again(api: Api) -> None:
    arrive(api.service.desk, 100_00)
    walk(api, "platform.link", "platform.deposit", paper=waits(api, "platform.link")[0]["paper"])
    wish(api, "ann", "9.00", "n1")
    walk(api, "platform.clerk", "platform.withdrawal", wish=waits(api, "platform.clerk")[0]["wish"])
    assert verify_office(api.service.office).ok
    # The clerk, past its desk: under a key that looks like a wish, with the signature of another amount.
    with api.service.office.enter("platform", "clerk") as ledger:
        ((ref,),) = ledger.rows("SELECT ref FROM {}.posting WHERE key = 'withdrawal:wish:ann:n1'")
        path = (ledger.account("client-cash", "ann", "EUR"), ledger.account("bank-cash", "bank", "EUR"))
        told = Instruction(
            "withdrawal:wish:ann:n2", "withdrawal", "ann", path, 9_00, DAY, Action.HOLD, payee="DE01", ref=ref
        )
        assert ledger.post([told]).refusals == []
    [finding] = verify_office(api.service.office).findings
    assert "signature" in finding.what


def test_the_database_takes_a_wish_from_its_client_alone(api: Api) -> None:
    """The window's login, with Bob's visit: not for Ann, not about another book, not without a visit or under another's key."""
    service = api.service
    insert = (
        "INSERT INTO ringfence_office.wish (client, book, route, proof, unit, amount, payee, key, public_key, signature) "
        "VALUES (%s, %s, 'withdrawal', 'audit', 'EUR', 100, '', %s, %s, '')"
    )
    token = api.token("bob")
    login = f"ringfence_{service.office.names['platform']}_window"
    own, anns = (bytes.fromhex(wanted(who, "1.00", "x")["public_key"]) for who in ("bob", "ann"))

    def ask(client: str, book: str, visit: str, key: bytes = own) -> None:
        with service.office.store.connect(login) as connection, connection.transaction():
            connection.execute("SELECT set_config('ringfence.visit', %s, true)", (visit,))
            connection.execute(insert, (client, book, f"{time.monotonic_ns()}", key))

    ask("bob", "platform", token)
    for wrong in (
        ("ann", "platform", token),
        ("ann", "platform", token, anns),
        ("bob", "platform", token, anns),
        ("bob", "bank", token),
        ("bob", "platform", ""),
        ("bob", "platform", f"x{token}"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            ask(*wrong)
    with service.office.store.connect(login) as connection:
        for statement in (
            "UPDATE ringfence_office.wish SET amount = 1",
            "DELETE FROM ringfence_office.wish",
            "SELECT * FROM ringfence_office.ring",
            "INSERT INTO ringfence_office.client_key (book, client, public_key) VALUES ('platform', 'bob', decode(repeat('33', 32), 'hex'))",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    # The registrar of one book registers keys there, and nowhere else.
    with service.office.enter("bank", "registrar") as registrar, pytest.raises(psycopg.errors.InsufficientPrivilege):
        registrar.connection.execute(
            "INSERT INTO ringfence_office.client_key (book, client, public_key) VALUES ('platform', 'bob', %s)",
            (b"3" * 32,),
        )


def test_whose_part_the_process_takes_does_what_needs_no_judgement(store: Store) -> None:
    desk = Desk(Office.kept(store))
    arrive(desk, 70_00)
    unattended = Unattended(desk, [])
    unattended.once()
    assert len([*desk.office.seats()]) == 11
    with served_office(desk.office, unattended=[LINK]) as api:
        until = time.monotonic() + 10
        while waits(api, "platform.link") and time.monotonic() < until:
            time.sleep(0.1)
        assert waits(api, LINK.name) == []
        assert api.get("supervisor", "/v1/equation")["pairs"][0]["said"] == "70.00"
