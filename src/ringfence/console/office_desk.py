"""A desk as its page shows it: what waits, what can be asked, and the forms for it. All of it is read off the ring and the books."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.access import Person, Session
from ringfence.api import OfficeService
from ringfence.console.frame import Link, role_word
from ringfence.console.words import Words
from ringfence.errors import Language
from ringfence.ledger import Registered
from ringfence.money import grouped, render, unit
from ringfence.office import Office, PairRead, Paper, Seat, Task, tasks, ways
from ringfence.office.asked import units_on
from ringfence.office.papers import sources, unused
from ringfence.ring import Book
from ringfence.ring.ring import RouteOfBook

_MOST_CLIENTS = 500
_MOST_PAPERS = 50


def money(amount_minor: int, code: str) -> str:
    """An amount with its thousands apart and the minus sign, without its unit."""
    return grouped(amount_minor, unit(code)).replace("-", "\u2212")


def links(language: Language, person: Person | None, here: str) -> list[Link]:
    """The pages that a person has where a ring of one's own is served."""
    words = Words(language)
    titles = {
        "desk": ("", words("Desk")),
        "mine": ("", words("Mine")),
        "money": ("money", words("Money")),
        "books": ("books", words("Books")),
        "ring": ("ring", words("Ring")),
    }
    pages = {
        "staff": ("desk", "money", "books", "ring"),
        "supervisor": ("money", "books", "ring"),
        "member": ("books", "ring"),
        "client": ("mine", "ring"),
    }
    return [Link(name, *titles[name], here=name == here) for name in (pages.get(person.role, ()) if person else ())]


class Field(NamedTuple):
    """Something to be filled in: its name, what it is called, and what may be chosen, if not anything."""

    name: str
    label: str
    value: str = ""
    choice: tuple[tuple[str, str], ...] = ()


class Form(NamedTuple):
    """A form: what it does, hidden values, fields, and what its button says; `main`: what one would usually press."""

    act: str
    hidden: dict[str, str]
    fields: tuple[Field, ...]
    button: str
    main: bool = True


class Row(NamedTuple):
    """Something that waits, or can be done: in words, for whom, how much; its forms."""

    title: str
    code: str
    says: str
    client: str
    amount: str
    forms: tuple[Form, ...]
    waits: str = ""


