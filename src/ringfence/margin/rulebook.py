"""The exchange's rulebook: the rules by which it settles, kept beside its book; the packaged ones to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from ringfence.errors import BadInput
from ringfence.margin.kept_plan import planned_day
from ringfence.margin.rules import Rule, Rules


def add_rules(connection: psycopg.Connection[Any], rows: Iterable[Rule]) -> int:
    """Write down rules of contracts, all or none, through a login that may; how many were new.

    Errors: BadInput for a row that says otherwise of a day than one that is there, or for one that is dated back into a settled day,
    and where together with what is there a contract would not be whole on the day of a row.
    """
    wanted = list(rows)
    known = {(row.contract, row.rule, row.effective_from): row for row in read_rules(connection)}
    new = []
    for row in wanted:
        there = known.get((row.contract, row.rule, row.effective_from))
        if there is None:
            new.append(row)
        elif there.value != row.value:
            right = f"{there.value}, which stands there for {row.effective_from}; a later row can change it"
            raise BadInput(f"{row.rule} of {row.contract}", row.value, right)
    last = planned_day(connection)
    for row in new:
        if last is not None and row.effective_from <= last:
            raise BadInput(
                f"{row.rule} of {row.contract}, effective_from",
                str(row.effective_from),
                f"a day after {last}, which is settled",
            )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO exchange_margin.rule (contract, rule, effective_from, value, status, source) VALUES (%s, %s, %s, %s, %s, %s)",
            [(row.contract, row.rule, row.effective_from, row.value, row.status, row.source) for row in new],
        )
    return len(new)


def read_rules(connection: psycopg.Connection[Any]) -> Rules:
    """The rules by which the exchange settles, through any login that reads them."""
    rows = connection.execute(
        "SELECT contract, rule, effective_from, value, status, source FROM exchange_margin.rule ORDER BY number"
    ).fetchall()
    return Rules(Rule(*row) for row in rows)
