"""What the people of the demonstration want on a day, made from a seed and from how they stand that morning.

Money is paid in, by those who are called for margin and some who want to trade more; money is taken out, now and then by
somebody who asks for too much or for another's account; and pairs of clients trade at prices between the day's real low
and high. A client that let a call go by is closed out against others first. Some who hold positions tender for delivery. Wishes
are only wishes: the audit and the kernel decide what becomes of them.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from ringfence import calendar
from ringfence.custody import Deposit, Withdrawal
from ringfence.demo.delivering import Tendering
from ringfence.demo.people import Person
from ringfence.margin.contracts import Contract
from ringfence.margin.day_end import DayEnd
from ringfence.margin.funds import Funds
from ringfence.margin.market import Market, Quote, QuoteUnknown
from ringfence.margin.positions import ClientContract, Position, Trade
from ringfence.margin.rules import Rules
from ringfence.margin.tenders import TenderAsked
from ringfence.money import Rate

_RECKLESS_PERCENT = 90
_ALL = 1_000_000
_LARGEST_TRADE_LOTS = {"Au(T+D)": 3, "mAu(T+D)": 20, "Ag(T+D)": 60}


@dataclass(frozen=True, slots=True)
class Wishes:
    """A day's wishes, in the order in which they are carried out."""

    arrivals: dict[str, tuple[str, int]]
    deposits: tuple[Deposit, ...]
    withdrawals: tuple[Withdrawal, ...]
    trades: tuple[Trade, ...]
    tenders: tuple[TenderAsked, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write them down."""
        return {
            "arrivals": {key: list(value) for key, value in self.arrivals.items()},
            "deposits": [asdict(deposit) for deposit in self.deposits],
            "withdrawals": [asdict(withdrawal) for withdrawal in self.withdrawals],
            "trades": [asdict(trade) for trade in self.trades],
            "tenders": [asdict(tender) for tender in self.tenders],
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Wishes:
        """Read them back."""
        return cls(
            arrivals={key: (client, amount) for key, (client, amount) in written["arrivals"].items()},
            deposits=tuple(Deposit(**deposit) for deposit in written["deposits"]),
            withdrawals=tuple(Withdrawal(**withdrawal) for withdrawal in written["withdrawals"]),
            trades=tuple(Trade(**trade) for trade in written["trades"]),
            tenders=tuple(TenderAsked(**tender) for tender in written["tenders"]),
        )


@dataclass(frozen=True, slots=True)
class Morning:
    """How everybody stands before the day: funds, positions, metal that is free, and who was called for how much the evening before."""

    funds: Mapping[str, Funds]
    positions: Mapping[ClientContract, Position]
    metal: Mapping[tuple[str, str], int]
    calls: Mapping[str, int]


def wish(day: datetime.date, people: list[Person], morning: Morning, market: Market, rules: Rules, seed: int) -> Wishes:
    """Make the wishes of `day`; the same for the same morning and seed."""
    return _Day(day, people, morning, market, rules, seed).wishes()


def morning(day_end: DayEnd, day: datetime.date) -> Morning:
    """How everybody stands before `day`."""
    return Morning(
        funds=day_end.funds(day),
        positions=day_end.positions(),
        metal=day_end.metal(),
        calls={client: call for client, (_, call) in day_end.requirements().items() if call},
    )


class _Day:
    def __init__(
        self,
        day: datetime.date,
        people: list[Person],
        morning: Morning,
        market: Market,
        rules: Rules,
        seed: int,
    ) -> None:
        self._day = day
        self._people = people
        self._morning = morning
        self._market = market
        evening = calendar.load().previous_trading_day(day)
        self._evening = {code: rules.contract(code, evening) for code in _LARGEST_TRADE_LOTS}
        self._contracts = [rules.contract(code, day) for code in _LARGEST_TRADE_LOTS]
        self._seed = seed
        self._rng = Random(f"{seed}:{day}")
        self._first = not morning.positions and not any(funds.equity_minor for funds in morning.funds.values())
        # What each can still stake today, and what it holds while the day goes on.
        self._free = {name: max(0, funds.available_minor) for name, funds in morning.funds.items()}
        self._held = {who: [position.long_lots, position.short_lots] for who, position in morning.positions.items()}
        self._trades: list[Trade] = []

    def wishes(self) -> Wishes:
        arrivals, deposits = self._paying_in()
        withdrawals = self._taking_out()
        for traded in self._contracts:
            with contextlib.suppress(QuoteUnknown):  # suspended for the day
                self._trade(traded, self._market.quote(self._day, traded.code))
        return Wishes(arrivals, tuple(deposits), tuple(withdrawals), tuple(self._trades), tuple(self._tenders()))

    def _tenders(self) -> Iterator[TenderAsked]:
        """After the trades, from what is held then."""
        day = Tendering(
            self._day, self._people, self._seed, self._held, self._morning.metal, lambda name: self._free.get(name, 0)
        )
        for traded in self._contracts:
            if traded.trades:
                price = self._market.prices(self._day)[traded.code]
                yield from day.tender(traded, price.settlement_minor, price.direction)

    # -- money ------------------------------------------------------------------------------------------------------

    def _paying_in(self) -> tuple[dict[str, tuple[str, int]], list[Deposit]]:
        arrivals, deposits = {}, []
        for person in self._people:
            name = person.client.name
            amount = self._pays(person)
            if amount:
                arrivals[f"arrival:{self._day}:{name}"] = (name, amount)
                deposits.append(Deposit(f"deposit:{self._day}:{name}", name, amount, person.client.account_number))
                self._free[name] = self._free.get(name, 0) + amount
        if not self._first and self._rng.random() < 0.1:
            # Somebody's bank account does not have what it wants to pay in.
            person = self._rng.choice(self._people)
            name = person.client.name
            deposits.append(Deposit(f"overdraw:{self._day}:{name}", name, 10**12, person.client.account_number))
        return arrivals, deposits

    def _pays(self, person: Person) -> int:
        if self._first:
            return person.brings_minor
        call = self._morning.calls.get(person.client.name, 0)
        if call:
            return call + call // 10 + 1 if person.answers_calls else 0
        return person.brings_minor // 5 if self._rng.random() < 0.02 else 0

    def _taking_out(self) -> list[Withdrawal]:
        withdrawals: list[Withdrawal] = []
        if self._first:
            return withdrawals
        for person in self._people:
            name, account = person.client.name, person.client.account_number
            chance = self._rng.random()
            most = self._morning.funds[name].withdrawable_minor
            if name in self._morning.calls or chance > 0.045:
                continue
            if chance < 0.002:
                account = self._rng.choice([p for p in self._people if p is not person]).client.account_number
                amount = most // 2
            elif chance < 0.005:
                amount = most + 1_000_00
            else:
                amount = most * self._rng.randint(5, 25) // 100
                self._free[name] = max(0, self._free[name] - amount)
            if amount > 0:
                withdrawals.append(Withdrawal(f"withdrawal:{self._day}:{name}", name, amount, account))
        return withdrawals

    # -- trades -----------------------------------------------------------------------------------------------------

    def _trade(self, traded: Contract, quote: Quote) -> None:
        self._close_out(traded, quote)
        self._gamble(traded, quote)
        for _ in range(max(1, len(self._people) // 8)):
            buyer, seller = self._rng.sample(self._people, 2)
            self._match(traded, quote, buyer, seller, self._rng.randint(1, _LARGEST_TRADE_LOTS[traded.code]))

    def _close_out(self, traded: Contract, quote: Quote) -> None:
        """Close what those hold who let a call go by, against whoever has the means.

        In a market that falls by more than five in a hundred nobody buys, in one that rises so nobody sells.
        """
        previous = self._market.prices(self._day)[traded.code].previous_minor
        nobody_buys, nobody_sells = quote.close_minor * 20 < previous * 19, quote.close_minor * 20 > previous * 21
        for person in self._people:
            if person.client.name not in self._morning.calls or person.answers_calls:
                continue
            long_lots, short_lots = self._holding(person, traded)
            for lots, sells in ((long_lots, True), (short_lots, False)):
                left = lots
                for _ in range(0 if (nobody_buys if sells else nobody_sells) else 20):
                    if not left:
                        break
                    other = self._rng.choice([p for p in self._people if p is not person and p.answers_calls])
                    pair = (other, person) if sells else (person, other)
                    left -= self._match(traded, quote, *pair, left)

    def _gamble(self, traded: Contract, quote: Quote) -> None:
        """The reckless stake all that they have on their favourite, mostly on a rise."""
        for number, person in enumerate(p for p in self._people if p.boldness_percent > _RECKLESS_PERCENT):
            favourite = self._contracts[-1 - number % len(self._contracts)]
            if traded == favourite and self._rng.random() < (0.1 if person.answers_calls else 0.6):
                others = [p for p in self._people if p.boldness_percent <= _RECKLESS_PERCENT]
                for other in self._rng.sample(others, min(5, len(others))):
                    pair = (person, other) if self._rng.random() < 0.9 else (other, person)
                    self._match(traded, quote, *pair, _ALL)

    def _match(self, traded: Contract, quote: Quote, buyer: Person, seller: Person, lots: int) -> int:
        price = self._rng.randrange(quote.low_minor, quote.high_minor + 1, traded.tick_minor)
        price -= price % traded.tick_minor
        price = max(price, quote.low_minor)
        closes_short = self._holding(buyer, traded)[1]
        closes_long = self._holding(seller, traded)[0]
        lots = min(
            lots,
            closes_short or self._can_open(buyer, traded, price),
            closes_long or self._can_open(seller, traded, self._highest(traded)),
        )
        if lots <= 0:
            return 0
        self._apply(buyer, traded, price, lots, opens_side=None if closes_short else 0, closes_side=1)
        self._apply(seller, traded, price, lots, opens_side=None if closes_long else 1, closes_side=0)
        number = f"{self._day:%Y%m%d}-{len(self._trades) + 1:05d}"
        self._trades.append(
            Trade(
                trade_no=number,
                contract=traded.code,
                buyer=buyer.client.name,
                buyer_offset="close" if closes_short else "open",
                seller=seller.client.name,
                seller_offset="close" if closes_long else "open",
                lots=lots,
                price_minor=price,
                buyer_order=f"{number}-b",
                seller_order=f"{number}-s",
            )
        )
        return lots

    def _apply(
        self, person: Person, traded: Contract, price: int, lots: int, *, opens_side: int | None, closes_side: int
    ) -> None:
        held = self._held.setdefault((person.client.name, traded.code), [0, 0])
        if opens_side is None:
            held[closes_side] -= lots
        else:
            held[opens_side] += lots
            dearest = self._highest(traded) if opens_side else price
            self._free[person.client.name] -= self._stake(traded, dearest) * lots

    def _holding(self, person: Person, traded: Contract) -> tuple[int, int]:
        long_lots, short_lots = self._held.get((person.client.name, traded.code), (0, 0))
        return long_lots, short_lots

    def _can_open(self, person: Person, traded: Contract, price: int) -> int:
        if person.client.name in self._morning.calls:
            return 0
        stakes = self._free.get(person.client.name, 0) * person.boldness_percent // 100
        return stakes // self._stake(traded, price)

    def _highest(self, traded: Contract) -> int:
        """The dearest that a sale can become."""
        previous = self._market.prices(self._day)[traded.code].previous_minor
        return traded.price_limits(previous)[1] or previous

    def _stake(self, traded: Contract, price: int) -> int:
        """Margin and fee of one lot, rounded up; the margin by the rate of the evening before."""
        parts = self._evening[traded.code].margin.parts + traded.fee.rate.parts
        return traded.value_minor(1, price) * parts // Rate.WHOLE + 1
