"""The attacks of the source on the models that it compares: the table of the specification must fall out of real books.

Expected cells are those of the study of the ring language, part 5 (Y: the firm alone, Y*: with a false reason, X: with a client
who lends its name, B: with the bank, <: inside a bound, -: not); which controls refuse in the exchange's circle, those of the
specification of the attacks.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringfence import ring
from ringfence.attack import ATTACKS, Row, as_rows, attack, scenarios, story, table
from ringfence.attack.plan import Planning
from ringfence.attack.run import Trying
from ringfence.attack.story import NotAsPlanned
from ringfence.attack.world import World
from ringfence.cli import app
from ringfence.custody import create_circle
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.office.founding import ledger_name

CELLS = {
    "S1": ("Y", "-", "-", "Y", "Y", "-", "-"),
    "S2": ("Y", "-", "-", "Y", "Y", "-", "-"),
    "S3": ("Y", "-", "-", "Y*", "Y*", "-", "-"),
    "S4": ("Y", "Y", "Y", "-", "-", "-", "-"),
    "S5": ("Y", "-", "-", "-", "-", "-", "-"),
    "F1": ("Y", "X", "X", "Y", "X", "X", "X<"),
    "F2": ("B", "-", "-", "B", "B", "-", "-"),
    "F3": ("Y", "-", "-", "Y", "Y", "-", "-"),
}
REFUSING = {
    "S1": {"K1", "K8"},
    "S2": {"K2"},
    "S3": {"K3", "K4"},
    "S4": {"K6"},
    "S5": {"K7"},
    "F2": {"K9"},
    "F3": {"K3"},
}
# The ten that we added, each with the control that the specification names for it, or that its rule stands on.
PARTICULAR = {
    "M1": "K10",
    "M2": "K4",
    "M3": "K2",
    "M4": "K8",
    "M5": "K13",
    "M6": "K3",
    "M7": "K5",
    "M8": "K8",
    "M9": "K5",
    "M10": "K4",
}
# Once one control is taken out, what goes through that did not.
TAKEN_OUT = {
    "K1": "S1",
    "K2": "S2",
    "K3": "S3 F1 F3 M6",
    "K4": "F1",
    "K5": "M2 M7",
    "K6": "F1",
    "K7": "S5",
    "K8": "S1 F1 M4",
    "K9": "F2",
    "K10": "M1",
    "K12": "M2",
    "K14": "S4",
}
LETTER = {"alone": "Y", "reason": "Y*", "mule": "X", "bank": "B", None: "-"}


def cell(row: Row) -> str:
    return LETTER[row.help] + ("<" if row.bounds else "")


@pytest.mark.parametrize("name", ring.MODELS)
def test_the_table_of_the_specification_falls_out(store: Store, name: str) -> None:
    place = ring.MODELS.index(name)
    rows = {one: attack(store, ring.load(name), one) for one in CELLS}
    assert {one: cell(row) for one, row in rows.items()} == {one: cells[place] for one, cells in CELLS.items()}
    if name == "sge":
        _refused_by_what_is_there_for_it(rows)


def _refused_by_what_is_there_for_it(rows: dict[str, Row]) -> None:
    for name, controls in REFUSING.items():
        assert rows[name].outcome == "refused"
        assert controls <= set(rows[name].controls), name
        assert rows[name].difference_minor == 0
    # What is left is bounded and seen: trades inside the band, by the officer's watch.
    assert rows["F1"].outcome == "detected"
    assert rows["F1"].bounds == ("within price-band",)
    assert rows["F1"].shown == ("watch",)
    assert rows["F1"].difference_minor == 0


@pytest.mark.parametrize("name", [name for name in PARTICULAR if name != "M5"])
def test_what_we_added_is_refused_in_the_exchanges_circle(store: Store, name: str) -> None:
    row = attack(store, ring.load("sge"), name)
    assert row.outcome == "refused", story(row)
    assert PARTICULAR[name] in row.controls
    assert row.difference_minor == 0


@pytest.mark.parametrize("control", TAKEN_OUT)
def test_no_control_is_decorative(store: Store, control: str) -> None:
    """Each alone taken out - from the declaration, the kernel's SQL, or whom the exchange believes - lets something through."""
    declared, missing = ring.load("sge", control), ring.left_out("sge", control)
    for name in TAKEN_OUT[control].split():
        row = attack(store, declared, name, left_out=missing)
        assert row.outcome in ("through", "detected"), story(row)
        assert row.bounds == ()


