"""What an attack wants, as movements of value between the places of a ring; and whether a ring has such places at all.

A *pool* is money of several clients together: the circle, and what passes through the firm. A *claim* is what a book says a
client is owed while the money is elsewhere: only there can somebody write down more than there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ringfence.money import UNITS
from ringfence.ring import Ring
from ringfence.ring.closure import OTHER, VICTIM, Place
from ringfence.ring.ring import KindOfAccount

BANK = "bank"


class Places:
    """The places of a ring, looked at as somebody does who wants something from them."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        # Whoever stands in the middle: the firm of an attack, with all its persons.
        self.firms = frozenset(ring.ring.intermediaries)

    def all(self) -> Iterator[Place]:
        """Every place: of a client's kind V's and X's."""
        for name, book in self.ring.books.items():
            for kind, declared in book.kinds.items():
                owners = (VICTIM, OTHER) if declared.owner == "client" else (declared.owner,)
                yield from (Place(name, kind, owner) for owner in owners)

    def kind(self, place: Place) -> KindOfAccount:
        """What is declared of it."""
        return self.ring.books[place.book].kinds[place.kind]

    def units(self, place: Place) -> list[str]:
        """In what it is kept."""
        return self.ring.books[place.book].units_of(place.kind)

    def common_unit(self, source: Place, target: Place) -> str:
        """In what value goes from there to there; the first where it may be several."""
        return next((code for code in self.units(source) if code in self.units(target)), self.units(source)[0])

    def is_money(self, place: Place) -> bool:
        """Whether currency stands there."""
        return any(UNITS[code].is_currency for code in self.units(place))

    def kept_by(self, place: Place) -> str:
        """Who keeps the book."""
        return self.ring.books[place.book].kept_by

    def is_pool(self, place: Place) -> bool:
        """Whether money or assets of several clients stand there together, or pass through the firm."""
        kind = self.kind(place)
        return kind.circle or (kind.invariant == "zero" and kind.owner in self.firms)

    def is_claim(self, place: Place) -> bool:
        """Whether it says what a client is owed, while the money is in another book."""
        claims = self.ring.books[place.book].keeps_claims
        return self.kind(place).owner == "client" and claims and self.is_money(place)

    def is_nothing(self, place: Place) -> bool:
        """Whether more can leave it than is there, and it is not a run that must cancel out."""
        kind = self.kind(place)
        return kind.invariant in ("free", "non-positive") and not kind.zero_at_close

    def is_of_clients(self, place: Place) -> bool:
        """Whether it is V's, or a pool."""
        return place.owner == VICTIM or self.is_pool(place)

    def is_outside(self, place: Place) -> bool:
        """Whether what gets there is gone."""
        return place.owner not in (VICTIM, OTHER) and self.ring.parties[place.owner].outside

    def is_the_firms(self, place: Place) -> bool:
        """Whether it is the firm's own, or outside, where the firm has friends."""
        return not self.is_pool(place) and (place.owner in self.firms or self.is_outside(place))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A movement: from which places to which; `about` which places there must be for it to mean anything.

    `back` wants it back again afterwards; `within_the_day`: before what is compared in the evening. `onward` takes a place of the
    firm's too, if from there it goes on to X, and wants X to be paid out. What `favours` a client needs no hand of that client's
    in it; `overdraws`: or the client does it, with more than it has. `plainly`: not by a lien, and, by the firm alone, without
    telling a reason that is false.
    """

    about: Callable[[Places, Place], bool]
    source: Callable[[Places, Place], bool]
    target: Callable[[Places, Place], bool]
    back: bool = False
    onward: bool = False
    favours: bool = False
    overdraws: bool = False
    plainly: bool = False
    within_the_day: bool = False


def _pool_at_the_bank(places: Places, place: Place) -> bool:
    return places.is_pool(place) and places.is_money(place) and places.kept_by(place) == BANK


def _settled_elsewhere(places: Places, place: Place) -> bool:
    return places.is_of_clients(place) and places.is_money(place) and places.kept_by(place) not in {BANK, *places.firms}


def _assets(places: Places, place: Place) -> bool:
    return places.is_of_clients(place) and not places.is_money(place)


def _nominee(places: Places, place: Place) -> bool:
    return place.owner == OTHER and places.is_money(place)


WANTED: dict[str, Wanted] = {
    "made-up claim": Wanted(
        about=Places.is_claim,
        source=lambda places, place: (
            places.is_nothing(place) and places.is_money(place) and not _is_money_elsewhere(places, place)
        ),
        target=lambda places, place: place.owner == OTHER or places.kind(place).mirrors is not None,
        favours=True,
        overdraws=True,
    ),
    "unpaid deposit": Wanted(
        about=Places.is_claim,
        source=lambda places, place: places.is_nothing(place) and places.kind(place).mirrors is not None,
        target=lambda places, place: places.is_claim(place) and place.owner == OTHER,
        favours=True,
    ),
    "pool to the firm": Wanted(_pool_at_the_bank, _pool_at_the_bank, Places.is_the_firms, plainly=True),
    "pool to the firm and back": Wanted(_pool_at_the_bank, _pool_at_the_bank, Places.is_the_firms, back=True),
    "pool to the firm within the day": Wanted(
        _pool_at_the_bank, _pool_at_the_bank, Places.is_the_firms, back=True, within_the_day=True
    ),
    "pool to the bank": Wanted(
        _pool_at_the_bank,
        _pool_at_the_bank,
        lambda places, place: place.owner == BANK == places.kept_by(place) and not places.is_pool(place),
    ),
    "pool to the firm's trades": Wanted(_settled_elsewhere, _settled_elsewhere, Places.is_the_firms),
    "assets to the firm": Wanted(
        _assets, _assets, lambda places, place: place.owner not in (VICTIM, OTHER) and not places.is_pool(place)
    ),
    "client to a nominee": Wanted(
        about=lambda places, place: place.owner == VICTIM,
        source=lambda places, place: (
            (places.is_of_clients(place) or places.kind(place).zero_at_close) and places.is_money(place)
        ),
        target=_nominee,
        onward=True,
    ),
}


def _is_money_elsewhere(places: Places, place: Place) -> bool:
    return places.kind(place).mirrors is not None or places.is_outside(place)
