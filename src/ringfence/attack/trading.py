"""Clients who trade with each other so that one's money becomes the other's, among honest people in a market that is real.

F1 as the circle leaves it: each trade is inside the day's price limits and both clients exist. Four ways to go about it:

    wash        bought dear and sold back cheap to the same client on one day
    one-way     bought dear from the same client on several days
    drained     bought dear on two days and sold back at the market's price, and the other takes all of it out
    quiet       bought a little dear on several days, less away from the market than anybody looks at
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ringfence.custody import Withdrawal
from ringfence.demo.people import Person, people
from ringfence.demo.wishes import Morning, Wishes
from ringfence.margin import market as markets
from ringfence.margin.positions import Trade
from ringfence.margin.rules import Rules, load

Style = Literal["wash", "one-way", "drained", "quiet"]
STYLES: tuple[Style, ...] = ("wash", "one-way", "drained", "quiet")
CONTRACT = "mAu(T+D)"
# How far from the price of the evening before, in hundredths of a percent.
AWAY_BPS: dict[Style, int] = {"wash": 300, "one-way": 250, "drained": 400, "quiet": 20}
# On how many days each trades, one after another, from which day on.
DAYS: dict[Style, int] = {"wash": 1, "one-way": 4, "drained": 2, "quiet": 4}
BEGINS = 4
# On which days after it began the gainer of a drained pair takes out all that it can.
TAKES_OUT = (4, 6, 8)


@dataclass(frozen=True, slots=True)
class Pair:
    """A client who loses, one who gains, and how they go about it."""

    style: Style
    loser: Person
    gainer: Person

    @property
    def names(self) -> frozenset[str]:
        """Both."""
        return frozenset((self.loser.client.name, self.gainer.client.name))


def pairs(clients: int, seed: int, each: int) -> list[Pair]:
    """So many pairs of every style, of one member's clients each, those with means first; none of the reckless."""
    found: list[Pair] = []
    steady = [person for person in people(clients, seed) if person.answers_calls and person.boldness_percent < 90]
    by_member: dict[str, list[Person]] = {}
    for person in sorted(steady, key=lambda one: (-one.brings_minor, one.client.name)):
        by_member.setdefault(person.client.member, []).append(person)
    waiting = [style for _ in range(each) for style in STYLES]
    while waiting:
        of_member = max(by_member.values(), key=len)
        if len(of_member) < 2:
            break
        found.append(Pair(waiting.pop(0), of_member.pop(0), of_member.pop(0)))
    return found


class Conspirators:
    """What the pairs want besides the day's honest wishes; a function for `demo.run`."""

    def __init__(self, of: Sequence[Pair], days: Sequence[datetime.date], rules: Rules | None = None) -> None:
        self._pairs = of
        self._days = list(days)
        self._rules = rules or load()

    def __call__(self, day: datetime.date, wishes: Wishes, stands: Morning) -> Wishes:
        """The wishes with what the pairs want added."""
        trades, withdrawals = list(wishes.trades), list(wishes.withdrawals)
        for number, pair in enumerate(self._pairs):
            since = self._days.index(day) - BEGINS - number % 3
            if 0 <= since < DAYS[pair.style]:
                trades += self._trades(day, number, pair, stands)
            if pair.style == "drained" and since == DAYS[pair.style]:
                trades += self._back_at_the_markets_price(day, number, pair, stands)
            if pair.style == "drained" and since in TAKES_OUT:
                most = stands.funds[pair.gainer.client.name].withdrawable_minor
                if most > 0:
                    client = pair.gainer.client
                    # Nothing of this day's honest wishes is left besides.
                    withdrawals = [one for one in withdrawals if one.client != client.name]
                    withdrawals.append(Withdrawal(f"all:{day}:{client.name}", client.name, most, client.account_number))
        return replace(wishes, trades=tuple(trades), withdrawals=tuple(withdrawals))

    def _trades(self, day: datetime.date, number: int, pair: Pair, stands: Morning) -> list[Trade]:
        traded = self._rules.contract(CONTRACT, day)
        previous = markets.load().prices(day)[CONTRACT].previous_minor
        dear = _tick(previous + previous * AWAY_BPS[pair.style] // 10_000, traded.tick_minor)
        cheap = _tick(previous - previous * AWAY_BPS[pair.style] // 10_000, traded.tick_minor)
        least = min(stands.funds[one.client.name].available_minor for one in (pair.loser, pair.gainer))
        lots = max(0, least // (8 * traded.value_minor(1, dear) // 10))
        if lots == 0:
            return []
        buyer, seller = pair.loser.client.name, pair.gainer.client.name
        name = f"{day:%Y%m%d}-x{number:03d}"
        there = Trade(f"{name}-1", CONTRACT, buyer, "open", seller, "open", lots, dear, f"{name}-1-b", f"{name}-1-s")
        back = Trade(f"{name}-2", CONTRACT, seller, "close", buyer, "close", lots, cheap, f"{name}-2-b", f"{name}-2-s")
        return [there, back] if pair.style == "wash" else [there]

    def _back_at_the_markets_price(self, day: datetime.date, number: int, pair: Pair, stands: Morning) -> list[Trade]:
        loser, gainer = pair.loser.client.name, pair.gainer.client.name
        held = [stands.positions.get((name, CONTRACT)) for name in (loser, gainer)]
        lots = min(held[0].long_lots, held[1].short_lots) if held[0] and held[1] else 0
        if lots == 0:
            return []
        price = markets.load().prices(day)[CONTRACT].previous_minor
        name = f"{day:%Y%m%d}-y{number:03d}"
        fair = _tick(price, self._rules.contract(CONTRACT, day).tick_minor)
        return [Trade(name, CONTRACT, gainer, "close", loser, "close", lots, fair, f"{name}-b", f"{name}-s")]


def _tick(price: int, tick: int) -> int:
    return price - price % tick
