"""The record of every call, kept in the database: who asked what, from where, when, and how it was answered.

Calls are put down a few times a second, all that came meanwhile in one statement, so that nobody waits for it; whatever moves money
stands in the ledger besides. While the database is away the newest are kept, and how many were lost is said.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections import deque
from typing import Any, NamedTuple

import psycopg

from ringfence.custody.repeating import Repeating
from ringfence.database import Logins

WRITES = "ringfence_access_writes_calls"
READS = "ringfence_access_reads_calls"
LONGEST_PATH = 300
_EVERY_S = 0.25
_MOST_KEPT = 100_000

_log = logging.getLogger(__name__)


class Call(NamedTuple):
    """One call; `person` is None where nobody was known, `key` the Idempotency-Key of a write."""

    at: datetime.datetime
    person: str | None
    address: str
    method: str
    path: str
    status: int
    milliseconds: int
    key: str | None


class Calls:
    """The record of one process, written through a login that can do nothing else."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._waiting: deque[Call] = deque(maxlen=_MOST_KEPT)
        self._lost = 0
        self._turn = threading.Lock()
        self._thread = Repeating("ringfence calls", self._write, _EVERY_S, "calls are not recorded")

    def close(self) -> None:
        """Write what is there, and stop."""
        self._thread.close()

    def add(self, call: Call) -> None:
        """Remember a call; it is written within a quarter of a second."""
        with self._turn:
            self._lost += len(self._waiting) == _MOST_KEPT
            self._waiting.append(call)

    def _write(self) -> None:
        with self._turn:
            taken, self._waiting = self._waiting, deque(maxlen=_MOST_KEPT)
            lost, self._lost = self._lost, 0
        if lost:
            _log.critical("%s calls were not recorded: the database was away for too long", f"{lost:,}")
        if not taken:
            return
        try:
            with self._logins.use(WRITES) as connection, connection.cursor() as cursor:
                columns = "at, person, address, method, path, status, milliseconds, key"
                with cursor.copy(f"COPY access.call ({columns}) FROM STDIN".encode()) as copy:
                    for call in taken:
                        copy.write_row(call)
        except Exception:
            with self._turn:
                # What came meanwhile is newer.
                self._lost += max(0, len(taken) + len(self._waiting) - _MOST_KEPT)
                self._waiting = deque([*taken, *self._waiting], maxlen=_MOST_KEPT)
            raise


class Recorded(NamedTuple):
    """A call as it is recorded, under its number."""

    id: int
    call: Call


def recorded_calls(
    connection: psycopg.Connection[Any], *, person: str | None = None, before: int | None = None, limit: int = 50
) -> list[Recorded]:
    """The calls, of a `person` or of all, the newest first, from `before` that number on."""
    rows = connection.execute(
        """
        SELECT id, at, person, address, method, path, status, milliseconds, key FROM access.call
        WHERE (%(person)s::text IS NULL OR person = %(person)s) AND (%(before)s::bigint IS NULL OR id < %(before)s)
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {"person": person, "before": before, "limit": limit},
    ).fetchall()
    return [Recorded(row[0], Call(*row[1:])) for row in rows]
