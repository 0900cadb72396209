"""Take the pictures of the console for the documentation: a market going on, and a ring of one's own, looked at in a real browser.

Minutes: it lives through a month first, and then waits until something is refused that no route leads to.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
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

DESKS = (
    Picture("desk.en.png", "bank.clerk", "en", (1280, 640), "light", ".thing"),
    Picture("desk.zh.png", "platform.clerk", "zh", (1280, 720), "dark", ".thing"),
)


def main() -> None:
    """Take them all."""
    browser_program = shutil.which("chromium") or sys.exit("no Chromium on this machine: `make browser`")
    with tempfile.TemporaryDirectory(prefix="ringfence-pictures-") as folder, sync_playwright() as playwright:
        Path(folder).chmod(0o755)
        options: dict[str, Any] = {"executable_path": browser_program, "chromium_sandbox": False}
        browser = playwright.chromium.launch(args=list(QUIET), **options)
        with _serving("demo", "--days", "30", "--serve", "--store", f"{folder}/store") as (address, passwords):
            for picture in WANTED:
                _take(browser, picture, address, passwords[picture.who])
        ring = f"{folder}/app.toml"
        new = (
            "--name",
            "app",
            "--title",
            "Pay app",
            "--intermediary",
            "app",
            "--keeper",
            "platform",
            "--currency",
            "EUR",
            "--fees",
            "--days",
            "0",
        )
        subprocess.run(
            [sys.executable, "-m", "ringfence", "ring", "new", ring, *new], check=True, stdout=subprocess.DEVNULL
        )
        with _serving("serve", "--ring", ring, "--store", f"{folder}/ring") as (address, passwords):
            _live(address, passwords)
            for picture in DESKS:
                _take(browser, picture, address, passwords[picture.who])
        browser.close()


@contextlib.contextmanager
def _serving(*command: str) -> Iterator[tuple[str, dict[str, str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ringfence", *command, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        yield _said(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _live(address: str, passwords: dict[str, str]) -> None:
    """A morning in the ring of one's own: Ann pays in 2,000, Bo 900; Ann is to be paid 800, and waits."""

    def ask(who: str, method: str, path: str, **said: Any) -> Any:
        entered = httpx.post(f"{address}/v1/session", json={"name": who, "password": passwords[who]}).json()
        headers = {"Authorization": f"Bearer {entered['token']}", "Idempotency-Key": uuid.uuid4().hex}
        return httpx.request(method, f"{address}/v1{path}", headers=headers, json=said or None).raise_for_status()

    for name, title, number in (("ann", "Ann Lee", "DE89 3704"), ("bo", "Bo Chen", "DE75 5121")):
        client = {"name": name, "title": title, "identity": f"passport {name}", "account_number": number}
        for book in ("bank", "platform"):
            ask(f"{book}.registrar", "POST", f"/books/{book}/clients", **client)
            ask(f"{book}.intake", "POST", f"/books/{book}/confirmations", **client)
    ask("platform.officer", "PUT", "/books/platform/routes/withdrawal/limit", per_item="1000.00")
    for name, amount in (("ann", "2000.00"), ("bo", "900.00")):
        for route, paper in (("arrival", "payment-in"), ("deposit", "client-order")):
            ask(
                "bank.teller",
                "POST",
                f"/books/bank/routes/{route}",
                client=name,
                amount=amount,
                said={paper: "slip 12"},
            )
    for task in ask("platform.link", "GET", "/desk").json()["waits"]:
        ask("platform.link", "POST", "/books/platform/routes/deposit", paper=task["paper"])
    ask(
        "platform.clerk",
        "POST",
        "/books/platform/routes/withdrawal",
        client="ann",
        amount="800.00",
        said={"audit": "order 7"},
    )
    ask(
        "bank.teller",
        "POST",
        "/books/bank/routes/arrival",
        client="bo",
        amount="120.00",
        said={"payment-in": "slip 13"},
    )
    ask(
        "bank.teller",
        "POST",
        "/books/bank/routes/deposit",
        client="bo",
        amount="120.00",
        said={"client-order": "slip 13"},
    )


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
