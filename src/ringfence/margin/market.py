"""Market: what the exchange published about a day, and what settlement needs of it.

A *quote* is one line of the daily report: prices, volume, open interest and the direction of the deferred
fee. The settlement price is the day's weighted average; the reports confirm it, for their published change
of a deferred contract is the close less the previous day's weighted average. A spot contract is settled when it is traded;
what the next day's price limits start from, its close, stands in the place of a settlement price.

Settlement needs less and always: the previous and the new settlement price and the fee's direction. On a
day on which a contract did not trade (silver was suspended on 2020-03-18 after three limit-down days) there
is no quote, and asking for it is an error; the settlement price of such a day is the previous one, carried
over, and no fee direction was published, so no deferred fee is due.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import ClassVar

from ringfence.calendar import read_frozen_table
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.margin import rules


class Direction(StrEnum):
    """Who pays the deferred fee: the side that tendered less for delivery, or nobody when it was equal."""

    LONGS_PAY = "long_pays_short"
    SHORTS_PAY = "short_pays_long"
    NONE = "none"


class QuoteUnknown(RingfenceError):
    """Nothing is published for `contract` on `day`; quotes run from `known_from` to `known_until`."""

    code = "quote-unknown"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract}: no quote on {day}; quotes cover its trading days {known_from} to {known_until}",
        "zh": "{contract}:{day} 无行情;行情覆盖 {known_from} 至 {known_until} 的交易日",
    }


@dataclass(frozen=True, slots=True)
class Quote:
    """One contract on one day. Prices in fen per quote measure, volume in milligrams.

    Volume and open interest count both sides of a trade, as the reports do.
    """

    day: datetime.date
    contract: str
    open_minor: int
    high_minor: int
    low_minor: int
    close_minor: int
    settlement_minor: int
    volume_mg: int
    open_interest_lots: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class SettlementPrice:
    """What the settlement of one contract on one day starts from. Prices in fen per quote measure."""

    previous_minor: int
    settlement_minor: int
    direction: Direction


class Market:
    """The quotes of a span of trading days. `days` are the days that can be settled, oldest first.

    The day before the first of them is known too, but only as the source of its previous settlement prices.
    Errors: BadInput when the quotes are not of at least two days.
    """

    def __init__(self, quotes: Iterable[Quote]) -> None:
        self._quotes: Mapping[tuple[datetime.date, str], Quote] = {
            (quote.day, quote.contract): quote for quote in quotes
        }
        days = sorted({day for day, _ in self._quotes})
        if len(days) < 2:
            raise BadInput("quotes", len(self._quotes), "quotes of at least two days")
        self.days = tuple(days[1:])
        self.contracts = tuple(dict.fromkeys(contract for _, contract in self._quotes))
        self._opening_day = days[0]
        self._prices = self._settlement_prices()

    def quote(self, day: datetime.date, contract: str) -> Quote:
        """Return what was published about `contract` on `day`.

        Errors: BadInput when the contract is unknown; QuoteUnknown when it did not trade or the day is
        outside the market's.
        """
        if contract not in self.contracts:
            raise BadInput("contract", contract, f"one of {', '.join(self.contracts)}")
        try:
            return self._quotes[day, contract]
        except KeyError:
            raise self._unknown(day, contract) from None

    def prices(self, day: datetime.date) -> Mapping[str, SettlementPrice]:
        """Return the settlement prices of `day` by contract; one that did not trade keeps its previous one.

        A contract that has no previous settlement price is absent: its first day cannot be settled from
        quotes alone.

        Errors: QuoteUnknown when `day` is not one of `days`.
        """
        try:
            return self._prices[day]
        except KeyError:
            raise self._unknown(day, "the market") from None

    def _settlement_prices(self) -> Mapping[datetime.date, Mapping[str, SettlementPrice]]:
        previous = {
            code: quote.settlement_minor for (day, code), quote in self._quotes.items() if day == self._opening_day
        }
        prices: dict[datetime.date, Mapping[str, SettlementPrice]] = {}
        for day in self.days:
            prices[day] = {code: self._settlement_price(day, code, before) for code, before in previous.items()}
            previous = {code: price.settlement_minor for code, price in prices[day].items()}
        return prices

    def _settlement_price(self, day: datetime.date, contract: str, previous_minor: int) -> SettlementPrice:
        quote = self._quotes.get((day, contract))
        if quote is None:
            return SettlementPrice(previous_minor, previous_minor, Direction.NONE)
        return SettlementPrice(previous_minor, quote.settlement_minor, quote.direction)

    def _unknown(self, day: datetime.date, contract: str) -> QuoteUnknown:
        return QuoteUnknown(day=day, contract=contract, known_from=self._opening_day, known_until=self.days[-1])


def price_before(day: datetime.date, contract: str, evenings: Mapping[str, int], market: Market | None) -> int:
    """The price in fen from which `day` starts: that of the last evening which was settled here, or the market's before any was.

    Errors: BadInput where none is known.
    """
    if contract in evenings:
        return evenings[contract]
    if market is None or contract not in (prices := market.prices(day)):
        raise BadInput("contract", contract, f"a contract with a settlement price of the evening before {day}")
    return prices[contract].previous_minor


@cache
def load() -> Market:
    """Return the real market of 2020 that ships with the package: three deferred and two spot contracts, all days."""
    return Market(map(_quote, read_frozen_table("ringfence.margin", "sge_2020.csv").rows))


def _quote(row: Mapping[str, str]) -> Quote:
    day = datetime.date.fromisoformat(row["date"])
    traded = rules.load().contract(row["contract"], day)
    return Quote(
        day=day,
        contract=traded.code,
        open_minor=traded.parse_price(row["open"]),
        high_minor=traded.parse_price(row["high"]),
        low_minor=traded.parse_price(row["low"]),
        close_minor=traded.parse_price(row["close"]),
        settlement_minor=traded.parse_price(row["close" if traded.limit_base == "close" else "wavg"]),
        volume_mg=int(Decimal(row["volume_kg"]) * 1_000_000),
        open_interest_lots=int(row["open_interest_lots"]),
        direction=Direction(row["fee_direction"] or Direction.NONE),
    )
