"""The custody room: the closed circle of client money between clearing banks and an exchange.

circle      the books, the persons in them, and the registration of members and clients
report      what a bank reports of the exchange's account
transfers   deposits, withdrawals, covers, fees paid out
live        the circle as it runs: single deposits, and the exchange that follows its banks
refusals    what was asked for and refused lately
requests    withdrawals as clients ask for them, and what persons do about them
carrying_out    what they have let pass
equation    the money equation at any moment
verify      every book from zero, and the equation through all of its history
"""

from ringfence.custody.circle import (
    CLEARING,
    EXCHANGE,
    Circle,
    Client,
    Member,
    NoCircle,
    banks_of,
    book_figures,
    create_circle,
    intake,
)
from ringfence.custody.equation import BankSide, Equation, EquationReader
from ringfence.custody.live import Credit, Deposited, Live
from ringfence.custody.refusals import Refusals
from ringfence.custody.report import BankBatch, Line, report_after, taken_over
from ringfence.custody.taking_over import TakeOverRefused, take_over
from ringfence.custody.transfers import AuditRefusal, Cover, CoverSource, Deposit, Transfers, Withdrawal
from ringfence.custody.verify import CircleVerdict, require_untouched, verify_circle

__all__ = [
    "CLEARING",
    "EXCHANGE",
    "AuditRefusal",
    "BankBatch",
    "BankSide",
    "Circle",
    "CircleVerdict",
    "Client",
    "Cover",
    "CoverSource",
    "Credit",
    "Deposit",
    "Deposited",
    "Equation",
    "EquationReader",
    "Line",
    "Live",
    "Member",
    "NoCircle",
    "Refusals",
    "TakeOverRefused",
    "Transfers",
    "Withdrawal",
    "banks_of",
    "book_figures",
    "create_circle",
    "intake",
    "report_after",
    "require_untouched",
    "take_over",
    "taken_over",
    "verify_circle",
]
