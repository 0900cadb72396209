"""The tables of a ledger once more, for designs that are compared with it: same columns and indexes, nothing checked."""

from __future__ import annotations

from psycopg import sql

from ringfence.database import Store


def make_tables(store: Store, schema: str, ledger: str, *more: str) -> None:
    """Make `schema` with empty postings and entries and the accounts of `ledger` as they are; then run `more` in it.

    In `more`, `{own}` is the schema.
    """
    names = {"own": sql.Identifier(schema), "ledger": sql.Identifier(ledger)}
    with store.connect() as administrator:
        for statement in (
            "DROP SCHEMA IF EXISTS {own} CASCADE",
            "CREATE SCHEMA {own}",
            "CREATE TABLE {own}.posting (LIKE {ledger}.posting INCLUDING INDEXES)",
            "CREATE TABLE {own}.entry (LIKE {ledger}.entry INCLUDING INDEXES)",
            "CREATE TABLE {own}.account (LIKE {ledger}.account INCLUDING INDEXES) WITH (fillfactor = 50)",
            "INSERT INTO {own}.account SELECT * FROM {ledger}.account",
            "ANALYZE {own}.account",
            *more,
        ):
            administrator.execute(sql.SQL(statement).format(**names))
