"""Parameters: the rates of a contract on a day.

The exchange changes rates by notice. A change takes effect at the close settlement of its day (the price
limit follows on the next trading day), so the rate of a day is the one of the latest row dated on or before
it. Every row of the shipped table says where it comes from and how sure it is; outside of the table's days
nothing is known.
"""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, cast

from ringfence.calendar import read_frozen_table
from ringfence.errors import Language, RingfenceError
from ringfence.margin import contracts
from ringfence.money import Rate

ParameterName = Literal["margin", "trading-fee", "deferred-fee"]
Status = Literal["notice", "observed", "unconfirmed"]


class ParameterUnknown(RingfenceError):
    """No rate is known: `contract`, `parameter`, `day`; the table covers `known_from` to `known_until`."""

    code = "parameter-unknown"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract}: no {parameter} rate is known on {day}, only {known_from} to {known_until}",
        "zh": "{contract}:{day} 的 {parameter} 费率未知,仅知 {known_from} 至 {known_until}",
    }


@dataclass(frozen=True, slots=True)
class Parameter:
    """One dated row: from the settlement of `effective_from`, `contract` has this `rate`."""

    effective_from: datetime.date
    parameter: ParameterName
    contract: str
    rate: Rate
    status: Status
    source: str


@dataclass(frozen=True, slots=True)
class Rates:
    """One contract's rates on one day, on the value of lots; the deferred fee's is per natural day."""

    margin: Rate
    trading_fee: Rate
    deferred_fee: Rate


class Parameters:
    """Dated rates, asked by contract and day."""

    def __init__(self, known_from: datetime.date, known_until: datetime.date, rows: Iterable[Parameter]) -> None:
        self.known_from = known_from
        self.known_until = known_until
        history: dict[tuple[str, ParameterName], list[Parameter]] = defaultdict(list)
        for row in rows:
            history[row.contract, row.parameter].append(row)
        self._history: Mapping[tuple[str, ParameterName], list[Parameter]] = {
            key: sorted(dated, key=lambda row: row.effective_from) for key, dated in history.items()
        }

    def rates(self, contract: str, day: datetime.date) -> Rates:
        """Return the rates of `contract` at the settlement of `day`.

        Errors: BadInput when the contract is unknown; ParameterUnknown when a rate is not known for that
        day.
        """
        return Rates(
            margin=self.row("margin", contract, day).rate,
            trading_fee=self.row("trading-fee", contract, day).rate,
            deferred_fee=self.row("deferred-fee", contract, day).rate,
        )

    def row(self, parameter: ParameterName, contract: str, day: datetime.date) -> Parameter:
        """Return the row in force for one parameter, with its status and source. Errors: as `rates`."""
        contracts.contract(contract)
        dated = self._history.get((contract, parameter), [])
        passed = bisect_right(dated, day, key=lambda row: row.effective_from)
        if passed == 0 or not self.known_from <= day <= self.known_until:
            raise ParameterUnknown(
                contract=contract,
                parameter=parameter,
                day=day,
                known_from=self.known_from,
                known_until=self.known_until,
            )
        return dated[passed - 1]


@cache
def load() -> Parameters:
    """Return the parameters that ship with the package."""
    table = read_frozen_table("ringfence.margin", "parameters.csv")
    return Parameters(table.known_from, table.known_until, map(_parameter, table.rows))


def _parameter(row: Mapping[str, str]) -> Parameter:
    return Parameter(
        effective_from=datetime.date.fromisoformat(row["effective_from"]),
        parameter=cast(ParameterName, row["parameter"]),
        contract=row["contract"],
        rate=Rate.parse(row["rate"]),
        status=cast(Status, row["status"]),
        source=row["source"],
    )
