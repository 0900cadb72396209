"""The books of a ring made real for an attack: ledgers on a server, every login, one firm, the clients V and X, and their accounts."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from ringfence.attack.wanted import Places
from ringfence.database import SqlFile, Store, migrate_ledger
from ringfence.errors import BadInput
from ringfence.ledger import Binding, Caps, Ledger, Party, create_login
from ringfence.ledger.create import FUNCTIONS, STEPS
from ringfence.ledger.declaration import role
from ringfence.office.founding import (
    BANK,
    CLIENT,
    MEMBER,
    ONLOOKER,
    client_accounts,
    create_books,
    ledger_name,
    register_institutions,
)
from ringfence.ring import Book, Ring
from ringfence.ring.closure import OTHER, VICTIM

DAY = datetime.date(2020, 3, 6)
NAMES = {VICTIM: "v", OTHER: "x"}
BROUGHT_MINOR = 100_000_000_00


class Books:
    """The books of `ring` in `store`, under names of their own that begin with `prefix`.

    `left_out` are lines of the kernel's SQL without which they are made.
    """

    def __init__(self, store: Store, ring: Ring, prefix: str, left_out: Sequence[str] = ()) -> None:
        self.ring = ring
        self.places = Places(ring)
        self._store = store
        self._opened = ExitStack()
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._posted = 0
        self._batches: Counter[str] = Counter()
        self._left_out = left_out
        self._names = {book: ledger_name(prefix, book) for book in ring.books}
        create_books(store, ring, self._names)
        for name in ring.books:
            self._make(name)
        for name, book in ring.books.items():
            self._register(name, book)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def _make(self, name: str) -> None:
        create_login(self._store, self._names[name], ONLOOKER, "member")
        if self._left_out:
            migrate_ledger(self._store, self._names[name], role(self._names[name], "owner"), self._kernel(), STEPS)

    def _kernel(self) -> list[SqlFile]:
        """The kernel's functions without the lines that are left out. Errors: BadInput for a line that is not there, or twice."""
        found = list(FUNCTIONS)
        for line in self._left_out:
            having = [n for n, file in enumerate(found) if line in file.text]
            if len(having) != 1 or found[having[0]].text.count(line) != 1:
                raise BadInput("kernel", line, "a line that stands in the kernel once")
            found[having[0]] = found[having[0]]._replace(text=found[having[0]].text.replace(line, ""))
        return found

    def _register(self, name: str, book: Book) -> None:
        registrar = self.login(name, book.registers)
        register_institutions(registrar, self.ring, book)
        member = MEMBER if MEMBER in self.ring.parties else None
        registrar.register(
            parties=[Party(who, CLIENT, member, f"id-{who}") for who in NAMES.values()],
            accounts=[one for who in NAMES.values() for one in client_accounts(book, who, f"62-{who}")],
        )
        if book.confirms is not None and book.knows_clients:
            bindings = [Binding(who, BANK, f"62-{who}", f"id-{who}") for who in NAMES.values()]
            registrar.bind(bindings)
            self.login(name, book.confirms).confirm(bindings)
        for route_name, route in book.routes.items():
            if route.under is not None:
                self.limit(name, route_name, Caps(per_item_minor=BROUGHT_MINOR))
        self.login(name, book.closes).open_day(DAY)

    def limit(self, book: str, name: str, caps: Caps) -> None:
        """Let whoever grants the route say how far its asker may go, and no further as it did before."""
        route = self.ring.books[book].routes[name]
        if route.under is None:
            return
        grantor = self.login(book, route.under)
        self._posted += 1
        for before in self.login(book, route.asks).granted(name):
            grantor.revoke(f"end:{before.id}:{self._posted}", before.id)
        own = grantor.granted(name)[0]
        grantor.give(f"limit:{name}:{self._posted}", parent=own.id, grantee=route.asks, caps=caps)

    def open_day(self, day: datetime.date) -> None:
        """Open a booking day in every book."""
        for name, book in self.ring.books.items():
            self.login(name, book.closes).open_day(day)

    def close_day(self, book: str) -> None:
        """Close the day there, and open the next."""
        closing = self.login(book, self.ring.books[book].closes)
        closing.close_day(DAY)
        closing.open_day(DAY + datetime.timedelta(days=3))

    def close_all(self) -> None:
        """Close the day in every book; what must be zero then is."""
        for name, book in self.ring.books.items():
            self.login(name, book.closes).close_day(DAY)

    def login(self, book: str, person: str) -> Ledger:
        """The book as this person enters it."""
        if (book, person) not in self._ledgers:
            self._ledgers[book, person] = self._opened.enter_context(Ledger(self._store, self._names[book], person))
        return self._ledgers[book, person]
