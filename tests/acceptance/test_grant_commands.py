"""`ringfence grant`: what a person is told about who may do what, and what a program is."""

from __future__ import annotations

import contextlib
import json

import pytest
from typer.testing import CliRunner

from circles import DAY, make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.custody import Withdrawal
from ringfence.database import Store
from ringfence.errors import BadInput


def make_busy_circle(store: Store) -> None:
    """A circle in which the officer has let one withdrawal pass."""
    make_circle(store)
    with opened(store) as (circle, transfers):
        pay_in(circle, "d", "m1-ann", 80_000_00)
        large = Withdrawal("large", "m1-ann", 60_000_00, "6201-ann")
        assert transfers.withdraw(DAY, [large], {"m1-ann": 80_000_00}, second=lambda withdrawal: True) == []


pytestmark = pytest.mark.ledgers.with_args(make_busy_circle)


@pytest.fixture(autouse=True)
def in_this_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.cli.options.existing_store", lambda folder: contextlib.nullcontext(store))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["grant", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_grants_are_listed_below_the_ones_they_come_from() -> None:
    lines = run("list", "--route", "withdrawal").splitlines()
    officers = next(n for n, line in enumerate(lines) if "officer: may ask on route withdrawal, for everybody" in line)
    assert lines[officers + 1].startswith("   ")
    assert "clerk: may ask on route withdrawal, for everybody, up to 50,000.00 CNY at once" in lines[officers + 1]
    assert not any("large" in line for line in lines)
    assert any("for instruction large alone" in line for line in run("list", "--all").splitlines())


def test_a_client_is_told_where_it_is_paid() -> None:
    assert "m1-ann: pays in from and is paid to 6201-ann" in run("list", "--to", "m1-ann")
    assert "登记账户 6201-ann" in run("list", "--to", "m1-ann", "--language", "zh")


def test_a_chain_is_explained_from_the_ring_down() -> None:
    [found] = [grant for grant in json.loads(run("list", "--all", "--json")) if grant["key"] == "large"]
    lines = run("explain", str(found["id"])).splitlines()
    assert "officer: may ask on route withdrawal" in lines[0]
    assert "given by the ring's declaration" in lines[1]
    assert "└─" in lines[2]
    assert (
        "clerk: may ask on route withdrawal, for m1-ann, for instruction large alone, up to 60,000.00 CNY at once"
        in lines[2]
    )
    assert "given by officer" in lines[3]
    assert "授权人 officer" in run("explain", str(found["id"]), "--language", "zh")
    chain = json.loads(run("explain", str(found["id"]), "--json"))
    assert [grant["id"] for grant in chain] == [found["parent"], found["id"]]
    assert chain[1]["caps"]["per_item_minor"] == 60_000_00


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--book", "bank_x"), "--book: 'bank_x' is not usable; expected one of exchange, bank_a, bank_b"),
        (("list", "--to", "nobody"), "--to: 'nobody'"),
        (("list", "--route", "nowhere"), "--route: 'nowhere' is not usable; expected one of deposit"),
        (("list", "--language", "fr"), "--language"),
        (("explain", "9999"), "GRANT: 9999 is not usable; expected 1 to"),
    ],
)
def test_what_nobody_has_is_an_error_that_says_so(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        run(*arguments)
    assert str(refused.value).startswith(said)


def test_no_grant_of_that_kind_is_said(store: Store) -> None:
    with opened(store) as (circle, _):
        [standing] = circle.clerk.granted("withdrawal")
        circle.officer.revoke("r", standing.id)
    assert run("list", "--route", "withdrawal", "--to", "clerk", "--book", "exchange").count("ended") == 1
