"""The plan of a day: everything that its settlement will move, decided before anything is moved.

Computed from what the day starts from, what it is settled by and what everybody has; nothing is read or written here. Clients
come part by part, so a plan takes no more memory for a million than for a few; that money only changed hands between them is
seen when all have come. A client that cannot pay is covered: by its member's guarantee as far as that goes, then by the
reserve. Never by another client.
"""

from __future__ import annotations

import datetime
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from ringfence.custody import Cover, CoverSource
from ringfence.errors import Language, RingfenceError
from ringfence.margin.day import (
    Balance,
    ClientDays,
    SettlementPriceMissing,
    balances,
    by_client,
    require_zero_sum,
    together,
)
from ringfence.margin.delivery import Cleared, Match, Means, clear
from ringfence.margin.funds import AllFunds, funds_of_all
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import SettlementPrice
from ringfence.margin.opening import Opening
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions, Settled, settle
from ringfence.money.columns import Column

# What a day can move of a client, in the order in which it is shown.
PENALTY: Final = "penalty"
MOVES: Final = ("realised", "marked", "fee", "deferred", "overdue", PENALTY)
LEFT_OVER: Final = "left-over"


class ReserveExhausted(RingfenceError):
    """A client cannot pay and neither can anybody for it: `day`, `client`, `missing_minor`. Nothing was planned."""

    code = "reserve-exhausted"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: {client} is short of {missing_minor} fen beyond its member's guarantee and the reserve; "
        "nothing is booked until somebody pays in",
        "zh": "{day}:{client} 的缺口 {missing_minor} 分超过会员保证基金与风险准备金;补入资金前不记账",
    }


class MatchOf(NamedTuple):
    """A match of a contract's tenders, and the number of the trade that it is in the books."""

    contract: str
    match: Match
    trade: int


Deliveries = Sequence[tuple[int, Cleared]]


class Backing(NamedTuple):
    """What stands behind clients that cannot pay: each client's member, and at each bank the members' guarantees and the reserve, in fen."""

    member: Callable[[str], str]
    guarantees_minor: Mapping[str, Mapping[str, int]]
    reserves_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class PartPlan:
    """What is planned for a part of the clients, a row for whoever has lots or fills: what is moved of each, signed as the client
    sees it, how it stands afterwards; and who is covered.
    """

    opening: Opening
    settled: Settled
    clients: ClientDays
    moves: Mapping[str, Column]
    funds: AllFunds
    covers: Sequence[Cover]

    @property
    def names(self) -> list[str]:
        """The client of each row."""
        return [self.opening.clients[number] for number in self.clients.client.tolist()]


def conditions(
    contracts: Sequence[str],
    day: datetime.date,
    prices: Mapping[str, SettlementPrice],
    rules: Rules,
    natural_days: int,
) -> Conditions:
    """What `day` is settled by. Errors, contract by contract: SettlementPriceMissing; as Rules.contract; BadInput."""
    found = []
    for code in contracts:
        found.append(rules.contract(code, day))
        if code not in prices:
            raise SettlementPriceMissing(day=day, contract=code)
    return Conditions.of(day.toordinal(), natural_days, found, prices)


def deliver(
    opening: Opening,
    available_minor: Column,
    on: Conditions,
    matches: Sequence[MatchOf],
    metal_minor: Mapping[tuple[str, str], int],
) -> Deliveries:
    """Clear matches in their order, contract by contract, for the clients of `opening`, of whom each has `available_minor` and by
    client and metal `metal_minor`.

    Metal is paid for out of what is left when everything else is paid and margin is bound. Errors: ClosesTooMuch; as clear.
    """
    clients = by_client(_settled(opening, on).holdings)
    names = [opening.clients[number] for number in clients.client.tolist()]
    free = available_minor[clients.client] + clients.change - clients.margin
    means = Means(dict(zip(names, free.tolist(), strict=True)), metal_minor)
    numbers = {contract.code: number for number, contract in enumerate(on.contracts)}
    deliveries: list[tuple[int, Cleared]] = []
    for code, of_contract in itertools.groupby(matches, key=lambda one: one.contract):
        number, here = numbers[code], list(of_contract)
        cleared = clear(on.contracts[number], int(on.settlement[number]), [one.match for one in here], means)
        deliveries += [(one.trade, each) for one, each in zip(here, cleared, strict=True)]
    return deliveries


