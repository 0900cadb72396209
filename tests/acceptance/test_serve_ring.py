"""From a few questions to a ring that runs, as whoever makes one meets it: ring new, serve --ring, person, segregation, verify."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringfence.cli import app
from ringfence.database import stop_abandoned
from ringfence.errors import BadInput, RingfenceError
from serving import come_in, serving


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ringfence-ring-"))
    ringfence("ring", "new", str(made / "app.toml"), "--name", "app", "--title", "App", "--intermediary", "app", "--keeper", "bank",
              "--currency", "EUR", "--no-fees", "--days", "0")  # fmt: skip
    yield made
    stop_abandoned(made / "store")
    shutil.rmtree(made)


def ringfence(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments])
    if isinstance(done.exception, RingfenceError):
        assert code == 2
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def test_a_ring_of_ones_own_runs_without_a_line_of_code(folder: Path) -> None:
    file, store = str(folder / "app.toml"), ("--store", str(folder / "store"))
    with serving(folder / "store", "--ring", file) as (address, passwords):
        assert {"bank.teller", "bank.operations", "bank.registrar", "bank.intake", "supervisor"} <= set(passwords)
        ann = {"name": "ann", "title": "Ann", "identity": "passport 1", "account_number": "DE01"}
        for who, path in (("bank.registrar", "clients"), ("bank.intake", "confirmations")):
            with come_in(address, who, passwords[who]) as person:
                assert person.post(f"/v1/books/records/{path}", json=ann).status_code == 201
        said = ringfence("person", "add", "ann", "--role", "client", "--party", "ann", "--ring", file, *store)
        password = said.split()[-1]
        assert "one of bank.teller" in ringfence(
            "person",
            "add",
            "x",
            "--role",
            "staff",
            "--party",
            "bank",
            "--duty",
            "thief",
            "--ring",
            file,
            *store,
            code=2,
        )
        with come_in(address, "bank.teller", passwords["bank.teller"]) as teller:
            key = {"Idempotency-Key": "1"}
            came = {"amount": "40.00", "said": {"payment-in": "wire 1"}}
            assert teller.post("/v1/books/bank/routes/arrival", json=came, headers=key).status_code == 201
        with come_in(address, "bank.booker", passwords["bank.booker"]) as booker:
            [task] = booker.get("/v1/desk").json()["waits"]
            credit = {"client": "ann", "paper": task["paper"]}
            assert booker.post("/v1/books/records/routes/credit", json=credit, headers=key).status_code == 201
        with come_in(address, "ann", password) as client:
            assert [one["balance"] for one in client.get("/v1/books/records/accounts").json()["items"]] == ["40.00"]
    [statement] = json.loads(ringfence("segregation", "--ring", file, "--json", *store))
    assert (statement["resource_minor"], statement["requirement_minor"], statement["excess_minor"]) == (40_00, 40_00, 0)
    verdict = json.loads(ringfence("verify", "--ring", file, "--json", *store))
    assert (verdict["ok"], verdict["postings_checked"], [pair["difference_minor"] for pair in verdict["pairs"]]) == (
        True,
        2,
        [0],
    )
    assert re.search(
        r"40\.00 EUR = records\.\S+ 40\.00 \+ 0\.00 in transit", ringfence("verify", "--ring", file, *store)
    )


def test_what_cannot_be_served_is_refused_before_anything_is_made(folder: Path) -> None:
    file = str(folder / "app.toml")
    away = ("--store", str(folder / "nothing"))
    for arguments, said in (
        (("--ring", str(folder / "none.toml")), "none.toml"),
        (("--ring", file, "--role", "bank"), "--role"),
        (("--ring", file, "--unattended", "bank.thief"), "bank.thief"),
        (("--unattended", "bank.booker"), "--ring"),
    ):
        refused = CliRunner().invoke(app, ["serve", *arguments, *away]).exception
        assert isinstance(refused, BadInput)
        assert said in str(refused)
    assert not (folder / "nothing").exists()
