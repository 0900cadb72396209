"""What goes over HTTP, in and out. Amounts are exact decimal text with their unit beside them, never JSON numbers.

Cursors are opaque: `next` of one page is what to give for the page after it, and null where there is none.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.access import Role

# Text without control characters; the largest is far below what the kernel can keep.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Amount = Annotated[str, Field(max_length=40, examples=["200000.00"])]


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


class WithdrawalAsked(_Closed):
    """A client's signed words: `ringfence withdrawal 1`, then a line each for client, amount with its unit, payee and key.

    The key that is signed is `withdrawal:CLIENT:` and the Idempotency-Key. Ed25519; both in hexadecimal.
    """

    amount: Amount
    unit: Literal["CNY"] = "CNY"
    payee_account: _Name
    public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class RefusalAsked(_Closed):
    """Why a person refuses."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PersonShown(_Closed):
    """Somebody who is in, and until when."""

    name: str
    role: Role
    party: str
    duty: str | None
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
    sold: str
    bought: str
    penalty: str
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


class LetterSent(_Closed):
    """A letter, or the answer to one: its words, and the Ed25519 signature over their UTF-8 bytes, in hexadecimal."""

    words: Annotated[str, Field(max_length=4_000_000)]
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class InTransitShown(_Closed):
    """A movement that a bank has posted and the exchange has not booked yet, under the bank's `key`; out of the circle: negative."""

    bank: str
    posting: int
    key: str
    route: str
    client: str
    amount: str


class EquationShown(_Closed):
    """Client money at the banks = owed to clients + fees due + suspense + in settlement + in transit; `difference` is the rest.

    `waiting` are the movements of which `in_transit` is made, at most 100.
    """

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
    waiting: list[InTransitShown]
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


class CheckShown(_Closed):
    """A check: null while it waits for somebody."""

    name: str
    passes: bool | None
    figures: dict[str, str | int | None]


class StepShown(_Closed):
    """What a person did, and when."""

    step: str
    person: str
    at: datetime.datetime


class WithdrawalShown(_Closed):
    """A withdrawal that was asked for, and what became of it; `checks` at the ledger's `version`, for whoever may see them."""

    number: int
    key: str
    client: str
    title: str
    member: str
    amount: str
    unit: str
    payee: str
    asked_at: datetime.datetime
    state: Literal["asked", "audited", "passed", "sent", "unknown", "posted", "refused"]
    steps: list[StepShown]
    reason_en: str | None
    reason_zh: str | None
    signature: str
    public_key: str
    hold: int | None
    posting: int | None
    version: int | None
    checks: list[CheckShown] | None


class WithdrawalPage(_Closed):
    """A page of withdrawals."""

    items: list[WithdrawalShown]
    next: int | None


class CallShown(_Closed):
    """A call that was made: by whom (null: nobody who was known), from where, and how it was answered; `key` of a write."""

    id: int
    at: datetime.datetime
    person: str | None
    address: str
    method: str
    path: str
    status: int
    milliseconds: int
    key: str | None


class CallPage(_Closed):
    """A page of calls."""

    items: list[CallShown]
    next: int | None
