"""The exchange's rulebook: the rules by which it settles, kept beside its book; the packaged ones to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from ringfence.margin.rules import Rule, Rules


def add_rules(connection: psycopg.Connection[Any], rows: Iterable[Rule]) -> None:
    """Write down rules of contracts, through a login that may; one that is there for its day already stays as it is."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO exchange_margin.rule (contract, rule, effective_from, value, status, source) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(row.contract, row.rule, row.effective_from, row.value, row.status, row.source) for row in rows],
        )


def read_rules(connection: psycopg.Connection[Any]) -> Rules:
    """The rules by which the exchange settles, through any login that reads them."""
    rows = connection.execute(
        "SELECT contract, rule, effective_from, value, status, source FROM exchange_margin.rule ORDER BY number"
    ).fetchall()
    return Rules(Rule(*row) for row in rows)
