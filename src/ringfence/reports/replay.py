"""A replay as a document: JSON, written day by day, so that however long it is, little of it is in memory.

    {"rules": [{contract, rule, effective_from, value, status, source}, ...],
     "days": [{"date", "checks": [{contract, long_lots, short_lots, whole, profit, left_over}, ...],
               "clients": [{client, member, opening, deposits, realised, marked, by_trade, floating, fee, deferred_fee, overdue_fee,
                            closing, margin, available, withdrawable, call, risk_degree, grade}, ...]}, ...]}

Amounts are exact decimal text in CNY, signed as the client sees them; `fee` and `overdue_fee` are what was paid. risk_degree is
in hundredths with two decimals, null where margin stands against no equity. A client has a row from its first day on.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from ringfence.margin.funds import Grade
from ringfence.margin.replay import ReplayedDay
from ringfence.margin.rules import Rule, RuleName, Rules
from ringfence.money import render, unit
from ringfence.money.columns import Column

_CNY = unit("CNY")
RATES: tuple[RuleName, ...] = ("margin", "fee", "deferred-fee")


class ReplayDocument:
    """Writes the document: the beginning when it is made, `day` after day, and `end`."""

    def __init__(self, out: IO[str], rules: Iterable[Rule], members: Mapping[str, str]) -> None:
        self._out, self._members, self._days = out, members, 0
        self._seen: Column | None = None
        out.write('{"rules": ' + json.dumps([row.document() for row in rules], ensure_ascii=False) + ', "days": [')

    def day(self, done: ReplayedDay) -> None:
        """Write one day."""
        stirs = (done.deposits != 0) | (done.days.turnover != 0) | (done.opening != 0) | (done.days.margin != 0)
        self._seen = stirs if self._seen is None else self._seen | stirs
        told = {
            "date": str(done.day),
            "checks": [
                {
                    "contract": one.contract,
                    "long_lots": one.long_lots,
                    "short_lots": one.short_lots,
                    "whole": one.is_whole,
                    "profit": render(one.profit_minor, _CNY),
                    "left_over": render(one.left_over_minor, _CNY) if one.is_whole else None,
                }
                for one in done.balances
            ],
            "clients": self._clients(done, np.flatnonzero(self._seen).tolist()),
        }
        self._out.write((",\n" if self._days else "\n") + json.dumps(told, ensure_ascii=False))
        self._days += 1

    def end(self) -> None:
        """Write the end."""
        self._out.write("\n]}\n")

    def _clients(self, done: ReplayedDay, rows: Sequence[int]) -> list[dict[str, Any]]:
        return [client_row(done, row, self._members) for row in rows]


def client_row(done: ReplayedDay, row: int, members: Mapping[str, str]) -> dict[str, Any]:
    """One client's day."""
    days, funds = done.days, done.funds.one(row)
    columns = {
        "opening": done.opening,
        "deposits": done.deposits,
        "realised": days.realised,
        "marked": days.marked,
        "by_trade": days.by_trade,
        "floating": days.floating,
        "fee": days.fee,
        "deferred_fee": days.deferred,
        "overdue_fee": days.overdue,
        "closing": done.closing,
    }
    bound = {
        "margin": funds.margin_minor,
        "available": funds.available_minor,
        "withdrawable": funds.withdrawable_minor,
        "call": funds.call_minor,
    }
    return {
        "client": done.clients[row],
        "member": members[done.clients[row]],
        **{name: render(int(values[row]), _CNY) for name, values in columns.items()},
        **{name: render(amount, _CNY) for name, amount in bound.items()},
        "risk_degree": funds.risk_percent,
        "grade": funds.grade,
    }


class ClientTotal(NamedTuple):
    """What a client's days came to, in fen: paid in, realised, marked, fee, deferred fee, closing and margin of the last day."""

    client: str
    member: str
    amounts_minor: tuple[int, ...]
    grade: Grade


class ReplaySummary:
    """Adds up what is told of days. `whole` while as many lots were long as short; `left_over_minor` by rounding then."""

    def __init__(self, members: Mapping[str, str]) -> None:
        self._members = members
        self._totals: list[Column] = []
        self._last: ReplayedDay | None = None
        self.whole, self.left_over_minor = True, 0

    def add(self, done: ReplayedDay) -> None:
        """Add a day."""
        days = done.days
        columns = [done.deposits, days.realised, days.marked, -days.fee - days.overdue, days.deferred]
        self._totals = [a + b for a, b in zip(self._totals, columns, strict=True)] if self._totals else columns
        self._last = done
        self.whole = self.whole and all(one.is_whole for one in done.balances)
        self.left_over_minor += sum(one.left_over_minor for one in done.balances)

    def rows(self) -> Iterator[ClientTotal]:
        """A row for each client, in the order of their names."""
        last = self._last
        if last is None:
            return
        columns = [*self._totals, last.closing, last.funds.margin_minor]
        for row, client in enumerate(last.clients):
            amounts = tuple(int(values[row]) for values in columns)
            yield ClientTotal(client, self._members[client], amounts, last.funds.one(row).grade)


def unsure_rules(rules: Rules, used: Iterable[tuple[str, datetime.date]]) -> list[str]:
    """Which rules of the contracts that were traded on these days are not known for sure, for whoever goes by the result."""
    unsure: dict[tuple[str, str], dict[str, None]] = {}
    for code, day in sorted(set(used)):
        for name in RATES:
            row = rules.row(code, name, day)
            if row and row.status in ("assumed", "unconfirmed"):
                unsure.setdefault((code, name), {})[row.value] = None
    return [f"{code} {name} {', '.join(values)}" for (code, name), values in unsure.items()]
