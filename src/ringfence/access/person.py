"""Persons: who may come in. Made and ended by whoever administers the store; nobody makes itself one."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import psycopg
from psycopg import sql

from ringfence.access.calls import READS, WRITES
from ringfence.access.password import kept, new_password
from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput, Language, RingfenceError

SCHEMA = "access"
LOGIN = "ringfence_access_door"
Role = Literal["exchange", "bank", "member", "client", "supervisor", "staff"]
ROLES: tuple[Role, ...] = get_args(Role)
# What a person of the exchange may do about withdrawals.
DUTIES = ("clerk", "officer")
_LONGEST_NAME = 100


class PersonTaken(RingfenceError):
    """There is, or was, somebody of that `name`."""

    code = "person-taken"
    template: ClassVar[dict[Language, str]] = {
        "en": "there is a person called {name!r}, or was one; names are not used again",
        "zh": "已有或曾有名为 {name!r} 的人员;名称不得重复使用",
    }


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the institution `party`; of a client, the party is the client.

    `duty` is about withdrawals at the exchange; of the staff of a ring of one's own, which of the party's persons it is.
    """

    name: str
    role: Role
    party: str
    duty: str | None = None
    ended: datetime.datetime | None = None


def create_access(store: Store, visits: Sequence[str]) -> None:
    """Make the tables of persons and sessions, and the login that reads them and opens visits in the ledgers `visits`.

    Errors: as migrate_ledger.
    """
    owner = "ringfence_access_owner"
    with store.connect() as administrator:
        store.ensure_role(administrator, owner, login=False)
        for login in (LOGIN, WRITES, READS):
            store.ensure_role(administrator, login, login=True)
        for ledger in visits:
            # One way in for everybody: the session of a client is also its visit to the books that know it.
            store.give_group(administrator, f"ringfence_{ledger}_admits", LOGIN)
    migrate_ledger(store, SCHEMA, owner, [], sql_files("ringfence.access", "migrations"))


class Persons:
    """The persons of a store, for whoever administers it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str, role: Role, party: str, duty: str | None = None) -> str:
        """Let somebody in from now on, and return the password, which is nowhere else.

        A person of the exchange may have one `duty`, one of the staff must. Errors: BadInput for a name, role or duty that cannot be used; PersonTaken.
        """
        if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
            raise BadInput("name", name, f"1 to {_LONGEST_NAME} characters that can be read, no blank at either end")
        if role not in ROLES:
            raise BadInput("role", role, f"one of {', '.join(ROLES)}")
        if role == "staff":
            if not duty:
                raise BadInput("duty", duty, "which of the party's persons it is, as the ring's file names it")
        elif duty is not None and (duty not in DUTIES or role != "exchange"):
            raise BadInput("duty", duty, f"for a person of the exchange, one of {', '.join(DUTIES)}; for others none")
        password = new_password()
        with self._store.connect() as administrator:
            try:
                administrator.execute(
                    "INSERT INTO access.person (name, role, party, duty, secret) VALUES (%s, %s, %s, %s, %s)",
                    (name, role, party, duty, kept(password)),
                )
            except psycopg.errors.UniqueViolation:
                raise PersonTaken(name=name) from None
        return password

    def end(self, name: str) -> None:
        """Let somebody in no more, and end its sessions. Errors: BadInput for a name that nobody has."""
        with self._store.connect() as administrator, administrator.transaction():
            ended = administrator.execute(
                "UPDATE access.person SET ended = clock_timestamp() WHERE name = %s AND ended IS NULL", (name,)
            )
            if not ended.rowcount:
                raise BadInput("name", name, "the name of a person who may come in")
            gone = administrator.execute("DELETE FROM access.session WHERE person = %s RETURNING digest", (name,))
            opened = administrator.execute(
                "SELECT n.nspname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.proname = 'dismiss'"
            ).fetchall()
            for (digest,) in gone.fetchall():
                for (ledger,) in opened:
                    administrator.execute(sql.SQL("SELECT {}.dismiss(%s)").format(sql.Identifier(ledger)), (digest,))

    def all(self) -> list[Person]:
        """Everybody who may come in, or might once, in the order in which they were made."""
        with self._store.connect() as administrator:
            rows = administrator.execute("SELECT name, role, party, duty, ended FROM access.person ORDER BY made, name")
            return [Person(*row) for row in rows.fetchall()]
