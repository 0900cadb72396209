"""What is asked for at a desk, and how it is made whole by the paper or the wish that it stands on."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.office.papers import Paper
from ringfence.office.wishes import Wish
from ringfence.ring import Book
from ringfence.ring.ring import RouteOfBook


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants posted on a route: for which client, where the book knows clients, how much of which unit.

    `said` is what the person says of each paper that it has in its hands, by the proof's name. `paper` is a paper of another book,
    its number, and `wish` a client's; then `client` and the amount may be left out as far as those say them. The same `key` is
    carried out once.
    """

    book: str
    route: str
    amount_minor: int | None = None
    client: str = ""
    unit: str = ""
    said: Mapping[str, str] = field(default_factory=dict)
    paper: tuple[str, int] | None = None
    wish: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client as its papers name it: `identity` is what they prove, of which a digest is kept; the account it pays from and to."""

    name: str
    title: str
    identity: str
    account_number: str

    def __post_init__(self) -> None:
        for one, longest in (("name", 40), ("title", 100), ("identity", 100), ("account_number", 60)):
            said = getattr(self, one)
            if not said.isprintable() or said != said.strip() or not (one == "title" or said) or len(said) > longest:
                raise BadInput(one, said, f"1 to {longest} characters that can be read", f"1 至 {longest} 个可读字符")


def identity_digest(identity: str) -> str:
    """What is kept of the papers that prove who somebody is: the same at every institution."""
    return hashlib.sha256(f"identity {' '.join(identity.split())}".encode()).hexdigest()


def client_of(book: Book, asked: Asked, paper: Paper | None) -> str:
    """For which client; "" on a route that is for none. Errors: BadInput where none is said, or another than the paper's."""
    if not book.is_for_a_client(asked.route):
        return ""
    named = paper.client if paper else None
    if named and asked.client not in ("", named):
        raise BadInput("client", asked.client, f"{named}, as the paper says", f"须为凭据所载 {named}")
    if not (named or asked.client):
        raise BadInput("client", asked.client, "a client of this book", "须为本账簿的客户")
    return named or asked.client


def as_wished(asked: Asked, wished: Wish) -> Asked:
    """What is asked for, as the client wants it. Errors: BadInput where something else is said."""
    for name, given, said in (
        ("client", asked.client, wished.client),
        ("amount", asked.amount_minor, wished.amount_minor),
        ("unit", asked.unit, wished.unit),
    ):
        if given not in (None, "", said):
            raise BadInput(name, given, f"{said}, as the client asked", f"须为客户申请的 {said}")
    paper = {wished.way.proof: wished.said}
    return replace(
        asked, client=wished.client, amount_minor=wished.amount_minor, unit=wished.unit, said={**asked.said, **paper}
    )


def unit_of(book: Book, way: RouteOfBook, asked: Asked, paper: Paper | None) -> str:
    """In which unit. Errors: BadInput for one that the route or the paper does not go in."""
    common = units_on(book, way)
    unit = asked.unit or (paper.unit if paper else common[0])
    if unit not in common or (paper and unit != paper.unit):
        right = paper.unit if paper else ", ".join(common)
        raise BadInput("unit", unit, f"one of {right}", f"{right} 之一")
    return unit


def units_on(book: Book, way: RouteOfBook) -> list[str]:
    """In what a route can be walked: the units that every kind on it is kept in."""
    return [unit for unit in book.units if all(unit in book.units_of(kind) for kind in way.path)]


def amount_of(asked: Asked, paper: Paper | None) -> int:
    """How much. Errors: BadInput where it is not said, or is more than the paper has left; or not all, of one that is not parted."""
    if paper is None:
        if asked.amount_minor is None:
            raise BadInput("amount", "none", "an amount", "须填金额")
        return asked.amount_minor
    amount = paper.rest_minor if asked.amount_minor is None else asked.amount_minor
    whole = paper.source.whole
    if not 0 < amount <= paper.rest_minor or (whole and amount != paper.rest_minor):
        right = "all that the paper says" if whole else "no more than the paper has left"
        raise BadInput(
            "amount", amount, f"{right}: {paper.rest_minor} of the minor unit", f"凭据余额 {paper.rest_minor} 分以内"
        )
    return amount


def dated(ledger: Ledger, way: RouteOfBook, paper: Paper | None) -> datetime.date:
    """The value date: that of the paper, where the route goes so far back and that day is not closed; else the booking day."""
    today = ledger.day
    if paper is not None and 0 <= (today - paper.value_date).days <= way.back_days:
        return today if paper.value_date <= ledger.closed_through else paper.value_date
    return today
