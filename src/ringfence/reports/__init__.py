"""The reports room: readings of the books as papers. It keeps nothing and computes nothing that the rooms below do not say.

statement   a client's statement of a day: as text, JSON, HTML, PDF and spreadsheet, and signed
sections    what stands behind its lines: trades, closed and open positions, metal
member_file     the same of all of a member's clients
segregation     what is held for clients and what must be, as a spreadsheet
workbook    spreadsheets
"""

from ringfence.reports.member_file import MemberFile, make_member_file
from ringfence.reports.segregation import segregation_workbook
from ringfence.reports.statement import (
    NoPdf,
    Paper,
    check_signed,
    make_paper,
    settled_days,
    sign_paper,
)

__all__ = [
    "MemberFile",
    "NoPdf",
    "Paper",
    "check_signed",
    "make_member_file",
    "make_paper",
    "segregation_workbook",
    "settled_days",
    "sign_paper",
]
