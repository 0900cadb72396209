"""A ring of one's own in a real browser: each person at its desk, a client on a phone, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.chromium import AXE, enter, needs_chromium
from database.office.test_api import walk
from offices import make_office
from ringfence.database import Store
from ringfence.office import Office
from served import Api, served_office

pytestmark = [pytest.mark.ledgers.with_args(make_office), needs_chromium]


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served_office(Office.kept(store), clients=("ann",)) as api:
        yield api


def fill(page: Page, act: str, route: str = "", **values: str) -> None:
    """Fill in the first form that does so, and press its button."""
    form = page.locator(f"form:has(input[name=act][value={act}])")
    if route:
        form = form.filter(has=page.locator(f"input[name=route][value={route}]"))
    for name, value in values.items():
        field = form.first.locator(f"[name='{name}']")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.first.locator("button").click()


def sound(page: Page) -> None:
    """Nothing wider than the window, nothing that a screen reader stumbles over."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.evaluate(AXE.read_text())
    said = "axe.run(document).then(said => said.violations.map(v => v.id + ': ' + v.nodes[0].html))"
    assert page.evaluate(said) == []


def test_money_in_and_out_by_hand(api: Api, browser: Browser) -> None:
    teller = enter(browser, api, "bank.teller")
    sound(teller)
    for route, paper in (("arrival", "payment-in"), ("deposit", "client-order")):
        fill(teller, "ask", route, **{"client": "ann", "amount": "500", f"said.{paper}": "no. 1"})
        expect(teller.locator(".banner.done")).to_contain_text(f"Posted: {route}, 500.00 EUR, ann")
    expect(teller.locator(".figures")).to_contain_text("500.00")
    link = enter(browser, api, "platform.link")
    expect(link.locator("#title")).to_have_text("1 waits for you.")
    fill(link, "ask", "deposit")
    expect(link.locator("#title")).to_have_text("Nothing waits for you.")
    # A client asks on its phone, the clerk takes it up, the bank's clerk pays, the link books it.
    ann = enter(browser, api, "ann", viewport={"width": 390, "height": 844})
    sound(ann)
    waiting = enter(browser, api, "platform.clerk", "zh")
    expect(waiting.locator("#title")).to_have_text("暂无待办。")
    # Her key is made in the browser; the registrar registers its public half.
    ann.click("#make-key")
    expect(ann.locator("#public-key")).to_contain_text("not registered yet")
    registrar = enter(browser, api, "platform.registrar")
    fill(registrar, "key", name="ann", public_key=ann.locator("#public-key").inner_text().split(" ")[0])
    expect(registrar.locator(".banner.done")).to_be_visible()
    ann.reload()
    expect(ann.locator("#public-key")).to_contain_text("· registered")
    form = ann.locator("form:has(input[name=route][value='platform.withdrawal'])")
    form.locator("[name=amount]").fill("120.50")
    form.locator("button").click()
    expect(ann.locator("#words")).to_contain_text("amount 120.50 EUR")
    sound(ann)
    ann.click("#sign-button")
    ann.wait_for_url("**/en/?done=ok")
    # A desk that is open sees it by itself.
    expect(waiting.locator("#title")).to_have_text("1 项待办。", timeout=10_000)
    expect(ann.locator("main")).to_contain_text("somebody has to look at it")
    clerk = enter(browser, api, "platform.clerk", "zh")
    sound(clerk)
    expect(clerk.locator("#title")).to_have_text("1 项待办。")
    fill(clerk, "ask", "withdrawal")
    expect(clerk.locator(".banner.done")).to_contain_text("冻结")
    bank = enter(browser, api, "bank.clerk")
    fill(bank, "ask", "withdrawal")
    # Its page has seen by itself that it was held, and then paid.
    expect(link.locator("form:has(input[name=act][value=finish])")).to_be_visible(timeout=10_000)
    fill(link, "finish", "withdrawal")
    expect(link.locator(".banner.done")).to_contain_text("120.50 EUR, ann")
    ann.reload()
    expect(ann.locator("main")).to_contain_text("379.50")
    expect(ann.locator("main")).to_contain_text("taken up")
    member = enter(browser, api, "member")
    sound(member)
    expect(member.locator("main")).to_contain_text("379.50")
    assert member.locator("main form").count() == 0
    supervisor = enter(browser, api, "supervisor")
    sound(supervisor)
    expect(supervisor.locator("#title")).to_have_text("Every book agrees.")
    expect(supervisor.locator("main")).to_contain_text("379.50")
    assert supervisor.locator("main form[method=post]").count() == 0


def test_what_is_refused_says_why_and_whose_it_would_be(api: Api, browser: Browser) -> None:
    clerk = enter(browser, api, "platform.clerk")
    for amount, said in (("1,5", "1,5"), ("1000.01", "platform.officer can let it pass")):
        fill(clerk, "ask", "withdrawal", **{"client": "ann", "amount": amount, "said.audit": "no. 2"})
        expect(clerk.locator(".banner.alarm")).to_contain_text(said)
    walk(api, "bank.teller", "bank.arrival", client="ann", amount="1.00", said={"payment-in": "no. 1"})
    # A form that another site's page sends is not taken.
    sent = clerk.request.post(
        f"{api.client.base_url}/en/do",
        form={"act": "close", "book": "bank"},
        headers={"Origin": "http://elsewhere.example"},
    )
    assert sent.status == 400


def test_registering_confirming_and_closing(api: Api, browser: Browser) -> None:
    registrar = enter(browser, api, "platform.registrar")
    sound(registrar)
    fill(registrar, "register", name="cy", title="Cy", identity="passport C", account_number="DE03")
    expect(registrar.locator(".banner.done")).to_have_text("✓Done.")
    intake = enter(browser, api, "platform.intake")
    sound(intake)
    fill(intake, "confirm", identity="passport C", account_number="DE04")
    expect(intake.locator(".banner.alarm")).to_be_visible()
    fill(intake, "confirm", identity="passport C", account_number="DE03")
    expect(intake.locator(".banner.done")).to_be_visible()
    officer = enter(browser, api, "platform.officer")
    sound(officer)
    fill(officer, "limit", "withdrawal", per_item="250", per_day="")
    expect(officer.locator("main")).to_contain_text("250.00 at a time")
    clerk = enter(browser, api, "bank.clerk", "zh")
    sound(clerk)
    fill(clerk, "open")
    expect(clerk.locator("main")).to_contain_text("记账日 2026-11-27")
    for path in ("money", "books", "ring"):
        clerk.goto(f"{api.client.base_url}/zh/{path}")
        sound(clerk)
