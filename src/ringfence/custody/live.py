"""The circle as it runs: single deposits of many callers, each posted once and credited as soon as the exchange follows.

Each bank's teller has one desk, so that whatever comes in at the same moment goes into one commit. One thread, the *follower*,
takes over what the banks have posted, the exchange's only one to do so; it is nudged by every deposit and looks by itself
besides, since others post too. Whoever pays in waits for both, the bank's posting and the exchange's credit; should the
exchange not follow in time, the deposit stands at the bank and is in transit, which is said and not guessed.

A key is used once and for good, on whatever day it comes again: what was posted under it is then found by its own value date.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ringfence.custody.circle import EXCHANGE
from ringfence.custody.repeating import Repeating
from ringfence.custody.taking_over import take_over
from ringfence.custody.transfers import Deposit, deposit_instruction
from ringfence.database import Kept, Store
from ringfence.errors import BadInput
from ringfence.ledger import Control, Desk, Instruction, Ledger, Outcome

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


@dataclass(slots=True)
class _Waiting:
    key: str
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Credit]

    def answer(self, credit: Credit) -> None:
        # A loop that is closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, credit)

    def _settle(self, credit: Credit) -> None:
        if not self.future.done():
            self.future.set_result(credit)


class Live:
    """The running circle of `banks`. Errors on opening: as Circle."""

    def __init__(self, store: Store, banks: Sequence[str]) -> None:
        self.banks = tuple(banks)
        self._store = store
        with contextlib.ExitStack() as opening:
            self._tellers = {bank: _Teller(store, bank) for bank in banks}
            for teller in self._tellers.values():
                opening.callback(teller.close)
            self.follower = opening.enter_context(Follower(store, banks))
            self._open = opening.pop_all()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Post what is waiting, and leave all books."""
        self._open.close()

    async def deposit(self, bank: str, deposit: Deposit) -> Deposited:
        """Pay in at `bank` and wait for the credit. Errors: BadInput for a client that the bank does not know; as Desk.post."""
        outcome = await self._tellers[bank].deposit(deposit)
        if outcome.posting is None:
            return Deposited(outcome, None)
        return Deposited(outcome, await self.follower.credit(f"{bank}:{outcome.posting}", PATIENCE_S))


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


class _Books:
    """The exchange's link, and a login in each bank's book by which its reports are read."""

    def __init__(self, store: Store, banks: Sequence[str]) -> None:
        with contextlib.ExitStack() as opening:
            self.banks = {bank: opening.enter_context(Ledger(store, bank, "clerk")) for bank in banks}
            self.link = opening.enter_context(Ledger(store, EXCHANGE, "link"))
            self._open = opening.pop_all()

    def close(self) -> None:
        self._open.close()


class Follower:
    """The thread in which the exchange takes over what its banks have posted."""

    def __init__(self, store: Store, banks: Sequence[str]) -> None:
        self._books = Kept(store, lambda: _Books(store, banks))
        self._waiting: dict[str, list[_Waiting]] = {}
        self._turn = threading.Lock()
        self._begun = 0
        self._ended = threading.Condition()
        self._reached = 0
        self.trouble: Exception | None = None
        self._thread = Repeating(
            "ringfence follower",
            self._take_over,
            _LOOKS_EVERY_S,
            "the exchange does not follow its banks",
            self._stumble,
        )

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Take over what is there, and stop."""
        self._thread.close()
        self._books.close()

    def catch_up(self, seconds: float = PATIENCE_S) -> None:
        """Wait until everything is taken over that the banks have posted by now.

        Errors: whatever keeps the exchange from following; TimeoutError.
        """
        # A pass that is under way may have looked before.
        wanted = self._begun + 1
        self._thread.nudge()
        with self._ended:
            if not self._ended.wait_for(lambda: self._reached >= wanted or self.trouble is not None, seconds):
                raise TimeoutError("the exchange does not follow its banks")
        if self.trouble is not None:
            raise self.trouble

    async def credit(self, key: str, patience_s: float) -> Credit | None:
        """Wait until the exchange has booked the bank's posting of that `key`; None if it has not by then."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(key, loop, loop.create_future())
        with self._turn:
            self._waiting.setdefault(key, []).append(waiting)
        self._thread.nudge()
        try:
            return await asyncio.wait_for(waiting.future, patience_s)
        except TimeoutError:
            return None
        finally:
            with self._turn:
                left = [other for other in self._waiting.pop(key, []) if other is not waiting]
                if left:
                    self._waiting[key] = left

    def _take_over(self) -> None:
        with self._books.use() as books:
            self._begun += 1
            take_over(books.link, books.banks)
            self.trouble = None
            with self._ended:
                self._reached = self._begun
                self._ended.notify_all()
            self._answer(books.link)

    def _answer(self, link: Ledger) -> None:
        """Tell whoever waits what has been booked."""
        with self._turn:
            keys = list(self._waiting)
        if not keys:
            return
        found = link.rows(
            "SELECT p.key, p.id, r.name FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route WHERE p.key = ANY (%s)",
            (keys,),
        )
        with self._turn:
            answers = [(waiting, Credit(*row[1:])) for row in found for waiting in self._waiting.get(row[0], ())]
        for waiting, credit in answers:
            waiting.answer(credit)

    def _stumble(self, error: Exception) -> None:
        """Nothing is lost: what the banks have posted stays in transit until it can be taken over."""
        with self._ended:
            self.trouble = error
            self._ended.notify_all()
