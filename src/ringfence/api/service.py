"""What a serving process has open, from its start to its end."""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import psycopg

from ringfence.access import Door, Person, Role, create_access
from ringfence.access.calls import Calls
from ringfence.api.checks import withdrawable
from ringfence.api.rates import Rates
from ringfence.custody import (
    EXCHANGE,
    CircleVerdict,
    ClearingBank,
    Equation,
    EquationReader,
    Live,
    Refusals,
    banks_of,
    books_here,
    create_post,
    introduce,
    members_of,
    require_untouched,
    verify_circle,
)
from ringfence.custody.carrying_out import CarryingOut
from ringfence.custody.requests import create_requests, limit_minor
from ringfence.database import Kept, Logins, Store
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Ledger, role
from ringfence.ring import Ring

_VERIFIES_EVERY_S = 60.0
_AT_MOST_A_TWENTIETH = 20

_log = logging.getLogger(__name__)


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Verified(Generic[V]):
    """A verdict, and when it was reached."""

    verdict: V
    at: datetime.datetime


class Verdicts(Generic[V]):
    """Verifies what is new every so often, going on from the last verdict, which it keeps; of which there is a `first`."""

    def __init__(self, first: V, again: Callable[[V], V], every_s: float = _VERIFIES_EVERY_S) -> None:
        self._again = again
        self._every_s = every_s
        self._closing = threading.Event()
        self.last = Verified(first, datetime.datetime.now(datetime.UTC))
        self._thread = threading.Thread(target=self._go_on, name="ringfence verifier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        self._thread.join()

    def _go_on(self) -> None:
        took_s = 0.0
        # However long it takes, it is a small part of what the process does.
        while not self._closing.wait(max(self._every_s, _AT_MOST_A_TWENTIETH * took_s)):
            began_s = time.monotonic()
            try:
                verdict = self._again(self.last.verdict)
            except (psycopg.Error, RingfenceError) as error:
                _log.warning("not verified: %s", error)
            else:
                self.last = Verified(verdict, datetime.datetime.now(datetime.UTC))
            took_s = time.monotonic() - began_s


class SharedEquation:
    """Reads the equation for whoever asks, one after another."""

    def __init__(self, store: Store, clearing: Mapping[str, ClearingBank]) -> None:
        self._turn = threading.Lock()
        self._reader = Kept(store, lambda: EquationReader(store, clearing))

    def read(self) -> Equation:
        """Read it now. Errors: StoreUnreachable; as EquationReader.read."""
        with self._turn, self._reader.use() as reader:
            return reader.read()

    def close(self) -> None:
        """Leave the book."""
        self._reader.close()


class NotHere(RingfenceError):
    """What was asked is the business of an institution that does not run in this process: `book`; those of `here` do."""

    code = "not-here"
    template: ClassVar[dict[Language, str]] = {
        "en": "{book} does not run here, only {here}; ask where it does",
        "zh": "此处未运行 {book},仅有 {here};请向其所在服务查询",
    }


class ExchangeService(NamedTuple):
    """What only the exchange has: the equation, and the thread that carries withdrawals out."""

    equation: SharedEquation
    carrying_out: CarryingOut


class Serving(NamedTuple):
    """Which institution is served, by its role and name: `all` that are in the store, the exchange, one bank, or one member,
    which has no book of its own and reads what is its clients' in the exchange's.
    """

    role: Literal["all", "exchange", "bank", "member"] = "all"
    party: str = ""

    def books(self, here: Sequence[str], members: Sequence[str]) -> tuple[str, ...]:
        """Which of the books `here` run in the process. Errors: BadInput for an institution that is not here."""
        if self.role == "member":
            if self.party not in members:
                found = ", ".join(members) or "there is none"
                raise BadInput("--party", self.party, f"a member that the exchange here has registered: {found}")
            return ()
        if self.role == "all":
            return tuple(here)
        party = EXCHANGE if self.role == "exchange" else self.party
        if party not in here or (self.role == "bank") == (party == EXCHANGE):
            of_role = [book for book in here if (book == EXCHANGE) == (self.role == "exchange")]
            expected = f"{'an' if self.role == 'exchange' else 'a'} {self.role} whose book is in this store: {', '.join(of_role) or 'there is none'}"
            raise BadInput("--party", self.party, expected)
        return (party,)

    def lets_in(self, person: Person) -> bool:
        """Whether a person comes in here: a bank's and a member's process have nothing for others."""
        if self.role == "exchange":
            return person.role != "bank"
        if self.role == "bank":
            return person.role == "supervisor" or (person.role, person.party) == ("bank", self.party)
        return self.role == "all" or (person.role, person.party) == ("member", self.party)


ALL = Serving()


@dataclass(frozen=True, slots=True)
class Service:
    """The institutions that run in this process, the door to them, the logins through which they are read, and the verifier."""

    store: Store
    serving: Serving
    # The institutions whose books run here; all clearing banks of the circle, wherever they are.
    books: tuple[str, ...]
    banks: tuple[str, ...]
    live: Live
    door: Door
    rates: Rates
    calls: Calls
    logins: Logins
    # None for a member, who verifies nobody's book.
    verdicts: Verdicts[CircleVerdict] | None
    refusals: Refusals
    # What only the exchange has.
    exchange: ExchangeService | None
    # Whether the market is one of the past; what is to be done before the connections are closed.
    replay: bool
    ending: list[Callable[[], None]]
    declarations: Mapping[str, str]

    @classmethod
    @contextlib.contextmanager
    def open(cls, store: Store, serving: Serving = ALL, *, replay: bool = False) -> Iterator[Service]:
        """Open what is to be served of `store`, once it is sure that nobody has changed the past of its books.

        Errors: NoCircle; BadInput for an institution that is not here; HeadMismatch; NoLink; as the rooms below.
        """
        here = books_here(store)
        banks, books = banks_of(store), serving.books(here, members_of(store) if serving.role == "member" else ())
        visits = [book for book in here if book == EXCHANGE]
        create_access(store, visits)
        for book in books:
            create_post(store, book)
        if EXCHANGE in books:
            introduce(store, [bank for bank in banks if bank in here])
            create_requests(store)
        with contextlib.ExitStack() as opening:
            logins = opening.enter_context(Logins(store))
            calls = Calls(logins)
            opening.callback(calls.close)
            verdicts = None
            if books:
                verdicts = Verdicts(
                    require_untouched(store, banks), lambda _: verify_circle(store, banks, since_last=True)
                )
                opening.callback(verdicts.close)
            live = opening.enter_context(Live(store, books, banks))
            refusals = Refusals()
            exchange = None
            if EXCHANGE in books:
                carrying_out = opening.enter_context(CarryingOut(store, live.clearing, refusals, withdrawable))
                equation = SharedEquation(store, live.clearing)
                opening.callback(equation.close)
                exchange = ExchangeService(equation, carrying_out)
            yield cls(
                store=store,
                serving=serving,
                books=books,
                banks=tuple(banks),
                live=live,
                door=Door(logins, serving.lets_in, visits=visits),
                rates=Rates(),
                calls=calls,
                logins=logins,
                verdicts=verdicts,
                refusals=refusals,
                exchange=exchange,
                replay=replay,
                ending=[],
                declarations=_declarations(store, books),
            )

    def lets_in(self, person: Person) -> bool:
        """Whether a person comes in here."""
        return self.serving.lets_in(person)

    def the_verdicts(self) -> Verdicts[CircleVerdict]:
        """What verifies the books here. Errors: NotHere where there are none."""
        if self.verdicts is None:
            raise NotHere(book=EXCHANGE, here=self.serving.party)
        return self.verdicts

    def the_exchange(self) -> ExchangeService:
        """What only the exchange has. Errors: NotHere where it does not run in this process."""
        if self.exchange is None:
            raise NotHere(book=EXCHANGE, here=", ".join(self.books) or self.serving.party)
        return self.exchange

    def limit_minor(self) -> int | None:
        """Up to how much one person of the exchange lets a withdrawal pass alone, in fen; None where nobody may."""
        with self.logins.reading(role(EXCHANGE, "supervisor")) as connection:
            return limit_minor(connection)

    def declared_as(self, ring: Ring) -> bool:
        """Whether every book here was declared as `ring` says, to the letter."""
        return all(
            said == ring.books["exchange" if book == EXCHANGE else "bank"].declaration().document(book)
            for book, said in self.declarations.items()
        )

    def reader(self, person_role: str, party: str, book: str) -> str | None:
        """The login through which a person reads a book; None where it may not."""
        if self.serving.role == "member":
            return role(EXCHANGE, f"member_{party}") if (person_role, book) == ("member", EXCHANGE) else None
        if book not in self.books:
            return None
        if person_role == "supervisor":
            return role(book, "supervisor")
        if book == EXCHANGE:
            logins = {"exchange": "auditor", "member": f"member_{party}", "client": "window"}
            return role(EXCHANGE, logins[person_role]) if person_role in logins else None
        return role(book, "auditor") if person_role == "bank" and party == book else None

    def somebody(self) -> list[Person]:
        """For each role, duty and bank somebody who could come in here: of members and clients, for the first."""
        if self.serving.role == "member":
            return [Person(self.serving.party, "member", self.serving.party)]
        found = []
        if EXCHANGE in self.books:
            with self.logins.reading(role(EXCHANGE, "supervisor")) as connection:
                first = dict(
                    connection.execute(
                        "SELECT DISTINCT ON (role) role, name FROM exchange.party WHERE role IN ('member', 'client') "
                        "ORDER BY role, id"
                    ).fetchall()
                )
            kinds: tuple[Role, ...] = ("member", "client")
            found = [
                Person("exchange", "exchange", EXCHANGE),
                Person("clerk", "exchange", EXCHANGE, "clerk"),
                Person("officer", "exchange", EXCHANGE, "officer"),
                *(Person(book, "bank", book) for book in self.books if book != EXCHANGE),
                *(Person(first[kind], kind, first[kind]) for kind in kinds if kind in first),
            ]
        else:
            found = [Person(book, "bank", book) for book in self.books]
        return [*found, Person("supervisor", "supervisor", "supervisor")]


def _declarations(store: Store, books: Sequence[str]) -> dict[str, str]:
    """The words with which each book was declared."""
    declarations = {}
    for book in books:
        with Ledger(store, book, "auditor") as ledger:
            ((declarations[book],),) = ledger.rows("SELECT document FROM {}.batch WHERE what = 'declare'")
    return declarations
