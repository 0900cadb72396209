"""A ring's store, opened: the ring that it keeps, the names of its ledgers, who sits where, and entering a book as somebody."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import psycopg
from psycopg import sql

from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Ledger, create_login, role
from ringfence.office.founding import (
    DECLINES,
    MEMBER,
    ONLOOKER,
    READS_ALL,
    SUPERVISOR,
    WINDOW,
    create_books,
    ledger_name,
    let_clients_wish,
    register_institutions,
)
from ringfence.ring import Ring, parse

SCHEMA = "ringfence_office"
OWNER = "ringfence_office_owner"


class OtherRing(RingfenceError):
    """The store keeps the books of another ring, or of this one as it was declared before: `kept`, `given`, `where`."""

    code = "other-ring"
    template: ClassVar[dict[Language, str]] = {
        "en": "the store in {where} keeps the books of the ring {kept}, which is not {given} as it is given now; a store keeps "
        "one ring, and what books were declared with does not change: name another folder with --store",
        "zh": "{where} 中的账簿属于封闭圈 {kept}，与现给出的 {given} 不同；一个存储只保存一个封闭圈，账簿一经声明不再更改：请用 --store 另指定文件夹",
    }


class NoOffice(RingfenceError):
    """The store at `where` keeps the books of no ring of one's own."""

    code = "no-office"
    template: ClassVar[dict[Language, str]] = {
        "en": "there are no books of a ring in {where} yet: `ringfence serve --ring FILE` makes them",
        "zh": "{where} 中尚无封闭圈的账簿：`ringfence serve --ring FILE` 会创建",
    }


class Seat(NamedTuple):
    """A person of a party, who enters the books that the party keeps."""

    party: str
    person: str

    @property
    def name(self) -> str:
        """How the ring's file names it."""
        return f"{self.party}.{self.person}"


