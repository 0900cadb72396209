"""The browser of the tests, and what is told to it: nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from served import Api

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
QUIET = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: `make browser` installs Debian's"
)


def log_in(page: Page, api: Api, who: str, language: str) -> None:
    """Come in by name and password, as a person does."""
    page.goto(f"{api.client.base_url}/{language}/in")
    page.fill("#name", who)
    page.fill("#password", api.passwords[who])
    page.click("button.main")
    page.wait_for_url(f"**/{language}/")


def enter(browser: Browser, api: Api, who: str, language: str = "en", **context: Any) -> Page:
    """A page of somebody who has come in, in a browser of its own; `context` is playwright's."""
    page = browser.new_context(**context).new_page()
    log_in(page, api, who, language)
    return page
