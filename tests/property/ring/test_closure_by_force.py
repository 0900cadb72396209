"""The checker against brute force: on hundreds of random rings and the real one, coalition by coalition."""

from __future__ import annotations

import itertools
import os
import random

import pytest

from property.ring.brute_force import Coalition, Trying, X, hides
from property.ring.random_rings import random_ring
from ringfence import ring
from ringfence.ring import Ring
from ringfence.ring.checks import actors, operator
from ringfence.ring.coalitions import Finding, Verdict, decide
from ringfence.ring.who import is_bound

RINGS = int(os.environ.get("RINGFENCE_RANDOM_RINGS", "200"))
COALITIONS = 14


def everybody(declared: Ring) -> list[str]:
    """Every name that can be in a coalition."""
    operators = [operator(book, name) for name, book in declared.books.items()]
    grants = {
        f"within grant-of {b.kept_by}.{r.under}" for b in declared.books.values() for r in b.routes.values() if r.under
    }
    bounds = [f"{word} {name}" for name in declared.bounds for word in ("within", "after")]
    return [X, *(a for a in actors(declared) if a != "client"), *operators, *sorted(grants), *bounds, "after cool-off"]


def able(found: tuple[Finding, ...], coalition: Coalition) -> bool:
    """Whether one of the smallest coalitions is in this one."""
    parties = {one.split(".")[0] for one in coalition}
    return any(
        finding.bounds <= coalition
        and all(
            one in coalition or (one.endswith(".anyone") and one.split(".")[0] in parties) for one in finding.persons
        )
        for finding in found
    )


def compare(declared: Ring, verdict: Verdict, coalition: Coalition) -> None:
    tried = Trying(declared, coalition)
    assert able(verdict.loses, coalition) == tried.loses(), sorted(coalition)
    if X not in coalition and any(tried.lies(name) for name in declared.books):
        return  # who else could stand behind X is what `alone` is about
    assert able(verdict.takes, coalition) == tried.takes(), sorted(coalition)
    assert able(verdict.hides, coalition) == hides(declared, coalition), sorted(coalition)


def coalitions(declared: Ring, verdict: Verdict, dice: random.Random, number: int) -> set[Coalition]:
    """Some at random; and the smallest that were found, and each of them without one."""
    names = everybody(declared)
    chosen = {frozenset(dice.sample(names, dice.randint(0, len(names)))) for _ in range(number)}
    found = [*verdict.takes, *verdict.hides, *verdict.loses]
    for finding in dice.sample(found, min(len(found), number // 2)):
        whole = finding.persons | finding.bounds
        concrete = frozenset(
            next(a for a in actors(declared) if a.startswith(one.removesuffix("anyone")))
            if one.endswith(".anyone")
            else one
            for one in whole
        )
        chosen |= {concrete, *(concrete - {one} for one in concrete)}
    return chosen


@pytest.mark.parametrize("block", range(8))
def test_random_rings_are_decided_as_by_force(block: int) -> None:
    decided = 0
    for seed in range(block, RINGS, 8):
        declared = random_ring(seed)
        verdict = decide(declared)
        for coalition in coalitions(declared, verdict, random.Random(seed), COALITIONS):
            compare(declared, verdict, coalition)
        decided += bool(verdict.takes) + bool(verdict.hides)
    assert decided, "no ring of this block let anybody take anything: they test nothing"


@pytest.mark.parametrize("name", ring.built_in())
def test_the_rings_that_are_built_in_are_decided_as_by_force(name: str) -> None:
    declared = ring.load(name)
    verdict = decide(declared)
    for coalition in coalitions(declared, verdict, random.Random(1), 80 if name == "sge" else 25):
        compare(declared, verdict, coalition)


def test_what_a_party_can_do_alone_is_what_all_its_persons_can_do() -> None:
    for seed in range(40):
        declared = random_ring(seed)
        verdict = decide(declared)
        for party in ("member", "bank", "exchange", "clearing"):
            bounds = frozenset(filter(is_bound, everybody(declared)))
            whole = bounds | {actor for actor in actors(declared) if actor.split(".")[0] == party}
            tried = Trying(declared, whole)
            straw = {X} if any(tried.lies(name) for name in declared.books) else set()
            if not straw:
                assert bool(verdict.alone[party]) == tried.takes(), (seed, party)
            elif tried.takes():
                assert verdict.alone[party], (seed, party)


@pytest.mark.parametrize("pair", list(itertools.combinations(["member", X, "clearing"], 2)))
def test_two_of_those_outside_the_institutions_take_only_what_the_ring_says(pair: tuple[str, str]) -> None:
    declared = ring.load("sge")
    bounds = frozenset(filter(is_bound, everybody(declared)))
    assert able(decide(declared).takes, bounds | set(pair)) == Trying(declared, bounds | set(pair)).takes()
