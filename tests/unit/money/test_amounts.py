"""Amounts in and out of text."""

from decimal import Decimal

import pytest

from ringfence.errors import BadInput
from ringfence.money import LARGEST_MINOR, grouped, parse, render, unit, with_unit

CNY = unit("CNY")
GOLD = unit("AU9999")
YEN = unit("JPY")


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1234.5", 123450),
        ("1234.50", 123450),
        ("0", 0),
        ("0.01", 1),
        ("-0.05", -5),
        ("-0", 0),
        ("92233720368547758.07", LARGEST_MINOR),
        ("-92233720368547758.07", -LARGEST_MINOR),
    ],
)
def test_plain_decimals_are_read(text: str, minor: int) -> None:
    assert parse(text, CNY) == minor


@pytest.mark.parametrize(
    "text",
    [
        "1,234.50",
        "1 234",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "1e3",
        "1E-2",
        ".5",
        "5.",
        "01",
        "00.1",
        "NaN",
        "Infinity",
        "",
        "-",
        "0x10",
        "1_000",
        "¥1",
        "\uff11\uff12",
        "\u0663",
        "1.2.3",
    ],
)
def test_every_other_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="plain decimal") as refused:
        parse(text, CNY)
    assert refused.value.figures["field"] == "amount"


@pytest.mark.parametrize("value", [1, 1.5, Decimal(1), None, b"1"])
def test_what_is_not_text_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        parse(value, CNY)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "code"), [("1.001", "CNY"), ("1.000", "CNY"), ("1.0", "JPY"), ("1.0001", "AU9999")])
def test_more_decimals_than_the_unit_are_refused_even_if_zero(text: str, code: str) -> None:
    with pytest.raises(BadInput, match=f"decimals for {code}"):
        parse(text, unit(code))


@pytest.mark.parametrize("text", ["92233720368547758.08", "-92233720368547758.08", "9" * 19])
def test_what_does_not_fit_64_bits_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"92233720368547758\.07"):
        parse(text, CNY)


def test_a_very_long_text_is_refused() -> None:
    with pytest.raises(BadInput):
        parse("9" * 100_000, CNY)
    with pytest.raises(BadInput):
        parse("0." + "9" * 100_000, CNY)


@pytest.mark.parametrize(
    ("minor", "exact", "for_people"),
    [
        (123450, "1234.50", "1,234.50"),
        (123456789, "1234567.89", "1,234,567.89"),
        (5, "0.05", "0.05"),
        (-5, "-0.05", "-0.05"),
        (-100000000, "-1000000.00", "-1,000,000.00"),
        (0, "0.00", "0.00"),
    ],
)
def test_money_is_written_exactly(minor: int, exact: str, for_people: str) -> None:
    assert render(minor, CNY) == exact
    assert grouped(minor, CNY) == for_people


def test_a_kilogram_of_gold_is_a_million_milligrams() -> None:
    assert parse("1000", GOLD) == 1_000_000
    assert render(1_000_000, GOLD) == "1000.000"
    assert grouped(1_000_000, GOLD) == "1,000.000"
    assert with_unit(-123_450, CNY) == "-1,234.50 CNY"


def test_a_unit_without_decimals_has_no_point() -> None:
    assert render(1234, YEN) == "1234"
    assert parse("1234", YEN) == 1234
