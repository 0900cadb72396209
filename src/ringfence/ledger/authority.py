"""The verifier's own account of grants: what was given and ended, and what was used of each, from documents and postings.

Like the rest of the replay it shares nothing with the functions that post.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

CAPS = ("per_item", "per_day", "per_period", "exposure")


@dataclass(frozen=True, slots=True)
class Given:
    """A grant as its document and the one above it make it."""

    parent: int | None
    grantor: str
    grantee: str
    power: str
    route: int
    scope: int | None
    key: str | None
    per_item: int | None
    per_day: int | None
    per_period: int | None
    period_days: int | None
    exposure: int | None
    valid_from: date
    valid_until: date | None
    given: int

    @property
    def capped(self) -> bool:
        """Whether use is counted."""
        return any(getattr(self, cap) is not None for cap in CAPS)


@dataclass(slots=True)
class Authority:
    """All grants. `covers` tells whether a scope covers a party."""

    covers: Callable[[int, int], bool]
    grants: dict[int, Given] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    used: dict[tuple[int, date], int] = field(default_factory=dict)
    outstanding: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    # Under which grant a hold was placed, and on which day.
    holds: dict[int, tuple[int, date, int]] = field(default_factory=dict)

    def declare(self, power: str, route: int, grantee: str, owner: str, batch: int) -> None:
        """Take a grant with which a chain begins."""
        nothing = (None,) * 7
        first = Given(None, owner, grantee, power, route, *nothing, date(1, 1, 1), None, batch)
        self.grants[len(self.grants) + 1] = first

    def instruct(
        self, document: str, login: str, day: date, batch: int, party: Callable[[str], int | None]
    ) -> Iterator[str]:
        """Take a document with which a grant was given or ended."""
        said = json.loads(document)
        if "revoke" in said:
            yield from self._revoke(said["revoke"], login, batch)
        else:
            yield from self._give(said, login, day, batch, party)

    def _revoke(self, number: int, login: str, batch: int) -> Iterator[str]:
        if number in self.ended or login not in {self.grants[above].grantor for above in self._chain(number)}:
            yield f"grant {number} was not {login}'s to end"
        for other in self.grants:
            if other not in self.ended and number in self._chain(other):
                self.ended[other] = batch

    def _give(
        self, said: dict[str, Any], login: str, day: date, batch: int, party: Callable[[str], int | None]
    ) -> Iterator[str]:
        above = self.grants[said["parent"]]
        number = len(self.grants) + 1
        if said["parent"] in self.ended or above.grantee != login or above.key is not None:
            yield f"grant {number} was given under {said['parent']}, which was not {login}'s to pass on"
        scope = party(said["scope"]) if "scope" in said else above.scope
        if above.scope is not None and (scope is None or not self.covers(above.scope, scope)):
            yield f"grant {number} is for more than the one above it"
        days = said.get("period_days", above.period_days)
        new = replace(
            above,
            parent=said["parent"],
            grantor=login,
            grantee=said["grantee"],
            scope=scope,
            key=said.get("key"),
            **{cap: said.get(cap, getattr(above, cap)) for cap in CAPS},
            period_days=days,
            valid_from=date.fromisoformat(said["valid_from"]) if "valid_from" in said else max(day, above.valid_from),
            valid_until=date.fromisoformat(said["valid_until"]) if "valid_until" in said else above.valid_until,
            given=batch,
        )
        for cap in CAPS:
            most, has = getattr(above, cap), getattr(new, cap)
            if most is not None and has > most:
                yield f"grant {number} allows {has} {cap}; the one above it {most}"
        if above.period_days is not None and (days is None or days < above.period_days):
            yield f"grant {number} counts over fewer days than the one above it"
        until = new.valid_until or date.max
        if not max(day, above.valid_from) <= new.valid_from <= until <= (above.valid_until or date.max):
            yield f"grant {number} is valid from {new.valid_from} to {until}, when the one above it is not"
        self.grants[number] = new

    def carry(self, posting: Any, login: str, day: date) -> Iterator[str]:
        """Let the posting's grant carry it, and tell what about that does not follow."""
        grant = self.grants.get(posting.under)
        power = "ask" if posting.action <= 1 else "finish"
        if grant is None or posting.under in self.ended:
            yield f"it was carried by grant {posting.under}, which does not stand"
            return
        if (grant.grantee, grant.power, grant.route) != (login, power, posting.route):
            yield f"grant {posting.under} is not {login}'s to {power} on its route"
        if not grant.valid_from <= day <= (grant.valid_until or date.max) or grant.key not in (None, posting.key):
            yield f"grant {posting.under} was not valid for it on {day}"
        for number in self._chain(posting.under):
            scope = self.grants[number].scope
            if scope is not None and not self.covers(scope, posting.subject):
                yield f"grant {number} is not for party {posting.subject}"
            if posting.action != 3 and self.grants[number].capped:
                yield from self._count(number, posting, day)
        self._finish(posting, day)

    def _count(self, number: int, posting: Any, day: date) -> Iterator[str]:
        grant = self.grants[number]
        self.used[number, day] = used = self.used.get((number, day), 0) + posting.amount
        if posting.action == 1:
            self.outstanding[number] += posting.amount
        lately = sum(self.used.get((number, day - timedelta(back)), 0) for back in range(grant.period_days or 1))
        for cap, reached in (
            ("per_item", posting.amount),
            ("per_day", used),
            ("per_period", lately),
            ("exposure", self.outstanding[number]),
        ):
            most = getattr(grant, cap)
            if most is not None and reached > most:
                yield f"it brings grant {number} to {reached} {cap}, beyond {most}"

    def _finish(self, posting: Any, day: date) -> None:
        if posting.action == 1:
            self.holds[posting.id] = (posting.under, day, posting.amount)
        elif posting.action >= 2 and posting.hold in self.holds:
            under, placed, amount = self.holds.pop(posting.hold)
            for number in self._chain(under):
                if self.grants[number].capped:
                    self.outstanding[number] -= amount
                    # A day on which something is counted has a row, even where all of it was released.
                    self.used.setdefault((number, day), 0)
                    if posting.action == 3:
                        self.used[number, placed] -= amount

    def _chain(self, number: int) -> Iterator[int]:
        step: int | None = number
        while step is not None:
            yield step
            step = self.grants[step].parent
