"""A settled day over all clients: what it changes in each one's cash, and the proof that money only changed hands.

Between the clients nothing is created: per contract as many lots are long as short, the profits of all clients add up to zero
to the fen, and deferred fees received are those paid less what rounding left over, which is never less than nothing and
never more than a fen for each client. A day for which this does not hold is not settled; the error carries the figures.
Only fees leave the clients.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ringfence.errors import Language, RingfenceError
from ringfence.margin.lots import Rows
from ringfence.margin.settlement import Conditions, Holdings
from ringfence.money.columns import Column, sums


class NotZeroSum(RingfenceError):
    """Money would appear or vanish: `day`, `contract`, `profit_minor`, `deferred_minor` (each must come out as nothing)."""

    code = "not-zero-sum"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}, {contract}: profits of all clients add up to {profit_minor} fen and deferred fees to {deferred_minor}, "
        "not to nothing; the day is not settled",
        "zh": "{day} {contract}:全体客户盈亏合计 {profit_minor} 分、递延费合计 {deferred_minor} 分,不为零;该日不结算",
    }


class UnbalancedPositions(RingfenceError):
    """Longs and shorts of a contract are not equally many: `contract`, `long_lots`, `short_lots`."""

    code = "unbalanced-positions"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract}: {long_lots} long lots stand against {short_lots} short lots; they must be equal",
        "zh": "{contract}:多头 {long_lots} 手,空头 {short_lots} 手,两者必须相等",
    }


class SettlementPriceMissing(RingfenceError):
    """A contract with positions or fills has no settlement price: `day`, `contract`."""

    code = "settlement-price-missing"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract} has positions or trades on {day} but no settlement price was given",
        "zh": "{contract} 在 {day} 有持仓或成交,但未提供结算价",
    }


class ClosesTooMuch(RingfenceError):
    """A fill closes more than is open: `where` (a trade, or a line), `client`, `contract`, `asked_lots`, `held_lots`."""

    code = "closes-too-much"
    template: ClassVar[dict[Language, str]] = {
        "en": "{where}: {client} closes {asked_lots} lots of {contract} but holds {held_lots}",
        "zh": "{where}:{client} 平 {contract} {asked_lots} 手,该方向仅持 {held_lots} 手",
    }


@dataclass(frozen=True, slots=True, eq=False)
class ClientDays(Rows):
    """What a day made of each client in fen, a row per client in the order of their numbers; signs as in Holdings."""

    client: Column
    realised: Column
    by_trade: Column
    marked: Column
    floating: Column
    turnover: Column
    fee: Column
    deferred: Column
    overdue: Column
    margin: Column
    released: Column

    @property
    def change(self) -> Column:
        """What the day changes in the client's cash."""
        return self.realised + self.marked - self.fee + self.deferred - self.overdue


def by_client(holdings: Holdings, everybody: int | None = None) -> ClientDays:
    """Add up each client's contracts: a row for whoever has any, or for `everybody`, so many clients from 0 on."""
    clients = np.unique(holdings.client) if everybody is None else np.arange(everybody, dtype=np.int64)
    places = np.searchsorted(clients, holdings.client)
    totals = {
        field.name: sums(getattr(holdings, field.name), places, clients.size)
        for field in fields(ClientDays)
        if field.name != "client"
    }
    return ClientDays(client=clients, **totals)


@dataclass(frozen=True, slots=True)
class Balance:
    """How a contract's day balances over all clients: open lots, and what rounding left over of the deferred fee, in fen."""

    contract: str
    long_lots: int
    short_lots: int
    profit_minor: int
    left_over_minor: int

    @property
    def is_whole(self) -> bool:
        """Whether these are all the clients there are: as many lots are long as short."""
        return self.long_lots == self.short_lots


def balances(holdings: Holdings, on: Conditions) -> list[Balance]:
    """How each contract balances."""
    size = len(on.contracts)
    columns: Sequence[Column] = [
        sums(values, holdings.contract, size)
        for values in (
            holdings.long_lots,
            holdings.short_lots,
            holdings.realised + holdings.marked,
            -holdings.deferred,
        )
    ]
    return [
        Balance(contract.code, *(int(values[number]) for values in columns))
        for number, contract in enumerate(on.contracts)
    ]


def together(some: Sequence[Balance], others: Sequence[Balance]) -> list[Balance]:
    """How contracts balance over both, contract by contract."""
    return [
        Balance(
            one.contract,
            one.long_lots + other.long_lots,
            one.short_lots + other.short_lots,
            one.profit_minor + other.profit_minor,
            one.left_over_minor + other.left_over_minor,
        )
        for one, other in zip(some, others, strict=True)
    ]


def require_zero_sum(day: datetime.date, found: Sequence[Balance], clients: int) -> None:
    """See that nothing was created. Errors, contract by contract: UnbalancedPositions; NotZeroSum."""
    for one in found:
        if not one.is_whole:
            raise UnbalancedPositions(contract=one.contract, long_lots=one.long_lots, short_lots=one.short_lots)
        if one.profit_minor or not 0 <= one.left_over_minor <= 2 * clients:
            raise NotZeroSum(
                day=day, contract=one.contract, profit_minor=one.profit_minor, deferred_minor=-one.left_over_minor
            )
