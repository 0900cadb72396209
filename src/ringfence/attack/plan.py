"""How an attack could go through, as the checker of closure sees it: the postings in their order, and who must have a hand in them.

The plan is only a plan: `run` carries it out on real books, as far as the books let it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ringfence.attack.scenario import Help, Scenario, scenarios
from ringfence.attack.wanted import BANK, WANTED, Places, Wanted
from ringfence.ring import Ring
from ringfence.ring.checks import is_operator
from ringfence.ring.closure import FORGED, OTHER, VICTIM, Closure, Place, Step, Way
from ringfence.ring.ring import Words
from ringfence.ring.who import Group, groups, is_bound, party_of


@dataclass(frozen=True, slots=True)
class Plan:
    """Bad postings in their order, who conspires, inside which bounds, and with whose help.

    `onward` and `back` are routes walked afterwards, with good papers: on to X, and back to where it came from. `shown` are the
    records that see it and that nobody among them silences, but for counts, which have a date.
    """

    steps: tuple[Step, ...]
    conspirators: Group
    bounds: Group
    help: Help
    straw: Group
    onward: str | None
    back: str | None
    shown: tuple[str, ...]


class Planning:
    """Plans against one ring, each the shortest with the least help."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.places = Places(ring)
        self._closure = Closure(ring)

    def has_meaning(self, scenario: Scenario) -> bool:
        """Whether the ring has anything that the attack is about."""
        wanted = WANTED[scenario.wants]
        return any(wanted.about(self.places, place) for place in self.places.all())

    def plan(self, scenario: Scenario) -> Plan | None:
        """The plan, or None where there is none."""
        wanted = WANTED[scenario.wants]
        for helped in scenario.help:
            found = [*self._plans(wanted, helped)]
            if found:
                return min(found, key=_effort)
        return None

    def _plans(self, wanted: Wanted, helped: Help) -> Iterator[Plan]:
        pools = {place for place in self.places.all() if wanted.source(self.places, place)}
        for (source, target), ways in self._closure.bad.items():
            for onward in self._ends(wanted, target):
                for way in ways:
                    first = next(way.steps()).source
                    if source in pools or first in pools:
                        yield from self._with_help(wanted, helped, way, target, onward)

    def _ends(self, wanted: Wanted, target: Place) -> Iterator[str | None]:
        """How the attack ends there: with nothing more to do, or by a route that leads on to X."""
        if wanted.target(self.places, target):
            yield None
        elif wanted.onward and target.owner in self.places.firms:
            for name, route in self.ring.books[target.book].routes.items():
                ends = self.ring.books[target.book].kinds[route.path[-1]]
                if route.path[0] == target.kind and ends.owner == "client":
                    yield f"{target.book}.{name}"

    def _with_help(self, wanted: Wanted, helped: Help, way: Way, target: Place, onward: str | None) -> Iterator[Plan]:
        steps = tuple(dict.fromkeys(way.steps()))
        if wanted.plainly and any(self._pledges(step) for step in steps):
            return
        if wanted.plainly and helped == "alone" and self._tells_a_reason(steps):
            return
        back = self._way_back(steps[0].source, target) if wanted.back else None
        if wanted.back and back is None:
            return
        conspirators = self._closure.coalition(way) | (self._opened(target) if helped == "keeper" else frozenset())
        helping = self.places.firms | self._helping(helped, target)
        for straw in self._straws(wanted, target, helped, onward):
            whole = (conspirators - {OTHER}) | straw if straw else conspirators
            persons = [one for one in whole if not is_bound(one)]
            if any(is_operator(one) or party_of(one) not in helping for one in persons) or not self._few(
                persons, helped
            ):
                continue
            shown = self._shown(way, whole, within_the_day=wanted.within_the_day)
            if wanted.back and shown:
                continue
            bounds = frozenset(filter(is_bound, whole))
            yield Plan(steps, whole - bounds, bounds, helped, straw, onward, back, shown)

    def _straws(self, wanted: Wanted, target: Place, helped: Help, onward: str | None) -> Iterator[Group]:
        """Who stands in for X where no client conspires: whoever opens an account for a straw man; nobody where none is needed."""
        if wanted.favours or (target.owner != OTHER and onward is None):
            yield frozenset()
        elif helped == "mule":
            yield frozenset({OTHER})
        elif self.ring.books[target.book].knows_clients:
            yield from (self._closure.coalition(way) for way in self._closure.straw(target.book))

    def _opened(self, target: Place) -> Group:
        """Who must open the place to get at what is there: the persons that the ring names, or any one of its owner's."""
        kind = self.places.kind(target)
        if kind.opened_by is not None:
            return min(groups(kind.opened_by), key=len)
        persons = self.ring.parties[kind.owner].persons if kind.owner in self.ring.parties else {}
        return frozenset({f"{kind.owner}.{next(iter(persons))}"}) if persons else frozenset()

    def _few(self, persons: Iterable[str], helped: Help) -> bool:
        """A keeper helps alone, with one person of whoever keeps the book: not two of either."""
        parties = Counter(party for party in map(party_of, persons) if party not in self.places.firms)
        return helped != "keeper" or max(parties.values(), default=0) <= 1

    def _helping(self, helped: Help, target: Place) -> Group:
        """The parties that help the firm."""
        match helped:
            case "mule":
                return frozenset({OTHER})
            case "bank":
                return frozenset({BANK, *(place.owner for place in self.places.all() if self.places.is_pool(place))})
            case "keeper":
                return frozenset({target.owner, self.places.kept_by(target)})
        return frozenset()

    def _pledges(self, step: Step) -> bool:
        """Whether it is the route of a lien."""
        book, _, route = step.route.partition(".")
        return any(kind.pledge == route for kind in self.ring.books[book].kinds.values())

    def _tells_a_reason(self, steps: tuple[Step, ...]) -> bool:
        papers = (
            paper for step in steps for paper, state in step.papers if state == FORGED and paper in self.ring.proofs
        )
        return any("reason" in self.ring.proofs[paper].names for paper in papers)

    def _way_back(self, source: Place, target: Place) -> str | None:
        """The route by which it gets back to where it came from."""
        for name, route in self.ring.books[target.book].routes.items():
            if route.path[0] == target.kind and route.path[-1] == source.kind:
                return f"{target.book}.{name}"
        return None

    def _shown(self, way: Way, conspirators: Group, *, within_the_day: bool) -> tuple[str, ...]:
        late = ("count", "day-end") if within_the_day else ("count",)

        def silenced(record: str) -> bool:
            choices = groups(self.ring.records[record].silenced_by)
            return self.ring.records[record].when in late or any(choice <= conspirators for choice in choices)

        return tuple(record for record in self._closure.seen_by(way) if not silenced(record))

    def forgers(self, paper: str, about: str, conspirators: Group) -> Group | None:
        """Who among the conspirators makes a false one about V or X that looks genuine; None where none can."""
        for group in groups(self.ring.proofs[paper].made_by):
            persons = frozenset(one for one in group if not is_bound(one))
            if "client" in persons and about == VICTIM:
                continue  # V signs nothing false about V
            persons = frozenset(OTHER if one == "client" else one for one in persons)
            if persons <= conspirators:
                return persons
        return None


class Foreseen(NamedTuple):
    """What the checker says of an attack in a ring: the plan, or None where it sees no way."""

    name: str
    title: Words
    plan: Plan | None


def foreseen(ring: Ring) -> list[Foreseen]:
    """Every attack that is a movement and about something in the ring, as the checker sees it; nothing is tried."""
    planning = Planning(ring)
    return [
        Foreseen(name, scenario.title, planning.plan(scenario))
        for name, scenario in scenarios().items()
        if scenario.wants and scenario.waits_for is None and planning.has_meaning(scenario)
    ]


def _effort(plan: Plan) -> tuple[int, int, int, int, str]:
    papers = sum(len(step.papers) for step in plan.steps)
    return len(plan.bounds), len(plan.steps), papers, len(plan.conspirators), plan.steps[-1].route
