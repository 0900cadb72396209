"""A ring: the declared circle of one market.

A ring has parties with their persons, relations, proofs and records, and books. A book has kinds of account and routes
between them. Its `declaration` is what the ledger of that book is declared with: nothing that the file does not say can
happen.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ringfence.errors import Language
from ringfence.ledger import Declaration, Group, Invariant, Kind, Route
from ringfence.ring.who import NOBODY

# The relations that look at the client for whom a posting is.
_ABOUT_A_CLIENT = {"same-client", "registered-account"}


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
    """A role in the market, and the persons through whom an institution acts; `outside`, whatever it gets is gone."""

    title: Words
    says: Words
    persons: dict[str, Words] = {}
    outside: bool = False


class Relation(_Part):
    """Something about the accounts on a path that the database checks on every posting."""

    says: Words


class Bound(_Part):
    """How far somebody can go, or how long it takes, when they do wrong: `within` and `after` in `made_by` name it."""

    says: Words


class Proof(_Part):
    """A paper that a person checks before asking or finishing, and what it names: payee, amount, and the reason, which is for
    which client or what for.

    A true one is made by somebody, or by a hold or a posting on a route of another book; `made_by` is who can make one that
    looks genuine and is not (ringfence.ring.who).
    """

    says: Words
    names: list[Literal["payee", "amount", "reason"]]
    made_by: str = NOBODY
    from_hold: list[str] = []
    from_posting: list[str] = []
    checked_by: str


class Record(_Part):
    """What would show that something is wrong: the kinds of account and the proofs that it sees, when, who can silence it."""

    says: Words
    sees: list[str]
    when: Literal["at-once", "day-end", "count"]
    silenced_by: str


class ControlOfRing(_Part):
    """A named control, and what of the ring it stands on: relations, proofs, records, kinds as `book.kind`, or one of the words
    of ringfence.ring.checks.WORDS.
    """

    says: Words
    stands_on: list[str]


class KindOfAccount(_Part):
    """A kind of account; the `circle` is what holds money of clients together; `mirrors` a kind of another book.

    It is kept in some of the book's `units`, or in all of them. What is in the owner's name can be pledged by the owner unless
    somebody has signed that it cannot: so of a circle the file says `no_lien`, or by which route a `pledge` takes it. Who of the
    owner's persons get at what stands there, for themselves, is told by `opened_by`: any one of them, if nothing is said.
    """

    owner: str
    invariant: Invariant
    title: Words
    zero_at_close: bool = False
    one_per_owner: bool = True
    circle: bool = False
    no_lien: bool = False
    pledge: str | None = None
    opened_by: str | None = None
    mirrors: str | None = None
    units: list[str] | None = None


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

    Who registers and binds clients, who confirms that in the other institution's words (where a route goes by registered
    accounts), who lets others read clients, who opens and closes days, who reads; and how many booking days a changed account
    waits.
    """

    kept_by: str
    title: Words
    units: list[str]
    registers: str
    confirms: str | None = None
    closes: str
    reads: list[str]
    shows: str | None = None
    cool_off_days: Annotated[int, Field(ge=0, le=366)] = 0
    kinds: dict[str, KindOfAccount]
    routes: dict[str, RouteOfBook]

    @property
    def knows_clients(self) -> bool:
        """Whether clients have accounts in it."""
        return any(kind.owner == "client" for kind in self.kinds.values())

    @property
    def keeps_claims(self) -> bool:
        """Whether it says what is owed out of money that another book has."""
        return any(kind.mirrors for kind in self.kinds.values())

    def is_for_a_client(self, route: str) -> bool:
        """Whether what goes on a route is some client's: an account of one is on its path, or a relation asks whose it is."""
        way = self.routes[route]
        return any(self.kinds[kind].owner == "client" for kind in way.path) or bool(
            self.knows_clients and _ABOUT_A_CLIENT.intersection(way.relations)
        )

    def units_of(self, kind: str) -> list[str]:
        """In what accounts of a kind are kept."""
        return self.kinds[kind].units or self.units

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
        if self.confirms is not None:
            groups.setdefault(self.confirms, {"reads"}).add("confirms")
        if self.shows is not None:
            groups.setdefault(self.shows, {"reads"}).add("grants")
        groups.setdefault(self.closes, {"reads"}).add("closes")
        for person in self.reads:
            groups.setdefault(person, {"reads"})
        return Declaration(
            units=tuple(self.units),
            kinds=tuple(
                Kind(
                    name,
                    k.owner,
                    k.invariant,
                    k.zero_at_close,
                    k.one_per_owner,
                    None if k.units is None else tuple(k.units),
                )
                for name, k in self.kinds.items()
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
    """The ring's name, what it is about and where it comes from; who must not be able to take anything alone.

    `beyond` is what belongs to the model and no route can say.
    """

    name: str
    intermediaries: list[str]
    title: Words
    says: Words
    source: str
    beyond: list[Words] = []


class Ring(_Part):
    """A whole ring, checked: every name that is used is declared."""

    ring: Heading
    parties: dict[str, PartyRole]
    relations: dict[str, Relation] = {}
    bounds: dict[str, Bound] = {}
    proofs: dict[str, Proof]
    records: dict[str, Record] = {}
    controls: dict[str, ControlOfRing] = {}
    books: dict[str, Book]

    def route(self, name: str) -> RouteOfBook:
        """The route that is written as `book.route`."""
        book, _, route = name.partition(".")
        return self.books[book].routes[route]

    def for_the_finisher(self, book: Book, route: RouteOfBook) -> set[str]:
        """The papers that are checked when the hold is finished, not when it is asked for."""
        finisher = f"{book.kept_by}.{route.finishes}" if route.finishes else None
        return {paper for paper in route.proofs if self.proofs[paper].checked_by == finisher}
