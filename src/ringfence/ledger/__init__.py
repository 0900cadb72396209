"""The ledger room: accounts, routes, postings and holds, in one schema that only its own functions write.

declaration   what a ledger is declared with
create        making it, its roles and its logins
grant         who lets whom do what, how far and how long
instruction   instructions, outcomes, refusals
bulk          a million instructions in columns
registry      who and what there is, and the instructions that change it
ledger        a ledger as one login sees it: postings in, outcomes out
desk          single instructions of many callers, posted in batches
journal       what was committed, as a cursor
arrays        how batches travel, and what the chain hashes
sql/          the functions that write, and who may call them
"""

from ringfence.ledger.bulk import Bulk
from ringfence.ledger.create import DeclaredOtherwise, create_ledger, create_login
from ringfence.ledger.declaration import Declaration, Group, Invariant, Kind, Route, role
from ringfence.ledger.desk import Desk, DeskClosed, DeskFull, Unanswered
from ringfence.ledger.grant import Binding, Caps, Grant, Refused, Registered
from ringfence.ledger.instruction import Action, Control, Instruction, Outcome, Refusal
from ringfence.ledger.journal import JournalBatch, JournalEntry, JournalPosting, journal_after
from ringfence.ledger.ledger import KnownBalance, Ledger, Posted
from ringfence.ledger.registry import AccountName, Party, UnknownAccount

__all__ = [
    "AccountName",
    "Action",
    "Binding",
    "Bulk",
    "Caps",
    "Control",
    "Declaration",
    "DeclaredOtherwise",
    "Desk",
    "DeskClosed",
    "DeskFull",
    "Grant",
    "Group",
    "Instruction",
    "Invariant",
    "JournalBatch",
    "JournalEntry",
    "JournalPosting",
    "Kind",
    "KnownBalance",
    "Ledger",
    "Outcome",
    "Party",
    "Posted",
    "Refusal",
    "Refused",
    "Registered",
    "Route",
    "Unanswered",
    "UnknownAccount",
    "create_ledger",
    "create_login",
    "journal_after",
    "role",
]
