"""A ring made real for an attack: its books on a server, with every login, one firm, the clients V and X, and V's money in them.

Persons act as the ring says that they do: one who conspires does what the others want, an honest one acts on papers that look
genuine and together name payee and amount. Whatever they do is posted through their own login, and the database has the last
word.
"""

from __future__ import annotations

import datetime
import re
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from ringfence.attack.wanted import Places
from ringfence.database import Store
from ringfence.ledger import (
    AccountName,
    Action,
    Binding,
    Caps,
    Instruction,
    Ledger,
    Outcome,
    Party,
    Refusal,
    create_ledger,
    create_login,
)
from ringfence.ring import Ring
from ringfence.ring.closure import OTHER, VICTIM, Place
from ringfence.ring.ring import Book, RouteOfBook

DAY = datetime.date(2020, 3, 6)
NAMES = {VICTIM: "v", OTHER: "x"}
# The firm's login that reads and can do nothing else, in every book that is not its own.
ONLOOKER = "onlooker"
BROUGHT_MINOR = 100_000_000_00


class Powerless(Exception):
    """The database let a login post nothing at all: `login`."""

    def __init__(self, login: str) -> None:
        super().__init__(login)
        self.login = login


@dataclass(frozen=True, slots=True)
class Walk:
    """A posting that is asked for: on `route` of `book`, for whom, from whose place to whose."""

    book: str
    route: str
    client: str
    source: Place
    target: Place
    amount_minor: int
    confirmed: bool = True


