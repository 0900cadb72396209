"""The demonstration as its user meets it: the command, its figures, and what happens when it is killed or misused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.custody.parties import institutions
from ringfence.database import Settings, Store, stop_abandoned

SIZE = ("--clients", "36", "--seed", "7")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that the server's user may reach, which pytest's own temporary folders are not."""
    made = Path(tempfile.mkdtemp(prefix="ringfence-demo-"))
    yield made
    stop_abandoned(made / "store")
    shutil.rmtree(made)


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ringfence", *arguments, "--store", str(folder / "store")]


def ringfence(folder: Path, *arguments: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "RINGFENCE_DATABASE_URL"}
    done = subprocess.run(
        command(folder, *arguments), capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def figures(folder: Path, *arguments: str, size: tuple[str, ...] = SIZE) -> dict[str, Any]:
    file = folder / "figures.json"
    ringfence(folder, "demo", *size, "--json", str(file), *arguments)
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def balances(figures: dict[str, Any]) -> Any:
    """All that a run leaves behind, without how long it took and how often it looked."""
    return {name: figures[name] for name in ("postings", "refused", "margin_calls", "covers", "books")}


def test_a_market_runs_and_everything_adds_up(folder: Path) -> None:
    found = figures(folder, "--days", "12")
    assert (found["days"], found["clients"]) == (12, 36)
    assert found["equation_checks"] > 12 * 5
    assert found["equation_failures"] == found["transit_nonzero"] == 0
    assert found["margin_calls"] > 0
    assert found["verify"]["ok"] is True
    assert (
        found["verify"]["postings_checked"] == found["postings"] == sum(b["postings"] for b in found["books"].values())
    )
    said = ringfence(folder, "verify")
    assert "verified" in said
    assert "0.00 in transit" in said
    assert json.loads(ringfence(folder, "verify", "--json"))["ok"] is True


def test_a_run_after_its_end_starts_afresh_and_comes_out_the_same(folder: Path) -> None:
    first = figures(folder, "--days", "2")
    again = figures(folder, "--days", "2")
    assert again["went_on"] is False
    assert balances(again) == balances(first)


def test_a_killed_run_verifies_and_goes_on_to_the_same_end(folder: Path) -> None:
    # Long enough that none comes to its end before it is killed: the next would start afresh, and be killed over that.
    long = ("--clients", "60", "--seed", "7", "--days", "8")
    undisturbed = figures(folder, size=long)
    kills = 0
    for wait_s in (1.6, 2.4):
        process = subprocess.Popen(
            command(folder, "demo", *long),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(wait_s)
        if process.poll() is None:
            kills += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # On a slow machine the books may not be there yet.
        made = Store.open(Settings(store=folder / "store", database_url=None))
        with made as store, store.connect() as administrator:
            there = {"exchange", "bank_a", "bank_b"} <= set(institutions(administrator))
        if there:
            assert "verified" in ringfence(folder, "verify")
    assert kills
    assert balances(figures(folder, size=long)) == balances(undisturbed)


def test_what_is_not_a_demos_is_not_replaced(folder: Path) -> None:
    ringfence(folder, "demo", *SIZE, "--days", "1")
    with Store.open(Settings(store=folder / "store", database_url=None)) as store, store.connect() as administrator:
        administrator.execute("DROP SCHEMA demo CASCADE")
    said = ringfence(folder, "demo", *SIZE, "--days", "1", code=2)
    assert "which no demo made" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--days", "0"), ("--days", "0", "1 to")),
        (("--days", "1000"), ("--days", "1000", "1 to")),
        (("--clients", "5"), ("--clients", "5", "12 to 100000")),
        (("--seed", "-1"), ("--seed", "-1")),
        (("--days", "many"), ("many", "whole number")),
        (("--json", "/no/such/folder/file"), ("--json", "/no/such/folder/file", "folder that exists")),
        (("--language", "fr"), ("--language", "fr", "en or zh")),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    folder: Path, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    said = ringfence(folder, "demo", *arguments, code=2)
    for part in named:
        assert part in said
    assert not (folder / "store").exists()


def test_there_is_nothing_to_verify_where_there_is_no_store(folder: Path) -> None:
    assert "no store in" in ringfence(folder, "verify", code=2)
    assert not (folder / "store").exists()


def test_verify_tells_what_was_changed_and_ends_with_1(folder: Path) -> None:
    ringfence(folder, "demo", *SIZE, "--days", "1")
    with Store.open(Settings(store=folder / "store", database_url=None)) as store, store.connect() as administrator:
        administrator.execute("UPDATE bank_a.posting SET amount = amount + 1 WHERE id = 5")
    said = ringfence(folder, "verify", code=1)
    assert "bank_a, posting 5" in said
    assert "NOT VERIFIED" in said
