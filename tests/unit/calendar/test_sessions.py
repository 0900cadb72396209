"""Which trading day a moment belongs to. The closed days are those of 2020's calendar."""

from __future__ import annotations

import datetime

import pytest

from ringfence import calendar
from ringfence.calendar import SHANGHAI, has_night, trading_day_of
from ringfence.errors import BadInput

DAYS = calendar.load()


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "day", "session"),
    [
        ("2020-03-16 09:00", "2020-03-16", "day"),
        ("2020-03-16 15:29", "2020-03-16", "day"),
        ("2020-03-16 19:50", "2020-03-17", "night"),
        ("2020-03-17 02:29", "2020-03-17", "night"),
        ("2020-03-13 22:00", "2020-03-16", "night"),  # Friday's night is Monday's
        ("2020-03-14 01:00", "2020-03-16", "night"),  # and goes on into Saturday
    ],
)
def test_the_night_belongs_to_the_next_trading_day(moment: str, day: str, session: str) -> None:
    assert trading_day_of(at(moment), DAYS) == (datetime.date.fromisoformat(day), session)


@pytest.mark.parametrize(
    "moment",
    [
        "2020-03-16 15:30",
        "2020-03-16 19:49",
        "2020-03-17 02:30",
        "2020-03-17 08:59",
        "2020-03-14 10:00",  # Saturday
        "2020-03-15 22:00",  # Sunday
        "2020-04-03 21:00",  # Friday before Tomb-sweeping Day, Monday the 6th
        "2020-01-23 20:30",  # before the Spring Festival
        "2020-09-30 20:30",  # before the National Day holiday
    ],
)
def test_outside_of_sessions_nothing_is_traded(moment: str) -> None:
    with pytest.raises(BadInput, match="19:50 to 02:30"):
        trading_day_of(at(moment), DAYS)


def test_a_moment_is_read_in_shanghai() -> None:
    moment = datetime.datetime(2020, 3, 16, 12, 0, tzinfo=datetime.UTC)
    assert trading_day_of(moment, DAYS) == (datetime.date(2020, 3, 17), "night")
    with pytest.raises(BadInput, match="time zone"):
        trading_day_of(datetime.datetime(2020, 3, 16, 12, 0), DAYS)


def test_every_evening_but_those_before_a_holiday_has_a_night() -> None:
    days = DAYS.between(datetime.date(2020, 1, 1), datetime.date(2020, 12, 30))
    without = [str(day) for day in days if not has_night(day, DAYS)]
    assert without == ["2020-01-23", "2020-04-03", "2020-04-30", "2020-06-24", "2020-09-30"]
