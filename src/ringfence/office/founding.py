"""The books of a ring made in a store: ledgers with every login, the institutions that the ring names, and their accounts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from ringfence.database import Store
from ringfence.ledger import AccountName, Ledger, Party, create_ledger, role
from ringfence.ring import Book, Ring

CLIENT, MEMBER, BANK = "client", "member", "bank"
LONGEST_NAME = 41
# Reads every book: what hands papers from one to another, the equation, whoever supervises. And what declines wishes.
READS_ALL, DECLINES = "ringfence_office_reads", "ringfence_office_declines"
# In every book: the supervisor, who reads; the window, through which clients read what is theirs.
SUPERVISOR, WINDOW = "supervisor", "window"


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


def let_clients_wish(administrator: psycopg.Connection[Any], ledger: str, book: str) -> None:
    """Let the window of a book take wishes, from the client whose visit is shown and for that client alone."""
    window, policy = sql.Identifier(role(ledger, WINDOW)), f"clients_of_{ledger}"
    administrator.execute(sql.SQL("GRANT USAGE ON SCHEMA ringfence_office TO {}").format(window))
    administrator.execute(
        sql.SQL("GRANT SELECT ON ringfence_office.wish, ringfence_office.declined TO {}").format(window)
    )
    administrator.execute(
        sql.SQL("GRANT INSERT (client, book, route, proof, unit, amount) ON ringfence_office.wish TO {}").format(window)
    )
    there = administrator.execute("SELECT FROM pg_policies WHERE policyname = %s", (policy,)).rowcount
    if not there:
        own = sql.SQL("book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client')").format(
            book=sql.Literal(book), ledger=sql.Identifier(ledger)
        )
        administrator.execute(
            sql.SQL("CREATE POLICY {} ON ringfence_office.wish TO {} USING ({own}) WITH CHECK ({own})").format(
                sql.Identifier(policy), window, own=own
            )
        )
        administrator.execute(
            sql.SQL(
                "CREATE POLICY {} ON ringfence_office.declined FOR SELECT TO {} USING (wish IN (SELECT id FROM ringfence_office.wish))"
            ).format(sql.Identifier(policy), window)
        )
