"""A ring made real for an attack: its books on a server, with every login, one firm, the clients V and X, and V's money in them.

Persons act as the ring says that they do: one who conspires does what the others want, an honest one acts on papers that look
genuine and together name payee and amount. Whatever they do is posted through their own login, and the database has the last
word.
"""

from __future__ import annotations

import datetime
import re
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import psycopg

from ringfence.attack.wanted import Places
from ringfence.custody.history import Instant, Pair, history
from ringfence.database import SqlFile, Store, migrate_ledger
from ringfence.errors import BadInput
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
from ringfence.ledger.create import FUNCTIONS, STEPS
from ringfence.ledger.declaration import role
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

    def __init__(self, store: Store, ring: Ring, prefix: str, left_out: Sequence[str] = ()) -> None:
        self.ring = ring
        self.places = Places(ring)
        self._store = store
        self._opened = ExitStack()
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._posted = 0
        self._batches: dict[str, int] = {}
        self._left_out = left_out
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

    def pay_in(self, amount_minor: int) -> None:
        """Let V pay in honestly: the money comes to the pool, and then the claim on it to V."""
        for pair in self.pairs():
            for name, kind in ((pair.book, pair.pool), (pair.claims, self._claimed(pair.claims))):
                book = self.ring.books[name]
                for route in self._shortest(book, kind, book.units[0]):
                    self._must(self.walk(self.honestly(name, route, amount_minor), book.units[0]))

    def _claimed(self, book: str) -> str:
        """The kind in which the book says what somebody is owed."""
        kinds = self.ring.books[book].kinds
        return next(name for name, kind in kinds.items() if kind.owner == "client" or kind.circle)

    @staticmethod
    def _must(refused: Refusal | None) -> None:
        if refused is not None:
            raise BadInput("walk", str(refused), "a walk that is let through")

    def pairs(self) -> list[Pair]:
        """The pools of clients' money that another book mirrors, by the names of the ring's books."""
        found = []
        for name, book in self.ring.books.items():
            for kind, declared in book.kinds.items():
                if declared.mirrors is not None:
                    of, _, pool = declared.mirrors.partition(".")
                    kinds = self.ring.books[of].kinds
                    passing = tuple(
                        one for one, that in kinds.items() if that.owner == "member" and one == "member-transit"
                    )
                    found.append(Pair(of, pool, name, kind, None, passing))
        return found

    def history(self, pair: Pair) -> list[Instant]:
        """Every instant of a pair of pool and claims."""
        named = replace(pair, book=self._names[pair.book], claims=self._names[pair.claims])
        reading = {
            self._names[name]: self.login(name, self.ring.books[name].closes).connection
            for name in (pair.book, pair.claims)
        }
        return history(reading, named)

    def close_day(self, book: str) -> None:
        """Close the day there, and open the next."""
        closing = self.login(book, self.ring.books[book].closes)
        closing.close_day(DAY)
        closing.open_day(DAY + datetime.timedelta(days=3))

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
            if one.invariant in ("free", "non-positive") and not one.zero_at_close and one.owner != "client"
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
        instruction = self.instruction(walk, unit)
        confirmed = self._confirmed(walk.book, route) if walk.confirmed else None
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

    def attempt(
        self, book: str, person: str, walk: Walk, *, payee: str | None = None, day: datetime.date | None = None
    ) -> Refusal | None:
        """Ask for it, once, through the login of somebody who may not be asked to. Errors: Powerless."""
        asked = self.instruction(walk)
        asked = replace(asked, payee=asked.payee if payee is None else payee, value_date=day or asked.value_date)
        try:
            return self._post(book, person, asked, None).refusal
        except psycopg.errors.InsufficientPrivilege as error:
            raise Powerless(self.login(book, person).login) from error

    def post(self, book: str, person: str, instruction: Instruction) -> Outcome:
        """Post an instruction as it is, in a batch of the bank's where its route demands one."""
        route = self.ring.books[book].routes[instruction.route]
        return self._post(book, person, instruction, self._confirmed(book, route))

    def at_once(self, walks: Sequence[Walk], together: threading.Barrier) -> list[Outcome]:
        """Ask for all of them at the same moment, each through its asker's login and a thread of its own."""
        asks = [
            (self.login(walk.book, self.ring.books[walk.book].routes[walk.route].asks), self.instruction(walk))
            for walk in walks
        ]
        outcomes: list[Outcome | None] = [None] * len(walks)

        def ask(place: int, ledger: Ledger, instruction: Instruction) -> None:
            together.wait(timeout=30)
            outcomes[place] = ledger.post([instruction]).outcomes[0]

        threads = [threading.Thread(target=ask, args=(place, *asked)) for place, asked in enumerate(asks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        return [outcome for outcome in outcomes if outcome is not None]

    def release(self, book: str, held: Outcome) -> None:
        """Give back what an outcome holds in a book, as whoever finishes there."""
        finishes = self.ring.books[book].routes[held.instruction.route].finishes
        if finishes is not None and held.posting is not None:
            given_back = replace(self._again(held.instruction, held.posting), action=Action.RELEASE)
            if refused := self._post(book, finishes, given_back, None).refusal:
                raise AssertionError(refused)

    def _post(self, book: str, person: str, instruction: Instruction, confirmed: tuple[str, int] | None) -> Outcome:
        return self.login(book, person).post([instruction], confirmed).outcomes[0]

    def _confirmed(self, book: str, route: RouteOfBook) -> tuple[str, int] | None:
        return ("bank", self._next_batch(book)) if "bank-confirmed" in route.relations else None

    def _next_batch(self, book: str) -> int:
        self._batches[book] = self._batches.get(book, 0) + 1
        return self._batches[book]

    def instruction(self, walk: Walk, unit: str | None = None) -> Instruction:
        """What is posted for it: on the booking day, with the registered account of whoever it is for."""
        route = self.ring.books[walk.book].routes.get(walk.route)
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
        # Where clients are known a posting is for one of them.
        about = self.ring.books[walk.book].knows_clients
        return Instruction(
            f"attack:{self._posted}", walk.route, client if about else self.ring.books[walk.book].kept_by, path,
            walk.amount_minor, ledger.day, action=action, payee=f"62-{client}" if about else "",
        )  # fmt: skip


def ledger_name(prefix: str, book: str) -> str:
    """A name that the database takes."""
    name = re.sub("[^a-z0-9_]", "_", f"r_{prefix}_{book}".lower())
    return name[:41]
