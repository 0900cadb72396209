"""What can be asked where a ring of one's own is served: every act by the person whose it is, every reading as it may read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ringfence.api import office_shapes as said
from ringfence.api import parameters
from ringfence.api.coming_in import In
from ringfence.api.office_service import OfficeService
from ringfence.api.problems import RefusedByLedger
from ringfence.api.visitor import NotFound, language_of
from ringfence.errors import BadInput
from ringfence.ledger import Caps, Outcome, readings, role
from ringfence.money import parse, render, unit
from ringfence.office import (
    Asked,
    NewClient,
    Paper,
    Signed,
    Source,
    Task,
    Wish,
    tasks,
    ways,
    wish,
    wishes,
)
from ringfence.office.asked import units_on
from ringfence.office.founding import SUPERVISOR
from ringfence.office.papers import sources
from ringfence.office.wishes import way_called
from ringfence.ring import headline

router = APIRouter(prefix="/v1")


def service_of(request: Request) -> OfficeService:
    """What answers here."""
    service: OfficeService = request.app.state.service
    return service


# -- what there is --------------------------------------------------------------------------------------------------------


@router.get("/ring")
def ring(request: Request, session: In) -> said.RingShown:
    """The ring that is served."""
    service, language = service_of(request), language_of(request)
    declared = service.office.ring
    return said.RingShown(
        name=declared.ring.name,
        title=declared.ring.title.text(language),
        closed=service.decided.closed,
        headline=headline(service.decided, language),
        books={name: list(book.routes) for name, book in declared.books.items()},
        days={name: service.office.day(name) for name in declared.books},
    )


@router.get("/desk")
def desk(request: Request, session: In) -> said.DeskShown:
    """What the asker may do, and what waits for it."""
    service = service_of(request)
    seat = service.seat(session.person)
    ring = service.office.ring
    kept = {name: book for name, book in ring.books.items() if book.kept_by == seat.party}
    return said.DeskShown(
        person=seat.name,
        may=[
            said.MayShown(
                book=name,
                route=route,
                path=list(way.path),
                does=does,
                in_hand=service.desk.in_hand(seat, way),
                papers=[one.name for one in _sources(service, name, route, does)],
                units=units_on(book, way),
            )
            for name, book in kept.items()
            for route, way in book.routes.items()
            for does, person in (("asks", way.asks), ("finishes", way.finishes))
            if person == seat.person
        ],
        registers=[name for name, book in kept.items() if book.registers == seat.person],
        confirms=[name for name, book in kept.items() if book.confirms == seat.person],
        closes=[name for name, book in kept.items() if book.closes == seat.person],
        limits=[f"{n}.{r}" for n, book in kept.items() for r, way in book.routes.items() if way.under == seat.person],
        waits=[_task(one) for one in tasks(service.office, seat)],
    )


def _sources(service: OfficeService, book: str, route: str, does: str) -> list[Source]:
    return sources(service.office.ring, book, route, finishing=does == "finishes")


def _task(task: Task) -> said.TaskShown:
    about = task.paper or task.hold or task.wish
    assert about is not None
    amount = about.rest_minor if isinstance(about, Paper) else about.amount_minor
    return said.TaskShown(
        book=task.book,
        route=task.route,
        paper=task.paper and _named(task.paper),
        hold=task.hold and task.hold.number,
        wish=task.wish and task.wish.id,
        client=about.client,
        amount=render(amount, unit(about.unit)),
        unit=about.unit,
        ready=task.ready,
        choice=[_named(paper) for paper in task.choice],
    )


def _named(paper: Paper) -> said.PaperNamed:
    route, number = paper.name
    return said.PaperNamed(route=route, number=number)


# -- what persons do ------------------------------------------------------------------------------------------------------


@router.post("/books/{book}/routes/{route}", status_code=201)
def ask(
    book: parameters.BookName,
    route: parameters.PartyName,
    asked: said.WalkAsked,
    key: parameters.IdempotencyKey,
    request: Request,
    response: Response,
    session: In,
) -> said.Walked:
    """Post on a route, or hold where it goes by hold. 200: the same was carried out before."""
    service = service_of(request)
    amount_minor = _minor(service, book, asked.amount, asked.unit)
    wanted = Asked(book, route, amount_minor, asked.client, asked.unit, asked.said, _pair(asked.paper), asked.wish, key)
    outcome = service.desk.ask(service.seat(session.person), wanted)
    return _walked(service, book, outcome, key, response)


@router.post("/books/{book}/routes/{route}/holds/{hold}", status_code=201)
def finish(
    book: parameters.BookName,
    route: parameters.PartyName,
    hold: parameters.Number,
    asked: said.FinishAsked,
    request: Request,
    response: Response,
    session: In,
) -> said.Walked:
    """Post what a hold holds, or release it; which it is carried out once, whoever asks again."""
    service = service_of(request)
    wanted = Asked(book, route, said=asked.said, paper=_pair(asked.paper))
    outcome = service.desk.finish(service.seat(session.person), wanted, hold, release=asked.release)
    return _walked(service, book, outcome, str(hold), response)


def _pair(paper: said.PaperNamed | None) -> tuple[str, int] | None:
    return None if paper is None else (paper.route, paper.number)


def _minor(service: OfficeService, book: str, amount: str | None, code: str) -> int | None:
    if amount is None:
        return None
    declared = service.office.ring.books.get(book)
    if declared is None:
        raise NotFound(field="book", value=book)
    if code not in ("", *declared.units):
        raise BadInput("unit", code, f"one of {', '.join(declared.units)}")
    return parse(amount, unit(code or declared.units[0]))


def _walked(service: OfficeService, book: str, outcome: Outcome, key: str, response: Response) -> said.Walked:
    if outcome.refusal is not None or outcome.posting is None:
        assert outcome.refusal is not None
        raise RefusedByLedger(outcome.refusal, key, service.office.said)
    if outcome.replayed:
        response.status_code = 200
    asked = outcome.instruction
    with service.logins.reading(role(service.office.names[book], SUPERVISOR)) as connection:
        posted = readings.posting(connection, service.office.names[book], outcome.posting)
    assert posted is not None
    code = posted.posting.unit
    return said.Walked(
        book=book,
        route=asked.route,
        posting=outcome.posting,
        client=asked.subject,
        amount=render(asked.amount_minor, unit(code)),
        unit=code,
        held=posted.posting.action == "hold",
        replayed=outcome.replayed,
    )


@router.post("/books/{book}/clients", status_code=201)
def register(book: parameters.BookName, asked: said.ClientAsked, request: Request, session: In) -> said.ClientAsked:
    """Register a client in a book, with the account from which it pays in and to which it is paid; that waits to be confirmed."""
    service = service_of(request)
    service.desk.register(service.seat(session.person), book, NewClient(**asked.model_dump()))
    return asked


@router.post("/books/{book}/bindings", status_code=201)
def bind(book: parameters.BookName, asked: said.ClientAsked, request: Request, session: In) -> said.ClientAsked:
    """Bind a client to another account; it waits to be confirmed, and then as long as the ring says."""
    service = service_of(request)
    service.desk.bind(service.seat(session.person), book, NewClient(**asked.model_dump()))
    return asked


@router.put("/books/{book}/clients/{client}/key", status_code=204)
def register_key(
    book: parameters.BookName, client: parameters.PartyName, asked: said.KeyAsked, request: Request, session: In
) -> Response:
    """Register with which key a client signs from now on."""
    service = service_of(request)
    service.desk.register_key(service.seat(session.person), book, client, asked.public_key)
    return Response(status_code=204)


@router.post("/books/{book}/confirmations", status_code=201)
def confirm(book: parameters.BookName, asked: said.ClientAsked, request: Request, session: In) -> said.ClientAsked:
    """Confirm a client's account, in the other institution's own words."""
    service = service_of(request)
    service.desk.confirm(service.seat(session.person), book, NewClient(**asked.model_dump()))
    return asked


@router.put("/books/{book}/routes/{route}/limit", status_code=204)
def limit(
    book: parameters.BookName, route: parameters.PartyName, asked: said.LimitAsked, request: Request, session: In
) -> Response:
    """Let the asker of a route go so far, instead of what it was let before."""
    service = service_of(request)
    caps = Caps(
        per_item_minor=_minor(service, book, asked.per_item, asked.unit),
        per_day_minor=_minor(service, book, asked.per_day, asked.unit),
    )
    service.desk.limit(service.seat(session.person), book, route, caps)
    return Response(status_code=204)


@router.post("/books/{book}/days", status_code=204)
def open_day(book: parameters.BookName, asked: said.DayAsked, request: Request, session: In) -> Response:
    """Open a booking day."""
    service = service_of(request)
    service.desk.open_day(service.seat(session.person), book, asked.day)
    return Response(status_code=204)


@router.post("/books/{book}/close", status_code=204)
def close_day(book: parameters.BookName, request: Request, session: In) -> Response:
    """Close the booking day; what must be zero then is."""
    service = service_of(request)
    service.desk.close_day(service.seat(session.person), book)
    return Response(status_code=204)


# -- what clients ask for -------------------------------------------------------------------------------------------------


@router.post("/wishes", status_code=201)
def make_wish(asked: said.WishAsked, key: parameters.IdempotencyKey, request: Request, session: In) -> said.WishShown:
    """Ask for something, as a client, for itself, in words that it has signed; they end with the Idempotency-Key."""
    service = service_of(request)
    way = way_called(service.office, f"{asked.book}.{asked.route}")
    code = asked.unit or service.office.ring.books[asked.book].units[0]
    amount_minor = _minor(service, asked.book, asked.amount, code)
    assert amount_minor is not None
    with service.wishing(session, way.book) as connection:
        by = Signed(key, bytes.fromhex(asked.public_key), bytes.fromhex(asked.signature))
        number = wish(connection, service.office, way, session.person.party, code, amount_minor, by)
    return next(one for one in list_wishes(request, session) if one.id == number)


@router.get("/wishes")
def list_wishes(request: Request, session: In) -> list[said.WishShown]:
    """What was asked for and what became of it: of a client what is its own, of everybody else what is about the books it reads."""
    service = service_of(request)
    found: list[Wish] = []
    for book in dict.fromkeys(way.book for way in ways(service.office)):
        if session.person.role == "client":
            with service.reading(session, book) as connection:
                found += wishes(connection, service.office, book)
        elif book in service.books_of(session.person):
            with service.office.reading_all() as connection:
                found += wishes(connection, service.office, book)
    return [
        said.WishShown(
            id=one.id,
            at=one.at,
            client=one.client,
            book=one.way.book,
            route=one.way.route,
            amount=render(one.amount_minor, unit(one.unit)),
            unit=one.unit,
            signed=one.is_signed(service.office.ring.ring.name),
            posting=one.posting,
            declined=one.declined,
        )
        for one in found
    ]


@router.post("/books/{book}/routes/{route}/wishes/{number}/decline", status_code=204)
def decline(
    book: parameters.BookName,
    route: parameters.PartyName,
    number: parameters.Number,
    asked: said.Declined,
    request: Request,
    session: In,
) -> Response:
    """Tell a client that its wish will not be done, and why."""
    service = service_of(request)
    service.desk.decline(service.seat(session.person), book, route, number, asked.reason)
    return Response(status_code=204)
