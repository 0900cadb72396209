"""What a replay reads: prices as the exchange reports them, trades, and cash, each from a CSV file and checked before anything
is computed.

    prices    date, contract, wavg, fee_direction; other columns of the daily report are not needed. wavg, the weighted average
              of the day, is the settlement price; fee_direction is long_pays_short, short_pays_long, or empty for nobody
    trades    date, member, client, contract, side (buy, sell), offset (open, close), lots, price
    cash      date, client, amount in CNY, paid in, or taken out where it is negative

What cannot be is refused with file, line, field, value and what would be right, and nothing is computed.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ringfence.errors import BadInput
from ringfence.margin.contracts import exact_minor
from ringfence.margin.lots import BUY, SELL
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.rules import Rules, RuleUnknown
from ringfence.tables import Row, rows

TRADE_COLUMNS = ("date", "member", "client", "contract", "side", "offset", "lots", "price")
PRICE_COLUMNS = ("date", "contract", "wavg", "fee_direction")
CASH_COLUMNS = ("date", "client", "amount")
_SIDES = {"buy": BUY, "sell": SELL}
_OFFSETS = {"open": 1, "close": 0}


class FilledTrade(NamedTuple):
    """One client's side of a trade; `line` is where it stands in its file."""

    line: int
    client: str
    contract: str
    side: int
    opens: int
    lots: int
    price_minor: int


class Published(NamedTuple):
    """What was published of a contract on a day."""

    settlement_minor: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class Prices:
    """What was published, by day and contract; `days` are all days in the file, in order."""

    name: str
    days: tuple[datetime.date, ...]
    published: Mapping[tuple[datetime.date, str], Published]

    def of(
        self, day: datetime.date, codes: Iterable[str], rules: Rules, before: Mapping[str, int]
    ) -> dict[str, SettlementPrice]:
        """By what contracts are settled on `day`, with the settlement prices `before` it, in fen.

        One that is suspended keeps its price and defers nothing; one that has no price otherwise is absent. Errors: RuleUnknown.
        """
        found = {}
        for code in codes:
            today = self.published.get((day, code))
            if today is not None:
                settlement = today.settlement_minor
                found[code] = SettlementPrice(before.get(code, settlement), settlement, today.direction)
            elif code in before and not rules.contract(code, day).trades:
                found[code] = SettlementPrice(before[code], before[code], Direction.NONE)
        return found


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades by day, in the order of the file; `members` says whose client each is."""

    name: str
    by_day: Mapping[datetime.date, Sequence[FilledTrade]]
    members: Mapping[str, str]


def read_trades(option: str, file: Path, rules: Rules, prices: Prices) -> Trades:
    """Read trades of days that `prices` has. Errors: BadInput."""
    days = set(prices.days)
    by_day: dict[datetime.date, list[FilledTrade]] = defaultdict(list)
    members: dict[str, str] = {}
    for line in _strictly(option, file, TRADE_COLUMNS):
        day = line.day("date")
        if day not in days:
            raise line.refuse("date", f"a day for which {prices.name} has prices")
        client, member = (_word(line, column) for column in ("client", "member"))
        if members.setdefault(client, member) != member:
            raise line.refuse("member", f"{members[client]}, which {client} belongs to before")
        with _at(line):
            traded = rules.contract(line.cells["contract"], day)
            if traded.kind != "deferred":
                raise line.refuse("contract", "a deferred contract: nothing of a spot contract stays open")
            if not traded.trades:
                raise line.refuse("date", f"a day on which {traded.code} is not suspended")
            price_minor = traded.parse_price(line.cells["price"])
        by_day[day].append(
            FilledTrade(
                line.number, client, traded.code, _SIDES[line.one_of("side", _SIDES)], _OFFSETS[line.one_of("offset", _OFFSETS)],
                line.count("lots"), price_minor,
            )
        )  # fmt: skip
    return Trades(file.name, by_day, members)


def read_prices(option: str, file: Path, rules: Rules) -> Prices:
    """Read the prices of contracts that have rules. Errors: BadInput, also where a contract has two lines for a day."""
    directions = {**{str(direction): direction for direction in Direction}, "": Direction.NONE}
    published: dict[tuple[datetime.date, str], Published] = {}
    days = set()
    for line in _strictly(option, file, PRICE_COLUMNS):
        day, code = line.day("date"), line.cells["contract"]
        days.add(day)
        if code not in rules.codes:
            continue
        if (day, code) in published:
            raise line.refuse("contract", f"one line for {code} on {day}")
        settlement = exact_minor(line.cells["wavg"])
        if settlement is None or settlement <= 0:
            raise line.refuse("wavg", "a positive price in CNY, in whole fen")
        published[day, code] = Published(settlement, directions[line.one_of("fee_direction", directions)])
    if not days:
        raise BadInput(option, str(file), "a line for each day and contract")
    return Prices(file.name, tuple(sorted(days)), published)


def read_cash(option: str, file: Path, trades: Trades, prices: Prices) -> dict[datetime.date, dict[str, int]]:
    """Read what was paid in and taken out, in fen, by day and client. Errors: BadInput."""
    days = set(prices.days)
    found: dict[datetime.date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in _strictly(option, file, CASH_COLUMNS):
        day = line.day("date")
        if day not in days:
            raise line.refuse("date", f"a day for which {prices.name} has prices")
        if line.cells["client"] not in trades.members:
            raise line.refuse("client", f"a client that trades in {trades.name}")
        amount = exact_minor(line.cells["amount"])
        if amount is None:
            raise line.refuse("amount", "CNY in whole fen, such as 1000000.00 or -50.5")
        found[day][line.cells["client"]] += amount
    return found


def _strictly(option: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file; what may be empty is for each column to say."""
    return rows(option, file, columns, columns, strict=True)


def _word(line: Row, column: str) -> str:
    if not 1 <= len(line.cells[column]) <= 100:
        raise line.refuse(column, "1 to 100 characters")
    return line.cells[column]


@contextmanager
def _at(line: Row) -> Iterator[None]:
    """Say in which line something is that the rules refuse."""
    try:
        yield
    except RuleUnknown as error:
        raise line.refuse("date", error.text("en")) from None
    except BadInput as error:
        field = str(error.figures["field"])
        if field in ("contract", "price"):
            raise line.refuse(field, str(error.figures["expected"])) from None
        raise