class World:
    """The books of `ring` in `store`, under names of their own that begin with `prefix`."""

    def __init__(self, store: Store, ring: Ring, prefix: str) -> None:
        self.ring = ring
        self.places = Places(ring)
        self._store = store
        self._opened = ExitStack()
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._posted = 0
        self._batches: dict[str, int] = {}
        self._names = {book: ledger_name(prefix, book) for book in ring.books}
        for name, book in ring.books.items():
            self._make(name, book)
        for name, book in ring.books.items():
            self._register(name, book)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    # -- making it --------------------------------------------------------------------------------------------------------

    def _make(self, name: str, book: Book) -> None:
        create_ledger(self._store, self._names[name], book.declaration())
        create_login(self._store, self._names[name], ONLOOKER, "member")

    def _register(self, name: str, book: Book) -> None:
        registrar = self.login(name, book.registers)
        firms = [role for role in self.ring.parties if role == "member"]
        others = [role for role in self.ring.parties if role not in ("client", "member")]
        clients = [Party(NAMES[one], "client", "member" if firms else None, f"id-{NAMES[one]}") for one in NAMES]
        registrar.register(
            parties=[
                *(Party(role, role) for role in (*others, *firms)),
                *(clients if "client" in self.ring.parties else []),
            ],
            accounts=[
                (AccountName(kind, NAMES.get(owner, owner), unit), self._number(name, kind, owner, unit))
                for kind, declared in book.kinds.items()
                for owner in ((VICTIM, OTHER) if declared.owner == "client" else (declared.owner,))
                for unit in declared.units or book.units
            ],
        )
        if book.confirms is not None and book.knows_clients:
            bindings = [Binding(who, "bank", f"62-{who}", f"id-{who}") for who in NAMES.values()]
            registrar.bind(bindings)
            self.login(name, book.confirms).confirm(bindings)
        for route_name, route in book.routes.items():
            if route.under is not None:
                grantor = self.login(name, route.under)
                own = grantor.granted(route_name)[0]
                caps = Caps(per_item_minor=BROUGHT_MINOR)
                grantor.give(f"limit:{route_name}", parent=own.id, grantee=route.asks, caps=caps)
        self.login(name, book.closes).open_day(DAY)

    def _number(self, book: str, kind: str, owner: str, unit: str) -> str | None:
        """The number of a client's bank account: of its first kind in a book where the money itself is."""
        declared = self.ring.books[book]
        if owner not in NAMES or any(one.mirrors for one in declared.kinds.values()) or unit != declared.units[0]:
            return None
        first = next(name for name, one in declared.kinds.items() if one.owner == "client")
        return f"62-{NAMES[owner]}" if kind == first else None

    def login(self, book: str, person: str) -> Ledger:
        """The book as this person enters it."""
        if (book, person) not in self._ledgers:
            self._ledgers[book, person] = self._opened.enter_context(Ledger(self._store, self._names[book], person))
        return self._ledgers[book, person]

    # -- what is there ----------------------------------------------------------------------------------------------------

    def balance(self, place: Place, unit: str | None = None) -> int:
        """What stands at the place, in the unit's minor part."""
        ledger = self.login(place.book, self.ring.books[place.book].closes)
        code = unit or self.places.units(place)[0]
        return ledger.balances(place.kind, code).get(NAMES.get(place.owner, place.owner), 0)

    def difference_minor(self) -> int:
        """The money equation: what the places that other books mirror hold, less what those books say, where it is worst."""
        worst = 0
        for name, book in self.ring.books.items():
            for kind, declared in book.kinds.items():
                if declared.mirrors is None:
                    continue
                of, _, mirrored = declared.mirrors.partition(".")
                unit = book.units[0]
                there = sum(self.login(of, self.ring.books[of].closes).balances(mirrored, unit).values())
                said = sum(self.login(name, book.closes).balances(kind, unit).values())
                worst = max(worst, there + said, -there - said, key=abs)
        return worst

    # -- what happens -----------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Let V's money, and what else is the clients', reach every place where it stands in this ring, on honest ways."""
        for name, book in self.ring.books.items():
            claims = book.knows_clients and any(kind.mirrors for kind in book.kinds.values())
            for kind, declared in book.kinds.items():
                # A pool among claims is of nobody known; nothing waits there.
                if declared.owner == "client" or (declared.circle and not claims):
                    self._bring(name, kind)

    def _bring(self, book: str, kind: str) -> None:
        declared = self.ring.books[book]
        place = Place(book, kind, VICTIM if declared.kinds[kind].owner == "client" else declared.kinds[kind].owner)
        for unit in self.places.units(place):
            way = self._shortest(declared, kind, unit)
            for route in way if self.balance(place, unit) < BROUGHT_MINOR // 2 else ():
                self.walk(self.honestly(book, route, BROUGHT_MINOR), unit)

    def honestly(self, book: str, route: str, amount_minor: int) -> Walk:
        """The walk on this route for V."""
        kinds = self.ring.books[book].kinds
        path = self.ring.books[book].routes[route].path
        source, target = (
            Place(book, kind, VICTIM if kinds[kind].owner == "client" else kinds[kind].owner)
            for kind in (path[0], path[-1])
        )
        return Walk(book, route, VICTIM, source, target, amount_minor)

    def _shortest(self, book: Book, kind: str, unit: str) -> list[str]:
        """Routes that lead from where value comes from to this kind, the fewest."""
        begins = [
            name
            for name, one in book.kinds.items()
            if one.invariant in ("free", "non-positive") and not one.zero_at_close
        ]
        found: dict[str, list[str]] = {name: [] for name in begins}
        waiting = deque(begins)
        while waiting:
            here = waiting.popleft()
            for name, route in book.routes.items():
                kept = all(unit in (book.kinds[step].units or book.units) for step in route.path)
                if route.path[0] == here and route.path[-1] not in found and kept and route.proofs:
                    found[route.path[-1]] = [*found[here], name]
                    waiting.append(route.path[-1])
        return found.get(kind, [])

    def walk(self, walk: Walk, unit: str | None = None) -> Refusal | None:
        """Post it through the login of whoever asks, and of whoever finishes; what refuses it, if anything does.

        Where it is `confirmed`, a bank's batch is named that it takes over, as the link does.
        """
        route = self.ring.books[walk.book].routes[walk.route]
        instruction = self._instruction(walk, route, unit)
        confirmed = (
            ("bank", self._next_batch(walk.book)) if "bank-confirmed" in route.relations and walk.confirmed else None
        )
        if route.finishes is None:
            return self._post(walk.book, route.asks, instruction, confirmed).refusal
        held = self._post(walk.book, route.asks, instruction, None)
        if held.refusal or held.posting is None:
            return held.refusal
        finished = self._again(instruction, held.posting)
        return self._post(walk.book, route.finishes, finished, confirmed).refusal

    def _again(self, asked: Instruction, hold: int) -> Instruction:
        return Instruction(
            f"{asked.key}:posted", asked.route, asked.subject, asked.path, asked.amount_minor, asked.value_date,
            action=Action.POST_HELD, hold=hold, payee=asked.payee,
        )  # fmt: skip

    def attempt(self, book: str, person: str, walk: Walk, unit: str | None = None) -> Refusal | None:
        """Ask for it, once, through the login of somebody who may not be asked to. Errors: Powerless."""
        route = self.ring.books[book].routes.get(walk.route)
        instruction = self._instruction(walk, route, unit)
        try:
            return self._post(book, person, instruction, None).refusal
        except psycopg.errors.InsufficientPrivilege as error:
            raise Powerless(self.login(book, person).login) from error

    def _post(self, book: str, person: str, instruction: Instruction, confirmed: tuple[str, int] | None) -> Outcome:
        return self.login(book, person).post([instruction], confirmed).outcomes[0]

    def _next_batch(self, book: str) -> int:
        self._batches[book] = self._batches.get(book, 0) + 1
        return self._batches[book]

    def _instruction(self, walk: Walk, route: RouteOfBook | None, unit: str | None) -> Instruction:
        ledger = self.login(walk.book, self.ring.books[walk.book].closes)
        kinds = self.ring.books[walk.book].kinds
        code = unit or self.places.common_unit(walk.source, walk.target)
        between = route.path[1:-1] if route else ()
        path = (
            ledger.account(walk.source.kind, NAMES.get(walk.source.owner, walk.source.owner), code),
            *(ledger.account(kind, kinds[kind].owner, code) for kind in between),
            ledger.account(walk.target.kind, NAMES.get(walk.target.owner, walk.target.owner), code),
        )
        self._posted += 1
        client = NAMES[walk.client]
        action = Action.HOLD if route and route.finishes else Action.POST
        about = self._about(walk.book, route)
        return Instruction(
            f"attack:{self._posted}", walk.route, client if about else self.ring.books[walk.book].kept_by, path,
            walk.amount_minor, DAY, action=action, payee=f"62-{client}" if about else "",
        )  # fmt: skip

    def _about(self, book: str, route: RouteOfBook | None) -> bool:
        """Whether clients are known there: a posting is for one of them then."""
        return self.ring.books[book].knows_clients


def ledger_name(prefix: str, book: str) -> str:
    """A name that the database takes."""
    name = re.sub("[^a-z0-9_]", "_", f"r_{prefix}_{book}".lower())
    return name[:41]
