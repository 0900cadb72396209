"""What can be read where a ring of one's own is served: accounts, journal, equation, segregation, verdict, each as the asker may."""

from __future__ import annotations

import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from ringfence import shapes
from ringfence.api import office_shapes as said
from ringfence.api import parameters, showing
from ringfence.api.coming_in import In
from ringfence.api.office import service_of
from ringfence.api.office_service import READ_ALL, OfficeService
from ringfence.ledger import readings
from ringfence.money import render, unit
from ringfence.office import equation, statement

router = APIRouter(prefix="/v1")


@router.get("/books/{book}/accounts")
def list_accounts(
    book: parameters.BookName,
    request: Request,
    session: In,
    after: parameters.Cursor = None,
    limit: parameters.Limit = 50,
) -> shapes.AccountPage:
    """Accounts with their balances, as the asker may see them."""
    service = service_of(request)
    with service.reading(session, book) as connection:
        found = readings.accounts(connection, service.office.names[book], after=after or 0, limit=limit)
    return shapes.AccountPage(
        items=[showing.account_shown(row) for row in found], next=found[-1].id if len(found) == limit else None
    )


@router.get("/books/{book}/postings")
def list_postings(
    book: parameters.BookName,
    request: Request,
    session: In,
    before: parameters.Cursor = None,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    limit: parameters.Limit = 50,
) -> shapes.PostingPage:
    """The journal, the newest first, as the asker may see it."""
    service = service_of(request)
    of = session.person.party if session.person.role == "client" else owner
    with service.reading(session, book) as connection:
        found = readings.postings(connection, service.office.names[book], before=before, owner=of, limit=limit)
    return shapes.PostingPage(
        items=[showing.posting_shown(row) for row in found], next=found[-1].posting.id if len(found) == limit else None
    )


@router.get("/equation")
def money_equation(request: Request, session: In) -> said.OfficeEquation:
    """The money equation now: for the staff and the supervisor."""
    service = _of_staff(request, session)
    pairs = equation(service.office)
    return said.OfficeEquation(
        holds=all(pair.difference_minor == 0 for pair in pairs),
        pairs=[
            said.PairShown(
                pool=f"{pair.book}.{pair.kind}",
                mirror=f"{pair.claims}.{pair.mirror}",
                unit=pair.unit,
                held=render(pair.held_minor, unit(pair.unit)),
                said=render(pair.said_minor, unit(pair.unit)),
                transit=render(pair.transit_minor, unit(pair.unit)),
                difference=render(pair.difference_minor, unit(pair.unit)),
            )
            for pair in pairs
        ],
    )


@router.get("/segregation/{day}")
def segregation(day: datetime.date, request: Request, session: In) -> list[said.SegregationShown]:
    """The segregation statement of a day: what was held for clients, what had to be, and what was over."""
    service = _of_staff(request, session)
    return [
        said.SegregationShown(
            day=one.day,
            unit=one.unit,
            resource=render(one.resource_minor, unit(one.unit)),
            requirement=render(one.requirement_minor, unit(one.unit)),
            added_back=render(one.added_back_minor, unit(one.unit)),
            others=render(one.others_minor, unit(one.unit)),
            excess=render(one.excess_minor, unit(one.unit)),
            clients=[
                said.OwedShown(
                    client=owed.client,
                    owed=render(owed.owed_minor, unit(one.unit)),
                    owes=render(owed.owes_minor, unit(one.unit)),
                )
                for owed in one.clients
            ],
        )
        for one in statement(service.office, day)
    ]


@router.get("/verdict")
def verdict(request: Request, session: In) -> said.OfficeVerdictShown:
    """What the verifier said last: whether all is right; to the staff and the supervisor what is wrong too."""
    service = service_of(request)
    last = service.verdicts.last
    findings = last.verdict.findings if session.person.role in READ_ALL else []
    return said.OfficeVerdictShown(
        ok=last.verdict.ok,
        at=last.at,
        postings=last.verdict.postings,
        findings=[shapes.FindingShown(book=one.ledger, where=one.where, what=one.what) for one in findings],
    )


def _of_staff(request: Request, session: In) -> OfficeService:
    service = service_of(request)
    service.require_reader(session.person)
    return service
