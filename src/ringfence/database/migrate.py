"""Migrations: numbered .sql files, applied to one ledger at a time and checked at every start.

A ledger is one schema with one owner. All ledgers have the same tables, so a migration is a template in which
`{ledger}` is the schema. Functions are not migrated but replaced: their files are applied again whenever their text has changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.database.errors import SchemaChanged, SchemaNewer
from ringfence.database.store import Store
from ringfence.errors import BadInput

_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_LEDGER = re.compile(r"[a-z][a-z0-9_]{0,40}")


class SqlFile(NamedTuple):
    """One .sql file of the package."""

    name: str
    text: str

    @property
    def number(self) -> int:
        return int(self.name[:4])

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def sql_files(package: str, folder: str) -> list[SqlFile]:
    """Read the .sql files in a folder of a package, in the order of their names."""
    found = [
        SqlFile(entry.name, entry.read_text("utf-8"))
        for entry in resources.files(package).joinpath(folder).iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


def migrations() -> list[SqlFile]:
    """The migrations of a ledger."""
    return sql_files("ringfence.database", "migrations")


def migrate_ledger(
    store: Store, ledger: str, owner: str, functions: Sequence[SqlFile], steps: Sequence[SqlFile] | None = None
) -> list[str]:
    """Bring the schema `ledger` up to this code and return the names of the files that were applied.

    `owner` must exist and will own everything. `steps` are numbered from 1 without a gap; the default is migrations().
    Raises BadInput for a name that cannot be used, SchemaNewer, SchemaChanged; then nothing is changed.
    """
    steps = migrations() if steps is None else steps
    _check_names(ledger, steps)
    replaced = hashlib.sha256("\0".join(file.text for file in functions).encode()).hexdigest()
    with store.connect() as connection, connection.transaction():
        # Two processes that start together take turns; this is not a posting.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"ringfence migrate {ledger}",))
        _make_schema(connection, ledger, owner)
        applied = dict(connection.execute("SELECT number, sha256 FROM schema_migrations WHERE number > 0").fetchall())
        if applied and max(applied) > len(steps):
            raise SchemaNewer(ledger=ledger, found=max(applied), known=len(steps))
        for step in steps:
            if applied.get(step.number, step.sha256) != step.sha256:
                raise SchemaChanged(ledger=ledger, number=step.number, name=step.name)
        done = [step for step in steps if step.number not in applied]
        for step in done:
            _apply(connection, ledger, step)
            _record(connection, step.number, step.name, step.sha256)
        row = connection.execute("SELECT sha256 FROM schema_migrations WHERE number = 0").fetchone()
        if done or row is None or row[0] != replaced:
            done = [*done, *functions]
            for file in functions:
                _apply(connection, ledger, file)
            _record(connection, 0, "functions", replaced)
    return [file.name for file in done]


def migration_level(connection: psycopg.Connection[Any], ledger: str) -> int:
    """The number of the last migration that was applied to `ledger`."""
    row = connection.execute(
        sql.SQL("SELECT max(number) FROM {}.schema_migrations").format(sql.Identifier(ledger))
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def ledgers(connection: psycopg.Connection[Any]) -> list[str]:
    """The ledgers in this database, by name: the schemas that have migrations and postings."""
    rows = connection.execute(
        "SELECT schemaname FROM pg_tables WHERE tablename IN ('schema_migrations', 'posting') "
        "GROUP BY schemaname HAVING count(*) = 2 ORDER BY schemaname"
    ).fetchall()
    return [name for (name,) in rows]


def drop_ledger(connection: psycopg.Connection[Any], ledger: str) -> None:
    """Forget a ledger and everything in it."""
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(ledger)))


def _check_names(ledger: str, steps: Sequence[SqlFile]) -> None:
    # The name is put into the text of the files, so it must be no more than a name.
    if not _LEDGER.fullmatch(ledger):
        raise BadInput("ledger", ledger, "at most 41 lower-case letters, digits and underscores, a letter first")
    for place, step in enumerate(steps, 1):
        if not _NAME.fullmatch(step.name) or step.number != place:
            raise BadInput("migration", step.name, f"{place:04d}_name.sql")


def _make_schema(connection: psycopg.Connection[Any], ledger: str, owner: str) -> None:
    schema, role = sql.Identifier(ledger), sql.Identifier(owner)
    if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (ledger,)).rowcount:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper").rowcount:
            # Only a member of the role may hand the schema to it.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
        connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, role))
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text NOT NULL, "
        "sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )


def _apply(connection: psycopg.Connection[Any], ledger: str, file: SqlFile) -> None:
    connection.execute(file.text.replace("{ledger}", ledger).encode())


def _record(connection: psycopg.Connection[Any], number: int, name: str, sha256: str) -> None:
    connection.execute(
        "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s) "
        "ON CONFLICT (number) DO UPDATE SET sha256 = excluded.sha256, applied_at = clock_timestamp()",
        (number, name, sha256),
    )
