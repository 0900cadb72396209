"""The plan of a day: everything that its settlement will move, decided before anything is moved.

Computed from what the day starts from, what it is settled by and what everybody has; nothing is read or written here. A
client that cannot pay is covered: by its member's guarantee as far as that goes, then by the reserve. Never by another client.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from ringfence.errors import Language, RingfenceError
from ringfence.margin.day import ClientDays, SettlementPriceMissing, balances, by_client, require_zero_sum
from ringfence.margin.delivery import Cleared, Match, Means, clear
from ringfence.margin.funds import AllFunds, funds_of_all
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import SettlementPrice
from ringfence.margin.opening import Opening
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions, Settled, settle
from ringfence.money.columns import Column, column

LEFT_OVER = "left-over"
PENALTY = "penalty"


class ReserveExhausted(RingfenceError):
    """A client cannot pay and neither can anybody for it: `day`, `client`, `missing_minor`. Nothing was planned."""

    code = "reserve-exhausted"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: {client} is short of {missing_minor} fen beyond its member's guarantee and the reserve; "
        "nothing is booked until somebody pays in",
        "zh": "{day}:{client} 的缺口 {missing_minor} 分超过会员保证基金与风险准备金;补入资金前不记账",
    }


class Piece(NamedTuple):
    """One movement of a plan: for `client`, in fen, signed as the client sees it. A cover has the bank that pays it.

    What rounding left over of the deferred fee is a piece of its own, for nobody: `client` is the contract then.
    """

    client: str
    what: str
    amount_minor: int
    bank: str | None = None


class MatchOf(NamedTuple):
    """A match of a contract's tenders, and the number of the trade that it is in the books."""

    contract: str
    match: Match
    trade: int


class Backing(NamedTuple):
    """What stands behind clients that cannot pay: each client's member, and at each bank the members' guarantees and the reserve, in fen."""

    member: Mapping[str, str]
    guarantees_minor: Mapping[str, Mapping[str, int]]
    reserves_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A day's plan: by what it is settled, what it comes to, what is moved, and how everybody stands after it.

    `deliveries` are the matches, by the number of their trade, and what becomes of them.
    """

    day: datetime.date
    opening: Opening
    on: Conditions
    settled: Settled
    clients: ClientDays
    pieces: tuple[Piece, ...]
    funds: AllFunds
    deliveries: tuple[tuple[int, Cleared], ...]


def conditions(
    opening: Opening,
    day: datetime.date,
    prices: Mapping[str, SettlementPrice],
    rules: Rules,
    natural_days: int,
) -> Conditions:
    """What `day` is settled by. Errors, contract by contract: SettlementPriceMissing; as Rules.contract; BadInput."""
    contracts = []
    for code in opening.contracts:
        contracts.append(rules.contract(code, day))
        if code not in prices:
            raise SettlementPriceMissing(day=day, contract=code)
    return Conditions.of(day.toordinal(), natural_days, contracts, prices)


def plan(
    day: datetime.date,
    opening: Opening,
    on: Conditions,
    available_minor: Mapping[str, int],
    backing: Backing,
    matches: Sequence[MatchOf] = (),
    metal_minor: Mapping[tuple[str, str], int] = MappingProxyType({}),
) -> Plan:
    """Plan `day` for clients of whom each has `available_minor`, and by client and metal `metal_minor`.

    Metal is paid for out of what is left when everything else is paid and margin is bound.

    Errors: ClosesTooMuch; UnbalancedPositions; NotZeroSum; BadInput for an amount beyond 64 bits, or as clear; ReserveExhausted.
    """
    try:
        settled = settle(opening.lots, opening.fills, on)
    except ClosedMoreThanOpen as error:
        raise opening.closes_too_much(error) from None
    found = balances(settled.holdings, on)
    require_zero_sum(day, found, len(opening.clients))
    clients = by_client(settled.holdings)
    names = [opening.clients[number] for number in clients.client.tolist()]
    places = {name: place for place, name in enumerate(names)}
    had = column(available_minor[name] for name in names)
    free = dict(zip(names, (had + clients.change - clients.margin).tolist(), strict=True))
    deliveries = _deliver(on, matches, Means(free, metal_minor))
    delivered, penalty = np.zeros_like(had), np.zeros_like(had)
    for _, cleared in deliveries:
        for name, amount in cleared.cash:
            delivered[places[name]] += amount
        for name, amount in cleared.penalty:
            penalty[places[name]] += amount
    left = had + clients.change + delivered
    covers = _covers(day, names, left.tolist(), backing)
    for cover in covers:
        left[places[cover.client]] += cover.amount_minor
    left_over = [Piece(one.contract, LEFT_OVER, one.left_over_minor) for one in found if one.left_over_minor]
    funds = funds_of_all(cash=left, margin=clients.margin)
    pieces = (*covers, *_pieces(names, clients, penalty), *left_over)
    return Plan(day, opening, on, settled, clients, pieces, funds, deliveries)


def _deliver(on: Conditions, matches: Sequence[MatchOf], means: Means) -> tuple[tuple[int, Cleared], ...]:
    """Clear matches in their order, contract by contract."""
    numbers = {contract.code: number for number, contract in enumerate(on.contracts)}
    deliveries = []
    for code, of_contract in itertools.groupby(matches, key=lambda one: one.contract):
        number, here = numbers[code], list(of_contract)
        cleared = clear(on.contracts[number], int(on.settlement[number]), [one.match for one in here], means)
        deliveries += [(one.trade, each) for one, each in zip(here, cleared, strict=True)]
    return tuple(deliveries)


def _pieces(names: Sequence[str], clients: ClientDays, penalty: Column) -> list[Piece]:
    amounts = {
        "realised": clients.realised,
        "marked": clients.marked,
        "fee": -clients.fee,
        "overdue": -clients.overdue,
        "deferred": clients.deferred,
        PENALTY: penalty,
    }
    return [
        Piece(names[place], what, int(values[place]))
        for what, values in amounts.items()
        for place in np.flatnonzero(values).tolist()
    ]


def _covers(day: datetime.date, names: Sequence[str], left_minor: Sequence[int], backing: Backing) -> list[Piece]:
    """Who pays for whom: guarantees before reserves, bank by bank in the order of their names."""
    guarantees = {
        (member, bank): amount
        for bank in sorted(backing.guarantees_minor)
        for member, amount in backing.guarantees_minor[bank].items()
    }
    reserves = {("", bank): backing.reserves_minor[bank] for bank in sorted(backing.reserves_minor)}
    covers = []
    for name, left in zip(names, left_minor, strict=True):
        missing = -left
        for what, owner, purses in (
            ("member-guarantee", backing.member[name], guarantees),
            ("exchange-reserve", "", reserves),
        ):
            for purse in [key for key in purses if key[0] == owner]:
                paid = min(missing, purses[purse])
                if paid > 0:
                    purses[purse] -= paid
                    missing -= paid
                    covers.append(Piece(name, what, paid, purse[1]))
        if missing > 0:
            raise ReserveExhausted(day=day, client=name, missing_minor=missing)
    return covers
