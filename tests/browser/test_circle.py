"""The circle in a real browser: what a person sees, by whatever it is called there, while money moves and when things go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.chromium import AXE, log_in, needs_chromium
from circles import CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.database import Store
from served import Api, served


def make_paid_in(store: Store) -> None:
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 1_000_00)


pytestmark = [
    pytest.mark.ledgers.with_args(make_paid_in),
    needs_chromium,
]


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        yield api


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context
    context.close()


def come_in(context: BrowserContext, api: Api, who: str = "ex", language: str = "en") -> Page:
    """Come in as a person does; whatever the browser complains of fails the test."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.__dict__["complaints"] = complaints
    log_in(page, api, who, language)
    # The stream is open once the first beat has come.
    expect(page.locator("#live-word")).to_have_text({"en": "Live", "zh": "实时"}[language])
    return page


def test_money_moves_as_it_commits(api: Api, context: BrowserContext) -> None:
    page = come_in(context, api)
    expect(page.locator("h1")).to_have_text("All the money is there, and it can only go home")
    expect(page.locator("#t-bank-bank_a")).to_have_text("2,000.00")
    expect(page.locator("#t-clients")).to_have_text("4,000.00")
    page.evaluate("() => { window.dots = 0; new MutationObserver(l => { for (const m of l) window.dots += m.addedNodes.length; }).observe(document.getElementById('dots'), {childList: true}); }")  # fmt: skip
    assert api.deposit("k", "m1-ann", "250.25").status_code == 201
    expect(page.locator("#l-bank_a\\.m1")).to_have_text("+250.25 m1-ann")
    expect(page.locator("#t-bank-bank_a")).to_have_text("2,250.25")
    expect(page.locator("#t-clients")).to_have_text("4,250.25")
    expect(page.locator("#ticker li").first).to_contain_text("+250.25")
    assert page.evaluate("window.dots") == 1
    # The amount stands in the label for a moment, then what came and went on the day.
    expect(page.locator("#l-bank_a\\.m1")).to_have_text("in 1,250.25 · out 0", timeout=6000)
    assert page.__dict__["complaints"] == []


def test_a_refusal_shows_where_it_was_asked_for_and_why(api: Api, context: BrowserContext) -> None:
    page = come_in(context, api, "sup", "zh")
    assert api.deposit("k", "m1-ann", "77.00", account="6201-cy").status_code == 422
    expect(page.locator("#part-circle .refusal")).to_have_count(1)
    expect(page.locator("#part-circle")).to_contain_text("拒绝 · K5")
    expect(page.locator("#ticker li.refused")).to_contain_text("77.00")
    page.click('[data-chip="in"]')
    expect(page.locator("#ticker li.refused")).to_be_hidden()
    page.click('[data-chip="refused"]')
    expect(page.locator("#ticker li.refused")).to_be_visible()


def test_missing_money_is_said_at_once_and_by_name(api: Api, context: BrowserContext, store: Store) -> None:
    page = come_in(context, api)
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE bank_a.account SET balance = balance - 3200 "
            "WHERE kind = (SELECT id FROM bank_a.kind WHERE name = 'exchange-client-money')"
        )
    expect(page.locator("h1")).to_have_text(re.compile(r"32\.00 is missing at Bank A since \d\d:\d\d:\d\d"))
    expect(page.locator("#part-alarm [role=alert]").first).to_be_visible()
    expect(page.locator("#t-difference")).to_have_text("▲ difference \u221232.00")
    expect(page.locator("#part-circle .core-bank.alarm")).to_have_count(1)


def test_when_the_stream_breaks_the_page_says_so_and_comes_back_by_itself(api: Api, context: BrowserContext) -> None:
    page = come_in(context, api)
    context.set_offline(True)
    for end in api.service.ending:
        end()
    expect(page.locator("body")).to_have_class(re.compile("stale"), timeout=9000)
    expect(page.locator("h1")).to_have_text(re.compile(r"Last known state, \d\d:\d\d:\d\d"))
    expect(page.locator("#stale")).to_be_visible()
    assert api.deposit("k", "m1-ann", "1.00").status_code == 201
    context.set_offline(False)
    expect(page.locator("h1")).to_have_text("All the money is there, and it can only go home", timeout=9000)
    expect(page.locator("#t-bank-bank_a")).to_have_text("2,001.00")
    expect(page.locator("body")).not_to_have_class(re.compile("stale"))


