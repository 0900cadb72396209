"""A ledger: one schema, one owner, one function that writes."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ringfence.database import Store, migrate_ledger, sql_files


def create_ledger(store: Store, ledger: str) -> None:
    """Make the schema `ledger` and its owner, or bring them up to this code. Errors: as migrate_ledger."""
    owner = f"ringfence_{ledger}_owner"
    with store.connect() as connection:
        store.ensure_role(connection, owner, login=False)
    migrate_ledger(
        store,
        ledger,
        owner,
        functions=sql_files("ringfence.ledger", "sql"),
        steps=sql_files("ringfence.ledger", "migrations"),
    )


def post(
    connection: psycopg.Connection[Any], ledger: str, *, key: str, debit: str, credit: str, amount_minor: int
) -> int:
    """Post `amount_minor` from the account named `debit` to the one named `credit`; return the posting's number."""
    call = sql.SQL("SELECT {}.post(%s, %s, %s, %s)").format(sql.Identifier(ledger))
    row = connection.execute(call, (key, debit, credit, amount_minor)).fetchone()
    assert row is not None
    return int(row[0])
