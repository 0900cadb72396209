"""Migrations: applied once, in order, as the owner; refused when the ledger is newer or the text was changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ringfence.database import (
    SchemaChanged,
    SchemaNewer,
    SqlFile,
    Store,
    drop_ledger,
    ledgers,
    migrate_ledger,
    migration_level,
)
from ringfence.errors import BadInput

LEDGER = "harbour"
OWNER = "ringfence_harbour_owner"
FIRST = SqlFile("0001_crates.sql", "CREATE TABLE {ledger}.crates (crate integer PRIMARY KEY, tags jsonb DEFAULT '{}');")
SECOND = SqlFile("0002_weights.sql", "ALTER TABLE {ledger}.crates ADD weight integer;")
BROKEN = SqlFile("0002_weights.sql", "ALTER TABLE {ledger}.crates ADD weight integer; SELECT 1 / 0;")
COUNT = SqlFile(
    "010_count.sql",
    "CREATE OR REPLACE FUNCTION {ledger}.crates_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM crates';",
)


@pytest.fixture
def administrator(store: Store) -> Iterator[psycopg.Connection[Any]]:
    with store.connect() as connection:
        store.ensure_role(connection, OWNER, login=False)
        yield connection


def recorded(connection: psycopg.Connection[Any], ledger: str = LEDGER) -> list[tuple[int, str]]:
    return connection.execute(
        f"SELECT number, name FROM {ledger}.schema_migrations WHERE number > 0 ORDER BY number".encode()
    ).fetchall()


def test_migrations_are_applied_in_order_and_once(store: Store, administrator: psycopg.Connection[Any]) -> None:
    assert migrate_ledger(store, LEDGER, OWNER, [], [FIRST]) == ["0001_crates.sql"]
    assert migrate_ledger(store, LEDGER, OWNER, [], [FIRST, SECOND]) == ["0002_weights.sql"]
    assert migrate_ledger(store, LEDGER, OWNER, [], [FIRST, SECOND]) == []
    assert recorded(administrator) == [(1, "0001_crates.sql"), (2, "0002_weights.sql")]
    assert migration_level(administrator, LEDGER) == 2


def test_a_ledger_made_at_once_equals_one_made_in_steps(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST])
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST, SECOND])
    migrate_ledger(store, "quay", OWNER, [], [FIRST, SECOND])
    columns = (
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    )
    stepwise = administrator.execute(columns, (LEDGER, "crates")).fetchall()
    assert stepwise == administrator.execute(columns, ("quay", "crates")).fetchall()
    assert ("weight", "integer") in stepwise


def test_everything_belongs_to_the_owner(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [COUNT], [FIRST])
    owners = administrator.execute(
        "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = %(ledger)s UNION "
        "SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = %(ledger)s::regnamespace UNION "
        "SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = %(ledger)s::regnamespace",
        {"ledger": LEDGER},
    ).fetchall()
    assert owners == [(OWNER,)]


def test_only_the_placeholder_is_replaced(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST])
    administrator.execute("INSERT INTO harbour.crates (crate) VALUES (1)")
    assert administrator.execute("SELECT tags FROM harbour.crates").fetchall() == [({},)]


def test_functions_are_replaced_only_when_their_text_changes(
    store: Store, administrator: psycopg.Connection[Any]
) -> None:
    migrate_ledger(store, LEDGER, OWNER, [COUNT], [FIRST])
    assert migrate_ledger(store, LEDGER, OWNER, [COUNT], [FIRST]) == []
    doubled = COUNT._replace(text=COUNT.text.replace("count(*)", "2 * count(*)"))
    assert migrate_ledger(store, LEDGER, OWNER, [doubled], [FIRST]) == ["010_count.sql"]
    administrator.execute("INSERT INTO harbour.crates (crate) VALUES (1)")
    administrator.execute("SET search_path = harbour")
    assert administrator.execute("SELECT crates_count()").fetchall() == [(2,)]


def test_a_migration_that_fails_leaves_nothing(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST])
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate_ledger(store, LEDGER, OWNER, [], [FIRST, BROKEN])
    assert recorded(administrator) == [(1, "0001_crates.sql")]
    with pytest.raises(psycopg.errors.UndefinedColumn):
        administrator.execute("SELECT weight FROM harbour.crates")


def test_a_newer_ledger_is_refused_and_left_alone(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST, SECOND])
    with pytest.raises(SchemaNewer) as refused:
        migrate_ledger(store, LEDGER, OWNER, [COUNT], [FIRST])
    assert refused.value.code == "schema-newer"
    assert refused.value.figures == {"ledger": LEDGER, "found": 2, "known": 1}
    assert "migration 2" in str(refused.value)
    assert "upgrade ringfence" in str(refused.value)
    assert "请升级" in refused.value.text("zh")
    assert administrator.execute("SELECT to_regproc('harbour.crates_count')").fetchone() == (None,)


def test_a_changed_migration_is_refused_by_name(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST])
    with pytest.raises(SchemaChanged) as refused:
        migrate_ledger(store, LEDGER, OWNER, [], [FIRST._replace(text=FIRST.text + " "), SECOND])
    assert "0001_crates.sql" in str(refused.value)
    assert recorded(administrator) == [(1, "0001_crates.sql")]


@pytest.mark.usefixtures("administrator")
def test_a_name_that_is_no_schema_name_is_refused(store: Store) -> None:
    for ledger in ("", "Harbour", "1st", "har-bour", "x; DROP SCHEMA y", "café", "b" * 42, "harbour\n"):
        with pytest.raises(BadInput, match="ledger"):
            migrate_ledger(store, ledger, OWNER, [], [FIRST])


@pytest.mark.usefixtures("administrator")
def test_numbers_with_a_gap_are_refused(store: Store) -> None:
    for names in (["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["1_a.sql"], ["0001_A.sql"]):
        with pytest.raises(BadInput, match=names[-1]):
            migrate_ledger(store, LEDGER, OWNER, [], [SqlFile(name, "SELECT 1") for name in names])


def test_a_dropped_ledger_is_gone(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, LEDGER, OWNER, [], [FIRST])
    drop_ledger(administrator, LEDGER)
    drop_ledger(administrator, LEDGER)
    assert administrator.execute("SELECT to_regnamespace('harbour')").fetchone() == (None,)


def test_only_schemas_with_postings_are_ledgers(store: Store, administrator: psycopg.Connection[Any]) -> None:
    migrate_ledger(store, "shed", OWNER, [], [FIRST])
    migrate_ledger(
        store, LEDGER, OWNER, [], [SqlFile("0001_posting.sql", "CREATE TABLE {ledger}.posting (entry integer)")]
    )
    assert ledgers(administrator) == [LEDGER]


def test_several_that_migrate_at_once_take_turns(store: Store, administrator: psycopg.Connection[Any]) -> None:
    slow = FIRST._replace(text=FIRST.text + "SELECT pg_sleep(0.2);")
    start = threading.Barrier(4)

    def migrate(_: int) -> list[str]:
        start.wait()
        return migrate_ledger(store, LEDGER, OWNER, [COUNT], [slow, SECOND])

    with ThreadPoolExecutor(4) as pool:
        applied = sorted(pool.map(migrate, range(4)))
    assert applied == [[], [], [], ["0001_crates.sql", "0002_weights.sql", "010_count.sql"]]
    assert recorded(administrator) == [(1, "0001_crates.sql"), (2, "0002_weights.sql")]
