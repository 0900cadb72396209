"""A month on the books of a ring, honest or with money taken on the 2nd and put back on the 28th: what the detectors are tried on."""

from __future__ import annotations

import datetime
from random import Random

from ringfence import calendar
from ringfence.attack.plan import Plan, Planning
from ringfence.attack.run import Trying
from ringfence.attack.scenario import scenarios
from ringfence.attack.world import World
from ringfence.custody.history import Instant
from ringfence.database import Store
from ringfence.ring import Ring

FIRST, LAST = datetime.date(2020, 4, 1), datetime.date(2020, 4, 30)


def live_a_month(store: Store, ring: Ring, prefix: str, seed: int, *, taken: bool) -> list[list[Instant]]:
    """Let V pay in on the days of April 2020, at least on one of three; with `taken`, F3 in between. Every pair's instants.

    Errors: NotAsPlanned, where the ring lets nobody take anything.
    """
    dice = Random(seed)
    days = calendar.load().between(FIRST, LAST)
    planning = Planning(ring)
    plan = planning.plan(scenarios()["F3"]) if taken else None
    out, back = _dates(days, dice)
    with World(store, ring, prefix) as world:
        for day in days:
            world.open_day(day)
            if day == days[0]:
                world.fill()
            for _ in range(dice.randint(0, 2)):
                world.pay_in(dice.randint(1, 100) * 1_000_00)
            if plan is not None and day in (out, back):
                _take_or_return(world, planning, plan, taking=day == out)
        return [world.history(pair) for pair in world.pairs()]


def _dates(days: tuple[datetime.date, ...], dice: Random) -> tuple[datetime.date, datetime.date]:
    """On which day it is taken, and on which it is put back: always before the last, when somebody counts."""
    out, back = sorted(dice.sample(range(1, len(days) - 1), 2))
    return days[out], days[back]


def _take_or_return(world: World, planning: Planning, plan: Plan, *, taking: bool) -> None:
    trying = Trying(world, planning, "F3", scenarios()["F3"])
    if taking:
        trying.take(plan)
    else:
        trying.put_back(plan)
