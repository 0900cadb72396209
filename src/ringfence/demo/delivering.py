"""How the people of the demonstration deliver: every second has accounts for metal, half of them bring some, and now and then
those who are long and those who are short tender.

Whoever tenders does so that the side which tendered less is the one that the exchange really published to pay the deferred fee.
Those who receive can usually pay. What becomes of it the evening decides.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from random import Random

from ringfence.custody import METALS
from ringfence.demo.people import Person
from ringfence.margin.contracts import Contract
from ringfence.margin.market import Direction
from ringfence.margin.metal import Consignment
from ringfence.margin.tenders import TenderAsked

_KILOGRAM = 1_000_000
_BRINGS = {"AG9999": 60, "AU9999": 2, "AU9995": 2}
# Of a hundred contract-days on how many somebody tenders; and of those on how many nobody looks whether it can pay.
_TENDERS_PERCENT, _CARELESS_PERCENT = 30, 6
_MOST = 3


def with_metal(people: Sequence[Person]) -> list[tuple[str, str]]:
    """Who has accounts for which metals: (client, metal)."""
    return [(person.client.name, metal) for person in people[::2] for metal in METALS]


def receipts(people: Sequence[Person]) -> list[Consignment]:
    """What is brought to the vault before the first day."""
    return [
        Consignment(f"first:{person.client.name}:{metal}", person.client.name, metal, kilograms * _KILOGRAM)
        for person in people[::4]
        for metal, kilograms in _BRINGS.items()
    ]


class Tendering:
    """Who tenders on a day, given what everybody `holds` ([long, short] by client and contract), `metal` and can `spend` (fen)."""

    def __init__(
        self,
        day: datetime.date,
        people: Sequence[Person],
        seed: int,
        holds: Mapping[tuple[str, str], Sequence[int]],
        metal: Mapping[tuple[str, str], int],
        spend: Callable[[str], int],
    ) -> None:
        self._day, self._people, self._holds = day, people[::2], holds
        self._metal, self._spend = dict(metal), spend
        self._spent: dict[str, int] = {}
        self._dice = Random(f"{seed}:{day}:tenders")
        self._number = 0

    def tender(self, contract: Contract, price_minor: int, direction: Direction) -> list[TenderAsked]:
        """The tenders of one contract; none on most days."""
        if contract.metal is None or self._dice.randrange(100) >= _TENDERS_PERCENT:
            return []
        careless = self._dice.randrange(100) < _CARELESS_PERCENT
        lots = max(1, (contract.delivery_minor or 0) // contract.metal_minor(1))
        givers = [name for name in self._those(contract, 1, lots) if self._has(name, contract, lots)]
        needed = contract.value_minor(lots, price_minor) * 11 // 10
        takers = [
            name
            for name in self._those(contract, 0, lots)
            if name not in givers and (careless or self._spend(name) - self._spent.get(name, 0) > needed)
        ]
        more = {Direction.SHORTS_PAY: 1, Direction.LONGS_PAY: -1, Direction.NONE: 0}[direction]
        receiving = min(len(takers), len(givers) + more, _MOST)
        delivering = min(receiving - more, _MOST)
        if receiving < 0 or delivering < 0 or not receiving + delivering:
            return []
        receiving = delivering + more
        asked = [self._one(contract, name, "deliver", lots) for name in givers[:delivering]]
        asked += [self._one(contract, name, "receive", lots) for name in takers[:receiving]]
        for name in givers[:delivering]:
            self._metal[name, contract.metal] -= contract.metal_minor(lots)
        for name in takers[:receiving]:
            self._spent[name] = self._spent.get(name, 0) + contract.value_minor(lots, price_minor)
        return asked

    def _those(self, contract: Contract, side: int, lots: int) -> list[str]:
        names = [
            person.client.name
            for person in self._people
            if self._holds.get((person.client.name, contract.code), (0, 0))[side] >= lots
        ]
        self._dice.shuffle(names)
        return names

    def _has(self, name: str, contract: Contract, lots: int) -> bool:
        return self._metal.get((name, contract.metal or ""), 0) >= contract.metal_minor(lots)

    def _one(self, contract: Contract, name: str, side: str, lots: int) -> TenderAsked:
        self._number += 1
        number = f"tender:{self._day}:{self._number}"
        return TenderAsked(number, name, contract.code, "deliver" if side == "deliver" else "receive", lots)
