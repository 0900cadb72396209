"""Rounds in which every design has its turn, and what comes out of them.

A *cell* is a case, a design, a batch size and a number of callers. In each round every cell runs once, with fresh
instructions that were made before its clock starts; its figure of the round is postings per second. What a cell is
compared with is the neighbour that ran just before it: batches with the floor, single callers with the row locks.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ringfence.bench.floor import Floor
from ringfence.bench.row_locks import RowLocks
from ringfence.bench.tigerbeetle import TigerBeetle
from ringfence.bench.workload import Case, Wishes, make
from ringfence.database import Store
from ringfence.ledger import Desk, Instruction, Ledger

LEDGER, OTHER = "bench", "bench_two"
# Postings of a cell in a round, by batch size.
BATCHES = {100: 4_000, 1_000: 8_000, 8_000: 16_000}
CASES: tuple[Case, ...] = ("random", "hot", "random-2%-refused", "hot-2%-refused")
CALLERS = {1: 200, 16: 3_200, 64: 6_400}
LOCKED = {16: 800, 64: 1_600}
LOCKED_CASES: tuple[Case, ...] = ("random", "hot")
MOST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured: so many `clients`, so many `rounds`, and TigerBeetle at an address, if one is given."""

    clients: int
    rounds: int
    tigerbeetle: str | None = None


