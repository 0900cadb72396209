"""What a bank reports of the exchange's account: batch by batch, what it has posted there.

The bank's side reads its own book and nothing else; the exchange's side sees only what comes out of here.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from itertools import groupby

from ringfence.custody.circle import EXCHANGE
from ringfence.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Line:
    """One movement on the exchange's account: `posting` is the bank's serial, `amount_minor` positive when it came in."""

    batch: int
    posting: int
    route: str
    subject: str
    amount_minor: int
    value_date: datetime.date
    payee: str
    key: str
    ref: str


@dataclass(frozen=True, slots=True)
class BankBatch:
    """What one commit of the bank did to the exchange's account."""

    bank: str
    batch: int
    lines: tuple[Line, ...]


def report_after(bank: Ledger, batch: int) -> list[BankBatch]:
    """Report every batch of `bank`'s book after `batch` that touched the exchange's account, in order."""
    rows = bank.rows(
        """
        SELECT p.batch, p.id, r.name, s.name, e.amount, p.value_date, p.payee, p.key, p.ref
        FROM {0}.entry AS e
        JOIN {0}.posting AS p ON p.id = e.id / 8
        JOIN {0}.route AS r ON r.id = p.route
        JOIN {0}.party AS s ON s.id = p.subject
        WHERE e.account = %s
            AND e.id >= 8 * coalesce((SELECT first_posting + postings FROM {0}.batch WHERE id = %s), 1)
        ORDER BY e.id
        """,
        (bank.account("exchange-client-money", EXCHANGE), batch),
    )
    lines = [Line(*row) for row in rows]
    return [
        BankBatch(bank.name, number, tuple(together))
        for number, together in groupby(lines, key=lambda line: line.batch)
    ]


def taken_over(exchange: Ledger) -> dict[str, int]:
    """Up to which batch of each bank's book the exchange has booked, 0 where none is."""
    rows = exchange.rows(
        """
        SELECT b.name, coalesce((SELECT max(source_batch) FROM {0}.batch WHERE source = b.id), 0)
        FROM {0}.party AS b WHERE b.role = 'bank'
        """
    )
    return dict(rows)
