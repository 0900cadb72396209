"""Figures as people read them."""

from __future__ import annotations

import datetime

import pytest

from ringfence.console.figures import bank_title, clock, day, exact, masked, short, signed
from ringfence.errors import Language


@pytest.mark.parametrize(
    ("amount_minor", "en", "zh"),
    [
        (0, "0", "0"),
        (12_34, "12.34", "12.34"),
        (800_000_00, "800,000", "80.0 万"),
        (9_999_99, "9,999.99", "9,999.99"),
        (12_345_00, "12,345", "1.2 万"),
        (999_999_99, "999,999.99", "100.0 万"),
        (18_244_000_00, "18.2 m", "1,824 万"),
        (-18_250_000_00, "\u221218.3 m", "\u22121,825 万"),
        (1_374_900_000_00, "1.37 bn", "13.75 亿"),
        (99_999_999_99, "100.0 m", "10,000 万"),
    ],
)
def test_labels_are_short_and_rounded_half_up(amount_minor: int, en: str, zh: str) -> None:
    assert (short(amount_minor, "en"), short(amount_minor, "zh")) == (en, zh)


def test_amounts_are_exact_and_movements_have_their_sign() -> None:
    assert exact(7_412_880_341_17) == "7,412,880,341.17"
    assert exact(-3_200_00) == "\u22123,200.00"
    assert (signed(5), signed(-5), signed(0)) == ("+0.05", "\u22120.05", "0.00")


def test_times_are_those_of_shanghai() -> None:
    assert clock(datetime.datetime(2020, 3, 16, 22, 30, 5, tzinfo=datetime.UTC)) == "06:30:05"
    assert (day(datetime.date(2020, 3, 6), "en"), day(datetime.date(2020, 3, 6), "zh")) == (
        "2020-03-06",
        "2020年3月6日",
    )


def test_account_numbers_are_masked() -> None:
    assert (masked("6201000000004417"), masked("123")) == ("···· 4417", "····")


@pytest.mark.parametrize(
    ("name", "title", "language", "said"),
    [
        ("bank_a", None, "en", "Bank A"),
        ("bank_b", None, "zh", "乙银行"),
        ("icbc", None, "en", "icbc"),
        ("x", "X行", "zh", "X行"),
    ],
)
def test_banks_have_names(name: str, title: str | None, language: Language, said: str) -> None:
    assert bank_title(name, title, language) == said
