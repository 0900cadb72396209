"""What a process has open that serves a ring of one's own: its office, the door to it, and the verifier."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ringfence.access import Door, Person, Session, create_access
from ringfence.access.calls import Calls
from ringfence.api.rates import Rates
from ringfence.api.service import Verdicts
from ringfence.api.visitor import NoPower, NotFound
from ringfence.database import Logins
from ringfence.ledger import role
from ringfence.ledger.head import HeadMismatch
from ringfence.office import Desk, Office, OfficeVerdict, Seat, Unattended, verify_office
from ringfence.office.founding import MEMBER, ONLOOKER, SUPERVISOR, WINDOW
from ringfence.ring import Verdict, decide

_VERIFIES_EVERY_S = 5.0
# Who reads of the whole.
READ_ALL = ("staff", "supervisor")


@dataclass(frozen=True, slots=True)
class OfficeService:
    """An office, and what it takes to let people in: one database login for each person, none that can do more than that one."""

    office: Office
    desk: Desk
    # Who could take anything, decided from the declaration.
    decided: Verdict
    door: Door
    rates: Rates
    calls: Calls
    logins: Logins
    verdicts: Verdicts[OfficeVerdict]
    unattended: Sequence[Seat]
    ending: list[Callable[[], None]]

    @classmethod
    @contextlib.contextmanager
    def open(cls, office: Office, unattended: Sequence[Seat] = ()) -> Iterator[OfficeService]:
        """Open an office, once it is sure that nobody has changed the past of its books; of who is `unattended` it takes the part.

        Errors: HeadMismatch; as the rooms below.
        """
        desk = Desk(office)
        create_access(office.store, office.visited)
        first = verify_office(office)
        for book in first.books:
            for wrong in book.findings:
                raise HeadMismatch(ledger=wrong.ledger, detail=f"{wrong.where}: {wrong.what}")
        with contextlib.ExitStack() as opening:
            logins = opening.enter_context(Logins(office.store))
            calls = Calls(logins)
            opening.callback(calls.close)
            verdicts = Verdicts(first, lambda last: verify_office(office, last), _VERIFIES_EVERY_S)
            opening.callback(verdicts.close)
            opening.callback(Unattended(desk, unattended).close)
            yield cls(
                office=office,
                desk=desk,
                decided=decide(office.ring),
                door=Door(logins, cls.lets_in, visits=office.visited),
                rates=Rates(),
                calls=calls,
                logins=logins,
                verdicts=verdicts,
                unattended=unattended,
                ending=[],
            )

    @staticmethod
    def lets_in(person: Person) -> bool:
        """Whether a person has anything to do with a ring of one's own."""
        return person.role in ("staff", "member", "client", "supervisor")

    def somebody(self) -> list[Person]:
        """Everybody of the staff, whoever only looks at its clients, and who supervises."""
        staff = [Person(seat.name, "staff", seat.party, seat.person) for seat in self.office.seats()]
        members = [Person(MEMBER, "member", MEMBER)] if self.office.shown else []
        return [*staff, *members, Person("supervisor", "supervisor", "supervisor")]

    def seat(self, person: Person) -> Seat:
        """Where somebody of the staff sits. Errors: NoPower for everybody else."""
        if person.role != "staff" or person.duty is None:
            raise NoPower(role=person.role, needed="staff")
        return Seat(person.party, person.duty)

    def require_reader(self, person: Person) -> None:
        """Errors: NoPower for a client or an intermediary, who read what is theirs and nothing of the whole."""
        if person.role not in READ_ALL:
            raise NoPower(role=person.role, needed="staff, supervisor")

    def books_of(self, person: Person) -> list[str]:
        """The books of which a person reads anything."""
        if person.role == "staff":
            return self.office.books_of(self.seat(person))
        if person.role == "member":
            return self.office.shown
        known = person.role == "supervisor"
        return [name for name, book in self.office.ring.books.items() if known or book.knows_clients]

    @contextlib.contextmanager
    def reading(self, session: Session, book: str) -> Iterator[psycopg.Connection[Any]]:
        """Read a book as this person may. Errors: NotFound where it may not; as Logins.reading."""
        if book not in self.books_of(session.person):
            raise NotFound(field="book", value=book)
        logins = {"staff": session.person.duty or "", "supervisor": SUPERVISOR, "member": ONLOOKER, "client": WINDOW}
        login = role(self.office.names[book], logins[session.person.role])
        visit = session.token if session.person.role == "client" else ""
        with self.logins.reading(login, visit) as connection:
            yield connection

    @contextlib.contextmanager
    def wishing(self, session: Session, book: str) -> Iterator[psycopg.Connection[Any]]:
        """The window of a book, showing a client's visit, to ask for something. Errors: NoPower for everybody else; NotFound."""
        if session.person.role != "client":
            raise NoPower(role=session.person.role, needed="client")
        if book not in self.books_of(session.person):
            raise NotFound(field="book", value=book)
        with self.logins.use(role(self.office.names[book], WINDOW)) as connection, connection.transaction():
            connection.execute("SELECT set_config('ringfence.visit', %s, true)", (session.token,))
            yield connection
