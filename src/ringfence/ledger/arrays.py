"""PostgreSQL arrays in their binary form: how batches travel to the posting function, and what the chain hashes.

The layout is that of `array_send`: dimensions, a flag for nulls (never any here), the element's type; then, unless the
array is empty, its length and lower bound; then every element behind its own length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar, Self

import numpy as np
from psycopg import Connection, Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

from ringfence.money.columns import Column

# The day from which PostgreSQL counts.
EPOCH = date(2000, 1, 1).toordinal()


class PackedArray(bytes):
    """An array as it is sent. Its subclasses say which type."""

    array_oid: ClassVar[int]
    element_oid: ClassVar[int]

    @classmethod
    def _header(cls, length: int) -> bytes:
        if length == 0:
            return struct.pack(">iii", 0, 0, cls.element_oid)
        return struct.pack(">iiiii", 1, 0, cls.element_oid, length, 1)


class _Numbers(PackedArray):
    code: ClassVar[str]
    size: ClassVar[int]

    @classmethod
    def pack(cls, values: Sequence[int]) -> Self:
        """Pack whole numbers. Errors: struct.error for one that does not fit."""
        elements = [cls.size] * (2 * len(values))
        elements[1::2] = values
        return cls(cls._header(len(values)) + struct.pack(">" + f"i{cls.code}" * len(values), *elements))

    @classmethod
    def pack_column(cls, values: Column) -> Self:
        """Pack a column. Errors: OverflowError for a number that does not fit."""
        if values.size and max(int(values.max()), -int(values.min()) - 1) >> (8 * cls.size - 1):
            raise OverflowError(f"a number beyond {8 * cls.size} bits")
        rows = np.empty(values.size, dtype=[("size", ">i4"), ("value", f">i{cls.size}")])
        rows["size"], rows["value"] = cls.size, values
        return cls(cls._header(values.size) + rows.tobytes())


class Int2Array(_Numbers):
    """smallint[]"""

    array_oid, element_oid, code, size = 1005, 21, "h", 2


class Int4Array(_Numbers):
    """integer[]"""

    array_oid, element_oid, code, size = 1007, 23, "i", 4


class Int8Array(_Numbers):
    """bigint[]"""

    array_oid, element_oid, code, size = 1016, 20, "q", 8


class DateArray(_Numbers):
    """date[]: days counted from 2000-01-01"""

    array_oid, element_oid, code, size = 1182, 1082, "i", 4

    @classmethod
    def pack_dates(cls, values: Sequence[date]) -> Self:
        """Pack dates."""
        return cls.pack([value.toordinal() - EPOCH for value in values])

    @classmethod
    def pack_ordinals(cls, days: Column) -> Self:
        """Pack days, given as ordinals."""
        return cls.pack_column(days - EPOCH)


class _Bytes(PackedArray):
    @classmethod
    def pack(cls, values: Sequence[bytes]) -> Self:
        """Pack byte strings."""
        parts = [b""] * (2 * len(values))
        parts[::2] = [len(value).to_bytes(4) for value in values]
        parts[1::2] = values
        return cls(cls._header(len(values)) + b"".join(parts))


class ByteaArray(_Bytes):
    """bytea[]"""

    array_oid, element_oid = 1001, 17


class TextArray(_Bytes):
    """text[]"""

    array_oid, element_oid = 1009, 25

    @classmethod
    def pack_text(cls, values: Sequence[str], longest: int = 2**30) -> Self:
        """Pack text as UTF-8. Errors: UnicodeEncodeError; ValueError for more than `longest` characters or a zero byte."""
        if max(map(len, values), default=0) > longest or "\0" in "".join(values):
            raise ValueError("text that is too long, or has a zero byte")
        return cls.pack([value.encode() for value in values])


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


class _ColumnLoader(Loader):
    """Arrays of whole numbers without nulls, of one dimension."""

    format = Format.BINARY
    _HEADER = 20
    _ELEMENTS: ClassVar = {Int2Array.element_oid: "i2", Int4Array.element_oid: "i4", Int8Array.element_oid: "i8"}

    def load(self, data: Buffer) -> Column:
        dimensions, nulls, element = struct.unpack_from(">iiI", data)
        if dimensions == 0:
            return np.empty(0, dtype=np.int64)
        if dimensions > 1 or nulls:
            raise ValueError("an array of more than one dimension, or with nulls")
        rows = np.frombuffer(
            data, dtype=[("size", ">i4"), ("value", f">{self._ELEMENTS[element]}")], offset=self._HEADER
        )
        return rows["value"].astype(np.int64)


def columns_cursor(connection: Connection[Any]) -> Cursor[Any]:
    """A cursor that reads arrays of whole numbers as columns. Its ValueError: one with nulls, or of more than one dimension."""
    cursor = connection.cursor(binary=True)
    for kind in (Int2Array, Int4Array, Int8Array):
        cursor.adapters.register_loader(kind.array_oid, _ColumnLoader)
    return cursor


def register_arrays(connection: Connection[Any]) -> None:
    """Let `connection` send packed arrays."""
    for kind in (Int2Array, Int4Array, Int8Array, DateArray, ByteaArray, TextArray):
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.array_oid})
        connection.adapters.register_dumper(kind, dumper)
