"""A ring: the declared circle of one market, read from one TOML file that a person can read too.

A ring has parties with their persons, relations and proofs, and books. A book has kinds of account and routes between
them. Its `declaration` is what the ledger of that book is declared with: nothing that the file does not say can happen.

Every error names the place in the file, what stands there and what would be right.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ringfence.errors import BadInput, Language
from ringfence.ledger import Declaration, Group, Invariant, Kind, Route
from ringfence.money import UNITS

KERNEL_RELATIONS = ("same-client", "own-member", "registered-account", "bank-confirmed")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Words(_Part):
    """The same said in two languages."""

    en: str
    zh: str

    def text(self, language: Language) -> str:
        """Say it in `language`."""
        return self.zh if language == "zh" else self.en


class PartyRole(_Part):
    """A role in the market, and the persons through whom an institution acts."""

    title: Words
    says: Words
    persons: dict[str, Words] = {}


class Relation(_Part):
    """Something about the accounts on a path that the database checks on every posting."""

    says: Words


class Proof(_Part):
    """A paper that somebody makes and a person checks before asking."""

    says: Words
    made_by: str
    checked_by: str


class KindOfAccount(_Part):
    """A kind of account; those of the `circle` hold the clients' money itself."""

    owner: str
    invariant: Invariant
    title: Words
    zero_at_close: bool = False
    one_per_owner: bool = True
    circle: bool = False


def _steps(path: Any) -> Any:
    return tuple(step.strip() for step in path.split(">")) if isinstance(path, str) else path


class RouteOfBook(_Part):
    """A route: `path` from the kind that is debited to the one that is credited; the asker acts `under` whose grant."""

    path: Annotated[tuple[str, ...], BeforeValidator(_steps)]
    asks: str
    says: Words
    finishes: str | None = None
    under: str | None = None
    back_days: Annotated[int, Field(ge=0, le=366)] = 0
    ahead_days: Annotated[int, Field(ge=0, le=366)] = 0
    reverses: str | None = None
    relations: list[str] = []
    proofs: list[str] = []


class Book(_Part):
    """One institution's book: who keeps it, its kinds and routes.

    Who registers and binds clients, who confirms that in the other institution's words, who lets others read clients, who
    opens and closes days, who reads; and how many booking days a changed account waits.
    """

    kept_by: str
    title: Words
    units: list[str]
    registers: str
    confirms: str
    closes: str
    reads: list[str]
    shows: str | None = None
    cool_off_days: Annotated[int, Field(ge=0, le=366)] = 0
    kinds: dict[str, KindOfAccount]
    routes: dict[str, RouteOfBook]

    def declaration(self) -> Declaration:
        """What this book's ledger is declared with."""
        groups: dict[str, set[Group]] = {}
        for route in self.routes.values():
            for person in (route.asks, route.finishes):
                if person is not None:
                    groups.setdefault(person, {"reads"}).add("posts")
            if route.under is not None:
                groups.setdefault(route.under, {"reads"}).add("grants")
        groups.setdefault(self.registers, {"reads"}).add("registers")
        groups.setdefault(self.confirms, {"reads"}).add("confirms")
        if self.shows is not None:
            groups.setdefault(self.shows, {"reads"}).add("grants")
        groups.setdefault(self.closes, {"reads"}).add("closes")
        for person in self.reads:
            groups.setdefault(person, {"reads"})
        return Declaration(
            units=tuple(self.units),
            kinds=tuple(
                Kind(name, k.owner, k.invariant, k.zero_at_close, k.one_per_owner) for name, k in self.kinds.items()
            ),
            routes=tuple(
                Route(
                    name,
                    route.path,
                    route.asks,
                    route.finishes,
                    under=route.under,
                    back_days=route.back_days,
                    ahead_days=route.ahead_days,
                    reverses=route.reverses,
                    same_client="same-client" in route.relations,
                    own_member="own-member" in route.relations,
                    registered_account="registered-account" in route.relations,
                    bank_confirmed="bank-confirmed" in route.relations,
                )
                for name, route in self.routes.items()
            ),
            logins={person: frozenset(may) for person, may in groups.items()},
            shows=(self.shows,) if self.shows else (),
            cool_off_days=self.cool_off_days,
        )


class Heading(_Part):
    """The ring's name, what it is about and where it comes from."""

    name: str
    title: Words
    says: Words
    source: str


class Ring(_Part):
    """A whole ring, checked: every name that is used is declared."""

    ring: Heading
    parties: dict[str, PartyRole]
    relations: dict[str, Relation]
    proofs: dict[str, Proof]
    books: dict[str, Book]


