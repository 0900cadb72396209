"""A ring of one's own for the tests: a bank, a platform that keeps who is owed what, an app in the middle, and Ann and Bob."""

from __future__ import annotations

import datetime

from ringfence.database import Store
from ringfence.ledger import Caps
from ringfence.office import Asked, Desk, NewClient, Office, Seat
from ringfence.ring import Answers, new_ring

DAY = datetime.date(2026, 11, 26)
RING = new_ring(Answers("app", "App", "app", "platform", "EUR", True, 0))
TELLER, BANK_CLERK = Seat("bank", "teller"), Seat("bank", "clerk")
CLERK, OFFICER, LINK = Seat("platform", "clerk"), Seat("platform", "officer"), Seat("platform", "link")
ANN = NewClient("ann", "Ann", "passport X1", "DE01")
BOB = NewClient("bob", "Bob", "passport X2", "DE02")


def make_office(store: Store) -> None:
    """Make the books, register both in each, confirm their accounts, and let the clerk go up to 1,000.00 at a time."""
    desk = Desk(Office.found(store, RING, "app", DAY))
    for book in ("bank", "platform"):
        for client in (ANN, BOB):
            desk.register(Seat(book, "registrar"), book, client)
            desk.confirm(Seat(book, "intake"), book, client)
    desk.limit(OFFICER, "platform", "withdrawal", Caps(per_item_minor=1_000_00))
    desk.limit(OFFICER, "platform", "fee", Caps(per_day_minor=50_00))


def arrive(desk: Desk, amount_minor: int, client: str = "ann") -> None:
    """Let money reach a client's bank account, and go from there into the circle; the platform has not booked it yet."""
    for route, paper in (("arrival", "payment-in"), ("deposit", "client-order")):
        outcome = desk.ask(TELLER, Asked("bank", route, amount_minor, client, said={paper: "no. 1"}))
        assert outcome.refusal is None, outcome.refusal
