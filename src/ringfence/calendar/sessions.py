"""Trading sessions: which trading day a moment belongs to.

The night session belongs to the next trading day: what is traded on Friday evening is Monday's. It goes on after midnight, and
there is none on an evening before a holiday, when the next trading day is not the next weekday.
"""

from __future__ import annotations

import csv
import datetime
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast
from zoneinfo import ZoneInfo

from ringfence.calendar.trading_days import TradingCalendar
from ringfence.errors import BadInput

SHANGHAI = ZoneInfo("Asia/Shanghai")
SessionName = Literal["night", "day"]
_DAY = datetime.timedelta(days=1)
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Hours:
    """When a session is, from `effective_from` on; one that `ends` before it `starts` goes on after midnight."""

    session: SessionName
    effective_from: datetime.date
    starts: datetime.time
    ends: datetime.time


def trading_day_of(moment: datetime.datetime, calendar: TradingCalendar) -> tuple[datetime.date, SessionName]:
    """The trading day that a `moment` with its time zone belongs to, and the session.

    Errors: BadInput for a moment at which nothing is traded, or without a time zone; CalendarUnknown.
    """
    if moment.tzinfo is None:
        raise BadInput("moment", str(moment), "a moment with its time zone")
    here = moment.astimezone(SHANGHAI)
    day, time = here.date(), here.time()
    hours = {name: _hours(name, day) for name in ("night", "day")}
    if calendar.is_trading_day(day) and hours["day"].starts <= time < hours["day"].ends:
        return day, "day"
    evening = day if time >= hours["night"].starts else day - _DAY if time < hours["night"].ends else None
    if evening is not None and has_night(evening, calendar):
        return calendar.next_trading_day(evening), "night"
    raise BadInput("moment", f"{here:%Y-%m-%d %H:%M}", _expected(hours, day, calendar))


def opening_of(day: datetime.date, calendar: TradingCalendar) -> datetime.datetime:
    """When trading of `day` begins: with the night session of the evening before, where there is one. Errors: CalendarUnknown."""
    evening = calendar.previous_trading_day(day)
    if has_night(evening, calendar):
        return datetime.datetime.combine(evening, _hours("night", evening).starts, SHANGHAI)
    return datetime.datetime.combine(day, _hours("day", day).starts, SHANGHAI)


def has_night(evening: datetime.date, calendar: TradingCalendar) -> bool:
    """Whether there is a night session on `evening`. Errors: CalendarUnknown."""
    if not calendar.is_trading_day(evening):
        return False
    weekday = evening + (3 if evening.weekday() == _FRIDAY else 1) * _DAY
    return calendar.next_trading_day(evening) == weekday


def _expected(hours: dict[str, Hours], day: datetime.date, calendar: TradingCalendar) -> str:
    spans = " or ".join(f"{h.starts:%H:%M} to {h.ends:%H:%M}" for h in hours.values())
    return f"a moment of a session, {spans} in Shanghai; the next trading day is {calendar.next_trading_day(day)}"


def _hours(session: str, day: datetime.date) -> Hours:
    known = [hours for hours in _table() if hours.session == session and hours.effective_from <= day]
    if not known:
        raise BadInput("moment", str(day), f"a day from {_table()[0].effective_from} on: no earlier hours are known")
    return known[-1]


@cache
def _table() -> tuple[Hours, ...]:
    text = (resources.files("ringfence.calendar") / "data" / "sessions.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Hours(
            cast(SessionName, row["session"]),
            datetime.date.fromisoformat(row["effective_from"]),
            datetime.time.fromisoformat(row["starts"]),
            datetime.time.fromisoformat(row["ends"]),
        )
        for row in rows
    )
