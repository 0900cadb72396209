"""Looking back: what was short at instants of the past, and what only looked so."""

from __future__ import annotations

import datetime
import json

import pytest
from typer.testing import CliRunner

from circles import BANKS, CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.custody import EXCHANGE, Circle, Withdrawal
from ringfence.custody.history import (
    Instant,
    at_random_instants,
    circle_pairs,
    history,
    least_of_each_month,
    not_passed_on,
)
from ringfence.database import Store
from ringfence.ledger import Instruction, Ledger

pytestmark = pytest.mark.ledgers.with_args(make_circle)


def lived(store: Store, bank: str = "bank_a") -> list[Instant]:
    pair = next(pair for pair in circle_pairs(BANKS) if pair.book == bank)
    with Ledger(store, bank, "auditor") as book, Ledger(store, EXCHANGE, "auditor") as exchange:
        return history({bank: book.connection, EXCHANGE: exchange.connection}, pair)


def credit_nobody_paid_in(circle: Circle, amount_minor: int) -> None:
    link = circle.link
    path = (link.account("bank-cash", "bank_a"), link.account("client-cash", "m1-ann"))
    made_up = Instruction(
        "made-up", "deposit", "m1-ann", path, amount_minor, DAY, payee=CLIENTS["m1-ann"].account_number
    )
    ((last,),) = circle.bank_clerk["bank_a"].rows("SELECT batch FROM {}.head")
    assert link.post([made_up], ("bank_a", last + 1)).refusals == []


def test_what_is_paid_in_and_out_is_never_short(store: Store) -> None:
    with opened(store) as (circle, transfers):
        pay_in(circle, "in", "m1-ann", 50_000_00)
        asked = Withdrawal("out", "m1-ann", 20_000_00, CLIENTS["m1-ann"].account_number)
        assert transfers.withdraw(DAY, [asked], {"m1-ann": 20_000_00}) == []
    instants = lived(store)
    # In at the bank, booked; held; paid by the bank while the exchange still holds it; posted.
    assert [(i.held_minor, i.owed_minor, i.on_its_way_minor) for i in instants] == [
        (50_000_00, 0, 0),
        (50_000_00, 50_000_00, 0),
        (50_000_00, 50_000_00, 20_000_00),
        (30_000_00, 50_000_00, 20_000_00),
        (30_000_00, 30_000_00, 0),
    ]
    assert {i.short_minor for i in instants} == {0}
    assert at_random_instants(instants, "any", 50) == []
    assert not_passed_on(instants) == []
    [least] = least_of_each_month(instants)
    assert (least.month, least.day, least.held_minor, least.short_minor) == ("2020-03", DAY, 30_000_00, 0)


def test_what_no_bank_has_is_found(store: Store) -> None:
    with opened(store) as (circle, _):
        pay_in(circle, "in", "m1-ann", 50_000_00)
        credit_nobody_paid_in(circle, 8_000_00)
    instants = lived(store)
    assert [i.short_minor for i in instants] == [0, 0, 8_000_00]
    assert at_random_instants(instants, "any", 50)[0].short_minor == 8_000_00
    [least] = least_of_each_month(instants)
    assert least.short_minor == 8_000_00
    assert {i.short_minor for i in lived(store, "bank_b")} <= {0}


def instant(day: int, number: int, short: int = 0) -> Instant:
    at = datetime.datetime(2020, 3, day, 9, 0, tzinfo=datetime.UTC) + datetime.timedelta(seconds=number)
    return Instant(at, at.date(), "bank", 100 - short, 100, 0, 0)


def test_every_day_is_as_likely_as_another_and_the_secret_alone_decides() -> None:
    """A day with one commit beside one with nine hundred: half of the looks fall on it."""
    instants = [instant(2, 0, short=1), *(instant(3, n) for n in range(900))]
    assert len(at_random_instants(instants, "a", 20)) == 1
    hits = sum(bool(at_random_instants(instants, f"secret {n}", 1)) for n in range(400))
    assert 150 < hits < 250
    assert at_random_instants(instants, "a", 5) == at_random_instants(instants, "a", 5)
    assert at_random_instants([], "a", 5) == []


def test_the_worst_of_a_month_is_what_was_short_most_then_what_was_least() -> None:
    march = [instant(2, 0), instant(2, 1, short=5), instant(3, 0, short=9), instant(4, 0)]
    assert [(least.month, least.day.day, least.short_minor) for least in least_of_each_month(march)] == [
        ("2020-03", 3, 9)
    ]


def test_the_command_tells_it_in_both_languages_and_ends_with_1_where_something_was_short(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_ROLE_SECRET", "tests")
    with opened(store) as (circle, _):
        pay_in(circle, "in", "m1-ann", 50_000_00)
        fine = CliRunner().invoke(app, ["look-back", "--secret", "s", "--times", "5"])
        assert fine.exit_code == 0, fine.output
        assert "2020-03: least on 2020-03-06: 50,000.00 CNY held, 0.00 owed, 0.00 short" in fine.output
        assert "transit was never anything but zero" in fine.output
        credit_nobody_paid_in(circle, 8_000_00)
    short = CliRunner().invoke(app, ["look-back", "--times", "50", "--language", "zh"])
    assert short.exit_code == 1, short.output
    assert "短缺 8,000.00 CNY" in short.output
    figures = json.loads(CliRunner().invoke(app, ["look-back", "--secret", "s", "--json"]).output)
    assert figures["banks"][0]["months"][0]["short_minor"] == 8_000_00
    assert figures["sha256"] == "043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89"
