"""Withdrawals in a real browser: two persons, one after the other, and what either sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.chromium import AXE, enter, needs_chromium
from circles import CLIENTS, LIMIT_MINOR, make_circle, opened, pay_in
from database.api.test_withdrawals import KEYS, public
from ringfence.access import Persons
from ringfence.custody.requests import register_key, sign
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served


def make_asked(store: Store) -> None:
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 90_000_00)
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, "m1-ann", public("m1-ann"))


pytestmark = [
    pytest.mark.ledgers.with_args(make_asked),
    needs_chromium,
]


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        persons = Persons(store)
        api.passwords["一"] = persons.add("一", "exchange", "exchange", "clerk")
        api.passwords["二"] = persons.add("二", "exchange", "exchange", "officer")
        yield api


def ask(api: Api, amount_minor: int, key: str) -> int:
    said = {
        "amount": f"{amount_minor // 100}.{amount_minor % 100:02d}",
        "payee_account": "6201-ann",
        "public_key": public("m1-ann").hex(),
        "signature": sign(KEYS["m1-ann"], "m1-ann", amount_minor, "6201-ann", f"withdrawal:m1-ann:{key}").hex(),
    }
    answer = api.ask("ann", "POST", "/v1/clients/m1-ann/withdrawals", json=said, headers={"Idempotency-Key": key})
    assert answer.status_code == 201
    return int(answer.json()["number"])


def queue(browser: Browser, api: Api, who: str, path: str, language: str = "en") -> Page:
    """A page of the queue, for somebody who has come in."""
    page = enter(browser, api, who, language)
    page.goto(f"{api.client.base_url}/{language}/{path}")
    return page


def test_two_persons_let_a_large_one_pass(api: Api, browser: Browser) -> None:
    number = ask(api, LIMIT_MINOR + 1, "large")
    first, second = queue(browser, api, "一", "withdrawals"), queue(browser, api, "二", f"withdrawals/{number}", "zh")
    expect(first.locator("h1")).to_have_text("One withdrawal waits, for you")
    # The second person has nothing to do yet.
    expect(second.locator("form[action$=approve]")).to_have_count(0)
    first.click(f"text=W-{number:06d}")
    expect(first.locator(".checks li.passes")).to_have_count(5)
    expect(first.locator(".checks li.waits")).to_contain_text("Second person above 50,000.00")
    first.click("text=Let it pass, as the first person")
    expect(first.locator(".one .chip")).to_have_text("second person")
    expect(first.locator("form[action$=approve]")).to_have_count(0)
    second.reload()
    expect(second.locator(".checks li.waits")).to_contain_text("不得为第一人 一")
    second.click("text=放行（第二人）")
    expect(second.locator(".one .figure")).to_have_text("50,000.01")
    for page in (first, second):
        expect(page.locator(".stages li.now")).to_have_count(1)
    deadline_page = queue(browser, api, "sup", f"withdrawals/{number}")
    for _ in range(40):
        deadline_page.reload()
        if "home" in deadline_page.locator(".one .chip").inner_text():
            break
        deadline_page.wait_for_timeout(100)
    expect(deadline_page.locator(".one .chip")).to_have_text("home")
    expect(deadline_page.locator(".persons")).to_contain_text("First person")
    # A supervisor reads, and can press nothing but to leave.
    expect(deadline_page.locator("main form")).to_have_count(0)


def test_what_does_not_pass_says_why_and_can_be_refused(api: Api, browser: Browser) -> None:
    ask(api, 89_000_00, "most")
    number = ask(api, 2_000_00, "rest")
    page = queue(browser, api, "一", f"withdrawals/{number}")
    expect(page.locator(".checks li.fails")).to_contain_text("Withdrawable at one ledger version")
    page.click("text=Let it pass, as the first person")
    expect(page.locator("[role=alert]")).to_contain_text("does not pass: withdrawable")
    page.fill("#reason", "<b>more than there is</b>")
    page.click("button:text-is('Refuse')")
    expect(page.locator(".one .alarm-words")).to_have_text("<b>more than there is</b>")
    expect(page.locator("main form")).to_have_count(0)
    expect(page.locator(".badge")).to_have_text("1")


def test_nobody_is_shut_out_of_the_queue(api: Api, browser: Browser) -> None:
    number = ask(api, 200_00, "small")
    for language in ("en", "zh"):
        page = queue(browser, api, "一", f"withdrawals/{number}", language)
        for size in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.evaluate(AXE.read_text("utf-8"))
            assert (
                page.evaluate("async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)") == []
            )
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (language, size)


def test_the_queue_is_the_exchanges_and_its_forms_are_its_own_pages(api: Api) -> None:
    number = ask(api, 200_00, "small")
    for who in ("m1", "ann", "bank_a"):
        assert api.page(who, "/en/withdrawals").status_code == 403
    cookie = {"Cookie": f"__Host-ringfence={api.token('一')}"}
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = api.client.post(f"/en/withdrawals/{number}/audit", headers=cookie | headers)
        assert refused.status_code == 400
    assert api.get("sup", f"/v1/withdrawals/{number}")["state"] == "asked"
    for who in ("ex", "sup", "二"):
        own = {"Cookie": f"__Host-ringfence={api.token(who)}"}
        assert api.client.post(f"/en/withdrawals/{number}/audit", headers=own).status_code == 403
    assert (
        api.client.post(f"/en/withdrawals/{number}/audit", headers=cookie).headers["location"]
        == f"/en/withdrawals/{number}"
    )


def test_the_queue_says_that_something_is_new_and_is_worked_by_keys(api: Api, browser: Browser) -> None:
    number = ask(api, 200_00, "first")
    page = queue(browser, api, "一", "withdrawals")
    expect(page.locator("#live-word")).to_have_text("Live")
    ask(api, 300_00, "second")
    expect(page.locator("#again")).to_have_text("Something new: read again")
    expect(page.locator(".badge")).to_have_text("2")
    # Nothing has moved under the reader's hands.
    expect(page.locator(".queue tbody tr")).to_have_count(1)
    page.click("#again")
    expect(page.locator(".queue tbody tr")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/withdrawals/{number}")
    page.keyboard.press("x")
    assert page.evaluate("document.activeElement.id") == "reason"
    page.locator("h1").click()
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("form[action$=audit]")).to_have_count(0)


def test_nothing_can_be_approved_by_a_page_that_is_not_live(api: Api, browser: Browser) -> None:
    number = ask(api, 200_00, "first")
    page = queue(browser, api, "一", f"withdrawals/{number}")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.context.set_offline(True)
    for end in api.service.ending:
        end()
    expect(page.locator(".acts button.main")).to_be_disabled(timeout=9000)
    page.context.set_offline(False)
    expect(page.locator(".acts button.main")).to_be_enabled(timeout=9000)
