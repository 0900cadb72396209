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
# In every book: the supervisor, who reads; the window, through which clients read what is theirs; and, where the ring lets somebody
# show clients, the onlooker, through which an intermediary reads its own.
SUPERVISOR, WINDOW, ONLOOKER = "supervisor", "window", "onlooker"


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


def let_clients_wish(administrator: psycopg.Connection[Any], ledger: str, book: str, registers: str) -> None:
    """Let the registrar of a book say with which key a client signs; and the window take wishes from the client whose visit is
    shown, for that client alone, under the key that is registered for it.
    """
    given = {
        "window": sql.Identifier(role(ledger, WINDOW)),
        "registrar": sql.Identifier(role(ledger, registers)),
        "policy": sql.Identifier(f"signed_{ledger}"),
        "before": sql.Identifier(f"clients_of_{ledger}"),
        "book": sql.Literal(book),
        "ledger": sql.Identifier(ledger),
    }
    for statement in _GRANTED.split(";"):
        administrator.execute(sql.SQL(statement).format(**given))
    if not administrator.execute("SELECT FROM pg_policies WHERE policyname = %s", (f"signed_{ledger}",)).rowcount:
        for statement in _POLICIES.split(";"):
            administrator.execute(sql.SQL(statement).format(**given))


_GRANTED = """
    GRANT USAGE ON SCHEMA ringfence_office TO {window}, {registrar};
    GRANT SELECT ON ringfence_office.wish, ringfence_office.declined, ringfence_office.client_key TO {window};
    GRANT INSERT (client, book, route, proof, unit, amount, payee, key, public_key, signature) ON ringfence_office.wish TO {window};
    GRANT SELECT, INSERT (book, client, public_key) ON ringfence_office.client_key TO {registrar}
"""
# Whom a login sees among the parties, the ledger says: the window its visitor, the registrar everybody.
_POLICIES = """
    DROP POLICY IF EXISTS {before} ON ringfence_office.wish;
    DROP POLICY IF EXISTS {before} ON ringfence_office.declined;
    CREATE POLICY {policy} ON ringfence_office.client_key TO {window}, {registrar}
    USING (book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client'))
    WITH CHECK (book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client'));
    CREATE POLICY {policy} ON ringfence_office.wish TO {window}
    USING (book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client'))
    WITH CHECK (book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client')
        AND public_key = (SELECT k.public_key FROM ringfence_office.client_key AS k
            WHERE k.book = wish.book AND k.client = wish.client ORDER BY k.id DESC LIMIT 1));
    CREATE POLICY {policy} ON ringfence_office.declined FOR SELECT TO {window}
    USING (wish IN (SELECT id FROM ringfence_office.wish))
"""
