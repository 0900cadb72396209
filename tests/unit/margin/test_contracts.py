"""What a lot is worth. Figures from the exchange's contract specifications."""

import datetime

import pytest

from ringfence.errors import BadInput
from ringfence.margin import rules
from ringfence.margin.contracts import Fee, exact_minor
from ringfence.money import Rate, parse, unit

ON = rules.load().on(datetime.date(2020, 6, 30))


@pytest.mark.parametrize(
    ("code", "price", "value_of_one_lot", "grams_of_one_lot"),
    [
        ("Au(T+D)", "341.43", "341430.00", "1000"),
        ("mAu(T+D)", "341.78", "34178.00", "100"),
        ("Ag(T+D)", "4293", "4293.00", "1000"),
        ("Au99.99", "341.4", "3414.00", "10"),
        ("Au100g", "341.400", "34140.00", "100"),
    ],
)
def test_value_and_metal_of_a_lot(code: str, price: str, value_of_one_lot: str, grams_of_one_lot: str) -> None:
    traded = ON[code]
    value_minor = parse(value_of_one_lot, unit("CNY"))
    assert traded.value_minor(1, traded.parse_price(price)) == value_minor
    assert traded.value_minor(7, traded.parse_price(price)) == 7 * value_minor
    assert traded.metal is not None
    assert traded.metal_minor(1) == parse(grams_of_one_lot, unit(traded.metal))


@pytest.mark.parametrize(
    ("code", "price"),
    [
        ("Au(T+D)", "341.435"),
        ("Au(T+D)", "0"),
        ("Au(T+D)", "-1"),
        ("Au(T+D)", ""),
        ("Au(T+D)", ".5"),
        ("Au(T+D)", "3e2"),
        ("Au(T+D)", "３41"),
        ("Ag(T+D)", "4293.50"),
        ("Ag(T+D)", "4,293"),
    ],
)
def test_a_price_off_the_tick_is_refused(code: str, price: str) -> None:
    with pytest.raises(BadInput) as refused:
        ON[code].parse_price(price)
    assert refused.value.figures["value"] == price


def test_price_limits_are_cut_to_the_tick() -> None:
    # 3,841 less 8 % is 3,533.72, plus 8 % is 4,148.28: silver moves by whole yuan
    silver = rules.load().contract("Ag(T+D)", datetime.date(2020, 3, 16))
    assert silver.price_limits(384100) == (353300, 414800)


def test_a_fee_by_rate_and_by_lot() -> None:
    assert Fee(Rate.parse("0.0023%")).of(380424000, 4) == 8750  # 3,804,240.00 x 0.0023 % = 87.4975
    assert Fee(Rate(0), 300).of(22315000, 2) == 600


def test_exact_text() -> None:
    assert [exact_minor(text) for text in ("4111.0", "22315.000", "0.01", "0.011", "1_0", "-1.5")] == [
        411100,
        2231500,
        1,
        None,
        None,
        -150,
    ]
