"""The office: the books of any ring in one store, and the persons who work at them, each through its own database login.

founding   ledgers, logins, institutions and accounts of a ring
papers     what one book holds or has posted, on which another acts once
office     a ring's store, opened: who sits where, and entering a book
asked      what is asked for at a desk
desk       what a person does: ask, finish, register, confirm, limit, open and close days
tasks      what waits for a person
unattended persons whose part the process takes
wishes     what clients ask for, in words that they sign
readings   the money equation and its transit, the verdict
"""

from ringfence.office.asked import Asked, NewClient
from ringfence.office.desk import Desk, NotYours
from ringfence.office.founding import ledger_name
from ringfence.office.office import NoOffice, Office, OtherRing, Seat
from ringfence.office.papers import Paper, Source
from ringfence.office.readings import OfficeVerdict, PairRead, equation, statement, verify_office
from ringfence.office.tasks import Task, tasks
from ringfence.office.unattended import Unattended, seats_called
from ringfence.office.wishes import Signed, Way, Wish, WishClosed, ways, wish, wishes

__all__ = [
    "Asked",
    "Desk",
    "NewClient",
    "NoOffice",
    "NotYours",
    "Office",
    "OfficeVerdict",
    "OtherRing",
    "PairRead",
    "Paper",
    "Seat",
    "Signed",
    "Source",
    "Task",
    "Unattended",
    "Way",
    "Wish",
    "WishClosed",
    "equation",
    "ledger_name",
    "seats_called",
    "statement",
    "tasks",
    "verify_office",
    "ways",
    "wish",
    "wishes",
]
