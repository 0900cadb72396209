"""The plan of a day: everything that its settlement will move, decided before anything is moved.

Computed from what the day starts from, what it is settled by and what everybody has; nothing is read or written here. A
client that cannot pay is covered: by its member's guarantee as far as that goes, then by the reserve. Never by another client.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ringfence.errors import Language, RingfenceError
from ringfence.margin.day import ClientDays, SettlementPriceMissing, balances, by_client, require_zero_sum
from ringfence.margin.funds import AllFunds, funds_of_all
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import SettlementPrice
from ringfence.margin.opening import Opening
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions, Settled, settle
from ringfence.money.columns import column

LEFT_OVER = "left-over"


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


class Backing(NamedTuple):
    """What stands behind clients that cannot pay: each client's member, and at each bank the members' guarantees and the reserve, in fen."""

    member: Mapping[str, str]
    guarantees_minor: Mapping[str, Mapping[str, int]]
    reserves_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A day's plan: by what it is settled, what it comes to, what is moved, and how everybody stands after it."""

    day: datetime.date
    opening: Opening
    on: Conditions
    settled: Settled
    clients: ClientDays
    pieces: tuple[Piece, ...]
    funds: AllFunds


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
    day: datetime.date, opening: Opening, on: Conditions, available_minor: Mapping[str, int], backing: Backing
) -> Plan:
    """Plan `day` for clients of whom each has `available_minor`.

    Errors: ClosesTooMuch; UnbalancedPositions; NotZeroSum; BadInput for an amount beyond 64 bits; ReserveExhausted.
    """
    try:
        settled = settle(opening.lots, opening.fills, on)
    except ClosedMoreThanOpen as error:
        raise opening.closes_too_much(error) from None
    found = balances(settled.holdings, on)
    require_zero_sum(day, found, len(opening.clients))
    clients = by_client(settled.holdings)
    names = [opening.clients[number] for number in clients.client.tolist()]
    had = column(available_minor[name] for name in names)
    covers = _covers(day, names, (had + clients.change).tolist(), backing)
    covered = np.zeros_like(had)
    places = {name: place for place, name in enumerate(names)}
    for cover in covers:
        covered[places[cover.client]] += cover.amount_minor
    left_over = [Piece(one.contract, LEFT_OVER, one.left_over_minor) for one in found if one.left_over_minor]
    funds = funds_of_all(cash=had + covered + clients.change, margin=clients.margin)
    return Plan(day, opening, on, settled, clients, (*covers, *_pieces(names, clients), *left_over), funds)


def _pieces(names: Sequence[str], clients: ClientDays) -> list[Piece]:
    amounts = {
        "realised": clients.realised,
        "marked": clients.marked,
        "fee": -clients.fee,
        "overdue": -clients.overdue,
        "deferred": clients.deferred,
    }
    return [
        Piece(names[place], what, int(column[place]))
        for what, column in amounts.items()
        for place in np.flatnonzero(column).tolist()
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
