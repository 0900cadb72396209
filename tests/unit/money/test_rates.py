"""Rates are exact and round once."""

import pytest

from ringfence.errors import BadInput
from ringfence.money import Rate, apply_rate, round_down, round_half_up, round_up


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.025%", 25_000),
        ("0.0175%", 17_500),
        ("0.02%", 20_000),
        ("6%", 6_000_000),
        ("100%", 100_000_000),
        ("0%", 0),
        ("0.000001%", 1),
        ("241.5%", 241_500_000),
    ],
)
def test_percent_text_is_read_exactly_and_written_back(text: str, parts: int) -> None:
    assert Rate.parse(text).parts == parts
    assert str(Rate(parts)) == text


@pytest.mark.parametrize("text", ["0.025", "2.5 %", "-1%", "1e-2%", "%", ".5%", "0.0000001%", "01%", "", "5‰"])
def test_other_rate_text_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="rate"):
        Rate.parse(text)


def test_basis_points() -> None:
    assert Rate.from_bps(25) == Rate.parse("0.25%")
    assert Rate.from_bps(10_000) == Rate.parse("100%")


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(BadInput):
        Rate(-1)
    with pytest.raises(BadInput):
        Rate.from_bps(-1)


def test_applying_a_rate_rounds_as_told() -> None:
    # 0.025 % of 100.00 CNY is 2.5 fen
    rate = Rate.parse("0.025%")
    assert apply_rate(10_000, rate, round_down) == 2
    assert apply_rate(10_000, rate, round_half_up) == 3
    assert apply_rate(10_000, rate, round_up) == 3
    assert apply_rate(-10_000, rate, round_half_up) == -3
