"""The demonstration: a real market lived through in the closed circle, day by day, with the equation read at every commit.

It makes its books itself and replaces none that it did not make. A day's wishes are written down before they are carried
out, and everything is carried out by key, so a run that was killed goes on exactly where it was.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import psycopg

from ringfence import calendar, ring
from ringfence.custody import (
    EXCHANGE,
    Circle,
    Equation,
    EquationReader,
    Refused,
    Transfers,
    create_circle,
    open_metal,
    require_untouched,
)
from ringfence.custody.requests import SCHEMA as REQUESTS
from ringfence.database import SchemaChanged, Store, drop_ledger, ledgers, migrate_ledger, sql_files
from ringfence.demo.delivering import receipts, with_metal
from ringfence.demo.people import (
    BANKS,
    FEES_PER_CLIENT_MINOR,
    GUARANTEE_MINOR,
    LEFT_OVER_PER_CLIENT_MINOR,
    MEMBERS,
    RESERVE_BANK,
    RESERVE_MINOR,
    WITHDRAWAL_LIMIT_MINOR,
    Person,
    people,
)
from ringfence.demo.trading import Reason, RefusedOrder, refused_orders, trade
from ringfence.demo.wishes import Morning, Wishes, morning, wish
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Caps, DeclaredOtherwise
from ringfence.ledger.head import Heads
from ringfence.links import letters_schema
from ringfence.margin import market as markets
from ringfence.margin.day_end import SCHEMA, DayEnd, create_day_end
from ringfence.margin.kept_plan import DaySettled
from ringfence.margin.metal import Metal
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade
from ringfence.margin.tenders import Tenders

FIRST_DAY = datetime.date(2020, 3, 6)
MOST_CLIENTS = 100_000
FEWEST_CLIENTS = 12
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('ringfence demo', 0))"
_PATIENCE_S = 10


class NotADemo(RingfenceError):
    """The store holds ledgers that no demonstration made: `ledgers`."""

    code = "not-a-demo"
    template: ClassVar[dict[Language, str]] = {
        "en": "the store holds {ledgers}, which no demo made; --store DIR names another folder; nothing was changed",
        "zh": "数据库中已有非演示所建的 {ledgers};请用 --store 指定其他目录;未作任何更改",
    }


class DemoRunning(RingfenceError):
    """Another process is running a demonstration in the same store."""

    code = "demo-running"
    template: ClassVar[dict[Language, str]] = {
        "en": "another demo is running in this store; wait for it, or name another folder with --store",
        "zh": "该数据库中另有演示正在运行;请稍候,或用 --store 指定其他目录",
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many, and from which seed. Errors: BadInput."""

    days: int
    clients: int
    seed: int

    def __post_init__(self) -> None:
        most = len(self.all_days())
        if not 1 <= self.days <= most:
            raise BadInput("--days", self.days, f"1 to {most}: trading days from {FIRST_DAY} to the end of 2020")
        if not FEWEST_CLIENTS <= self.clients <= MOST_CLIENTS:
            raise BadInput("--clients", self.clients, f"{FEWEST_CLIENTS} to {MOST_CLIENTS}")
        if not 0 <= self.seed < 2**31:
            raise BadInput("--seed", self.seed, "0 to 2147483647")

    @staticmethod
    def all_days() -> tuple[datetime.date, ...]:
        """Every trading day that can be lived through."""
        return calendar.load().between(FIRST_DAY, markets.load().days[-1])

    def trading_days(self) -> tuple[datetime.date, ...]:
        """The days of this run."""
        return self.all_days()[: self.days]


@dataclass(slots=True)
class Watch:
    """Reads the equation after every commit and remembers what it saw."""

    reader: EquationReader | None = None
    checks: int = 0
    transit_nonzero: int = 0
    failures: list[Equation] = field(default_factory=list)

    def __call__(self) -> None:
        """Read it now."""
        if self.reader is None:
            return
        seen = self.reader.read()
        self.checks += 1
        self.transit_nonzero += seen.transit_nonzero
        if not seen.holds:
            self.failures.append(seen)


@dataclass(frozen=True, slots=True)
class DayDone:
    """One day of the run, for whoever watches it go by."""

    day: datetime.date
    number: int
    clients: int
    refused: tuple[Refused | RefusedOrder, ...]
    settled: DaySettled


@dataclass(frozen=True, slots=True)
class Result:
    """How the whole run went, interrupted or not; `microseconds` were spent living through its days."""

    plan: Plan
    went_on: bool
    postings: int
    refused: int
    margin_calls: int
    covers: int
    delivered: int
    defaulted: int
    checks: int
    failures: int
    transit_nonzero: int
    microseconds: int

    @property
    def postings_per_s(self) -> int:
        """Postings in a second, with everything that was done beside them."""
        return self.postings * 1_000_000 // max(1, self.microseconds)


