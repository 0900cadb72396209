"""Dated rules, and the rules against the price limits that the year's prices ran into."""

from __future__ import annotations

import datetime
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ringfence.errors import BadInput
from ringfence.margin import market, rules
from ringfence.margin.contracts import Fee, OverdueStep
from ringfence.margin.market import Direction
from ringfence.margin.rules import Rule, Rules, RuleUnknown
from ringfence.money import Rate

RULES = rules.load()
MARKET = market.load()
DEFERRED = ("Au(T+D)", "mAu(T+D)", "Ag(T+D)")


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "code", "margin"),
    [
        ("2015-01-26", "Ag(T+D)", "9%"),
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
        ("2024-04-15", "Au(T+D)", "9%"),
        ("2025-09-05", "Ag(T+D)", "17%"),
    ],
)
def test_a_change_counts_from_the_settlement_of_its_day(text: str, code: str, margin: str) -> None:
    assert RULES.contract(code, day(text)).margin == Rate.parse(margin)


def test_what_the_specifications_say() -> None:
    """Figures from the contract specifications, by hand."""
    on = RULES.on(day("2020-06-30"))
    assert set(on) == {*DEFERRED, "Au99.99", "Au100g"}
    assert {code: (c.kind, c.lot_quantity, c.tick_minor, c.measure) for code, c in on.items()} == {
        "Au(T+D)": ("deferred", 1000, 1, "g"),
        "mAu(T+D)": ("deferred", 100, 1, "g"),
        "Ag(T+D)": ("deferred", 1, 100, "kg"),
        "Au99.99": ("spot", 10, 1, "g"),
        "Au100g": ("spot", 100, 1, "g"),
    }
    assert [on[code].delivery_minor for code in on] == [1_000_000, 1_000_000, 15_000_000, 1_000_000, 100_000]
    assert (on["Ag(T+D)"].largest_order_lots, on["Au100g"].largest_order_lots) == (2000, 1000)
    assert {c.limit_base for c in on.values() if c.kind == "spot"} == {"close"}
    assert on["Au99.99"].limit == Rate.parse("30%")
    for code in DEFERRED:
        assert (on[code].fee, on[code].deferred_fee) == (Fee(Rate.parse("0.025%")), Rate.parse("0.02%"))
        assert on[code].limit_base == "settlement"
        assert on[code].overdue == ()


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
def test_the_lowest_price_of_a_limit_day_is_the_lower_price_limit(code: str, hit: str) -> None:
    lowest, _ = RULES.contract(code, day(hit)).price_limits(MARKET.prices(day(hit))[code].previous_minor)
    assert MARKET.quote(day(hit), code).low_minor == lowest


def test_no_price_of_the_year_lies_beyond_its_limits_and_they_go_with_the_margin_of_the_evening_before() -> None:
    for before, one in pairwise(MARKET.days):
        for code, price in MARKET.prices(one).items():
            if price.direction is Direction.NONE:
                continue
            traded = RULES.contract(code, one)
            lowest, highest = traded.price_limits(price.previous_minor)
            quote = MARKET.quote(one, code)
            assert highest is not None
            assert lowest <= quote.low_minor <= quote.high_minor <= highest, (one, code)
            assert traded.limit is not None
            assert traded.limit.parts == RULES.contract(code, before).margin.parts - Rate.parse("1%").parts, (one, code)


def test_every_row_says_where_it_comes_from_and_how_sure_it_is() -> None:
    row = RULES.row("Ag(T+D)", "margin", day("2020-03-18"))
    assert row is not None
    assert (row.effective_from, row.status) == (day("2020-03-18"), "notice")
    assert "2020-03-18" in row.source
    for code in DEFERRED:
        for rule in ("fee", "deferred-fee", "overdue-fee"):
            found = RULES.row(code, rule, day("2020-03-18"))
            assert found is not None
            assert found.status == "unconfirmed"
    assert all(row.source for row in RULES)


def test_silver_was_suspended_for_a_day() -> None:
    trades = {text: RULES.contract("Ag(T+D)", day(text)).trades for text in ("2020-03-17", "2020-03-18", "2020-03-19")}
    assert trades == {"2020-03-17": True, "2020-03-18": False, "2020-03-19": True}


@pytest.mark.parametrize(
    ("text", "says"), [("2014-09-15", "first row 2014-09-16"), ("2024-02-01", "unknown since 2024-01-01")]
)
def test_what_is_not_known_is_not_guessed(text: str, says: str) -> None:
    with pytest.raises(RuleUnknown) as unknown:
        RULES.contract("Au(T+D)", day(text))
    assert text in str(unknown.value)
    assert says in str(unknown.value)
    assert text in unknown.value.text("zh")


