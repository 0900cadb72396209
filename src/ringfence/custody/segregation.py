"""The segregation statement of a day: what is held for clients, what must be held for them, and what is over or missing.

    resource       what stands in the pools of clients' money, account by account
    requirement    client by client what it is owed; a client who owes is added back: nobody's debt offsets another's balance
    others         what else must be paid out of the pools: fees due, what waits for its owner, what rounding has left
    excess         resource - requirement - others

As it stood at the end of a booking day, as it was known then. Source: FCA CASS 7 (individual client balance method, negatives added
back), CFTC daily segregation statement; the same for any ring.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ringfence.ledger import KnownBalance, Ledger
from ringfence.money import UNITS
from ringfence.ring import Ring


class Held(NamedTuple):
    """A pool: in whose book, of which kind, in whose name, how much of the unit's minor part."""

    book: str
    kind: str
    owner: str
    amount_minor: int


class Owed(NamedTuple):
    """What a client is owed, and what it owes, as positive amounts in the unit's minor part."""

    client: str
    owed_minor: int
    owes_minor: int

    @property
    def balance_minor(self) -> int:
        """The two against each other, as the client sees it; not what must be held."""
        return self.owed_minor - self.owes_minor


class Other(NamedTuple):
    """What else the pools must pay: by the kind of account in which it stands."""

    book: str
    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Segregation:
    """The statement of a day in one currency."""

    day: datetime.date
    unit: str
    resources: tuple[Held, ...]
    clients: tuple[Owed, ...]
    others: tuple[Other, ...]

    @property
    def resource_minor(self) -> int:
        """All that is held."""
        return sum(held.amount_minor for held in self.resources)

    @property
    def requirement_minor(self) -> int:
        """All that clients are owed."""
        return sum(client.owed_minor for client in self.clients)

    @property
    def added_back_minor(self) -> int:
        """What clients owe, and which is not set off against what others are owed."""
        return sum(client.owes_minor for client in self.clients)

    @property
    def others_minor(self) -> int:
        """All that else must be paid."""
        return sum(other.amount_minor for other in self.others)

    @property
    def excess_minor(self) -> int:
        """What is over; negative where it is missing."""
        return self.resource_minor - self.requirement_minor - self.others_minor


def segregation(ring: Ring, books: Mapping[str, Sequence[Ledger]], day: datetime.date) -> list[Segregation]:
    """The statements of `day`, one for each currency; `books` are the ledgers that keep each book of the ring.

    Errors: BadInput for a day up to which a ledger has recorded nothing yet.
    """
    known = {
        name: [(ledger.name, balance) for ledger in ledgers for balance in ledger.balances_as_known(day, day)]
        for name, ledgers in books.items()
    }
    currencies = dict.fromkeys(code for book in ring.books.values() for code in book.units if UNITS[code].is_currency)
    return [_of(ring, known, day, code) for code in currencies]


_Known = Mapping[str, Iterable[tuple[str, KnownBalance]]]


def _of(ring: Ring, known: _Known, day: datetime.date, code: str) -> Segregation:
    resources, others = [], []
    clients: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, book in ring.books.items():
        for ledger, one in _in(known.get(name, ()), code):
            kind = book.kinds[one.account.kind]
            if not book.keeps_claims:
                if kind.circle:
                    resources.append(Held(ledger, one.account.kind, one.account.owner, one.balance_minor))
            elif kind.owner == "client":
                clients[one.account.owner][one.balance_minor < 0] += abs(one.balance_minor)
            elif kind.mirrors is None and one.balance_minor > 0 and book.knows_clients:
                others.append(Other(ledger, one.account.kind, one.balance_minor))
    owed = tuple(Owed(client, positive, negative) for client, (positive, negative) in sorted(clients.items()))
    return Segregation(day, code, tuple(resources), owed, tuple(others))


def _in(known: Iterable[tuple[str, KnownBalance]], code: str) -> Iterator[tuple[str, KnownBalance]]:
    return ((ledger, one) for ledger, one in known if one.account.unit == code)
