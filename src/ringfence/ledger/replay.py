"""The rules of a ledger once more, in plain Python: what the journal must look like if the kernel did its work.

Nothing here is shared with the functions that post. A replay starts from nothing, takes the documents with which the
ledger was declared and its parties were registered, and then one posting after another; whatever the journal says that
does not follow is a finding.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ringfence.ledger.authority import Authority
from ringfence.ledger.rows import BatchRow, EntryRow, HoldRow, Original, PostingRow

FULLEST_MINOR = 4 * 10**18
# Per invariant, what a balance is at least when all that is held has gone out, and at most when all has come in.
BOUNDS = {
    "zero": (0, 0),
    "non-negative": (0, FULLEST_MINOR),
    "non-positive": (-FULLEST_MINOR, 0),
    "free": (-FULLEST_MINOR, FULLEST_MINOR),
}


@dataclass(slots=True)
class OpenHold:
    """What is held and not finished."""

    placed: PostingRow
    path: tuple[int, ...]
    day: date
    expires: date
    rest: int


@dataclass(slots=True)
class Account:
    """An account as the documents and the journal make it."""

    kind: int
    owner: int
    unit: int
    number: str | None
    ordinal: int = 1
    under: int | None = None
    lives_until: date | None = None
    balance: int = 0
    held_out: int = 0
    held_in: int = 0


@dataclass(slots=True)
class Replay:
    """The state of a ledger after the batches that were taken so far."""

    owner: str
    original: Callable[[int], Original | None]
    units: dict[str, int] = field(default_factory=dict)
    kinds: list[dict[str, Any]] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    parties: dict[str, int] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    identities: dict[int, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    by_kind: dict[int, list[Account]] = field(default_factory=lambda: defaultdict(list))
    opened_under: dict[int, list[Account]] = field(default_factory=lambda: defaultdict(list))
    open_holds: dict[int, OpenHold] = field(default_factory=dict)
    reversed: set[int] = field(default_factory=set)
    link: int = 0
    groups: dict[int, set[int]] = field(default_factory=dict)
    authority: Authority = field(init=False)
    taken_over: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    day: date = date(1, 1, 1)
    closed_through: date = date(1, 1, 1)

    def __post_init__(self) -> None:
        self.authority = Authority(self.covers)

    def covers(self, scope: int, party: int) -> bool:
        """Whether a scope covers a party: it is the party, its member, or a group that either is in."""
        own = {party, self.members.get(party, party)}
        return scope in own or bool(own & self.groups.get(scope, set()))

    # -- documents ------------------------------------------------------------------------------------------------

    def declare(self, document: str) -> None:
        """Take the declaration."""
        declared = json.loads(document)
        self.units = {code: number for number, code in enumerate(declared["units"], 1)}
        self.kinds = declared["kinds"]
        self.routes = declared["routes"]
        numbers = {kind["name"]: number for number, kind in enumerate(self.kinds, 1)}
        for route in self.routes:
            route["kinds"] = [numbers[step] for step in route["path"]]
        of_route = {route["name"]: number for number, route in enumerate(self.routes, 1)}
        for first in declared["grants"]:
            on = of_route[first["route"]] if "route" in first else None
            self.authority.declare(first["power"], on, first["grantee"], first.get("cool_off_days"), self.owner)

    def register(self, document: str) -> None:
        """Take a registration: numbers are given in the order of the document, after those given before."""
        registered = json.loads(document)
        for party in registered["parties"]:
            self.parties[party["name"]] = number = len(self.parties) + 1
            self.roles[number] = party["role"]
            if "identity" in party:
                self.identities[number] = party["identity"]
            if "title" in party:
                self.titles[number] = party["title"]
        for party in registered["parties"]:
            if "member" in party:
                self.members[self.parties[party["name"]]] = self.parties[party["member"]]
        for group in registered.get("groups", []):
            self.groups[self.parties[group["name"]]] = {self.parties[name] for name in group["parties"]}
        kinds = {kind["name"]: number for number, kind in enumerate(self.kinds, 1)}
        for account in registered["accounts"]:
            opened = Account(
                kinds[account["kind"]],
                self.parties[account["owner"]],
                self.units[account["unit"]],
                account.get("number"),
                account["ordinal"],
                account.get("under"),
            )
            if opened.under is not None:
                opened.lives_until = self.authority.grants[opened.under].valid_until
            self.accounts[len(self.accounts) + 1] = opened
            self.index(opened)

    def index(self, account: Account) -> None:
        """Let an account be found by its kind and by the grant that it was opened under."""
        self.by_kind[account.kind].append(account)
        if account.under is not None:
            self.opened_under[account.under].append(account)

    def instruct(self, batch: BatchRow) -> Iterator[str]:
        """Take a document that gives, binds, confirms or ends, and let end what was opened under what has ended."""
        yield from self.authority.instruct(batch, self.parties, self.identities)
        for number in self.authority.just_ended:
            for account in self.opened_under.get(number, ()):
                account.lives_until = self.day - timedelta(1)

    # -- postings -------------------------------------------------------------------------------------------------

    def post(
        self, batch: BatchRow, posting: PostingRow, entries: Sequence[EntryRow], hold: HoldRow | None
    ) -> Iterator[str]:
        """Take one posting, and tell what about it does not follow from the rules."""
        if not 1 <= posting.route <= len(self.routes):
            yield f"route {posting.route} is not declared"
            return
        route = self.routes[posting.route - 1]
        if not 1 <= posting.amount <= 10**15:
            yield f"amount {posting.amount} is not from 1 to 10^15"
        if (posting.action != 0) != route["held"]:
            yield f"action {posting.action} is not how route {route['name']} goes"
        asker = route["finishes"] if posting.action >= 2 else route["asks"]
        if batch.login != asker and posting.action != 4:
            yield f"login {batch.login} walked route {route['name']}, which is {asker}'s"
        if posting.action != 4:
            yield from self.authority.carry(posting, batch.login, self.day)
        if self.day <= self.closed_through:
            yield "no day was open"
        if posting.value_date <= self.closed_through:
            yield f"value date {posting.value_date} was closed"
        window = timedelta(-route["back_days"]), timedelta(route["ahead_days"])
        if not self.day + window[0] <= posting.value_date <= self.day + window[1]:
            yield f"value date {posting.value_date} is further from {self.day} than route {route['name']} allows"
        if posting.link not in (0, posting.id) and (posting.link != self.link or posting.link < batch.first_posting):
            yield f"it is linked with posting {posting.link}, which does not come right before it"
        self.link = posting.link
        path = yield from self._path(posting, entries, hold)
        if path is None:
            # Told once; what follows is measured against what stands there.
            for entry in entries:
                if entry.account in self.accounts:
                    self.accounts[entry.account].balance = entry.balance
            return
        if [self.accounts[account].kind for account in path] != route["kinds"]:
            yield f"its accounts are not of the kinds of route {route['name']}"
            return
        for account in path:
            kind = self.kinds[self.accounts[account].kind - 1]
            if "units" in kind and self.accounts[account].unit not in [self.units[code] for code in kind["units"]]:
                yield f"account {account} is kept in a unit that {kind['name']} is not kept in"
        yield from self._relations(batch, posting, route, path)
        if posting.action == 0 and (posting.about or route["reverses"]):
            yield from self._reverse(posting, route, path)
        yield from self._move(posting, entries, path, hold.expires if hold else date.max)

    def open(self, day: date) -> Iterator[str]:
        """Take the opening of a booking day."""
        if day <= max(self.day, self.closed_through):
            yield f"{day} was opened after {self.day}, with every day up to {self.closed_through} closed"
        self.day = day

    def close(self, day: date) -> Iterator[str]:
        """Take the closing of a day."""
        for number, account in self.accounts.items():
            if self.kinds[account.kind - 1]["zero_at_close"] and account.balance:
                yield f"account {number} was {account.balance} when {day} was closed, and had to be zero"
        self.closed_through = max(day, self.closed_through)

    def _path(self, posting: PostingRow, entries: Sequence[EntryRow], hold: HoldRow | None) -> Iterator[str] | Any:
        """The accounts it walked, from its entries or from its hold."""
        if posting.action in (0, 2):
            path = self._walked(posting, entries)
            if path is None:
                yield "its entries are not a walk of its amount from account to account"
                return None
        elif entries:
            yield "it moves nothing, yet has entries"
            return None
        elif posting.action == 1:
            path = hold.path() if hold else ()
        else:
            path = self.open_holds[posting.about].path if posting.about in self.open_holds else ()
        if (posting.action == 1) != (hold is not None):
            yield "a hold and the accounts that it holds do not come together"
            return None
        if not path or any(account not in self.accounts for account in path):
            yield "it has no path of registered accounts"
            return None
        return path

    @staticmethod
    def _walked(posting: PostingRow, entries: Sequence[EntryRow]) -> tuple[int, ...] | None:
        if len(entries) not in (2, 4, 6):
            return None
        for place, entry in enumerate(entries):
            if entry.id != posting.id * 8 + place or entry.amount != posting.amount * (1 if place % 2 else -1):
                return None
            if place % 2 == 0 and place and entry.account != entries[place - 1].account:
                return None
        return (entries[0].account, *(entry.account for entry in entries[1::2]))

    def _relations(
        self, batch: BatchRow, posting: PostingRow, route: dict[str, Any], path: Sequence[int]
    ) -> Iterator[str]:
        if posting.subject not in self.roles:
            yield f"party {posting.subject} is not registered"
            return
        registered = self.authority.account_of(posting.subject)
        bank, number = (registered.bank, registered.payee) if registered else (0, "")
        # What is finished was checked when it was held.
        to_registered = route["registered_account"] and posting.action <= 1
        if to_registered and (registered is None or posting.payee != number):
            yield f"payee {posting.payee!r} is not the registered account"
        elif to_registered and registered and registered.valid_from > self.day:
            yield f"payee {posting.payee!r} is in force only from {registered.valid_from}"
        for place, account in enumerate(self.accounts[number] for number in path):
            role = self.kinds[account.kind - 1]["owner"]
            if account.unit != self.accounts[path[0]].unit:
                yield "its accounts are of several units"
            if role == "client" and route["same_client"] and account.owner != posting.subject:
                yield "a client's account on it is not the subject's"
            member = self.members.get(posting.subject, posting.subject)
            if role == "member" and route["own_member"] and account.owner != member:
                yield "a member's account on it is not the subject's member's"
            if place and posting.action <= 1 and account.lives_until is not None and account.lives_until < self.day:
                yield "an account on it receives, though the grant that opened it has ended"
            if role == "client" and to_registered and account.number not in (None, posting.payee):
                yield "a client's account on it is not the payee"
            if role == "bank" and to_registered and account.owner != bank:
                yield "a bank's account on it is not of the registered bank"
            if (
                role == "bank"
                and route["bank_confirmed"]
                and posting.action in (0, 2)
                and account.owner != batch.source
            ):
                yield "it is not in a batch of the bank that would confirm it"

    def _reverse(self, posting: PostingRow, route: dict[str, Any], path: Sequence[int]) -> Iterator[str]:
        names = [declared["name"] for declared in self.routes]
        of_route = names.index(route["reverses"]) + 1 if route["reverses"] else 0
        expected = Original(of_route, posting.subject, posting.amount, tuple(reversed(path)))
        if posting.about in self.reversed or self.original(posting.about) != expected:
            yield f"posting {posting.about} was not there to be reversed by it, or was reversed before"
        self.reversed.add(posting.about)

    def _move(
        self, posting: PostingRow, entries: Sequence[EntryRow], path: Sequence[int], expires: date
    ) -> Iterator[str]:
        debit, credit = self.accounts[path[0]], self.accounts[path[-1]]
        if posting.action == 1:
            if expires < self.day:
                yield f"it holds until {expires}, which was over"
            self.open_holds[posting.id] = OpenHold(posting, tuple(path), self.day, expires, posting.amount)
            debit.held_out += posting.amount
            credit.held_in += posting.amount
        elif posting.action >= 2:
            held = self.open_holds.get(posting.about)
            if held is None:
                yield f"hold {posting.about} was not open"
                return
            yield from self._finish(posting, held, path)
            debit.held_out -= posting.amount
            credit.held_in -= posting.amount
        for entry in entries:
            account = self.accounts[entry.account]
            account.balance += entry.amount
            if account.balance != entry.balance:
                yield f"entry {entry.id} says balance {entry.balance}; the entries before it add up to {account.balance}"
                account.balance = entry.balance
        for number in path:
            broken = self.broken(self.accounts[number])
            if broken:
                yield f"account {number} is {broken}"

    def _finish(self, posting: PostingRow, held: OpenHold, path: Sequence[int]) -> Iterator[str]:
        placed, expired = held.placed, held.expires < self.day
        said = (posting.route, posting.subject, posting.payee, tuple(path))
        if said != (placed.route, placed.subject, placed.payee, held.path):
            yield f"it is not what hold {placed.id} held"
        if posting.amount > held.rest or (posting.action == 4 and posting.amount != held.rest):
            yield f"{held.rest} was left of hold {placed.id}"
        if (posting.action == 2 and expired) or (posting.action == 4 and not expired):
            yield f"hold {placed.id} expired after {held.expires}"
        if posting.action == 4 and posting.under != placed.under:
            yield f"it expired under grant {posting.under}, which is not the one that held"
        self.authority.finish(posting, placed.under, held.day)
        held.rest -= posting.amount
        if held.rest <= 0:
            del self.open_holds[placed.id]

    def broken(self, account: Account) -> str:
        """How an account breaks its kind's invariant, or nothing."""
        invariant = self.kinds[account.kind - 1]["invariant"]
        if invariant == "zero" and (account.balance or account.held_out or account.held_in):
            return f"{account.balance}, and must be zero"
        if invariant == "non-negative" and account.balance < account.held_out:
            return f"{account.balance} with {account.held_out} held, and must never be negative"
        if invariant == "non-positive" and account.balance + account.held_in > 0:
            return f"{account.balance} with {account.held_in} to come, and must never be positive"
        return ""
