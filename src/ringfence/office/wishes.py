"""What clients ask for: a wish is a paper that only the client can make, in words that it signs with its own key.

Which routes a client may ask on follows from the ring: those that stand on a paper which the client makes by itself, and which names
payee and amount. The database takes a wish from the session of the client that it is for, under the key that the registrar has
registered for it, and from no other. Words and signature stand in the posting, and are read again for ever after.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import psycopg
from psycopg import sql

from ringfence.custody.requests import LARGEST_MINOR, KeyTaken, NotSigned, signed
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.money import render, unit
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
    """What a client wants, in the unit's minor part; `posting` once it is carried out or held, `declined` with the reason.

    `in_force` is the key with which the client signs now.
    """

    id: int
    at: datetime.datetime
    client: str
    way: Way
    unit: str
    amount_minor: int
    payee: str
    nonce: str
    public_key: bytes
    signature: bytes
    in_force: bytes | None
    posting: int | None
    declined: str | None

    @property
    def key(self) -> str:
        """The key of what is posted on it: once."""
        return f"{self.way.route}:wish:{self.client}:{self.nonce}"

    def is_signed(self, ring: str) -> bool:
        """Whether the client has signed it, with the key that is in force."""
        said = words(ring, self.way, self.client, self.unit, self.amount_minor, self.payee, self.nonce)
        return self.public_key == self.in_force and signed(self.public_key, self.signature, said)

    @property
    def said(self) -> str:
        """What the posting keeps of the signature."""
        return f"ed25519 {self.public_key.hex()} {self.signature.hex()}"


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


def way_called(office: Office, name: str) -> Way:
    """The way that is written as `book.route`. Errors: BadInput for a route on which clients may not ask."""
    known = {f"{way.book}.{way.route}": way for way in ways(office)}
    if name not in known:
        raise BadInput(
            "route",
            name,
            f"one on which clients may ask: {', '.join(known) or 'there is none'}",
            f"{', '.join(known) or '-'} 之一",
        )
    return known[name]


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


def words(ring: str, way: Way, client: str, unit_code: str, amount_minor: int, payee: str, nonce: str) -> bytes:
    """The words that a client signs: UTF-8, a line for each thing, each with its end; the payee is its registered account."""
    amount = f"{render(amount_minor, unit(unit_code))} {unit_code}"
    return (
        f"ringfence wish 1\nring {ring}\nclient {client}\nroute {way.book}.{way.route}\namount {amount}\npayee {payee}\nkey {nonce}\n"
    ).encode()


class Registration(NamedTuple):
    """The account that a client has registered in a book, and the key with which it signs there; "" where there is none."""

    account_number: str
    public_key: str


def account_in_force(connection: psycopg.Connection[Any], ledger: str, client: str) -> str:
    """The account that a client has registered in a ledger and that is confirmed, through whatever login may read it; "" where none is."""
    query = sql.SQL(
        "SELECT g.payee FROM {0}.grants AS g JOIN {0}.party AS c ON c.id = g.scope WHERE c.name = %s AND g.power = 'account' "
        "AND g.ended IS NULL AND g.confirmed IS NOT NULL ORDER BY g.id DESC LIMIT 1"
    )
    row = connection.execute(query.format(sql.Identifier(ledger)), (client,)).fetchone()
    return str(row[0]) if row else ""


def registration(connection: psycopg.Connection[Any], office: Office, book: str, client: str) -> Registration:
    """What is registered of a client, through whatever login may read it."""
    key = connection.execute(
        "SELECT public_key FROM ringfence_office.client_key WHERE book = %s AND client = %s ORDER BY id DESC LIMIT 1",
        (book, client),
    ).fetchone()
    account = account_in_force(connection, office.names[book], client)
    return Registration(account, bytes(key[0]).hex() if key else "")


def register_key(registrar: psycopg.Connection[Any], book: str, client: str, public_key: bytes) -> None:
    """Register with which key a client signs from now on, as the registrar of a book. Errors: NotSigned for no client; KeyTaken."""
    try:
        registrar.execute(
            "INSERT INTO ringfence_office.client_key (book, client, public_key) VALUES (%s, %s, %s)",
            (book, client, public_key),
        )
    except psycopg.errors.UniqueViolation:
        raise KeyTaken(value=public_key.hex()) from None
    except psycopg.errors.InsufficientPrivilege:
        raise NotSigned(client=client) from None


class Signed(NamedTuple):
    """What a client has signed: which key of its own, the nonce that the words end with, and the signature."""

    nonce: str
    public_key: bytes
    signature: bytes


def wish(
    connection: psycopg.Connection[Any],
    office: Office,
    way: Way,
    client: str,
    unit_code: str,
    amount_minor: int,
    by: Signed,
) -> int:
    """Ask for something; the connection is the window's, and shows the visit of that client. The same again is the same wish.

    Errors: BadInput for amount and nonce; NotSigned; KeyTaken for a nonce that was used for something else.
    """
    if not 0 < amount_minor < LARGEST_MINOR:
        raise BadInput("amount", amount_minor, "more than zero", "须大于零")
    if not (1 <= len(by.nonce) <= 64 and by.nonce.isascii() and by.nonce.isprintable() and " " not in by.nonce):
        raise BadInput("key", by.nonce[:80], "1 to 64 visible characters", "1 至 64 个可见字符")
    payee = registration(connection, office, way.book, client).account_number
    if not signed(
        by.public_key, by.signature, words(office.ring.ring.name, way, client, unit_code, amount_minor, payee, by.nonce)
    ):
        raise NotSigned(client=client)
    before = connection.execute(
        "SELECT id, unit, amount FROM ringfence_office.wish WHERE book = %s AND route = %s AND client = %s AND key = %s",
        (way.book, way.route, client, by.nonce),
    ).fetchone()
    if before is not None:
        if before[1:] != (unit_code, amount_minor):
            raise KeyTaken(value=by.nonce)
        return int(before[0])
    try:
        row = connection.execute(
            "INSERT INTO ringfence_office.wish (client, book, route, proof, unit, amount, payee, key, public_key, signature) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (client, *way, unit_code, amount_minor, payee, by.nonce, by.public_key, by.signature),
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise NotSigned(client=client) from None
    assert row is not None
    return int(row[0])


_WISHES = """
    SELECT w.id, w.at, w.client, w.book, w.route, w.proof, w.unit, w.amount, w.payee, w.key, w.public_key, w.signature,
        (SELECT k.public_key FROM ringfence_office.client_key AS k WHERE k.book = w.book AND k.client = w.client ORDER BY k.id DESC LIMIT 1),
        p.id, d.reason
    FROM ringfence_office.wish AS w
    LEFT JOIN ringfence_office.declined AS d ON d.wish = w.id
    LEFT JOIN {ledger}.posting AS p ON p.key = w.route || ':wish:' || w.client || ':' || w.key
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
