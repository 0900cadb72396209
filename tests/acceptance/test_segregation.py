"""`ringfence segregation`: the statement of a day of a circle, as text, JSON and spreadsheet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from circles import CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.database import Store
from ringfence.errors import BadInput

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def lived(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two clients at two banks have paid in, and a third by an account that nobody has registered at the exchange."""
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_ROLE_SECRET", "tests")
    with opened(store) as (circle, _):
        pay_in(circle, "a", "m1-ann", 50_000_00)
        pay_in(circle, "b", "m1-bo", 20_000_00)
        circle.close_day(DAY)
    return store


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["segregation", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_every_client_is_owed_what_it_paid_in_and_nothing_is_over(lived: Store) -> None:
    [found] = json.loads(run("--json"))
    assert (found["day"], found["unit"]) == (DAY.isoformat(), "CNY")
    assert {held["book"]: held["amount_minor"] for held in found["resources"]} == {
        "bank_a": 50_000_00,
        "bank_b": 20_000_00,
    }
    owed = {client["client"]: client["owed_minor"] for client in found["clients"]}
    assert owed == {**dict.fromkeys(CLIENTS, 0), "m1-ann": 50_000_00, "m1-bo": 20_000_00}
    assert (found["requirement_minor"], found["others_minor"], found["excess_minor"]) == (70_000_00, 0, 0)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("SEGREGATION STATEMENT, 2020-03-06, CNY", "owed to 4 clients", "70,000.00", "Excess")),
        ("zh", ("客户资金分隔报表", "应付 4 户客户", "70,000.00", "溢额")),
    ],
)
def test_it_is_told_in_words(lived: Store, language: str, words: tuple[str, ...]) -> None:
    said = run("--date", str(DAY), "--language", language)
    for word in words:
        assert word in said


def test_the_spreadsheet_has_every_client(lived: Store, tmp_path: Path) -> None:
    run("--output", str(tmp_path / "s.xlsx"))
    book = openpyxl.load_workbook(io.BytesIO((tmp_path / "s.xlsx").read_bytes()))
    rows = [*book["clients CNY"].iter_rows(values_only=True)]
    assert ("m1-ann", 50000, 0, 50000) in rows
    assert rows[-1] == (None, 70000, 0, 70000)


def test_what_is_missing_ends_with_1(lived: Store) -> None:
    with lived.connect() as administrator:
        administrator.execute(
            "UPDATE bank_a.entry SET balance = balance - 100 WHERE account = (SELECT account FROM bank_a.balances WHERE kind = 'exchange-client-money')"
        )
    assert "SHORTFALL" in run(code=1)


def test_a_day_that_is_not_there_yet_and_a_file_that_is_none_are_refused(lived: Store) -> None:
    for arguments, right in ((("--date", "2030-01-01"), "a day up to"), (("--output", "s.csv"), "ends in .xlsx")):
        with pytest.raises(BadInput, match=right):
            CliRunner().invoke(app, ["segregation", *arguments], catch_exceptions=False)
