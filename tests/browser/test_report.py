"""The report of the attacks as one page: everything in it from real runs, nothing fetched from elsewhere, readable by everybody."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.chromium import AXE, needs_chromium
from ringfence import ring
from ringfence.attack import Row, Without, again_without, attack, report, scenarios
from ringfence.attack.table import cell
from ringfence.console.words import LANGUAGES
from ringfence.database import Store
from ringfence.errors import Language

DAY = datetime.date(2026, 11, 26)
RINGS, ATTACKS = ("old", "sge"), ("S1", "F1")


@pytest.fixture
def tried(store: Store) -> tuple[list[Row], list[Without]]:
    rows = [attack(store, ring.load(one), name) for one in RINGS for name in ATTACKS]
    without = [
        Without(
            "sge", control, ring.how_without("sge", control).en,
            tuple(
                attack(store, ring.load("sge", control), name, prefix=f"x{control}", left_out=ring.left_out("sge", control))
                for name in again_without(rows, "sge", control)
            ),
        )
        for control in ("K1", "K6")
    ]  # fmt: skip
    return rows, without


@needs_chromium
def test_one_page_says_all_of_it(tried: tuple[list[Row], list[Without]], browser: Browser, tmp_path: Path) -> None:
    rows, without = tried
    # What a control had to do with is tried again without it: what it refused, and what is let through inside a bound.
    assert again_without(rows, "sge", "K1") == ["S1", "F1"]
    assert again_without(rows, "sge", "K6") == ["F1"]
    assert again_without(rows, "old", "K1") == []
    for language in LANGUAGES:
        _says_all(rows, without, browser, tmp_path / f"{language}.html", language)


def _says_all(rows: list[Row], without: list[Without], browser: Browser, file: Path, language: Language) -> None:
    verdicts = {one: ring.decide(ring.load(one)) for one in RINGS}
    file.write_text(report(rows, verdicts, without, DAY, language), "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", file.read_text("utf-8"))
    # The table says what the runs said, cell by cell; every link leads somewhere on the page.
    shown = [
        [cell_.inner_text() for cell_ in line.query_selector_all("th, td")]
        for line in page.query_selector_all("table.table tbody tr")
    ]
    by = {(row.attack, row.ring): cell(row) for row in rows}
    said = {name: scenarios()[name].title.text(language) for name in ATTACKS}
    assert shown == [[name, said[name], *(by[name, one] for one in RINGS)] for name in ATTACKS]
    for link in page.query_selector_all("a[href^='#']"):
        target = link.get_attribute("href") or "#"
        assert page.query_selector(f"[id='{target[1:]}']") is not None, target
    # Without K1 and without K6 something goes through that did not; what remains of the last ring is said.
    lines = [line.inner_text() for line in page.query_selector_all("#controls ~ .scroll tbody tr")]
    assert len(lines) == 2
    assert "S1" in lines[0]
    assert "F1" in lines[1]
    main = page.inner_text("main")
    assert ("within the price band" in main or "watch" in main) is True
    assert ("waits for" in main) is (language == "en")
    page.evaluate(AXE.read_text())
    assert (
        page.evaluate("axe.run(document).then(said => said.violations.map(v => v.id + ': ' + v.nodes[0].html))") == []
    )
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # All drawings are there, and are drawn.
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth > 100)")
    assert page.locator("img").count() == 1 + len(RINGS)
    page.close()
