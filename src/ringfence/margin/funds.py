"""Funds: what a client's money is doing, by the one function that says so.

    equity          cash + floating profit or loss            what the client would have, closed out now
    margin          held for open positions
    available       cash - margin - frozen - floating loss    may carry a new order; a floating profit may not
    withdrawable    available - what was only freed today     may leave the circle; never below 0
    risk degree     margin / equity
    call            margin - equity where that is positive    to be paid in before the next session

*Cash* is the booked balance of the ledger, which at a settlement already contains the day's marked profit;
between two settlements *floating* is the profit of open positions that is not booked yet, and 0 right after
one. Money freed today, by a cancelled order or by closing a position together with the profit of it, serves
trading at once and leaves from tomorrow.

Only here: every screen, check and statement that shows one of these figures takes it from `compute_funds`.
Formulas: available (可用资金) and withdrawable (可提资金) as in SGE member systems; equity, risk degree and
call as in CTP settlement statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


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


def compute_funds(
    *,
    cash_minor: int,
    margin_minor: int,
    floating_minor: int = 0,
    frozen_minor: int = 0,
    unfrozen_today_minor: int = 0,
    closed_today_minor: int = 0,
) -> Funds:
    """Compute a client's funds, all amounts in fen.

    `floating_minor` is signed, a loss negative. `unfrozen_today_minor` was released from freezes today;
    `closed_today_minor` was released by closing positions today, margin and profit together.
    """
    floating_loss_minor = max(0, -floating_minor)
    equity_minor = cash_minor + floating_minor
    available_minor = cash_minor - margin_minor - frozen_minor - floating_loss_minor
    return Funds(
        equity_minor=equity_minor,
        margin_minor=margin_minor,
        frozen_minor=frozen_minor,
        floating_loss_minor=floating_loss_minor,
        available_minor=available_minor,
        withdrawable_minor=max(0, available_minor - unfrozen_today_minor - closed_today_minor),
        call_minor=max(0, margin_minor - equity_minor),
    )
