"""`ringfence journal` and `ringfence balances`, as a person and as a program would ask."""

from __future__ import annotations

import contextlib
import json

import pytest
from typer.testing import CliRunner

from circles import make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.database import Store
from ringfence.errors import BadInput


def make_paid_in(store: Store) -> None:
    """A circle into which one client has paid."""
    make_circle(store)
    with opened(store) as (circle, _):
        pay_in(circle, "d", "m1-ann", 80_00)


pytestmark = pytest.mark.ledgers.with_args(make_paid_in)


@pytest.fixture(autouse=True)
def in_this_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.cli.journal.existing_store", lambda folder: contextlib.nullcontext(store))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_journal_goes_on_after_what_was_read() -> None:
    lines = run("journal", "--json").splitlines()
    batches = [json.loads(line) for line in lines]
    assert [batch["batch"] for batch in batches] == list(range(1, len(batches) + 1))
    last = batches[-1]
    assert (last["what"], last["day"]) == ("post", "2020-03-06")
    [posting] = last["postings"]
    assert (posting["route"], posting["subject"], posting["amount_minor"]) == ("deposit", "m1-ann", 80_00)
    assert posting["entries"][1] == {
        "kind": "client-cash", "owner": "m1-ann", "unit": "CNY", "ordinal": 1, "amount_minor": 80_00, "balance_minor": 80_00,
    }  # fmt: skip
    assert [
        json.loads(line) for line in run("journal", "--json", "--after", str(last["batch"] - 2)).splitlines()
    ] == batches[-2:]
    assert len(run("journal", "--json", "--limit", "3").splitlines()) == 3
    assert run("journal", "--after", str(last["batch"])) == f"nothing after batch {last['batch']}\n"


def test_the_journal_is_told_in_words() -> None:
    said = run("journal", "--book", "bank_a")
    assert "post deposit for m1-ann: 80.00 CNY, value 2020-03-06" in said
    assert "80.00 CNY  exchange-client-money of exchange, then 80.00 CNY" in said
    assert "起息 2020-03-06" in run("journal", "--book", "bank_a", "--language", "zh")


def test_balances_are_told_as_they_were_known() -> None:
    said = run("balances", "--kind", "client-cash")
    assert said.startswith("exchange on 2020-03-06, as known at the end of 2020-03-06")
    assert "m1-ann" in said
    assert "80.00 CNY" in said
    before = json.loads(run("balances", "--about", "2020-03-05", "--json"))
    assert {row["balance_minor"] for row in before["balances"]} == {0}
    assert "6201-ann" in run("balances", "--book", "bank_a")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("journal", "--after", "9999"), "--after: 9999 is not usable; expected 0 to"),
        (("journal", "--limit", "-1"), "--limit: -1 is not usable; expected 0 or more"),
        (("journal", "--book", "bank_x"), "--book: 'bank_x' is not usable; expected one of exchange, bank_a, bank_b"),
        (("balances", "--kind", "purse"), "--kind: 'purse' is not usable; expected one of bank-cash"),
        (("balances", "--known", "2020-03-07"), "known: '2020-03-07' is not usable; expected a day up to 2020-03-06"),
    ],
)
def test_what_there_is_not_is_an_error_that_says_so(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        run(*arguments)
    assert str(refused.value).startswith(said)