def test_whoever_leaves_is_out_in_every_tab(api: Api, context: BrowserContext) -> None:
    page, other = come_in(context, api), context.new_page()
    other.goto(f"{api.client.base_url}/en/")
    page.click("text=Leave")
    page.wait_for_url("**/en/in")
    other.goto(f"{api.client.base_url}/en/")
    expect(other).to_have_url(re.compile("/en/in$"))
    page.fill("#name", "ex")
    page.fill("#password", "wrong")
    page.click("button.main")
    expect(page.locator("[role=alert]")).to_have_text("Nobody is known by that name and password.")


def test_keys_walk_the_circle_and_turn_it_into_a_table(api: Api, context: BrowserContext) -> None:
    page = come_in(context, api)
    page.locator(".place").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "p-bank_a.m2"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "p-bank_b.m2"
    page.keyboard.press("t")
    page.wait_for_url("**/en/?as=table")
    rows = page.locator("#part-places tbody tr")
    expect(rows.first).to_contain_text("1,000.00")
    assert api.deposit("k", "m1-ann", "5.00").status_code == 201
    expect(rows.first).to_contain_text("1,005.00")
    page.keyboard.press("Escape")
    page.wait_for_url("**/en/")


def test_without_motion_nothing_flies(api: Api, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = come_in(context, api)
    page.evaluate("() => { window.dots = 0; new MutationObserver(l => { for (const m of l) window.dots += m.addedNodes.length; }).observe(document.getElementById('dots'), {childList: true}); }")  # fmt: skip
    assert api.deposit("k", "m1-ann", "5.00").status_code == 201
    expect(page.locator("#l-bank_a\\.m1")).to_have_text("+5.00 m1-ann")
    assert page.evaluate("window.dots") == 0
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(api: Api, browser: Browser, scheme: Any) -> None:
    """axe finds nothing, in either language, on a screen and on a phone; and nothing runs out of the page."""
    assert api.deposit("k", "m1-ann", "77.00", account="6201-cy").status_code == 422
    for language in ("en", "zh"):
        for width in (1440, 390):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = come_in(context, api, language=language)
            for path in ("", "?as=table", "in"):
                page.goto(f"{api.client.base_url}/{language}/{path}")
                page.evaluate(AXE.read_text("utf-8"))
                found = page.evaluate(
                    "async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)"
                )
                assert found == [], (language, width, path)
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                    language,
                    width,
                    path,
                )
            context.close()


def test_pages_are_closed_to_other_sites(api: Api) -> None:
    assert api.client.get("/en/").headers["location"] == "/en/in"
    assert api.client.get("/en/stream").status_code == 401
    page = api.client.get("/zh/in")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        said = {"name": "ex", "password": api.passwords["ex"]}
        refused = api.client.post("/en/in", data=said, headers=headers)
        assert (refused.status_code, refused.json()["field"]) == (400, "Origin")
    came = api.client.post("/en/in", data={"name": "ex", "password": api.passwords["ex"]})
    cookie = came.headers["set-cookie"]
    assert came.status_code == 303
    for said_of in ("__Host-ringfence=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert said_of in cookie
    assert "Domain" not in cookie
    assert str(DAY) in api.page("ex", "/en/").text


def test_pages_are_light(api: Api) -> None:
    """The budget of the design: 12 kB of HTML and 4 of CSS, compressed; 20 of code."""
    import gzip

    for who, path in (
        ("ex", ""),
        ("ex", "?as=table"),
        ("ex", "ring"),
        ("ex", "day"),
        ("ex", "risk"),
        ("ex", "withdrawals"),
        ("ann", ""),
        ("ann", "move"),
    ):
        page = api.page(who, f"/en/{path}").text
        weights = {"html": len(gzip.compress(page.encode())), "js": 0}
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            kind = address.rsplit(".", 1)[-1]
            weights[kind] = weights.get(kind, 0) + len(gzip.compress(api.client.get(address).content))
            travelled = api.client.get(address).headers
            assert (travelled["content-encoding"], travelled["vary"]) == ("gzip", "Accept-Encoding")
        assert weights["html"] <= 12_000, path
        assert weights["css"] <= 4_000, path
        assert weights["js"] <= 20_000, path
