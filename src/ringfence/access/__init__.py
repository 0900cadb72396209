"""The access room: the persons who may come in, and the sessions of those who are.

A *person* belongs to an institution and has its role: exchange, bank, member, client or supervisor, or staff of a ring of one's own. It comes in by its name
and password and is then known by a token, until it leaves or the session's time is over. What it can do is not decided here:
every role works through a database login of its own, and a client through the visit that is opened with its session.

    person      persons, and who may be one
    password    how a password is kept
    door        coming in, being known, leaving
    calls       the record of every call
"""

from ringfence.access.door import Door, NotKnown, Session
from ringfence.access.person import DUTIES, Person, Persons, PersonTaken, Role, create_access

__all__ = [
    "DUTIES",
    "Door",
    "NotKnown",
    "Person",
    "PersonTaken",
    "Persons",
    "Role",
    "Session",
    "create_access",
]
