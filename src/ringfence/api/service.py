"""What a serving process has open, from its start to its end."""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from ringfence.access import Door, Person, Role, create_access
from ringfence.api.checks import withdrawable
from ringfence.custody import (
    EXCHANGE,
    CircleVerdict,
    Equation,
    EquationReader,
    Live,
    Refusals,
    banks_of,
    require_untouched,
    verify_circle,
)
from ringfence.custody.carrying_out import CarryingOut
from ringfence.custody.requests import create_requests, limit_minor
from ringfence.database import Kept, Logins, Store
from ringfence.errors import RingfenceError
from ringfence.ledger import Ledger, role
from ringfence.ring import Ring

_VERIFIES_EVERY_S = 60.0

_log = logging.getLogger(__name__)


class Verified(NamedTuple):
    """A verdict, and when it was reached."""

    verdict: CircleVerdict
    at: datetime.datetime


class Verdicts:
    """Verifies what is new every minute; keeps the last verdict, of which there is a `first`."""

    def __init__(self, store: Store, banks: Sequence[str], first: CircleVerdict) -> None:
        self._store = store
        self._banks = tuple(banks)
        self._closing = threading.Event()
        self.last = Verified(first, datetime.datetime.now(datetime.UTC))
        self._thread = threading.Thread(target=self._go_on, name="ringfence verifier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._closing.wait(_VERIFIES_EVERY_S):
            try:
                verdict = verify_circle(self._store, self._banks, since_last=True)
            except (psycopg.Error, RingfenceError) as error:
                _log.warning("not verified: %s", error)
            else:
                self.last = Verified(verdict, datetime.datetime.now(datetime.UTC))


class SharedEquation:
    """Reads the equation for whoever asks, one after another."""

    def __init__(self, store: Store, banks: Sequence[str]) -> None:
        self._turn = threading.Lock()
        self._reader = Kept(store, lambda: EquationReader(store, banks))

    def read(self) -> Equation:
        """Read it now. Errors: StoreUnreachable."""
        with self._turn, self._reader.use() as reader:
            return reader.read()

    def close(self) -> None:
        """Leave the books."""
        self._reader.close()


@dataclass(frozen=True, slots=True)
class Service:
    """The running circle, the door to it, the logins through which it is read, and the verifier."""

    banks: tuple[str, ...]
    live: Live
    door: Door
    logins: Logins
    verdicts: Verdicts
    equation: SharedEquation
    refusals: Refusals
    carrying_out: CarryingOut
    # Whether the market is one of the past; what is to be done before the connections are closed.
    replay: bool
    ending: list[Callable[[], None]]
    declarations: Mapping[str, str]

    @classmethod
    @contextlib.contextmanager
    def open(cls, store: Store, *, replay: bool = False) -> Iterator[Service]:
        """Open the circle that is in `store`, once it is sure that nobody has changed its past.

        Errors: NoCircle; HeadMismatch; as the rooms below.
        """
        banks = banks_of(store)
        untouched = require_untouched(store, banks)
        create_access(store)
        create_requests(store)
        with contextlib.ExitStack() as opening:
            logins = opening.enter_context(Logins(store))
            live = opening.enter_context(Live(store, banks))
            verdicts = Verdicts(store, banks, untouched)
            opening.callback(verdicts.close)
            refusals = Refusals()
            carrying_out = opening.enter_context(CarryingOut(store, banks, live.follower, refusals, withdrawable))
            equation = SharedEquation(store, banks)
            opening.callback(equation.close)
            yield cls(
                banks=tuple(banks),
                live=live,
                door=Door(logins),
                logins=logins,
                verdicts=verdicts,
                equation=equation,
                refusals=refusals,
                carrying_out=carrying_out,
                replay=replay,
                ending=[],
                declarations=_declarations(store, banks),
            )

    def limit_minor(self) -> int | None:
        """Up to how much one person of the exchange lets a withdrawal pass alone, in fen; None where nobody may."""
        with self.logins.reading(role(EXCHANGE, "supervisor")) as connection:
            return limit_minor(connection)

    def declared_as(self, ring: Ring) -> bool:
        """Whether every book was declared as `ring` says, to the letter."""
        kinds = {EXCHANGE: "exchange"} | dict.fromkeys(self.banks, "bank")
        return all(
            self.declarations[book] == ring.books[kind].declaration().document(book) for book, kind in kinds.items()
        )

    @property
    def books(self) -> tuple[str, ...]:
        """Every book of the circle."""
        return (*self.banks, EXCHANGE)

    def reader(self, person_role: str, party: str, book: str) -> str | None:
        """The login through which a person reads a book; None where it may not."""
        if person_role == "supervisor" and book in self.books:
            return role(book, "supervisor")
        if book == EXCHANGE:
            logins = {"exchange": "auditor", "member": f"member_{party}", "client": "window"}
            return role(EXCHANGE, logins[person_role]) if person_role in logins else None
        return role(book, "auditor") if person_role == "bank" and party == book else None

    def somebody(self) -> list[Person]:
        """For each role, duty and bank somebody who could come in: of members and clients, for the first."""
        with self.logins.reading(role(EXCHANGE, "supervisor")) as connection:
            first = dict(
                connection.execute(
                    "SELECT DISTINCT ON (role) role, name FROM exchange.party WHERE role IN ('member', 'client') "
                    "ORDER BY role, id"
                ).fetchall()
            )
        found = [
            Person("exchange", "exchange", EXCHANGE),
            Person("clerk", "exchange", EXCHANGE, "clerk"),
            Person("officer", "exchange", EXCHANGE, "officer"),
            *(Person(bank, "bank", bank) for bank in self.banks),
        ]
        kinds: tuple[Role, ...] = ("member", "client")
        found += [Person(first[kind], kind, first[kind]) for kind in kinds if kind in first]
        return [*found, Person("supervisor", "supervisor", "supervisor")]


def _declarations(store: Store, banks: Sequence[str]) -> dict[str, str]:
    """The words with which each book was declared."""
    declarations = {}
    for book in (*banks, EXCHANGE):
        with Ledger(store, book, "auditor") as ledger:
            ((declarations[book],),) = ledger.rows("SELECT document FROM {}.batch WHERE what = 'declare'")
    return declarations
