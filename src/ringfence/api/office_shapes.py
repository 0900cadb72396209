"""What goes over HTTP where a ring of one's own is served. Amounts are exact decimal text with their unit beside them."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.shapes import Amount, FindingShown

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Said = Annotated[str, StringConstraints(max_length=200)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaperNamed(_Closed):
    """A paper of another book: the route on which it was posted or held, as `book.route`, and its number."""

    route: _Name
    number: Annotated[int, Field(ge=1, le=2**53)]


class WalkAsked(_Closed):
    """What is to be posted on a route. What a paper or a wish says need not be said again."""

    client: Annotated[str, StringConstraints(max_length=100)] = ""
    amount: Amount | None = None
    unit: Annotated[str, StringConstraints(max_length=12)] = ""
    said: dict[str, _Said] = {}
    paper: PaperNamed | None = None
    wish: int | None = None


class FinishAsked(_Closed):
    """How a hold is finished: on which paper, where one is needed; or it is released."""

    said: dict[str, _Said] = {}
    paper: PaperNamed | None = None
    release: bool = False


class Walked(_Closed):
    """What became of it: the posting, and whether it was carried out earlier under this key."""

    book: str
    route: str
    posting: int
    client: str
    amount: str
    unit: str
    held: bool
    replayed: bool


class ClientAsked(_Closed):
    """A client as its papers name it; `identity` is what they prove, of which a digest is kept."""

    name: _Name
    title: Annotated[str, StringConstraints(max_length=100)] = ""
    identity: _Name
    account_number: _Name


class LimitAsked(_Closed):
    """How far the asker of a route may go, in the book's currency; nothing said: not at all."""

    unit: str = ""
    per_item: Amount | None = None
    per_day: Amount | None = None


class DayAsked(_Closed):
    """The booking day to open."""

    day: datetime.date


class WishAsked(_Closed):
    """What a client wants on a route on which clients may ask, in words that it has signed; key and signature in hexadecimal."""

    book: _Name
    route: _Name
    amount: Amount
    unit: Annotated[str, StringConstraints(max_length=12)] = ""
    public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class KeyAsked(_Closed):
    """With which key a client signs from now on: the public half, in hexadecimal."""

    public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class WishShown(_Closed):
    """A wish: `posting` once it was carried out or held; `declined` with the reason."""

    id: int
    at: datetime.datetime
    client: str
    book: str
    route: str
    amount: str
    unit: str
    signed: bool
    posting: int | None
    declined: str | None


class Declined(_Closed):
    """Why a wish will not be done."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class TaskShown(_Closed):
    """What waits for the asker: a paper to act on, a wish, or a hold to finish; not `ready` while another institution has to act."""

    book: str
    route: str
    paper: PaperNamed | None
    hold: int | None
    wish: int | None
    client: str | None
    amount: str
    unit: str
    ready: bool
    choice: list[PaperNamed]


class MayShown(_Closed):
    """A route that the asker may ask on or finish: the papers that it must have in hand, and those that come from other books."""

    book: str
    route: str
    path: list[str]
    does: str
    in_hand: list[str]
    papers: list[str]
    units: list[str]


class DeskShown(_Closed):
    """A desk: whose, what it may do, what waits."""

    person: str
    may: list[MayShown]
    registers: list[str]
    confirms: list[str]
    closes: list[str]
    limits: list[str]
    waits: list[TaskShown]


class PairShown(_Closed):
    """Money where it is, as `book.kind`, and as the other book says: what is in transit, and what nothing explains."""

    pool: str
    mirror: str
    unit: str
    held: str
    said: str
    transit: str
    difference: str


class OfficeEquation(_Closed):
    """The money equation of every pair, all of one moment."""

    holds: bool
    pairs: list[PairShown]


class OfficeVerdictShown(_Closed):
    """What the verifier said last; it says it again every few seconds."""

    ok: bool
    at: datetime.datetime
    postings: int
    findings: list[FindingShown]


class OwedShown(_Closed):
    """What a client is owed, and what it owes."""

    client: str
    owed: str
    owes: str


class SegregationShown(_Closed):
    """The segregation statement of a day in one currency."""

    day: datetime.date
    unit: str
    resource: str
    requirement: str
    added_back: str
    others: str
    excess: str
    clients: list[OwedShown]


class RingShown(_Closed):
    """The ring that is served, who can take anything alone, and whether it is closed to its intermediaries."""

    name: str
    title: str
    closed: bool
    headline: str
    books: dict[str, list[str]]
    days: dict[str, datetime.date]