@dataclass(frozen=True, slots=True)
class Office:
    """The books of one ring in one store; `names` are their ledgers."""

    store: Store
    ring: Ring
    names: Mapping[str, str]

    @classmethod
    def found(cls, store: Store, text: str, name: str, day: datetime.date) -> Office:
        """Make the books of the ring that `text` declares, or open those that are there; the first booking day is `day`.

        `name` is what errors call the file. Errors: as parse; OtherRing; as create_ledger.
        """
        ring = parse(text, name)
        with store.connect() as administrator:
            store.ensure_role(administrator, OWNER, login=False)
            for login in (READS_ALL, DECLINES):
                store.ensure_role(administrator, login, login=True)
        migrate_ledger(store, SCHEMA, OWNER, [], sql_files("ringfence.office", "migrations"))
        with store.connect() as administrator, administrator.transaction():
            kept = administrator.execute("SELECT name, text FROM ringfence_office.ring FOR UPDATE").fetchone()
            if kept is None:
                administrator.execute(
                    "INSERT INTO ringfence_office.ring (name, text) VALUES (%s, %s)", (ring.ring.name, text)
                )
            elif not _same_books(parse(kept[1], kept[0]), ring):
                raise OtherRing(where=store.where, kept=kept[0], given=name)
            elif kept[1] != text:
                # Words, proofs and records may be said otherwise; what is declared in the books is the same.
                administrator.execute("UPDATE ringfence_office.ring SET text = %s", (text,))
        office = cls(store, ring, _names(ring))
        office._make(day)
        return office

    @classmethod
    def kept(cls, store: Store) -> Office:
        """The office that the store keeps. Errors: NoOffice."""
        with store.connect() as administrator:
            there = administrator.execute("SELECT to_regclass('ringfence_office.ring') IS NOT NULL").fetchone()
            found = (
                there == (True,) and administrator.execute("SELECT name, text FROM ringfence_office.ring").fetchone()
            )
        if not found:
            raise NoOffice(where=store.where)
        ring = parse(found[1], found[0])
        return cls(store, ring, _names(ring))

    def _make(self, day: datetime.date) -> None:
        create_books(self.store, self.ring, self.names)
        for ledger in self.names.values():
            create_login(self.store, ledger, SUPERVISOR, "reads")
            create_login(self.store, ledger, WINDOW, "member")
        with self.store.connect() as administrator:
            for name, ledger in self.names.items():
                self.store.give_group(administrator, role(ledger, "reads"), READS_ALL)
                let_clients_wish(administrator, ledger, name, self.ring.books[name].registers)
        for name, book in self.ring.books.items():
            with self.enter(name, book.registers) as registrar:
                register_institutions(registrar, self.ring, book)
            if book.shows is not None and name in self.shown:
                create_login(self.store, self.names[name], ONLOOKER, "member")
                with self.enter(name, book.shows) as showing:
                    showing.give("onlooker", parent=showing.granted(None)[0].id, grantee=ONLOOKER, scope=MEMBER)
            with self.enter(name, book.closes) as closing:
                if closing.day == datetime.date.min:
                    closing.open_day(day)

    @contextlib.contextmanager
    def enter(self, book: str, person: str) -> Iterator[Ledger]:
        """The book as this person enters it."""
        with Ledger(self.store, self.names[book], person) as ledger:
            yield ledger

    @contextlib.contextmanager
    def reading_all(self) -> Iterator[psycopg.Connection[Any]]:
        """Read every book as of one moment."""
        with self.store.connect(READS_ALL) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    def seats(self) -> list[Seat]:
        """Everybody who can enter a book, in the order of the ring's file."""
        return seats(self.ring)

    def books_of(self, seat: Seat) -> list[str]:
        """The books that this person enters."""
        return _entered(self.ring, seat)

    def said(self, text: str) -> str:
        """A refusal of the ledger with persons and books called as the ring calls them."""
        for book, ledger in self.names.items():
            kept_by = self.ring.books[book].kept_by
            text = re.sub(rf"\b{role(ledger, '')}(\w+)", rf"{kept_by}.\1", text).replace(ledger, book)
        return text

    @property
    def shown(self) -> list[str]:
        """The books in which an intermediary reads what is its clients' own."""
        known = MEMBER in self.ring.parties
        return [
            name for name, book in self.ring.books.items() if known and book.shows is not None and book.knows_clients
        ]

    @property
    def visited(self) -> list[str]:
        """The ledgers that know clients, and which these may visit."""
        return [self.names[name] for name, book in self.ring.books.items() if book.knows_clients]

    def knows_client(self, connection: psycopg.Connection[Any], name: str) -> bool:
        """Whether a client of that name is registered in any of the books."""
        return any(
            connection.execute(
                sql.SQL("SELECT FROM {}.party WHERE name = %s AND role = 'client'").format(sql.Identifier(ledger)),
                (name,),
            ).rowcount
            for ledger in self.visited
        )

    def earliest_day(self) -> datetime.date:
        """The booking day up to which every book has come."""
        return min(self.day(book) for book in self.ring.books)

    def day(self, book: str) -> datetime.date:
        """The booking day there."""
        with self.enter(book, SUPERVISOR) as ledger:
            return ledger.day


def seats(ring: Ring) -> list[Seat]:
    """Everybody who can enter a book of a ring, in the order of its file."""
    return [
        seat
        for party, declared in ring.parties.items()
        for seat in (Seat(party, person) for person in declared.persons)
        if _entered(ring, seat)
    ]


def _entered(ring: Ring, seat: Seat) -> list[str]:
    return [
        name
        for name, book in ring.books.items()
        if book.kept_by == seat.party and seat.person in book.declaration().logins
    ]


def _names(ring: Ring) -> dict[str, str]:
    return {book: ledger_name(ring.ring.name, book) for book in ring.books}


def _same_books(one: Ring, other: Ring) -> bool:
    """Whether the ledgers of the two are the same, declared with the same."""
    documents = [
        {ledger: ring.books[book].declaration().document(ledger) for book, ledger in _names(ring).items()}
        for ring in (one, other)
    ]
    return documents[0] == documents[1]
