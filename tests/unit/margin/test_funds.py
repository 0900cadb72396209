"""Available, withdrawable, risk degree and call."""

from fractions import Fraction

import pytest

from ringfence.margin import compute_funds


def test_right_after_a_settlement() -> None:
    funds = compute_funds(cash_minor=100_000, margin_minor=30_000, frozen_minor=5_000)
    assert funds.equity_minor == 100_000
    assert funds.available_minor == 65_000
    assert funds.withdrawable_minor == 65_000
    assert funds.risk_degree == Fraction(3, 10)
    assert funds.call_minor == 0


def test_a_floating_profit_is_equity_but_not_available() -> None:
    funds = compute_funds(cash_minor=100_000, margin_minor=30_000, floating_minor=20_000)
    assert funds.equity_minor == 120_000
    assert (funds.available_minor, funds.withdrawable_minor) == (70_000, 70_000)
    assert funds.floating_loss_minor == 0
    assert funds.risk_degree == Fraction(1, 4)


def test_a_floating_loss_reduces_both_once() -> None:
    funds = compute_funds(cash_minor=100_000, margin_minor=30_000, floating_minor=-20_000)
    assert funds.equity_minor == 80_000
    assert funds.floating_loss_minor == 20_000
    assert funds.available_minor == 50_000
    assert funds.risk_degree == Fraction(3, 8)


def test_what_was_freed_today_trades_but_does_not_leave() -> None:
    funds = compute_funds(cash_minor=100_000, margin_minor=30_000, unfrozen_today_minor=4_000, closed_today_minor=6_000)
    assert funds.available_minor == 70_000
    assert funds.withdrawable_minor == 60_000


def test_withdrawable_is_never_below_zero_but_available_says_how_much_is_short() -> None:
    funds = compute_funds(cash_minor=10_000, margin_minor=30_000, frozen_minor=1_000)
    assert funds.available_minor == -21_000
    assert funds.withdrawable_minor == 0
    assert funds.call_minor == 20_000
    assert funds.risk_degree == 3


@pytest.mark.parametrize(
    ("cash", "margin", "risk"), [(0, 0, Fraction(0)), (-5, 0, Fraction(0)), (0, 10, None), (-5, 10, None)]
)
def test_risk_without_margin_or_without_equity(cash: int, margin: int, risk: Fraction | None) -> None:
    assert compute_funds(cash_minor=cash, margin_minor=margin).risk_degree == risk
