"""What the circle is at one moment, as far as a picture needs it: plain records, in fen, that nothing here computes from time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ringfence.custody.refusals import Outside

Way = Literal["in", "out", "held", "settled", "fee", "cover", "waiting", "refused"]


class PlaceName(NamedTuple):
    """A member's clients at one bank."""

    bank: str
    member: str


@dataclass(frozen=True, slots=True)
class Place:
    """A member's clients at one bank: how many, what they paid in and took out on the day, and its transit account."""

    name: PlaceName
    title: str
    clients: int
    in_minor: int = 0
    out_minor: int = 0
    transit_minor: int = 0

    @property
    def moved_minor(self) -> int:
        """What came and went."""
        return self.in_minor + self.out_minor


@dataclass(frozen=True, slots=True)
class Half:
    """One bank's side: what is there, what of it the exchange has not booked, and what nobody can account for."""

    bank: str
    title: str | None
    now_minor: int
    in_transit_minor: int
    wrong_minor: int


@dataclass(frozen=True, slots=True)
class Move:
    """Something that happened, for the list of what commits; `count` postings of it were put together.

    `title` is the client's or whoever asked; `where` the bank and `via` the member. What was refused says why in both
    languages, by which control, and where it would have gone.
    """

    way: Way
    at: datetime.datetime
    title: str
    amount_minor: int
    place: PlaceName | None = None
    via: str = ""
    count: int = 1
    book: str = ""
    posting: int = 0
    control: str = ""
    reason: tuple[str, str] = ("", "")
    outside: Outside | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What the verifier said last: how many postings are right, and when."""

    ok: bool
    postings: int
    at: datetime.datetime


@dataclass(frozen=True, slots=True)
class CircleState:
    """The circle at `read_at`. `closed` is whether the ring's declaration was decided to be closed; `shut` whether no day is
    open; `replay` whether the market is one of the past. `since` is when a difference was seen first.
    """

    read_at: datetime.datetime
    day: datetime.date
    shut: bool
    replay: bool
    halves: tuple[Half, ...]
    places: tuple[Place, ...]
    clients: int
    clients_minor: int
    fees_due_minor: int
    suspense_minor: int
    in_settlement_minor: int
    difference_minor: int
    held: int
    held_minor: int
    in_transit_since: datetime.datetime | None
    since: datetime.datetime | None
    moves: tuple[Move, ...]
    a_minute: int
    # Withdrawals that wait for a person, and since when the oldest does.
    to_audit: int
    to_audit_since: datetime.datetime | None
    refused: dict[Outside, int]
    refused_in_all: int
    head: str
    verified: Verified
    closed: bool
    # The places that are shown by themselves where there are more than fit.
    foreground: frozenset[PlaceName] = frozenset()
    outsides: tuple[Outside, ...] = field(default=("member", "payee", "client"))

    @property
    def at_banks_minor(self) -> int:
        """Client money at all banks."""
        return sum(half.now_minor for half in self.halves)

    @property
    def in_transit_minor(self) -> int:
        """What banks have posted and the exchange has not booked yet."""
        return sum(half.in_transit_minor for half in self.halves)

    @property
    def missing_minor(self) -> int:
        """What nobody can account for: more than 0 where there is too much, less where something is missing."""
        return self.difference_minor or sum(half.wrong_minor for half in self.halves)

    @property
    def right(self) -> bool:
        """Whether everything is accounted for, at each bank too, and no transit account holds anything."""
        wrong = any(half.wrong_minor for half in self.halves) or any(place.transit_minor for place in self.places)
        return self.difference_minor == 0 and not wrong

    def recent(self, seconds: int) -> list[Move]:
        """What was refused within the last seconds, the newest first."""
        after = self.read_at - datetime.timedelta(seconds=seconds)
        return [move for move in self.moves if move.way == "refused" and move.at > after]
