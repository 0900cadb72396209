"""A ring of one's own, lived through at its desks: money in, a fee, money out, and what must not be. All figures added up by hand."""

from __future__ import annotations

import datetime
from importlib import resources

import psycopg
import pytest

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Action, Caps, Control, Instruction, Ledger
from ringfence.office import Asked, Desk, NoOffice, NotYours, Office, OtherRing, Seat, equation, tasks, verify_office
from ringfence.office.desk import NewClient
from ringfence.office.readings import statement
from ringfence.ring import Answers, load, new_ring
from ringfence.ring.reading import parse

DAY = datetime.date(2026, 11, 26)
RING = new_ring(Answers("app", "App", "app", "platform", "EUR", True, 0))
TELLER, BANK_CLERK = Seat("bank", "teller"), Seat("bank", "clerk")
CLERK, OFFICER, LINK = Seat("platform", "clerk"), Seat("platform", "officer"), Seat("platform", "link")
ANN = NewClient("ann", "Ann", "passport X1", "DE01")


@pytest.fixture
def desk(store: Store) -> Desk:
    """The ring's books, with Ann in both of them, her account confirmed, and the clerk let go up to 1,000.00 at a time."""
    made = Desk(Office.found(store, RING, "app", DAY))
    for book in ("bank", "platform"):
        made.register(Seat(book, "registrar"), book, ANN)
        made.confirm(Seat(book, "intake"), book, ANN)
    made.limit(OFFICER, "platform", "withdrawal", Caps(per_item_minor=1_000_00))
    made.limit(OFFICER, "platform", "fee", Caps(per_day_minor=50_00))
    return made


def pay_in(desk: Desk, amount_minor: int) -> None:
    for route, paper in (("arrival", "payment-in"), ("deposit", "client-order")):
        outcome = desk.ask(TELLER, Asked("bank", route, amount_minor, "ann", said={paper: "no. 1"}))
        assert outcome.refusal is None, outcome.refusal
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
    for wrong, match in ((Asked("platform", "deposit", 50_01, paper=("bank.deposit", task.paper.number)), "all that the paper says"),
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
        desk.register(Seat("platform", "registrar"), "bank", NewClient("bob", "", "passport B", "DE02"))
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


def test_a_store_keeps_one_ring_and_what_it_was_declared_with(store: Store) -> None:
    with pytest.raises(NoOffice):
        Office.kept(store)
    office = Office.found(store, RING, "app", DAY)
    assert Office.kept(store).ring == office.ring
    assert office.day("bank") == DAY
    # The same again changes nothing; other words are taken; other books are not.
    Office.found(store, RING, "app", DAY + datetime.timedelta(days=1))
    assert office.day("bank") == DAY
    said = RING.replace("what a client sees of its own account", "what the client sees of its account")
    Office.found(store, said, "app", DAY)
    assert Office.kept(store).ring == parse(said, "app")
    for other in (
        RING.replace("back_days = 5", "back_days = 6"),
        new_ring(Answers("shop", "Shop", "shop", "bank", "EUR", False, 0)),
    ):
        with pytest.raises(OtherRing):
            Office.found(store, other, "other", DAY)


def built_in(name: str) -> str:
    return (resources.files("ringfence.ring") / "rings" / f"{name}.toml").read_text("utf-8")


def test_one_arrival_for_several_customers_is_parted_and_no_more(store: Store) -> None:
    """The book of the bank's account does not know customers: what came in is several ones'."""
    fbo = Desk(Office.found(store, built_in("fbo"), "fbo", DAY))
    for name, number in (("ann", "US01"), ("bob", "US02")):
        client = NewClient(name, "", f"passport {name}", number)
        fbo.register(Seat("bank", "registrar"), "records", client)
        fbo.confirm(Seat("bank", "intake"), "records", client)
    teller, booker = Seat("bank", "teller"), Seat("bank", "booker")
    came = fbo.ask(teller, Asked("bank", "arrival", 1_000_00, said={"payment-in": "wire 1"}))
    assert came.posting is not None
    paper = ("bank.arrival", came.posting)

    def credit(client: str, amount_minor: int | None) -> object:
        return fbo.ask(booker, Asked("records", "credit", amount_minor, client, paper=paper)).refusal

    assert credit("ann", 600_00) is None
    with pytest.raises(BadInput, match="no more than the paper has left"):
        credit("bob", 400_01)
    [task] = tasks(fbo.office, booker)
    assert task.paper is not None
    assert (task.paper.amount_minor, task.paper.rest_minor) == (1_000_00, 400_00)
    assert equation(fbo.office)[0].transit_minor == 400_00
    assert credit("bob", None) is None
    assert tasks(fbo.office, booker) == []
    assert [pair.difference_minor for pair in equation(fbo.office)] == [0]
    assert verify_office(fbo.office).ok


@pytest.mark.parametrize(
    "name", ["old", "yzt", "680", "fb", "n9", "yqt", "sge", "third-party", "futures", "cass7", "sebi"]
)
def test_every_built_in_ring_has_an_office(store: Store, name: str) -> None:
    office = Office.found(store, built_in(name), name, DAY)
    assert office.seats()
    assert all(tasks(office, seat) == [] for seat in office.seats())
    assert all(pair.difference_minor == 0 for pair in equation(office))
    assert verify_office(office).ok
    assert load(name) == office.ring


def test_the_window_reads_nothing_without_a_visit(desk: Desk) -> None:
    pay_in(desk, 100_00)
    with Ledger(desk.office.store, desk.office.names["platform"], "window") as window:
        assert window.rows("SELECT * FROM {}.balances") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            window.rows("SELECT {}.open_day(%s)", (DAY,))
