"""Pages of a ledger for whoever may read it: accounts and postings, by keyset, in words.

A page begins after the last row of the one before it, so that it costs the same however far in, and nothing is skipped or
comes twice while others write. What a login sees is for the database to say: the same question asked through a member's login
is answered with the member's own clients.
"""

from __future__ import annotations

import datetime
from itertools import groupby
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.ledger.journal import ACTIONS, JournalEntry, JournalPosting
from ringfence.ledger.registry import AccountName

LARGEST_PAGE = 200
# Past any posting there will be; its entries' numbers fit 64 bits.
_BEYOND = 2**59


class AccountRow(NamedTuple):
    """An account as it is: what it has, and what open holds will take out of it and bring in, in the unit's minor part."""

    id: int
    name: AccountName
    number: str | None
    balance_minor: int
    held_out_minor: int
    held_in_minor: int


class HeadRow(NamedTuple):
    """Where a ledger is: its last batch and posting, its booking day, the last closed day, and the hash of its last link."""

    batch: int
    posting: int
    day: datetime.date
    closed_through: datetime.date
    link: bytes


class RecordedPosting(NamedTuple):
    """A posting with those of its entries that the reader may see, and in which batch, when and on which day it was recorded."""

    batch: int
    recorded_at: datetime.datetime
    day: datetime.date
    posting: JournalPosting


def head(connection: psycopg.Connection[Any], ledger: str) -> HeadRow:
    """Where the ledger is. The login must read everything."""
    row = connection.execute(
        in_ledger(ledger, "SELECT batch, posting, day, closed_through, link FROM {}.head")
    ).fetchone()
    assert row is not None
    return HeadRow(*row)


def accounts(
    connection: psycopg.Connection[Any],
    ledger: str,
    *,
    kind: str | None = None,
    owner: str | None = None,
    after: int = 0,
    limit: int = LARGEST_PAGE,
) -> list[AccountRow]:
    """A page of accounts after the account numbered `after`, in the order of their numbers."""
    rows = connection.execute(
        in_ledger(
            ledger,
            """
            SELECT account, kind, owner, unit, ordinal, number, balance, held_out, held_in FROM {}.balances
            WHERE account > %(after)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
                AND (%(owner)s::text IS NULL OR owner = %(owner)s)
            ORDER BY account LIMIT %(limit)s
            """,
        ),
        {"after": after, "kind": kind, "owner": owner, "limit": limit},
    ).fetchall()
    return [AccountRow(row[0], AccountName(*row[1:5]), *row[5:]) for row in rows]


def postings(
    connection: psycopg.Connection[Any],
    ledger: str,
    *,
    after: int | None = None,
    before: int | None = None,
    owner: str | None = None,
    limit: int = LARGEST_PAGE,
) -> list[RecordedPosting]:
    """A page of postings: those after the posting numbered `after`, oldest first; or else those before `before`, newest first.

    With an `owner`, only what changed an account of that party.
    """
    forward = after is not None
    edge = after if after is not None else before if before is not None else _BEYOND
    which = sql.SQL("p.id > %(edge)s" if forward else "p.id < %(edge)s")
    of_owner = sql.SQL("true" if owner is None else _MOVED).format(
        sql.Identifier(ledger), beyond=sql.SQL("> %(edge)s * 8 + 7" if forward else "< %(edge)s * 8"),
        order=sql.SQL("ASC" if forward else "DESC"),
    )  # fmt: skip
    rows = connection.execute(
        sql.SQL(_POSTINGS).format(
            sql.Identifier(ledger), which=which, moved=of_owner, order=sql.SQL("ASC" if forward else "DESC")
        ),
        {"edge": edge, "owner": owner, "limit": limit},
    ).fetchall()
    return _with_entries(connection, ledger, rows)


def posting(connection: psycopg.Connection[Any], ledger: str, number: int) -> RecordedPosting | None:
    """One posting; None where the reader sees none of that number."""
    found = postings(connection, ledger, after=number - 1, limit=1)
    return found[0] if found and found[0].posting.id == number else None


_POSTINGS = """
    SELECT p.id, p.batch, b.recorded_at, b.day, p.action, r.name, s.name, p.amount, p.value_date, p.key, p.payee, p.ref,
        p.under, p.about, p.link, (
            SELECT u.code FROM {0}.hold AS h JOIN {0}.account AS a ON a.id = h.side1 JOIN {0}.unit AS u ON u.id = a.unit
            WHERE p.action <> 0 AND h.id = CASE p.action WHEN 1 THEN p.id ELSE p.about END
        )
    FROM {0}.posting AS p
    JOIN {0}.batch AS b ON b.id = p.batch
    JOIN {0}.route AS r ON r.id = p.route
    JOIN {0}.party AS s ON s.id = p.subject
    WHERE {which} AND {moved}
    ORDER BY p.id {order} LIMIT %(limit)s
"""
# Through the entries of the owner's accounts, which lie in this order; there are at most four in a posting.
_MOVED = """p.id IN (
    SELECT e.id / 8 FROM {0}.entry AS e
    WHERE e.account IN (SELECT a.id FROM {0}.account AS a JOIN {0}.party AS o ON o.id = a.owner WHERE o.name = %(owner)s)
        AND e.id {beyond}
    ORDER BY e.id {order} LIMIT 4 * %(limit)s)"""
_ENTRIES = """
    SELECT e.id / 8, k.name, o.name, u.code, a.ordinal, e.amount, e.balance
    FROM unnest(%s::bigint[]) AS asked (id)
    CROSS JOIN LATERAL (
        SELECT * FROM {0}.entry AS e WHERE e.id BETWEEN asked.id * 8 AND asked.id * 8 + 7 ORDER BY e.id
    ) AS e
    JOIN {0}.account AS a ON a.id = e.account
    JOIN {0}.kind AS k ON k.id = a.kind
    JOIN {0}.party AS o ON o.id = a.owner
    JOIN {0}.unit AS u ON u.id = a.unit
    ORDER BY e.id
"""


def _with_entries(
    connection: psycopg.Connection[Any], ledger: str, rows: list[tuple[Any, ...]]
) -> list[RecordedPosting]:
    found = connection.execute(in_ledger(ledger, _ENTRIES), ([row[0] for row in rows],)).fetchall() if rows else []
    entries = {
        number: tuple(JournalEntry(AccountName(*row[1:5]), *row[5:]) for row in moved)
        for number, moved in groupby(found, key=lambda row: row[0])
    }
    recorded = []
    for (
        number,
        batch,
        at,
        day,
        action,
        route,
        subject,
        amount,
        value_date,
        key,
        payee,
        ref,
        under,
        about,
        link,
        held,
    ) in rows:
        moved = entries.get(number, ())
        # What was only held or released has no entry.
        unit = moved[0].account.unit if moved else held
        posting = JournalPosting(
            number,
            ACTIONS[action],
            route,
            subject,
            amount,
            unit,
            value_date,
            key,
            payee,
            ref,
            under,
            about,
            link,
            moved,
        )
        recorded.append(RecordedPosting(batch, at, day, posting))
    return recorded


def in_ledger(ledger: str, query: str) -> sql.Composed:
    """A query in which `{}` or `{0}` is the schema of `ledger`."""
    return sql.SQL(query).format(sql.Identifier(ledger))
