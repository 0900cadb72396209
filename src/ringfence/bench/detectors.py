"""What the detectors find of what is there, and what they cry out about that is not: recall and false alarms.

month     F3 in the books of the models: taken on one day of a month and put back on another, beside the same month without
market    pairs that pass money by trades, beside the same market without them; the circle's history at random instants
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringfence import ring
from ringfence.attack.month import live_a_month
from ringfence.attack.trading import STYLES, Conspirators, Pair, pairs
from ringfence.custody import EXCHANGE
from ringfence.custody.history import (
    Instant,
    at_random_instants,
    circle_pairs,
    history,
    least_of_each_month,
    not_passed_on,
)
from ringfence.database import Settings as StoreSettings
from ringfence.database import Store
from ringfence.demo.people import BANKS
from ringfence.demo.run import Plan
from ringfence.demo.run import run as live
from ringfence.ledger import Ledger
from ringfence.margin.flags import Flag, dealt, flags, moved
from ringfence.margin.rules import load

MODELS = (("old", None), ("fb", None), ("n9", None))
LOOKS = 30
DAYS, CLIENTS, PAIRS_OF_EACH = 24, 72, 3


@dataclass(slots=True)
class Detected:
    """Of what a detector is there for: how many there were and how many it found; how many chances of a false alarm, how many."""

    detector: str
    on: str
    there: int = 0
    found: int = 0
    honest: int = 0
    alarms: int = 0
    about: str = ""

    def document(self) -> dict[str, Any]:
        """For a file."""
        return {
            "part": "detectors", "detector": self.detector, "on": self.on, "there": self.there, "found": self.found,
            "honest": self.honest, "false_alarms": self.alarms,
        }  # fmt: skip


@dataclass(slots=True)
class _Counts:
    rows: dict[tuple[str, str], Detected] = field(default_factory=dict)

    def of(self, detector: str, on: str, about: str) -> Detected:
        return self.rows.setdefault((detector, on), Detected(detector, on, about=about))


def measure_detectors(folder: Path, rounds: int, say: Callable[[str], None]) -> list[Detected]:
    """Live through so many months and markets, each with and without, from one seed after another."""
    counts = _Counts()
    for seed in range(rounds):
        say(f"detectors, round {seed + 1} of {rounds}: a month in the models")
        with tempfile.TemporaryDirectory(dir=folder) as place, _store(place) as store:
            for name, without in MODELS:
                _month(store, counts, name, without, seed)
            _passing(store, counts, seed)
        for taken in (False, True):
            say(f"detectors, round {seed + 1} of {rounds}: a market {'with' if taken else 'without'} conspirators")
            with tempfile.TemporaryDirectory(dir=folder) as place, _store(place) as store:
                _market(store, counts, seed, taken=taken)
    return list(counts.rows.values())


def detector_table(found: list[Detected]) -> list[str]:
    """For a terminal."""
    lines = [f"{'detector':34}{'on':34}{'found of there':>16}{'false alarms of':>20}"]
    for one in found:
        there = f"{one.found} / {one.there}" if one.there else "-"
        honest = f"{one.alarms} / {one.honest} {one.about}" if one.honest else "-"
        lines.append(f"{one.detector:34}{one.on:34}{there:>16}{honest:>20}")
    return lines


def _store(place: str) -> Store:
    return Store.open(StoreSettings(store=Path(place), database_url=None))


def _month(store: Store, counts: _Counts, name: str, without: str | None, seed: int) -> None:
    for taken in (True, False):
        lived = live_a_month(store, ring.load(name, without), f"{name}_{seed}_{int(taken)}", seed, taken=taken)
        for detector, alarmed in _alarms(lived, seed):
            _note(counts.of(detector, f"F3 in {name}", "months"), alarmed, taken=taken)


def _alarms(lived: list[list[Instant]], seed: int) -> Iterator[tuple[str, bool]]:
    """Each detector that looks at what was short, and whether it cries out about any of these histories."""
    yield f"equation at {LOOKS} random instants", any(at_random_instants(one, f"{seed}", LOOKS) for one in lived)
    yield "least of the month", any(least.short_minor for one in lived for least in least_of_each_month(one))


def _passing(store: Store, counts: _Counts, seed: int) -> None:
    """Money that stays at the member, where K3 is taken out; that it never does with K3 the market shows."""
    lived = live_a_month(store, ring.load("sge", "K3"), f"sge_{seed}", seed, taken=True)
    _note(counts.of("transit not zero", "F3 in sge without K3", "instants"), any(map(not_passed_on, lived)), taken=True)


def _note(one: Detected, alarmed: bool, *, taken: bool) -> None:
    if taken:
        one.there += 1
        one.found += alarmed
    else:
        one.honest += 1
        one.alarms += alarmed


def _market(store: Store, counts: _Counts, seed: int, *, taken: bool) -> None:
    plan = Plan(DAYS, CLIENTS, seed)
    conspiring = pairs(CLIENTS, seed, PAIRS_OF_EACH) if taken else []
    live(store, plan, also=Conspirators(conspiring, plan.trading_days()))
    days = plan.trading_days()
    with Ledger(store, EXCHANGE, "auditor") as exchange:
        connection = exchange.connection
        deals = dealt(connection, load(), days[0], days[-1])
        found = flags(deals, moved(connection, days[0], days[-1]))
        if not taken:
            _honest(store, counts, exchange, seed)
    dealing = {frozenset((deal.client, deal.other)) for deal in deals}
    _patterns(counts, found, conspiring, len(dealing), taken=taken)


def _patterns(counts: _Counts, found: list[Flag], conspiring: list[Pair], dealing: int, *, taken: bool) -> None:
    flagged = {frozenset((flag.client, flag.other)) for flag in found}
    if taken:
        for style in STYLES:
            of_style = [pair for pair in conspiring if pair.style == style]
            row = counts.of("patterns of trades", f"F1 by trades: {style}", "pairs")
            row.there += len(of_style)
            row.found += sum(pair.names in flagged for pair in of_style)
        return
    by_pattern = Counter(flag.pattern for flag in found)
    for pattern in ("round-trip", "one-way", "drained"):
        row = counts.of(f"pattern {pattern}", "the honest market", "pairs")
        row.honest += dealing
        row.alarms += by_pattern[pattern]


def _honest(store: Store, counts: _Counts, exchange: Ledger, seed: int) -> None:
    """The circle itself, looked back at as the models are."""
    for pair in circle_pairs(BANKS):
        with Ledger(store, pair.book, "auditor") as bank:
            lived = history({pair.book: bank.connection, EXCHANGE: exchange.connection}, pair)
        for detector, alarmed in _alarms([lived], seed):
            _note(counts.of(detector, "the honest market", "banks"), alarmed, taken=False)
        row = counts.of("transit not zero", "the honest market", "instants")
        row.honest += len(lived)
        row.alarms += len(not_passed_on(lived))
