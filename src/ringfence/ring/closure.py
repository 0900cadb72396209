"""Whether a ring is closed: the smallest coalitions that could take client money, lose it, or hide that it is gone.

V is any client whose money it is; everybody else may conspire: every person of every institution, another client X, and
- apart, because it is another assumption - the *operator* of a book, who stands above its kernel. A route is walked on
papers (the proofs), each of which is

    good        it says what is true
    forged      it looks genuine and is not: those who make it conspire, or it reports a posting that was itself bad
    waved       it is missing or plainly false, and who checks it conspires

An honest person acts on papers that look genuine and together name payee and amount, and on nothing else. Relations are
checked by the kernel: they hold, except that a registered account is false once everybody who registers and confirms it
conspires. The operator of a book walks its routes with every check waved; what no route carries `ringfence verify` finds.

A posting is *bad* if a proof is bad, or if no good ones name payee and amount. Value is *taken* if a bad posting brings
it out of V's account, a pool of clients' money, a run of the settlement, or from nothing, to a place of a conspirator or
to the outside; it is *lost* if V's, the pool's or the run's value reaches anybody at all. It is *hidden* if moreover every
record that would show a place or a paper of the path is silenced.

Every way of walking a route is a Horn clause: who must conspire, and which forged papers it needs. Each fact keeps the
antichain of its smallest coalitions, with the records that see it; a worklist carries them to the fixpoint, and each
remembers the step that made it, so that a path can be told. Sets are the bits of one integer: inclusion is one `&`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ringfence.ring.checks import operator
from ringfence.ring.ring import Book, Ring, RouteOfBook
from ringfence.ring.who import Group, groups

VICTIM = "client V"
OTHER = "client X"
COOL_OFF = "after cool-off"
GRANT = "within grant-of "
GOOD, FORGED, WAVED = "good", "forged", "waved"
NAMED = frozenset({"payee", "amount"})


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of account of a book, and whose: V, X, or the party."""

    book: str
    kind: str
    owner: str


