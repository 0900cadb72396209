"""The posting function as one would write it without thinking of speed: one instruction after another, over dictionaries.

It is written from the documented rules, not from the SQL: statuses in their order of precedence, figures, results.
"""

from __future__ import annotations

import datetime
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import groupby

from ringfence.ledger import Action, Control, Declaration, Instruction, Party, Route

LARGEST_AMOUNT = 10**15
FULLEST = 4 * 10**18
DAY_ZERO = datetime.date(2000, 1, 1)


@dataclass
class Account:
    """An account of the model."""

    kind: str
    owner: str
    unit: str
    number: str | None
    balance: int = 0
    held_out: int = 0
    held_in: int = 0
    ends: datetime.date | None = None
    under: int | None = None


@dataclass(frozen=True)
class Result:
    """What becomes of an instruction."""

    control: Control | None = None
    figure: int = 0
    posting: int | None = None
    replayed: bool = False
    debit_balance: int | None = None
    credit_balance: int | None = None
    under: int = 0


@dataclass
class GrantOf:
    """A grant of the model; caps in the order in which they are looked at, None where there is none."""

    parent: int | None
    grantor: str
    grantee: str
    power: str
    route: str
    scope: str | None = None
    key: str | None = None
    per_item: int | None = None
    per_day: int | None = None
    per_period: int | None = None
    period_days: int | None = None
    exposure: int | None = None
    valid_from: datetime.date = datetime.date(1, 1, 1)
    valid_until: datetime.date | None = None
    stands: bool = True


