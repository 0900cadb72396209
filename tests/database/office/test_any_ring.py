"""Any ring has an office: what a store keeps, papers that are parted, and every ring that ships with the package."""

from __future__ import annotations

import datetime
from importlib import resources

import pytest

from offices import DAY, RING
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.office import Asked, Desk, NewClient, NoOffice, Office, OtherRing, Seat, equation, tasks, verify_office
from ringfence.ring import Answers, load, new_ring, parse


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
