"""The books of a ring made real for an attack: ledgers on a server, every login, one firm, the clients V and X, and their accounts."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from ringfence.attack.wanted import Places
from ringfence.database import SqlFile, Store, migrate_ledger
from ringfence.errors import BadInput
from ringfence.ledger import AccountName, Binding, Caps, Ledger, Party, create_ledger, create_login
from ringfence.ledger.create import FUNCTIONS, STEPS
from ringfence.ledger.declaration import role
from ringfence.ring import Book, Ring
from ringfence.ring.closure import OTHER, VICTIM

DAY = datetime.date(2020, 3, 6)
NAMES = {VICTIM: "v", OTHER: "x"}
# The firm's login that reads and can do nothing else, in every book that is not its own.
ONLOOKER = "onlooker"
LONGEST_NAME = 41
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
        for name, book in ring.books.items():
            self._make(name, book)
        for name, book in ring.books.items():
            self._register(name, book)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def _make(self, name: str, book: Book) -> None:
        create_ledger(self._store, self._names[name], book.declaration())
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
        member = "member" if "member" in self.ring.parties else None
        clients = [Party(name, "client", member, f"id-{name}") for name in NAMES.values()]
        registrar.register(
            parties=[*(Party(name, name) for name in self.ring.parties if name != "client"), *clients],
            accounts=[
                (AccountName(kind, NAMES.get(owner, owner), unit), self._number(name, kind, owner, unit))
                for kind, declared in book.kinds.items()
                for owner in ((VICTIM, OTHER) if declared.owner == "client" else (declared.owner,))
                for unit in book.units_of(kind)
            ],
        )
        if book.confirms is not None and book.knows_clients:
            bindings = [Binding(who, "bank", f"62-{who}", f"id-{who}") for who in NAMES.values()]
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

    def _number(self, book: str, kind: str, owner: str, unit: str) -> str | None:
        """The number of a client's bank account: of its first kind in a book where the money itself is."""
        declared = self.ring.books[book]
        if owner not in NAMES or declared.keeps_claims or unit != declared.units[0]:
            return None
        first = next(name for name, one in declared.kinds.items() if one.owner == "client")
        return f"62-{NAMES[owner]}" if kind == first else None

    def login(self, book: str, person: str) -> Ledger:
        """The book as this person enters it."""
        if (book, person) not in self._ledgers:
            self._ledgers[book, person] = self._opened.enter_context(Ledger(self._store, self._names[book], person))
        return self._ledgers[book, person]


def ledger_name(prefix: str, book: str) -> str:
    """A name that the database takes; two long ones that begin alike stay two."""
    name = re.sub("[^a-z0-9_]", "_", f"r_{prefix}_{book}".lower())
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
