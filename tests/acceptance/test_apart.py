"""Each institution by itself: an exchange and two banks with a database server of their own each, which know each other by letters."""

from __future__ import annotations

import datetime
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from ringfence.cli import app
from ringfence.custody import Counter, Exchange, linked
from ringfence.custody.requests import register_key, sign, stored_key
from ringfence.database import Settings, Store, ledgers, stop_abandoned
from ringfence.errors import RingfenceError
from ringfence.ledger import Caps, Ledger
from serving import come_in, serving

DAY = datetime.date(2020, 3, 6)
MEMBERS = "name,bank,title\nm1,bank_a,会员一\nm2,bank_b,会员二\n"
CLIENTS = """name,member,bank,account_number,identity,title
m1-ann,m1,bank_a,6201-ann,id-ann,客户甲
m1-bo,m1,bank_b,6202-bo,id-bo,
m2-cy,m2,bank_a,6201-cy,id-cy,客户丙
"""
BANKS = ("bank_a", "bank_b")


class Served(NamedTuple):
    """An institution that answers, and the passwords of those who may come in."""

    address: str
    passwords: dict[str, str]

    def come_in(self, name: str) -> httpx.Client:
        return come_in(self.address, name, self.passwords[name])


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Three stores with a book each; everybody is registered at the banks, and the exchange knows their keys."""
    made = Path(tempfile.mkdtemp(prefix="ringfence-apart-"))
    (made / "members.csv").write_text(MEMBERS, "utf-8")
    (made / "clients.csv").write_text(CLIENTS, "utf-8")
    for book in (*BANKS, "exchange"):
        ringfence(made, book, "book", "create", book)
    exchange_key = key_of(made, "exchange")
    for bank in BANKS:
        ringfence(made, bank, "link", "trust", "exchange", "--public", exchange_key)
        said = ringfence(made, bank, "book", "register", bank, *files(made))
        assert "accounts wait for the other side's word" in said
        with (
            opened(made, bank) as store,
            Ledger(store, bank, "clerk") as clerk,
            Ledger(store, bank, "teller") as teller,
        ):
            clerk.open_day(DAY)
            # Not in force before the exchange has said the same.
            assert Counter(teller).registered == {}
    yield made
    for book in (*BANKS, "exchange"):
        stop_abandoned(made / book)
    shutil.rmtree(made)


def files(folder: Path) -> list[str]:
    return ["--members", str(folder / "members.csv"), "--clients", str(folder / "clients.csv")]


def ringfence(folder: Path, book: str, *arguments: str, code: int = 0) -> str:
    """A command as its user gives it, in this process; what is served is served by others."""
    done = CliRunner().invoke(app, [*arguments, "--store", str(folder / book)])
    said, came = done.output, done.exit_code
    if isinstance(done.exception, RingfenceError):
        said, came = said + str(done.exception), 2
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert came == code, said
    return said


def key_of(folder: Path, book: str) -> str:
    [only] = json.loads(ringfence(folder, book, "link", "show", "--json"))
    return str(only["public_key"])


@contextmanager
def opened(folder: Path, book: str) -> Iterator[Store]:
    with Store.open(Settings(store=folder / book)) as store:
        yield store


@contextmanager
def institution(folder: Path, book: str, *arguments: str) -> Iterator[Served]:
    """One institution, served by itself."""
    with serving(folder / book, *arguments) as said:
        yield Served(*said)


def until(what: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for something that is not false, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def shows(visit: httpx.Client, title: str) -> bool:
    """Whether the page says something by now."""
    return title in visit.get("/en/").text


def test_money_goes_in_and_out_between_institutions_that_share_nothing(folder: Path) -> None:
    with ExitStack() as open_institutions:
        banks = {
            bank: open_institutions.enter_context(institution(folder, bank, "--role", "bank", "--party", bank))
            for bank in BANKS
        }
        for bank, served in banks.items():
            assert set(served.passwords) == {bank, "supervisor"}
            ringfence(
                folder, "exchange", "link", "trust", bank, "--public", key_of(folder, bank), "--at", served.address
            )
        # The exchange says the same of every account as its bank, and so each confirms the other's word.
        said = ringfence(folder, "exchange", "book", "register", "exchange", *files(folder))
        assert "3 clients are registered; 0 accounts wait" in said
        said = ringfence(folder, "exchange", "book", "open-day", str(DAY))
        assert "2020-03-06 is open at exchange, bank_a, bank_b" in said
        for bank, client, amount_minor in (("bank_a", "m1-ann", 900_00), ("bank_b", "m1-bo", 500_00)):
            with opened(folder, bank) as store, Ledger(store, bank, "teller") as teller:
                assert Counter(teller).arrive(DAY, {f"a:{client}": (client, amount_minor)}) == []
        key = Ed25519PrivateKey.generate()
        with opened(folder, "exchange") as store:
            with store.connect() as administrator:
                assert ledgers(administrator) == ["exchange"]
            with linked(store, BANKS) as clearing, Exchange(store, clearing) as house:
                house.limit("withdrawal", Caps(per_item_minor=10_000_00))
            with Ledger(store, "exchange", "registrar") as registrar:
                register_key(registrar, "m1-ann", key.public_key().public_bytes_raw())

        exchange = open_institutions.enter_context(institution(folder, "exchange", "--role", "exchange"))
        for bank in BANKS:
            # Now the banks learn where the exchange answers: not before they are served again.
            ringfence(
                folder,
                bank,
                "link",
                "trust",
                "exchange",
                "--public",
                key_of(folder, "exchange"),
                "--at",
                exchange.address,
            )
        with banks["bank_a"].come_in("bank_a") as teller:
            asked = {"client": "m1-ann", "payer_account": "6201-ann", "amount": "700.00"}
            posted = teller.post("/v1/books/bank_a/deposits", json=asked, headers={"Idempotency-Key": "d1"})
            assert (posted.status_code, posted.json()["state"]) == (202, "in-transit")
            assert teller.get("/v1/equation").json()["code"] == "no-power"
        with exchange.come_in("exchange") as staff:
            until(lambda: staff.get("/v1/equation").json()["clients"] == "700.00")
            equation = staff.get("/v1/equation").json()
            assert (equation["holds"], equation["in_transit"], equation["at_banks"]) == (True, "0.00", "700.00")
            assert staff.get("/v1/books/bank_a").json()["code"] == "not-found"

        with (
            exchange.come_in("m1-ann") as ann,
            exchange.come_in("clerk") as clerk,
            exchange.come_in("exchange") as staff,
        ):
            signature = sign(key, "m1-ann", 200_00, "6201-ann", stored_key("m1-ann", "w1"))
            asked = {
                "amount": "200.00",
                "payee_account": "6201-ann",
                "public_key": key.public_key().public_bytes_raw().hex(),
                "signature": signature.hex(),
            }
            made = ann.post("/v1/clients/m1-ann/withdrawals", json=asked, headers={"Idempotency-Key": "w1"})
            assert made.status_code == 201, made.text
            number = made.json()["number"]
            passed = clerk.post(f"/v1/withdrawals/{number}/audit", headers={"Idempotency-Key": "w1"})
            assert passed.status_code == 200, passed.text
            until(lambda: staff.get(f"/v1/withdrawals/{number}").json()["state"] == "posted")
            assert staff.get("/v1/equation").json()["at_banks"] == "500.00"

        # Pages: the circle at the exchange, a bank's own at the bank, nothing of another's.
        for served, who, title in (
            (exchange, "exchange", "500.00"),
            (banks["bank_a"], "bank_a", "500.00 of client money is here"),
        ):
            with served.come_in(who) as visitor:
                token = visitor.headers["Authorization"].removeprefix("Bearer ")
            visit = httpx.Client(
                base_url=served.address, headers={"Cookie": f"__Host-ringfence={token}"}, trust_env=False
            )
            with visit:
                until(partial(shows, visit, title))
    with opened(folder, "bank_a") as store, Ledger(store, "bank_a", "auditor") as book:
        paid = book.rows("SELECT balance FROM {}.balances WHERE number = '6201-ann'")
        assert paid == [(400_00,)]


def test_the_exchange_waits_for_a_bank_that_is_silent(folder: Path) -> None:
    """Bank b is not served: nothing is guessed, and what is known is verified all the same."""
    said = ringfence(folder, "exchange", "verify")
    assert "not read, since" in said
    with (
        institution(folder, "exchange", "--role", "exchange") as exchange,
        exchange_person(folder, exchange) as staff,
    ):
        silent = staff.get("/v1/equation")
        assert (silent.status_code, silent.json()["code"]) == (503, "no-answer")
        assert "nothing is guessed" in silent.json()["detail"]
        assert staff.get("/v1/verdict").json()["ok"] is True


@contextmanager
def exchange_person(folder: Path, served: Served) -> Iterator[httpx.Client]:
    said = ringfence(folder, "exchange", "person", "add", "late", "--role", "supervisor")
    served.passwords["late"] = said.rsplit(" ", 1)[1].strip()
    with served.come_in("late") as staff:
        yield staff


def test_what_is_not_here_is_not_served(folder: Path) -> None:
    said = ringfence(folder, "bank_a", "serve", "--role", "exchange", code=2)
    assert "an exchange whose book is in this store" in said
    said = ringfence(folder, "bank_a", "serve", "--role", "bank", "--party", "bank_b", code=2)
    assert "'bank_b' is not usable" in said
    assert "bank_a" in said
    assert "exchange, bank or member" in ringfence(folder, "bank_a", "serve", "--role", "mint", code=2)
    said = ringfence(folder, "bank_a", "serve", "--host", "0.0.0.0", code=2)
    assert "--certificate" in said
    assert "both or neither" in ringfence(folder, "bank_a", "serve", "--certificate", "x.pem", code=2)
    assert "no link to bank_z" in ringfence_registers_z(folder)


def ringfence_registers_z(folder: Path) -> str:
    """Somebody names a bank that nobody knows."""
    (folder / "z.csv").write_text("name,bank,title\nm9,bank_z,\n", "utf-8")
    (folder / "none.csv").write_text(CLIENTS.splitlines()[0] + "\n", "utf-8")
    arguments = ["--members", str(folder / "z.csv"), "--clients", str(folder / "none.csv")]
    return ringfence(folder, "exchange", "book", "register", "exchange", *arguments, code=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,bank\nm1,bank_a\n", "a header with the columns name, bank, title"),
        ("name,bank,title\nm1,,x\n", "line 2"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(folder: Path, text: str, expected: str) -> None:
    (folder / "bad.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    arguments = ["--members", str(folder / "bad.csv"), "--clients", str(folder / "clients.csv")]
    assert expected in ringfence(folder, "bank_a", "book", "register", "bank_a", *arguments, code=2)


def test_a_key_or_an_address_that_cannot_be_is_told(folder: Path) -> None:
    key = "ab" * 32
    assert "64 hexadecimal digits" in ringfence(folder, "bank_a", "link", "trust", "exchange", "--public", "ab", code=2)
    said = ringfence(folder, "bank_a", "link", "trust", "exchange", "--public", key, "--at", "bank", code=2)
    assert "https://" in said
    assert "another institution" in ringfence(folder, "bank_a", "link", "trust", "bank_a", "--public", key, code=2)
    said = ringfence(folder, "bank_a", "link", "trust", "exchange", "--public", key, "--authority", "no.pem", code=2)
    assert "certificates in PEM" in said
