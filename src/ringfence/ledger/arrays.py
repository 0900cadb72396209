"""PostgreSQL arrays in their binary form: how batches travel to the posting function, and what the chain hashes.

The layout is that of `array_send`: dimensions, a flag for nulls (never any here), the element's type; then, unless the
array is empty, its length and lower bound; then every element behind its own length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, ClassVar

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH = date(2000, 1, 1).toordinal()


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
    def pack(cls, values: Sequence[int]) -> _Numbers:
        """Pack whole numbers. Errors: struct.error for one that does not fit."""
        elements = [item for value in values for item in (cls.size, value)]
        return cls(cls._header(len(values)) + struct.pack(">" + f"i{cls.code}" * len(values), *elements))


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
    def pack_dates(cls, values: Iterable[date]) -> _Numbers:
        """Pack dates."""
        return cls.pack([value.toordinal() - _EPOCH for value in values])


class _Bytes(PackedArray):
    @classmethod
    def pack(cls, values: Sequence[bytes]) -> _Bytes:
        """Pack byte strings."""
        lengths = (struct.pack(">i", len(value)) for value in values)
        body = b"".join(part for pair in zip(lengths, values, strict=True) for part in pair)
        return cls(cls._header(len(values)) + body)


class ByteaArray(_Bytes):
    """bytea[]"""

    array_oid, element_oid = 1001, 17


class TextArray(_Bytes):
    """text[]"""

    array_oid, element_oid = 1009, 25

    @classmethod
    def pack_text(cls, values: Iterable[str]) -> _Bytes:
        """Pack text as UTF-8."""
        return cls.pack([value.encode() for value in values])


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


def register_arrays(connection: Connection[Any]) -> None:
    """Let `connection` send packed arrays."""
    for kind in (Int2Array, Int4Array, Int8Array, DateArray, ByteaArray, TextArray):
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.array_oid})
        connection.adapters.register_dumper(kind, dumper)
