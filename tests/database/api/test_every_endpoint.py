"""Every endpoint with every role's credentials, made from what the API says of itself: who may, who may not, and that nothing moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lived import CLIENT, make_lived
from ringfence.access import Persons, Role
from ringfence.database import Store
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_lived)

WHO: dict[str, tuple[Role, str, Any]] = {
    "reader": ("exchange", "exchange", None),
    "clerk": ("exchange", "exchange", "clerk"),
    "officer": ("exchange", "exchange", "officer"),
    "bank": ("bank", "bank_a", None),
    "member": ("member", "m1", None),
    "client": ("client", CLIENT, None),
    "supervisor": ("supervisor", "supervisor", None),
}
EXAMPLES = {"book": "exchange", "posting": "5", "client": CLIENT, "day": "2020-03-06", "number": "1"}
BODIES: dict[str, Any] = {
    "/v1/session": {"name": "nobody", "password": "nothing"},
    "/v1/books/{book}/deposits": {"client": CLIENT, "payer_account": "x", "amount": "1.00"},
    "/v1/clients/{client}/withdrawals": {"amount": "1.00", "payee_account": "x", "public_key": "00" * 32, "signature": "00" * 64},
    "/v1/withdrawals/{number}/refuse": {"reason": "no"},
    "/v1/letters": {"words": "x", "signature": "00" * 64},
}  # fmt: skip
# What each role gets. 404: it is not there for that one. Nobody gets through without credentials, but to come in or by signature.
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    ("post", "/v1/session"): dict.fromkeys(WHO, 401),
    ("get", "/v1/session"): dict.fromkeys(WHO, 200),
    ("post", "/v1/books/{book}/deposits"): dict.fromkeys(WHO, 403) | {"bank": 404},
    ("get", "/v1/books/{book}"): dict.fromkeys(WHO, 200) | {"bank": 404, "member": 403, "client": 403},
    ("get", "/v1/books/{book}/accounts"): dict.fromkeys(WHO, 200) | {"bank": 404},
    ("get", "/v1/books/{book}/postings"): dict.fromkeys(WHO, 200) | {"bank": 404},
    ("get", "/v1/books/{book}/postings/{posting}"): dict.fromkeys(WHO, 200)
    | {"bank": 404, "member": 404, "client": 404},
    ("get", "/v1/clients/{client}/statements/{day}"): dict.fromkeys(WHO, 200) | {"bank": 404},
    ("post", "/v1/clients/{client}/withdrawals"): dict.fromkeys(WHO, 403) | {"client": 422},
    ("get", "/v1/withdrawals"): dict.fromkeys(WHO, 200) | {"bank": 404},
    ("get", "/v1/withdrawals/{number}"): dict.fromkeys(WHO, 404),
    ("post", "/v1/withdrawals/{number}/audit"): dict.fromkeys(WHO, 403) | {"clerk": 404},
    ("post", "/v1/withdrawals/{number}/approve"): dict.fromkeys(WHO, 403) | {"officer": 404},
    ("post", "/v1/withdrawals/{number}/refuse"): dict.fromkeys(WHO, 403) | {"clerk": 404, "officer": 404},
    ("get", "/v1/equation"): dict.fromkeys(WHO, 403) | {"reader": 200, "clerk": 200, "officer": 200, "supervisor": 200},
    ("get", "/v1/verdict"): dict.fromkeys(WHO, 200),
    ("get", "/v1/calls"): dict.fromkeys(WHO, 403) | {"supervisor": 200},
    ("post", "/v1/letters"): dict.fromkeys(WHO, 403),
    ("delete", "/v1/session"): dict.fromkeys(WHO, 204),
}


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, passwords={}) as api:
        persons = Persons(store)
        api.passwords |= {name: persons.add(name, *who) for name, who in WHO.items()}
        yield api


def described(api: Api) -> list[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = api.client.get("/v1/openapi.json").json()["paths"]
    return [(method, path) for path, operations in paths.items() for method in operations]


def call(api: Api, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    filled = path.format(**EXAMPLES)
    more = {"json": BODIES[path]} if path in BODIES else {}
    return api.client.request(method, filled, headers=headers | {"Idempotency-Key": "k"}, **more)


def test_what_is_expected_is_said_of_every_endpoint_there_is(api: Api) -> None:
    assert set(described(api)) == set(EXPECTED)


def test_every_role_gets_at_every_endpoint_what_is_its_own_and_no_more(api: Api) -> None:
    before = [api.get("supervisor", f"/v1/books/{book}") for book in ("bank_a", "bank_b", "exchange")]
    found = {
        place: {who: call(api, *place, {"Authorization": f"Bearer {api.token(who)}"}).status_code for who in WHO}
        # Leaving comes last.
        for place in EXPECTED
    }
    assert found == EXPECTED
    api.tokens.clear()
    assert [api.get("supervisor", f"/v1/books/{book}") for book in ("bank_a", "bank_b", "exchange")] == before


def test_nobody_gets_anything_without_credentials_or_with_made_up_ones(api: Api) -> None:
    for method, path in described(api):
        if path == "/v1/letters":
            continue
        for headers in (
            {},
            {"Authorization": "Bearer made-up"},
            {"Authorization": "Basic bWFkZTp1cA=="},
            {"Cookie": "__Host-ringfence=made-up"},
        ):
            answer = call(api, method, path, headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "not-known"), (method, path)


def test_the_cookie_of_a_page_is_no_credential_of_the_api(api: Api) -> None:
    """A page of another site can make a browser send its cookie; to the API that is nothing."""
    cookie = {"Cookie": f"__Host-ringfence={api.token('bank')}"}
    for method, path in described(api):
        if path in ("/v1/letters", "/v1/session"):
            continue
        assert call(api, method, path, cookie).status_code == 401, (method, path)


def test_every_answer_has_the_headers_of_current_practice(api: Api) -> None:
    for method, path in described(api):
        answer = call(api, method, path, {"Authorization": f"Bearer {api.token('reader')}"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
        # Not over https here, where a browser would not heed it either.
        assert "strict-transport-security" not in answer.headers
        if method == "delete":
            api.tokens.clear()


PATHS = [
        "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/x/..%2f..%2fconsole.css", "//etc/passwd", "/v1/books/..%2faccess",
        "/v1/books/access", "/v1/books/pg_catalog", "/v1/books/exchange_letters/accounts", "/v1/books/exchange;drop/accounts", "/en/../../x", "/.git/config", "/v1/clients/..",
    ]  # fmt: skip


def test_no_path_leads_anywhere_else(api: Api) -> None:
    for path in PATHS:
        answer = api.client.get(path, headers={"Authorization": f"Bearer {api.token('supervisor')}"})
        assert answer.status_code in (404, 405), (path, answer.text)
        assert "root:" not in answer.text


NASTY = ("'; DROP TABLE exchange.posting; --", "1 OR 1=1", "%s", "{0}", "\\", "\"", "\u202e", "甲" * 100, "\ud7ff", "0x1", "NaN", "1e9", "-1", "9" * 30)  # fmt: skip


def test_whatever_stands_in_a_field_is_only_text(api: Api) -> None:
    deposits = "/v1/books/bank_a/deposits"
    good = {"client": CLIENT, "payer_account": "6201", "amount": "1.00"}
    for number, text in enumerate(NASTY):
        for field in good:
            key = {"Idempotency-Key": f"n{number}{field}"}
            answer = api.ask("bank", "POST", deposits, json=good | {field: text}, headers=key)
            assert 400 <= answer.status_code < 500, (text, answer.text)
            assert answer.json()["written"] is False
        for path in ("accounts", "postings"):
            listed = api.ask("reader", "GET", f"/v1/books/exchange/{path}", params={"owner": text})
            assert listed.status_code in (200, 400), text
            assert listed.json().get("items", []) == []
        listed = api.ask("reader", "GET", "/v1/books/exchange/accounts", params={"kind": text})
        assert listed.status_code in (200, 400), text
        entered = api.client.post("/v1/session", json={"name": text, "password": text})
        assert entered.status_code in (400, 401), text
    assert api.get("reader", "/v1/equation")["holds"] is True
