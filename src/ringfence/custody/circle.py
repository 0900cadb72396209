"""The closed circle: the books of the clearing banks and of the exchange, and the persons who act in them.

Each book is a ledger of its own with an owner of its own; what one institution knows of another it reads from a report
of that institution. Nothing here crosses a book in SQL. After every commit in any of them `watch` is called.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ringfence.database import Store, ledgers
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import AccountName, Caps, Ledger, Party, create_ledger, create_member_login
from ringfence.money import render, unit
from ringfence.ring import Ring

EXCHANGE = "exchange"
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
    """A member; its guarantee and its own money are kept at `bank`."""

    name: str
    bank: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client of `member`, bound to the account `account_number` at `bank`."""

    name: str
    member: str
    bank: str
    account_number: str


def create_circle(store: Store, ring: Ring, banks: Sequence[str]) -> None:
    """Make the ledgers of the exchange and of `banks`, or bring them up to this code. Errors: as create_ledger."""
    for bank in banks:
        create_ledger(store, bank, ring.books["bank"].declaration())
    create_ledger(store, EXCHANGE, ring.books["exchange"].declaration())


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

    def limit_withdrawals(self, caps: Caps) -> int:
        """Let the exchange's clerk order withdrawals as far as `caps` go; the officer's grant, and its number.

        Whatever is more than the clerk may do alone, the officer can let pass one by one. What it granted before ends.
        """
        own = self.officer.granted("withdrawal")[0]
        standing = self.clerk.granted("withdrawal")
        if [grant.caps for grant in standing] == [caps]:
            return standing[0].id
        for grant in standing:
            self.officer.revoke(f"revoke:{grant.id}", grant.id)
        key = f"withdrawals:{len(self.officer.grants())}"
        return self.officer.give(key, parent=own.id, grantee="clerk", caps=caps)

    def register(self, members: Iterable[Member], clients: Iterable[Client]) -> None:
        """Register members and clients where they are known, and bind each client at its bank and at the exchange.

        The registrars of bank and exchange do it, who cannot post; what is registered already is left as it is.
        """
        members, clients = list(members), list(clients)
        of_member = {member.name: Party(member.name, "member", None) for member in members}
        for bank in self.banks:
            here = [client for client in clients if client.bank == bank]
            known = [m for m in members if m.bank == bank or any(client.member == m.name for client in here)]
            with Ledger(self._store, bank, "registrar", self._watch) as registrar:
                registrar.register(
                    parties=[
                        Party(CLEARING, "clearing", None),
                        Party(EXCHANGE, "exchange", None),
                        Party(bank, "bank", None),
                        *(of_member[m.name] for m in known),
                        *(Party(client.name, "client", client.member) for client in here),
                    ],
                    accounts=[
                        (AccountName("clearing", CLEARING), None),
                        (AccountName("exchange-client-money", EXCHANGE), None),
                        (AccountName("exchange-own", EXCHANGE), None),
                        (AccountName("exchange-reserve", EXCHANGE), None),
                        *((AccountName("member-transit", m.name), None) for m in known),
                        *((AccountName("member-own", m.name), None) for m in members if m.bank == bank),
                        *((AccountName("member-guarantee", m.name), None) for m in members if m.bank == bank),
                        *((AccountName("client-bank", client.name), client.account_number) for client in here),
                    ],
                    bindings=[(client.name, bank, client.account_number) for client in here],
                )
        with Ledger(self._store, EXCHANGE, "registrar", self._watch) as registrar:
            registrar.register(
                parties=[
                    Party(EXCHANGE, "exchange", None),
                    *(Party(bank, "bank", None) for bank in self.banks),
                    *of_member.values(),
                    *(Party(client.name, "client", client.member) for client in clients),
                ],
                accounts=[
                    *((AccountName("bank-cash", bank), None) for bank in self.banks),
                    *(
                        (AccountName(kind, EXCHANGE), None)
                        for kind in ("settlement", "deferral", "fees-due", "suspense")
                    ),
                    *((AccountName("client-cash", client.name), None) for client in clients),
                ],
                bindings=[(client.name, client.bank, client.account_number) for client in clients],
            )
        for member in members:
            create_member_login(self._store, EXCHANGE, member.name)
        for ledger in self.ledgers:
            ledger.refresh()