def test_all_controls_are_taken_out_but_those_that_wait_for_a_part(store: Store) -> None:
    waiting = {"K11", "K13"}
    assert set(TAKEN_OUT) == set(ring.controls_taken_out("sge")) == set(ring.load("sge").controls) - waiting
    with pytest.raises(BadInput, match="waits for the member's feed"):
        attack(store, ring.load("sge"), "M5")


def test_an_attack_makes_no_second_exchange_beside_a_real_one(store: Store) -> None:
    create_circle(store, ring.load("sge"), ("bank_a",))
    with pytest.raises(BadInput, match="one without an exchange"):
        attack(store, ring.load("sge"), "M1")


def test_only_lines_that_are_in_the_kernel_can_be_left_out(store: Store) -> None:
    with pytest.raises(BadInput, match="a line that stands in the kernel once"):
        attack(store, ring.load("sge"), "M2", left_out=["WHEN pigs fly"])


def test_what_has_no_meaning_is_told_apart_from_what_is_refused(store: Store) -> None:
    """No list of claims where the money is in the client's own bank account; no pool; no assets in futures."""
    for name, one in (("yzt", "S1"), ("yqt", "S3"), ("680", "F2"), ("fb", "S4"), ("yqt", "S5")):
        assert attack(store, ring.load(name), one).outcome == "no-meaning"
    refused = attack(store, ring.load("fb"), "S5")
    assert refused.outcome == "refused"
    assert any("bank-paid" in told.en for told in refused.story)


def test_the_money_is_really_gone(store: Store) -> None:
    """Read off the books again, by nobody who carried it out: the clients' account at the bank has lost what was ordered."""
    declared = ring.load("old")
    attack(store, declared, "S3", prefix="gone")
    taken = int(scenarios()["S3"].amount * 100)
    with store.connect() as administrator:
        left = administrator.execute("SELECT kind, balance FROM r_gone_s3_bank.balances WHERE balance <> 0").fetchall()
    # One hundred million came in; what was taken is the firm's own now, or outside.
    assert dict(left)["client-money"] == 100_000_000_00 - taken
    assert dict(left).get("own-money", taken) == taken
    assert sum(balance for _, balance in left) == 0


def test_a_story_says_who_did_what_with_which_paper_and_who_sees_it(store: Store) -> None:
    told = story(attack(store, ring.load("yzt"), "F1"))
    for words in ("trade-file made by member.trader", "bank.settler", "who is honest", "It is seen by own-account"):
        assert words in told.replace("\n    ", " ")
    assert "期货公司" not in story(attack(store, ring.load("sge"), "S2"), "en")
    assert "数据库不允许该登录记账" in story(attack(store, ring.load("sge"), "S2"), "zh").replace("\n    ", "")


def test_a_plan_that_the_books_do_not_let_through_is_not_called_a_success(store: Store) -> None:
    """The checker is shown a route between clients on which nothing is checked; the books are declared with the check."""
    text = (resources.files("ringfence.ring") / "rings" / "sge.toml").read_text("utf-8")
    given = """
[proofs.member-word]
says = { en = "", zh = "" }
names = ["payee", "amount"]
made_by = "member"
checked_by = "exchange.settlement"

[books.exchange.routes.given]
path = "client-cash > client-cash"
asks = "settlement"
relations = []
proofs = ["member-word"]
says = { en = "", zh = "" }

[books.exchange.routes.loss]"""
    believed = text.replace("\n[books.exchange.routes.loss]", given)
    true = believed.replace(
        'relations = []\nproofs = ["member-word"]', 'relations = ["same-client"]\nproofs = ["member-word"]'
    )
    planning = Planning(ring.parse(believed, "believed"))
    plan = planning.plan(scenarios()["F1"])
    assert plan is not None
    assert plan.steps[-1].route == "exchange.given"
    with World(store, ring.parse(true, "true"), "true") as world:
        world.fill()
        trying = Trying(world, planning, "F1", scenarios()["F1"])
        with pytest.raises(NotAsPlanned, match="given \\(client\\)"):
            trying.carry_out(plan)


