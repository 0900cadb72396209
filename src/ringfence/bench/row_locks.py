"""Row locks, for comparison: one transaction per posting, which locks its two accounts, checks, and writes.

It is how ledgers on PostgreSQL are usually written, with as many connections as callers. It checks the funds and the key
and keeps running balances; it knows no routes, relations, grants or chain. Tables and indexes are as in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from ringfence.bench.tables import make_tables
from ringfence.database import Store
from ringfence.ledger import Instruction

_SCHEMA = "bench_locks"
_FUNCTION = """
CREATE FUNCTION {own}.transfer(debit bigint, credit bigint, asked bigint, wanted_key text) RETURNS bigint
LANGUAGE plpgsql SET search_path = {own} AS $$
DECLARE
    number bigint;
    left_over bigint;
    grown bigint;
BEGIN
    -- Always in one order, so that two postings never wait for each other.
    PERFORM FROM account WHERE id IN (debit, credit) ORDER BY id FOR UPDATE;
    UPDATE account SET balance = balance - asked WHERE id = debit AND balance - held_out >= asked RETURNING balance INTO left_over;
    IF left_over IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE account SET balance = balance + asked WHERE id = credit RETURNING balance INTO grown;
    INSERT INTO posting VALUES (nextval('number'), 1, 0, 1, 1, 1, asked, 0, 0, wanted_key, '', '2020-03-06', '', '')
    RETURNING id INTO number;
    INSERT INTO entry VALUES (number * 8, debit, -asked, left_over), (number * 8 + 1, credit, asked, grown);
    RETURN number;
END
$$"""


class RowLocks:
    """Its tables beside the ledger `name`, and a connection for each of `callers`. Errors: as Store.connect."""

    def __init__(self, store: Store, name: str, callers: int) -> None:
        make_tables(store, _SCHEMA, name, "CREATE SEQUENCE {own}.number", _FUNCTION)
        self._connections = [store.connect() for _ in range(callers)]
        self._call = sql.SQL("SELECT {}.transfer(%s, %s, %s, %s)").format(sql.Identifier(_SCHEMA))

    def close(self) -> None:
        """Leave the server."""
        for connection in self._connections:
            connection.close()

    def post(self, caller: int, instruction: Instruction) -> None:
        """Post one instruction through the connection of `caller`."""
        debit, credit = instruction.path
        parameters: Sequence[object] = (debit, credit, instruction.amount_minor, instruction.key)
        self._connections[caller].execute(self._call, parameters, prepare=True)
