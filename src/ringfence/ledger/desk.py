"""The desk of one login: whoever has a single instruction leaves it here, and gets its own outcome.

One thread is the only writer. It takes whatever is waiting, up to a full batch, and posts that in one commit; while the
database works, the next batch gathers by itself, so there is nothing to tune. Those who were answered together mostly ask
again together, so it waits a moment, far less than a commit takes, for as many as they were. The queue is bounded: who finds
it full waits for room, as long as it will, and is then told so. Threads and coroutines may use the same desk.

    with Desk(lambda: Ledger(store, "exchange", "clerk")) as desk:
        outcome = desk.post(instruction)            # from any thread
        outcome = await desk.post_soon(instruction) # from any event loop

What an instruction gets is decided for it alone. One that cannot be sent at all never reaches a batch; should a batch fail
as a whole all the same, its instructions are posted one by one. If the database is lost while a batch is under way, nobody
knows whether it was written: its callers are told that, and to ask again with the same key, which never posts twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

import psycopg

from ringfence.database import StoreUnreachable
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger.grant import Refused
from ringfence.ledger.instruction import Instruction, Outcome, require_usable
from ringfence.ledger.ledger import LARGEST_BATCH, Ledger

WAITING = 4 * LARGEST_BATCH
A_MOMENT_S = 0.0005  # in seconds


class DeskFull(RingfenceError):
    """So many were `waiting` that there was no room for another within `seconds`: nothing was written."""

    code = "desk-full"
    template: ClassVar[dict[Language, str]] = {
        "en": "{waiting} instructions are waiting, and there was no room within {seconds} s; nothing was written, ask again",
        "zh": "已有 {waiting} 条指令等待,{seconds} 秒内无空位;未写入任何内容,请重试",
    }


class DeskClosed(RingfenceError):
    """The desk was closed before the instruction was posted: nothing was written."""

    code = "desk-closed"
    template: ClassVar[dict[Language, str]] = {
        "en": "the desk is closed; nothing was written",
        "zh": "记账台已关闭;未写入任何内容",
    }


class Unanswered(RingfenceError):
    """The database was lost before it answered: whether `key` was posted is not known, and asking again finds out."""

    code = "unanswered"
    template: ClassVar[dict[Language, str]] = {
        "en": "no answer for key {key!r}: it may have been posted or not; ask again with the same key ({detail})",
        "zh": "键 {key!r} 未获答复:可能已记账,也可能未记账;请用同一键重试({detail})",
    }


class _Waiting:
    """One or several instructions that stay together in a batch, and the thread that waits for their outcomes."""

    __slots__ = ("answered", "answers", "error", "instructions")

    def __init__(self, instructions: Sequence[Instruction]) -> None:
        self.instructions = instructions
        self.answers: Sequence[Outcome] = ()
        self.error: Exception | None = None
        self.answered = threading.Lock()
        self.answered.acquire()

    def done(self) -> None:
        """Let the one who waits go on."""
        self.answered.release()


class _WaitingSoon(_Waiting):
    """The same for a coroutine."""

    __slots__ = ("future", "loop")

    def __init__(self, instructions: Sequence[Instruction]) -> None:
        super().__init__(instructions)
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Sequence[Outcome]] = self.loop.create_future()

    def settle(self) -> None:
        """Answer, in the loop's own thread; nobody may be waiting any more."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.answers)
        else:
            self.future.set_exception(self.error)


