"""Whether a ring makes sense: every name is declared, and every route leads from where money may stay to where it may.

A check that nobody can make effective is refused too: a paper is checked by a person who has a hand in the posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ringfence.money import UNITS
from ringfence.ring.ring import Book, KindOfAccount, Proof, Ring, RouteOfBook
from ringfence.ring.who import groups, is_bound

KERNEL_RELATIONS = ("same-client", "own-member", "registered-account", "bank-confirmed")
# Whose accounts on the path a relation is about: without one the database would have nothing to check.
RELATES = {"same-client": ("client",), "own-member": ("member",), "registered-account": ("client", "bank")}
OPERATOR = "operator"
# What a control can stand on besides what the file declares: that no login of an intermediary posts, that nobody goes further than
# a grant, that a key is used once, that closed days stay closed, that the journal is one chain.
WORDS = ("logins", "grants", "keys", "days", "chain")
# What can be wrong with the papers of a route is enumerated, three ways for each.
MOST_PROOFS = 4


class WrongPlace(Exception):
    """At `place`, keys joined by dots, stands `value`; `right` says what would be right."""

    def __init__(self, place: str, value: object, right: str) -> None:
        super().__init__(place, value, right)
        self.place, self.value, self.right = place, value, right


def check(ring: Ring) -> None:
    """Errors: WrongPlace for the first thing that is wrong, in the order heading, persons, keepers, proofs, records, controls, books, what waits."""
    for party in ring.ring.intermediaries:
        _one_of("ring.intermediaries", party, ring.parties)
    for name, party_role in ring.parties.items():
        for person in party_role.persons:
            if person.startswith(OPERATOR) or person == "anyone":
                right = "another name: the operator is who stands above the kernel, and anyone is any person"
                raise WrongPlace(f"parties.{name}.persons.{person}", person, right)
    for name, book in ring.books.items():
        _one_of(f"books.{name}.kept_by", book.kept_by, ring.parties)
    for name in ring.relations:
        _one_of(f"relations.{name}", name, KERNEL_RELATIONS)
    routes = {f"{b}.{r}": route for b, book in ring.books.items() for r, route in book.routes.items()}
    for name, proof in ring.proofs.items():
        place = f"proofs.{name}"
        _person(ring, f"{place}.checked_by", proof.checked_by)
        _conspirators(ring, f"{place}.made_by", proof.made_by)
        if any(proof.checked_by in group for group in groups(proof.made_by)):
            raise WrongPlace(f"{place}.made_by", proof.made_by, f"others than {proof.checked_by}, who checks it")
        for route in proof.from_hold:
            held = [r for r, declared in routes.items() if declared.finishes]
            _one_of(f"{place}.from_hold", route, held)
        for route in proof.from_posting:
            _one_of(f"{place}.from_posting", route, routes)
    kinds = [f"{b}.{kind}" for b, book in ring.books.items() for kind in book.kinds]
    for name, record in ring.records.items():
        for seen in record.sees:
            _one_of(f"records.{name}.sees", seen, [*kinds, *ring.proofs, *ring.relations])
        _conspirators(ring, f"records.{name}.silenced_by", record.silenced_by)
    for name, control in ring.controls.items():
        for element in control.stands_on:
            known = [*WORDS, *ring.relations, *ring.proofs, *ring.records, *kinds]
            _one_of(f"controls.{name}.stands_on", element, known)
    for name, book in ring.books.items():
        _book(ring, f"books.{name}", book, kinds)
    for route in never_posted(ring):
        of, _, name = route.partition(".")
        waits = ", ".join(ring.route(route).proofs)
        right = "papers that can come about: one of these reports a posting that waits for this one"
        raise WrongPlace(f"books.{of}.routes.{name}.proofs", waits, right)


def never_posted(ring: Ring) -> list[str]:
    """The routes on which nothing can ever be posted, because their papers report what waits for them in turn."""
    routes = {f"{b}.{r}": (book, route) for b, book in ring.books.items() for r, route in book.routes.items()}
    held: set[str] = set()
    posted: set[str] = set()

    def there(proof: Proof) -> bool:
        reports = (*proof.from_hold, *proof.from_posting)
        return not reports or bool(held.intersection(proof.from_hold) or posted.intersection(proof.from_posting))

    while True:
        before = len(held) + len(posted)
        for name, (book, route) in routes.items():
            late = ring.for_the_finisher(book, route)
            if all(there(ring.proofs[paper]) for paper in route.proofs if paper not in late):
                held.add(name)
                if all(there(ring.proofs[paper]) for paper in late):
                    posted.add(name)
        if before == len(held) + len(posted):
            return [name for name in routes if name not in posted]


def _book(ring: Ring, place: str, book: Book, kinds: list[str]) -> None:
    persons = ring.parties[book.kept_by].persons
    for unit in book.units:
        _one_of(f"{place}.units", unit, UNITS)
    single = {"registers": book.registers, "confirms": book.confirms, "shows": book.shows, "closes": book.closes}
    for field, person in (*single.items(), *(("reads", person) for person in book.reads)):
        if person is not None:
            _one_of(f"{place}.{field}", person, persons)
    posting = {person for route in book.routes.values() for person in (route.asks, route.finishes) if person}
    for field in ("registers", "confirms", "shows"):
        if single[field] in posting:
            raise WrongPlace(f"{place}.{field}", single[field], "a person who never posts")
    if book.confirms == book.registers:
        raise WrongPlace(f"{place}.confirms", book.confirms, "another person than the one who registers")
    bound = [name for name, route in book.routes.items() if "registered-account" in route.relations]
    if bound and book.confirms is None:
        raise WrongPlace(
            f"{place}.confirms", "absent", f"who confirms the accounts by which {', '.join(bound)} must go"
        )
    for name, kind in book.kinds.items():
        _one_of(f"{place}.kinds.{name}.owner", kind.owner, ring.parties)
        _lien(f"{place}.kinds.{name}", book, name, kind)
        if kind.opened_by is not None:
            _conspirators(ring, f"{place}.kinds.{name}.opened_by", kind.opened_by)
        if kind.mirrors is not None:
            _one_of(f"{place}.kinds.{name}.mirrors", kind.mirrors, kinds)
        for unit in kind.units or ():
            _one_of(f"{place}.kinds.{name}.units", unit, book.units)
    for name, route in book.routes.items():
        if route.under in posting:
            raise WrongPlace(f"{place}.routes.{name}.under", route.under, "a person who never posts")
        _route(ring, f"{place}.routes.{name}", book, route)


def _lien(place: str, book: Book, name: str, kind: KindOfAccount) -> None:
    if kind.pledge is not None:
        _one_of(f"{place}.pledge", kind.pledge, [route for route, of in book.routes.items() if of.path[0] == name])
        if kind.no_lien:
            raise WrongPlace(f"{place}.no_lien", "true", "no_lien, or a pledge, never both")
    elif kind.circle and not kind.no_lien:
        right = "no_lien = true, where the keeper has signed so, or pledge = the route by which a creditor takes it"
        raise WrongPlace(place, "clients' money in its owner's name", right)


def _route(ring: Ring, place: str, book: Book, route: RouteOfBook) -> None:
    persons = ring.parties[book.kept_by].persons
    for step in route.path:
        _one_of(f"{place}.path", step, book.kinds)
    hands = {"asks": route.asks, "finishes": route.finishes, "under": route.under}
    for field, person in hands.items():
        if person is not None:
            _one_of(f"{place}.{field}", person, persons)
    if len(route.proofs) > MOST_PROOFS:
        raise WrongPlace(f"{place}.proofs", ", ".join(route.proofs), f"at most {MOST_PROOFS} of them")
    for proof in route.proofs:
        _one_of(f"{place}.proofs", proof, ring.proofs)
        checker = ring.proofs[proof].checked_by
        if checker not in {f"{book.kept_by}.{person}" for person in hands.values() if person}:
            right = f"a proof whose checker has a hand in the posting; {checker}, who checks this one, has none"
            raise WrongPlace(f"{place}.proofs", proof, right)
    shown = " > ".join(route.path)
    if route.reverses is not None:
        _one_of(f"{place}.reverses", route.reverses, book.routes)
        back = book.routes[route.reverses].path[::-1]
        if route.finishes or route.path != back:
            raise WrongPlace(
                f"{place}.path", shown, f"a route that is not held and goes the way back: {' > '.join(back)}"
            )
    if not 2 <= len(route.path) <= 4:
        raise WrongPlace(f"{place}.path", shown, "two to four kinds")
    owners = {book.kinds[step].owner for step in route.path}
    for relation in route.relations:
        _one_of(f"{place}.relations", relation, ring.relations)
        if relation in RELATES and not owners & set(RELATES[relation]):
            right = f"a relation that is checked: on this path no account is of a {' or a '.join(RELATES[relation])}"
            raise WrongPlace(f"{place}.relations", relation, right)
    if not set(book.units).intersection(*map(book.units_of, route.path)):
        raise WrongPlace(f"{place}.path", shown, "kinds that are kept in one unit")
    for number, step in enumerate(route.path):
        between = 0 < number < len(route.path) - 1
        if between != (book.kinds[step].invariant == "zero"):
            right = "a path that starts and ends where money may stay and passes through zero kinds only"
            raise WrongPlace(f"{place}.path", shown, right)


def actors(ring: Ring) -> Iterator[str]:
    """Everybody who can do something: the persons of an institution, or a party that has none; clients as such."""
    for name, party in ring.parties.items():
        yield from (f"{name}.{person}" for person in party.persons) if party.persons else (name,)


def operator(book: Book, name: str) -> str:
    """Who stands above the kernel of the book `name`, as an actor."""
    return f"{book.kept_by}.{OPERATOR}" if book.kept_by == name else f"{book.kept_by}.{OPERATOR}-of-{name}"


def is_operator(actor: str) -> bool:
    """Whether the actor is the operator of a book; no person is called so."""
    return actor.partition(".")[2].startswith(OPERATOR)


def _conspirators(ring: Ring, place: str, text: str) -> None:
    known = [*actors(ring), *(operator(book, name) for name, book in ring.books.items())]
    try:
        choices = groups(text)
    except ValueError as error:
        raise WrongPlace(place, text, f"persons joined by +, choices by |, or nobody ({error})") from error
    for one in (one for group in choices for one in group):
        if is_bound(one):
            _one_of(place, one.split()[1], ring.bounds)
        else:
            _one_of(place, one, known)


def _person(ring: Ring, place: str, who: str) -> None:
    _one_of(place, who, [actor for actor in actors(ring) if "." in actor])


def _one_of(place: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise WrongPlace(place, name, f"one of {', '.join(known) or 'none is declared'}")
