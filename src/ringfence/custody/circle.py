"""The closed circle: the books of the clearing banks and of the exchange, and the persons who act in them.

Each book is a ledger of its own with an owner of its own; what one institution knows of another it reads from a report
of that institution. Nothing here crosses a book in SQL. After every commit in any of them `watch` is called.
"""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg

from ringfence.database import Store, ledgers
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import AccountName, Binding, Caps, Ledger, Party, create_ledger, create_login
from ringfence.ledger.head import Heads
from ringfence.money import render, unit
from ringfence.ring import Ring

EXCHANGE = "exchange"
_INTAKE = "hashtextextended('ringfence intake', 0)"
CLEARING = "clearing"


class NoCircle(RingfenceError):
    """The store at `where` holds no exchange's book."""

    code = "no-circle"
    template: ClassVar[dict[Language, str]] = {
        "en": "there is no circle in {where} yet: `ringfence demo` makes one",
        "zh": "{where} 中尚无封闭圈:`ringfence demo` 会创建一个",
    }


@dataclass(frozen=True, slots=True)
class Member:
    """A member; its guarantee and its own money are kept at `bank`. People call it by its `title`."""

    name: str
    bank: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A client of `member`, bound to the account `account_number` at `bank`; `identity` is a digest of its papers."""

    name: str
    member: str
    bank: str
    account_number: str
    identity: str
    title: str | None = None

    @property
    def party(self) -> Party:
        """The client, as either institution registers it."""
        return Party(self.name, "client", self.member, self.identity, self.title)

    @property
    def binding(self) -> Binding:
        """The account, as either institution says it."""
        return Binding(self.name, self.bank, self.account_number, self.identity)


def create_circle(store: Store, ring: Ring, banks: Sequence[str]) -> None:
    """Make the ledgers of the exchange and of `banks`, or bring them up to this code. Errors: as create_ledger.

    Besides the persons that the ring names there is, in every book, the supervisor, who reads; and at the exchange the
    window, through which clients read what is theirs, and the door that admits them to it.
    """
    for bank in banks:
        create_ledger(store, bank, ring.books["bank"].declaration())
    create_ledger(store, EXCHANGE, ring.books["exchange"].declaration())
    for book in (*banks, EXCHANGE):
        create_login(store, book, "supervisor", "reads")
    create_login(store, EXCHANGE, "window", "member")
    create_login(store, EXCHANGE, "door", "admits")


def banks_of(store: Store) -> list[str]:
    """The clearing banks whose books are in the store, as the exchange has registered them. Errors: NoCircle."""
    with store.connect() as administrator:
        found = ledgers(administrator)
    if EXCHANGE not in found:
        raise NoCircle(where=store.where)
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        return sorted(party.name for party in ledger.parties.values() if party.role == "bank")


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


@contextlib.contextmanager
def intake(ledger: Ledger, *, frozen: bool) -> Iterator[None]:
    """Hold nothing out of the circle while a settlement has it `frozen`, and settle nothing while something is being held.

    What was planned for a client in the evening must still be there when it is booked. A lock of the database, so it ends
    with whoever has it.
    """
    kind = "" if frozen else "_shared"
    ledger.connection.execute(f"SELECT pg_advisory_lock{kind}({_INTAKE})".encode())
    try:
        yield
    finally:
        with contextlib.suppress(psycopg.OperationalError):
            ledger.connection.execute(f"SELECT pg_advisory_unlock{kind}({_INTAKE})".encode())


class Circle:
    """All books, each entered by the persons who have work in it."""

    def __init__(self, store: Store, banks: Sequence[str], watch: Callable[[], None] | None = None) -> None:
        self.banks = tuple(banks)
        self._store = store
        with contextlib.ExitStack() as opening:

            def enter(ledger: str, person: str) -> Ledger:
                return opening.enter_context(Ledger(store, ledger, person, watch))

            self.link = enter(EXCHANGE, "link")
            self.officer = enter(EXCHANGE, "officer")
            self.clerk = enter(EXCHANGE, "clerk")
            self.settlement = enter(EXCHANGE, "settlement")
            self.teller = {bank: enter(bank, "teller") for bank in banks}
            self.bank_clerk = {bank: enter(bank, "clerk") for bank in banks}
            self._watch = watch
            self._registered: dict[str, Binding] | None = None
            self._open = opening.pop_all()

    def __enter__(self) -> Circle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave all books."""
        self._open.close()

    @property
    def ledgers(self) -> list[Ledger]:
        """Every way into a book, several for each."""
        return [self.link, self.officer, self.clerk, self.settlement, *self.teller.values(), *self.bank_clerk.values()]

    def open_day(self, day: datetime.date) -> None:
        """Open `day` as the booking day of every book where it is not over, by the persons who close it in the evening."""
        for ledger in (*self.bank_clerk.values(), self.settlement):
            if ledger.closed_through < day:
                ledger.open_day(day)

    def close_day(self, day: datetime.date) -> None:
        """Close every day up to `day` in every book, the exchange's first."""
        for ledger in (self.settlement, *self.bank_clerk.values()):
            ledger.close_day(day)

    @property
    def registered(self) -> dict[str, Binding]:
        """The registered account of each client, as the exchange has it."""
        if self._registered is None:
            self._registered = {r.binding.client: r.binding for r in self.clerk.bindings() if not r.waiting}
        return self._registered

    def limit(self, route: str, caps: Caps) -> int:
        """Let the exchange's person who asks on `route` do so as far as `caps` go; the officer's grant, and its number.

        What it granted before ends. Whatever is more than the clerk may let out alone, the officer can let pass one by one.
        """
        person, asker = {"withdrawal": ("clerk", self.clerk), "fee": ("settlement", self.settlement)}[route]
        own = self.officer.granted(route)[0]
        standing = asker.granted(route)
        if [grant.caps for grant in standing] == [caps]:
            return standing[0].id
        for grant in standing:
            self.officer.revoke(f"revoke:{grant.id}", grant.id)
        return self.officer.give(str(uuid.uuid4()), parent=own.id, grantee=person, caps=caps)

    def sign_heads(self) -> None:
        """Sign the head of every book. Errors: as Heads.sign."""
        heads = Heads(self._store)
        for ledger in (*self.bank_clerk.values(), self.settlement):
            heads.sign(ledger)

    def register(self, members: Iterable[Member], clients: Iterable[Client]) -> None:
        """Register members and clients where they are known, and bind each client at its bank and at the exchange.

        The registrars of bank and exchange do it, who cannot post; what is registered already is left as it is.
        Errors: Refused.
        """
        members, clients = list(members), list(clients)
        of_member = {member.name: Party(member.name, "member", title=member.title) for member in members}
        for bank in self.banks:
            here = [client for client in clients if client.bank == bank]
            known = [m for m in members if m.bank == bank or any(client.member == m.name for client in here)]
            with self._as("registrar", bank) as registrar:
                registrar.register(
                    parties=[
                        Party(CLEARING, "clearing"),
                        Party(EXCHANGE, "exchange"),
                        Party(bank, "bank"),
                        *(of_member[m.name] for m in known),
                        *(client.party for client in here),
                    ],
                    accounts=[
                        (AccountName("clearing", CLEARING), None),
                        (AccountName("exchange-client-money", EXCHANGE), None),
                        (AccountName("exchange-own", EXCHANGE), None),
                        (AccountName("exchange-reserve", EXCHANGE), None),
                        *((AccountName("member-transit", m.name), None) for m in known),
                        *((AccountName("member-own", m.name), None) for m in members if m.bank == bank),
                        *((AccountName("member-guarantee", m.name), None) for m in members if m.bank == bank),
                    ],
                )
        with self._as("registrar", EXCHANGE) as registrar:
            registrar.register(
                parties=[
                    Party(EXCHANGE, "exchange"),
                    *(Party(bank, "bank") for bank in self.banks),
                    *of_member.values(),
                    *(client.party for client in clients),
                ],
                accounts=[
                    *((AccountName("bank-cash", bank), None) for bank in self.banks),
                    *(
                        (AccountName(kind, EXCHANGE), None)
                        for kind in ("settlement", "deferral", "fees-due", "suspense")
                    ),
                    *((AccountName("client-cash", client.name), None) for client in clients),
                ],
            )
            self._let_read(registrar, members)
        self.bind(clients)

    def _let_read(self, registrar: Ledger, members: Iterable[Member]) -> None:
        """Members read their clients, each under a grant of the registrar's."""
        own = registrar.granted(None)[0]
        readers = {grant.scope for grant in registrar.grants("read") if not grant.ended}
        for member in members:
            grantee = f"member_{member.name}"
            create_login(self._store, EXCHANGE, grantee, "member")
            if member.name not in readers:
                registrar.give(str(uuid.uuid4()), parent=own.id, grantee=grantee, scope=member.name)

    def bind(self, clients: Iterable[Client]) -> None:
        """Bind clients to their accounts, or to other ones (K5): opened and bound by the bank, bound by the exchange, and
        each confirmed in the words of the other. A change waits before it is in force.

        Errors: Refused where the two do not say the same, or for an account of another client.
        """
        wanted = [client.binding for client in clients]
        # What each institution says of its clients' accounts: what it has bound last.
        says: dict[str, dict[str, Binding]] = {}
        for book in (*self.banks, EXCHANGE):
            here = [binding for binding in wanted if book in (binding.bank, EXCHANGE)]
            with self._as("registrar", book) as registrar:
                if book != EXCHANGE:
                    registrar.register(accounts=_new_accounts(registrar, here))
                said = {registered.binding for registered in registrar.bindings()}
                registrar.bind([binding for binding in here if binding not in said])
                says[book] = {registered.binding.client: registered.binding for registered in registrar.bindings()}
        for book in (*self.banks, EXCHANGE):
            with self._as("intake", book) as intake:
                waiting = [registered.binding for registered in intake.bindings() if registered.waiting]
                others = (
                    says[binding.bank if book == EXCHANGE else EXCHANGE].get(binding.client) for binding in waiting
                )
                intake.confirm([words for words in others if words is not None])
        for ledger in self.ledgers:
            ledger.refresh()
        self._registered = None

    def _as(self, person: str, book: str) -> Ledger:
        return Ledger(self._store, book, person, self._watch)


def _new_accounts(registrar: Ledger, bindings: Iterable[Binding]) -> list[tuple[AccountName, str | None]]:
    """The bank accounts that are not open yet, each the next of its owner's."""
    opened = Counter(name.owner for name in registrar.accounts if name.kind == "client-bank")
    return [
        (AccountName("client-bank", binding.client, ordinal=opened[binding.client] + 1), binding.account_number)
        for binding in bindings
        if binding.account_number not in registrar.numbered
    ]
