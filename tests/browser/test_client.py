"""The client's window on a phone: a key that is made in the browser, words that it signs, and money that comes home."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Page, expect

from browser.chromium import AXE, enter, needs_chromium
from circles import CLIENTS, make_circle, opened, pay_in
from ringfence.access import Persons
from ringfence.custody.requests import public_half, register_key
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served


def make_paid_in(store: Store) -> None:
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 1_000_00)


pytestmark = [pytest.mark.ledgers.with_args(make_paid_in), needs_chromium]
PHONE = {"width": 390, "height": 844}
PAGES = ("", "move", "move?amount=12.50", "positions", "statement", "statement/2020-03-06", "verify")


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        persons = Persons(store)
        api.passwords["一"] = persons.add("一", "exchange", "exchange", "clerk")
        yield api


def bring_key(page: Page, api: Api, store: Store) -> Ed25519PrivateKey:
    """Register a key of the client's, and take it from its file on the page of one withdrawal."""
    key = Ed25519PrivateKey.generate()
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, "m1-ann", public_half(key))
    go(page, api, "move?amount=1.00", "en")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    page.set_input_files("#key-file", {"name": "key.pem", "mimeType": "text/plain", "buffer": pem})
    return key


def go(page: Page, api: Api, path: str, language: str = "zh") -> None:
    page.goto(f"{api.client.base_url}/{language}/{path}")


def test_a_client_makes_a_key_signs_and_is_paid(api: Api, store: Store, browser: Browser) -> None:
    page = enter(browser, api, "ann", "zh", viewport=PHONE)
    go(page, api, "move")
    page.click("#make-key")
    expect(page.locator("#public-key")).to_contain_text("尚未登记")
    public = page.locator("#public-key").inner_text().split(" ")[0]
    go(page, api, "move?amount=200")
    # Not registered yet: nothing can be signed with it.
    expect(page.locator("#key-state")).to_contain_text("并非您的登记密钥")
    expect(page.locator("#sign-button")).to_be_disabled()
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, "m1-ann", bytes.fromhex(public))
    go(page, api, "move")
    page.fill("#amount", "200")
    page.click("button.main")
    assert "amount 200.00 CNY" in page.locator("#words").inner_text()
    expect(page.locator("#sign-button")).to_be_enabled()
    page.click("#sign-button")
    expect(page.locator("table", has_text="您的出金申请")).to_contain_text("待交易所审核")
    [asked] = api.get("ex", "/v1/withdrawals")["items"]
    assert (asked["client"], asked["amount"], asked["public_key"]) == ("m1-ann", "200.00", public)
    passed = api.ask("一", "POST", f"/v1/withdrawals/{asked['number']}/audit", headers={"Idempotency-Key": "a"})
    assert passed.status_code == 200, passed.text
    deadline = time.monotonic() + 10
    while "已到账" not in page.locator("main").inner_text() and time.monotonic() < deadline:
        time.sleep(0.2)
        go(page, api, "move")
    expect(page.locator("table", has_text="您的出金申请")).to_contain_text("已到账")
    with Ledger(store, "bank_a", "auditor") as book:
        assert book.rows("SELECT balance FROM {}.balances WHERE number = '6201-ann'") == [(99_200_00,)]


def test_a_key_is_taken_from_a_file(api: Api, store: Store, browser: Browser) -> None:
    page = enter(browser, api, "ann", "en", viewport=PHONE)
    key = bring_key(page, api, store)
    expect(page.locator("#public-key")).to_contain_text(f"{public_half(key).hex()} · registered")
    page.click("#sign-button")
    expect(page.locator("table", has_text="What you asked for")).to_contain_text("waits for the exchange's person")
    # What does not come from a file of that kind is told, and changes nothing.
    go(page, api, "move?amount=1.00", "en")
    page.set_input_files("#key-file", {"name": "key.pem", "mimeType": "text/plain", "buffer": b"nonsense"})
    expect(page.locator("#key-state")).to_contain_text("cannot sign")


def test_what_cannot_be_asked_for_is_told_in_the_page(api: Api, browser: Browser) -> None:
    page = enter(browser, api, "ann", "zh", viewport=PHONE)
    for amount, said in (
        ("0", "大于 0"),
        ("1000.01", "不超过可取资金 1,000.00"),
        ("-5", "-5"),
        ("many", "many"),
        ("1.001", "1.001"),
    ):
        go(page, api, f"move?amount={amount}")
        expect(page.locator("[role=alert]")).to_contain_text(said)
        expect(page.locator("#sign")).to_have_count(0)


def test_words_that_were_changed_are_not_taken(api: Api, store: Store, browser: Browser) -> None:
    """Somebody's script changes the amount after it was signed."""
    page = enter(browser, api, "ann", "en", viewport=PHONE)
    bring_key(page, api, store)
    expect(page.locator("#sign-button")).to_be_enabled()
    page.evaluate("document.querySelector('#sign [name=amount]').value = '900.00'")
    page.click("#sign-button")
    expect(page.locator("[role=alert]")).to_contain_text("not signed by the key")
    assert api.get("ex", "/v1/withdrawals")["items"] == []


@pytest.mark.parametrize(("language", "dark"), [("zh", False), ("en", True)])
def test_every_page_of_the_window_fits_a_phone_and_anybody(
    api: Api, browser: Browser, language: str, dark: bool
) -> None:
    page = enter(browser, api, "ann", language, viewport=PHONE, color_scheme="dark" if dark else "light")
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    for path in PAGES:
        go(page, api, path, language)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document).then(said => said.violations.map(v => v.id + ': ' + v.nodes[0].html))")
        assert found == [], path
    assert wrong == []


def test_the_statement_can_be_taken_along(api: Api, browser: Browser) -> None:
    page = enter(browser, api, "ann", "en", viewport=PHONE)
    go(page, api, "statement/2020-03-06", "en")
    expect(page.locator("main")).to_contain_text("+1,000.00")
    for link, begins in (("PDF", b"%PDF-"), ("Signed by the exchange", b'{"words"')):
        with page.expect_download() as download:
            page.click(f"text={link}")
        assert download.value.path().read_bytes().startswith(begins)


def test_nobody_else_has_that_window(api: Api) -> None:
    for who in ("ex", "m1", "bank_a", "sup"):
        for path in ("move", "positions", "statement/2020-03-06", "verify"):
            assert api.page(who, f"/en/{path}").status_code == 403, (who, path)


def test_members_and_supervisors_have_no_form_on_any_page(api: Api) -> None:
    for who, paths in (("m1", ("", "ring")), ("sup", ("", "?as=table", "withdrawals", "ring"))):
        for path in paths:
            page = api.page(who, f"/en/{path}")
            assert page.status_code == 200
            assert "<form" not in page.text, (who, path)
            assert "/en/out" in page.text
