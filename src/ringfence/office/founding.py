"""The books of a ring made in a store: ledgers with every login, the institutions that the ring names, and their accounts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from ringfence.database import Store
from ringfence.ledger import AccountName, Ledger, Party, create_ledger
from ringfence.ring import Book, Ring

CLIENT, MEMBER, BANK = "client", "member", "bank"
LONGEST_NAME = 41


def ledger_name(prefix: str, book: str) -> str:
    """A name that the database takes; two long ones that begin alike stay two."""
    name = re.sub("[^a-z0-9_]", "_", f"r_{prefix}_{book}".lower())
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def create_books(store: Store, ring: Ring, names: Mapping[str, str]) -> None:
    """Make the ledger of every book under its name, or bring it up to this code. Errors: as create_ledger."""
    for book, declared in ring.books.items():
        create_ledger(store, names[book], declared.declaration())


def register_institutions(registrar: Ledger, ring: Ring, book: Book) -> None:
    """Register in a book every party of the ring but the clients, one of each, by the party's name, with its accounts there."""
    registrar.register(
        parties=[Party(party, party) for party in ring.parties if party != CLIENT],
        accounts=[
            (AccountName(kind, declared.owner, unit), None)
            for kind, declared in book.kinds.items()
            if declared.owner != CLIENT
            for unit in book.units_of(kind)
        ],
    )


def client_accounts(book: Book, client: str, number: str) -> Iterator[tuple[AccountName, str | None]]:
    """The accounts of a client in a book, where clients have any; its bank account has its `number`, where the money itself is."""
    kinds = [kind for kind, declared in book.kinds.items() if declared.owner == CLIENT]
    for kind in kinds:
        for unit in book.units_of(kind):
            known = kind == kinds[0] and unit == book.units[0] and not book.keeps_claims
            yield AccountName(kind, client, unit), number if known else None