class Desk:
    """The one writer of a login. `enter` opens its ledger, again after the database was lost.

    Errors on opening: as Ledger.
    """

    def __init__(self, enter: Callable[[], Ledger], waiting: int = WAITING) -> None:
        self._enter = enter
        self._room = waiting
        self._most = waiting
        self._queue: deque[_Waiting] = deque()
        self._turn = threading.Lock()
        self._arrived = threading.Condition(self._turn)
        self._freed = threading.Condition(self._turn)
        self._closing = False
        self._stale = False
        self._expected = 1
        self._ledger: Ledger | None = enter()
        self._writer = threading.Thread(target=self._write, name="ringfence desk", daemon=True)
        self._writer.start()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- for callers ----------------------------------------------------------------------------------------------

    def post(self, instruction: Instruction, seconds: float = 30) -> Outcome:
        """Post one instruction and wait for its outcome.

        Errors: BadInput for what cannot be sent; DeskFull when there is no room for `seconds`; DeskClosed; Refused while the
        clock is behind; StoreUnreachable, and nothing was written; Unanswered, when that is not known.
        """
        return self.post_together([instruction], seconds)[0]

    def post_together(self, instructions: Sequence[Instruction], seconds: float = 30) -> Sequence[Outcome]:
        """Post several instructions side by side in one batch, as groups must be. Errors: as `post`."""
        self._usable(instructions)
        waiting = _Waiting(instructions)
        deadline = time.monotonic() + seconds
        with self._turn:
            while not self._closing and self._room < len(instructions):
                if not self._freed.wait(deadline - time.monotonic()):
                    raise DeskFull(waiting=self._most - self._room, seconds=seconds)
            self._join(waiting)
        waiting.answered.acquire()
        if waiting.error is not None:
            raise waiting.error
        return waiting.answers

    async def post_soon(self, instruction: Instruction, seconds: float = 30) -> Outcome:
        """Post one instruction without holding up the event loop. Errors: as `post`."""
        return (await self.post_together_soon([instruction], seconds))[0]

    async def post_together_soon(self, instructions: Sequence[Instruction], seconds: float = 30) -> Sequence[Outcome]:
        """Post several side by side without holding up the event loop. Errors: as `post`."""
        self._usable(instructions)
        waiting = _WaitingSoon(instructions)
        deadline = time.monotonic() + seconds
        while True:
            with self._turn:
                if self._closing or self._room >= len(instructions):
                    self._join(waiting)
                    break
                left = self._most - self._room
            if time.monotonic() > deadline:
                raise DeskFull(waiting=left, seconds=seconds)
            await asyncio.sleep(0.002)
        return await waiting.future

    def refresh(self) -> None:
        """Let who and what is registered be read again before anything more is posted."""
        self._stale = True

    def close(self) -> None:
        """Post what is waiting, then let nobody in any more and leave the ledger."""
        with self._turn:
            self._closing = True
            self._arrived.notify()
            self._freed.notify_all()
        self._writer.join()

    def _usable(self, instructions: Sequence[Instruction]) -> None:
        if not 1 <= len(instructions) <= min(LARGEST_BATCH, self._most):
            right = f"1 to {min(LARGEST_BATCH, self._most)} that are posted together"
            raise BadInput("instructions", len(instructions), right)
        for instruction in instructions:
            require_usable(instruction)

    def _join(self, waiting: _Waiting) -> None:
        if self._closing:
            raise DeskClosed
        self._queue.append(waiting)
        self._room -= len(waiting.instructions)
        if len(self._queue) in (1, self._expected):
            self._arrived.notify()

    # -- the writer -----------------------------------------------------------------------------------------------

    def _write(self) -> None:
        while batch := self._next():
            try:
                self._post(batch)
            except Exception as error:  # noqa: BLE001 - whatever happens here, nobody may wait for ever
                for waiting in batch:
                    waiting.error = waiting.error or error
            self._answer(batch)
        if self._ledger is not None:
            self._ledger.close()

    def _next(self) -> list[_Waiting]:
        """Whatever is waiting, up to a full batch; nothing once the desk is closed and empty."""
        with self._turn:
            while not self._queue and not self._closing:
                self._arrived.wait()
            if len(self._queue) < self._expected and not self._closing:
                self._arrived.wait(A_MOMENT_S)
            batch: list[_Waiting] = []
            size = 0
            while self._queue and size + len(self._queue[0].instructions) <= LARGEST_BATCH:
                waiting = self._queue.popleft()
                batch.append(waiting)
                size += len(waiting.instructions)
            self._room += size
            self._expected = len(batch)
            self._freed.notify_all()
            return batch

    def _post(self, batch: list[_Waiting]) -> None:
        try:
            ledger = self._entered()
        except psycopg.Error as error:
            raise StoreUnreachable(where="the ledger's server", detail=" ".join(str(error).split())) from error
        try:
            outcomes = ledger.post([asked for waiting in batch for asked in waiting.instructions]).outcomes
        except Refused as error:
            for waiting in batch:
                waiting.error = error
        except (psycopg.Error, RingfenceError) as error:
            if ledger.connection.closed:
                self._lost(batch, error)
            elif len(batch) > 1:
                for waiting in batch:
                    self._post([waiting])
            else:
                batch[0].error = error
        else:
            place = 0
            for waiting in batch:
                waiting.answers = outcomes[place : place + len(waiting.instructions)]
                place += len(waiting.instructions)

    def _entered(self) -> Ledger:
        if self._ledger is None:
            self._ledger = self._enter()
        elif self._stale:
            self._stale = False
            self._ledger.refresh()
        return self._ledger

    def _lost(self, batch: list[_Waiting], error: Exception) -> None:
        """Nobody knows what became of them; the ledger is entered again for the next."""
        if self._ledger is not None:
            with contextlib.suppress(psycopg.Error):
                self._ledger.close()
            self._ledger = None
        detail = " ".join(str(error).split())
        for waiting in batch:
            waiting.error = Unanswered(key=waiting.instructions[0].key, detail=detail)

    def _answer(self, batch: list[_Waiting]) -> None:
        soon: dict[asyncio.AbstractEventLoop, list[_WaitingSoon]] = {}
        for waiting in batch:
            if isinstance(waiting, _WaitingSoon):
                soon.setdefault(waiting.loop, []).append(waiting)
            else:
                waiting.done()
        for loop, several in soon.items():
            # A loop that is closed has nobody who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, several)


def _settle(several: list[_WaitingSoon]) -> None:
    for waiting in several:
        waiting.settle()
