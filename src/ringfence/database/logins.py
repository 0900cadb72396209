"""Connections by login, kept open between one use and the next: few for each, none for those that are not used.

Whoever reads gets a transaction that cannot write and sees one moment of the database.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from ringfence.database.errors import StoreUnreachable
from ringfence.database.store import Store

MOST_FOR_ONE = 4
_PATIENCE_S = 5.0
_IDLE_S = 60.0


class Logins:
    """The connections of one process to `store`, by login."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pools: dict[str, ConnectionPool[psycopg.Connection[Any]]] = {}
        self._making = threading.Lock()

    def __enter__(self) -> Logins:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close them all."""
        for pool in self._pools.values():
            pool.close()

    @contextlib.contextmanager
    def use(self, login: str) -> Iterator[psycopg.Connection[Any]]:
        """Use a connection of `login`, in autocommit. Errors: StoreUnreachable where none can be had within 5 seconds."""
        try:
            with self._pool(login).connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise StoreUnreachable(where=self._store.where, detail=" ".join(str(error).split())) from error

    @contextlib.contextmanager
    def reading(self, login: str, visit: str = "") -> Iterator[psycopg.Connection[Any]]:
        """Read through `login` in one transaction; where the login is shared by visitors, showing the token of a `visit`.

        Errors: as `use`.
        """
        with self.use(login) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if visit:
                connection.execute("SELECT set_config('ringfence.visit', %s, true)", (visit,))
            yield connection

    def _pool(self, login: str) -> ConnectionPool[psycopg.Connection[Any]]:
        with self._making:
            if login not in self._pools:
                self._pools[login] = ConnectionPool(
                    self._store.address(login),
                    kwargs={"autocommit": True},
                    min_size=0,
                    max_size=MOST_FOR_ONE,
                    timeout=_PATIENCE_S,
                    max_idle=_IDLE_S,
                    # Whoever asks next tries again; else a server that is back would be missed for as long as it was away.
                    reconnect_timeout=_PATIENCE_S,
                    check=ConnectionPool.check_connection,
                    name=login,
                    open=True,
                )
            return self._pools[login]
