"""The closed circle: the books of the clearing banks and of the exchange, made, found, and run in one process.

Each book is a ledger of its own with an owner of its own; what one institution knows of another it has from a signed letter of
that institution. Nothing here crosses a book in SQL.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ringfence.custody.counter import Counter, Deposit
from ringfence.custody.exchange import Exchange, linked
from ringfence.custody.parties import EXCHANGE, Client, Member, institutions
from ringfence.custody.registering import (
    bind_at_bank,
    bind_at_exchange,
    confirm_bindings,
    register_at_bank,
    register_at_exchange,
)
from ringfence.custody.requests import create_requests
from ringfence.custody.taking_over import take_over
from ringfence.database import Store
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Ledger, Refusal, create_ledger, create_login
from ringfence.ledger.head import Heads
from ringfence.links import Correspondent, correspondents, create_letters, public_key_of, trust
from ringfence.money import render, unit
from ringfence.ring import Ring


class NoCircle(RingfenceError):
    """The store at `where` holds no book of a circle."""

    code = "no-circle"
    template: ClassVar[dict[Language, str]] = {
        "en": "there is no circle in {where} yet: `ringfence demo` makes one",
        "zh": "{where} 中尚无封闭圈:`ringfence demo` 会创建一个",
    }


def create_book(store: Store, ring: Ring, book: str) -> None:
    """Make the ledger of one institution, the exchange's or a clearing bank's, or bring it up to this code.

    Besides the persons that the ring names there is, in every book, the supervisor, who reads; and at the exchange the
    window, through which clients read what is theirs, and the door that admits them to it. Errors: as create_ledger.
    """
    create_ledger(store, book, ring.books["exchange" if book == EXCHANGE else "bank"].declaration())
    create_login(store, book, "supervisor", "reads")
    if book == EXCHANGE:
        create_login(store, EXCHANGE, "window", "member")
        create_login(store, EXCHANGE, "door", "admits")
        create_requests(store)
    create_post(store, book)


def create_post(store: Store, book: str) -> None:
    """Make the letter box of one institution: the exchange acts upon reports, a bank upon the exchange's letters."""
    create_letters(store, book, ("link", "clerk", "intake") if book == EXCHANGE else ("clerk",))


def create_circle(store: Store, ring: Ring, banks: Sequence[str]) -> None:
    """Make the books of the exchange and of `banks` in one store, and let the two sides of each link know each other.

    Errors: as create_book.
    """
    for book in (*banks, EXCHANGE):
        create_book(store, ring, book)
    introduce(store, banks)


def introduce(store: Store, banks: Iterable[str]) -> None:
    """Let the exchange and `banks`, whose books are in the same store, know each other by the keys they have here."""
    for bank in banks:
        for book, other in ((bank, EXCHANGE), (EXCHANGE, bank)):
            with store.connect() as administrator:
                known = correspondents(administrator, book).get(other)
            if known is None or known.public_key != public_key_of(store, other):
                trust(store, book, Correspondent(other, public_key_of(store, other), ""))


def books_here(store: Store) -> list[str]:
    """The institutions whose books are in the store: the exchange's last. Errors: NoCircle where there is none."""
    with store.connect() as administrator:
        found = institutions(administrator)
    if not found:
        raise NoCircle(where=store.where)
    return found


def banks_of(store: Store) -> list[str]:
    """The clearing banks of the circle: as the exchange has registered them; where its book is not here, those whose books are.

    Errors: NoCircle.
    """
    here = books_here(store)
    if EXCHANGE not in here:
        return here
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        return sorted(party.name for party in ledger.parties.values() if party.role == "bank")


def members_of(store: Store) -> list[str]:
    """The members that the exchange here has registered; none where its book is not here. Errors: NoCircle."""
    if EXCHANGE not in books_here(store):
        return []
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        return sorted(party.name for party in ledger.parties.values() if party.role == "member")


