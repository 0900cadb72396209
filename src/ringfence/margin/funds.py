"""Funds: what a client's money is doing, by the one function that says so.

    equity          cash + what today's closing realised - today's fees + floating profit or loss
    margin          held for open positions
    available       equity - margin - frozen, a floating profit not counted    may carry a new order
    withdrawable    available - what was only set free or paid today           may leave the circle; never below 0
    risk degree     margin / equity, and the grade that goes with it
    call            margin - equity where that is positive                     to be paid in before the next session

*Cash* is the booked balance of the ledger, which at a settlement already contains the day's profit and fees; between two
settlements what was realised and is floating is not booked yet, and both are 0 right after one. Money set free today, by a
cancelled order or by closing a position together with the profit of it, serves trading at once and leaves from tomorrow; of
what metal was sold for today a part serves trading at once, and all of it leaves from tomorrow.

Only here: every screen, check and statement that shows one of these figures takes it from `funds_of_all`, for one client
as for a million: one client is a column of one (`ringfence.money.columns`).
Formulas: available (可用资金) and withdrawable (可提资金) as in SGE member systems; equity, risk degree and call as in CTP
settlement statements.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final, Literal, NamedTuple

import numpy as np

from ringfence.margin.lots import Rows
from ringfence.money.columns import Column, column, times

Grade = Literal["green", "orange-call", "red-call", "red-forced-close"]
GRADES: Final[tuple[Grade, ...]] = ("green", "orange-call", "red-call", "red-forced-close")
# Above which risk degree, in hundredths, each grade after the first begins. The exchange's own steps are not published.
GRADE_STEPS_PERCENT: Final = (80, 100, 150)


@dataclass(frozen=True, slots=True)
class Funds:
    """One client's funds in fen; `available_minor` is negative when more is bound than there is."""

    equity_minor: int
    margin_minor: int
    frozen_minor: int
    floating_loss_minor: int
    available_minor: int
    withdrawable_minor: int
    call_minor: int
    grade: Grade

    @property
    def risk_degree(self) -> Fraction | None:
        """Margin over equity, exactly; 0 without margin, None where margin stands against no equity."""
        if self.margin_minor == 0:
            return Fraction(0)
        if self.equity_minor <= 0:
            return None
        return Fraction(self.margin_minor, self.equity_minor)

    @property
    def risk_percent(self) -> str | None:
        """The risk degree in hundredths with two decimals, rounded half up: "15.90"; None where it has no value."""
        degree = self.risk_degree
        if degree is None:
            return None
        parts = (degree.numerator * 100_00 * 2 + degree.denominator) // (2 * degree.denominator)
        return f"{parts // 100}.{parts % 100:02d}"


@dataclass(frozen=True, slots=True, eq=False)
class AllFunds(Rows):
    """Everybody's funds in fen, as in Funds; `grade` is the place in GRADES."""

    equity_minor: Column
    margin_minor: Column
    frozen_minor: Column
    floating_loss_minor: Column
    available_minor: Column
    withdrawable_minor: Column
    call_minor: Column
    grade: Column

    def one(self, row: int) -> Funds:
        """The funds in one row."""
        amounts = {field.name: int(getattr(self, field.name)[row]) for field in fields(self)}
        grade = GRADES[amounts.pop("grade")]
        return Funds(**amounts, grade=grade)


class OfGrade(NamedTuple):
    """How many clients have a grade, and their margin and calls in fen."""

    grade: Grade
    clients: int
    margin_minor: int
    call_minor: int


def by_grade(funds: AllFunds) -> list[OfGrade]:
    """What there is of each grade, in their order."""
    found = []
    for number, grade in enumerate(GRADES):
        there = funds.grade == number
        found.append(
            OfGrade(grade, int(there.sum()), int(funds.margin_minor[there].sum()), int(funds.call_minor[there].sum()))
        )
    return found


def funds_of_all(
    *,
    cash: Column,
    margin: Column,
    realised: Column | int = 0,
    fee: Column | int = 0,
    floating: Column | int = 0,
    frozen: Column | int = 0,
    unfrozen: Column | int = 0,
    released: Column | int = 0,
    proceeds: Column | int = 0,
    reusable: Column | int = 0,
) -> AllFunds:
    """Compute funds, all amounts in fen, a row per client.

    `realised` (a loss negative) and `fee` are today's and not booked yet, as is `floating`, a loss negative. `frozen` is held
    for orders and withdrawals. Set free today: `unfrozen` from cancelled orders, `released` of margin by closing. Of today's
    `proceeds` of metal, which are booked, so much is `reusable`.
    """
    cash = cash + realised - fee
    floating_loss = np.maximum(0, -np.asarray(floating)) + np.zeros_like(cash)
    available = cash - margin - frozen - floating_loss - (np.asarray(proceeds) - reusable)
    equity = cash + floating
    above = [(margin > 0) & (times(margin, 100) > times(equity, step)) for step in GRADE_STEPS_PERCENT]
    return AllFunds(
        equity_minor=equity,
        margin_minor=margin,
        frozen_minor=np.zeros_like(cash) + frozen,
        floating_loss_minor=floating_loss,
        available_minor=available,
        withdrawable_minor=np.maximum(
            0, available - unfrozen - np.maximum(0, released + np.asarray(realised)) - reusable
        ),
        call_minor=np.maximum(0, margin - equity),
        grade=np.sum(above, axis=0, dtype=np.int64),
    )


def compute_funds(
    *,
    cash_minor: int,
    margin_minor: int,
    realised_minor: int = 0,
    fee_minor: int = 0,
    floating_minor: int = 0,
    frozen_minor: int = 0,
    unfrozen_minor: int = 0,
    released_minor: int = 0,
) -> Funds:
    """Compute one client's funds; the amounts are those of `funds_of_all`."""
    found = funds_of_all(
        cash=column([cash_minor]), margin=column([margin_minor]), realised=realised_minor, fee=fee_minor,
        floating=floating_minor, frozen=frozen_minor, unfrozen=unfrozen_minor, released=released_minor,
    )  # fmt: skip
    return found.one(0)