Also = Callable[[datetime.date, Wishes, Morning], Wishes]
"""What a day's wishes become, if somebody wants something else besides."""


def run(
    store: Store,
    plan: Plan,
    show: Callable[[DayDone], None] = lambda day: None,
    watch: Watch | None = None,
    also: Also = lambda day, wishes, stands: wishes,
) -> Result:
    """Live through `plan`, from its beginning or from where an interrupted run of the same plan was.

    `show` is called after every day, `watch` after every commit; `also` says what somebody wants besides.

    Errors: DemoRunning; NotADemo; HeadMismatch, where somebody changed the books of an interrupted run; as the rooms below.
    """
    with store.connect() as administrator, alone(administrator):
        went_on = _prepare(store, administrator, plan)
        if went_on:
            require_untouched(store, BANKS)
        watch = watch or Watch()
        with Circle(store, BANKS, watch) as circle, EquationReader(store, BANKS) as reader:
            watch.reader = reader
            return _Run(store, administrator, circle, plan, watch, show, also).live(went_on=went_on)


@contextlib.contextmanager
def alone(administrator: psycopg.Connection[Any]) -> Iterator[None]:
    """Let no other demonstration run in this store. Errors: DemoRunning."""
    deadline = time.monotonic() + _PATIENCE_S
    # The connection of a run that was killed a moment ago may still hold the lock.
    while administrator.execute(_LOCK).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise DemoRunning
        time.sleep(0.2)
    yield


def _prepare(store: Store, administrator: psycopg.Connection[Any], plan: Plan) -> bool:
    """Make the books, and tell whether an interrupted run of the same plan is in them.

    What an earlier version of the demonstration made is replaced, since nothing can depend on it.
    """
    mine = administrator.execute("SELECT to_regclass('demo.run') IS NOT NULL").fetchone() == (True,)
    found = [name for name in ledgers(administrator) if name in (*BANKS, EXCHANGE, "demo")]
    if found and not mine:
        raise NotADemo(ledgers=", ".join(found))
    going = mine and administrator.execute("SELECT days, clients, seed, finished FROM demo.run").fetchone()
    if going == (plan.days, plan.clients, plan.seed, False):
        with contextlib.suppress(SchemaChanged, DeclaredOtherwise):
            _create(store)
            return True
    letters = [letters_schema(book) for book in (*BANKS, EXCHANGE)]
    if mine:
        # Whoever is interrupted from here on finds a demo that has not begun, not books that no demo made.
        administrator.execute("DELETE FROM demo.run")
    for schema in ("access", REQUESTS, SCHEMA, *letters, *BANKS, EXCHANGE, "demo"):
        drop_ledger(administrator, schema)
        Heads(store).forget(schema)
    _create(store)
    administrator.execute("INSERT INTO demo.run VALUES (true, %s, %s, %s)", (plan.days, plan.clients, plan.seed))
    return False


def _create(store: Store) -> None:
    with store.connect() as administrator:
        store.ensure_role(administrator, "ringfence_demo_owner", login=False)
    migrate_ledger(store, "demo", "ringfence_demo_owner", [], sql_files("ringfence.demo", "migrations"))
    create_circle(store, ring.load("sge"), BANKS)
    create_day_end(store)


