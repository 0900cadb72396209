"""Every page of every role in a real browser: it fits, anybody can use it, and nothing is refused by its own policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.chromium import AXE, enter, needs_chromium
from database.api.test_pages import PAGES
from lived import CLIENT, make_lived
from ringfence.access import Persons
from ringfence.database import Store
from served import Api, served

pytestmark = [pytest.mark.ledgers.with_args(make_lived), needs_chromium]


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        api.passwords["c1"] = Persons(store).add("c1", "client", CLIENT)
        yield api


@pytest.mark.parametrize(("language", "width", "dark"), [("en", 1440, True), ("zh", 390, False)])
def test_every_page_fits_and_anybody_can_use_it(
    api: Api, browser: Browser, language: str, width: int, dark: bool
) -> None:
    wrong: list[str] = []
    for who, paths in PAGES.items():
        scheme = "dark" if dark else "light"
        page = enter(browser, api, who, language, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        for path in paths:
            page.goto(f"{api.client.base_url}/{language}/{path}")
            expect(page.locator("h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (who, path)
            page.evaluate(AXE.read_text())
            found = page.evaluate(
                "axe.run(document).then(said => said.violations.map(v => v.id + ': ' + v.nodes[0].html))"
            )
            assert found == [], (who, path)
        page.context.close()
    assert wrong == []


def test_one_finds_by_keyboard(api: Api, browser: Browser) -> None:
    page = enter(browser, api, "ex")
    page.goto(f"{api.client.base_url}/en/journal")
    page.keyboard.press("/")
    page.keyboard.type(CLIENT)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/en/clients/{CLIENT}")
    page.click("text=Journal >> nth=1")
    page.click("tbody a >> nth=0")
    expect(page.locator("h1")).to_contain_text(CLIENT)
