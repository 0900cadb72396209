"""Every call is recorded; who asks too often, or sends too slowly, is told so."""

from __future__ import annotations

import datetime
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from circles import make_circle
from ringfence.access.calls import READS, WRITES, Call, Calls, recorded_calls
from ringfence.database import Logins, Store
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        yield api


def calls(api: Api, at_least: int, **query: Any) -> list[dict[str, Any]]:
    """What is recorded, once it is so many."""
    deadline = time.monotonic() + 5
    while True:
        found: list[dict[str, Any]] = api.get("sup", "/v1/calls", limit=200, **query)["items"]
        if len(found) >= at_least or time.monotonic() > deadline:
            assert len(found) >= at_least, found
            return found
        time.sleep(0.05)


def test_every_call_is_recorded_with_who_asked_and_how_it_was_answered(api: Api) -> None:
    assert api.deposit("k1", "m1-ann", "1.00").status_code == 201
    assert api.deposit("k2", "m1-ann", "1.00", who="m1").status_code == 403
    assert api.client.get("/v1/books/bank_a").status_code == 401
    assert api.page("ann", "/zh/").status_code == 200
    assert api.client.get("/v1/nothing?secret=7").status_code == 404
    found = calls(api, 9)
    asked = {(c["person"], c["method"], c["path"], c["status"], c["key"]) for c in found}
    assert asked >= {
        ("bank_a", "POST", "/v1/session", 201, None),
        ("bank_a", "POST", "/v1/books/bank_a/deposits", 201, "k1"),
        ("m1", "POST", "/v1/books/bank_a/deposits", 403, "k2"),
        (None, "GET", "/v1/books/bank_a", 401, None),
        ("ann", "GET", "/zh/", 200, None),
        (None, "GET", "/v1/nothing", 404, None),
    }
    assert {c["address"] for c in found} == {"127.0.0.1"}
    assert all(0 <= c["milliseconds"] < 30_000 for c in found)
    assert [c["id"] for c in found] == sorted((c["id"] for c in found), reverse=True)
    assert {c["person"] for c in calls(api, 2, person="m1")} == {"m1"}
    older = api.get("sup", "/v1/calls", before=found[3]["id"], limit=1)["items"]
    assert older == [found[4]]


def test_only_a_supervisor_reads_the_record(api: Api) -> None:
    for who in ("ex", "bank_a", "m1", "ann"):
        assert api.ask(who, "GET", "/v1/calls").status_code == 403


def test_nothing_that_is_secret_stands_in_the_record(api: Api, store: Store) -> None:
    wrong = {"name": "ann", "password": "a-wrong-password"}
    assert api.client.post("/v1/session", json=wrong).status_code == 401
    token = api.token("ann")
    calls(api, 3)
    with store.connect() as administrator:
        text = str(administrator.execute("SELECT array_agg(c::text) FROM access.call AS c").fetchone())
    for secret in (token, api.passwords["ann"], "a-wrong-password"):
        assert secret not in text


def test_the_record_is_added_to_and_never_changed(api: Api, store: Store) -> None:
    calls(api, 1)
    for login, allowed in ((WRITES, "INSERT"), (READS, "SELECT")):
        with store.connect(login) as connection:
            for statement in (
                "SELECT count(*) FROM access.call",
                "UPDATE access.call SET person = 'mallory'",
                "DELETE FROM access.call",
                "TRUNCATE access.call",
                "SELECT count(*) FROM access.person",
                "SELECT count(*) FROM access.session",
                "SELECT count(*) FROM exchange.posting",
            ):
                if statement.startswith(allowed) and "access.call" in statement:
                    continue
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())


def test_what_cannot_be_recorded_now_is_recorded_later(store: Store, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.access.calls._MOST_KEPT", 5)
    with Logins(store) as logins:
        record = Calls(logins)
        with store.connect() as administrator:
            administrator.execute("ALTER TABLE access.call RENAME TO away")
            for number in range(8):
                now = datetime.datetime.now(datetime.UTC)
                record.add(Call(now, "x", "-", "GET", f"/{number}", 200, 1, None))
            time.sleep(0.6)
            administrator.execute("ALTER TABLE access.away RENAME TO call")
        record.close()
        with logins.reading(READS) as connection:
            found = recorded_calls(connection, person="x")
    # The newest, in their order.
    assert [row.call.path for row in found][:4] == ["/7", "/6", "/5", "/4"]


# -- too often, too slow --------------------------------------------------------------------------------------------------


def test_a_password_cannot_be_guessed_by_trying(api: Api) -> None:
    tries = [
        api.client.post("/v1/session", json={"name": "ex", "password": f"guess-{number}"}).status_code
        for number in range(12)
    ]
    assert tries == [401] * 10 + [429] * 2
    again = api.client.post("/v1/session", json={"name": "ex", "password": api.passwords["ex"]}, headers={"Accept-Language": "zh"})  # fmt: skip
    assert (again.status_code, again.json()["code"]) == (429, "too-often")
    assert int(again.headers["Retry-After"]) == again.json()["seconds"] > 0
    page = api.client.post("/en/in", data={"name": "ex", "password": "x"})
    assert page.status_code == 429
    assert "ask again in" in page.text
    # Others come in as ever; and who came in may come in again and again.
    for _ in range(12):
        said = {"name": "sup", "password": api.passwords["sup"]}
        assert api.client.post("/v1/session", json=said).status_code == 201


def test_who_asks_without_an_end_is_told_to_wait(api: Api) -> None:
    api.token("m1")
    found = [api.ask("m1", "GET", "/v1/session").status_code for _ in range(400)]
    assert found.count(200) >= 200
    assert 429 in found
    # Nobody else notices.
    assert api.ask("m2", "GET", "/v1/session").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.api.limits.SLOWEST_BODY_S", 0.3)
    host, port = api.client.base_url.host, api.client.base_url.port
    assert port
    with socket.create_connection((host, port), timeout=10) as slow:
        head = (
            f"POST /v1/session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
        )
        slow.sendall(head.encode() + b'{"name": ')
        answer = slow.recv(2_000).decode()
    assert answer.startswith("HTTP/1.1 408")
    assert "too-slow" in answer