class _Run:
    def __init__(
        self,
        store: Store,
        administrator: psycopg.Connection[Any],
        circle: Circle,
        plan: Plan,
        watch: Watch,
        show: Callable[[DayDone], None],
        also: Also,
    ) -> None:
        self._also = also
        self._store = store
        self._memory = administrator
        self._circle = circle
        self._plan = plan
        self._watch = watch
        self._show = show
        self._people: list[Person] = people(plan.clients, plan.seed)
        self._day_end = DayEnd(circle)
        self._orders = Orders(circle, self._day_end.rules, markets.load())
        self._tenders = Tenders(circle, self._day_end.rules, markets.load())

    def live(self, *, went_on: bool) -> Result:
        self._circle.register(MEMBERS, [person.client for person in self._people])
        open_metal(self._store, with_metal(self._people), self._watch)
        self._circle.refresh()
        self._circle.limit("withdrawal", Caps(per_item_minor=WITHDRAWAL_LIMIT_MINOR))
        self._circle.limit("fee", Caps(per_day_minor=FEES_PER_CLIENT_MINOR * len(self._people)))
        self._circle.limit("left-over", Caps(per_day_minor=LEFT_OVER_PER_CLIENT_MINOR * len(self._people)))
        transfers = Transfers(self._circle)
        for number, day in enumerate(self._plan.trading_days(), 1):
            if not self._memory.execute("SELECT FROM demo.lived WHERE day = %s", (day,)).rowcount:
                self._show(self._live_day(number, day, transfers))
        self._memory.execute("UPDATE demo.run SET finished = true")
        lived = self._memory.execute(
            "SELECT sum(refused), sum(checks), sum(failures), sum(transit_nonzero), sum(microseconds) FROM demo.lived"
        ).fetchone()
        assert lived is not None
        refused, checks, failures, transit_nonzero, microseconds = map(int, lived)
        calls, covers, delivered, defaulted = self._day_end.totals()
        return Result(
            self._plan,
            went_on,
            self._postings(),
            refused,
            calls,
            covers,
            delivered,
            defaulted,
            checks,
            failures,
            transit_nonzero,
            microseconds,
        )

    def _live_day(self, number: int, day: datetime.date, transfers: Transfers) -> DayDone:
        started = time.monotonic_ns()
        wishes = self._wishes(day)
        self._circle.open_day(day)
        if number == 1:
            for member in MEMBERS:
                self._circle.counter[member.bank].put_up_guarantee(day, member.name, GUARANTEE_MINOR)
            self._circle.counter[RESERVE_BANK].fill_reserve(day, RESERVE_MINOR)
            Metal(self._circle).bring_in(receipts(self._people))
        # Whatever an interrupted day left on its way is finished first.
        transfers.take_over()
        turned_down: list[Refused] = [
            *self._circle.arrive(day, wishes.arrivals),
            *self._circle.deposit(day, wishes.deposits),
        ]
        withdrawable = {client: funds.withdrawable_minor for client, funds in self._day_end.funds(day).items()}
        turned_down += transfers.withdraw(day, wishes.withdrawals, withdrawable, second=lambda withdrawal: True)
        turned_away = self._trade(day, wishes.trades)
        self._tenders.make(wishes.tenders)
        if last_of_month(day):
            turned_down += transfers.pay_out_fees(day, f"fees:{day}", RESERVE_BANK)
        settled = self._day_end.settle(day, transfers)
        self._circle.sign_heads()
        watch, self._watch.checks, self._watch.transit_nonzero = replace(self._watch), 0, 0
        self._watch.failures = []
        self._memory.execute(
            "INSERT INTO demo.lived VALUES (%s, %s, %s, %s, %s, %s)",
            (
                day,
                len(turned_down) + len(turned_away),
                watch.checks,
                len(watch.failures),
                watch.transit_nonzero,
                (time.monotonic_ns() - started) // 1000,
            ),
        )
        return DayDone(day, number, len(self._people), (*turned_down, *turned_away), settled)

    def _trade(self, day: datetime.date, trades: Sequence[Trade]) -> list[RefusedOrder]:
        """Trade, unless that is over; which orders were turned away is remembered, so that an interrupted day says the same."""
        ((kept,),) = self._memory.execute("SELECT turned_away FROM demo.script WHERE day = %s", (day,)).fetchall()
        turned_away: dict[str, Reason] = {number: (en, zh) for number, (en, zh) in kept.items()}
        if not self._day_end.is_planned(day):
            trade(self._orders, day, trades, turned_away, lambda: self._remember(day, turned_away))
        return refused_orders(trades, turned_away)

    def _remember(self, day: datetime.date, turned_away: Mapping[str, Reason]) -> None:
        self._memory.execute("UPDATE demo.script SET turned_away = %s WHERE day = %s", (json.dumps(turned_away), day))

    def _wishes(self, day: datetime.date) -> Wishes:
        written = self._memory.execute("SELECT wishes FROM demo.script WHERE day = %s", (day,)).fetchone()
        if written is not None:
            return Wishes.from_json(written[0])
        stands = morning(self._day_end, day)
        honest = wish(day, self._people, stands, markets.load(), self._day_end.rules, self._plan.seed)
        wishes = self._also(day, honest, stands)
        self._memory.execute(
            "INSERT INTO demo.script (day, wishes) VALUES (%s, %s)", (day, json.dumps(wishes.to_json()))
        )
        return wishes

    def _postings(self) -> int:
        books = (self._circle.clerk, *self._circle.bank_clerk.values())
        return sum(int(book.rows("SELECT posting FROM {}.head")[0][0]) for book in books)


def last_of_month(day: datetime.date) -> bool:
    """Whether the next trading day is in another month."""
    return calendar.load().next_trading_day(day).month != day.month