def book_figures(store: Store, books: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Per book: accounts, postings, and per unit the total of what is positive, which is that of what is negative."""
    figures = {}
    for book in books:
        with Ledger(store, book, "auditor") as ledger:
            ((accounts, postings),) = ledger.rows("SELECT (SELECT count(*) FROM {0}.account), posting FROM {0}.head")
            totals = ledger.rows(
                "SELECT unit, coalesce(sum(balance) FILTER (WHERE balance > 0), 0)::bigint FROM {}.balances GROUP BY unit"
            )
        rendered = {code: render(total, unit(code)) for code, total in totals}
        figures[book] = {"accounts": accounts, "postings": postings, "totals": rendered}
    return figures


class Circle(Exchange):
    """The whole circle in one process: the exchange, and its clearing banks with their tellers.

    After every commit in any book `watch` is called.
    """

    def __init__(self, store: Store, banks: Sequence[str], watch: Callable[[], None] | None = None) -> None:
        with contextlib.ExitStack() as opening:
            super().__init__(store, opening.enter_context(linked(store, banks, watch=watch)), watch)
            opening.callback(super().close)

            def enter(bank: str, person: str) -> Ledger:
                return opening.enter_context(Ledger(store, bank, person, watch))

            self.teller = {bank: enter(bank, "teller") for bank in banks}
            self.bank_clerk = {bank: enter(bank, "clerk") for bank in banks}
            self.counter = {bank: Counter(teller) for bank, teller in self.teller.items()}
            self._circle_open = opening.pop_all()

    def __enter__(self) -> Circle:
        return self

    def close(self) -> None:
        """Leave all books."""
        self._circle_open.close()

    def refresh(self) -> None:
        """Read again who is registered."""
        super().refresh()
        for clerk in self.bank_clerk.values():
            clerk.refresh()
        for counter in self.counter.values():
            counter.refresh()

    def sign_heads(self) -> None:
        """Sign the head of every book. Errors: as Heads.sign."""
        heads = Heads(self._store)
        for ledger in (*self.bank_clerk.values(), self.settlement):
            heads.sign(ledger)

    # -- at the banks' counters ---------------------------------------------------------------------------------------

    def arrive(self, day: datetime.date, amounts: Mapping[str, tuple[str, int]]) -> list[Refusal]:
        """Let money reach clients' own bank accounts: (client, amount in fen) by key."""
        refusals = []
        for bank, counter in self.counter.items():
            here = {key: said for key, said in amounts.items() if self._bank(said[0]) == bank}
            refusals += counter.arrive(day, here)
        return refusals

    def deposit(self, day: datetime.date, deposits: Sequence[Deposit]) -> list[Refusal]:
        """Pay in at the banks, then credit at the exchange. Errors: BadInput for an unknown client; TakeOverRefused."""
        refusals = []
        for bank, counter in self.counter.items():
            refusals += counter.deposit(day, [one for one in deposits if self._bank(one.client) == bank])
        take_over(self.link, self.clearing)
        return refusals

    def _bank(self, client: str) -> str:
        self.clerk.party(client)
        return self.registered[client].bank

    # -- registering --------------------------------------------------------------------------------------------------

    def register(self, members: Collection[Member], clients: Collection[Client]) -> None:
        """Register members and clients where they are known, and bind each client at its bank and at the exchange.

        What is registered already is left as it is. Errors: Refused.
        """
        members, clients = list(members), list(clients)
        for bank in self.banks:
            register_at_bank(self._store, bank, members, clients, self._watch)
        register_at_exchange(self._store, self.banks, members, clients, self._watch)
        self.bind(clients)

    def bind(self, clients: Iterable[Client]) -> None:
        """Bind clients to their accounts, or to other ones (K5): opened and bound by the bank, bound by the exchange, and
        each confirmed in the words of the other. A change waits before it is in force.

        Errors: Refused where the two do not say the same, or for an account of another client.
        """
        wanted = [client.binding for client in clients]
        for bank in self.banks:
            bind_at_bank(self._store, bank, wanted, self._watch)
        bind_at_exchange(self._store, wanted, self._watch)
        confirm_bindings(self._store, self.clearing.values(), self._watch)
        self.refresh()
