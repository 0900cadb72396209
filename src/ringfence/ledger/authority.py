"""The verifier's own account of grants: what was given and ended, and what was used of each, from documents and postings.

Like the rest of the replay it shares nothing with the functions that post.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from ringfence.ledger.rows import BatchRow, PostingRow

CAPS = ("per_item", "per_day", "per_period", "exposure")


@dataclass(frozen=True, slots=True)
class Given:
    """A grant as its document and the one above it make it."""

    parent: int | None
    grantor: str
    grantee: str
    power: str
    route: int | None
    scope: int | None
    key: str | None
    per_item: int | None
    per_day: int | None
    per_period: int | None
    period_days: int | None
    exposure: int | None
    bank: int | None
    payee: str | None
    cool_off_days: int | None
    valid_from: date
    valid_until: date | None
    given: int
    confirmed: int | None = None

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
    # What the last document ended.
    just_ended: list[int] = field(default_factory=list)
    used: dict[int, dict[date, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    outstanding: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    # By client: the grant of the account that it has, the one that waits, and who ever had one.
    accounts: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    bound_before: set[int] = field(default_factory=set)
    # What follows from these: whose an account number is, and the grants right below each.
    clients: dict[str, int] = field(default_factory=dict)
    below: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def derive(self) -> None:
        """Make again what follows from the grants."""
        self.clients = {self.grants[number].payee or "": client for client, number in self.accounts.items()}
        for number, grant in self.grants.items():
            if grant.parent is not None:
                self.below[grant.parent].append(number)

    def declare(self, power: str, route: int | None, grantee: str, cool_off_days: int | None, owner: str) -> None:
        """Take a grant with which a chain begins."""
        nothing = (None,) * 9
        self._add(Given(None, owner, grantee, power, route, *nothing, cool_off_days, date(1, 1, 1), None, 1))

    def _add(self, grant: Given) -> int:
        number = len(self.grants) + 1
        self.grants[number] = grant
        if grant.parent is not None:
            self.below[grant.parent].append(number)
        return number

    def _end(self, number: int, batch: int) -> None:
        if number not in self.ended:
            self.ended[number] = batch
            self.just_ended.append(number)

    def instruct(self, batch: BatchRow, parties: Mapping[str, int], identities: Mapping[int, str]) -> Iterator[str]:
        """Take a document with which a grant was given or ended, or an account was bound or confirmed."""
        said = json.loads(batch.document or "")
        self.just_ended = []
        if batch.what == "bind":
            yield from self._bind(said["bindings"], batch, parties, identities)
        elif batch.what == "confirm":
            yield from self._confirm(said["bindings"], batch, parties, identities)
        elif "revoke" in said:
            yield from self._revoke(said["revoke"], batch.login, batch.id)
        else:
            yield from self._give(said, batch.login, batch.day, batch.id, parties)

    def account_of(self, client: int) -> Given | None:
        """The confirmed account of a client, in force or not yet."""
        return self.grants[self.accounts[client]] if client in self.accounts else None

    def _bind(
        self, bindings: list[dict[str, str]], batch: BatchRow, parties: Mapping[str, int], identities: Mapping[int, str]
    ) -> Iterator[str]:
        # It is among the first that there are: the declaration's.
        own = (
            number
            for number, grant in self.grants.items()
            if grant.power == "account" and grant.payee is None and grant.grantee == batch.login
        )
        parent = next(own, None)
        if parent is None:
            yield f"{batch.login} bound clients, and may not"
            return
        above = self.grants[parent]
        for said in bindings:
            client = parties[said["client"]]
            if identities.get(client) != said["identity"]:
                yield f"client {client} was bound under another identity"
            if client in self.waiting:
                self._end(self.waiting[client], batch.id)
            bound = replace(
                above,
                parent=parent,
                grantor=batch.login,
                grantee=said["client"],
                scope=client,
                bank=parties[said["bank"]],
                payee=said["account_number"],
                valid_from=max(above.valid_from, batch.day),
                given=batch.id,
            )
            self.waiting[client] = self._add(bound)

    def _confirm(
        self, bindings: list[dict[str, str]], batch: BatchRow, parties: Mapping[str, int], identities: Mapping[int, str]
    ) -> Iterator[str]:
        for said in bindings:
            client = parties[said["client"]]
            number = self.waiting.pop(client, 0)
            if number == 0:
                yield f"nothing waited to be confirmed for client {client}"
                continue
            bound = self.grants[number]
            same = (bound.bank, bound.payee) == (parties[said["bank"]], said["account_number"])
            if not same or identities.get(client) != said["identity"]:
                yield f"for client {client} something else was confirmed than was bound"
            if self.grants[bound.parent or 0].grantee == batch.login:
                yield f"{batch.login} confirmed what it had bound itself"
            number_of = bound.payee or ""
            if self.clients.get(number_of, client) != client:
                yield f"account {bound.payee!r} is another client's"
            if client in self.accounts:
                before = self.accounts[client]
                self._end(before, batch.id)
                self.clients.pop(self.grants[before].payee or "", None)
            wait = (bound.cool_off_days or 0) if client in self.bound_before else 0
            self.bound_before.add(client)
            self.accounts[client] = number
            self.clients[number_of] = client
            from_day = max(bound.valid_from, batch.day + timedelta(wait))
            self.grants[number] = replace(bound, confirmed=batch.id, valid_from=from_day)

    def _revoke(self, number: int, login: str, batch: int) -> Iterator[str]:
        if number in self.ended or login not in {self.grants[above].grantor for above in self._chain(number)}:
            yield f"grant {number} was not {login}'s to end"
        pending = [number]
        while pending:
            other = pending.pop()
            pending += self.below[other]
            self._end(other, batch)
            client, payee = self.grants[other].scope or 0, self.grants[other].payee
            if self.accounts.get(client) == other:
                del self.accounts[client]
                self.clients.pop(payee or "", None)
            if self.waiting.get(client) == other:
                del self.waiting[client]

    def _give(
        self, said: dict[str, Any], login: str, day: date, batch: int, parties: Mapping[str, int]
    ) -> Iterator[str]:
        above = self.grants[said["parent"]]
        number = len(self.grants) + 1
        if said["parent"] in self.ended or above.grantee != login or above.key is not None:
            yield f"grant {number} was given under {said['parent']}, which was not {login}'s to pass on"
        scope = parties.get(said["scope"]) if "scope" in said else above.scope
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
        self._add(new)

    def carry(self, posting: PostingRow, login: str, day: date) -> Iterator[str]:
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

    def _count(self, number: int, posting: PostingRow, day: date) -> Iterator[str]:
        grant = self.grants[number]
        by_day = self.used[number]
        by_day[day] += posting.amount
        if posting.action == 1:
            self.outstanding[number] += posting.amount
        lately = sum(by_day.get(day - timedelta(back), 0) for back in range(grant.period_days or 1))
        for cap, reached in (
            ("per_item", posting.amount),
            ("per_day", by_day[day]),
            ("per_period", lately),
            ("exposure", self.outstanding[number]),
        ):
            most = getattr(grant, cap)
            if most is not None and reached > most:
                yield f"it brings grant {number} to {reached} {cap}, beyond {most}"

    def finish(self, posting: PostingRow, under: int, placed: date) -> None:
        """Give back what a hold, placed `under` a grant on a day, had out; and what it had used, if it is released."""
        for number in self._chain(under):
            if self.grants[number].capped:
                self.outstanding[number] -= posting.amount
                if posting.action >= 3:
                    self.used[number][placed] -= posting.amount

    def _chain(self, number: int) -> Iterator[int]:
        step: int | None = number
        while step is not None:
            yield step
            step = self.grants[step].parent
