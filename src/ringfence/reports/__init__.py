"""The reports room: readings of the books as papers. It keeps nothing and computes nothing that the rooms below do not say.

statement   a client's statement of a day: as text, JSON, HTML and PDF, and signed
"""

from ringfence.reports.statement import (
    NoPdf,
    Paper,
    check_signed,
    make_paper,
    settled_days,
    sign_paper,
)

__all__ = ["NoPdf", "Paper", "check_signed", "make_paper", "settled_days", "sign_paper"]
