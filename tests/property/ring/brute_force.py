"""Closure by trying: one coalition at a time, everything that it can do, again and again until nothing new can be done.

Written from the definitions (docs/concepts/closure.md), with none of the checker's sets, clauses or antichains: slow and
plain. A coalition is a set of names; bounds are among them.
"""

from __future__ import annotations

import itertools

from ringfence.ring import Book, Ring
from ringfence.ring.ring import Proof, RouteOfBook

V, X = "client V", "client X"
Coalition = frozenset[str]


def willing(text: str, coalition: Coalition, client: str) -> bool:
    """Whether one of the groups in `text` is in the coalition; a client signs falsely only about itself."""
    if text == "nobody":
        return False
    for group in text.split("|"):
        words = group.replace("within ", "+within ").replace("after ", "+after ").split("+")
        members = {word.strip() for word in words}
        if "client" in members:
            if client == V:
                continue
            members = (members - {"client"}) | {X}
        if members <= coalition:
            return True
    return False


def clients(ring: Ring, book: str, kind: str, owner: str) -> bool:
    declared = ring.books[book].kinds[kind]
    return owner == V or declared.circle or declared.zero_at_close


class Trying:
    """Everything that `coalition` can do in `ring`, seen by no record of `unsilenced`."""

    def __init__(self, ring: Ring, coalition: Coalition, unsilenced: frozenset[str] = frozenset()) -> None:
        self.ring = ring
        self.coalition = coalition
        self.unsilenced = unsilenced
        self.false_reports: set[tuple[str, str]] = set()
        # (book, source kind, source owner, target kind, target owner)
        self.moved: set[tuple[str, str, str, str, str]] = set()
        while self._try_everything():
            pass

    def _try_everything(self) -> bool:
        before = len(self.false_reports), len(self.moved)
        for book_name, book in self.ring.books.items():
            for name, route in book.routes.items():
                for client in (V, X):
                    self._try_route(book_name, book, name, route, client)
        return before != (len(self.false_reports), len(self.moved))

    def _try_route(self, book_name: str, book: Book, name: str, route: RouteOfBook, client: str) -> None:
        first, last = book.kinds[route.path[0]], book.kinds[route.path[-1]]
        above = self._operator(book_name) in self.coalition
        for source in (V, X) if first.owner == "client" else (first.owner,):
            for target in (V, X) if last.owner == "client" else (last.owner,):
                for false_account in (False, True):
                    for states in itertools.product("gfw", repeat=len(route.proofs)):
                        papers = dict(zip(route.proofs, states, strict=True))
                        if above and not false_account and set(states) <= {"w"}:
                            self._posted(book_name, book, name, route, client, source, target, papers, above=True)
                        if self._allowed(book, route, client, source, target, false_account):
                            if false_account:
                                papers["registered-account"] = "f"
                            self._walked(book_name, book, name, route, client, source, target, papers)

    def _allowed(
        self, book: Book, route: RouteOfBook, client: str, source: str, target: str, false_account: bool
    ) -> bool:
        """What the kernel's relations let pass."""
        same = "same-client" in route.relations
        if false_account:
            reads = "registered-account" in route.relations and target == X and client == V and source != X
            return reads and self._all_lie()
        return not same or {source, target} & {V, X} <= {client}

    def _all_lie(self) -> bool:
        """Whether every book that has clients can be told a false account."""
        if "after cool-off" not in self.coalition:
            return False
        with_clients = [n for n, b in self.ring.books.items() if any(k.owner == "client" for k in b.kinds.values())]
        return all(self.lies(name) for name in with_clients)

    def lies(self, name: str) -> bool:
        """Whether the book `name` can be told of an account that is not so."""
        book = self.ring.books[name]
        others = {
            f"{b.kept_by}.{b.registers}"
            for n, b in self.ring.books.items()
            if n != name and any(k.owner == "client" for k in b.kinds.values())
        }
        if book.confirms is None:
            return f"{book.kept_by}.{book.registers}" in self.coalition
        seconds = (others | {f"{book.kept_by}.{book.confirms}"}) - {f"{book.kept_by}.{book.registers}"}
        return f"{book.kept_by}.{book.registers}" in self.coalition and bool(seconds & self.coalition)

    def _operator(self, book_name: str) -> str:
        keeper = self.ring.books[book_name].kept_by
        return f"{keeper}.operator" if keeper == book_name else f"{keeper}.operator-of-{book_name}"

    def _can_forge(self, proof: str, client: str) -> bool:
        declared = self.ring.proofs[proof]
        above = {self._operator(route.split(".")[0]) for route in (*declared.from_hold, *declared.from_posting)}
        makers = willing(declared.made_by, self.coalition, client)
        return makers or bool(above & self.coalition) or (proof, client) in self.false_reports

    def _walked(
        self, book_name: str, book: Book, name: str, route: RouteOfBook, client: str, source: str, target: str,
        papers: dict[str, str],
    ) -> None:  # fmt: skip
        for proof, state in papers.items():
            both_sides = (V, X) if book.kinds[route.path[0]].zero_at_close else (client,)
            if (
                proof in self.ring.proofs
                and state == "f"
                and not all(self._can_forge(proof, one) for one in both_sides)
            ):
                return
            if state == "w" and self.ring.proofs[proof].checked_by not in self.coalition:
                return
        finisher = f"{book.kept_by}.{route.finishes}" if route.finishes else None
        asker, grantor = f"{book.kept_by}.{route.asks}", f"{book.kept_by}.{route.under}" if route.under else None
        early = {p: s for p, s in papers.items() if p == "registered-account" or self._proof(p).checked_by != finisher}
        papers_of_asker = [p for p in early if p != "registered-account"]
        named = {one for p in papers_of_asker for one in self._proof(p).names}
        if not papers_of_asker or "w" in early.values() or not named >= {"payee", "amount"}:
            if asker not in self.coalition:
                return
            if grantor and not {grantor, f"within grant-of {grantor}"} & self.coalition:
                return
        if finisher:
            self._report(book_name, book, name, route, client, source, target, early, on_hold=True)
            late = {p: s for p, s in papers.items() if p not in early}
            if (not late or "w" in late.values()) and finisher not in self.coalition:
                return
        self._posted(book_name, book, name, route, client, source, target, papers)

    def _posted(
        self, book_name: str, book: Book, name: str, route: RouteOfBook, client: str, source: str, target: str,
        papers: dict[str, str], *, above: bool = False,
    ) -> None:  # fmt: skip
        if above:
            papers = {**papers, **dict.fromkeys(route.relations, "w")}
            early = {p: s for p, s in papers.items() if p not in self._late(book, route)}
            if route.finishes:
                self._report(book_name, book, name, route, client, source, target, early, on_hold=True)
        self._report(book_name, book, name, route, client, source, target, papers, on_hold=False)
        if not self._bad(papers) or not self._worth(book_name, book, route.path[0], source):
            return
        if clients(self.ring, book_name, route.path[-1], target) or self._shown(book_name, route, papers):
            return
        mirrors = book.kinds[route.path[-1]].mirrors
        if mirrors:
            other = mirrors.split(".")[0]
            reports = [p for p in route.proofs if any(r.startswith(f"{other}.") for r in self._proof(p).from_posting)]
            if reports and all(papers[p] == "g" for p in reports):
                return
        self.moved.add((book_name, route.path[0], source, route.path[-1], target))

    def _late(self, book: Book, route: RouteOfBook) -> set[str]:
        return {
            p
            for p in route.proofs
            if route.finishes and self._proof(p).checked_by == f"{book.kept_by}.{route.finishes}"
        }

    def _report(
        self, book_name: str, book: Book, name: str, route: RouteOfBook, client: str, source: str, target: str,
        papers: dict[str, str], *, on_hold: bool,
    ) -> None:  # fmt: skip
        if not self._bad(papers) or self._shown(book_name, route, papers):
            return
        first, last = book.kinds[route.path[0]], book.kinds[route.path[-1]]
        if first.circle and last.circle:
            return
        if not self._worth(book_name, book, route.path[0], source):
            return
        of_clients = {one for one in (source, target) if one in (V, X)}
        if of_clients == {client} and first.invariant not in ("free", "non-positive"):
            return
        about = of_clients or {"same-client", "own-member"} & set(route.relations)
        for proof, declared in self.ring.proofs.items():
            if f"{book_name}.{name}" in (declared.from_hold if on_hold else declared.from_posting):
                self.false_reports |= {(proof, one) for one in ((client,) if about else (V, X))}

    def _bad(self, papers: dict[str, str]) -> bool:
        named = {one for p, s in papers.items() if s == "g" for one in self._proof(p).names}
        return set(papers.values()) - {"g"} != set() or not named >= {"payee", "amount"}

    def _worth(self, book_name: str, book: Book, kind: str, owner: str) -> bool:
        return clients(self.ring, book_name, kind, owner) or book.kinds[kind].invariant in ("free", "non-positive")

    def _shown(self, book_name: str, route: RouteOfBook, papers: dict[str, str]) -> bool:
        known = {f"{book_name}.{kind}" for kind in route.path} | {p for p, s in papers.items() if s != "g"}
        return any(known & set(self.ring.records[record].sees) for record in self.unsilenced)

    def _proof(self, name: str) -> Proof:
        return self.ring.proofs[name]

    def takes(self) -> bool:
        """Whether value has got to a place of the coalition, or outside."""
        return any(self._theirs(book, kind, owner) for book, _, _, kind, owner in self.moved)

    def _theirs(self, book: str, kind: str, owner: str) -> bool:
        if owner == X:
            mirrored = {k.mirrors.split(".")[0] for k in self.ring.books[book].kinds.values() if k.mirrors}
            knowing = {
                name for name in mirrored if any(k.owner == "client" for k in self.ring.books[name].kinds.values())
            }
            return X in self.coalition or all(self.lies(name) for name in {book, *knowing})
        opened_by = self.ring.books[book].kinds[kind].opened_by
        if opened_by is not None and not self.ring.parties[owner].outside:
            return willing(opened_by, self.coalition, X)
        return self.ring.parties[owner].outside or any(one.split(".")[0] == owner for one in self.coalition)

    def loses(self) -> bool:
        """Whether value of clients has got to anybody."""
        return any(clients(self.ring, book, kind, owner) for book, kind, owner, _, _ in self.moved)


def hides(ring: Ring, coalition: Coalition) -> bool:
    """Whether it can take without any record that it has not silenced showing a step."""
    loud = frozenset(n for n, record in ring.records.items() if not willing(record.silenced_by, coalition, V))
    return Trying(ring, coalition, loud).takes()
