"""Persons who need not be there: whoever acts on nothing but other books' papers can be left to the process.

What it does is what the person would do, through the person's login and at its desk. Whatever asks for a paper that a human has in
its hands, or for a choice, is left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from ringfence.custody.repeating import Repeating
from ringfence.errors import BadInput, RingfenceError
from ringfence.office.asked import Asked
from ringfence.office.desk import Desk
from ringfence.office.office import Seat, seats
from ringfence.office.tasks import Task, tasks
from ringfence.ring import Ring

_EVERY_S = 0.5
# What was refused may pass later: an account is confirmed, a day is opened.
_AGAIN_S = 20.0
_log = logging.getLogger(__name__)


def seats_called(ring: Ring, names: Sequence[str]) -> list[Seat]:
    """The seats of these names. Errors: BadInput for one that the ring does not have."""
    known = {seat.name: seat for seat in seats(ring)}
    for name in names:
        if name not in known:
            raise BadInput("--unattended", name, f"one of {', '.join(known)}")
    return [known[name] for name in names]


class Unattended:
    """Does what waits for some seats, until it is closed."""

    def __init__(self, desk: Desk, seats: Sequence[Seat]) -> None:
        self._desk = desk
        self._seats = seats
        self._refused: dict[tuple[object, ...], float] = {}
        self._thread = Repeating("ringfence unattended", self.once, _EVERY_S, "not carried out") if seats else None

    def close(self) -> None:
        """Do what waits, and stop."""
        if self._thread is not None:
            self._thread.close()

    def once(self) -> None:
        """Do what waits now."""
        for seat in self._seats:
            for task in tasks(self._desk.office, seat):
                self._do(seat, task)

    def _do(self, seat: Seat, task: Task) -> None:
        way = self._desk.office.ring.books[task.book].routes[task.route]
        what = (task.book, task.route, task.paper and task.paper.number, task.hold and task.hold.number)
        parted = task.paper is not None and task.paper.source.parted
        if not task.ready or task.wish or task.choice or parted or self._desk.in_hand(seat, way):
            return
        if self._refused.get(what, 0.0) > time.monotonic():
            return
        asked = Asked(task.book, task.route, paper=task.paper and task.paper.name)
        try:
            outcome = self._desk.finish(seat, asked, task.hold.number) if task.hold else self._desk.ask(seat, asked)
            said = "" if outcome.refusal is None else outcome.refusal.text()
        except RingfenceError as error:
            said = str(error)
        if said:
            self._refused[what] = time.monotonic() + _AGAIN_S
            _log.warning("%s: not carried out: %s", seat.name, said)
