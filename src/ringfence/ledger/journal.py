"""The journal as a cursor: what was committed after a batch, in the order in which it was.

Batches are numbered in the order of their commits, without a gap, since every writer holds the ledger's head until its
commit. So whoever has read up to a batch and asks for what comes after it never misses anything and never sees anything
twice, however many write meanwhile.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from psycopg.pq import TransactionStatus

from ringfence.ledger.registry import AccountName, Registry

_BATCHES = 200


class JournalEntry(NamedTuple):
    """One change of one account, in the unit's minor part, with the balance after it."""

    account: AccountName
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class JournalPosting:
    """A posting in words. `about` is the hold that it finishes or the posting that it reverses, else 0."""

    id: int
    action: str
    route: str
    subject: str
    amount_minor: int
    unit: str
    value_date: datetime.date
    key: str
    payee: str
    ref: str
    under: int
    about: int
    link: int
    entries: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class JournalBatch:
    """One commit: what it was, when and on which booking day, by which login, and its postings."""

    batch: int
    what: str
    recorded_at: datetime.datetime
    day: datetime.date
    login: str
    document: str | None
    postings: tuple[JournalPosting, ...]


ACTIONS = ("post", "hold", "post-held", "release", "expire")


def journal_after(ledger: Registry, batch: int = 0) -> Iterator[JournalBatch]:
    """Read every batch after `batch` that is committed by now, in their order; memory stays bounded."""
    while True:
        page = _page(ledger, batch)
        yield from page
        if len(page) < _BATCHES:
            return
        batch = page[-1].batch


def _page(ledger: Registry, after: int) -> list[JournalBatch]:
    whole = ledger.connection.info.transaction_status is TransactionStatus.INTRANS
    with ledger.connection.transaction():
        if not whole:
            # Else the reader's own snapshot is the one.
            ledger.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        batches = ledger.rows(
            "SELECT id, what, recorded_at, day, login, document, first_posting, postings "
            "FROM {}.batch WHERE id > %s ORDER BY id LIMIT %s",
            (after, _BATCHES),
        )
        if not batches:
            return []
        first, last = batches[0][6], batches[-1][6] + batches[-1][7] - 1
        postings = ledger.rows(
            """
            SELECT p.batch, p.id, p.action, r.name, s.name, p.amount, p.value_date, p.key, p.payee, p.ref, p.under,
                p.about, p.link, coalesce(h.side1, o.side1)
            FROM {0}.posting AS p
            JOIN {0}.route AS r ON r.id = p.route JOIN {0}.party AS s ON s.id = p.subject
            LEFT JOIN {0}.hold AS h ON h.id = p.id LEFT JOIN {0}.hold AS o ON o.id = p.about
            WHERE p.id BETWEEN %s AND %s ORDER BY p.id
            """,
            (first, last),
        )
        rows = ledger.rows(
            "SELECT id / 8, account, amount, balance FROM {}.entry WHERE id BETWEEN %s AND %s ORDER BY id",
            (first * 8, last * 8 + 7),
        )
    # Accounts that were opened since they were read last.
    if not ({row[1] for row in rows} | {row[-1] for row in postings if row[-1]}) <= ledger.names.keys():
        ledger.refresh()
    entries = {
        number: tuple(JournalEntry(ledger.names[account], amount, balance) for _, account, amount, balance in group)
        for number, group in groupby(rows, key=lambda row: row[0])
    }
    made: dict[int, list[JournalPosting]] = {}
    for batch, number, action, route, subject, amount, day, key, payee, ref, under, about, link, side in postings:
        moved = entries.get(number, ())
        unit = moved[0].account.unit if moved else ledger.names[side].unit
        made.setdefault(batch, []).append(
            JournalPosting(
                number, ACTIONS[action], route, subject, amount, unit, day, key, payee, ref, under, about, link, moved
            )
        )
    return [
        JournalBatch(number, what, recorded_at, day, login, document, tuple(made.get(number, ())))
        for number, what, recorded_at, day, login, document, _, _ in batches
    ]
