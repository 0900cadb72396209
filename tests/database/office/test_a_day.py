"""A ring of one's own, lived through at its desks: money in, a fee, money out, and what must not be. All figures added up by hand."""

from __future__ import annotations

import datetime

import psycopg
import pytest

from offices import BANK_CLERK, CLERK, DAY, LINK, TELLER, arrive, make_office
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Action, Caps, Control, Instruction, Ledger
from ringfence.office import (
    Asked,
    Desk,
    NewClient,
    NotYours,
    Office,
    Seat,
    equation,
    tasks,
    verify_office,
)
from ringfence.office.readings import statement

pytestmark = pytest.mark.ledgers.with_args(make_office)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(Office.kept(store))


def pay_in(desk: Desk, amount_minor: int) -> None:
    arrive(desk, amount_minor)
    [task] = tasks(desk.office, LINK)
    assert task.paper is not None
    assert (task.paper.client, task.paper.rest_minor, task.paper.unit) == ("ann", amount_minor, "EUR")
    assert desk.ask(LINK, Asked("platform", "deposit", paper=("bank.deposit", task.paper.number))).refusal is None


def test_money_comes_in_pays_a_fee_and_goes_out(desk: Desk) -> None:
    pay_in(desk, 1_000_00)
    fee = Asked("platform", "fee", 10_00, "ann", said={"fee-schedule": "of 2026"})
    assert desk.ask(CLERK, fee).refusal is None
    wish = Asked("platform", "withdrawal", 300_00, "ann", said={"audit": "order no. 7"})
    held = desk.ask(CLERK, wish)
    assert held.posting is not None
    # The link waits until the bank has paid; the bank's clerk sees what is held.
    [waiting] = tasks(desk.office, LINK)
    assert not waiting.ready
    [order] = tasks(desk.office, BANK_CLERK)
    assert order.paper is not None
    assert (order.route, order.paper.number) == ("withdrawal", held.posting)
    assert (
        desk.ask(BANK_CLERK, Asked("bank", "withdrawal", paper=("platform.withdrawal", held.posting))).refusal is None
    )
    # Paid, and not booked at the platform: so much is in transit, and nothing is missing.
    [pair] = equation(desk.office)
    assert (pair.held_minor, pair.said_minor, pair.transit_minor, pair.difference_minor) == (
        700_00,
        1_000_00,
        -300_00,
        0,
    )
    [ready] = tasks(desk.office, LINK)
    assert ready.ready
    assert desk.finish(LINK, Asked("platform", "withdrawal"), held.posting).refusal is None
    assert (tasks(desk.office, LINK), tasks(desk.office, BANK_CLERK)) == ([], [])
    [pair] = equation(desk.office)
    assert (pair.held_minor, pair.said_minor, pair.transit_minor) == (700_00, 700_00, 0)
    # 1,000 came, 300 went; 10 are fees due and 690 the client's.
    [read] = statement(desk.office, DAY)
    assert (read.resource_minor, read.requirement_minor, read.others_minor, read.excess_minor) == (
        700_00,
        690_00,
        10_00,
        0,
    )
    verdict = verify_office(desk.office)
    assert verdict.ok, verdict.findings
    assert verdict.postings == 7


def test_a_paper_is_used_once_and_says_how_much_for_whom(desk: Desk) -> None:
    pay_in(desk, 100_00)
    with desk.office.enter("bank", "auditor") as ledger:
        ((number,),) = ledger.rows("SELECT max(id) FROM {}.posting")
    with pytest.raises(BadInput, match="has not been used"):
        desk.ask(LINK, Asked("platform", "deposit", paper=("bank.deposit", number)))
    assert desk.ask(TELLER, Asked("bank", "arrival", 50_00, "ann", said={"payment-in": "no. 2"})).refusal is None
    assert desk.ask(TELLER, Asked("bank", "deposit", 50_00, "ann", said={"client-order": "no. 2"})).refusal is None
    [task] = tasks(desk.office, LINK)
    assert task.paper is not None
    for wrong, match in ((Asked("platform", "deposit", 49_99, paper=("bank.deposit", task.paper.number)), "all that the paper says"),
                         (Asked("platform", "deposit", 50_01, paper=("bank.deposit", task.paper.number)), "all that the paper says"),
                         (Asked("platform", "deposit", client="bob", paper=("bank.deposit", task.paper.number)), "as the paper says"),
                         (Asked("platform", "deposit", 50_00, "ann"), "has not been used")):  # fmt: skip
        with pytest.raises(BadInput, match=match):
            desk.ask(LINK, wrong)


