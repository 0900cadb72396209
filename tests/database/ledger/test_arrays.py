"""Columns on their way to the database and back: what is sent is what arrives, and what does not fit is not sent."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from ringfence.database import Store
from ringfence.ledger.arrays import DateArray, Int2Array, Int4Array, Int8Array, columns_cursor, register_arrays
from ringfence.money.columns import column

pytestmark = pytest.mark.ledgers.with_args(lambda store: None)


@pytest.mark.parametrize(("kind", "bits"), [(Int2Array, 16), (Int4Array, 32), (Int8Array, 64)])
def test_a_column_arrives_as_it_was_sent(
    store: Store, kind: type[Int2Array | Int4Array | Int8Array], bits: int
) -> None:
    values = column([0, 1, -1, 7, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))])
    with store.connect() as connection:
        register_arrays(connection)
        cursor = columns_cursor(connection)
        for sent in (values, values[:1], values[:0]):
            packed = kind.pack_column(sent)
            assert packed == kind.pack(sent.tolist())
            ((found, read),) = cursor.execute("SELECT %s, %s::text", (packed, packed)).fetchall()
            assert found.dtype == np.int64
            assert found.tolist() == sent.tolist()
            assert read == "{" + ",".join(map(str, sent.tolist())) + "}"
        # Elsewhere the same array is a list, as ever.
        assert connection.execute("SELECT %s", (kind.pack([3]),), binary=True).fetchall() == [([3],)]
        for wrong in ("ARRAY[1, NULL]", "ARRAY[[1], [2]]"):
            with pytest.raises(ValueError, match="nulls"):
                cursor.execute(f"SELECT {wrong}".encode()).fetchall()
    if bits < 64:
        for beyond in (2 ** (bits - 1), -(2 ** (bits - 1)) - 1):
            with pytest.raises(OverflowError, match=f"{bits} bits"):
                kind.pack_column(column([0, beyond]))


def test_days_are_sent_by_their_ordinals(store: Store) -> None:
    days = [datetime.date(1999, 12, 31), datetime.date(2000, 1, 1), datetime.date(2026, 11, 26)]
    with store.connect() as connection:
        register_arrays(connection)
        packed = DateArray.pack_ordinals(column(day.toordinal() for day in days))
        assert connection.execute("SELECT %s", (packed,)).fetchall() == [(days,)]
