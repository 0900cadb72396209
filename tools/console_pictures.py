"""Take the pictures of the console for the documentation: a market going on, looked at in a real browser.

Minutes: it lives through a month first, and then waits until something is refused that no route leads to.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)
PATIENCE_MS = 240_000


class Picture(NamedTuple):
    """What is shown to whom, in which language, how wide and in which light; after a click, where there is one."""

    name: str
    who: str
    language: str
    size: tuple[int, int]
    scheme: str
    wait_for: str = "#ticker li"
    path: str = ""
    click: str = ""


# A withdrawal that the bank has paid.
_PAID = "tr:has(code:text-is('withdrawal')):has(.chip:text-is('post-held')) td:first-child a"
WANTED = (
    Picture("circle.en.png", "exchange", "en", (1440, 1010), "light", "#part-circle .refusal"),
    Picture("circle.zh.png", "supervisor", "zh", (1440, 1010), "dark", "#part-circle .refusal"),
    Picture(
        "withdrawals.en.png",
        "clerk",
        "en",
        (1440, 900),
        "light",
        "a[href$='/withdrawals/1']",
        "withdrawals",
        "a[href$='/withdrawals/1']",
    ),
    Picture("member.en.png", "m1", "en", (1280, 640), "light"),
    Picture("client.zh.png", "m1-c00001", "zh", (390, 780), "light"),
    Picture("takeout.zh.png", "m1-c00001", "zh", (390, 780), "light", "#words", "move?amount=100"),
    Picture(
        "instruction.en.png", "supervisor", "en", (1440, 900), "light", _PAID, "journal/exchange", f"{_PAID} >> nth=0"
    ),
    Picture("day.zh.png", "exchange", "zh", (1440, 900), "light", ".step", "day"),
    Picture("risk.en.png", "exchange", "en", (1440, 1180), "light", ".stress", "risk?move=-8%25"),
    Picture("ring.en.png", "supervisor", "en", (1440, 900), "dark", ".coalition", "ring"),
)


def main() -> None:
    """Take them all."""
    browser_program = shutil.which("chromium") or sys.exit("no Chromium on this machine: `make browser`")
    with tempfile.TemporaryDirectory(prefix="ringfence-pictures-") as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, "-m", "ringfence", "demo", "--days", "30", "--serve", "--port", "0", "--store", f"{folder}/store"],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        try:
            address, passwords = _said(process)
            with sync_playwright() as playwright:
                options: dict[str, Any] = {"executable_path": browser_program, "chromium_sandbox": False}
                browser = playwright.chromium.launch(args=list(QUIET), **options)
                for picture in WANTED:
                    _take(browser, picture, address, passwords[picture.who])
                browser.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _said(process: subprocess.Popen[str]) -> tuple[str, dict[str, str]]:
    passwords: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if person := re.fullmatch(r"  (\w+) +(\S+) +(\S+)\n", line):
            passwords[person[2]] = person[3]
        if address := re.search(r"http://127\.0\.0\.1:\d+(?=;)", line):
            return address[0], passwords
    sys.exit("it was not served")


def _take(browser: Browser, picture: Picture, address: str, password: str) -> None:
    width, height = picture.size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=picture.scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address}/{picture.language}/in")
    page.fill("#name", picture.who)
    page.fill("#password", password)
    page.click("button.main")
    page.wait_for_url(f"**/{picture.language}/")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while picture.path and not page.query_selector(picture.wait_for) and time.monotonic() < deadline:
        page.goto(f"{address}/{picture.language}/{picture.path}")
        page.wait_for_timeout(1_000)
    page.wait_for_selector(picture.wait_for, timeout=PATIENCE_MS)
    if picture.click:
        page.click(picture.click)
    # Something under way.
    page.wait_for_timeout(2_500)
    page.screenshot(path=PICTURES / picture.name)
    context.close()


if __name__ == "__main__":
    main()
