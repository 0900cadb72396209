"""What clients ask for: a wish is a paper that only the client can make, through its own session and for itself alone.

Which routes a client may ask on follows from the ring: those that stand on a paper which the client makes by itself, and which names
payee and amount. The database takes a wish from the session of the client that it is for, and from no other.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import psycopg
from psycopg import sql

from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.office.founding import CLIENT, DECLINES
from ringfence.office.office import Office
from ringfence.office.papers import sources
from ringfence.ring.who import groups, is_bound


class Way(NamedTuple):
    """A route on which a client may ask, and the paper that its wish is."""

    book: str
    route: str
    proof: str


class Wish(NamedTuple):
    """What a client wants, in the unit's minor part; `posting` once it is carried out or held, `declined` with the reason."""

    id: int
    at: datetime.datetime
    client: str
    way: Way
    unit: str
    amount_minor: int
    posting: int | None
    declined: str | None

    @property
    def open(self) -> bool:
        """Whether somebody has still to look at it."""
        return self.posting is None and self.declined is None

    @property
    def key(self) -> str:
        """The key of what is posted on it: once."""
        return f"{self.way.route}:wish:{self.id}"


class WishClosed(RingfenceError):
    """There is no such wish, or it was carried out or declined: `wish`."""

    code = "wish-closed"
    template: ClassVar[dict[Language, str]] = {
        "en": "no wish {wish} is open; it was carried out or declined, or there is none",
        "zh": "没有待办的申请 {wish}：已办理、已拒绝或不存在",
    }


def ways(office: Office) -> list[Way]:
    """On which routes clients may ask."""
    return [*_ways(office)]


def _ways(office: Office) -> Iterator[Way]:
    ring = office.ring
    for book, declared in ring.books.items():
        for route, way in declared.routes.items() if declared.knows_clients else ():
            if sources(ring, book, route, finishing=False):
                continue
            for name in way.proofs:
                proof = ring.proofs[name]
                alone = any({one for one in group if not is_bound(one)} == {CLIENT} for group in groups(proof.made_by))
                if (
                    alone
                    and {"payee", "amount"} <= set(proof.names)
                    and name not in ring.for_the_finisher(declared, way)
                ):
                    yield Way(book, route, name)
                    break


def wish(connection: psycopg.Connection[Any], way: Way, client: str, unit: str, amount_minor: int) -> int:
    """Ask for something; the connection is the window's, and shows the visit of that client. Errors: BadInput."""
    if amount_minor <= 0:
        raise BadInput("amount", amount_minor, "more than zero", "须大于零")
    row = connection.execute(
        "INSERT INTO ringfence_office.wish (client, book, route, proof, unit, amount) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (client, *way, unit, amount_minor),
    ).fetchone()
    assert row is not None
    return int(row[0])


_WISHES = """
    SELECT w.id, w.at, w.client, w.book, w.route, w.proof, w.unit, w.amount, p.id, d.reason
    FROM ringfence_office.wish AS w
    LEFT JOIN ringfence_office.declined AS d ON d.wish = w.id
    LEFT JOIN {ledger}.posting AS p ON p.key = w.route || ':wish:' || w.id
    WHERE w.book = %(book)s AND (%(route)s::text IS NULL OR w.route = %(route)s) AND (%(id)s::bigint IS NULL OR w.id = %(id)s)
        AND (NOT %(only_open)s OR (p.id IS NULL AND d.wish IS NULL))
    ORDER BY w.id {order} LIMIT 200
"""


def wishes(
    connection: psycopg.Connection[Any],
    office: Office,
    book: str,
    route: str | None = None,
    number: int | None = None,
    *,
    only_open: bool = False,
) -> list[Wish]:
    """The wishes about a book that the connection may see: of staff all, of a client its own; the newest first, open ones the oldest."""
    query = sql.SQL(_WISHES).format(
        ledger=sql.Identifier(office.names[book]), order=sql.SQL("ASC" if only_open else "DESC")
    )
    given = {"book": book, "route": route, "id": number, "only_open": only_open}
    return [
        Wish(row[0], row[1], row[2], Way(*row[3:6]), *row[6:]) for row in connection.execute(query, given).fetchall()
    ]


def decline(office: Office, number: int, by: str, reason: str) -> None:
    """Say that a wish will not be done, and why. Errors: BadInput; WishClosed for one that was declined before."""
    said = " ".join(reason.split())
    if not 1 <= len(said) <= 300:
        raise BadInput("reason", reason[:60], "1 to 300 characters", "1 至 300 个字符")
    with office.store.connect(DECLINES) as connection:
        try:
            connection.execute(
                "INSERT INTO ringfence_office.declined (wish, by, reason) VALUES (%s, %s, %s)", (number, by, said)
            )
        except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation):
            raise WishClosed(wish=number) from None