class Planning:
    """The planning of one day. Parts are planned in the order in which they are covered, and `left_over` closes it."""

    def __init__(self, day: datetime.date, on: Conditions, backing: Backing, deliveries: Deliveries = ()) -> None:
        self.day, self.on = day, on
        self._member = backing.member
        # What each member's guarantee has left, and under no name the reserve, by bank in the order of their names.
        self._purses: dict[str, dict[str, int]] = {"": dict(sorted(backing.reserves_minor.items()))}
        for bank, guarantees in sorted(backing.guarantees_minor.items()):
            for member, amount in guarantees.items():
                self._purses.setdefault(member, {})[bank] = amount
        self._delivered: Counter[str] = Counter()
        self._penalty: Counter[str] = Counter()
        for _, cleared in deliveries:
            for client, amount in cleared.cash:
                self._delivered[client] += amount
            for client, amount in cleared.penalty:
                self._penalty[client] += amount
        self._balances: list[Balance] | None = None
        self._clients = 0

    def part(self, opening: Opening, available_minor: Column) -> PartPlan:
        """Plan for the clients of `opening`, of whom each has `available_minor`.

        Errors: ClosesTooMuch; BadInput for an amount beyond 64 bits; ReserveExhausted.
        """
        settled = _settled(opening, self.on)
        found = balances(settled.holdings, self.on)
        self._balances = together(self._balances, found) if self._balances else found
        clients = by_client(settled.holdings)
        self._clients += clients.size
        names = [opening.clients[number] for number in clients.client.tolist()]
        left = available_minor[clients.client] + clients.change + self._of_each(names, self._delivered)
        covers = self._covers(names, left)
        moves = {
            "realised": clients.realised,
            "marked": clients.marked,
            "fee": -clients.fee,
            "deferred": clients.deferred,
            "overdue": -clients.overdue,
            PENALTY: self._of_each(names, self._penalty),
        }
        return PartPlan(opening, settled, clients, moves, funds_of_all(cash=left, margin=clients.margin), covers)

    def left_over(self) -> dict[str, int]:
        """When all parts are planned, see that money has only changed hands; what rounding left over of each contract, in fen.

        Errors: UnbalancedPositions; NotZeroSum.
        """
        found = self._balances or []
        require_zero_sum(self.day, found, self._clients)
        return {one.contract: one.left_over_minor for one in found if one.left_over_minor}

    @staticmethod
    def _of_each(names: Sequence[str], amounts: Mapping[str, int]) -> Column:
        found = np.zeros(len(names), dtype=np.int64)
        if amounts:
            for place, name in enumerate(names):
                if name in amounts:
                    found[place] = amounts[name]
        return found

    def _covers(self, names: Sequence[str], left: Column) -> list[Cover]:
        """Who pays for whom: guarantees before reserves, bank by bank in the order of their names; `left` has it then."""
        covers = []
        for place in np.flatnonzero(left < 0).tolist():
            name, missing = names[place], -int(left[place])
            sources: tuple[tuple[CoverSource, str], ...] = (
                ("member-guarantee", self._member(name)),
                ("exchange-reserve", ""),
            )
            for source, owner in sources:
                purse = self._purses.get(owner, {})
                for bank in purse:
                    paid = min(missing, purse[bank])
                    if paid > 0:
                        purse[bank] -= paid
                        missing -= paid
                        covers.append(Cover(f"cover:{self.day}:{name}:{source}:{bank}", name, paid, bank, source))
            if missing > 0:
                raise ReserveExhausted(day=self.day, client=name, missing_minor=missing)
            left[place] = 0
        return covers


def _settled(opening: Opening, on: Conditions) -> Settled:
    try:
        return settle(opening.lots, opening.fills, on)
    except ClosedMoreThanOpen as error:
        raise opening.closes_too_much(error) from None
