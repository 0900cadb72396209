"""What is refused before it reaches a ledger: addresses, bodies and methods that cannot be used, each in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from circles import make_circle
from ringfence.database import Store
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_circle)
ACCOUNTS = "/v1/books/exchange/accounts"


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        yield api


def stream(size: int) -> Iterator[bytes]:
    """A body whose length is not told beforehand."""
    for _ in range(size // 1000):
        yield b"x" * 1000


BAD: list[tuple[str, str, dict[str, Any], int, dict[str, Any]]] = [
    ("GET", "/v1/nowhere", {}, 404, {"code": "not-found", "field": "path"}),
    ("GET", "/v1/%2e%2e/%2e%2e/etc/passwd", {}, 404, {"code": "not-found"}),
    ("PUT", ACCOUNTS, {}, 405, {"code": "method-not-allowed"}),
    ("GET", f"{ACCOUNTS}?limit=0", {}, 400, {"field": "limit", "value": "0", "expected": "1 or more"}),
    ("GET", f"{ACCOUNTS}?limit=201", {}, 400, {"expected": "200 or less"}),
    ("GET", f"{ACCOUNTS}?after=x", {}, 400, {"field": "after", "expected": "a whole number"}),
    ("GET", f"{ACCOUNTS}?after=99999999999999999999999", {}, 400, {"field": "after"}),
    ("GET", f"{ACCOUNTS}?owner=a%00b", {}, 400, {"field": "address", "expected": "text without zero bytes"}),
    ("GET", f"{ACCOUNTS}?owner={'x' * 101}", {}, 400, {"field": "owner", "expected": "at most 100 characters"}),
    ("GET", f"{ACCOUNTS}?owner={'x' * 5000}", {}, 400, {"field": "address"}),
    ("GET", "/v1/books/exchange/postings?after=1&before=2", {}, 400, {"field": "before"}),
    ("GET", "/v1/books/exchange/postings/0", {}, 404, {"field": "posting"}),
    ("GET", "/v1/books/exchange/postings/-1", {}, 404, {"field": "posting"}),
    ("GET", f"/v1/books/exchange/postings/{2**70}", {}, 404, {"field": "posting"}),
    ("GET", "/v1/clients/m1-ann/statements/2020-02-30", {}, 400, {"field": "day", "expected": "a day such as 2020-03-16"}),
    ("GET", "/v1/clients/%27%3B%20DROP%20TABLE%20x/statements/2020-03-06", {}, 404, {"field": "client", "value": "'; DROP TABLE x"}),
    ("POST", "/v1/session", {"content": b"{"}, 400, {"expected": "JSON"}),
    ("POST", "/v1/session", {"content": b"\xff\xfe"}, 400, {"code": "bad-input"}),
    ("POST", "/v1/session", {"json": []}, 400, {"expected": "a JSON object"}),
    ("POST", "/v1/session", {"json": {"name": "x"}}, 400, {"field": "password", "expected": "a value: it is needed"}),
    ("POST", "/v1/session", {"content": b'{"name": "\\ud800", "password": "x"}'}, 400, {"field": "name"}),
    ("POST", "/v1/session", {"json": {"name": "x", "password": "y" * 70_000}}, 413, {"code": "too-large", "most": 65536}),
    ("POST", "/v1/session", {"content": stream(100_000)}, 413, {"code": "too-large"}),
    ("POST", "/v1/session", {"content": b"[" * 60_000}, 400, {"code": "bad-input"}),
]  # fmt: skip


def test_what_cannot_be_used_is_refused_in_words(api: Api) -> None:
    for method, path, options, status, said in BAD:
        headers = {"Content-Type": "application/json"}
        answer = api.ask("ex", method, path, headers=headers, **options)
        assert answer.status_code == status, (method, path, answer.text)
        found = answer.json()
        assert {name: found.get(name) for name in said} == said, (method, path, found)
        assert found["type"] == f"/problems/{found['code']}"
        assert (found["status"], found["written"]) == (status, False)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Traceback" not in answer.text


def test_the_asker_is_answered_in_its_language(api: Api) -> None:
    for accepted, language in (
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,zh;q=0.5", "en"), ("fr,zh-TW;q=0.4", "zh"), ("fr", "en"), (";;,,=", "en"),
    ):  # fmt: skip
        headers = {"Accept-Language": accepted}
        missing = api.ask("ex", "GET", "/v1/clients/nobody/statements/2020-03-06", headers=headers)
        assert missing.headers["content-language"] == language
        assert missing.json()["detail"] == {
            "en": "client: there is no 'nobody' here",
            "zh": "client:此处没有 'nobody'",
        }[language]  # fmt: skip
        assert missing.json()["title"] == {"en": "Not here", "zh": "不存在"}[language]
    refused = api.ask(
        "bank_a", "POST", "/v1/books/bank_a/deposits",
        json={"client": "m1-ann", "payer_account": "6201-ann", "amount": "100000.01"},
        headers={"Idempotency-Key": "k", "Accept-Language": "zh"},
    )  # fmt: skip
    assert "可用 100,000.00 CNY" in refused.json()["detail"]


def test_answers_carry_headers_that_keep_them_to_the_asker(api: Api) -> None:
    for path in ("/v1/session", "/v1/nowhere"):
        headers = api.ask("ex", "GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_the_description_names_every_problem_and_loads_nothing_from_elsewhere(api: Api) -> None:
    said = api.client.get("/v1/openapi.json").json()
    assert set(said["paths"]) >= {"/v1/session", "/v1/books/{book}/deposits", "/v1/equation", "/v1/verdict"}
    deposits = said["paths"]["/v1/books/{book}/deposits"]["post"]
    [key] = [p for p in deposits["parameters"] if p["in"] == "header" and p["name"] == "Idempotency-Key"]
    assert key["required"] is True
    assert set(deposits["responses"]) >= {"200", "201", "202", "400", "401", "403", "404", "422", "503"}
    assert "application/problem+json" in deposits["responses"]["422"]["content"]
    for path in ("/docs", "/redoc"):
        assert api.client.get(path).status_code == 404
