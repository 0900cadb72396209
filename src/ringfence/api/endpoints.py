"""What can be asked. Every answer is what the asker's own database login is shown; only a bank can confirm a deposit."""

from __future__ import annotations

import asyncio
import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ringfence import shapes
from ringfence.access.calls import READS, recorded_calls
from ringfence.api import parameters, showing
from ringfence.api.problems import RefusedByLedger
from ringfence.api.visitor import NoPower, NotFound, Visiting
from ringfence.custody import EXCHANGE, Deposit
from ringfence.errors import BadInput
from ringfence.ledger import readings
from ringfence.margin.funds import Funds
from ringfence.margin.statement import statement as make_statement
from ringfence.money import parse, render, unit

router = APIRouter(prefix="/v1")
_CNY = unit("CNY")
_MOST_WAITING = 100
_KINDS = Query(max_length=60, description="Only accounts of a kind.")
_OWNERS = Query(max_length=100, description="Only what is this party's.")


# -- deposits -------------------------------------------------------------------------------------------------------------


@router.post(
    "/books/{book}/deposits",
    status_code=201,
    responses={200: {"model": shapes.DepositShown}, 202: {"model": shapes.DepositShown}},
)
async def confirm_deposit(
    book: parameters.BookName,
    asked: shapes.DepositAsked,
    key: parameters.IdempotencyKey,
    visitor: Visiting,
    response: Response,
) -> shapes.DepositShown:
    """A bank confirms a deposit: one posting takes it from the client through its member into the circle; the exchange credits.

    201: posted now; 200: the same was posted before under this key; 202: posted, and still in transit to the exchange.
    """
    amount_minor = parse(asked.amount, _CNY)
    if visitor.person.role != "bank":
        no_power = NoPower(role=visitor.person.role, needed="bank")
        visitor.service.refusals.tell(
            visitor.person.party,
            amount_minor,
            "K1",
            (no_power.text("en"), no_power.text("zh")),
            bank=None,
            outside="member",
        )
        raise no_power
    if visitor.person.party != book:
        raise NotFound(field="book", value=book)
    deposit = Deposit(f"api:{key}", asked.client, amount_minor, asked.payer_account)
    deposited = await visitor.service.live.deposit(book, deposit)
    outcome, credit = deposited.outcome, deposited.credit
    if outcome.refusal is not None or outcome.posting is None:
        assert outcome.refusal is not None
        visitor.service.refusals.add(outcome.refusal, book)
        raise RefusedByLedger(outcome.refusal, key)
    response.status_code = 202 if credit is None else 200 if outcome.replayed else 201
    return shapes.DepositShown(
        key=key,
        state="in-transit" if credit is None else "credited" if credit.route == "deposit" else "waiting",
        client=asked.client,
        amount=render(amount_minor, _CNY),
        unit=asked.unit,
        value_date=outcome.instruction.value_date,
        replayed=outcome.replayed,
        bank=shapes.BookPosting(book=book, posting=outcome.posting),
        exchange=credit and shapes.BookPosting(book=EXCHANGE, posting=credit.posting),
    )


# -- readings -------------------------------------------------------------------------------------------------------------


@router.get("/books/{book}")
def book_head(book: parameters.BookName, visitor: Visiting) -> shapes.BookShown:
    """Where a book is: for whoever reads all of it."""
    if visitor.person.role in ("member", "client"):
        raise NoPower(role=visitor.person.role, needed="exchange, bank, supervisor")
    with visitor.reading(book) as connection:
        at = readings.head(connection, book)
    return shapes.BookShown(
        book=book, batch=at.batch, posting=at.posting, day=at.day, closed_through=at.closed_through, head=at.link.hex()
    )


@router.get("/books/{book}/accounts")
def list_accounts(
    book: parameters.BookName,
    visitor: Visiting,
    kind: Annotated[str | None, _KINDS] = None,
    owner: Annotated[str | None, _OWNERS] = None,
    after: parameters.Cursor = None,
    limit: parameters.Limit = 50,
) -> shapes.AccountPage:
    """Accounts with their balances, in the order of their numbers."""
    with visitor.reading(book) as connection:
        found = readings.accounts(connection, book, kind=kind, owner=owner, after=after or 0, limit=limit)
    return shapes.AccountPage(
        items=[showing.account_shown(row) for row in found], next=found[-1].id if len(found) == limit else None
    )


@router.get("/books/{book}/postings")
def list_postings(
    book: parameters.BookName,
    visitor: Visiting,
    owner: Annotated[str | None, _OWNERS] = None,
    after: parameters.Cursor = None,
    before: parameters.Cursor = None,
    limit: parameters.Limit = 50,
) -> shapes.PostingPage:
    """The journal: the newest first; or, `after` a posting, what came then, oldest first, for whoever follows it."""
    if after is not None and before is not None:
        raise BadInput("before", before, "either after or before, not both", "after 与 before 二者之一")
    if visitor.person.role == "client":
        owner = owner or visitor.person.party
    with visitor.reading(book) as connection:
        found = readings.postings(connection, book, after=after, before=before, owner=owner, limit=limit)
    return shapes.PostingPage(
        items=[showing.posting_shown(row) for row in found], next=found[-1].posting.id if len(found) == limit else None
    )


