"""The posting function as one would write it without thinking of speed: one instruction after another, over dictionaries.

It is written from the documented rules, not from the SQL: statuses in their order of precedence, figures, results.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Result:
    """What becomes of an instruction."""

    control: Control | None = None
    figure: int = 0
    posting: int | None = None
    replayed: bool = False
    debit_balance: int | None = None
    credit_balance: int | None = None


@dataclass
class Model:
    """A ledger in memory."""

    declaration: Declaration
    parties: dict[str, Party]
    accounts: dict[int, Account]
    bindings: dict[str, tuple[str, str]]
    day: datetime.date = datetime.date(1, 1, 1)
    closed_through: datetime.date = datetime.date(1, 1, 1)
    postings: dict[str, tuple[Instruction, Result]] = field(default_factory=dict)
    open_holds: dict[int, Instruction] = field(default_factory=dict)
    entries: list[tuple[int, int, int]] = field(default_factory=list)
    count: int = 0

    def post(self, login: str, instructions: list[Instruction], source: str | None) -> list[Result]:
        """Post a batch; holds that are placed in it cannot be finished in it."""
        open_before = set(self.open_holds)
        return [self._one(login, asked, source, open_before) for asked in instructions]

    def _one(self, login: str, asked: Instruction, source: str | None, open_before: set[int]) -> Result:
        if asked.key in self.postings:
            then, result = self.postings[asked.key]
            if then == asked:
                return Result(None, 0, result.posting, True, result.debit_balance, result.credit_balance)
            return Result(Control.KEY, result.posting or 0)
        refused = self._refusal(login, asked, source, open_before)
        if refused is not None:
            return Result(*refused)
        result = self._carry_out(asked)
        self.postings[asked.key] = (asked, result)
        return result

    def _refusal(
        self, login: str, asked: Instruction, source: str | None, open_before: set[int]
    ) -> tuple[Control, int] | None:
        routes = {route.name: route for route in self.declaration.routes}
        if not 1 <= asked.amount_minor <= LARGEST_AMOUNT:
            return Control.AMOUNT, asked.amount_minor
        if asked.route not in routes:
            return Control.ROUTE, 0
        route = routes[asked.route]
        if login != (route.finishes if asked.action >= Action.POST_HELD else route.asks):
            return Control.ASKER, 0
        if (asked.action != Action.POST) != (route.finishes is not None):
            return Control.ACTION, asked.action
        return (
            self._about_path(asked, route)
            or self._about_relations(asked, route, source)
            or self._about_state(asked, open_before)
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
        bank, number = self.bindings.get(asked.subject, (None, None))
        roles = {kind.name: kind.owner for kind in self.declaration.kinds}
        for side, account in enumerate((self.accounts[place] for place in asked.path), 1):
            role = roles[account.kind]
            if account.unit != self.accounts[asked.path[0]].unit:
                return Control.UNIT, side
            if role == "client" and route.same_client and account.owner != asked.subject:
                return Control.CLIENT, side
            if role == "member" and route.own_member and account.owner != (subject.member or asked.subject):
                return Control.MEMBER, side
            if role == "client" and route.registered_account and account.number not in (None, asked.payee):
                return Control.PAYEE, side
            if role == "bank" and route.registered_account and account.owner != bank:
                return Control.PAYEE, side
            confirmed = asked.action in (Action.POST, Action.POST_HELD)
            if role == "bank" and route.bank_confirmed and confirmed and account.owner != source:
                return Control.SOURCE, side
        if route.registered_account and asked.payee != number:
            return Control.PAYEE, 0
        return None

    def _about_state(self, asked: Instruction, open_before: set[int]) -> tuple[Control, int] | None:
        if self.day <= self.closed_through:
            return Control.SHUT, (self.closed_through - DAY_ZERO).days
        if asked.value_date <= self.closed_through:
            return Control.DAY, (self.closed_through - DAY_ZERO).days
        if asked.action >= Action.POST_HELD:
            if asked.hold not in self.open_holds or asked.hold not in open_before:
                return Control.HOLD, asked.hold
            held = self.open_holds[asked.hold]
            if any(
                getattr(held, name) != getattr(asked, name)
                for name in ("route", "subject", "amount_minor", "payee", "path")
            ):
                return Control.DIFFERS, asked.hold
            return None
        if asked.hold:
            return Control.HOLD, asked.hold
        debit, credit = self.accounts[asked.path[0]], self.accounts[asked.path[-1]]
        invariants = {kind.name: kind.invariant for kind in self.declaration.kinds}
        available, room = debit.balance - debit.held_out, -(credit.balance + credit.held_in)
        if invariants[debit.kind] == "non-negative" and available < asked.amount_minor:
            return Control.FUNDS, available
        if invariants[credit.kind] == "non-positive" and room < asked.amount_minor:
            return Control.CEILING, room
        if available - asked.amount_minor < -FULLEST or asked.amount_minor - room > FULLEST:
            return Control.OVERFLOW, 0
        return None

    def _carry_out(self, asked: Instruction) -> Result:
        self.count += 1
        debit, credit, amount = self.accounts[asked.path[0]], self.accounts[asked.path[-1]], asked.amount_minor
        if asked.action is Action.HOLD:
            self.open_holds[self.count] = asked
            debit.held_out += amount
            credit.held_in += amount
        elif asked.action is not Action.POST:
            del self.open_holds[asked.hold]
            debit.held_out -= amount
            credit.held_in -= amount
        if asked.action in (Action.HOLD, Action.RELEASE):
            return Result(posting=self.count)
        for giving, taking in zip(asked.path, asked.path[1:], strict=False):
            for place, change in ((giving, -amount), (taking, amount)):
                self.accounts[place].balance += change
                self.entries.append((place, change, self.accounts[place].balance))
        return Result(posting=self.count, debit_balance=debit.balance, credit_balance=credit.balance)

    def open(self, day: datetime.date) -> bool:
        """Open a booking day, or tell that it is over."""
        if day == self.day > self.closed_through:
            return True
        if day <= max(self.day, self.closed_through):
            return False
        self.day = day
        return True

    def close(self, day: datetime.date) -> bool:
        """Close a day, or tell that an account that must be zero then is not."""
        at_close = {kind.name for kind in self.declaration.kinds if kind.zero_at_close}
        if day > self.closed_through and any(a.balance for a in self.accounts.values() if a.kind in at_close):
            return False
        self.closed_through = max(day, self.closed_through)
        return True
