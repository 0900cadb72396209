"""A ring made real for an attack: its books on a server, with every login, one firm, the clients V and X, and V's money in them.

Persons act as the ring says that they do: one who conspires does what the others want, an honest one acts on papers that look
genuine and together name payee and amount. Whatever they do is posted through their own login, and the database has the last
word.
"""

from __future__ import annotations

import datetime
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg

from ringfence.attack.books import BROUGHT_MINOR, NAMES, Books
from ringfence.custody.history import Instant, Pair, history
from ringfence.custody.segregation import Segregation, segregation
from ringfence.errors import BadInput
from ringfence.ledger import (
    Action,
    Instruction,
    Ledger,
    Outcome,
    Refusal,
)
from ringfence.ring.closure import VICTIM, Place
from ringfence.ring.ring import Book


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


class World(Books):
    """The books of a ring with what stands in them, and persons who walk its routes."""

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
        """The pools of clients' money that another book mirrors, by the names of the ring's books.

        A pool of the same book that nothing mirrors is passed through: nobody would know whose it is that stays there.
        """
        mirrors = [
            (name, kind, declared.mirrors)
            for name, book in self.ring.books.items()
            for kind, declared in book.kinds.items()
            if declared.mirrors is not None
        ]
        known = {mirrored for _, _, mirrored in mirrors}
        pools = [place for place in self.places.all() if self.places.is_pool(place)]
        found = []
        for name, kind, mirrored in mirrors:
            of, _, pool = mirrored.partition(".")
            passing = [one.kind for one in pools if one.book == of and f"{of}.{one.kind}" not in known]
            found.append(Pair(of, pool, name, kind, None, tuple(passing)))
        return found

    def segregation(self, day: datetime.date) -> list[Segregation]:
        """What is held and what must be at the end of that booking day."""
        books = {name: [self.login(name, book.closes)] for name, book in self.ring.books.items()}
        return segregation(self.ring, books, day)

    def history(self, pair: Pair) -> list[Instant]:
        """Every instant of a pair of pool and claims."""
        named = replace(pair, book=self._names[pair.book], claims=self._names[pair.claims])
        reading = {
            self._names[name]: self.login(name, self.ring.books[name].closes).connection
            for name in (pair.book, pair.claims)
        }
        return history(reading, named)

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
            claims = book.knows_clients and book.keeps_claims
            for kind, declared in book.kinds.items():
                # A pool among claims is of nobody known; nothing waits there.
                if declared.owner == "client" or (declared.circle and not claims):
                    self._bring(name, kind)

    def _bring(self, book: str, kind: str) -> None:
        declared = self.ring.books[book]
        place = Place(book, kind, VICTIM if declared.kinds[kind].owner == "client" else declared.kinds[kind].owner)
        for unit in self.places.units(place):
            if self.balance(place, unit) < BROUGHT_MINOR // 2:
                for route in self._shortest(declared, kind, unit):
                    self._must(self.walk(self.honestly(book, route, BROUGHT_MINOR), unit))

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
                kept = all(unit in book.units_of(step) for step in route.path)
                if (
                    route.path[0] == here
                    and route.path[-1] not in found
                    and kept
                    and (route.proofs or here not in begins)
                ):
                    found[route.path[-1]] = [*found[here], name]
                    waiting.append(route.path[-1])
        return found.get(kind, [])

    def walk(self, walk: Walk, unit: str | None = None) -> Refusal | None:
        """Post it through the login of whoever asks, and of whoever finishes; what refuses it, if anything does.

        Where it is `confirmed`, a bank's batch is named that it takes over, as the link does.
        """
        route = self.ring.books[walk.book].routes[walk.route]
        if route.finishes is None:
            return self._post(walk.book, route.asks, self.instruction(walk, unit), self._confirmed(walk)).refusal
        held = self.hold(walk, unit)
        return held.refusal or self.post_held(walk, held)

    def hold(self, walk: Walk, unit: str | None = None) -> Outcome:
        """Ask for it on a route that goes by hold, and leave it held."""
        asker = self.ring.books[walk.book].routes[walk.route].asks
        return self._post(walk.book, asker, self.instruction(walk, unit), None)

    def post_held(self, walk: Walk, held: Outcome) -> Refusal | None:
        """Post what an outcome holds, as whoever finishes."""
        return self._finish(walk.book, held, Action.POST_HELD, self._confirmed(walk))

    def release(self, book: str, held: Outcome) -> Refusal | None:
        """Give back what an outcome holds in a book, as whoever finishes there."""
        return self._finish(book, held, Action.RELEASE, None)

    def _finish(self, book: str, held: Outcome, action: Action, confirmed: tuple[str, int] | None) -> Refusal | None:
        asked = held.instruction
        finishes = self.ring.books[book].routes[asked.route].finishes
        if finishes is None or held.posting is None:
            raise BadInput("route", asked.route, "one that is held, and what it holds")
        finishing = replace(asked, key=f"{asked.key}:{action.name}", action=action, hold=held.posting)
        return self._post(book, finishes, finishing, confirmed).refusal

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

    def post(self, walk: Walk, instruction: Instruction) -> Outcome:
        """Post an instruction as it is, as whoever asks for such a walk."""
        asker = self.ring.books[walk.book].routes[walk.route].asks
        return self._post(walk.book, asker, instruction, self._confirmed(walk))

    def at_once(self, walks: Sequence[Walk]) -> list[Outcome]:
        """Ask for all of them at the same moment, each through its asker's login and a thread of its own."""
        together = threading.Barrier(len(walks))
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

    def _post(self, book: str, person: str, instruction: Instruction, confirmed: tuple[str, int] | None) -> Outcome:
        return self.login(book, person).post([instruction], confirmed).outcomes[0]

    def _confirmed(self, walk: Walk) -> tuple[str, int] | None:
        """The bank's next batch, where the route demands that one is taken over."""
        if not walk.confirmed or "bank-confirmed" not in self.ring.books[walk.book].routes[walk.route].relations:
            return None
        self._batches[walk.book] += 1
        return "bank", self._batches[walk.book]

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
