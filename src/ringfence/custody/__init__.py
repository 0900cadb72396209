"""The custody room: the closed circle of client money between clearing banks and an exchange.

parties     who takes part
circle      the books, made and found; all institutions in one process
exchange    the exchange's own book, and its clearing banks by their letters
registering     members and clients, and the accounts to which clients are bound
report, orders  what a bank reports, what it is ordered, what it answers
bank_answering, exchange_answering      each institution's side of the link between them
clearing_bank   a bank as the exchange knows it
counter     what a bank's teller does
taking_over     what a bank has posted is booked
transfers   withdrawals, covers, fees paid out
live        institutions as they run: single deposits, and the exchange that follows its banks
refusals    what was asked for and refused lately
requests    withdrawals as clients ask for them, and what persons do about them
carrying_out    what they have let pass
equation    the money equation at any moment
verify      every book from zero, and the equation through all of its history
reported    what is booked against the reports that were kept
"""

from ringfence.custody.bank_answering import BankAnswering
from ringfence.custody.circle import (
    Circle,
    NoCircle,
    banks_of,
    book_figures,
    books_here,
    create_book,
    create_circle,
    create_post,
    introduce,
    members_of,
)
from ringfence.custody.clearing_bank import ClearingBank, Funds, ReportRefused
from ringfence.custody.counter import Counter, Deposit
from ringfence.custody.equation import BankSide, Equation, EquationReader
from ringfence.custody.exchange import Exchange, NoLink, deciding, intake, linked
from ringfence.custody.keepers import released_by
from ringfence.custody.live import Credit, Deposited, Live
from ringfence.custody.orders import OrderRefused
from ringfence.custody.parties import CLEARING, EXCHANGE, METALS, VAULT, Client, Member
from ringfence.custody.refusals import Refusals
from ringfence.custody.registering import (
    bind_at_bank,
    bind_at_exchange,
    confirm_bindings,
    open_metal,
    register_at_bank,
    register_at_exchange,
)
from ringfence.custody.report import BankBatch, Line, Report, make_report, taken_over
from ringfence.custody.taking_over import TakeOverRefused, take_over
from ringfence.custody.transfers import AuditRefusal, Cover, CoverSource, Refused, Transfers, Withdrawal
from ringfence.custody.verify import CircleVerdict, require_untouched, verify_circle

__all__ = [
    "CLEARING",
    "EXCHANGE",
    "METALS",
    "VAULT",
    "AuditRefusal",
    "BankAnswering",
    "BankBatch",
    "BankSide",
    "Circle",
    "CircleVerdict",
    "ClearingBank",
    "Client",
    "Counter",
    "Cover",
    "CoverSource",
    "Credit",
    "Deposit",
    "Deposited",
    "Equation",
    "EquationReader",
    "Exchange",
    "Funds",
    "Line",
    "Live",
    "Member",
    "NoCircle",
    "NoLink",
    "OrderRefused",
    "Refusals",
    "Refused",
    "Report",
    "ReportRefused",
    "TakeOverRefused",
    "Transfers",
    "Withdrawal",
    "banks_of",
    "bind_at_bank",
    "bind_at_exchange",
    "book_figures",
    "books_here",
    "confirm_bindings",
    "create_book",
    "create_circle",
    "create_post",
    "deciding",
    "intake",
    "introduce",
    "linked",
    "make_report",
    "members_of",
    "open_metal",
    "register_at_bank",
    "register_at_exchange",
    "released_by",
    "require_untouched",
    "take_over",
    "taken_over",
    "verify_circle",
]
