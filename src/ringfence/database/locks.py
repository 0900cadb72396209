"""Locks of the database that are held for longer than a transaction, by name: they end with whoever has them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg


@contextlib.contextmanager
def locked(connection: psycopg.Connection[Any], name: str, *, shared: bool = False) -> Iterator[None]:
    """Wait for the lock of that name, and have it: alone, or `shared` with others who share it."""
    kind = "_shared" if shared else ""
    connection.execute(f"SELECT pg_advisory_lock{kind}(hashtextextended(%s, 0))".encode(), (name,))
    try:
        yield
    finally:
        # With the connection the lock is gone too.
        with contextlib.suppress(psycopg.OperationalError):
            connection.execute(f"SELECT pg_advisory_unlock{kind}(hashtextextended(%s, 0))".encode(), (name,))
