"""Calendar: which days the market is open, known only as far as it has been published.

China's holidays are decreed a year at a time, so no rule can compute next year's trading days. The days are
therefore frozen in a table with a first and a last known day, and a question outside of it is an error,
never a guess.
"""

from ringfence.calendar.frozen import FrozenTable, read_frozen_table
from ringfence.calendar.sessions import SHANGHAI, SessionName, has_night, opening_of, trading_day_of
from ringfence.calendar.trading_days import CalendarUnknown, TradingCalendar, load

__all__ = [
    "SHANGHAI",
    "CalendarUnknown",
    "FrozenTable",
    "SessionName",
    "TradingCalendar",
    "has_night",
    "load",
    "opening_of",
    "read_frozen_table",
    "trading_day_of",
]