@dataclass(frozen=True, slots=True)
class Step:
    """One bad posting on `route` for `client`, from a place to a place; `papers` are those that were not good."""

    route: str
    client: str
    source: Place
    target: Place
    papers: tuple[tuple[str, str], ...]
    above: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How a fact comes about: `bits` are its conspirators and the records that see it."""

    bits: int
    step: Step | None = None
    premises: tuple[Way, ...] = ()

    def steps(self) -> Iterator[Step]:
        """The bad postings, those first on which the others rest."""
        for premise in self.premises:
            yield from premise.steps()
        if self.step:
            yield self.step


Antichain = list[Way]


def book_of(dotted: str) -> str:
    """The book of a route or a kind that is written as `book.name`."""
    return dotted.partition(".")[0]


def smallest(ways: Iterable[Way]) -> Antichain:
    """Those that contain no other; of equal ones the first."""
    kept: Antichain = []
    for way in sorted(ways, key=lambda way: way.bits.bit_count()):
        if not any(other.bits & way.bits == other.bits for other in kept):
            kept.append(way)
    return kept


def together(choices: Iterable[Antichain]) -> Antichain:
    """One of each choice, in every combination: the smallest unions."""
    found: Antichain = [Way(0)]
    for choice in choices:
        found = smallest(
            Way(way.bits | more.bits, None, way.premises + ((more,) if more.step or more.premises else ()))
            for way, more in itertools.product(found, choice)
        )
    return found


class Closure:
    """The fixpoint of one ring: for every movement of value that is bad, the smallest coalitions that bring it about."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        # The records have the lowest bits, the conspirators those above: a record may be called like a person.
        self._record = {name: 1 << n for n, name in enumerate(ring.records)}
        self._recorded = (1 << len(ring.records)) - 1
        self._conspirator: dict[str, int] = {}
        self.routes = {f"{b}.{r}": (b, route) for b, book in ring.books.items() for r, route in book.routes.items()}
        self._makes: dict[str, list[tuple[str, bool]]] = {}
        for name, proof in ring.proofs.items():
            for route in proof.from_hold:
                self._makes.setdefault(route, []).append((name, True))
            for route in proof.from_posting:
                self._makes.setdefault(route, []).append((name, False))
        self.bad: dict[tuple[Place, Place], Antichain] = {}
        self._forged: dict[tuple[str, str], Antichain] = {}
        with_clients = [name for name, book in ring.books.items() if book.knows_clients]
        self._false_account = self._falsely_registered(with_clients, COOL_OFF)
        self._solve()

    # -- sets ---------------------------------------------------------------------------------------------------------

    def _one(self, name: str) -> int:
        return self._conspirator.setdefault(name, 1 << len(self._record) + len(self._conspirator))

    def any_of(self, choice: Iterable[Group]) -> Antichain:
        """One of these groups."""
        return smallest(Way(self._bits_of(group)) for group in choice)

    def coalition(self, way: Way) -> Group:
        """The conspirators of the way, bounds included."""
        return frozenset(name for name, one in self._conspirator.items() if way.bits & one)

    def seen_by(self, way: Way) -> tuple[str, ...]:
        """The records that see a place or a paper of the way."""
        return tuple(name for name, one in self._record.items() if way.bits & one)

    def _bits_of(self, group: Group) -> int:
        return sum(map(self._one, group))

    def joined(self, way: Way, group: Group) -> Way:
        """The same way with more conspirators."""
        return Way(way.bits | self._bits_of(group), way.step, way.premises)

    def instead_of_other(self, way: Way, straw: Way) -> Way:
        """The same way with a straw man and those who register it, where it had a client X who conspires."""
        return Way(way.bits & ~self._one(OTHER) | straw.bits, way.step, way.premises)

    def without_records(self, way: Way) -> Way:
        """The same way, compared by its conspirators alone."""
        return Way(way.bits & ~self._recorded, way.step, way.premises)

    # -- what a ring says -----------------------------------------------------------------------------------------------

    def _falsely_registered(self, books: Iterable[str], *bounds: str) -> Antichain:
        """Who can register in all these books what is not true: the registrar, and who confirms or whose word is confirmed.

        Where nobody confirms, the registrar alone.
        """
        registrars = {n: f"{b.kept_by}.{b.registers}" for n, b in self.ring.books.items() if b.knows_clients}
        choices = []
        for name in books:
            book = self.ring.books[name]
            if book.confirms is None:
                choices.append(self.any_of([frozenset({registrars[name], *bounds})]))
                continue
            seconds = {f"{book.kept_by}.{book.confirms}", *registrars.values()} - {registrars[name]}
            choices.append(self.any_of(frozenset({registrars[name], second, *bounds}) for second in sorted(seconds)))
        return together(choices)

    def straw(self, book: str) -> Antichain:
        """Who can open accounts for a straw man in the book: and, where it holds claims, in the book that pays them."""
        mirrored = {book_of(kind.mirrors) for kind in self.ring.books[book].kinds.values() if kind.mirrors}
        knowing = {name for name in mirrored if self.ring.books[name].knows_clients}
        return self._falsely_registered(sorted({book, *knowing}))

    def _protected(self, place: Place) -> bool:
        """Whether what leaves the place without good papers is the clients', or arises from nothing."""
        return self.clients_own(place) or self._from_nothing(place)

    def _from_nothing(self, place: Place) -> bool:
        """Whether more can leave the place than is there."""
        return self.ring.books[place.book].kinds[place.kind].invariant in ("free", "non-positive")

    def clients_own(self, place: Place) -> bool:
        """Whether it is V's, in a pool of clients' money, or in a run of the settlement."""
        kind = self.ring.books[place.book].kinds[place.kind]
        return place.owner == VICTIM or kind.circle or kind.zero_at_close

    # -- the fixpoint ---------------------------------------------------------------------------------------------------

    def _solve(self) -> None:
        for name, proof in self.ring.proofs.items():
            made = groups(proof.made_by)
            reporting = sorted({book_of(route) for route in (*proof.from_hold, *proof.from_posting)})
            above = [frozenset({operator(self.ring.books[book], book)}) for book in reporting]
            for client in (VICTIM, OTHER):
                # V signs nothing false about V; X does about X.
                possible = (
                    (group - {"client"}) | {OTHER} if "client" in group else group
                    for group in made
                    if client == OTHER or "client" not in group
                )
                self._forged[name, client] = self.any_of([*possible, *above])
        uses: dict[str, set[str]] = {}
        for name, (_, route) in self.routes.items():
            for paper in route.proofs:
                uses.setdefault(paper, set()).add(name)
        waiting = dict.fromkeys(self.routes)
        while waiting:
            name = next(iter(waiting))
            del waiting[name]
            for paper in self._walk(name):
                waiting.update(dict.fromkeys(uses.get(paper, ())))

    @staticmethod
    def _add(facts: dict[Any, Antichain], fact: Any, ways: Antichain) -> bool:
        """Whether they make the fact's antichain another one."""
        before = facts.get(fact, [])
        after = smallest([*before, *ways])
        facts[fact] = after
        return {way.bits for way in after} != {way.bits for way in before}

    def _walk(self, name: str) -> set[str]:
        """Walk the route in every bad way that is known by now; the proofs of which more can be forged thereby."""
        changed = set()
        book_name, route = self.routes[name]
        for client, source, target, false_account in self._instances(book_name, route):
            if not self._protected(source):
                continue
            for states in itertools.product((GOOD, FORGED, WAVED), repeat=len(route.proofs)):
                papers = dict(zip(route.proofs, states, strict=True))
                if false_account:
                    papers["registered-account"] = FORGED
                changed |= self._post(name, client, source, target, papers)
        for client, source, target in self._above(book_name, route):
            if self._protected(source):
                papers = dict.fromkeys((*route.proofs, *route.relations), WAVED)
                changed |= self._post(name, client, source, target, papers, above=True)
        return changed

    def _post(
        self, name: str, client: str, source: Place, target: Place, papers: dict[str, str], *, above: bool = False
    ) -> set[str]:
        book_name, route = self.routes[name]
        book = self.ring.books[book_name]
        at_asking = {p: state for p, state in papers.items() if p not in self.ring.for_the_finisher(book, route)}
        clients = (client,) if self._about_a_client(book, route) else (VICTIM, OTHER)
        changed = set()

        def made(ways: Antichain, of: dict[str, str]) -> Antichain:
            not_good = tuple((p, state) for p, state in of.items() if state != GOOD)
            known = {f"{book_name}.{kind}" for kind in route.path}.union(paper for paper, _ in not_good)
            seen = sum(
                one for record, one in self._record.items() if known.intersection(self.ring.records[record].sees)
            )
            step = Step(name, client, source, target, not_good, above)
            return [Way(way.bits | seen, step, way.premises) for way in ways]

        def reported(ways: Antichain, on_hold: bool) -> None:
            for proof, made_on_hold in self._makes.get(name, ()):
                for whose in clients if made_on_hold == on_hold else ():
                    if self._add(self._forged, (proof, whose), ways):
                        changed.add(proof)

        # What leaves a run another has paid into it on the same paper, which is therefore forged for that client too.
        run = book.kinds[source.kind].zero_at_close
        about = (VICTIM, OTHER) if run else (client,)
        asked = self._asked(book, book_name, route, about, at_asking, above)
        untrue = not self._true_of(client, source, target)
        if untrue and route.finishes and self._is_bad(at_asking):
            reported(made(asked, at_asking), on_hold=True)
        if self._is_bad(papers):
            finished = made(self._finished(book, route, about, papers, asked, above), papers)
            if untrue:
                reported(finished, on_hold=False)
            if not self.clients_own(target) and not self._lands_elsewhere(target, route, papers):
                self._add(self.bad, (source, target), finished)
        return changed

    def _true_of(self, client: str, source: Place, target: Place) -> bool:
        """Whether a report of such a posting is true all the same: what moved is the client's, or a pool's, and stays so."""
        if all(self.ring.books[p.book].kinds[p.kind].circle for p in (source, target)):
            return True
        owners = {p.owner for p in (source, target) if self.ring.books[p.book].kinds[p.kind].owner == "client"}
        return owners == {client} and not self._from_nothing(source)

    def _is_bad(self, papers: dict[str, str]) -> bool:
        good = [self.ring.proofs[p].names for p, state in papers.items() if state == GOOD]
        return len(good) < len(papers) or not NAMED.issubset(set[str]().union(*good))

    def _lands_elsewhere(self, target: Place, route: RouteOfBook, papers: dict[str, str]) -> bool:
        """Whether the target only mirrors another book, which has truly paid: where that landed is judged there."""
        mirrors = self.ring.books[target.book].kinds[target.kind].mirrors
        if mirrors is None:
            return False
        other = book_of(mirrors)
        reports = [p for p in route.proofs if other in map(book_of, self.ring.proofs[p].from_posting)]
        return bool(reports) and all(papers[report] == GOOD for report in reports)

    # -- who must have a hand in it ---------------------------------------------------------------------------------------

    def _asked(
        self, book: Book, book_name: str, route: RouteOfBook, about: Iterable[str], papers: dict[str, str], above: bool
    ) -> Antichain:
        """Who must conspire so that it is asked: nobody where the papers look genuine and name payee and amount."""
        if above:
            return [Way(self._one(operator(book, book_name)))]
        asker = f"{book.kept_by}.{route.asks}"
        grantor = f"{book.kept_by}.{route.under}" if route.under else None
        mine = [self.ring.proofs[p] for p in papers if p in self.ring.proofs]
        waved = {self.ring.proofs[p].checked_by for p, state in papers.items() if state == WAVED}
        needed = self._forgers(papers, about)
        if not mine or waved or not NAMED.issubset(set[str]().union(*(proof.names for proof in mine))):
            needed.append(self.any_of([frozenset({asker, *waved})]))
            if grantor:
                needed.append(self.any_of([frozenset({f"{GRANT}{grantor}"}), frozenset({grantor})]))
        return together(needed)

    def _finished(
        self,
        book: Book,
        route: RouteOfBook,
        about: Iterable[str],
        papers: dict[str, str],
        asked: Antichain,
        above: bool,
    ) -> Antichain:
        """Who must conspire so that what is `asked` is posted as well."""
        if above or route.finishes is None:
            return asked
        mine = {p: papers[p] for p in self.ring.for_the_finisher(book, route)}
        needed = [asked, *self._forgers(mine, about)]
        if not mine or WAVED in mine.values():
            needed.append(self.any_of([frozenset({f"{book.kept_by}.{route.finishes}"})]))
        return together(needed)

    def _forgers(self, papers: dict[str, str], about: Iterable[str]) -> list[Antichain]:
        forged = [p for p, state in papers.items() if state == FORGED]
        makers = [self._forged[p, client] for p in forged if p in self.ring.proofs for client in about]
        return [*makers, self._false_account] if "registered-account" in forged else makers

    # -- whose accounts a posting can run between ---------------------------------------------------------------------------

    def _about_a_client(self, book: Book, route: RouteOfBook) -> bool:
        owners = {book.kinds[kind].owner for kind in route.path}
        return "client" in owners or bool({"same-client", "own-member"} & set(route.relations))

    def _instances(self, book_name: str, route: RouteOfBook) -> Iterator[tuple[str, Place, Place, bool]]:
        """Client, source, target, whether the registered account is false: whatever the kernel's relations let pass."""
        book = self.ring.books[book_name]
        same = "same-client" in route.relations
        for client in (VICTIM, OTHER):
            for source in self._places(book_name, route.path[0], (client,) if same else (VICTIM, OTHER)):
                for target in self._places(book_name, route.path[-1], (client,) if same else (VICTIM, OTHER)):
                    yield client, source, target, False
        if "registered-account" in route.relations and book.kinds[route.path[-1]].owner == "client":
            for source in self._places(book_name, route.path[0], (VICTIM,)):
                yield VICTIM, source, Place(book_name, route.path[-1], OTHER), True

    def _above(self, book_name: str, route: RouteOfBook) -> Iterator[tuple[str, Place, Place]]:
        for source in self._places(book_name, route.path[0], (VICTIM, OTHER)):
            for target in self._places(book_name, route.path[-1], (VICTIM, OTHER)):
                for client in (VICTIM, OTHER):
                    yield client, source, target

    def _places(self, book_name: str, kind: str, clients: Iterable[str]) -> list[Place]:
        owner = self.ring.books[book_name].kinds[kind].owner
        return [Place(book_name, kind, one) for one in (clients if owner == "client" else (owner,))]
