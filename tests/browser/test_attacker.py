"""What an attacker would write into names and remarks, and send from another site's page: it is text, and it is not taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from browser.chromium import enter, needs_chromium
from circles import CLIENTS, DAY, MEMBERS, make_circle, opened
from database.api.test_withdrawals import KEYS, public
from ringfence.access import Persons
from ringfence.custody import Client, Deposit, Member
from ringfence.custody.requests import register_key, sign
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served

NASTY = "<img src=x onerror=alert(1)>\u202e甲\"'><script>alert(2)</script>{{7*7}}"
NAME = "m1-nasty"


def make_nasty(store: Store) -> None:
    """A client and a member that are called by what would be code; the client has 100.00 in the circle."""
    make_circle(store)
    eve = Client(NAME, "m9", "bank_a", "6201-eve", "id-eve", title=NASTY)
    with opened(store) as (circle, _):
        circle.register([*MEMBERS, Member("m9", "bank_a", title=NASTY)], [*CLIENTS.values(), eve])
        assert circle.arrive(DAY, {"arrival:eve": (NAME, 100_00)}) == []
        assert circle.deposit(DAY, [Deposit("d", NAME, 100_00, "6201-eve")]) == []
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, NAME, public("m1-ann"))


pytestmark = [pytest.mark.ledgers.with_args(make_nasty), needs_chromium]


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        persons = Persons(store)
        api.passwords["eve"] = persons.add("eve", "client", NAME)
        api.passwords["m9"] = persons.add("m9", "member", "m9")
        api.passwords["clerk"] = persons.add("clerk", "exchange", "exchange", "clerk")
        yield api


def asked(api: Api) -> int:
    """A withdrawal of the client's that waits, and one that was refused because of what would be code."""
    numbers = []
    for key in ("one", "two"):
        said = {
            "amount": "1.00",
            "payee_account": "6201-eve",
            "public_key": public("m1-ann").hex(),
            "signature": sign(KEYS["m1-ann"], NAME, 1_00, "6201-eve", f"withdrawal:{NAME}:{key}").hex(),
        }
        answer = api.ask("eve", "POST", f"/v1/clients/{NAME}/withdrawals", json=said, headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
        numbers.append(int(answer.json()["number"]))
    refused = api.ask(
        "clerk",
        "POST",
        f"/v1/withdrawals/{numbers[1]}/refuse",
        json={"reason": NASTY},
        headers={"Idempotency-Key": "r"},
    )
    assert refused.status_code == 200, refused.text
    return numbers[0]


def test_what_would_be_code_is_a_name(api: Api, browser: Browser) -> None:
    number = asked(api)
    happened: list[str] = []
    for who, paths in {
        "ex": ("", "?as=table", "clients", f"clients/{NAME}", "journal/exchange", f"find?q={quote(NASTY)}", f"find?q={quote('<img')}", f"withdrawals/{number}", f"withdrawals/{number + 1}", "withdrawals"),
        "m9": ("", "clients", f"clients/{NAME}"),
        "eve": ("", "move", "statement/2020-03-06", "verify"),
        "bank_a": ("", "journal"),
    }.items():  # fmt: skip
        page = enter(browser, api, who)
        page.on("dialog", lambda dialog: happened.append(dialog.message))
        page.on(
            "console",
            lambda message: (
                happened.append(message.text) if message.type == "error" and "Security" in message.text else None
            ),
        )
        for path in paths:
            page.goto(f"{api.client.base_url}/en/{path}")
            expect(page.locator("h1")).to_be_visible()
            assert page.locator("img[src=x]").count() == 0, (who, path)
        page.context.close()
    # In what lives, too.
    page = enter(browser, api, "ex")
    page.on("dialog", lambda dialog: happened.append(dialog.message))
    assert api.deposit("more", NAME, "0.01", bank="bank_a", account="6201-eve").status_code in (201, 422)
    page.wait_for_timeout(1_500)
    assert page.locator("img[src=x]").count() == 0
    assert happened == []


def test_no_page_of_another_site_sends_anything(api: Api) -> None:
    number = asked(api)
    forms = {
        "clerk": (f"withdrawals/{number}/audit", f"withdrawals/{number}/refuse", "out"),
        "eve": ("move", "out"),
    }
    for who, paths in forms.items():
        cookie = f"__Host-ringfence={api.token(who)}"
        for path in paths:
            for strange in (
                {"Origin": "https://elsewhere.example"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "same-site"},
            ):
                answer = api.client.post(
                    f"/en/{path}", headers={"Cookie": cookie} | strange, data={"reason": "x", "amount": "1.00"}
                )
                assert answer.status_code == 400, (who, path, strange)
    assert api.get("ex", f"/v1/withdrawals/{number}")["state"] == "asked"
    assert api.get("clerk", "/v1/session")["name"] == "clerk"


def test_no_page_is_shown_inside_anothers(api: Api) -> None:
    for who, path in (("ex", ""), ("ex", "journal/exchange"), ("eve", "move"), ("sup", "ring")):
        policy = api.page(who, f"/en/{path}").headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_a_signature_is_good_for_its_own_words_once(api: Api) -> None:
    """Replayed it is the same withdrawal; for another amount, payee, key or client it is nothing."""
    signature = sign(KEYS["m1-ann"], NAME, 1_00, "6201-eve", f"withdrawal:{NAME}:k").hex()
    good = {"amount": "1.00", "payee_account": "6201-eve", "public_key": public("m1-ann").hex(), "signature": signature}
    path = f"/v1/clients/{NAME}/withdrawals"
    first = api.ask("eve", "POST", path, json=good, headers={"Idempotency-Key": "k"})
    again = api.ask("eve", "POST", path, json=good, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, again.json()["number"]) == (201, 200, first.json()["number"])
    flipped = f"{int(signature[:2], 16) ^ 1:02x}{signature[2:]}"
    for change, key in (
        ({}, "other"),
        ({"amount": "1.01"}, "k2"),
        ({"payee_account": "6201-cy"}, "k3"),
        ({"signature": flipped}, "k"),
        ({"public_key": public("m2-cy").hex()}, "k4"),
    ):
        refused = api.ask("eve", "POST", path, json=good | change, headers={"Idempotency-Key": key})
        assert (refused.status_code, refused.json()["code"]) in ((422, "not-signed"), (422, "key-taken")), change
    assert len(api.get("ex", "/v1/withdrawals")["items"]) == 1


def test_nothing_that_is_secret_is_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = api.token("eve")
    asked(api)
    assert api.client.post("/v1/session", json={"name": "eve", "password": "a-wrong-password"}).status_code == 401
    assert api.page("eve", "/en/move?amount=1").status_code == 200
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore", "asyncio"))
    )
    for secret in (token, api.passwords["eve"], "a-wrong-password", api.token("clerk")):
        assert secret not in ours
