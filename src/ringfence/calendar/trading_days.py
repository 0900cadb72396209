"""Trading days of the Shanghai Gold Exchange.

The exchange trades from Monday to Friday except on the closed weekdays of the frozen table; a weekend that
the State Council turns into a working day is not a trading day. The table holds the closed weekdays of the
Shanghai Stock Exchange, which the gold exchange shares: its daily reports of 2016-2023 agree with it on
every day that they contain.

The night session belongs to the next trading day, so a trading day is a date of settlement, not of the
clock.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ringfence.calendar.frozen import read_frozen_table
from ringfence.errors import BadInput, Language, RingfenceError

_DAY = datetime.timedelta(days=1)
_SATURDAY = 5


class CalendarUnknown(RingfenceError):
    """A day outside the published calendar was asked about: `day`, `known_from`, `known_until`."""

    code = "calendar-unknown"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: trading days are known from {known_from} to {known_until} only",
        "zh": "{day}:交易日仅在 {known_from} 至 {known_until} 之间已知",
    }


@dataclass(frozen=True, slots=True)
class TradingCalendar:
    """The weekdays from `known_from` to `known_until` inclusive, without the `closed` ones.

    Every method raises CalendarUnknown when its question, or its answer, lies outside the known days.
    """

    known_from: datetime.date
    known_until: datetime.date
    closed: frozenset[datetime.date]

    def is_trading_day(self, day: datetime.date) -> bool:
        """Say whether the market trades on `day`."""
        if not self.known_from <= day <= self.known_until:
            raise CalendarUnknown(day=day, known_from=self.known_from, known_until=self.known_until)
        return day.weekday() < _SATURDAY and day not in self.closed

    def next_trading_day(self, day: datetime.date) -> datetime.date:
        """Return the first trading day after `day`, which need not be a trading day itself."""
        return self._first_trading_day(day, _DAY)

    def previous_trading_day(self, day: datetime.date) -> datetime.date:
        """Return the last trading day before `day`, which need not be a trading day itself."""
        return self._first_trading_day(day, -_DAY)

    def natural_days_until_next(self, day: datetime.date) -> int:
        """Count the natural days from trading day `day` to the next one: 1 midweek, 3 on a Friday.

        The deferred fee of `day` is charged for these days, in advance; before a holiday they are the whole
        gap (SGE deferred trading rules).

        Errors: CalendarUnknown; BadInput when `day` is not a trading day.
        """
        if not self.is_trading_day(day):
            raise BadInput("day", str(day), "a trading day")
        return (self.next_trading_day(day) - day).days

    def between(self, first: datetime.date, last: datetime.date) -> tuple[datetime.date, ...]:
        """Return the trading days from `first` to `last`, both included, in order.

        Errors: BadInput when `first` is after `last`; CalendarUnknown.
        """
        if first > last:
            raise BadInput("first", str(first), f"a day not after {last}")
        span = (first + _DAY * offset for offset in range((last - first).days + 1))
        return tuple(day for day in span if self.is_trading_day(day))

    def _first_trading_day(self, day: datetime.date, step: datetime.timedelta) -> datetime.date:
        self.is_trading_day(day)  # the question itself must be inside the known days, as well as the answer
        day += step
        while not self.is_trading_day(day):
            day += step
        return day


@cache
def load() -> TradingCalendar:
    """Return the calendar that ships with the package."""
    table = read_frozen_table("ringfence.calendar", "closed_weekdays.csv")
    closed = frozenset(datetime.date.fromisoformat(row["date"]) for row in table.rows)
    return TradingCalendar(table.known_from, table.known_until, closed)