def test_the_command_prints_the_table_and_writes_a_row_for_each(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["attack", "--ring", "old", "--ring", "sge", "--attack", "S3", "--json", str(tmp_path / "rows.json")]
    )
    assert done.exit_code == 0, done.output
    assert "Paid straight from the clients' account at the bank" in done.output
    written = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert [(row["ring"], row["attack"], row["outcome"]) for row in written] == [
        ("old", "S3", "through"),
        ("sge", "S3", "refused"),
    ]
    assert written[0].keys() >= {"ring", "attack", "outcome", "control", "step", "story"}
    assert written[1]["control"] == "K1 K3 K4"


def test_the_command_takes_a_control_out_and_tells_what_waits() -> None:
    done = CliRunner().invoke(app, ["attack", "--without", "K3", "--attack", "S3", "--language", "zh"])
    assert done.exit_code == 0, done.output
    assert "through Y" in done.output
    assert "尚待" in done.output


def test_an_attack_or_a_control_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="one of S1, S2"):
        CliRunner().invoke(app, ["attack", "--attack", "S9"], catch_exceptions=False)
    with pytest.raises(BadInput, match="one of K1, K2"):
        CliRunner().invoke(app, ["attack", "--without", "K99"], catch_exceptions=False)


def test_all_attacks_are_told_in_both_languages_with_the_words_of_the_source() -> None:
    assert (*CELLS, *(name for name in PARTICULAR if name != "M5")) == ATTACKS
    assert [name for name, one in scenarios().items() if one.waits_for] == ["M5"]
    for scenario in scenarios().values():
        for words in (scenario.title, scenario.actor, scenario.steps, scenario.expected, scenario.detected):
            assert words.en
            assert words.zh


def test_the_books_of_a_ring_with_a_long_name_stay_apart() -> None:
    names = [ledger_name("my-payment-app-of-the-year-2026_S1", book) for book in ("bank", "records", "exchange")]
    assert len(set(names)) == 3
    assert all(len(name) <= 41 and name.startswith("r_my_payment_app") for name in names)
    assert ledger_name("sge_S1", "bank") == "r_sge_s1_bank"


def test_the_table_has_a_row_for_each_attack_and_a_column_for_each_ring() -> None:
    rows = [
        Row("old", "S1", "through", (), "", (), "alone"),
        Row("sge", "S1", "refused", ("K1", "K8"), "", ()),
        Row("sge", "F1", "detected", (), "", (), "mule", ("within price-band",), ("watch",)),
        Row("old", "F1", "no-meaning", (), "", ()),
    ]
    lines = table(rows).splitlines()
    assert lines[0].split()[:3] == ["attack", "old", "sge"]
    assert lines[1].split()[:5] == ["S1", "Y", "-", "K1", "K8"]
    assert lines[2].split()[:3] == ["F1", ".", "X<!"]
    assert as_rows(rows)[2]["with"] == "mule"


@pytest.mark.parametrize("page", ["README.md", "docs/concepts/models.md"])
def test_the_table_in_the_documentation_is_that_of_the_specification(page: str) -> None:
    lines = (Path(__file__).parents[2] / page).read_text("utf-8").splitlines()
    head = next(n for n, line in enumerate(lines) if line.split()[:2] == ["attack", "old"])
    assert lines[head].split()[1:] == list(ring.MODELS)
    for line in lines[head + 1 : head + 9]:
        name, *cells = line.split()
        assert [cell.rstrip("!").replace(".", "-") for cell in cells[:7]] == list(CELLS[name])
