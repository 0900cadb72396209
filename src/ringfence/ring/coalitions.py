"""What the fixpoint means for persons: who takes, who loses it to others, who can hide it, and who can do it alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ringfence.ring.checks import is_operator, operator
from ringfence.ring.closure import OTHER, Antichain, Closure, Place, Step, Way, smallest, together
from ringfence.ring.ring import Ring
from ringfence.ring.who import Group, groups, is_bound, party_of

# Any one person of a party, as a conspirator: whoever it is to whose place the value comes.
ANYONE = ".anyone"


@dataclass(frozen=True, slots=True)
class Path:
    """The bad postings by which value gets to its place, the last of them there; and the records that show one of them."""

    steps: tuple[Step, ...]
    seen_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A smallest coalition: its `persons`, the `bounds` that it keeps to, and every place that it gets value to."""

    persons: Group
    bounds: Group
    paths: tuple[Path, ...]

    @property
    def above(self) -> tuple[str, ...]:
        """The operators among them, each above the kernel of its book."""
        return tuple(sorted(filter(is_operator, self.persons)))

    @property
    def owing(self) -> tuple[str, ...]:
        """The parties whose persons did wrong, and who therefore owe the loss."""
        wrong = (one for one in self.persons if one != OTHER and not one.endswith(ANYONE))
        return tuple(sorted(set(map(party_of, wrong))))


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is decided of a ring; every list is an antichain, the smallest first.

    `alone` says for each party what all its persons together can take, with the kernels holding; a ring is closed if none
    of its intermediaries can take anything. `ways_alone` are all the routes on which it could, not by the smallest coalitions
    only. `above` says for each operator what it moves, and who must join it.
    """

    ring: Ring
    takes: tuple[Finding, ...]
    loses: tuple[Finding, ...]
    hides: tuple[Finding, ...]
    hides_until_count: tuple[Finding, ...]
    alone: dict[str, tuple[Finding, ...]]
    ways_alone: dict[str, frozenset[str]]
    above: dict[str, tuple[Finding, ...]]

    @property
    def routes(self) -> int:
        """How many routes were walked."""
        return sum(len(book.routes) for book in self.ring.books.values())

    @property
    def open_to(self) -> tuple[str, ...]:
        """The intermediaries that can take client money alone."""
        return tuple(party for party in self.ring.ring.intermediaries if self.alone[party])

    @property
    def closed(self) -> bool:
        """Whether no intermediary can."""
        return not self.open_to


def decide(ring: Ring) -> Verdict:
    """Decide who could take, lose or hide client money in `ring`."""
    return _Decision(Closure(ring)).verdict()


class _Decision:
    def __init__(self, closure: Closure) -> None:
        self._closure = closure
        self._ring = closure.ring
        self._straws = {book: closure.straw(book) for book, of in closure.ring.books.items() if of.knows_clients}
        self._taken = [
            taken for (_, target), ways in closure.bad.items() for way in ways for taken in self._taken_by(target, way)
        ]

    def verdict(self) -> Verdict:
        closure = self._closure
        alone = {party: self._alone(party) for party in self._ring.parties}
        lost = [w for (source, _), ways in closure.bad.items() if closure.clients_own(source) for w in ways]
        return Verdict(
            ring=self._ring,
            takes=self._findings(self._taken),
            loses=self._findings(lost),
            hides=self._findings(self._hidden(frozenset())),
            hides_until_count=self._findings(self._hidden(frozenset({"count"}))),
            alone={party: self._findings(ways) for party, ways in alone.items()},
            ways_alone={
                party: frozenset(step.route for way in ways for step in way.steps()) for party, ways in alone.items()
            },
            above={one: self._above(one) for one in (operator(b, name) for name, b in self._ring.books.items())},
        )

    def _taken_by(self, target: Place, way: Way) -> Antichain:
        """The way, joined by whoever it needs so that the target is a conspirator's place or the outside."""
        conspirators = self._closure.coalition(way)
        if target.owner == OTHER:
            found = any(self._closure.coalition(straw) <= conspirators for straw in self._straws[target.book])
            return [way] if found else [self._closure.joined(way, frozenset({OTHER}))]
        party = self._ring.parties[target.owner]
        opened_by = self._ring.books[target.book].kinds[target.kind].opened_by
        if party.outside:
            return [way]
        if opened_by is not None:
            return smallest(self._closure.joined(way, group) for group in groups(opened_by))
        needed = f"{target.owner}{ANYONE}" if party.persons else target.owner
        found = target.owner in map(party_of, conspirators)
        return [way] if found else [self._closure.joined(way, frozenset({needed}))]

    def _hidden(self, ignored: frozenset[str]) -> Antichain:
        """The ways to take, joined by those who silence every record that sees them, dated counts perhaps not counted."""
        silencers = {
            name: self._closure.any_of(groups(record.silenced_by))
            for name, record in self._ring.records.items()
            if record.when not in ignored
        }
        hidden = []
        for way in smallest(self._taken):
            seen = [silencers[name] for name in self._closure.seen_by(way) if name in silencers]
            hidden += together([[way], *seen])
        return hidden

    def _alone(self, party: str) -> Antichain:
        """The ways of all persons of `party` together to take; with a straw man where they can register one."""

        def own(one: str) -> bool:
            return (
                is_bound(one)
                or (party_of(one) == party and not is_operator(one))
                or (one == OTHER and party == "client")
            )

        found = []
        for (_, target), ways in self._closure.bad.items():
            straws = self._straws[target.book] if target.owner == OTHER else []
            for way in ways:
                for taken in self._taken_by(target, way):
                    behind = [taken, *(self._closure.instead_of_other(taken, straw) for straw in straws)]
                    found += [one for one in behind if all(map(own, self._closure.coalition(one)))]
        return found

    def _above(self, one: str) -> tuple[Finding, ...]:
        """What the operator moves by itself, and who must join it to take that."""
        moved = [
            taken
            for (_, target), ways in self._closure.bad.items()
            for way in ways
            if self._closure.coalition(way) == {one}
            for taken in self._taken_by(target, way)
        ]
        return _sorted(self._finding(together, paths) for together, paths in self._paths(moved).items())

    def _findings(self, ways: Antichain) -> tuple[Finding, ...]:
        """The smallest coalitions of all these ways, each with all its paths."""
        paths = self._paths(ways)
        least = [self._closure.coalition(way) for way in smallest(map(self._closure.without_records, ways))]
        return _sorted(self._finding(coalition, paths[coalition]) for coalition in least)

    def _finding(self, coalition: Group, paths: Iterable[Path]) -> Finding:
        bounds = frozenset(filter(is_bound, coalition))
        return Finding(coalition - bounds, bounds, tuple(paths))

    def _paths(self, ways: Antichain) -> dict[Group, list[Path]]:
        """Per coalition a path to every place, in the order in which they were found."""
        paths: dict[Group, dict[tuple[Place, Place], Path]] = {}
        for way in ways:
            steps = tuple(dict.fromkeys(way.steps()))
            ends = (steps[-1].source, steps[-1].target)
            path = Path(steps, self._closure.seen_by(way))
            paths.setdefault(self._closure.coalition(way), {}).setdefault(ends, path)
        return {coalition: [*found.values()] for coalition, found in paths.items()}


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (bool(f.above), len(f.persons), sorted(f.persons), sorted(f.bounds))))
