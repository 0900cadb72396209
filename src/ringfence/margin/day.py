"""Settlement of a day: every client, every contract, and the proof that money only changed hands.

The day is settled from the evening positions of the day before, the fills, the settlement prices and the
rates; nothing is read or written here. What comes out is what the day-end posts: per client realised and
marked profit, trading fee, deferred fee and the new margin, and the position of every contract after the
day.

Between the clients nothing is created: per contract the lots bought to open longs stand against as many
short lots, and the profits of all clients add up to zero to the fen, as do deferred fees paid and received.
A day for which this does not hold is not settled; the error carries the figures. Only trading fees leave
the clients.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ringfence.errors import Language, RingfenceError
from ringfence.margin.contracts import Contract, contract
from ringfence.margin.market import SettlementPrice
from ringfence.margin.parameters import Parameters, Rates
from ringfence.margin.positions import Fill, Position
from ringfence.margin.settlement import (
    ContractDay,
    DeferredFee,
    deferred_fee,
    margin_requirement,
    settle_contract,
)

ClientContract = tuple[str, str]
"""A client's identifier and a contract's code."""


class NotZeroSum(RingfenceError):
    """Profits or deferred fees do not cancel out: `day`, `contract`, `profit_minor`, `deferred_minor`."""

    code = "not-zero-sum"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract} on {day}: over all clients, profit is {profit_minor} fen and deferred fee "
        "{deferred_minor} fen; both must be 0",
        "zh": "{contract} {day}:全部客户盈亏合计 {profit_minor} 分,递延费合计 {deferred_minor} 分,均应为 0",
    }


class SettlementPriceMissing(RingfenceError):
    """A contract with positions or fills has no settlement price: `day`, `contract`."""

    code = "settlement-price-missing"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract} has positions or trades on {day} but no settlement price was given",
        "zh": "{contract} 在 {day} 有持仓或成交,但未提供结算价",
    }


@dataclass(frozen=True, slots=True)
class ClientDay:
    """One client's day in fen.

    `deferred_minor` is signed, received positive; `margin_minor` is the requirement after the day.
    """

    client: str
    realised_minor: int
    marked_minor: int
    trading_fee_minor: int
    deferred_minor: int
    margin_minor: int
    contracts: Mapping[str, ContractDay]

    @property
    def change_minor(self) -> int:
        """What the day changes in the client's cash."""
        return self.realised_minor + self.marked_minor - self.trading_fee_minor + self.deferred_minor


@dataclass(frozen=True, slots=True)
class DayResult:
    """A settled day: an entry per client that had a position or a fill, in the order of identifiers."""

    day: datetime.date
    clients: Mapping[str, ClientDay]

    @property
    def trading_fee_minor(self) -> int:
        """Trading fees of all clients: all that leaves them."""
        return sum(client.trading_fee_minor for client in self.clients.values())

    def positions(self) -> dict[ClientContract, Position]:
        """Return the positions to carry into the next day; those that are flat are left out."""
        return {
            (client.client, code): settled.position
            for client in self.clients.values()
            for code, settled in client.contracts.items()
            if settled.position != _FLAT
        }


_FLAT = Position()


@dataclass(slots=True)
class _Running:
    """A client's sums while the contracts are settled one after another."""

    realised_minor: int = 0
    marked_minor: int = 0
    trading_fee_minor: int = 0
    deferred_minor: int = 0
    margin_minor: int = 0


def settle_day(
    day: datetime.date,
    positions: Mapping[ClientContract, Position],
    fills: Iterable[Fill],
    prices: Mapping[str, SettlementPrice],
    parameters: Parameters,
    *,
    natural_days: int,
) -> DayResult:
    """Settle `day` for all clients.

    `positions` are those of the evening before, `fills` are in the order in which they were made,
    `natural_days` runs to the next trading day (the calendar's `natural_days_until_next`).

    Errors, contract by contract in the order of their codes: BadInput for an unknown contract or
    `natural_days` below 1; SettlementPriceMissing; ParameterUnknown; ClosesTooMuch; UnbalancedPositions;
    NotZeroSum.
    """
    before, filled = _by_contract(positions, fills)
    sums: defaultdict[str, _Running] = defaultdict(_Running)
    details: defaultdict[str, dict[str, ContractDay]] = defaultdict(dict)
    for code in sorted(before.keys() | filled.keys()):
        traded = contract(code)
        if code not in prices:
            raise SettlementPriceMissing(day=day, contract=code)
        price, rates = prices[code], parameters.rates(code, day)
        settled = _settle_clients(traded, before[code], filled[code], price, rates)
        after = {client: result.position for client, result in settled.items()}
        fee = deferred_fee(traded, after, price, natural_days, rates.deferred_fee)
        _require_zero_sum(day, code, settled, fee)
        for client, result in settled.items():
            running = sums[client]
            running.realised_minor += result.realised_minor
            running.marked_minor += result.marked_minor
            running.trading_fee_minor += result.fee_minor
            running.deferred_minor += fee.receipts.get(client, 0) - fee.payments.get(client, 0)
            running.margin_minor += margin_requirement(traded, result.position, price.settlement_minor, rates.margin)
            details[client][code] = result
    return DayResult(day, {client: _client_day(client, sums[client], details[client]) for client in sorted(sums)})


def _by_contract(
    positions: Mapping[ClientContract, Position], fills: Iterable[Fill]
) -> tuple[defaultdict[str, dict[str, Position]], defaultdict[str, defaultdict[str, list[Fill]]]]:
    before: defaultdict[str, dict[str, Position]] = defaultdict(dict)
    for (client, code), position in positions.items():
        before[code][client] = position
    filled: defaultdict[str, defaultdict[str, list[Fill]]] = defaultdict(lambda: defaultdict(list))
    for fill in fills:
        filled[fill.contract][fill.client].append(fill)
    return before, filled


def _settle_clients(
    traded: Contract,
    before: Mapping[str, Position],
    filled: Mapping[str, list[Fill]],
    price: SettlementPrice,
    rates: Rates,
) -> dict[str, ContractDay]:
    return {
        client: settle_contract(traded, before.get(client, _FLAT), filled.get(client, ()), price, rates.trading_fee)
        for client in sorted(before.keys() | filled.keys())
    }


def _require_zero_sum(day: datetime.date, code: str, settled: Mapping[str, ContractDay], fee: DeferredFee) -> None:
    profit_minor = sum(result.realised_minor + result.marked_minor for result in settled.values())
    deferred_minor = sum(fee.receipts.values()) - sum(fee.payments.values())
    if profit_minor or deferred_minor:
        raise NotZeroSum(day=day, contract=code, profit_minor=profit_minor, deferred_minor=deferred_minor)


def _client_day(client: str, running: _Running, contracts: Mapping[str, ContractDay]) -> ClientDay:
    return ClientDay(
        client=client,
        realised_minor=running.realised_minor,
        marked_minor=running.marked_minor,
        trading_fee_minor=running.trading_fee_minor,
        deferred_minor=running.deferred_minor,
        margin_minor=running.margin_minor,
        contracts=contracts,
    )
