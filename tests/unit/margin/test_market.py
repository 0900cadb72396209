"""The shipped market of 2020 against the exchange's reports, and what is not in it."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ringfence import calendar
from ringfence.errors import BadInput
from ringfence.margin import market
from ringfence.margin.market import Direction, Market, QuoteUnknown, SettlementPrice

MARKET = market.load()
CONTRACTS = ("Au(T+D)", "mAu(T+D)", "Ag(T+D)")
SUSPENDED = datetime.date(2020, 3, 18)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def test_every_trading_day_of_2020_can_be_settled() -> None:
    assert MARKET.days == calendar.load().between(day("2020-01-01"), day("2020-12-31"))


def test_every_contract_is_quoted_on_every_day_but_silver_on_the_day_it_was_suspended() -> None:
    missing = set()
    for one in MARKET.days:
        for code in CONTRACTS:
            try:
                MARKET.quote(one, code)
            except QuoteUnknown:
                missing.add((one, code))
    assert missing == {(SUSPENDED, "Ag(T+D)")}


@pytest.mark.parametrize(
    ("text", "code", "low", "close", "settlement", "direction"),
    [
        ("2020-03-13", "Ag(T+D)", 375700, 375700, 384100, Direction.SHORTS_PAY),
        ("2020-03-16", "Ag(T+D)", 353300, 353300, 363700, Direction.SHORTS_PAY),
        ("2020-03-17", "Ag(T+D)", 316400, 316400, 316900, Direction.LONGS_PAY),
        ("2020-03-19", "Ag(T+D)", 262100, 291500, 289600, Direction.SHORTS_PAY),
        ("2020-08-11", "Au(T+D)", 42900, 43224, 43817, Direction.SHORTS_PAY),
        ("2020-08-12", "Au(T+D)", 40311, 40570, 41207, Direction.LONGS_PAY),
        ("2020-08-12", "mAu(T+D)", 40312, 40597, 41200, Direction.LONGS_PAY),
    ],
)
def test_the_great_falls_of_the_year(
    text: str, code: str, low: int, close: int, settlement: int, direction: Direction
) -> None:
    quote = MARKET.quote(day(text), code)
    assert (quote.low_minor, quote.close_minor, quote.settlement_minor) == (low, close, settlement)
    assert quote.direction is direction


def test_every_figure_is_the_one_of_the_reports(public_file: Callable[[str], Path]) -> None:
    with public_file("sge_daily/sge_daily_tidy.csv").open(encoding="utf-8", newline="") as file:
        reported = [
            row
            for row in csv.DictReader(file)
            if row["contract"] in CONTRACTS and "2019-12-31" <= row["date"] <= "2020-12-31"
        ]
    assert len(reported) == 3 * (1 + 243) - 1
    for row in reported:
        quote = MARKET.quote(day(row["date"]), row["contract"])
        for name, price_minor in {
            "open": quote.open_minor,
            "high": quote.high_minor,
            "low": quote.low_minor,
            "close": quote.close_minor,
            "wavg": quote.settlement_minor,
        }.items():
            assert price_minor == Decimal(row[name]) * 100, (row["date"], row["contract"], name)
        assert quote.volume_mg == Decimal(row["volume_kg"]) * 1_000_000
        assert quote.open_interest_lots == Decimal(row["open_interest_lots"])
        assert quote.direction == row["fee_direction"]


def test_no_quote_is_blank_and_every_price_lies_inside_the_day() -> None:
    for one in MARKET.days:
        for code in CONTRACTS:
            if (one, code) == (SUSPENDED, "Ag(T+D)"):
                continue
            quote = MARKET.quote(one, code)
            inside = (quote.open_minor, quote.close_minor, quote.settlement_minor)
            assert 0 < quote.low_minor <= min(inside) <= max(inside) <= quote.high_minor
            assert quote.volume_mg > 0
            assert quote.open_interest_lots > 0
            assert quote.open_interest_lots % 2 == 0, "both sides are counted"


def test_settlement_starts_from_the_previous_settlement() -> None:
    first = MARKET.prices(day("2020-01-02"))
    assert first["Au(T+D)"] == SettlementPrice(34205, 34143, Direction.LONGS_PAY)
    assert first["mAu(T+D)"] == SettlementPrice(34223, 34178, Direction.SHORTS_PAY)
    assert first["Ag(T+D)"] == SettlementPrice(433400, 429300, Direction.SHORTS_PAY)


def test_a_contract_that_did_not_trade_keeps_its_settlement_and_owes_no_fee() -> None:
    assert MARKET.prices(SUSPENDED)["Ag(T+D)"] == SettlementPrice(316900, 316900, Direction.NONE)
    assert MARKET.prices(SUSPENDED)["Au(T+D)"].direction is not Direction.NONE
    assert MARKET.prices(day("2020-03-19"))["Ag(T+D)"].previous_minor == 316900


def test_what_is_not_known_says_what_is() -> None:
    with pytest.raises(QuoteUnknown) as suspended:
        MARKET.quote(SUSPENDED, "Ag(T+D)")
    assert "Ag(T+D)" in str(suspended.value)
    assert "2019-12-31 to 2020-12-31" in str(suspended.value)
    with pytest.raises(QuoteUnknown, match="2021-01-04"):
        MARKET.quote(day("2021-01-04"), "Au(T+D)")
    with pytest.raises(QuoteUnknown, match="2020-01-01"):
        MARKET.prices(day("2020-01-01"))
    with pytest.raises(QuoteUnknown):
        MARKET.prices(day("2019-12-31"))
    with pytest.raises(BadInput, match="mAu"):
        MARKET.quote(day("2020-01-02"), "iAu99.99")


def test_one_day_alone_is_no_market() -> None:
    quote = MARKET.quote(day("2020-01-02"), "Au(T+D)")
    with pytest.raises(BadInput, match="two days"):
        Market([quote])
    with pytest.raises(BadInput, match="two days"):
        Market([])
    later = replace(quote, day=day("2020-01-03"))
    assert Market([later, quote]).days == (day("2020-01-03"),)