@dataclass(slots=True)
class Figure:
    """Postings per second of a cell over all rounds, and the 99th percentile of how long a batch or a caller waited.

    `ratio` is the median over the rounds of what it made, by what the floor (or, for single callers, the row locks) made
    in the same round; None where there is nothing to compare with.
    """

    case: str
    design: str
    batch: int
    callers: int
    rates: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The figure for a program."""
        ordered = sorted(self.waits_ms)
        return {
            "case": self.case,
            "design": self.design,
            "batch": self.batch,
            "callers": self.callers,
            "min": round(min(self.rates)),
            "median": round(statistics.median(self.rates)),
            "max": round(max(self.rates)),
            "p50_ms": round(ordered[len(ordered) // 2], 2),
            "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 2),
            "ratio": round(statistics.median(self.ratios), 2) if self.ratios else None,
        }


def measure(store: Store, settings: Settings, say: Callable[[str], None]) -> list[Figure]:
    """Measure every cell in every round. The ledgers `bench` and `bench_two` must not be in `store` yet."""
    for name in (LEDGER, OTHER):
        make(store, name, settings.clients, say)
    with ExitStack() as opened:
        bench = _Bench(store, settings, opened)
        for number in range(settings.rounds + 1):
            say("warming up" if number == 0 else f"round {number} of {settings.rounds}")
            bench.round()
            if number == 0:
                bench.forget()
        return bench.figures


class _Bench:
    def __init__(self, store: Store, settings: Settings, opened: ExitStack) -> None:
        self._store = store
        self._ledger = opened.enter_context(Ledger(store, LEDGER, "teller"))
        self._other = opened.enter_context(Ledger(store, OTHER, "teller"))
        self._wishes = Wishes(self._ledger, 1)
        self._other_wishes = Wishes(self._other, 2)
        self._floor = Floor(store, LEDGER)
        opened.callback(self._floor.close)
        self._locks = RowLocks(store, LEDGER, max(LOCKED))
        opened.callback(self._locks.close)
        self._beetle = None
        if settings.tigerbeetle:
            self._beetle = TigerBeetle(settings.tigerbeetle, self._ledger, time.time_ns())
            opened.callback(self._beetle.close)
        self._desk = opened.enter_context(Desk(lambda: Ledger(store, LEDGER, "teller")))
        self._figures: dict[tuple[str, str, int, int], Figure] = {}

    @property
    def figures(self) -> list[Figure]:
        return list(self._figures.values())

    def forget(self) -> None:
        self._figures.clear()

    def round(self) -> None:
        for batch, postings in BATCHES.items():
            for case in CASES:
                wanted = [self._wishes.some(case, batch) for _ in range(postings // batch)]
                packed = [self._floor.pack(self._ledger, instructions) for instructions in wanted]
                floor = self._batches(case, "floor", batch, packed, self._floor.post)
                own = self._batches(case, "ringfence", batch, wanted, self._ledger.post)
                own.ratios.append(own.rates[-1] / floor.rates[-1])
                if self._beetle:
                    transfers = [self._beetle.pack(instructions) for instructions in wanted]
                    beetle = self._batches(case, "tigerbeetle", batch, transfers, self._beetle.post)
                    beetle.ratios.append(beetle.rates[-1] / floor.rates[-1])
        for case in LOCKED_CASES:
            for callers, postings in CALLERS.items():
                locked = (
                    self._singly(case, "row-locks", callers, LOCKED[callers], self._locked)
                    if callers in LOCKED
                    else None
                )
                own = self._singly(case, "ringfence", callers, postings, self._at_the_desk)
                soon = self._soon(case, callers, postings)
                if locked:
                    own.ratios.append(own.rates[-1] / locked.rates[-1])
                    soon.ratios.append(soon.rates[-1] / locked.rates[-1])
        self._two_ledgers()

    def _batches(
        self, case: str, design: str, batch: int, batches: Sequence[Any], post: Callable[[Any], object]
    ) -> Figure:
        figure = self._figure(case, design, batch, 1)
        waits = []
        began = time.perf_counter()
        for packed in batches:
            sent = time.perf_counter()
            post(packed)
            waits.append((time.perf_counter() - sent) * 1000)
        figure.rates.append(batch * len(batches) / (time.perf_counter() - began))
        figure.waits_ms += waits
        return figure

    def _singly(
        self, case: Case, design: str, callers: int, postings: int, post: Callable[[int, Instruction], object]
    ) -> Figure:
        """Every caller posts one instruction after another, each after the answer to the one before."""
        figure = self._figure(case, design, 1, callers)
        wanted = [self._wishes.some(case, postings // callers) for _ in range(callers)]
        waits: list[list[float]] = [[] for _ in range(callers)]
        ready = threading.Barrier(callers + 1)

        def call(caller: int) -> None:
            ready.wait(MOST_SECONDS)
            for instruction in wanted[caller]:
                sent = time.perf_counter()
                post(caller, instruction)
                waits[caller].append((time.perf_counter() - sent) * 1000)

        threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
        for thread in threads:
            thread.start()
        ready.wait(MOST_SECONDS)
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        done = sum(map(len, waits))
        figure.rates.append(done / (time.perf_counter() - began))
        figure.waits_ms += [wait for of_caller in waits for wait in of_caller]
        return figure

    def _soon(self, case: Case, callers: int, postings: int) -> Figure:
        """The same by coroutines of one event loop."""
        figure = self._figure(f"{case}-async", "ringfence", 1, callers)
        wanted = [self._wishes.some(case, postings // callers) for _ in range(callers)]

        async def call(instructions: list[Instruction]) -> None:
            for instruction in instructions:
                sent = time.perf_counter()
                await self._desk.post_soon(instruction)
                figure.waits_ms.append((time.perf_counter() - sent) * 1000)

        async def all_of_them() -> None:
            await asyncio.gather(*map(call, wanted))

        began = time.perf_counter()
        asyncio.run(all_of_them())
        figure.rates.append(sum(map(len, wanted)) / (time.perf_counter() - began))
        return figure

    def _at_the_desk(self, caller: int, instruction: Instruction) -> None:
        self._desk.post(instruction)

    def _locked(self, caller: int, instruction: Instruction) -> None:
        self._locks.post(caller, instruction)

    def _two_ledgers(self) -> None:
        """The largest batches through one ledger, and through two at once."""
        size = max(BATCHES)
        one = self._batches("one-ledger", "ringfence", size, self._some(self._wishes), self._ledger.post_in_batches)
        parts = [(self._ledger, self._some(self._wishes)), (self._other, self._some(self._other_wishes))]
        threads = [
            threading.Thread(target=lambda ledger=ledger, batches=batches: [*map(ledger.post_in_batches, batches)])
            for ledger, batches in parts
        ]
        figure = self._figure("two-ledgers", "ringfence", size, 2)
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        figure.rates.append(2 * BATCHES[size] / took)
        figure.waits_ms.append(took * 1000)
        figure.ratios.append(figure.rates[-1] / one.rates[-1])

    def _some(self, wishes: Wishes) -> list[list[Instruction]]:
        size = max(BATCHES)
        return [wishes.some("random", size) for _ in range(BATCHES[size] // size)]

    def _figure(self, case: str, design: str, batch: int, callers: int) -> Figure:
        return self._figures.setdefault((case, design, batch, callers), Figure(case, design, batch, callers))


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """The figures for a person."""
    yield f"{'case':20}{'design':14}{'batch':>7}{'callers':>9}{'min/s':>10}{'median/s':>10}{'max/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>8}"
    for document in sorted((f.document() for f in figures), key=lambda d: (d["callers"], d["batch"], d["case"])):
        ratio = "" if document["ratio"] is None else f"{document['ratio']:.2f}"
        yield (
            f"{document['case']:20}{document['design']:14}{document['batch']:>7,}{document['callers']:>9}"
            f"{document['min']:>10,}{document['median']:>10,}{document['max']:>10,}{document['p50_ms']:>10,.2f}{document['p99_ms']:>10,.2f}{ratio:>8}"
        )
    yield "ratio: batches to the floor (COPY of the same rows, nothing checked), callers to the row locks, two ledgers to one, HTTP to Python"
