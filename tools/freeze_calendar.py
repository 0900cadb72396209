"""Freeze the exchange's closed weekdays into src/ringfence/calendar/data/closed_weekdays.csv.

Run it when a new year's holidays have been decreed, with LAST_YEAR raised: the `holidays` package also
answers for years that are not decreed yet, by projecting the festivals, and such a year must not be frozen.

    python tools/freeze_calendar.py        prints the table; redirect it into the file
"""

from __future__ import annotations

import datetime

import holidays

FIRST_YEAR = 2016
LAST_YEAR = 2026
MARKET = "XSHG"
SATURDAY = 5

HEADER = """\
# Weekdays on which the Shanghai exchanges are closed. Source: Python package holidays, financial calendar
# {market}; checked against the trading days of the SGE daily reports. Made by tools/freeze_calendar.py.
# known_from: {known_from}
# known_until: {known_until}
date,reason"""


def table() -> str:
    """Return the whole text of the frozen table."""
    closed = holidays.financial_holidays(MARKET, years=range(FIRST_YEAR, LAST_YEAR + 1), language="en_US")
    header = HEADER.format(
        market=MARKET,
        known_from=datetime.date(FIRST_YEAR, 1, 1),
        known_until=datetime.date(LAST_YEAR, 12, 31),
    )
    rows = [f"{day},{closed[day]}" for day in sorted(closed) if day.weekday() < SATURDAY]
    return "\n".join([header, *rows, ""])


if __name__ == "__main__":
    print(table(), end="")
