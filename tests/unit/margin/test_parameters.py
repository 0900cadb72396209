"""Dated rates, and the rates against the price limits that the year's prices ran into."""

from __future__ import annotations

import datetime
from fractions import Fraction
from itertools import pairwise

import pytest

from ringfence.errors import BadInput
from ringfence.margin import (
    CONTRACTS,
    Direction,
    Parameter,
    Parameters,
    ParameterUnknown,
    contract,
    market,
    parameters,
)
from ringfence.money import Rate

PARAMETERS = parameters.load()
MARKET = market.load()


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "code", "margin"),
    [
        ("2020-01-02", "Au(T+D)", "6%"),
        ("2020-01-02", "Ag(T+D)", "7%"),
        ("2020-03-17", "Ag(T+D)", "14%"),
        ("2020-03-18", "Ag(T+D)", "19%"),
        ("2020-05-05", "mAu(T+D)", "10%"),
        ("2020-05-06", "mAu(T+D)", "8%"),
        ("2020-07-21", "Ag(T+D)", "10%"),
        ("2020-07-22", "Ag(T+D)", "13%"),
        ("2020-07-23", "Au(T+D)", "8%"),
        ("2020-07-24", "Au(T+D)", "9%"),
        ("2020-09-29", "Au(T+D)", "14%"),
        ("2020-12-31", "Ag(T+D)", "19%"),
    ],
)
def test_a_change_counts_from_the_settlement_of_its_day(text: str, code: str, margin: str) -> None:
    assert PARAMETERS.rates(code, day(text)).margin == Rate.parse(margin)


def test_fees() -> None:
    for code in CONTRACTS:
        rates = PARAMETERS.rates(code, day("2020-06-30"))
        assert (rates.trading_fee, rates.deferred_fee) == (Rate.parse("0.025%"), Rate.parse("0.02%"))


@pytest.mark.parametrize(
    ("code", "hit"),
    [
        ("Ag(T+D)", "2020-03-13"),
        ("Ag(T+D)", "2020-03-16"),
        ("Ag(T+D)", "2020-03-17"),
        ("mAu(T+D)", "2020-03-17"),
        ("Au(T+D)", "2020-03-17"),
        ("Au(T+D)", "2020-08-12"),
        ("mAu(T+D)", "2020-08-12"),
        ("Ag(T+D)", "2020-08-12"),
    ],
)
def test_the_lowest_price_of_a_limit_day_is_the_margin_rate_less_one_percent_below_the_settlement(
    code: str, hit: str
) -> None:
    """A day's limit is the margin rate of the evening before less one percent, cut to the tick."""
    previous_evening = max(one for one in MARKET.days if one < day(hit))
    margin = Fraction(PARAMETERS.rates(code, previous_evening).margin.parts, 10**8)
    limit = margin - Fraction(1, 100)
    tick = contract(code).tick_minor
    lowest = MARKET.prices(day(hit))[code].previous_minor * (1 - limit) // tick * tick
    assert MARKET.quote(day(hit), code).low_minor == lowest


def test_no_price_of_the_year_lies_beyond_the_limit_that_the_rates_allow() -> None:
    for before, one in pairwise(MARKET.days):
        for code, price in MARKET.prices(one).items():
            if price.direction is Direction.NONE:
                continue
            limit = Fraction(PARAMETERS.rates(code, before).margin.parts, 10**8) - Fraction(1, 100)
            tick = contract(code).tick_minor
            quote = MARKET.quote(one, code)
            assert quote.low_minor >= price.previous_minor * (1 - limit) // tick * tick, (one, code)
            assert quote.high_minor <= price.previous_minor * (1 + limit), (one, code)


def test_every_row_says_where_it_comes_from_and_how_sure_it_is() -> None:
    row = PARAMETERS.row("margin", "Ag(T+D)", day("2020-03-18"))
    assert (row.effective_from, row.status) == (day("2020-03-18"), "notice")
    assert "2020-03-18" in row.source
    assert PARAMETERS.row("margin", "Ag(T+D)", day("2020-03-16")).status == "observed"
    for code in CONTRACTS:
        assert PARAMETERS.row("trading-fee", code, day("2020-03-18")).status == "unconfirmed"
        assert PARAMETERS.row("deferred-fee", code, day("2020-03-18")).status == "unconfirmed"


@pytest.mark.parametrize("text", ["2019-12-30", "2021-01-04"])
def test_a_day_outside_the_table_is_unknown(text: str) -> None:
    with pytest.raises(ParameterUnknown) as unknown:
        PARAMETERS.rates("Au(T+D)", day(text))
    assert text in str(unknown.value)
    assert "2019-12-31" in str(unknown.value)
    assert "2020-12-31" in unknown.value.text("zh")


def test_an_unknown_contract_is_refused() -> None:
    with pytest.raises(BadInput, match="Ag"):
        PARAMETERS.rates("Pt99.95", day("2020-01-02"))


def test_a_rate_that_has_no_row_yet_is_unknown() -> None:
    margin = Parameter(day("2020-02-01"), "margin", "Au(T+D)", Rate.parse("9%"), "notice", "test")
    thin = Parameters(day("2020-01-01"), day("2020-12-31"), [margin])
    with pytest.raises(ParameterUnknown, match="margin"):
        thin.rates("Au(T+D)", day("2020-01-31"))
    with pytest.raises(ParameterUnknown, match="trading-fee"):
        thin.rates("Au(T+D)", day("2020-02-01"))
