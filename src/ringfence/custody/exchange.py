"""The exchange: its own book, entered by the persons who have work in it, and the clearing banks by their letters."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from ringfence.custody.bank_answering import BankAnswering
from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.parties import EXCHANGE
from ringfence.database import Store, ledgers, locked
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Binding, Caps, Ledger
from ringfence.ledger.head import Heads
from ringfence.links import Direct, LetterBox, OverHttp, Transport, correspondents


class NoLink(RingfenceError):
    """The exchange has no way to the clearing bank `bank`: its book is not in this store, and no address is known of it."""

    code = "no-link"
    template: ClassVar[dict[Language, str]] = {
        "en": "there is no link to {bank}: its book is not in this store; `ringfence link trust {bank}` says where it answers",
        "zh": "没有通往 {bank} 的链路:其账簿不在本库中;可用 `ringfence link trust {bank}` 登记其地址",
    }


@contextlib.contextmanager
def linked(
    store: Store,
    banks: Iterable[str],
    here: Mapping[str, BankAnswering] = MappingProxyType({}),
    watch: Callable[[], None] | None = None,
) -> Iterator[dict[str, ClearingBank]]:
    """The clearing banks by name, each over its link: where an address is known of it, there; else within this process.

    Those that answer `here` already are asked; others whose books are in the store are opened. Errors: NoLink; as Ledger.
    """
    box = LetterBox(store, EXCHANGE)
    with contextlib.ExitStack() as opening:
        with Ledger(store, EXCHANGE, "auditor") as book:
            known = correspondents(book.connection, EXCHANGE)
            kept = ledgers(book.connection)
        found = {}
        for bank in banks:
            transport: Transport
            if bank in known and known[bank].address:
                transport = OverHttp(known[bank])
                opening.callback(transport.close)
            elif bank in here:
                transport = Direct(here[bank].answer)
            elif bank in kept:
                answering = BankAnswering(store, bank, watch)
                opening.callback(answering.close)
                transport = Direct(answering.answer)
            else:
                raise NoLink(bank=bank)
            found[bank] = ClearingBank(bank, box, transport)
        yield found


@contextlib.contextmanager
def intake(ledger: Ledger, *, frozen: bool) -> Iterator[None]:
    """Hold nothing out of the circle while a settlement has it `frozen`, and settle nothing while something is being held.

    What was planned for a client in the evening must still be there when it is booked. A lock of the database, so it ends
    with whoever has it.
    """
    with locked(ledger.connection, "ringfence intake", shared=not frozen):
        yield


@contextlib.contextmanager
def deciding(ledger: Ledger) -> Iterator[None]:
    """Decide alone what a client may still use, and hold it: no order and no withdrawal counts on what another has just taken.

    As `intake`, nothing is settled meanwhile.
    """
    with intake(ledger, frozen=False), locked(ledger.connection, "ringfence deciding"):
        yield


@contextlib.contextmanager
def alone(ledger: Ledger, what: Literal["take over", "order"], bank: str) -> Iterator[None]:
    """One of the exchange's processes at a time does that with a bank; who comes second finds it done. A lock of the database."""
    with locked(ledger.connection, f"ringfence {what} {bank}"):
        yield


def each(banks: Iterable[str], act: Callable[[str], None]) -> None:
    """Do something with each bank; one that is silent, or says what cannot be, does not keep the others waiting.

    Errors: the first that came, after all had their turn.
    """
    first: RingfenceError | None = None
    for bank in banks:
        try:
            act(bank)
        except RingfenceError as error:
            first = first or error
    if first is not None:
        raise first


class Exchange:
    """The exchange. `clearing` has its clearing banks by name; `watch` is called after every commit in its book."""

    def __init__(
        self, store: Store, clearing: Mapping[str, ClearingBank], watch: Callable[[], None] | None = None
    ) -> None:
        self.clearing = clearing
        self.banks = tuple(clearing)
        self._store = store
        self._watch = watch
        with contextlib.ExitStack() as opening:

            def enter(person: str) -> Ledger:
                return opening.enter_context(Ledger(store, EXCHANGE, person, watch))

            self.link = enter("link")
            self.officer = enter("officer")
            self.clerk = enter("clerk")
            self.settlement = enter("settlement")
            self._open = opening.pop_all()
        self._registered: dict[str, Binding] | None = None

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the book."""
        self._open.close()

    def refresh(self) -> None:
        """Read again who is registered."""
        for ledger in (self.link, self.officer, self.clerk, self.settlement):
            ledger.refresh()
        self._registered = None

    def open_day(self, day: datetime.date) -> None:
        """Open `day` as the booking day at every bank and here, where it is not over, by the persons who close it."""
        for bank in self.clearing.values():
            bank.open_day(self.link.connection, day)
        if self.settlement.closed_through < day:
            self.settlement.open_day(day)

    def close_day(self, day: datetime.date) -> None:
        """Close every day up to `day`, here first and then at every bank."""
        self.settlement.close_day(day)
        for bank in self.clearing.values():
            bank.close_day(self.link.connection, day)

    @property
    def registered(self) -> dict[str, Binding]:
        """The registered account of each client."""
        if self._registered is None:
            self._registered = {r.binding.client: r.binding for r in self.clerk.bindings() if not r.waiting}
        return self._registered

    def limit(self, route: str, caps: Caps) -> int:
        """Let the person who asks on `route` do so as far as `caps` go; the officer's grant, and its number.

        What it granted before ends. Whatever is more than the clerk may let out alone, the officer can let pass one by one.
        """
        person, asker = {
            "withdrawal": ("clerk", self.clerk),
            "fee": ("settlement", self.settlement),
            "left-over": ("settlement", self.settlement),
        }[route]
        own = self.officer.granted(route)[0]
        standing = asker.granted(route)
        if [grant.caps for grant in standing] == [caps]:
            return standing[0].id
        for grant in standing:
            self.officer.revoke(f"revoke:{grant.id}", grant.id)
        return self.officer.give(str(uuid.uuid4()), parent=own.id, grantee=person, caps=caps)

    def sign_heads(self) -> None:
        """Sign the head of the book. Errors: as Heads.sign."""
        Heads(self._store).sign(self.settlement)
