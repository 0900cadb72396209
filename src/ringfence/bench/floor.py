"""The floor: what the same server takes to store the same rows, when nobody checks anything.

One transaction per batch: COPY of the postings, COPY of the entries in the order of their accounts, one UPDATE of the
accounts with sums that were made before. The tables and indexes are those of the ledger; the rows are packed before the
clock starts. No ledger can be faster by the same means, and one that checks is measured by how near it comes.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from ringfence.bench.tables import make_tables
from ringfence.database import Store
from ringfence.ledger import Instruction, Ledger
from ringfence.ledger.arrays import EPOCH, Int8Array, register_arrays

_SCHEMA = "bench_floor"
_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_END = struct.pack(">h", -1)
_COPY_POSTINGS = sql.SQL("COPY {}.posting FROM STDIN (FORMAT binary)").format(sql.Identifier(_SCHEMA))
_COPY_ENTRIES = sql.SQL("COPY {}.entry FROM STDIN (FORMAT binary)").format(sql.Identifier(_SCHEMA))
_UPDATE = sql.SQL(
    "UPDATE {}.account AS x SET balance = x.balance + u.amount FROM unnest(%s, %s) AS u (id, amount) WHERE x.id = u.id"
).format(sql.Identifier(_SCHEMA))


class Packed(NamedTuple):
    """A batch as it is sent."""

    postings: bytes
    entries: bytes
    accounts: Int8Array
    amounts: Int8Array


class Floor:
    """The floor beside the ledger `name`. Errors: as Store.connect."""

    def __init__(self, store: Store, name: str) -> None:
        make_tables(store, _SCHEMA, name)
        self._connection = store.connect()
        register_arrays(self._connection)
        self._next = 1

    def close(self) -> None:
        """Leave the server; the tables go with the store."""
        self._connection.close()

    def pack(self, ledger: Ledger, instructions: Sequence[Instruction]) -> Packed:
        """Make the rows that the ledger would write for these instructions."""
        route = ledger.route_numbers
        postings, entries, changes = [_HEAD], [], Counter[int]()
        for number, asked in enumerate(instructions, self._next):
            key, amount = asked.key.encode(), asked.amount_minor
            postings.append(
                struct.pack(
                    f">hiqiqihihiiiiiqiqiqi{len(key)}si32siiii",
                    14, 8, number, 8, 1, 2, 0, 2, route[asked.route], 4, 1, 4, 1, 8, amount, 8, 0, 8, 0,
                    len(key), key, 32, asked.hash(), 4, asked.value_date.toordinal() - EPOCH, 0, 0,
                )
            )  # fmt: skip
            debit, credit = asked.path
            entries += [(debit, number * 8, -amount), (credit, number * 8 + 1, amount)]
            changes[debit] -= amount
            changes[credit] += amount
        self._next += len(instructions)
        rows = b"".join(
            struct.pack(">hiqiqiqiq", 4, 8, number, 8, account, 8, amount, 8, amount)
            for account, number, amount in sorted(entries)
        )
        accounts = sorted(changes)
        return Packed(
            b"".join([*postings, _END]),
            b"".join([_HEAD, rows, _END]),
            Int8Array.pack(accounts),
            Int8Array.pack([changes[account] for account in accounts]),
        )

    def post(self, batch: Packed) -> None:
        """Store one batch in one commit."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for statement, rows in ((_COPY_POSTINGS, batch.postings), (_COPY_ENTRIES, batch.entries)):
                with cursor.copy(statement) as copy:
                    copy.write(rows)
            cursor.execute(_UPDATE, (batch.accounts, batch.amounts))
