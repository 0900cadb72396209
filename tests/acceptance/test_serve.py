"""`ringfence serve` and `ringfence person` as their users meet them: a market that was lived through, asked over HTTP."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.database import Settings, Store, stop_abandoned
from ringfence.ledger import Ledger
from serving import come_in, serving

CLIENTS = 24


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A store in which a short market was lived through."""
    made = Path(tempfile.mkdtemp(prefix="ringfence-serve-"))
    ringfence(made, "demo", "--days", "8", "--clients", str(CLIENTS))
    yield made
    stop_abandoned(made / "store")
    shutil.rmtree(made)


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ringfence", *arguments, "--store", str(folder / "store")]


def ringfence(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(command(folder, *arguments), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_market_is_served_and_its_statements_add_up(folder: Path) -> None:
    with serving(folder / "store") as (address, passwords):
        assert set(passwords) == {
            "exchange", "clerk", "officer", "bank_a", "bank_b", "m1", "m1-c00001", "supervisor",
        }  # fmt: skip
        with come_in(address, "exchange", passwords["exchange"]) as exchange:
            equation = exchange.get("/v1/equation").json()
            assert (equation["holds"], equation["difference"]) == (True, "0.00")
            assert exchange.get("/v1/verdict").json()["ok"] is True
            last = exchange.get("/v1/books/exchange").json()["day"]
            accounts = exchange.get("/v1/books/exchange/accounts", params={"kind": "client-cash", "limit": 200}).json()
            statements = {
                account["owner"]: exchange.get(f"/v1/clients/{account['owner']}/statements/{last}").json()
                for account in accounts["items"]
            }
        assert len(statements) == CLIENTS
        assert {name: said["closing"] for name, said in statements.items()} == {
            account["owner"]: account["balance"] for account in accounts["items"]
        }
        # By another way: what every account was at the end of the day before.
        assert {name: fen(said["opening"]) for name, said in statements.items()} == opening(folder, last)
        for said in statements.values():
            flows = ("opening", "paid_in", "taken_out", "realised", "marked", "fee", "deferred", "covered", "other")
            assert sum(fen(said[flow]) for flow in flows) == fen(said["closing"])
            assert said["other"] == "0.00"
            funds = said["funds"]
            assert fen(funds["available"]) == fen(said["closing"]) - fen(funds["margin"])
        # Between the clients nothing is made: fees and what comes and goes aside, the day is what rounding left over.
        assert sum(fen(said[flow]) for said in statements.values() for flow in ("realised", "marked")) == 0
        assert 0 <= -sum(fen(said["deferred"]) for said in statements.values()) <= 2 * 3 * CLIENTS
        with come_in(address, "m1-c00001", passwords["m1-c00001"]) as client:
            assert client.get(f"/v1/clients/m1-c00001/statements/{last}").json() == statements["m1-c00001"]
            assert client.get(f"/v1/clients/m2-c00002/statements/{last}").status_code == 404
        with come_in(address, "bank_a", passwords["bank_a"]) as bank:
            asked = {"client": "m1-c00001", "payer_account": "6201000000000001", "amount": "1.00"}
            answer = bank.post("/v1/books/bank_a/deposits", json=asked, headers={"Idempotency-Key": "k"})
            # The market is over: its last day is closed in every book.
            assert (answer.status_code, answer.json()["control"], answer.json()["seen"]) == (422, "shut", last)
    with serving(folder / "store") as (_, passwords):
        assert passwords == {}


def fen(amount: str) -> int:
    whole, cents = amount.removeprefix("-").split(".")
    return (-1 if amount.startswith("-") else 1) * (int(whole) * 100 + int(cents))


def opening(folder: Path, day: str) -> dict[str, int]:
    with Store.open(Settings(store=folder / "store")) as store, Ledger(store, "exchange", "auditor") as ledger:
        ((before,),) = ledger.rows("SELECT max(day) FROM {}.batch WHERE day < %s", (day,))
        known = ledger.balances_as_known(before, before)
        return {b.account.owner: b.balance_minor for b in known if b.account.kind == "client-cash"}


def test_persons_are_added_listed_and_ended(folder: Path) -> None:
    said = ringfence(folder, "person", "add", "小王", "--role", "member", "--party", "m2")
    password = said.split()[-1]
    listed = ringfence(folder, "person", "list")
    assert re.search(r"小王 +member +m2", listed)
    assert password not in listed
    with serving(folder / "store") as (address, _), come_in(address, "小王", password) as member:
        found: list[dict[str, Any]] = member.get("/v1/books/exchange/accounts").json()["items"]
        assert {account["owner"].split("-")[0] for account in found} == {"m2"}
        ringfence(folder, "person", "end", "小王")
        refused = member.post("/v1/session", json={"name": "小王", "password": password})
        assert refused.status_code == 401
    assert "ended" in ringfence(folder, "person", "list")
    again = ringfence(folder, "person", "add", "小王", "--role", "supervisor", code=2)
    assert "there is a person called '小王', or was one" in again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("person", "add", "x"),
            "--role: '' is not usable; expected one of exchange, bank, member, client, supervisor",
        ),
        (("person", "add", "x", "--role", "bank", "--party", "m1"), "--party: 'm1' is not usable; expected a bank"),
        (("person", "add", "x", "--role", "exchange", "--party", "m1"), "expected exchange, or nothing"),
        (("person", "add", " x", "--role", "supervisor"), "no blank at either end"),
        (("person", "end", "nobody"), "name: 'nobody' is not usable"),
        (("serve", "--port", "70000"), "--port: 70000 is not usable; expected 0 to 65535"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    found = ringfence(folder, *arguments, code=2)
    assert said in found
    assert len(found.splitlines()) == 1


def test_a_port_that_is_taken_and_a_store_that_is_not_there_are_said(folder: Path) -> None:
    with serving(folder / "store") as (address, _):
        found = ringfence(folder, "serve", "--port", address.rsplit(":", 1)[1], code=2)
        assert "a port that is free" in found
    assert "no store in" in ringfence(folder / "none", "serve", code=2)


def test_a_client_asks_from_a_terminal_and_a_clerk_looks(folder: Path) -> None:
    key = folder / "ann.pem"
    public = ringfence_without_store("key", "new", str(key)).split()[-1]
    assert key.stat().st_mode & 0o077 == 0
    assert "not there yet" in ringfence_without_store("key", "new", str(key), code=2)
    ringfence(folder, "key", "register", "m1-c00004", public)
    passwords = {
        "clerk-2": ringfence(folder, "person", "add", "clerk-2", "--role", "exchange", "--duty", "clerk").split()[-1],
        "c4": ringfence(folder, "person", "add", "c4", "--role", "client", "--party", "m1-c00004").split()[-1],
    }
    with serving(folder / "store") as (address, _):

        def call(who: str, *arguments: str, code: int = 0) -> str:
            options = ("--at", address, "--as", who, "--password", passwords[who])
            return ringfence_without_store("call", *arguments, *options, code=code)

        account = "6202000000000004"
        said = call("c4", "withdraw", account, "10.00", "--sign-with", str(key))
        assert re.search(r"key: [0-9a-f]{32}\n +1 +10\.00 CNY +m1-c00004 +asked", said)
        said = call("clerk-2", "look", "1", "--language", "zh")
        assert said.count("✓") == 6
        # The market is over: it has passed, and waits for a day.
        assert "passed" in call("clerk-2", "audit", "1")
        assert "passed" in call("clerk-2", "withdrawals", "--waiting")
        assert "no power (K1)" in call("c4", "approve", "1", code=2)
        assert "closing" in call("c4", "statement", "m1-c00004", "2020-03-10")
        assert "not usable" in call("c4", "withdraw", account, "ten", "--sign-with", str(key), code=2)


def ringfence_without_store(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ringfence", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr
