"""What goes in and comes out. Amounts are exact decimal text with their unit beside them, never JSON numbers.

Cursors are opaque: `next` of one page is what to give for the page after it, and null where there is none.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.access import Role
from ringfence.ledger.readings import AccountRow, PostingRow
from ringfence.money import render, unit

# Text without control characters; the largest is far below what the kernel can keep.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Amount = Annotated[str, Field(max_length=40, examples=["200000.00"])]

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=180,
        pattern=r"^[\x21-\x7e]+$",
        description="Used once. The same request with the same key is carried out once, however often it is sent.",
    ),
]
BookName = Annotated[str, Path(max_length=60, description="exchange, or a bank's name")]
PartyName = Annotated[str, Path(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many rows.")]
Cursor = Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Credentials(_Closed):
    """A person's name and password."""

    name: _Name
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class DepositAsked(_Closed):
    """A bank confirms that a client pays in, from the account that the client registered."""

    client: _Name
    payer_account: _Name
    amount: Amount
    unit: Literal["CNY"] = "CNY"


class PersonShown(_Closed):
    """Somebody who is in, and until when."""

    name: str
    role: Role
    party: str
    until: datetime.datetime


class SessionShown(PersonShown):
    """A new session: the token comes with every request after it, as `Authorization: Bearer TOKEN`."""

    token: str


class BookPosting(_Closed):
    """A posting in a book."""

    book: str
    posting: int


class DepositShown(_Closed):
    """What became of a deposit.

    `credited` to the client; or `waiting` in suspense, confirmed and nobody known to own it; or `in-transit`: posted by the
    bank, not booked by the exchange yet. Sending the same again with the same key tells how it went on.
    """

    key: str
    state: Literal["credited", "waiting", "in-transit"]
    client: str
    amount: str
    unit: str
    value_date: datetime.date
    replayed: bool
    bank: BookPosting
    exchange: BookPosting | None


class BookShown(_Closed):
    """A book and where it is; a member or client is not told how much else is written."""

    book: str
    batch: int
    posting: int
    day: datetime.date
    closed_through: datetime.date
    head: str


class AccountShown(_Closed):
    """An account; `held` is what open holds will take out of it."""

    id: int
    kind: str
    owner: str
    unit: str
    ordinal: int
    number: str | None
    balance: str
    held: str


class AccountPage(_Closed):
    """A page of accounts."""

    items: list[AccountShown]
    next: int | None


class EntryShown(_Closed):
    """One change of one account, and the balance after it."""

    kind: str
    owner: str
    amount: str
    balance: str


class PostingShown(_Closed):
    """A posting, with those of its entries that the asker may see; `about` is the hold or posting that it finishes, or 0."""

    id: int
    batch: int
    recorded_at: datetime.datetime
    day: datetime.date
    action: str
    route: str
    subject: str
    amount: str
    unit: str
    value_date: datetime.date
    key: str
    payee: str
    ref: str
    about: int
    entries: list[EntryShown]


class PostingPage(_Closed):
    """A page of postings."""

    items: list[PostingShown]
    next: int | None


class FundsShown(_Closed):
    """What of the closing balance is bound. `risk_degree` is margin over equity, in hundredths, rounded half up."""

    margin: str
    available: str
    call: str
    risk_degree: str | None


class StatementShown(_Closed):
    """A client's day. Flows are signed as the client sees them; `funds` is null until the day is settled."""

    client: str
    day: datetime.date
    unit: str
    opening: str
    paid_in: str
    taken_out: str
    realised: str
    marked: str
    fee: str
    deferred: str
    covered: str
    other: str
    closing: str
    postings: int
    funds: FundsShown | None


class BankSideShown(_Closed):
    """What is at a bank, and what of it the exchange has not booked yet."""

    bank: str
    now: str
    in_transit: str
    agrees: bool


class EquationShown(_Closed):
    """Client money at the banks = owed to clients + fees due + suspense + in settlement + in transit; `difference` is the rest."""

    holds: bool
    unit: str
    at_banks: str
    clients: str
    fees_due: str
    suspense: str
    in_settlement: str
    in_transit: str
    difference: str
    banks: list[BankSideShown]
    read_at: datetime.datetime


class FindingShown(_Closed):
    """Something that is wrong: in which book, where, and what."""

    book: str
    where: str
    what: str


class VerdictShown(_Closed):
    """What the verifier said last: every book replayed by code that shares nothing with the code that posted.

    `postings` are all that were found right, this time or before; `findings` is empty for whoever may not read all books; `ok` is for everybody.
    """

    ok: bool
    at: datetime.datetime
    postings: int
    read_this_time: int
    findings: list[FindingShown]


def account_shown(row: AccountRow) -> AccountShown:
    """An account in words."""
    measured = unit(row.name.unit)
    return AccountShown(
        id=row.id,
        **row.name._asdict(),
        number=row.number,
        balance=render(row.balance_minor, measured),
        held=render(row.held_out_minor, measured),
    )


def posting_shown(row: PostingRow) -> PostingShown:
    """A posting in words."""
    measured = unit(row.unit)
    return PostingShown(
        id=row.id,
        batch=row.batch,
        recorded_at=row.recorded_at,
        day=row.day,
        action=row.action,
        route=row.route,
        subject=row.subject,
        amount=render(row.amount_minor, measured),
        unit=row.unit,
        value_date=row.value_date,
        key=row.key,
        payee=row.payee,
        ref=row.ref,
        about=row.about,
        entries=[
            EntryShown(
                kind=entry.account.kind,
                owner=entry.account.owner,
                amount=render(entry.amount_minor, unit(entry.account.unit)),
                balance=render(entry.balance_minor, unit(entry.account.unit)),
            )
            for entry in row.entries
        ],
    )
