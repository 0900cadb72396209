"""A ring of one's own for the tests: a bank, a platform that keeps who is owed what, an app in the middle, and Ann and Bob."""

from __future__ import annotations

import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.custody.requests import public_half
from ringfence.database import Store
from ringfence.ledger import Caps
from ringfence.money import parse, unit
from ringfence.office import Asked, Desk, NewClient, Office, Seat, Way
from ringfence.office.wishes import words
from ringfence.ring import Answers, new_ring

DAY = datetime.date(2026, 11, 26)
RING = new_ring(Answers("app", "App", "app", "platform", "EUR", True, 0))
TELLER, BANK_CLERK = Seat("bank", "teller"), Seat("bank", "clerk")
CLERK, OFFICER, LINK = Seat("platform", "clerk"), Seat("platform", "officer"), Seat("platform", "link")
ANN = NewClient("ann", "Ann", "passport X1", "DE01")
BOB = NewClient("bob", "Bob", "passport X2", "DE02")


KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ("ann", "bob")}
WITHDRAWAL = Way("platform", "withdrawal", "audit")


def wanted(client: str, amount: str, nonce: str, by: str = "") -> dict[str, str]:
    """A wish as it is asked for over HTTP, signed by the client or by somebody else."""
    said = words(
        "app", WITHDRAWAL, client, "EUR", parse(amount, unit("EUR")), {"ann": "DE01", "bob": "DE02"}[client], nonce
    )
    key = KEYS[by or client]
    return {
        "book": "platform", "route": "withdrawal", "amount": amount, "public_key": public_half(key).hex(), "signature": key.sign(said).hex(),
    }  # fmt: skip


def make_office(store: Store) -> None:
    """Make the books, register both in each, confirm their accounts, and let the clerk go up to 1,000.00 at a time."""
    desk = Desk(Office.found(store, RING, "app", DAY))
    for book in ("bank", "platform"):
        for client in (ANN, BOB):
            desk.register(Seat(book, "registrar"), book, client)
            desk.confirm(Seat(book, "intake"), book, client)
    for client in (ANN, BOB):
        desk.register_key(Seat("platform", "registrar"), "platform", client.name, public_half(KEYS[client.name]).hex())
    desk.limit(OFFICER, "platform", "withdrawal", Caps(per_item_minor=1_000_00))
    desk.limit(OFFICER, "platform", "fee", Caps(per_day_minor=50_00))


def arrive(desk: Desk, amount_minor: int, client: str = "ann") -> None:
    """Let money reach a client's bank account, and go from there into the circle; the platform has not booked it yet."""
    for route, paper in (("arrival", "payment-in"), ("deposit", "client-order")):
        outcome = desk.ask(TELLER, Asked("bank", route, amount_minor, client, said={paper: "no. 1"}))
        assert outcome.refusal is None, outcome.refusal