@router.get("/books/{book}/postings/{posting}")
def one_posting(book: parameters.BookName, posting: int, visitor: Visiting) -> shapes.PostingShown:
    """One posting of the journal."""
    with visitor.reading(book) as connection:
        found = readings.posting(connection, book, posting) if 0 < posting < 2**53 else None
    if found is None:
        raise NotFound(field="posting", value=posting)
    return showing.posting_shown(found)


@router.get("/clients/{client}/statements/{day}")
def client_statement(client: parameters.PartyName, day: datetime.date, visitor: Visiting) -> shapes.StatementShown:
    """A client's statement of a day, every figure from postings."""
    with visitor.reading(EXCHANGE) as connection:
        made = make_statement(connection, client, day)
    if made is None:
        raise NotFound(field="client", value=client)
    return shapes.StatementShown(
        client=made.client,
        day=made.day,
        unit=_CNY.code,
        opening=_text(made.opening_minor),
        paid_in=_text(made.paid_in_minor),
        taken_out=_text(made.taken_out_minor),
        realised=_text(made.realised_minor),
        marked=_text(made.marked_minor),
        fee=_text(made.fee_minor),
        deferred=_text(made.deferred_minor),
        sold=_text(made.sold_minor),
        bought=_text(made.bought_minor),
        penalty=_text(made.penalty_minor),
        covered=_text(made.covered_minor),
        other=_text(made.other_minor),
        closing=_text(made.closing_minor),
        postings=made.postings,
        funds=None if made.funds is None else _funds(made.funds),
    )


def _funds(funds: Funds) -> shapes.FundsShown:
    return shapes.FundsShown(
        margin=_text(funds.margin_minor),
        available=_text(funds.available_minor),
        call=_text(funds.call_minor),
        risk_degree=funds.risk_percent,
    )


@router.get("/equation")
async def money_equation(visitor: Visiting) -> shapes.EquationShown:
    """The money equation, read from the exchange's book and asked of every bank now."""
    visitor.require("exchange", "supervisor")
    seen = await asyncio.to_thread(visitor.service.the_exchange().equation.read)
    return shapes.EquationShown(
        holds=seen.holds,
        unit=_CNY.code,
        at_banks=_text(seen.at_banks_minor),
        clients=_text(seen.clients_minor),
        fees_due=_text(seen.fees_due_minor),
        suspense=_text(seen.suspense_minor),
        in_settlement=_text(seen.in_settlement_minor),
        in_transit=_text(seen.in_transit_minor),
        difference=_text(seen.difference_minor),
        banks=[
            shapes.BankSideShown(
                bank=bank, now=_text(side.now_minor), in_transit=_text(side.in_transit_minor), agrees=side.agrees
            )
            for bank, side in seen.banks.items()
        ],
        waiting=[
            shapes.InTransitShown(
                bank=bank,
                posting=line.posting,
                key=line.key,
                route=line.route,
                client=line.ref if line.route.startswith("cover-") else line.subject,
                amount=_text(line.amount_minor),
            )
            for bank, side in seen.banks.items()
            for line in side.in_transit
        ][:_MOST_WAITING],
        read_at=datetime.datetime.now(datetime.UTC),
    )


@router.get("/verdict")
async def verdict(visitor: Visiting) -> shapes.VerdictShown:
    """What the verifier said last. It says it again every minute."""
    last = visitor.service.the_verdicts().last
    reads_all = visitor.person.role in ("exchange", "supervisor")
    return shapes.VerdictShown(
        ok=last.verdict.ok,
        at=last.at,
        postings=last.verdict.reached,
        read_this_time=last.verdict.postings,
        findings=[
            shapes.FindingShown(book=finding.ledger, where=finding.where, what=finding.what)
            for finding in (last.verdict.findings if reads_all else ())
        ],
    )


@router.get("/calls")
def list_calls(
    visitor: Visiting,
    person: Annotated[str | None, _OWNERS] = None,
    before: parameters.Cursor = None,
    limit: parameters.Limit = 50,
) -> shapes.CallPage:
    """Every call that was made here, or a person's: what was asked, and how it was answered; the newest first."""
    visitor.require("supervisor")
    with visitor.service.logins.reading(READS) as connection:
        found = recorded_calls(connection, person=person, before=before, limit=limit)
    return shapes.CallPage(
        items=[shapes.CallShown(id=row.id, **row.call._asdict()) for row in found],
        next=found[-1].id if len(found) == limit else None,
    )


def _text(amount_minor: int) -> str:
    return render(amount_minor, _CNY)