def test_nobody_does_what_is_another_persons(desk: Desk) -> None:
    pay_in(desk, 100_00)
    with pytest.raises(NotYours, match=r"platform\.clerk"):
        desk.ask(LINK, Asked("platform", "withdrawal", 1_00, "ann"))
    with pytest.raises(NotYours, match=r"platform\.officer"):
        desk.limit(CLERK, "platform", "withdrawal", Caps(per_item_minor=1))
    with pytest.raises(NotYours, match=r"bank\.registrar"):
        desk.register(Seat("platform", "registrar"), "bank", NewClient("cy", "", "passport C", "DE03"))
    # What the desk would let through, the database refuses all the same: the officer's grant ends at 1,000.00.
    pay_in(desk, 5_000_00)
    refused = desk.ask(CLERK, Asked("platform", "withdrawal", 1_000_01, "ann", said={"audit": "no. 8"})).refusal
    assert refused is not None
    assert refused.control is Control.ITEM
    with pytest.raises(BadInput, match="which paper it was"):
        desk.ask(CLERK, Asked("platform", "withdrawal", 1_00, "ann"))


def test_a_hold_on_which_the_bank_has_paid_is_not_released(desk: Desk) -> None:
    pay_in(desk, 100_00)
    held = desk.ask(CLERK, Asked("platform", "withdrawal", 40_00, "ann", said={"audit": "no. 9"}))
    assert held.posting is not None
    desk.ask(BANK_CLERK, Asked("bank", "withdrawal", paper=("platform.withdrawal", held.posting)))
    with pytest.raises(BadInput, match="has not paid"):
        desk.finish(LINK, Asked("platform", "withdrawal"), held.posting, release=True)
    assert desk.finish(LINK, Asked("platform", "withdrawal"), held.posting).refusal is None
    another = desk.ask(CLERK, Asked("platform", "withdrawal", 60_00, "ann", said={"audit": "no. 10"}))
    assert another.posting is not None
    assert desk.finish(LINK, Asked("platform", "withdrawal"), another.posting, release=True).refusal is None
    assert tasks(desk.office, BANK_CLERK) == []


def test_what_comes_late_is_dated_as_at_the_bank_unless_that_day_is_closed(desk: Desk) -> None:
    arrive(desk, 100_00)
    arrive(desk, 200_00)
    first, second = tasks(desk.office, LINK)
    desk.open_day(LINK, "platform", DAY + datetime.timedelta(days=1))
    assert first.paper is not None
    assert second.paper is not None
    late = desk.ask(LINK, Asked("platform", "deposit", paper=first.paper.name))
    assert (late.refusal, late.instruction.value_date) == (None, DAY)
    desk.close_day(LINK, "platform")
    desk.open_day(LINK, "platform", DAY + datetime.timedelta(days=4))
    later = desk.ask(LINK, Asked("platform", "deposit", paper=second.paper.name))
    assert (later.refusal, later.instruction.value_date) == (None, DAY + datetime.timedelta(days=4))
    assert verify_office(desk.office).ok


def test_the_verifier_finds_what_stands_on_no_paper_and_what_says_otherwise(desk: Desk) -> None:
    """The link goes past its desk, with its own login and the ledger's own function."""
    pay_in(desk, 100_00)
    desk.ask(TELLER, Asked("bank", "arrival", 50_00, "ann", said={"payment-in": "no. 2"}))
    desk.ask(TELLER, Asked("bank", "deposit", 50_00, "ann", said={"client-order": "no. 2"}))
    [task] = tasks(desk.office, LINK)
    assert task.paper is not None
    with desk.office.enter("platform", "link") as ledger:
        path = (ledger.account("bank-cash", "bank", "EUR"), ledger.account("client-cash", "ann", "EUR"))
        for number, (key, amount) in enumerate((("from nowhere", 7_00), (task.paper.key("deposit"), 70_00)), 1):
            told = Instruction(key, "deposit", "ann", path, amount, DAY, Action.POST, payee="DE01")
            assert ledger.post([told], ("bank", 100 + number)).refusals == []
    verdict = verify_office(desk.office)
    assert sorted(finding.what for finding in verdict.findings) == [
        f"7000 on {task.paper.key('deposit')}, which says 5000",
        "it stands on no paper: its key is from nowhere",
    ]
    # 27.00 more is owed than is there: 7 out of nothing, 20 too much.
    assert [pair.difference_minor + pair.transit_minor for pair in verdict.pairs] == [-27_00]
    assert not verdict.ok


def test_the_verifier_finds_what_was_booked_to_another_client(desk: Desk) -> None:
    arrive(desk, 30_00)
    [task] = tasks(desk.office, LINK)
    assert task.paper is not None
    with desk.office.enter("platform", "link") as ledger:
        path = (ledger.account("bank-cash", "bank", "EUR"), ledger.account("client-cash", "bob", "EUR"))
        told = Instruction(task.paper.key("deposit"), "deposit", "bob", path, 30_00, DAY, Action.POST, payee="DE02")
        assert ledger.post([told], ("bank", 1)).refusals == []
    [finding] = verify_office(desk.office).findings
    assert finding.what == f"for bob on {task.paper.key('deposit')}, which is ann's"


def test_the_window_reads_nothing_without_a_visit(desk: Desk) -> None:
    pay_in(desk, 100_00)
    with Ledger(desk.office.store, desk.office.names["platform"], "window") as window:
        assert window.rows("SELECT * FROM {}.balances") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            window.rows("SELECT {}.open_day(%s)", (DAY,))
