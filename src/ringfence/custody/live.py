"""The circle as it runs: single deposits of many callers at the banks, each posted once; and the exchange, which follows its banks.

Each bank's teller has one desk, so that whatever comes in at the same moment goes into one commit. Whoever pays in waits for both,
the bank's posting and the exchange's credit: the bank asks the exchange what has become of its postings, all that wait in one
letter, and the exchange takes over what it has not booked yet. Should it not answer in time, the deposit stands at the bank and is in
transit, which is said and not guessed. Besides, the exchange looks by itself, since not everybody asks.

A key is used once and for good, on whatever day it comes again: what was posted under it is then found by its own value date.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ringfence.custody.bank_answering import BankAnswering
from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.counter import Deposit, deposit_instruction
from ringfence.custody.exchange import linked
from ringfence.custody.exchange_answering import MOST_POSTINGS, ExchangeAnswering
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.repeating import Repeating
from ringfence.custody.taking_over import take_over
from ringfence.database import Kept, Store
from ringfence.errors import BadInput
from ringfence.ledger import Control, Desk, Instruction, Ledger, Outcome
from ringfence.links import Direct, Letter, LetterBox, OverHttp, Transport, correspondents

_LOOKS_EVERY_S = 0.25
# How long a deposit waits for the exchange before it is reported as in transit.
PATIENCE_S = 5.0
_ANOTHER_DAY = (Control.SHUT, Control.DAY, Control.DATED)


class Credit(NamedTuple):
    """The exchange's posting for what a bank has confirmed, and its route: `deposit`, or `unknown` where it waits."""

    posting: int
    route: str


@dataclass(frozen=True, slots=True)
class Deposited:
    """What became of a deposit: the bank's outcome; and the exchange's credit, None where it was refused or is in transit."""

    outcome: Outcome
    credit: Credit | None