class Waiting(NamedTuple):
    """What waits at a desk: tasks, and accounts to be confirmed, each with its book."""

    tasks: list[Task]
    accounts: list[tuple[str, Registered]]

    @classmethod
    def at(cls, service: OfficeService, seat: Seat) -> Waiting:
        """What waits there now."""
        accounts = [
            (book, one)
            for book, declared in service.office.ring.books.items()
            if seat == (declared.kept_by, declared.confirms) and service.desk.binds(declared)
            for one in service.desk.waiting(book)
        ]
        return cls(tasks(service.office, seat), accounts)

    @property
    def digest(self) -> str:
        """All of it in a few characters that change with it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def rows(service: OfficeService, seat: Seat, waiting: Waiting, words: Words) -> tuple[list[Row], list[Row]]:
    """What waits at a desk, and what can be asked there besides."""
    shown = [
        *(_confirm(one, book, words) for book, one in waiting.accounts),
        *(_task(service, seat, task, words) for task in waiting.tasks),
    ]
    with service.office.reading_all() as connection:
        return shown, list(_can(service, connection, seat, words))


def _task(service: OfficeService, seat: Seat, task: Task, words: Words) -> Row:
    declared = service.office.ring.books[task.book]
    way = declared.routes[task.route]
    about = task.paper or task.hold or task.wish
    assert about is not None
    amount_minor = about.rest_minor if isinstance(about, Paper) else about.amount_minor
    hidden = {"book": task.book, "route": task.route}
    fields = [*_hand(service, seat, way, words, without=task.wish.way.proof if task.wish else "")]
    forms: list[Form] = []
    source = ""
    if task.paper is not None:
        source = f"{task.paper.source.name} {task.paper.number}"
        hidden |= {"paper": ":".join(map(str, task.paper.name))}
        if task.paper.client is None and declared.is_for_a_client(task.route):
            with service.office.reading_all() as connection:
                fields.insert(0, _client_field(service.office, connection, task.book, words))
        if task.paper.source.parted:
            fields.insert(
                1, Field("amount", words("Amount {unit}", unit=about.unit), render(amount_minor, unit(about.unit)))
            )
        forms.append(Form("ask", hidden, tuple(fields), words("Carry out")))
    elif task.wish is not None and not task.wish.is_signed(service.office.ring.ring.name):
        source = (
            words("wish {number}", number=task.wish.id) + " · " + words("not signed by the key that is registered now")
        )
        forms.append(_declining(hidden | {"wish": str(task.wish.id)}, words))
    elif task.wish is not None:
        source = words("wish {number}", number=task.wish.id)
        forms.append(
            Form(
                "ask",
                hidden | {"wish": str(task.wish.id)},
                tuple(fields),
                words("Hold") if way.finishes else words("Carry out"),
            )
        )
        forms.append(_declining(hidden | {"wish": str(task.wish.id)}, words))
    elif task.hold is not None:
        source = words("hold {number}", number=task.hold.number)
        if task.choice:
            papers = tuple((":".join(map(str, paper.name)), _paper(paper)) for paper in task.choice)
            fields.append(Field("paper", words("Paper"), choice=papers))
        if task.ready:
            forms.append(Form("finish", hidden | {"hold": str(task.hold.number)}, tuple(fields), words("Post it")))
        forms.append(Form("release", hidden | {"hold": str(task.hold.number)}, (), words("Release it"), main=False))
    return Row(
        title=way.says.text(words.language),
        code=f"{task.book}.{task.route}",
        says=source,
        client=about.client or "",
        amount=f"{money(amount_minor, about.unit)} {about.unit}",
        forms=tuple(forms),
        waits="" if task.ready else words("another institution has to act first"),
    )


def _declining(hidden: dict[str, str], words: Words) -> Form:
    return Form("decline", hidden, (Field("reason", words("Reason")),), words("Decline"), main=False)


def _paper(paper: Paper) -> str:
    rest = f"{money(paper.rest_minor, paper.unit)} {paper.unit}"
    return f"{paper.source.name} {paper.number} · {paper.client or paper.ref} · {rest}"


def _hand(service: OfficeService, seat: Seat, way: RouteOfBook, words: Words, without: str = "") -> Iterator[Field]:
    for name in service.desk.in_hand(seat, way):
        if name != without:
            yield Field(f"said.{name}", service.office.ring.proofs[name].says.text(words.language))


def _can(service: OfficeService, connection: psycopg.Connection[Any], seat: Seat, words: Words) -> Iterator[Row]:
    office = service.office
    for book, declared in office.ring.books.items():
        if declared.kept_by != seat.party:
            continue
        for route, way in declared.routes.items():
            if way.asks == seat.person:
                yield from _asking(service, connection, seat, (book, declared, route, way), words)
            if way.under == seat.person:
                yield _limit(service, book, declared, route, words)
        yield from _persons(service, book, declared, seat, words)


def _asking(
    service: OfficeService,
    connection: psycopg.Connection[Any],
    seat: Seat,
    on: tuple[str, Book, str, RouteOfBook],
    words: Words,
) -> Iterator[Row]:
    book, declared, route, way = on
    office = service.office
    found = sources(office.ring, book, route, finishing=False)
    if found and all(source.taken_over for source in found):
        return  # it waits above, paper by paper, or there is nothing to do
    fields = []
    if declared.is_for_a_client(route):
        fields.append(_client_field(office, connection, book, words))
    units = units_on(declared, way)
    fields.append(Field("amount", words("Amount {unit}", unit=units[0]) if len(units) == 1 else words("Amount")))
    if len(units) > 1:
        fields.append(Field("unit", words("Unit"), choice=tuple((one, one) for one in units)))
    if found:
        papers = [
            one for source in found for one in unused(connection, office.names, office.ring, source, (book, route))
        ]
        choice = tuple((":".join(map(str, one.name)), _paper(one)) for one in papers[-_MOST_PAPERS:])
        fields.append(Field("paper", words("Paper"), choice=choice))
    fields += _hand(service, seat, way, words)
    button = words("Hold") if way.finishes else words("Post")
    yield Row(
        title=way.says.text(words.language),
        code=f"{book}.{route}",
        says=" → ".join(declared.kinds[kind].title.text(words.language) for kind in way.path),
        client="",
        amount="",
        forms=(Form("ask", {"book": book, "route": route, "key": uuid.uuid4().hex}, tuple(fields), button),),
    )


def _client_field(office: Office, connection: psycopg.Connection[Any], book: str, words: Words) -> Field:
    query = sql.SQL("SELECT name, coalesce(title, '') FROM {}.party WHERE role = 'client' ORDER BY name LIMIT %s")
    found = connection.execute(query.format(sql.Identifier(office.names[book])), (_MOST_CLIENTS,)).fetchall()
    return Field("client", words("Client"), choice=tuple((name, f"{name} {title}".strip()) for name, title in found))


def _limit(service: OfficeService, book: str, declared: Book, route: str, words: Words) -> Row:
    code = declared.units[0]
    given = [grant.caps for grant in service.desk.limits(book, route)]
    said = "; ".join(
        ", ".join(
            part
            for part in (
                caps.per_item_minor and words("{amount} at a time", amount=money(caps.per_item_minor, code)),
                caps.per_day_minor and words("{amount} a day", amount=money(caps.per_day_minor, code)),
            )
            if part
        )
        for caps in given
    )
    fields = (
        Field("per_item", words("At a time, {unit}", unit=code)),
        Field("per_day", words("A day, {unit}", unit=code)),
    )
    return Row(
        title=words("How much may be asked; both empty: nothing"),
        code=f"{book}.{route}",
        says=said
        or words("nothing yet: {person} is refused until you say how much", person=declared.routes[route].asks),
        client="",
        amount="",
        forms=(Form("limit", {"book": book, "route": route}, fields, words("Grant it")),),
    )


def _persons(service: OfficeService, book: str, declared: Book, seat: Seat, words: Words) -> Iterator[Row]:
    who = _who(words)
    hidden = {"book": book}
    title = declared.title.text(words.language)
    if declared.registers == seat.person and declared.knows_clients:
        yield Row(words("Register a client"), book, title, "", "", (Form("register", hidden, who, words("Register")),))
        if any(way.book == book for way in ways(service.office)):
            key = (who[0], Field("public_key", words("Public key, 64 hexadecimal digits")))
            yield Row(
                words("Register a client's key"), book, title, "", "", (Form("key", hidden, key, words("Register")),)
            )
        if service.desk.binds(declared):
            again = (who[0], who[2], who[3])
            yield Row(
                words("Change a client's bank account"),
                book,
                title,
                "",
                "",
                (Form("bind", hidden, again, words("Bind")),),
            )
    if declared.closes == seat.person:
        day = service.office.day(book)
        yield Row(
            words("Booking day {day}", day=day), book, title, "", "",
            (Form("close", hidden, (), words("Close it"), main=False), Form("open", hidden, (Field("day", words("Day"), str(_next_weekday(day))),), words("Open the next"))),
        )  # fmt: skip


def _who(words: Words) -> tuple[Field, ...]:
    return (
        Field("name", words("Name by which it comes in")), Field("title", words("What people call it")),
        Field("identity", words("Identity: kind and number of its paper")), Field("account_number", words("Its own bank account")),
    )  # fmt: skip


def _confirm(one: Registered, book: str, words: Words) -> Row:
    return Row(
        title=words("Confirm the account of {client}", client=one.binding.client),
        code=book,
        says=words("Say again what you have from the client yourself; only the same is confirmed."),
        client=one.binding.client,
        amount="",
        forms=(Form("confirm", {"book": book, "name": one.binding.client}, _who(words)[2:], words("Confirm")),),
    )


def _next_weekday(day: datetime.date) -> datetime.date:
    later = (day + datetime.timedelta(days=number) for number in (1, 2, 3))
    return next(one for one in later if one.weekday() < 5)


def pair_lines(pairs: Sequence[PairRead], service: OfficeService, words: Words) -> list[dict[str, Any]]:
    """The money equation, a line for each pair, in words."""
    ring = service.office.ring
    return [
        {
            "pool": ring.books[pair.book].kinds[pair.kind].title.text(words.language),
            "mirror": ring.books[pair.claims].kinds[pair.mirror].title.text(words.language),
            "unit": pair.unit,
            "held": money(pair.held_minor, pair.unit),
            "said": money(pair.said_minor, pair.unit),
            "transit": money(pair.transit_minor, pair.unit),
            "difference": money(pair.difference_minor, pair.unit),
            "right": pair.difference_minor == 0,
        }
        for pair in pairs
    ]


def seat_title(service: OfficeService, session: Session, language: Language) -> str:
    """Who somebody is, in the ring's own words."""
    person = session.person
    if person.role != "staff":
        return role_word(person.role, language)
    party = service.office.ring.parties[person.party]
    return party.persons[person.duty or ""].text(language)


def party_title(service: OfficeService, session: Session, language: Language) -> str:
    """Of which institution somebody is, in the ring's own words."""
    person = session.person
    if person.role not in ("staff", "member"):
        return role_word(person.role, language)
    return service.office.ring.parties[person.party].title.text(language)
