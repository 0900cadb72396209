"""The rows of a journal as the verifier reads them, and what it finds wrong about one."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class Finding(NamedTuple):
    """Something that is wrong: in which ledger, where, and what."""

    ledger: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.ledger}, {self.where}: {self.what}"


class BatchRow(NamedTuple):
    """A row of the table batch."""

    id: int
    what: str
    recorded_at: datetime
    day: date
    login: str
    first_posting: int
    postings: int
    source: int | None
    source_batch: int | None
    closes: date | None
    document: str | None
    key: str | None
    link: bytes


class PostingRow(NamedTuple):
    """A row of the table posting."""

    id: int
    batch: int
    action: int
    route: int
    under: int
    subject: int
    amount: int
    about: int
    link: int
    key: str
    hash: bytes
    value_date: date
    payee: str
    ref: str


class EntryRow(NamedTuple):
    """A row of the table entry."""

    id: int
    account: int
    amount: int
    balance: int


class HoldRow(NamedTuple):
    """A row of the table hold."""

    id: int
    side1: int
    side2: int
    side3: int
    side4: int
    expires: date

    def path(self) -> tuple[int, ...]:
        """The accounts that are on it."""
        return tuple(side for side in self[1:5] if side)


class Original(NamedTuple):
    """A posting that another one reverses, as it stands earlier in the journal."""

    route: int
    subject: int
    amount: int
    path: tuple[int, ...]
