"""`ringfence ring check`: exit codes, words in both languages, figures for a program, and time."""

from __future__ import annotations

import json
import time
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from property.ring.random_rings import random_ring
from ringfence import ring
from ringfence.cli import app
from ringfence.errors import BadInput
from ringfence.ring import decide

SGE = (resources.files("ringfence.ring") / "rings" / "sge.toml").read_text("utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ring", "check", *arguments])


@pytest.mark.parametrize(
    ("language", "closed", "names"),
    [
        (
            "en",
            "CLOSED: no member can take client money alone.",
            ("client X + member", "within price-band", "shown by"),
        ),
        ("zh", "封闭:任何会员均不能单独取走客户资金。", ("会员 + 客户X", "冷静期", "可由")),
    ],
)
def test_a_closed_ring_is_told_with_everybody_who_would_have_to_conspire(
    language: str, closed: str, names: tuple[str, ...]
) -> None:
    done = run("sge", "--language", language)
    assert done.exit_code == 0
    assert closed in done.output
    for name in (*names, "bank.registrar + exchange.registrar", "exchange.operator"):
        assert name in done.output.replace("member + client X", "client X + member")


def test_an_open_ring_exits_with_1_and_tells_the_path(tmp_path: Path) -> None:
    opened = SGE.replace('made_by = "clearing"', 'made_by = "clearing | member"')
    (tmp_path / "open.toml").write_text(opened, "utf-8")
    done = run(str(tmp_path / "open.toml"))
    assert done.exit_code == 1
    assert "OPEN: the member can take client money alone." in done.output
    assert "bank.arrival-own" in done.output
    assert "payment-in is forged by member" in done.output


def test_the_figures_are_those_that_were_decided() -> None:
    done = run("sge", "--json")
    document = json.loads(done.output)
    verdict = decide(ring.load("sge"))
    assert document["closed"] is True
    assert document["open_to"] == []
    assert [row["persons"] for row in document["take"]] == [sorted(found.persons) for found in verdict.takes]
    assert document["take"][0]["paths"][0]["steps"][0].keys() >= {"route", "from", "to", "papers"}


@pytest.mark.parametrize(
    ("before", "after", "line", "field"),
    [
        ('names = ["payee"]\n', 'names = ["payer"]\n', "names = [\"payer\"]", "proofs.trade.names.0"),
        ('made_by = "client"\n', 'made_by = "client +"\n', 'made_by = "client +"', "proofs.client-order.made_by"),
        ('made_by = "clearing"', 'made_by = "bank.teller"', 'made_by = "bank.teller"', "proofs.payment-in.made_by"),
        ("within price-band", "within reason", "within reason", "proofs.trade.made_by"),
        ('from_hold = ["exchange.withdrawal"]', 'from_hold = ["exchange.fee"]', 'from_hold = ["exchange.fee"]', "proofs.withdrawal-order.from_hold"),
        ('proofs = ["withdrawal-order"]', 'proofs = ["payment-in"]', 'proofs = ["payment-in"]', "books.bank.routes.withdrawal.proofs"),
        ('sees = ["payment-in"]', 'sees = ["ghosts"]', 'sees = ["ghosts"]', "records.nostro.sees"),
        ('mirrors = "bank.exchange-client-money"', 'mirrors = "bank.money"', "bank-cash =", "books.exchange.kinds.bank-cash.mirrors"),
        ("persons.intake = { en = \"takes in what the", "persons.operator = { en = \"takes in what the", "persons.operator", "parties.bank.persons.operator"),
        ('intermediaries = ["member"]', 'intermediaries = ["broker"]', "intermediaries =", "ring.intermediaries"),
    ],
)  # fmt: skip
def test_a_bad_file_exits_with_2_and_names_line_and_field(
    tmp_path: Path, before: str, after: str, line: str, field: str
) -> None:
    bent = SGE.replace(before, after, 1)
    number = SGE[: SGE.index(before)].count("\n") + 1
    assert line in bent.splitlines()[number - 1]
    (tmp_path / "bent.toml").write_text(bent, "utf-8")
    with pytest.raises(BadInput) as refused:
        ring.load(str(tmp_path / "bent.toml"))
    assert f"line {number}: {field}:" in str(refused.value)


def test_thirty_routes_and_more_than_eight_parties_persons_take_less_than_a_second() -> None:
    declared = random_ring(0, routes=30, proofs=16)
    took = []
    for _ in range(3):
        began = time.monotonic()
        decide(declared)
        took.append(time.monotonic() - began)
    assert min(took) < 1
