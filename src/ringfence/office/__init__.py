"""The office: the books of any ring in one store, and the persons who work at them, each through its own database login.

founding   ledgers, logins, institutions and accounts of a ring
papers     what one book holds or has posted, on which another acts once
office     a ring's store, opened: who sits where, and entering a book
desk       what a person does: ask, finish, register, confirm, limit, open and close days
tasks      what waits for a person
readings   balances, the money equation and its transit, the verdict
"""

from ringfence.office.desk import Asked, Desk, NotYours
from ringfence.office.founding import ledger_name
from ringfence.office.office import NoOffice, Office, OtherRing, Seat
from ringfence.office.papers import Paper, Source
from ringfence.office.readings import OfficeVerdict, PairRead, equation, verify_office
from ringfence.office.tasks import Task, tasks

__all__ = [
    "Asked",
    "Desk",
    "NoOffice",
    "NotYours",
    "Office",
    "OfficeVerdict",
    "OtherRing",
    "PairRead",
    "Paper",
    "Seat",
    "Source",
    "Task",
    "equation",
    "ledger_name",
    "tasks",
    "verify_office",
]