class Live:
    """The institutions that run in this process: those of `books`; the exchange with its `banks`, wherever they are.

    Errors on opening: as linked.
    """

    def __init__(self, store: Store, books: Collection[str], banks: Collection[str]) -> None:
        self.clearing: dict[str, ClearingBank] = {}
        self._exchange: ExchangeAnswering | None = None
        with contextlib.ExitStack() as opening:
            self.banks: dict[str, Bank] = {}
            for name in books:
                if name != EXCHANGE:
                    self.banks[name] = Bank(store, name)
                    opening.callback(self.banks[name].close)
            if EXCHANGE in books:
                here = {name: bank.answering for name, bank in self.banks.items()}
                self.clearing = opening.enter_context(linked(store, banks, here))
                self._exchange = ExchangeAnswering(store, self.clearing)
                opening.callback(self._exchange.close)
                follower = Follower(store, self.clearing)
                opening.callback(follower.close)
                for bank in self.banks.values():
                    bank.reach(Direct(self._exchange.answer))
            self._open = opening.pop_all()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Post what is waiting, and leave all books."""
        # Whoever waits for the exchange stops first.
        for bank in self.banks.values():
            bank.stop()
        self._open.close()

    def answer(self, letter: Letter) -> Letter:
        """Let the institution answer that a letter is to. Errors: LetterRefused (`address`) where it is not here; as it."""
        to = letter.said["to"]
        if to == EXCHANGE and self._exchange is not None:
            return self._exchange.answer(letter)
        if to in self.banks:
            return self.banks[to].answering.answer(letter)
        raise letter.refuse("address")

    async def deposit(self, bank: str, deposit: Deposit) -> Deposited:
        """Pay in at `bank` and wait for the credit. Errors: as Bank.deposit."""
        return await self.banks[bank].deposit(deposit)


@dataclass(slots=True)
class _Waiting:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Credit]

    def answer(self, credit: Credit) -> None:
        # A loop that is closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, credit)

    def _settle(self, credit: Credit) -> None:
        if not self.future.done():
            self.future.set_result(credit)


class Bank:
    """A running bank: its teller's desk, its answers to the exchange, and the deposits that wait for the exchange's credit."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._teller = _Teller(store, name)
        self.answering = BankAnswering(store, name)
        self._box = LetterBox(store, name)
        with self.answering.reading() as book:
            known = correspondents(book.connection, name).get(EXCHANGE)
        self._exchange: Transport | None = OverHttp(known) if known and known.address else None
        self._waiting: dict[int, list[_Waiting]] = {}
        self._turn = threading.Lock()
        self._asking = Repeating(
            f"ringfence {name} asking", self._ask, _LOOKS_EVERY_S, f"{name} does not learn what the exchange has booked"
        )

    def stop(self) -> None:
        """Ask the exchange no more."""
        self._asking.close()

    def close(self) -> None:
        """Post what is waiting, and leave the book."""
        self._asking.close()
        self._teller.close()
        self.answering.close()

    def reach(self, exchange: Transport) -> None:
        """Where no address of the exchange's is known: it is reached this way."""
        self._exchange = self._exchange or exchange

    async def deposit(self, deposit: Deposit) -> Deposited:
        """Pay in and wait for the credit. Errors: BadInput for a client that the bank does not know; as Desk.post."""
        outcome = await self._teller.deposit(deposit)
        if outcome.posting is None:
            return Deposited(outcome, None)
        return Deposited(outcome, await self._credit(outcome.posting))

    async def _credit(self, posting: int) -> Credit | None:
        """Wait until the exchange says that it has booked a posting; None if it has not by then."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop, loop.create_future())
        with self._turn:
            self._waiting.setdefault(posting, []).append(waiting)
        self._asking.nudge()
        try:
            return await asyncio.wait_for(waiting.future, PATIENCE_S)
        except TimeoutError:
            return None
        finally:
            with self._turn:
                left = [other for other in self._waiting.pop(posting, []) if other is not waiting]
                if left:
                    self._waiting[posting] = left

    def _ask(self) -> None:
        """Ask what has become of every posting that somebody waits for."""
        with self._turn:
            postings = sorted(self._waiting)[:MOST_POSTINGS]
        if not postings or self._exchange is None:
            return
        asked = self._box.write(EXCHANGE, "booked", {"postings": postings})
        answer = self._exchange.ask(asked)
        with self.answering.reading() as book:
            self._box.check(book.connection, answer, re=asked.digest)
        if answer.sender != EXCHANGE:
            raise answer.refuse("answer")
        booked = {int(posting): Credit(int(other), str(route)) for posting, other, route in answer.content["booked"]}
        with self._turn:
            told = [(one, credit) for posting, credit in booked.items() for one in self._waiting.get(posting, ())]
        for one, credit in told:
            one.answer(credit)


class _Teller:
    """A bank's teller: its registry, and its desk."""

    def __init__(self, store: Store, bank: str) -> None:
        self._bank = bank
        self._book = Kept(store, lambda: Ledger(store, bank, "teller"))
        self._desk = Desk(lambda: Ledger(store, bank, "teller"))
        self._registered: dict[str, str] = {}
        self._asking = threading.Lock()
        with self._book.use() as book:
            self._names = book
            self._day = book.day

    def close(self) -> None:
        self._desk.close()
        self._book.close()

    async def deposit(self, deposit: Deposit) -> Outcome:
        if deposit.client not in self._registered:
            await asyncio.to_thread(self._look_again, deposit.client)
        asked = deposit_instruction(self._names, deposit, self._registered[deposit.client], self._day)
        outcome = await self._desk.post_soon(asked)
        if outcome.refusal and outcome.refusal.control in (Control.KEY, *_ANOTHER_DAY):
            # Another day may be open since; or the key may be of an earlier day, and for the very same.
            again = await asyncio.to_thread(self._dated, asked)
            if again != asked:
                outcome = await self._desk.post_soon(again)
        return outcome

    def _look_again(self, client: str) -> None:
        """Read again who is registered at this bank. Errors: BadInput where the client is not; StoreUnreachable."""
        with self._asking, self._book.use() as book:
            book.refresh()
            # The names that were read serve on while the book itself is lost.
            self._names = book
            self._registered = {r.binding.client: r.binding.account_number for r in book.bindings()}
            self._desk.refresh()
        if client not in self._registered:
            raise BadInput("client", client, f"a client that is bound to an account at {self._bank}")

    def _dated(self, asked: Instruction) -> Instruction:
        with self._asking, self._book.use() as book:
            self._day = book.day
            before = book.rows("SELECT value_date FROM {}.posting WHERE key = %s", (asked.key,))
        day: datetime.date = before[0][0] if before else self._day
        return replace(asked, value_date=day)


class Follower:
    """The thread in which the exchange takes over by itself what its banks have posted.

    Nothing is lost while it cannot: what the banks have posted stays in transit until it can be taken over.
    """

    def __init__(self, store: Store, clearing: Mapping[str, ClearingBank]) -> None:
        self._clearing = clearing
        self._link = Kept(store, lambda: Ledger(store, EXCHANGE, "link"))
        self._thread = Repeating(
            "ringfence follower", self._take_over, _LOOKS_EVERY_S, "the exchange does not follow its banks"
        )

    def close(self) -> None:
        """Take over what is there, and stop."""
        self._thread.close()
        self._link.close()

    def _take_over(self) -> None:
        with self._link.use() as link:
            take_over(link, self._clearing)
