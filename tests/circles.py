"""A small circle for the tests: two banks, two members, four clients, and money on their bank accounts."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

from ringfence import ring
from ringfence.custody import Circle, Client, Deposit, Member, Transfers, create_circle
from ringfence.database import Store
from ringfence.ledger import Caps
from ringfence.margin.day_end import create_day_end

BANKS = ("bank_a", "bank_b")
MEMBERS = (Member("m1", "bank_a"), Member("m2", "bank_b"))
CLIENTS = {
    "m1-ann": Client("m1-ann", "m1", "bank_a", "6201-ann", "id-ann"),
    "m1-bo": Client("m1-bo", "m1", "bank_b", "6202-bo", "id-bo"),
    "m2-cy": Client("m2-cy", "m2", "bank_a", "6201-cy", "id-cy"),
    "m2-di": Client("m2-di", "m2", "bank_b", "6202-di", "id-di"),
}
DAY = datetime.date(2020, 3, 6)
BROUGHT_MINOR = 100_000_00
LIMIT_MINOR = 50_000_00
FEES_MINOR = 100_000_00


def make_circle(store: Store) -> None:
    """Declare the ring's books, register everybody and let 100,000 CNY reach every client's bank account."""
    create_circle(store, ring.load("sge"), BANKS)
    create_day_end(store)
    with Circle(store, BANKS) as circle:
        circle.register(MEMBERS, CLIENTS.values())
        circle.open_day(DAY)
        circle.limit("withdrawal", Caps(per_item_minor=LIMIT_MINOR))
        circle.limit("fee", Caps(per_day_minor=FEES_MINOR))
        circle.limit("left-over", Caps(per_day_minor=100))
        refused = circle.arrive(DAY, {f"arrival:{name}": (name, BROUGHT_MINOR) for name in CLIENTS})
    assert refused == []


@contextmanager
def opened(store: Store) -> Iterator[tuple[Circle, Transfers]]:
    """The circle and its transfers."""
    with Circle(store, BANKS) as circle:
        yield circle, Transfers(circle)


def pay_in(circle: Circle, key: str, client: str, amount_minor: int) -> None:
    """Pay in from the client's registered account; it must not be refused."""
    deposit = Deposit(key, client, amount_minor, CLIENTS[client].account_number)
    assert circle.deposit(DAY, [deposit]) == []
