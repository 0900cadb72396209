"""Papers between books: what one institution has held or posted, on which another one acts, once.

A route of one book may stand on a posting or a hold of another. What is posted on such a paper bears its name as its key:

    bank.deposit:17            the paper is taken over: the same money, in the claims on it
    bank.arrival:17:2          the second part of what came in for several clients, where the bank does not know them
    exchange.profit:9:loss     the paper only gives a reason, on this route

and since a key is used once, so is a paper: not by a check here, but by the ledger. A paper that must be taken over and has not
been is in transit; so much may the two books differ, and by no fen more.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.ring import Ring
from ringfence.ring.ring import RouteOfBook

MOST_SHOWN = 200


class Source(NamedTuple):
    """From where the papers of a route come: by which proof, from which book and route; `held`: holds, else postings.

    `taken_over`: both routes move the same money, so that the paper waits until it is used, and is used by one route only.
    `parted`: it is for no client, so that one paper may be several clients'.
    """

    proof: str
    book: str
    route: str
    held: bool
    taken_over: bool
    parted: bool

    @property
    def name(self) -> str:
        """As the ring's file writes it."""
        return f"{self.book}.{self.route}"

    @property
    def whole(self) -> bool:
        """Whether a paper is used in one piece: all of it, by one posting."""
        return self.taken_over and not self.parted


class Paper(NamedTuple):
    """A paper: a posting, or a hold that is open, by its number; for whom, if its book knows clients; how much of it is not used,
    in the unit's minor part; how many postings have used it.
    """

    source: Source
    number: int
    client: str | None
    amount_minor: int
    rest_minor: int
    used: int
    unit: str
    value_date: datetime.date
    ref: str

    @property
    def name(self) -> tuple[str, int]:
        """By what it is asked for: `book.route`, and its number."""
        return self.source.name, self.number

    def key(self, route: str) -> str:
        """The key of what is posted on it next, on this route."""
        key = f"{self.source.name}:{self.number}"
        if not self.source.taken_over:
            return f"{key}:{route}"
        return f"{key}:{self.used + 1}" if self.source.parted and self.used else key


def sources(ring: Ring, book: str, route: str, *, finishing: bool) -> list[Source]:
    """From where come the papers on which this route is asked for, or those on which it is finished."""
    declared = ring.books[book]
    way = declared.routes[route]
    late = ring.for_the_finisher(declared, way)
    found = []
    for name in way.proofs:
        if (name in late) is not finishing:
            continue
        proof = ring.proofs[name]
        for held, places in ((True, proof.from_hold), (False, proof.from_posting)):
            for place in places:
                of, _, other = place.partition(".")
                fits = _fits(ring, (of, ring.books[of].routes[other]), (book, way))
                if fits is not False:
                    parted = declared.is_for_a_client(route) and not ring.books[of].is_for_a_client(other)
                    found.append(Source(name, of, other, held, fits is True, parted))
    return found


def _fits(ring: Ring, one: tuple[str, RouteOfBook], other: tuple[str, RouteOfBook]) -> bool | None:
    """Whether the two routes move the same money in the books of whoever has it and whoever owes it; None: no money of both."""
    for (money, way), (claims, owed) in ((one, other), (other, one)):
        for kind, declared in ring.books[claims].kinds.items():
            of, _, pool = (declared.mirrors or "").partition(".")
            if of == money and (moved := change(way, pool)) and (said := change(owed, kind)):
                return moved == -said
    return None


def change(way: RouteOfBook, kind: str) -> int:
    """What walking a route does to accounts of a kind: 1 brings in, -1 takes out, 0 neither."""
    return (way.path[-1] == kind) - (way.path[0] == kind)


_POSTED = """
    SELECT p.id, s.name, p.amount, p.value_date, p.ref FROM {of}.posting AS p JOIN {of}.party AS s ON s.id = p.subject
    WHERE p.route = (SELECT id FROM {of}.route WHERE name = %(route)s) AND p.action IN (0, 2)
"""
_HELD = """
    SELECT h.id, s.name, h.rest AS amount, p.value_date, p.ref
    FROM {of}.hold AS h JOIN {of}.posting AS p ON p.id = h.id JOIN {of}.party AS s ON s.id = p.subject
    WHERE h.rest > 0 AND p.route = (SELECT id FROM {of}.route WHERE name = %(route)s)
"""
# An account on the path, for its unit.
_MOVED = "SELECT e.account FROM {of}.entry AS e WHERE e.id BETWEEN p.id * 8 AND p.id * 8 + 7 LIMIT 1"
_WOULD_MOVE = "SELECT h.side1 FROM {of}.hold AS h WHERE h.id = p.id"
# By the keys under which the paper can have been used.
_UNUSED = """
    SELECT p.id, p.name, p.amount, u.used, u.times, p.value_date, p.ref, (
        SELECT n.code FROM {of}.account AS a JOIN {of}.unit AS n ON n.id = a.unit WHERE a.id = ({account}))
    FROM ({papers}) AS p
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(q.amount), 0)::bigint AS used, count(*) AS times FROM {at}.posting AS q
        WHERE q.action IN (0, 1, 2) AND (q.key = %(prefix)s || p.id || %(suffix)s
            OR %(parted)s AND q.key > %(prefix)s || p.id || ':' AND q.key < %(prefix)s || p.id || ';')
    ) AS u
    WHERE u.used < p.amount AND (%(number)s::bigint IS NULL OR p.id = %(number)s)
    ORDER BY p.id LIMIT %(limit)s
"""


def unused(
    connection: psycopg.Connection[Any],
    names: Mapping[str, str],
    ring: Ring,
    source: Source,
    at: tuple[str, str],
    number: int | None = None,
) -> list[Paper]:
    """The papers of a source that have not been used `at` that book and route, the oldest first; or only the one of that `number`.

    `names` are the ledgers by book; the connection must read both of them.
    """
    book, route = at
    of = sql.Identifier(names[source.book])
    query = sql.SQL(_UNUSED).format(
        of=of,
        at=sql.Identifier(names[book]),
        papers=sql.SQL(_HELD if source.held else _POSTED).format(of=of),
        account=sql.SQL(_WOULD_MOVE if source.held else _MOVED).format(of=of),
    )
    rows = connection.execute(
        query,
        {
            "route": source.route,
            "prefix": f"{source.name}:",
            "suffix": "" if source.taken_over else f":{route}",
            "parted": source.parted and source.taken_over,
            "number": number,
            "limit": MOST_SHOWN,
        },
    ).fetchall()
    known = ring.books[source.book].is_for_a_client(source.route)
    return [
        Paper(source, number, subject if known else None, amount, amount - used, times, unit, dated, ref)
        for number, subject, amount, used, times, dated, ref, unit in rows
    ]


def made_on(ring: Ring, book: str, route: str, source: Source) -> bool:
    """Whether the papers of a source are made on the very holds of this route."""
    way = ring.books[source.book].routes[source.route]
    return any(f"{book}.{route}" in ring.proofs[proof].from_hold for proof in way.proofs)


def executed(connection: psycopg.Connection[Any], ledger: str, book: str, route: str, hold: int) -> int | None:
    """The posting in `ledger` that was made on this hold of another book and route; None where there is none."""
    query = sql.SQL("SELECT id FROM {}.posting WHERE key = %s AND action IN (0, 2)").format(sql.Identifier(ledger))
    row = connection.execute(query, (f"{book}.{route}:{hold}",)).fetchone()
    return None if row is None else int(row[0])