def test_an_unknown_contract_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"Ag\(T\+D\)"):
        RULES.contract("Pt99.95", day("2020-01-02"))


def test_a_new_contract_is_rows(tmp_path: Path) -> None:
    file = tmp_path / "rules.csv"
    file.write_text(
        "# one that nobody has heard of\n"
        "contract,rule,effective_from,value,status,source\n"
        "X1,kind,2020-01-01,deferred,specification,test\n"
        "X1,measure,2020-01-01,point,specification,test\n"
        "X1,lot,2020-01-01,300,specification,test\n"
        "X1,tick,2020-01-01,0.2,specification,test\n"
        "X1,margin,2020-01-01,11%,notice,test\n"
        "X1,fee,2020-01-01,3.00/lot,notice,test\n"
        "X1,deferred-fee,2020-01-01,0%,notice,test\n"
        "X1,overdue-fee,2020-01-01,20:0.01% 40:0.03%,notice,test\n"
        "X1,fee,2020-02-01,2.50/lot,notice,test\n",
        "utf-8",
    )
    made = rules.read_file(file)
    traded = made.contract("X1", day("2020-01-31"))
    assert (traded.tick_minor, traded.lot_quantity, traded.fee) == (20, 300, Fee(Rate(0), 300))
    assert traded.overdue == (OverdueStep(20, Rate.parse("0.01%")), OverdueStep(40, Rate.parse("0.03%")))
    assert (traded.limit, traded.largest_order_lots, traded.metal) == (None, None, None)
    assert made.contract("X1", day("2020-02-01")).fee == Fee(Rate(0), 250)
    assert replace(made.contract("X1", day("2020-02-01")), fee=traded.fee) == traded
    with pytest.raises(RuleUnknown, match="2019-12-31"):
        made.contract("X1", day("2019-12-31"))


@pytest.mark.parametrize(
    ("line", "field", "right"),
    [
        ("X1,kind,2020-01-01,future,notice,t", "value of kind", "deferred, spot"),
        ("X1,kin,2020-01-01,spot,notice,t", "rule", "margin"),
        ("X1,kind,2020-13-01,spot,notice,t", "effective_from", "a day such as"),
        ("X1,kind,2020-01-01,spot,sure,t", "status", "notice"),
        ("X1,kind,2020-01-01,spot,notice,", "source", "where the figure comes from"),
        (",kind,2020-01-01,spot,notice,t", "contract", "a contract's code"),
        ("X1,margin,2020-01-01,0.07,notice,t", "value of margin", "percent text"),
        ("X1,tick,2020-01-01,0.001,notice,t", "value of tick", "in whole fen"),
        ("X1,lot,2020-01-01,0,notice,t", "value of lot", "a whole number"),
        ("X1,fee,2020-01-01,x/lot,notice,t", "value of fee", "CNY for each lot"),
        ("X1,overdue-fee,2020-01-01,40:0.03% 20:0.01%,notice,t", "value of overdue-fee", "in order"),
        ("X1,delivery-unit,2020-01-01,1 kg,notice,t", "value of delivery-unit", "15kg"),
        ("X1,metal,2020-01-01,CNY,notice,t", "value of metal", "AU9999"),
        ("X1,kind,2020-01-01,spot,notice", "line 3", "6 columns"),
    ],
)
def test_a_bad_row_is_refused_with_line_field_and_what_would_be_right(line: str, field: str, right: str) -> None:
    with pytest.raises(BadInput) as refused:
        rules.parse_rows(["# remark", ",".join(rules.COLUMNS), line], "mine.csv")
    assert "mine.csv, line 3" in str(refused.value)
    assert field in str(refused.value)
    assert right in str(refused.value)


def test_a_table_without_its_header_is_refused() -> None:
    with pytest.raises(BadInput, match=r"mine.csv, line 2.*contract,rule"):
        rules.parse_rows(["# remark", "contract;rule"], "mine.csv")
    with pytest.raises(BadInput, match="header"):
        rules.parse_rows([], "mine.csv")


def test_a_value_that_its_rule_cannot_have_never_gets_in() -> None:
    with pytest.raises(BadInput, match="tick"):
        Rules([Rule("X1", "tick", day("2020-01-01"), "-1", "notice", "test")])
