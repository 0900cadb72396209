"""The frozen calendar against the exchange's own reports, and what lies outside of it."""

from __future__ import annotations

import csv
import datetime
import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from ringfence import calendar
from ringfence.calendar import CalendarUnknown, read_frozen_table
from ringfence.errors import BadInput

DAYS = calendar.load()

# The public collection of the reports lacks these days; the Shanghai Stock Exchange traded on all of them.
MISSING_FROM_THE_REPORTS = {
    datetime.date.fromisoformat(day)
    for day in (
        "2016-03-02",
        "2016-04-12",
        "2016-08-10",
        "2016-12-20",
        "2018-05-24",
        "2018-08-21",
        "2018-09-12",
        "2018-09-14",
    )
}


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def test_the_days_of_2020_are_those_of_the_shipped_reports() -> None:
    reported = {day(row["date"]) for row in read_frozen_table("ringfence.margin", "sge_2020.csv").rows}
    assert set(DAYS.between(day("2020-01-01"), day("2020-12-31"))) == reported - {day("2019-12-31")}
    assert len(DAYS.between(day("2020-01-01"), day("2020-12-31"))) == 243


def test_the_days_of_all_years_are_those_of_the_exchanges_reports(public_file: Callable[[str], Path]) -> None:
    with public_file("sge_daily/sge_daily_tidy.csv").open(encoding="utf-8", newline="") as file:
        reported = {day(row["date"]) for row in csv.DictReader(file) if row["contract"] == "Au(T+D)"}
    reported = {one for one in reported if one >= DAYS.known_from}
    computed = set(DAYS.between(DAYS.known_from, max(reported)))
    assert computed - reported == MISSING_FROM_THE_REPORTS
    assert reported - computed == set()


@pytest.mark.parametrize("text", ["2025-10-10", "2026-03-13", "2026-04-08", "2026-04-09", "2026-04-10"])
def test_later_days_with_published_quotes_are_trading_days(text: str) -> None:
    assert DAYS.is_trading_day(day(text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2020-01-19", "a Sunday worked in exchange for a holiday"),
        ("2020-01-31", "the Spring Festival of 2020, lengthened in the last week"),
        ("2024-02-09", "New Year's Eve, no public holiday that year but closed"),
        ("2020-03-14", "a Saturday"),
    ],
)
def test_a_closed_day_is_closed(text: str, why: str) -> None:
    assert not DAYS.is_trading_day(day(text)), why


@pytest.mark.parametrize(
    ("text", "following", "natural_days"),
    [
        ("2020-03-17", "2020-03-18", 1),
        ("2020-03-13", "2020-03-16", 3),
        ("2020-01-23", "2020-02-03", 11),
        ("2020-09-30", "2020-10-09", 9),
        ("2020-12-31", "2021-01-04", 4),
    ],
)
def test_the_next_trading_day_and_the_days_between(text: str, following: str, natural_days: int) -> None:
    assert DAYS.next_trading_day(day(text)) == day(following)
    assert DAYS.previous_trading_day(day(following)) == day(text)
    assert DAYS.natural_days_until_next(day(text)) == natural_days


def test_the_neighbours_of_a_holiday() -> None:
    assert DAYS.next_trading_day(day("2020-01-27")) == day("2020-02-03")
    assert DAYS.previous_trading_day(day("2020-01-27")) == day("2020-01-23")


def test_natural_days_are_counted_from_trading_days_only() -> None:
    with pytest.raises(BadInput, match="a trading day"):
        DAYS.natural_days_until_next(day("2020-01-27"))


def test_between_includes_both_ends_in_order() -> None:
    assert DAYS.between(day("2020-01-22"), day("2020-02-03")) == (
        day("2020-01-22"),
        day("2020-01-23"),
        day("2020-02-03"),
    )
    assert DAYS.between(day("2020-01-25"), day("2020-01-26")) == ()
    with pytest.raises(BadInput, match="2020-01-22"):
        DAYS.between(day("2020-01-23"), day("2020-01-22"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: DAYS.is_trading_day(day("2027-01-04")),
        lambda: DAYS.is_trading_day(day("2015-12-31")),
        lambda: DAYS.next_trading_day(day("2026-12-31")),
        lambda: DAYS.next_trading_day(day("2015-12-31")),
        lambda: DAYS.previous_trading_day(day("2016-01-01")),
        lambda: DAYS.previous_trading_day(day("2027-01-01")),
        lambda: DAYS.natural_days_until_next(day("2026-12-31")),
        lambda: DAYS.between(day("2026-12-30"), day("2027-01-01")),
    ],
)
def test_outside_the_known_days_nothing_is_guessed(ask: Callable[[], object]) -> None:
    with pytest.raises(CalendarUnknown) as unknown:
        ask()
    assert unknown.value.code == "calendar-unknown"
    assert "2016-01-01 to 2026-12-31" in str(unknown.value)
    assert "2026-12-31" in unknown.value.text("zh")
    assert str(pickle.loads(pickle.dumps(unknown.value))) == str(unknown.value)


def test_the_table_has_the_days_that_its_tool_makes() -> None:
    pytest.importorskip("holidays", reason="the holidays package is only needed to freeze the calendar")
    project = Path(__file__).resolve().parents[3]
    spec = importlib.util.spec_from_file_location("freeze_calendar", project / "tools" / "freeze_calendar.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = {line[:10] for line in tool.table().splitlines() if line[:1].isdigit()}
    assert made == {day.isoformat() for day in DAYS.closed}
