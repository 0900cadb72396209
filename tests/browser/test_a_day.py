"""A day in the browser, each role its part, in Chinese and in English: paid in, seen, asked for, audited, home, followed, verified."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.chromium import enter, needs_chromium
from circles import make_circle
from ringfence.access import Persons
from ringfence.custody.requests import register_key
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served

pytestmark = [pytest.mark.ledgers.with_args(make_circle), needs_chromium]
SAID = {
    "en": {
        "mine": "Your clients' money is there: 500.00", "waits": "One withdrawal waits, for you", "pass": "Let it pass, as the first person",
        "home": "it is home", "took": "m1-ann took out 120.00; it is home", "there": "All the money is there, and it can only go home",
        "own": "380.00 is yours, and it is all there", "closed": "CLOSED: no member can take client money alone", "open": "OPEN: the member can take client money alone",
    },
    "zh": {
        "mine": "500.00", "waits": "1 笔出金待您办理", "pass": "放行（第一人）", "home": "已到账", "took": "m1-ann 出金 120.00",
        "there": "客户的钱全在", "own": "380.00 属于您", "closed": "任何会员均不能单独取走客户资金", "open": "会员可单独取走客户资金",
    },
}  # fmt: skip


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        api.passwords["一"] = Persons(store).add("一", "exchange", "exchange", "clerk")
        yield api


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_day(api: Api, store: Store, browser: Browser, language: str) -> None:
    said = SAID[language]
    here = f"{api.client.base_url}/{language}"
    # The bank confirms what a client pays in; everybody whose it is sees it at once.
    staff, member, client = (enter(browser, api, who, language) for who in ("ex", "m1", "ann"))
    assert api.deposit("d", "m1-ann", "500.00").status_code == 201
    expect(staff.locator("h1")).to_contain_text(said["there"])
    expect(member.locator("#part-ticker")).to_contain_text("+500.00")
    expect(member.locator("h1")).to_contain_text(said["mine"])
    # The client makes a key, the exchange registers it, the client signs.
    client.goto(f"{here}/move")
    client.click("#make-key")
    expect(client.locator("#public-key")).to_contain_text(" · ")
    public = client.locator("#public-key").inner_text().split(" ")[0]
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, "m1-ann", bytes.fromhex(public))
    client.goto(f"{here}/move?amount=120")
    client.click("#sign-button")
    client.wait_for_url("**/move")
    # The exchange's person looks and lets it pass; it is carried out, and home.
    clerk = enter(browser, api, "一", language)
    clerk.goto(f"{here}/withdrawals")
    expect(clerk.locator("h1")).to_contain_text(said["waits"])
    clerk.click("tbody a >> nth=0")
    clerk.click(f"text={said['pass']}")
    deadline = time.monotonic() + 10
    while said["home"] not in client.locator("main").inner_text() and time.monotonic() < deadline:
        client.goto(f"{here}/move")
    expect(client.locator("main")).to_contain_text(said["home"])
    client.goto(f"{here}/")
    expect(client.locator("h1")).to_contain_text(said["own"])
    # The supervisor follows it through everything, into the bank's own book, and sees who could take it.
    supervisor = enter(browser, api, "sup", language)
    supervisor.goto(f"{here}/journal/exchange?of=m1-ann")
    supervisor.click("tbody a >> nth=0")
    expect(supervisor.locator("h1")).to_contain_text(said["took"])
    expect(supervisor.locator("main")).to_contain_text("member-transit")
    expect(supervisor.locator("svg.lanes")).to_be_visible()
    supervisor.goto(f"{here}/ring")
    expect(supervisor.locator("h1")).to_contain_text(said["closed"])
    # One control taken away, and who would have to conspire then.
    assert supervisor.locator("tr.wrong").count() == 1
    supervisor.click("text=K6")
    expect(supervisor.locator(".banner")).to_contain_text("K6")
    expect(supervisor.locator("#title")).to_contain_text(said["closed"])
    supervisor.goto(f"{here}/ring?without=K3")
    expect(supervisor.locator("#title")).to_contain_text(said["open"])
    assert supervisor.locator("tr.wrong").count() > 1
    supervisor.goto(f"{here}/ring?without=K99")
    expect(supervisor.locator("main")).to_contain_text("K99")
