"""Who has a hand in what: for every route of every book, what each party does about it. Read off the declaration, for people."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ringfence.ring.ring import Book, Ring, RouteOfBook
from ringfence.ring.who import groups, is_bound, party_of

Does = Literal["asks", "grants", "finishes", "checks", "brings", "sees"]


class Hand(NamedTuple):
    """What a party does about a route: by which of its persons ("": itself), and about which proof ("": about none)."""

    does: Does
    person: str = ""
    proof: str = ""


# By route, by party.
Powers = dict[str, dict[str, tuple[Hand, ...]]]


def powers(ring: Ring) -> dict[str, Powers]:
    """What each party does about every route, by book. A party that is not there has no hand in it and does not see it."""
    return {name: _powers(ring, book) for name, book in ring.books.items()}


def _powers(ring: Ring, book: Book) -> Powers:
    return {name: _of_route(ring, book, route) for name, route in book.routes.items()}


def _of_route(ring: Ring, book: Book, route: RouteOfBook) -> dict[str, tuple[Hand, ...]]:
    hands: dict[str, list[Hand]] = {}

    def has(party: str, hand: Hand) -> None:
        if hand not in hands.setdefault(party, []):
            hands[party].append(hand)

    has(book.kept_by, Hand("asks", route.asks))
    if route.under:
        has(book.kept_by, Hand("grants", route.under))
    if route.finishes:
        has(book.kept_by, Hand("finishes", route.finishes))
    for name in route.proofs:
        proof = ring.proofs[name]
        party, _, person = proof.checked_by.partition(".")
        has(party, Hand("checks", person, name))
        makers = (one for group in groups(proof.made_by) for one in group if not is_bound(one))
        for maker in makers:
            has(party_of(maker), Hand("brings", maker.partition(".")[2], name))
    for party in _seeing(book):
        if party not in hands:
            has(party, Hand("sees"))
    return {party: tuple(found) for party, found in hands.items()}


def _seeing(book: Book) -> list[str]:
    """Who reads the book without having a hand in it: whoever keeps it, and, where it is shown, whose clients are in it."""
    return [book.kept_by, *(("member", "client") if book.shows else ())]
