"""What is read off an office's books: the money equation of every pair with what is in transit, and the verdict on all of them."""

from __future__ import annotations

import contextlib
import datetime
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.custody.requests import signed
from ringfence.custody.segregation import Segregation, segregation
from ringfence.ledger.rows import Finding
from ringfence.ledger.verify import Verdict, verify
from ringfence.office.founding import SUPERVISOR
from ringfence.office.office import Office
from ringfence.office.papers import change, sources
from ringfence.office.wishes import Way, ways, words


class PairRead(NamedTuple):
    """A kind of account where the money is, and the kind of another book that mirrors it; amounts in the unit's minor part.

    `held` is what is there, `said` what the other book says is there; `transit` what has been posted in one book and not yet
    taken over in the other, which explains so much of the difference.
    """

    book: str
    kind: str
    claims: str
    mirror: str
    unit: str
    held_minor: int
    said_minor: int
    transit_minor: int

    @property
    def difference_minor(self) -> int:
        """What nothing explains: positive, more is there than is said; negative, it is missing."""
        return self.held_minor - self.said_minor - self.transit_minor


def equation(office: Office) -> list[PairRead]:
    """The money equation: every mirrored pair in every unit, all of one moment."""
    found = []
    with office.reading_all() as connection:
        for claims, declared in office.ring.books.items():
            for mirror, kind in declared.kinds.items():
                of, _, pool = (kind.mirrors or "").partition(".")
                if not of:
                    continue
                for unit in declared.units_of(mirror):
                    held = _total(connection, office.names[of], pool, unit)
                    said = -_total(connection, office.names[claims], mirror, unit)
                    transit = _transit(office, connection, (of, pool), (claims, mirror), unit)
                    found.append(PairRead(of, pool, claims, mirror, unit, held, said, transit))
    return found


_Connection = psycopg.Connection[Any]


def _total(connection: _Connection, ledger: str, kind: str, unit: str) -> int:
    query = sql.SQL("SELECT coalesce(sum(balance), 0)::bigint FROM {}.balances WHERE kind = %s AND unit = %s")
    return int(connection.execute(query.format(sql.Identifier(ledger)), (kind, unit)).fetchall()[0][0])


# What was posted on a route in a unit, and what was posted on the routes that take it over, by its keys.
_POSTED = """
    SELECT coalesce(sum(p.amount), 0)::bigint FROM {of}.posting AS p
    WHERE p.route = (SELECT id FROM {of}.route WHERE name = %(route)s) AND p.action IN (0, 2)
        AND %(unit)s = (SELECT n.code FROM {of}.entry AS e JOIN {of}.account AS a ON a.id = e.account
            JOIN {of}.unit AS n ON n.id = a.unit WHERE e.id BETWEEN p.id * 8 AND p.id * 8 + 7 LIMIT 1)
"""
_TAKEN_OVER = """
    SELECT coalesce(sum(q.amount), 0)::bigint FROM {at}.posting AS q
    WHERE q.key >= %(prefix)s AND q.key < %(beyond)s AND q.action IN (0, 2)
        AND q.route IN (SELECT id FROM {at}.route WHERE name = ANY (%(routes)s))
        AND %(unit)s = (SELECT n.code FROM {at}.entry AS e JOIN {at}.account AS a ON a.id = e.account
            JOIN {at}.unit AS n ON n.id = a.unit WHERE e.id BETWEEN q.id * 8 AND q.id * 8 + 7 LIMIT 1)
"""


def _transit(office: Office, connection: _Connection, money: tuple[str, str], owed: tuple[str, str], unit: str) -> int:
    """What postings of either book, that the other one must take over, have changed on their side and not yet on the other."""
    total = 0
    for (of, kind), (at, other) in ((money, owed), (owed, money)):
        takers: dict[str, set[str]] = {}
        for route in office.ring.books[at].routes:
            for finishing in (False, True):
                for source in sources(office.ring, at, route, finishing=finishing):
                    if (
                        source.book == of
                        and source.taken_over
                        and not source.held
                        and change(office.ring.books[at].routes[route], other)
                    ):
                        takers.setdefault(source.route, set()).add(route)
        for route, by in takers.items():
            effect = change(office.ring.books[of].routes[route], kind)
            names = {"of": sql.Identifier(office.names[of]), "at": sql.Identifier(office.names[at])}
            prefix = f"{of}.{route}:"
            given = {"route": route, "routes": list(by), "unit": unit, "prefix": prefix, "beyond": f"{prefix[:-1]};"}
            posted, taken = (
                connection.execute(sql.SQL(query).format(**names), given).fetchall()[0][0]
                for query in (_POSTED, _TAKEN_OVER)
            )
            total += effect * (posted - taken)
    return total