@dataclass
class Model:
    """A ledger in memory."""

    declaration: Declaration
    parties: dict[str, Party]
    accounts: dict[int, Account]
    bindings: dict[str, tuple[str, str, datetime.date]]
    day: datetime.date = datetime.date(1, 1, 1)
    closed_through: datetime.date = datetime.date(1, 1, 1)
    postings: dict[str, tuple[Instruction, Result]] = field(default_factory=dict)
    open_holds: dict[int, Instruction] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    grants: dict[int, GrantOf] = field(default_factory=dict)
    used: list[tuple[int, datetime.date, int]] = field(default_factory=list)
    rests: dict[int, int] = field(default_factory=dict)
    posted: dict[int, Instruction] = field(default_factory=dict)
    reversed: set[int] = field(default_factory=set)
    held_under: dict[int, tuple[int, datetime.date]] = field(default_factory=dict)
    entries: list[tuple[int, int, int]] = field(default_factory=list)
    count: int = 0

    def post(self, login: str, instructions: list[Instruction], source: str | None) -> list[Result]:
        """Post a batch; holds that are placed in it cannot be finished in it, nor postings be reversed."""
        before = self.count
        results: list[Result] = []
        for _, group in groupby(enumerate(instructions), key=lambda item: item[1].group or item[0]):
            results += self._group(login, [asked for _, asked in group], source, before, len(results))
        return results

    def _group(self, login: str, group: list[Instruction], source: str | None, before: int, first: int) -> list[Result]:
        """Several together or not at all; who is alone is a group too."""
        kept = deepcopy(self) if group[0].group else None
        results: list[Result] = []
        for place, asked in enumerate(group):
            result = self._one(login, asked, source, before, [r.replayed for r in results[:1]])
            if result.control is Control.LINKED:
                result = Result(Control.LINKED, first + 1)
            if result.control is not None and kept is not None:
                self.__dict__.update(kept.__dict__)
                linked = Result(Control.LINKED, first + place + 1)
                undone = [earlier if earlier.replayed else linked for earlier in results]
                return [*undone, result, *[linked] * (len(group) - place - 1)]
            results.append(result)
        return results

    def _one(self, login: str, asked: Instruction, source: str | None, before: int, replayed: list[bool]) -> Result:
        if asked.key in self.postings:
            then, result = self.postings[asked.key]
            if then == asked:
                return Result(Control.LINKED) if False in replayed else replace(result, replayed=True)
            return Result(Control.KEY, result.posting or 0)
        if True in replayed:
            return Result(Control.LINKED)
        refused = self._refusal(login, asked, source, before)
        if refused is not None:
            return Result(*refused)
        under = self._carrier(login, asked)
        if isinstance(under, Result):
            return under
        short = self._about_funds(asked)
        if short is not None:
            return Result(*short)
        result = self._carry_out(asked, under)
        self.postings[asked.key] = (asked, result)
        return result

    def _refusal(self, login: str, asked: Instruction, source: str | None, before: int) -> tuple[Control, int] | None:
        routes = {route.name: route for route in self.declaration.routes}
        if not 1 <= asked.amount_minor <= LARGEST_AMOUNT:
            return Control.AMOUNT, asked.amount_minor
        if asked.route not in routes:
            return Control.ROUTE, 0
        route = routes[asked.route]
        if not self._standing(login, asked) and not self._own(login, asked):
            return Control.ASKER, 0
        if (asked.action != Action.POST) != (route.finishes is not None):
            return Control.ACTION, asked.action
        return (
            self._about_path(asked, route)
            or self._about_scope(login, asked)
            or self._about_relations(asked, route, source)
            or self._about_dates(asked, route)
            or self._about_another(asked, route, before)
        )

    def _about_path(self, asked: Instruction, route: Route) -> tuple[Control, int] | None:
        length = len(route.path)
        for side in range(1, 5):
            given = asked.path[side - 1] if side <= len(asked.path) else None
            if (given is None and side <= length) or (given is not None and given not in self.accounts):
                return Control.ACCOUNT, side
        for side, kind in enumerate(route.path, 1):
            ends_meet = side == 2 and asked.path[0] == asked.path[length - 1]
            if self.accounts[asked.path[side - 1]].kind != kind or ends_meet:
                return Control.PATH, side
        if len(asked.path) > length:
            return Control.PATH, length + 1
        if asked.subject not in self.parties:
            return Control.PARTY, 0
        return None

    def _about_relations(self, asked: Instruction, route: Route, source: str | None) -> tuple[Control, int] | None:
        subject = self.parties[asked.subject]
        bank, number, since = self.bindings.get(asked.subject, (None, None, self.day))
        to_registered = route.registered_account and asked.action <= Action.HOLD
        roles = {kind.name: kind.owner for kind in self.declaration.kinds}
        for side, account in enumerate((self.accounts[place] for place in asked.path), 1):
            role = roles[account.kind]
            if account.unit != self.accounts[asked.path[0]].unit:
                return Control.UNIT, side
            if role == "client" and route.same_client and account.owner != asked.subject:
                return Control.CLIENT, side
            if role == "member" and route.own_member and account.owner != (subject.member or asked.subject):
                return Control.MEMBER, side
            if role == "client" and to_registered and account.number not in (None, asked.payee):
                return Control.PAYEE, side
            if role == "bank" and to_registered and account.owner != bank:
                return Control.PAYEE, side
            confirmed = asked.action in (Action.POST, Action.POST_HELD)
            if role == "bank" and route.bank_confirmed and confirmed and account.owner != source:
                return Control.SOURCE, side
            if side > 1 and asked.action <= Action.HOLD and account.ends is not None and account.ends < self.day:
                return Control.ENDED, side
        if to_registered and asked.payee != number:
            return Control.PAYEE, 0
        if to_registered and since > self.day:
            return Control.COOLING, (since - DAY_ZERO).days
        return None

    def _about_dates(self, asked: Instruction, route: Route) -> tuple[Control, int] | None:
        if self.day <= self.closed_through:
            return Control.SHUT, (self.closed_through - DAY_ZERO).days
        if asked.value_date <= self.closed_through:
            return Control.DAY, (self.closed_through - DAY_ZERO).days
        first = self.day - datetime.timedelta(route.back_days)
        last = self.day + datetime.timedelta(route.ahead_days)
        if asked.value_date < first:
            return Control.DATED, (first - DAY_ZERO).days
        return (Control.DATED, (last - DAY_ZERO).days) if asked.value_date > last else None

    def _about_another(self, asked: Instruction, route: Route, before: int) -> tuple[Control, int] | None:
        """What it finishes or reverses."""
        about = asked.hold or asked.reverses
        if asked.action >= Action.POST_HELD:
            held = self.open_holds.get(about)
            expired = held is not None and held.expires < self.day and asked.action is Action.POST_HELD
            if held is None or about > before or expired:
                return Control.HOLD, about
            if any(getattr(held, name) != getattr(asked, name) for name in ("route", "subject", "payee", "path")):
                return Control.DIFFERS, about
            rest = self.rests[about]
            return (Control.REST, rest) if asked.amount_minor > rest else None
        if asked.action is Action.POST and route.reverses:
            posted = self.posted.get(about)
            if posted is None or about > before or about in self.reversed:
                return Control.REVERSAL, about
            same = (posted.route, posted.subject, posted.amount_minor, posted.path[::-1])
            different = same != (route.reverses, asked.subject, asked.amount_minor, asked.path)
            return (Control.DIFFERS, about) if different else None
        if about:
            return Control.HOLD if asked.action is Action.HOLD else Control.REVERSAL, about
        return None

    def _about_funds(self, asked: Instruction) -> tuple[Control, int] | None:
        if asked.action >= Action.POST_HELD:
            return None
        debit, credit = self.accounts[asked.path[0]], self.accounts[asked.path[-1]]
        invariants = {kind.name: kind.invariant for kind in self.declaration.kinds}
        available, room = debit.balance - debit.held_out, -(credit.balance + credit.held_in)
        if invariants[debit.kind] == "non-negative" and available < asked.amount_minor:
            return Control.FUNDS, available
        if invariants[credit.kind] == "non-positive" and room < asked.amount_minor:
            return Control.CEILING, room
        if available - asked.amount_minor < -FULLEST or asked.amount_minor - room > FULLEST:
            return Control.OVERFLOW, 0
        if asked.action is Action.HOLD and asked.expires < self.day:
            return Control.EXPIRES, 0
        return None

    def _carry_out(self, asked: Instruction, under: int) -> Result:
        self.count += 1
        self._count_use(asked, under)
        debit, credit, amount = self.accounts[asked.path[0]], self.accounts[asked.path[-1]], asked.amount_minor
        if asked.action is Action.HOLD:
            self.open_holds[self.count] = asked
            self.rests[self.count] = amount
            debit.held_out += amount
            credit.held_in += amount
        elif asked.action is not Action.POST:
            self.rests[asked.hold] -= amount
            if not self.rests[asked.hold]:
                del self.open_holds[asked.hold]
            debit.held_out -= amount
            credit.held_in -= amount
        if asked.action in (Action.HOLD, Action.RELEASE):
            return Result(None, 0, self.count, False, debit.balance, credit.balance, under)
        self.posted[self.count] = asked
        if asked.action is Action.POST and asked.reverses:
            self.reversed.add(asked.reverses)
        for giving, taking in zip(asked.path, asked.path[1:], strict=False):
            for place, change in ((giving, -amount), (taking, amount)):
                self.accounts[place].balance += change
                self.entries.append((place, change, self.accounts[place].balance))
        return Result(None, 0, self.count, False, debit.balance, credit.balance, under)

    # -- grants -----------------------------------------------------------------------------------------------------

    def _covered(self, grant: GrantOf, party: str) -> bool:
        own = {party, self.parties[party].member if party in self.parties else party}
        return grant.scope is None or grant.scope in own or bool(own & self.groups.get(grant.scope, set()))

    def _chain(self, number: int) -> list[int]:
        parent = self.grants[number].parent
        return [number, *(self._chain(parent) if parent else [])]

    def _may_use(self, grant: GrantOf, login: str, asked: Instruction) -> bool:
        power = "ask" if asked.action <= Action.HOLD else "finish"
        valid = grant.valid_from <= self.day <= (grant.valid_until or datetime.date.max)
        return grant.stands and valid and (grant.grantee, grant.power, grant.route) == (login, power, asked.route)

    def _standing(self, login: str, asked: Instruction) -> list[int]:
        return [n for n, grant in self.grants.items() if grant.key is None and self._may_use(grant, login, asked)]

    def _own(self, login: str, asked: Instruction) -> list[int]:
        return [
            number
            for number, grant in self.grants.items()
            if grant.key == asked.key and self._may_use(grant, login, asked) and self._all_cover(number, asked.subject)
        ]

    def _all_cover(self, number: int, party: str) -> bool:
        return all(self._covered(self.grants[above], party) for above in self._chain(number))

    def _candidates(self, login: str, asked: Instruction) -> list[int]:
        standing = [n for n in self._standing(login, asked) if self._all_cover(n, asked.subject)]
        return standing + self._own(login, asked)

    def _about_scope(self, login: str, asked: Instruction) -> tuple[Control, int] | None:
        return None if self._candidates(login, asked) else (Control.SCOPE, 0)

    def _carrier(self, login: str, asked: Instruction) -> int | Result:
        """The first grant with room all the way up, or the refusal of the first."""
        refusals = []
        for number in self._candidates(login, asked):
            caps = [cap for above in self._chain(number) for cap in self._exceeded(above, asked)]
            if not caps or asked.action is Action.RELEASE:
                return number
            refusals.append(caps[-1])
        return refusals[0]

    def _exceeded(self, number: int, asked: Instruction) -> list[Result]:
        grant, amount = self.grants[number], asked.amount_minor
        today = sum(a for under, day, a in self.used if under == number and day == self.day)
        first = self.day - datetime.timedelta((grant.period_days or 1) - 1)
        lately = sum(a for under, day, a in self.used if under == number and day >= first)
        out = self.outstanding(number) if asked.action is Action.HOLD else -amount
        for control, used, cap in (
            (Control.ITEM, 0, grant.per_item),
            (Control.DAILY, today, grant.per_day),
            (Control.PERIOD, lately, grant.per_period),
            (Control.EXPOSURE, out, grant.exposure),
        ):
            if cap is not None and used + amount > cap:
                return [Result(control, used, under=number)]
        return []

    def outstanding(self, number: int) -> int:
        """What is held under a grant or one below it, and not finished."""
        return sum(self.rests[hold] for hold in self.open_holds if number in self._chain(self.held_under[hold][0]))

    def _count_use(self, asked: Instruction, under: int) -> None:
        if asked.action is Action.HOLD:
            self.held_under[self.count] = (under, self.day)
        if asked.action is Action.RELEASE:
            placed, day = self.held_under[asked.hold]
            self.used += [(above, day, -asked.amount_minor) for above in self._chain(placed)]
        else:
            self.used += [(above, self.day, asked.amount_minor) for above in self._chain(under)]

    def give(self, login: str, wanted: dict[str, object], parent: int) -> int | None:
        """Give a grant below `parent`, or None where it is refused; what is not wanted is the parent's."""
        above = self.grants[parent]
        valid = self.day <= (above.valid_until or datetime.date.max)
        if not above.stands or above.grantee != login or above.key is not None or not valid:
            return None
        route = next(route for route in self.declaration.routes if route.name == above.route)
        new = replace(above, parent=parent, grantor=login, valid_from=max(self.day, above.valid_from), key=None)
        new = replace(new, **wanted)  # type: ignore[arg-type]
        walks = new.grantee == (route.asks if above.power == "ask" else route.finishes)
        passes_on = "grants" in self.declaration.logins.get(new.grantee, ()) and new.grantee != login
        caps = ("per_item", "per_day", "per_period", "exposure")
        pairs = [(getattr(new, cap), getattr(above, cap)) for cap in caps]
        standing_keys = {grant.key for grant in self.grants.values() if grant.stands}
        wrong = (
            not (walks or passes_on)
            or len(self._chain(parent)) >= 8
            or (above.scope is not None and (new.scope is None or not self._covered(above, new.scope)))
            or (new.key is not None and (not walks or "per_item" not in wanted or new.key in standing_keys))
            or any(cap is not None and (cap < 1 or (most is not None and cap > most)) for cap, most in pairs)
            or (above.period_days is not None and (new.period_days or 0) < above.period_days)
            or (new.per_period is None) != (new.period_days is None)
            or (new.exposure is not None and (route.finishes is None or above.power != "ask"))
            or new.valid_from < max(self.day, above.valid_from)
            or (new.valid_until or datetime.date.max) > (above.valid_until or datetime.date.max)
            or (new.valid_until or datetime.date.max) < new.valid_from
        )
        if wrong:
            return None
        self.grants[len(self.grants) + 1] = new
        return len(self.grants)

    def revoke(self, login: str, number: int) -> bool:
        """End a grant and all below it, if it was this login's to end."""
        if not self.grants[number].stands or login not in {self.grants[n].grantor for n in self._chain(number)}:
            return False
        ended = {n for n, grant in self.grants.items() if grant.stands and number in self._chain(n)}
        for other in ended:
            self.grants[other].stands = False
        for account in self.accounts.values():
            if account.under in ended:
                account.ends = self.day - datetime.timedelta(1)
        return True

    def open_account(self, number: int, owner: str, under: int | None) -> None:
        """Open a pocket, which ends with the grant that it is opened under."""
        ends = self.grants[under].valid_until if under else None
        self.accounts[number] = Account("pocket", owner, "CNY", None, ends=ends, under=under)

    def rebind(self, client: str, number: str, cool_off_days: int) -> None:
        """Bind a client to an account, for the first time or again; both institutions have confirmed it."""
        wait = cool_off_days if client in self.bindings else 0
        self.bindings[client] = ("bank", number, self.day + datetime.timedelta(wait))

    # -- days -------------------------------------------------------------------------------------------------------

    def open(self, day: datetime.date) -> bool:
        """Open a booking day, or tell that it is over; what has expired by then is released, if the day was open too."""
        if day != self.day or self.day <= self.closed_through:
            if day <= max(self.day, self.closed_through):
                return False
            self.day = day
        expired = [(held.expires, number) for number, held in self.open_holds.items() if held.expires < day]
        for _, number in sorted(expired):
            self._expire(number, self.open_holds[number])
        return True

    def _expire(self, number: int, held: Instruction) -> None:
        self.count += 1
        rest, (under, day) = self.rests[number], self.held_under[number]
        self.accounts[held.path[0]].held_out -= rest
        self.accounts[held.path[-1]].held_in -= rest
        self.used += [(above, day, -rest) for above in self._chain(under)]
        self.rests[number] = 0
        del self.open_holds[number]

    def close(self, day: datetime.date) -> bool:
        """Close a day, or tell that an account that must be zero then is not."""
        at_close = {kind.name for kind in self.declaration.kinds if kind.zero_at_close}
        if day > self.closed_through and any(a.balance for a in self.accounts.values() if a.kind in at_close):
            return False
        self.closed_through = max(day, self.closed_through)
        return True
