"""What a lot is worth. Figures from the exchange's contract specifications."""

import pytest

from ringfence.errors import BadInput
from ringfence.margin import CONTRACTS, contract
from ringfence.money import parse, unit


@pytest.mark.parametrize(
    ("code", "price", "value_of_one_lot", "grams_of_one_lot"),
    [
        ("Au(T+D)", "341.43", "341430.00", "1000"),
        ("mAu(T+D)", "341.78", "34178.00", "100"),
        ("Ag(T+D)", "4293", "4293.00", "1000"),
    ],
)
def test_value_and_metal_of_a_lot(code: str, price: str, value_of_one_lot: str, grams_of_one_lot: str) -> None:
    traded = contract(code)
    value_minor = parse(value_of_one_lot, unit("CNY"))
    assert traded.value_minor(1, traded.parse_price(price)) == value_minor
    assert traded.value_minor(7, traded.parse_price(price)) == 7 * value_minor
    assert traded.metal_minor(1) == parse(grams_of_one_lot, unit(traded.metal))
    assert unit(traded.metal).is_metal


@pytest.mark.parametrize(
    ("code", "price"),
    [
        ("Au(T+D)", "341.435"),
        ("Au(T+D)", "0"),
        ("Au(T+D)", "-1"),
        ("Ag(T+D)", "4293.50"),
        ("Ag(T+D)", "4,293"),
    ],
)
def test_a_price_off_the_tick_is_refused(code: str, price: str) -> None:
    with pytest.raises(BadInput) as refused:
        contract(code).parse_price(price)
    assert refused.value.figures["value"] == price


def test_an_unknown_contract_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput) as refused:
        contract("Au99.99")
    for code in CONTRACTS:
        assert code in str(refused.value)