@dataclass(frozen=True, slots=True)
class OfficeVerdict:
    """The verdict on every book, what is wrong between them, and the equation."""

    books: tuple[Verdict, ...]
    between: tuple[Finding, ...]
    pairs: tuple[PairRead, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong in the books and between them; what the equation leaves unexplained is told beside."""
        return all(book.ok for book in self.books) and not self.between

    @property
    def findings(self) -> list[Finding]:
        """All that is wrong."""
        return [finding for book in self.books for finding in book.findings] + list(self.between)

    @property
    def postings(self) -> int:
        """How many postings are right, up to now."""
        return sum(book.checkpoint.posting for book in self.books if book.checkpoint is not None)


def verify_office(office: Office, last: OfficeVerdict | None = None) -> OfficeVerdict:
    """Verify every book from its first batch, or from where the `last` verdict got to, and every posting that stands on a paper
    against it.
    """
    since = {book.ledger: book.checkpoint for book in last.books} if last else {}
    books = []
    for name, ledger_name in office.names.items():
        with office.enter(name, SUPERVISOR) as ledger:
            books.append(verify(ledger, since=since.get(ledger_name)))
    with office.reading_all() as connection:
        between = [
            finding
            for book, declared in office.ring.books.items()
            for route in declared.routes
            for finding in _against_papers(office, connection, book, route)
        ]
        between += [finding for way in ways(office) for finding in _signatures(office, connection, way)]
    return OfficeVerdict(tuple(books), tuple(between), tuple(equation(office)))


# Postings of a route that must stand on a paper, each beside the one that its key names.
_BESIDE = """
    SELECT q.id, q.key, q.amount, s.name, p.id, p.amount, t.name FROM {at}.posting AS q
    JOIN {at}.party AS s ON s.id = q.subject
    LEFT JOIN {of}.posting AS p ON q.key LIKE %(like)s
        AND p.id::text = split_part(split_part(q.key, ':', 2), ':', 1)
        AND p.route = (SELECT id FROM {of}.route WHERE name = %(route)s) AND p.action = ANY (%(actions)s)
    LEFT JOIN {of}.party AS t ON t.id = p.subject
    WHERE q.route = (SELECT id FROM {at}.route WHERE name = %(at_route)s) AND q.action = ANY (%(used)s)
    ORDER BY q.id
"""
_MOST_FINDINGS = 50


def _against_papers(office: Office, connection: _Connection, book: str, route: str) -> list[Finding]:
    """What was posted on a route without the paper that it must stand on, or otherwise than the paper says."""
    ring = office.ring
    known, found = ring.books[book].is_for_a_client(route), []
    for finishing in (False, True):
        places = sources(ring, book, route, finishing=finishing)
        if not places:
            continue
        used = [2] if finishing else [1] if ring.books[book].routes[route].finishes else [0]
        standing: dict[int, tuple[str, bool]] = {}
        for source in places:
            rows = connection.execute(
                sql.SQL(_BESIDE).format(
                    at=sql.Identifier(office.names[book]), of=sql.Identifier(office.names[source.book])
                ),
                {
                    "like": f"{source.name}:%", "route": source.route, "at_route": route, "used": used,
                    "actions": [1] if source.held else [0, 2],
                },
            ).fetchall()  # fmt: skip
            for number, key, amount, subject, paper, says, client in rows:
                if paper is None:
                    standing.setdefault(number, (key, False))
                    continue
                standing[number] = (key, True)
                if (source.whole and amount != says) or amount > says:
                    found.append(
                        Finding(office.names[book], f"posting {number}", f"{amount} on {key}, which says {says}")
                    )
                if known and ring.books[source.book].is_for_a_client(source.route) and subject != client:
                    found.append(
                        Finding(office.names[book], f"posting {number}", f"for {subject} on {key}, which is {client}'s")
                    )
        found += [
            Finding(office.names[book], f"posting {number}", f"it stands on no paper: its key is {key}")
            for number, (key, stands) in standing.items()
            if not stands
        ]
    return found[:_MOST_FINDINGS]


_WISHED = """
    SELECT p.id, s.name, p.amount, p.payee, p.key, p.ref, (
        SELECT n.code FROM {0}.account AS a JOIN {0}.unit AS n ON n.id = a.unit WHERE a.id = coalesce(
            (SELECT h.side1 FROM {0}.hold AS h WHERE h.id = p.id),
            (SELECT e.account FROM {0}.entry AS e WHERE e.id BETWEEN p.id * 8 AND p.id * 8 + 7 LIMIT 1)))
    FROM {0}.posting AS p JOIN {0}.party AS s ON s.id = p.subject
    WHERE p.key >= %(prefix)s AND p.key < %(beyond)s ORDER BY p.id
"""
_SIGNATURE = re.compile(r"=ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})")


def _signatures(office: Office, connection: psycopg.Connection[Any], way: Way) -> list[Finding]:
    """What was posted on clients' wishes, and whose signature is not of these words."""
    ledger, prefix = office.names[way.book], f"{way.route}:wish:"
    found = []
    given = {"prefix": prefix, "beyond": f"{way.route}:wish;"}
    for number, client, amount, payee, key, ref, code in connection.execute(
        sql.SQL(_WISHED).format(sql.Identifier(ledger)), given
    ).fetchall():
        by = _SIGNATURE.search(ref)
        nonce = key.removeprefix(f"{prefix}{client}:")
        said = words(office.ring.ring.name, way, client, code, amount, payee, nonce)
        if not (by and signed(bytes.fromhex(by[1]), bytes.fromhex(by[2]), said)):
            found.append(
                Finding(ledger, f"posting {number}", "the client's signature that stands in it is not of these words")
            )
    return found[:_MOST_FINDINGS]


def statement(office: Office, day: datetime.date) -> list[Segregation]:
    """The segregation statement of a day, one for each currency. Errors: as segregation."""
    with contextlib.ExitStack() as reading:
        books = {name: [reading.enter_context(office.enter(name, SUPERVISOR))] for name in office.ring.books}
        return segregation(office.ring, books, day)
