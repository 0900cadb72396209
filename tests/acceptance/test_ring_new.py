"""`ringfence ring new`: a few answers, and a ring that is closed, commented, and carries a day on real books."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from acceptance.test_rings_of_today import figures, live
from ringfence import ring
from ringfence.attack.books import DAY
from ringfence.attack.world import World
from ringfence.cli import app
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ring import Answers, new_ring

GIVEN = ("--name", "app", "--title", "Payment app", "--intermediary", "app", "--currency", "EUR", "--days", "2")
# V pays in 1,000 and X 500, X pays 10 in fees, V is paid 300: 1,190 are left, 700 and 490.
DAYS = {
    "bank": """
        bank.arrival - 1000, records.credit V 1000, bank.arrival - 500, records.credit X 500
        records.fee X 10, bank.fees - 10, records.fees-paid - 10
        +records.withdrawal V 300, bank.payment - 300, =records.withdrawal
    """,
    "platform": """
        bank.arrival V 1000, bank.deposit V 1000, platform.deposit V 1000
        bank.arrival X 500, bank.deposit X 500, platform.deposit X 500
        platform.fee X 10, +platform.fee-payout - 10, bank.fee-payout - 10, =platform.fee-payout
        +platform.withdrawal V 300, bank.withdrawal V 300, =platform.withdrawal
    """,
}


def run(file: Path, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(app, ["ring", "new", str(file), *arguments], input=said)


@pytest.mark.parametrize("keeper", ring.KEEPERS)
@pytest.mark.parametrize("fees", ["--fees", "--no-fees"])
def test_it_is_closed_and_every_line_is_explained(tmp_path: Path, keeper: str, fees: str) -> None:
    done = run(tmp_path / "app.toml", *GIVEN, "--keeper", keeper, fees)
    assert done.exit_code == 0, done.output
    assert "CLOSED: no app can take client money alone." in done.output
    text = (tmp_path / "app.toml").read_text("utf-8")
    assert text.startswith("# Payment app\n")
    assert "$" not in text
    assert "#[" not in text
    assert ("fee-schedule" in text) is (fees == "--fees")
    declared = ring.load(str(tmp_path / "app.toml"))
    assert {code for book in declared.books.values() for code in book.units} == {"EUR"}
    assert {book.cool_off_days for book in declared.books.values() if book.confirms} == {2}
    together = [found.persons for found in ring.decide(declared).takes]
    assert not any({"member"} <= persons <= {"member", "client X"} for persons in together)


@pytest.mark.parametrize("keeper", ring.KEEPERS)
def test_it_carries_a_day(store: Store, keeper: str) -> None:
    text = new_ring(Answers("app", "App", "app", "platform" if keeper == "platform" else "bank", "EUR", True, 0))
    with World(store, ring.parse(text, "app"), keeper) as world:
        live(world, DAYS[keeper])
        world.close_all()
        assert world.difference_minor() == 0
        [statement] = world.segregation(DAY)
    assert figures(statement) == (1190_00, 700_00, 490_00, 0, 0, 0)


def test_what_is_not_given_is_asked_and_has_an_answer_that_is_usual(tmp_path: Path) -> None:
    done = run(tmp_path / "mine.toml", "--language", "zh", said="\n\n经纪商\nplatform\n\ny\n\n")
    assert done.exit_code == 0, done.output
    assert "客户明细由谁登记" in done.output
    declared = ring.load(str(tmp_path / "mine.toml"))
    assert declared.ring.name == "mine"
    assert declared.parties["member"].title.zh == "经纪商"
    assert set(declared.books) == {"bank", "platform"}


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (("--name", "My Ring"), "lower-case letters"),
        (("--title", 'a "quoted" one'), "without quotes"),
        (("--keeper", "broker"), "one of bank, platform"),
        (("--currency", "AU9999"), "one of CNY"),
        (("--days", "999"), "0 to 366"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, arguments: tuple[str, ...], right: str
) -> None:
    given = (*GIVEN, "--keeper", "bank", "--fees", *arguments)
    done = run(tmp_path / "no.toml", *given)
    assert isinstance(done.exception, BadInput)
    assert right in str(done.exception)
    assert not (tmp_path / "no.toml").exists()


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine", "utf-8")
    assert "not there yet" in str(run(tmp_path / "mine.toml", *GIVEN).exception)
    assert (tmp_path / "mine.toml").read_text("utf-8") == "mine"
