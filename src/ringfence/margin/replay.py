"""A replay: the exchange's rules over anybody's prices and trades, day by day, without a database.

The same functions settle here as at the exchange (`ringfence.margin.settlement`, `ringfence.margin.funds`). Everybody begins
with nothing. Each day is checked before the next: every change of cash has its reason, profit is what was sold less what was
bought and what open lots are worth more; and where the file is a whole market, with as many lots long as short, money only
changed hands, to the fen. The natural days of a deferred fee run to the next day that has prices; of the last, to the next
trading day of the calendar.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ringfence.calendar import TradingCalendar
from ringfence.errors import Language, RingfenceError
from ringfence.margin.contracts import Contract
from ringfence.margin.day import (
    Balance,
    ClientDays,
    ClosesTooMuch,
    SettlementPriceMissing,
    balances,
    by_client,
    require_zero_sum,
)
from ringfence.margin.funds import AllFunds, funds_of_all
from ringfence.margin.lots import ClosedMoreThanOpen, Fills, Lots
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.replay_files import Prices, Trades
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions, Holdings, settle
from ringfence.money.columns import Column, column, sums, times

_NO_PRICE = SettlementPrice(1, 1, Direction.NONE)


class ReplayWrong(RingfenceError):
    """A check of a replayed day does not hold: `day`, `what`, `off_minor`. It would be an error of Ringfence, not of the input."""

    code = "replay-wrong"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: {what} is off by {off_minor} fen; nothing further is computed",
        "zh": "{day}:{what} 相差 {off_minor} 分;不再计算",
    }


@dataclass(frozen=True, slots=True, eq=False)
class ReplayedDay:
    """One day: a row for each client that has ever traded or paid in, in the order of `clients`; amounts in fen.

    `deposits` is negative where more was taken out. `balances` says of each contract how it balances over all clients.
    """

    day: datetime.date
    clients: tuple[str, ...]
    opening: Column
    deposits: Column
    days: ClientDays
    closing: Column
    funds: AllFunds
    balances: Sequence[Balance]


def replay(
    prices: Prices,
    trades: Trades,
    cash: Mapping[datetime.date, Mapping[str, int]],
    rules: Rules,
    calendar: TradingCalendar,
    last: datetime.date | None = None,
) -> Iterator[ReplayedDay]:
    """Settle every day up to `last`, or of the prices; one at a time.

    Errors: SettlementPriceMissing for a day with lots or trades of a contract that is not suspended; ClosesTooMuch; RuleUnknown;
    CalendarUnknown; BadInput for an amount beyond 64 bits; ReplayWrong.
    """
    return _Replay(prices, trades, cash, rules, calendar).run(last)


class _Replay:
    def __init__(
        self,
        prices: Prices,
        trades: Trades,
        cash: Mapping[datetime.date, Mapping[str, int]],
        rules: Rules,
        calendar: TradingCalendar,
    ) -> None:
        self._prices, self._trades, self._cash, self._rules, self._calendar = prices, trades, cash, rules, calendar
        self._clients = tuple(sorted(trades.members))
        self._number = {name: number for number, name in enumerate(self._clients)}
        self._first: dict[str, datetime.date] = {}
        for day in sorted(trades.by_day, reverse=True):
            self._first.update((fill.contract, day) for fill in trades.by_day[day])
        self._contracts = tuple(code for code in rules.codes if code in self._first)
        self._contract_number = {code: number for number, code in enumerate(self._contracts)}
        self._last: dict[str, int] = {}
        self._lots = Lots.none()
        self._balance = np.zeros(len(self._clients), dtype=np.int64)

    def run(self, last: datetime.date | None) -> Iterator[ReplayedDay]:
        for day, following in zip(self._prices.days, [*self._prices.days[1:], None], strict=True):
            if last is not None and day > last:
                return
            yield self._settle(day, following)

    def _settle(self, day: datetime.date, following: datetime.date | None) -> ReplayedDay:
        fills = self._fills(day)
        needed = sorted({*self._lots.contract.tolist(), *fills.contract.tolist()})
        natural_days = (
            (following - day).days if following else self._calendar.natural_days_until_next(day) if needed else 1
        )
        on = self._conditions(day, natural_days, needed)
        try:
            settled = settle(self._lots, fills, on)
        except ClosedMoreThanOpen as error:
            raise self._too_much(day, fills, error) from None
        found = balances(settled.holdings, on)
        self._check(day, fills, settled.holdings, on, [one for one in found if one.is_whole])
        deposits = np.zeros_like(self._balance)
        for client, amount in self._cash.get(day, {}).items():
            deposits[self._number[client]] = amount
        days = by_client(settled.holdings, len(self._clients))
        opening, closing = self._balance, self._balance + deposits + days.change
        self._lots, self._balance = settled.lots, closing
        funds = funds_of_all(cash=closing, margin=days.margin)
        return ReplayedDay(
            day, self._clients, opening, deposits, days, closing, funds, [found[number] for number in needed]
        )

    def _fills(self, day: datetime.date) -> Fills:
        made = self._trades.by_day.get(day, ())
        return Fills(
            column(self._number[fill.client] for fill in made),
            column(self._contract_number[fill.contract] for fill in made),
            column(fill.side for fill in made),
            column(fill.opens for fill in made),
            column(fill.lots for fill in made),
            column(fill.price_minor for fill in made),
            column(fill.line for fill in made),
            column(1 for _ in made),
        )

    def _conditions(self, day: datetime.date, natural_days: int, needed: Sequence[int]) -> Conditions:
        """What the day is settled by; of contracts that nobody has or trades, nothing need be known."""
        codes = [self._contracts[number] for number in needed]
        prices = self._prices.of(day, codes, self._rules, self._last)
        contracts: list[Contract] = []
        for code in self._contracts:
            if code in codes:
                contracts.append(self._rules.contract(code, day))
                if code not in prices:
                    raise SettlementPriceMissing(day=day, contract=code)
            else:
                # Its number must be taken.
                contracts.append(self._rules.contract(code, self._first[code]))
                prices[code] = _NO_PRICE
            if published := self._prices.published.get((day, code)):
                self._last[code] = published.settlement_minor
        return Conditions.of(day.toordinal(), natural_days, contracts, prices)

    def _too_much(self, day: datetime.date, fills: Fills, error: ClosedMoreThanOpen) -> ClosesTooMuch:
        made = self._trades.by_day[day][error.fill]
        return ClosesTooMuch(
            where=f"{self._trades.name}, line {int(fills.trade[error.fill])}",
            client=made.client,
            contract=made.contract,
            asked_lots=error.asked,
            held_lots=error.held,
        )

    def _check(
        self, day: datetime.date, fills: Fills, holdings: Holdings, on: Conditions, whole: Sequence[Balance]
    ) -> None:
        """Profit is what was sold less what was bought and what lots are worth more; in a whole market it is nothing."""
        require_zero_sum(day, whole, len(self._clients))
        size = len(on.contracts)
        paid = sums(times(fills.side, fills.lots, on.quantity[fills.contract], fills.price), fills.contract, size)
        net_before = sums(self._lots.side * self._lots.lots, self._lots.contract, size)
        net_after = sums(holdings.long_lots - holdings.short_lots, holdings.contract, size)
        worth = times(net_after, on.quantity, on.settlement) - times(net_before, on.quantity, on.previous)
        profit = sums(holdings.realised + holdings.marked, holdings.contract, size)
        off = profit - (worth - paid)
        for number in np.flatnonzero(off).tolist():
            raise ReplayWrong(day=day, what=f"profit in {self._contracts[number]}", off_minor=int(off[number]))
