"""Available, withdrawable, risk degree and call."""

from fractions import Fraction

import pytest

from ringfence.margin.funds import compute_funds, funds_of_all
from ringfence.money.columns import column


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
    # A cancelled order gave back 4,000; closing set 5,000 of margin free with a profit of 1,000, which is not booked yet.
    funds = compute_funds(
        cash_minor=100_000, margin_minor=30_000, unfrozen_minor=4_000, released_minor=5_000, realised_minor=1_000
    )
    assert funds.available_minor == 71_000
    assert funds.withdrawable_minor == 61_000


def test_a_loss_of_today_and_its_fees_count_at_once() -> None:
    funds = compute_funds(
        cash_minor=100_000, margin_minor=30_000, released_minor=5_000, realised_minor=-8_000, fee_minor=100
    )
    assert (funds.equity_minor, funds.available_minor, funds.withdrawable_minor) == (91_900, 61_900, 61_900)


@pytest.mark.parametrize(
    ("margin", "cash", "grade"),
    [
        (0, -5, "green"),
        (80, 100, "green"),
        (81, 100, "orange-call"),
        (100, 100, "orange-call"),
        (101, 100, "red-call"),
        (150, 100, "red-call"),
        (151, 100, "red-forced-close"),
        (1, 0, "red-forced-close"),
        (1, -1, "red-forced-close"),
    ],
)
def test_grades(margin: int, cash: int, grade: str) -> None:
    assert compute_funds(cash_minor=cash, margin_minor=margin).grade == grade


def test_a_column_is_computed_as_one_by_one() -> None:
    cash, margin, floating = [100, -5, 10**14, 0], [80, 1, 3, 0], [-30, 7, 5, 0]
    found = funds_of_all(
        cash=column(cash), margin=column(margin), floating=column(floating), frozen=column([1, 2, 3, 4])
    )
    for row in range(4):
        assert found.one(row) == compute_funds(
            cash_minor=cash[row], margin_minor=margin[row], floating_minor=floating[row], frozen_minor=row + 1
        )


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
