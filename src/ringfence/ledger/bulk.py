"""Postings in bulk: a million plain ones in columns, without an object for each.

What they are is no different: each is the instruction that `one` gives, with that instruction's hash, and is refused as it would be.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ringfence.ledger.arrays import (
    EPOCH,
    ByteaArray,
    DateArray,
    Int2Array,
    Int4Array,
    Int8Array,
    PackedArray,
    TextArray,
)
from ringfence.ledger.instruction import LONGEST, NEVER, Action, Instruction, hash_of
from ringfence.money.columns import Column


@dataclass(frozen=True, slots=True, eq=False)
class Bulk:
    """Postings over two accounts each, from `debits` to `credits`, alone and at once, on one value date; a row each.

    `subjects` are the parties for which they are, and `parties` the numbers of those in the ledger; `routes` are names.
    """

    value_date: datetime.date
    keys: Sequence[str]
    routes: Sequence[str]
    subjects: Sequence[str]
    parties: Column
    debits: Column
    credits: Column
    amounts_minor: Column
    refs: Sequence[str]

    def __len__(self) -> int:
        return len(self.keys)

    def one(self, row: int) -> Instruction:
        """The instruction in a row."""
        return Instruction(
            self.keys[row],
            self.routes[row],
            self.subjects[row],
            (int(self.debits[row]), int(self.credits[row])),
            int(self.amounts_minor[row]),
            self.value_date,
            ref=self.refs[row],
        )

    def batches(self, size: int) -> Iterator[Self]:
        """The rows, at most `size` at a time."""
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            yield type(self)(
                self.value_date, self.keys[rows], self.routes[rows], self.subjects[rows], self.parties[rows],
                self.debits[rows], self.credits[rows], self.amounts_minor[rows], self.refs[rows],
            )  # fmt: skip

    def hashes(self) -> list[bytes]:
        """What each key is bound to, as Instruction.hash."""
        posts, on, never = int(Action.POST), self.value_date.toordinal(), NEVER.toordinal()
        rows = zip(
            self.routes, self.subjects, self.debits.tolist(), self.credits.tolist(), self.amounts_minor.tolist(),
            self.refs, strict=True,
        )  # fmt: skip
        return [
            hash_of(posts, route, subject, (debit, credit), amount, on, 0, "", ref, 0, never, "")
            for route, subject, debit, credit, amount, ref in rows
        ]

    def packed(self, routes: Mapping[str, int]) -> tuple[PackedArray | None, ...]:
        """The rows as the posting function takes them; `routes` are their numbers. Errors: KeyError for a route that there is not;
        ValueError for text that is too long, or a key that is empty.
        """
        if not all(self.keys):
            raise ValueError("a key that is empty")
        accounts, sides = np.unique(np.concatenate((self.debits, self.credits)), return_inverse=True)
        size = len(self)
        day = np.full(size, self.value_date.toordinal() - EPOCH, dtype=np.int64)
        return (
            Int8Array.pack_column(accounts),
            Int4Array.pack_column(sides[:size] + 1),
            Int4Array.pack_column(sides[size:] + 1),
            None,
            None,
            None,
            Int2Array.pack([routes[route] for route in self.routes]),
            Int4Array.pack_column(self.parties),
            Int8Array.pack_column(self.amounts_minor),
            None,
            TextArray.pack_text(self.keys, LONGEST["key"]),
            ByteaArray.pack(self.hashes()),
            DateArray.pack_column(day),
            None,
            None,
            None,
            TextArray.pack_text(self.refs, LONGEST["ref"]) if any(self.refs) else None,
        )
