"""`ringfence ring`: what a person is told of a circle, and of a file that is none."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringfence import ring
from ringfence.cli import app
from ringfence.errors import BadInput

SGE = (resources.files("ringfence.ring") / "rings" / "sge.toml").read_text("utf-8")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["ring", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_ring_is_explained_with_every_kind_route_person_and_relation(language: str) -> None:
    said = run("show", "sge", "--language", language)
    sge = ring.load("sge")
    for book in sge.books.values():
        for name, route in book.routes.items():
            assert f"    {name:24}{' → '.join(route.path)}" in said
        for kind in book.kinds:
            assert f"    {kind} " in said
    for name in (*sge.relations, *(person for party in sge.parties.values() for person in party.persons)):
        assert name in said


def test_a_ring_in_a_file_is_explained_too(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SGE.replace("Shanghai Gold Exchange:", "My exchange:"), "utf-8")
    assert run("show", str(tmp_path / "mine.toml")).startswith("My exchange:")


def test_built_in_rings_are_listed() -> None:
    listed = [line.split()[0] for line in run("list").splitlines()]
    assert listed[:7] == ["old", "yzt", "680", "fb", "n9", "yqt", "sge"]
    assert listed == ring.built_in()


@pytest.mark.parametrize(
    ("before", "after", "place", "value", "right"),
    [
        ('path = "clearing > client-bank"', 'path = "clearing > client-purse"', "books.bank.routes.arrival.path", "client-purse", "client-bank"),
        ('path = "clearing > client-bank"', 'path = "clearing"', "books.bank.routes.arrival.path", "clearing", "two to four"),
        ("client-bank > member-transit >", "member-transit > client-bank >", "books.bank.routes.deposit.path", "member-transit > client-bank", "zero kinds only"),
        ('invariant = "zero"', 'invariant = "nil"', "books.bank.kinds.member-transit.invariant", "nil", "'zero'"),
        ('asks = "link"', 'asks = "nobody"', "books.exchange.routes.deposit.asks", "nobody", "link"),
        ('proofs = ["payment-in"]', 'proofs = ["rumour"]', "books.bank.routes.arrival.proofs", "rumour", "payment-in"),
        ('relations = ["same-client"]', 'relations = ["friends"]', "books.bank.routes.arrival.relations", "friends", "same-client"),
        ('units = ["CNY"]', 'units = ["CNX"]', "books.bank.units", "CNX", "CNY"),
        ('kept_by = "bank"', 'kept_by = "broker"', "books.bank.kept_by", "broker", "client"),
        ('registers = "registrar"', 'registers = "teller"', "books.bank.registers", "teller", "never posts"),
        ('under = "officer"', 'under = "clerk"', "books.exchange.routes.withdrawal.under", "clerk", "never posts"),
        ('under = "officer"', 'under = "boss"', "books.exchange.routes.withdrawal.under", "boss", "officer"),
        ('closes = "clerk"', 'shuts = "clerk"', "books.bank.closes", "absent", "required"),
        ('[relations.own-member]', '[relations.same-mood]', "relations.same-mood", "same-mood", "own-member"),
        ('made_by = "clearing"', 'made_by = "weather"', "proofs.payment-in.made_by", "weather", "clearing"),
        ("circle = true, no_lien = true, title", "circle = true, title", "books.bank.kinds.exchange-client-money", "clients' money", "pledge = the route"),
        ("no_lien = true, title", 'pledge = "lien", title', "books.bank.kinds.exchange-client-money.pledge", "lien", "one of withdrawal, fee-payout"),
        ("no_lien = true, title", 'no_lien = true, pledge = "fee-payout", title', "books.bank.kinds.exchange-client-money.no_lien", "true", "never both"),
        ('relations = ["own-member"]', 'relations = ["same-client"]', "books.bank.routes.arrival-own.relations", "same-client", "no account is of a client"),
        ('confirms = "intake"\n', "", "books.bank.confirms", "absent", "deposit, withdrawal"),
        ('from_posting = ["bank.withdrawal"]', 'from_posting = ["exchange.withdrawal"]', "books.exchange.routes.withdrawal.proofs", "audit, bank-paid", "waits for this one"),
        ("[books.bank.routes.guarantee]", "[books.bank.routes.arrival]", "books.bank.routes.arrival", "a second one", "one of each name"),
        ('asks = "clerk"\n', 'asks = "clerk"\nasks = "clerk"\n', "bent, line", "a second value", "every field once"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_ring_is_told_where(before: str, after: str, place: str, value: str, right: str) -> None:
    bent = SGE.replace(before, after, 1)
    assert bent != SGE
    with pytest.raises(BadInput) as refused:
        ring.parse(bent, "bent")
    said = str(refused.value)
    assert place in said
    assert value in said
    assert right in said


def test_what_is_no_file_is_told_so() -> None:
    with pytest.raises(BadInput, match="a file, or one of old, yzt"):
        ring.load("lse")