def built_in() -> list[str]:
    """The names of the rings that ship with the package."""
    folder = resources.files("ringfence.ring") / "rings"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(name: str) -> Ring:
    """Read a built-in ring by name, or any ring by the path of its file. Errors: BadInput."""
    if name in built_in():
        return parse((resources.files("ringfence.ring") / "rings" / f"{name}.toml").read_text("utf-8"), name)
    if not Path(name).is_file():
        raise BadInput("ring", name, f"a file, or one of {', '.join(built_in())}")
    return parse(Path(name).read_text("utf-8"), name)


def parse(text: str, name: str) -> Ring:
    """Read a ring from the text of its file, called `name` in errors. Errors: BadInput."""
    try:
        ring = Ring.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(name, "the text", f"TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        found = "absent" if first["type"] == "missing" else first["input"]
        raise BadInput(f"{name}: {field}", found, first["msg"]) from error
    _Checker(ring, name).check()
    return ring


class _Checker:
    """Whether every name is declared and every route leads from where money may stay to where it may stay."""

    def __init__(self, ring: Ring, name: str) -> None:
        self._ring = ring
        self._name = name

    def check(self) -> None:
        """Errors: BadInput for the first thing that is wrong, in the order of the file."""
        for name in self._ring.relations:
            self._one_of(f"relations.{name}", name, KERNEL_RELATIONS)
        for name, proof in self._ring.proofs.items():
            self._who(f"proofs.{name}.made_by", proof.made_by)
            self._who(f"proofs.{name}.checked_by", proof.checked_by)
        for name, book in self._ring.books.items():
            self._book(f"books.{name}", book)

    def _book(self, place: str, book: Book) -> None:
        self._one_of(f"{place}.kept_by", book.kept_by, self._ring.parties)
        persons = self._ring.parties[book.kept_by].persons
        for unit in book.units:
            self._one_of(f"{place}.units", unit, UNITS)
        for field, person in (
            ("registers", book.registers),
            ("confirms", book.confirms),
            *((("shows", book.shows),) if book.shows else ()),
            ("closes", book.closes),
            *(("reads", p) for p in book.reads),
        ):
            self._one_of(f"{place}.{field}", person, persons)
        posting = {person for route in book.routes.values() for person in (route.asks, route.finishes)}
        for field, person in (("registers", book.registers), ("confirms", book.confirms), ("shows", book.shows)):
            if person in posting - {None}:
                raise BadInput(f"{self._name}: {place}.{field}", person, "a person who never posts")
        if book.confirms == book.registers:
            raise BadInput(
                f"{self._name}: {place}.confirms", book.confirms, "another person than the one who registers"
            )
        for name, route in book.routes.items():
            if route.under in posting - {None}:
                raise BadInput(f"{self._name}: {place}.routes.{name}.under", route.under, "a person who never posts")
        for name, kind in book.kinds.items():
            self._one_of(f"{place}.kinds.{name}.owner", kind.owner, self._ring.parties)
        for name, route in book.routes.items():
            self._route(f"{place}.routes.{name}", book, route)

    def _route(self, place: str, book: Book, route: RouteOfBook) -> None:
        persons = self._ring.parties[book.kept_by].persons
        for step in route.path:
            self._one_of(f"{place}.path", step, book.kinds)
        for field, person in (("asks", route.asks), ("finishes", route.finishes), ("under", route.under)):
            if person is not None:
                self._one_of(f"{place}.{field}", person, persons)
        for relation in route.relations:
            self._one_of(f"{place}.relations", relation, self._ring.relations)
        for proof in route.proofs:
            self._one_of(f"{place}.proofs", proof, self._ring.proofs)
        shown = " > ".join(route.path)
        if route.reverses is not None:
            self._one_of(f"{place}.reverses", route.reverses, book.routes)
            if route.finishes or route.path != book.routes[route.reverses].path[::-1]:
                right = f"a route that is not held and goes the way back: {' > '.join(book.routes[route.reverses].path[::-1])}"
                raise BadInput(f"{self._name}: {place}.path", shown, right)
        if not 2 <= len(route.path) <= 4:
            raise BadInput(f"{self._name}: {place}.path", shown, "two to four kinds")
        for number, step in enumerate(route.path):
            between = 0 < number < len(route.path) - 1
            if between != (book.kinds[step].invariant == "zero"):
                right = "a path that starts and ends where money may stay and passes through zero kinds only"
                raise BadInput(f"{self._name}: {place}.path", shown, right)

    def _who(self, place: str, who: str) -> None:
        party, _, person = who.partition(".")
        self._one_of(place, party, self._ring.parties)
        if person:
            self._one_of(place, person, self._ring.parties[party].persons)

    def _one_of(self, place: str, name: str, known: Any) -> None:
        if name not in known:
            raise BadInput(f"{self._name}: {place}", name, f"one of {', '.join(known) or 'none is declared'}")
