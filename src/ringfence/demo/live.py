"""The market going on, to be looked at: after the days that were lived through at once, one trading day a minute.

The day is the same as ever: the morning's wishes, trades at real prices, the settlement at real settlement prices. Only they
come one by one, and between them people come and go with smaller sums, some of whom ask for what they cannot have. Deposits go
through the very desk that the API uses, so both share their commits. After the last day the market stays closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from ringfence.custody import (
    AuditRefusal,
    Circle,
    Deposit,
    Live,
    Refusals,
    Refused,
    Transfers,
    Withdrawal,
)
from ringfence.database import Logins, Store
from ringfence.demo.asking import Asking
from ringfence.demo.people import BANKS, MEMBERS, RESERVE_BANK, people
from ringfence.demo.run import Plan, alone, last_of_month
from ringfence.demo.trading import Reason, refused_orders, trade
from ringfence.demo.wishes import Wishes, morning, wish
from ringfence.ledger import Instruction, Refusal
from ringfence.margin import market as markets
from ringfence.margin.day_end import DayEnd
from ringfence.margin.orders import Orders
from ringfence.margin.positions import Trade
from ringfence.margin.tenders import TenderAsked, Tenders

SECONDS_A_DAY = 60.0
# Of a day, the session; the settlement and the night are the rest.
_SESSION_PARTS = 0.85
_MOVES_A_SECOND = 5.0
_SMALLEST_MINOR = 1_000_00

_log = logging.getLogger(__name__)
_Step = Callable[[], None]


class GoingOn:
    """A market that goes on in a thread of its own until it is closed, or the last day is over.

    `plan` is what was lived through before; nothing else may run in the store meanwhile.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        live: Live,
        refusals: Refusals,
        logins: Logins | None = None,
        seconds_a_day: float = SECONDS_A_DAY,
    ) -> None:
        self._store = store
        self._plan = plan
        self._live = live
        self._refusals = refusals
        self._logins = logins
        self._seconds_a_day = seconds_a_day
        self._closing = threading.Event()
        self.day: datetime.date | None = None
        self.trouble: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="ringfence market", daemon=True)
        self._thread.start()

    def __enter__(self) -> GoingOn:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, after whatever is under way."""
        self._closing.set()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the last day; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with self._store.connect() as administrator, alone(administrator), Circle(self._store, BANKS) as circle:
                asking = Asking(self._store, self._logins, self._plan.seed) if self._logins else None
                market = _Market(circle, self._plan, self._live, self._refusals, asking)
                for day in self._plan.all_days()[self._plan.days :]:
                    self.day = day
                    self._live_through(market, day)
                    if self._closing.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and the pages go on
            self.trouble = error
            _log.exception("the market has stopped")

    def _live_through(self, market: _Market, day: datetime.date) -> None:
        steps = list(market.session(day, int(self._seconds_a_day * _SESSION_PARTS * _MOVES_A_SECOND)))
        pause_s = self._seconds_a_day * _SESSION_PARTS / max(1, len(steps))
        for step in steps:
            if self._closing.wait(pause_s):
                # The day is left as it is: open, and everything posted that was begun.
                return
            step()
        market.settle(day)
        self._closing.wait(self._seconds_a_day * (1 - _SESSION_PARTS))


class _Market:
    """What happens in it, step by step."""

    def __init__(
        self, circle: Circle, plan: Plan, live: Live, refusals: Refusals, asking: Asking | None = None
    ) -> None:
        self._circle = circle
        self._plan = plan
        self._live = live
        self._refusals = refusals
        self._asking = asking
        self._people = people(plan.clients, plan.seed)
        self._clients = {person.client.name: person.client for person in self._people}
        self._transfers = Transfers(circle)
        self._day_end = DayEnd(circle)
        self._orders = Orders(circle, self._day_end.rules, markets.load())
        self._tenders = Tenders(circle, self._day_end.rules, markets.load())

    def session(self, day: datetime.date, moves: int) -> Iterator[_Step]:
        """The steps of a day's session, about so many, in an order that follows from the day and the seed."""
        self._circle.open_day(day)
        wishes = wish(
            day, self._people, morning(self._day_end, day), markets.load(), self._day_end.rules, self._plan.seed
        )
        # What comes from outside is at the banks before anybody can pay it in.
        self._note(self._circle.arrive(day, wishes.arrivals))
        rng = Random(f"{self._plan.seed}:{day}:session")
        steps = [*self._wished(day, wishes), *self._coming_and_going(day, rng, moves)]
        trades = list(self._trades(day, wishes))
        rng.shuffle(steps)
        # Trades stay in their order, in between: what is closed was opened before.
        places = sorted(rng.sample(range(len(steps) + len(trades)), len(trades)))
        for place, step in zip(places, trades, strict=True):
            steps.insert(place, step)
        return iter([*steps, partial(self._tender, wishes.tenders)])

    def settle(self, day: datetime.date) -> None:
        """The evening: fees are paid out at the end of a month, and everything is settled and closed."""
        if last_of_month(day):
            self._note(self._transfers.pay_out_fees(day, f"fees:{day}", RESERVE_BANK))
        self._day_end.settle(day, self._transfers)
        self._circle.sign_heads()

    # -- the morning's wishes -----------------------------------------------------------------------------------------

    def _wished(self, day: datetime.date, wishes: Wishes) -> Iterator[_Step]:
        for deposit in wishes.deposits:
            yield partial(self._pay_in, deposit)
        for withdrawal in wishes.withdrawals:
            yield partial(self._take_out, day, withdrawal)

    def _trades(self, day: datetime.date, wishes: Wishes) -> Iterator[_Step]:
        trades = wishes.trades
        for start in range(0, len(trades), 10):
            yield partial(self._trade, day, trades[start : start + 10])

    def _trade(self, day: datetime.date, trades: Sequence[Trade]) -> None:
        turned_away: dict[str, Reason] = {}
        trade(self._orders, day, trades, turned_away)
        for one in refused_orders(trades, turned_away):
            order = one.order
            value = self._day_end.rules.contract(order.contract, day).value_minor(order.lots, order.price_minor)
            self._refusals.tell(order.client, value, "K8", one.reason, bank=self._clients[order.client].bank)

    def _tender(self, tenders: Sequence[TenderAsked]) -> None:
        self._tenders.make(tenders)

    # -- coming and going -----------------------------------------------------------------------------------------------

    def _coming_and_going(self, day: datetime.date, rng: Random, moves: int) -> Iterator[_Step]:
        for number in range(moves):
            name = rng.choice(self._people).client.name
            chance, share = rng.random(), rng.randint(2, 15)
            if chance < 0.02:
                other = rng.choice(self._people).client
                yield partial(self._to_another, day, number, name, other.account_number)
            elif chance < 0.035:
                yield partial(self._to_the_member, day, number, rng.choice(MEMBERS).name)
            elif chance < 0.06 and self._asking is not None:
                yield partial(self._sign_for_some, day, number, name, share * 4)
            elif chance < 0.5:
                yield partial(self._some_out, day, number, name, share)
            else:
                yield partial(self._some_in, day, number, name, share * 5)

    def _some_in(self, day: datetime.date, number: int, name: str, percent: int) -> None:
        client = self._clients[name]
        teller = self._circle.teller[client.bank]
        ((there,),) = teller.rows("SELECT balance FROM {}.account WHERE number = %s", (client.account_number,))
        amount = there * percent // 100
        if amount >= _SMALLEST_MINOR:
            self._pay_in(Deposit(f"in:{day}:{number}", name, amount - amount % 100, client.account_number))

    def _some_out(self, day: datetime.date, number: int, name: str, percent: int) -> None:
        most = self._day_end.funds(day, [name])[name].withdrawable_minor
        amount = most * percent // 100
        if amount >= _SMALLEST_MINOR:
            account = self._clients[name].account_number
            self._take_out(day, Withdrawal(f"out:{day}:{number}", name, amount - amount % 100, account), most)

    def _sign_for_some(self, day: datetime.date, number: int, name: str, percent: int) -> None:
        """Somebody asks in signed words, and waits for the exchange's persons: whoever looks at the pages."""
        amount = self._day_end.funds(day, [name])[name].withdrawable_minor * percent // 100
        if self._asking is not None and amount >= _SMALLEST_MINOR:
            self._asking.ask(f"{day}:{number}", self._clients[name], amount - amount % 100)

    def _to_another(self, day: datetime.date, number: int, name: str, account: str) -> None:
        """Somebody asks to be paid to another client's account."""
        most = self._day_end.funds(day, [name])[name].withdrawable_minor
        if most >= _SMALLEST_MINOR:
            self._take_out(day, Withdrawal(f"elsewhere:{day}:{number}", name, _SMALLEST_MINOR, account), most)

    def _to_the_member(self, day: datetime.date, number: int, member: str) -> None:
        """A member asks its bank to move what comes through its transit account into its own; there is no such route."""
        bank = next(found.bank for found in MEMBERS if found.name == member)
        teller = self._circle.teller[bank]
        path = (teller.account("member-transit", member), teller.account("member-own", member))
        asked = Instruction(f"own:{day}:{number}", "transit-to-own", member, path, 120_000_00, day)
        self._note(teller.post([asked]).refusals, bank)

    # -- what each step does --------------------------------------------------------------------------------------------

    def _pay_in(self, deposit: Deposit) -> None:
        bank = self._clients[deposit.client].bank
        outcome = asyncio.run(self._live.deposit(bank, deposit)).outcome
        if outcome.refusal is not None:
            self._refusals.add(outcome.refusal, bank)

    def _take_out(self, day: datetime.date, withdrawal: Withdrawal, most: int | None = None) -> None:
        if most is None:
            most = self._day_end.funds(day, [withdrawal.client])[withdrawal.client].withdrawable_minor
        self._note(self._transfers.withdraw(day, [withdrawal], {withdrawal.client: most}, second=lambda asked: True))

    def _note(self, refused: Sequence[Refused], bank: str | None = None) -> None:
        for refusal in refused:
            if isinstance(refusal, Refusal):
                self._refusals.add(refusal, bank)
                continue
            asked = refusal.withdrawal if isinstance(refusal, AuditRefusal) else refusal.order
            who = asked.client if isinstance(asked, Withdrawal) else asked.subject
            with contextlib.suppress(KeyError):
                bank = self._clients[who].bank
            self._refusals.tell(who, asked.amount_minor, "K4", (refusal.reason("en"), refusal.reason("zh")), bank=bank)
