"""Rings that people need today: a day of each on real books, with the figures that it must end with, and its verdict.

A walk is `book.route who from-owner? amount`: for V, X or nobody in particular, in the currency's main unit. Held routes are
written `+book.route` where they are asked for and `=book.route` where they are finished. Every figure below was added up by hand.
"""

from __future__ import annotations

import pytest

from ringfence import ring
from ringfence.attack.books import DAY
from ringfence.attack.world import Walk, World
from ringfence.custody.segregation import Segregation
from ringfence.database import Store
from ringfence.ledger import Outcome
from ringfence.ring.closure import OTHER, VICTIM, Place

# V pays in 1,000 and X 500; V's trade loses 200, which X's gains, or what comes nearest to it; V is paid 300.
DAYS: dict[str, str] = {
    "third-party": """
        bank.arrival V 1000, bank.in V 1000, shadow.in V 1000, bank.arrival X 500, bank.in X 500, shadow.in X 500
        shadow.bought V 200, shadow.sold X 150, bank.pay-net - 50, shadow.net-paid - 50
        +shadow.out V 300, bank.out V 300, =shadow.out
    """,
    "futures": """
        bank.arrival V 1000, bank.deposit V 1000, firm.deposit V 1000, bank.arrival X 500, bank.deposit X 500, firm.deposit X 500
        bank.to-exchange - 800, exchange.deposit - 800, exchange.loss - 200, exchange.profit - 200, firm.loss V 200, firm.profit X 200
        bank.withdrawal V 300, firm.withdrawal V 300
    """,
    "fbo": """
        bank.arrival - 1000, records.credit V 1000, bank.arrival - 500, records.credit X 500
        +records.card V 200, bank.card-settlement - 200, =records.card
        records.fee X 10, bank.fees - 10, records.fees-paid - 10
        +records.withdrawal V 300, bank.payment - 300, =records.withdrawal
    """,
    "cass7": """
        bank.arrival - 1000, ledger.in V 1000, bank.arrival - 500, ledger.in X 500, bank.arrival-own - 400
        ledger.bought V 200, bank.payment - 200, ledger.market-paid - 200
        bank.top-up - 250, ledger.lent X 250, ledger.fee X 20
        bank.payment - 300, ledger.out V 300
    """,
    "sebi": """
        bank.arrival V 1000, bank.in V 1000, broker.in V 1000, bank.arrival X 500, bank.in X 500, broker.in X 500
        bank.upstream - 1500, corporation.in - 1500
        corporation.pay-in - 200, corporation.pay-out - 200, broker.lost V 200, broker.gained X 200
        +corporation.payout - 300, bank.downstream - 300, =corporation.payout, bank.out V 300, broker.out V 300
    """,
}
# Held in the pools; owed to V and to X; what X owes; what else must be paid; what is over.
ENDS = {
    "third-party": (1150, 500, 650, 0, 0, 0),
    "futures": (1200, 500, 700, 0, 0, 0),
    "fbo": (990, 500, 490, 0, 0, 0),
    # The firm has lent X 250 out of its own money: owed to X, and X's debt offsets nobody.
    "cass7": (1250, 500, 730, 250, 20, 0),
    "sebi": (1200, 500, 700, 0, 0, 0),
}
OPEN_TO = {"third-party": (), "futures": ("member",), "fbo": (), "cass7": ("member",), "sebi": ("member",)}
WHO = {"V": VICTIM, "X": OTHER, "-": VICTIM}


def live(world: World, day: str) -> None:
    held: dict[str, tuple[Walk, Outcome]] = {}
    for said in (part.strip() for line in day.split("\n") for part in line.split(",") if part.strip()):
        where, *rest = said.split()
        if where.startswith("="):
            refused = world.post_held(*held.pop(where[1:]))
        else:
            walk = walk_of(world, where.lstrip("+"), rest[0], int(rest[1]))
            if where.startswith("+"):
                held[where[1:]] = (walk, world.hold(walk))
                refused = held[where[1:]][1].refusal
            else:
                refused = world.walk(walk)
        assert refused is None, f"{said}: {refused}"
    assert held == {}


def walk_of(world: World, where: str, who: str, amount: int) -> Walk:
    book, _, route = where.partition(".")
    kinds, path = world.ring.books[book].kinds, world.ring.books[book].routes[route].path
    source, target = (
        Place(book, kind, WHO[who] if kinds[kind].owner == "client" else kinds[kind].owner)
        for kind in (path[0], path[-1])
    )
    return Walk(book, route, WHO[who], source, target, amount * 100)


@pytest.mark.parametrize("name", DAYS)
def test_a_day_ends_as_it_was_added_up_by_hand_and_every_book_closes(store: Store, name: str) -> None:
    with World(store, ring.load(name), name) as world:
        live(world, DAYS[name])
        world.close_all()
        [statement] = world.segregation(DAY)
        if name in ("third-party", "fbo"):  # where the bank itself keeps both books
            assert world.difference_minor() == 0
    assert figures(statement) == tuple(amount * 100 for amount in ENDS[name])


def figures(statement: Segregation) -> tuple[int, ...]:
    owed = {client.client: client.owed_minor for client in statement.clients}
    return (
        statement.resource_minor, owed["v"], owed["x"], statement.added_back_minor, statement.others_minor,
        statement.excess_minor,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPEN_TO)
def test_each_says_to_whom_it_is_open(name: str) -> None:
    assert ring.decide(ring.load(name)).open_to == OPEN_TO[name]


def test_a_negative_client_is_never_set_off_against_another(store: Store) -> None:
    """CASS 7: what X owes is added back; without the firm's own money that stands for it, there would be a shortfall."""
    with World(store, ring.load("cass7"), "short") as world:
        live(world, DAYS["cass7"].replace("bank.top-up - 250, ", ""))
        [statement] = world.segregation(DAY)
    assert statement.excess_minor == -250_00
    # Set off against each other the two would have looked right.
    assert statement.resource_minor == statement.requirement_minor - statement.added_back_minor + statement.others_minor
