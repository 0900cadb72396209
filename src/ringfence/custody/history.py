"""What stood at the banks and what was owed, after every commit that there has ever been: for looking back, at any instant.

Whoever is counted at the end of a month can put back on the 28th what was taken on the 2nd. So it is looked at other moments too:
at some that nobody knows beforehand, and at the least that there was of the month. Here from the journals of books that are in
one store; what a bank has in another store is told by its reports (`ringfence verify`).

    held        in the pool, at the bank
    owed        what the other book says is there for its clients
    on its way  held by that book for what the bank is to pay out, and may have paid
    short       owed - on its way - held, where that is more than nothing: what nothing explains
"""

from __future__ import annotations

import datetime
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.custody.parties import EXCHANGE


@dataclass(frozen=True, slots=True)
class Pair:
    """A pool of clients' money in a book, and the kind of another book that mirrors it, perhaps of one owner.

    `passing` are kinds of the pool's book through which money passes and where none may stay.
    """

    book: str
    pool: str
    claims: str
    mirror: str
    owner: str | None = None
    passing: tuple[str, ...] = ()


class Instant(NamedTuple):
    """After a commit in `book`: when that was, on which booking day, and what stood there then, in the minor part of the unit."""

    at: datetime.datetime
    day: datetime.date
    book: str
    held_minor: int
    owed_minor: int
    on_its_way_minor: int
    passing: int

    @property
    def short_minor(self) -> int:
        """What is missing and nothing explains."""
        return max(0, self.owed_minor - self.on_its_way_minor - self.held_minor)


class Least(NamedTuple):
    """The least of a month: when it was, on which booking day, and what was short then."""

    month: str
    at: datetime.datetime
    day: datetime.date
    held_minor: int
    owed_minor: int
    short_minor: int


def circle_pairs(banks: Iterable[str]) -> list[Pair]:
    """The pairs of the exchange's circle whose books are in one store."""
    return [Pair(bank, "exchange-client-money", EXCHANGE, "bank-cash", bank, ("member-transit",)) for bank in banks]


def history(reading: Mapping[str, psycopg.Connection[Any]], pair: Pair) -> list[Instant]:
    """Every instant of a pair, in the order of their commits; by book a connection that reads it."""
    pool, claims = reading[pair.book], reading[pair.claims]
    moves = [*_moves(pool, (pair.book, pair.pool, None), "held")]
    moves += _moves(claims, (pair.claims, pair.mirror, pair.owner), "owed")
    moves += _holds(claims, pair)
    for kind in pair.passing:
        moves += _moves(pool, (pair.book, kind, None), "passing")
    totals = {"held": 0, "owed": 0, "on its way": 0}
    passing: dict[int, int] = defaultdict(int)
    found: list[Instant] = []
    for at, _, day, book, what, account, amount in sorted(moves, key=lambda move: (move[0], move[3], move[1])):
        if what == "passing":
            passing[account] += amount
        else:
            totals[what] += amount
        now = Instant(
            at, day, book, totals["held"], totals["owed"], totals["on its way"], sum(map(bool, passing.values()))
        )
        if found and (found[-1].at, found[-1].book) == (at, book):
            found.pop()
        found.append(now)
    return found


def at_random_instants(instants: Sequence[Instant], secret: str, times: int) -> list[Instant]:
    """Look back at so many instants that follow from a `secret`; those at which something was short.

    The days are drawn first, each as likely as another, and then a commit of that day: a day on which little happens is not
    looked at less. Whoever publishes the SHA-256 of the secret beforehand cannot choose afterwards where to look.
    """
    by_day: dict[datetime.date, list[Instant]] = defaultdict(list)
    for instant in instants:
        by_day[instant.day].append(instant)
    if not by_day:
        return []
    dice = Random(hashlib.sha256(secret.encode()).hexdigest())
    days = sorted(by_day)
    looked = [dice.choice(by_day[dice.choice(days)]) for _ in range(times)]
    return sorted({instant for instant in looked if instant.short_minor}, key=lambda instant: instant.at)


def least_of_each_month(instants: Sequence[Instant]) -> list[Least]:
    """Per month of booking days the instant at which most was short; where nothing was, that with the least at the bank."""
    months: dict[str, Instant] = {}
    for instant in instants:
        month = f"{instant.day:%Y-%m}"
        worst = months.get(month)
        if worst is None or (instant.short_minor, -instant.held_minor) > (worst.short_minor, -worst.held_minor):
            months[month] = instant
    return [
        Least(month, one.at, one.day, one.held_minor, one.owed_minor, one.short_minor) for month, one in months.items()
    ]


def not_passed_on(instants: Sequence[Instant]) -> list[Instant]:
    """The instants at which money stood where it may only pass."""
    return [instant for instant in instants if instant.passing]


_Move = tuple[datetime.datetime, int, datetime.date, str, str, int, int]


def _moves(connection: psycopg.Connection[Any], accounts: tuple[str, str, str | None], what: str) -> Iterator[_Move]:
    """What each commit changed of the accounts: those of a book, a kind and perhaps an owner. What is owed grows as its mirror falls."""
    book, kind, owner = accounts
    rows = connection.execute(
        sql.SQL(
            """
            SELECT b.recorded_at, b.id, b.day, e.account, sum(e.amount)::bigint
            FROM {0}.balances AS a
            JOIN {0}.entry AS e ON e.account = a.account
            JOIN {0}.posting AS p ON p.id = e.id / 8
            JOIN {0}.batch AS b ON b.id = p.batch
            WHERE a.kind = %(kind)s AND (%(owner)s::text IS NULL OR a.owner = %(owner)s)
            GROUP BY b.recorded_at, b.id, b.day, e.account
            """
        ).format(sql.Identifier(book)),
        {"kind": kind, "owner": owner},
    )
    sign = -1 if what == "owed" else 1
    for at, batch, day, account, amount in rows:
        yield at, batch, day, book, what, account, sign * amount


def _holds(connection: psycopg.Connection[Any], pair: Pair) -> Iterator[_Move]:
    """What the book of claims holds for payments out of the pool, and no longer holds: put up, posted or released."""
    rows = connection.execute(
        sql.SQL(
            """
            SELECT b.recorded_at, b.id, b.day, sum(CASE p.action WHEN 1 THEN p.amount ELSE -p.amount END)::bigint
            FROM {0}.posting AS p
            JOIN {0}.batch AS b ON b.id = p.batch
            JOIN {0}.hold AS h ON h.id = CASE p.action WHEN 1 THEN p.id ELSE p.about END
            JOIN {0}.balances AS a ON a.account = h.side2
            WHERE p.action IN (1, 2, 3) AND a.kind = %(mirror)s AND (%(owner)s::text IS NULL OR a.owner = %(owner)s)
            GROUP BY b.recorded_at, b.id, b.day
            """
        ).format(sql.Identifier(pair.claims)),
        {"mirror": pair.mirror, "owner": pair.owner},
    )
    for at, batch, day, amount in rows:
        yield at, batch, day, pair.claims, "on its way", 0, amount
