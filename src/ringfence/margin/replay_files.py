"""What a replay reads: prices as the exchange reports them, trades, and cash, each from a CSV file and checked before anything
is computed.

    prices    date, contract, wavg, fee_direction; other columns of the daily report are not needed. wavg, the weighted average
              of the day, is the settlement price; fee_direction is long_pays_short, short_pays_long, or empty for nobody
    trades    date, member, client, contract, side (buy, sell), offset (open, close), lots, price
    cash      date, client, amount in CNY, paid in, or taken out where it is negative

What cannot be is refused with file, line, field, value and what would be right, and nothing is computed.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ringfence.errors import BadInput
from ringfence.margin.contracts import exact_minor
from ringfence.margin.lots import BUY, SELL
from ringfence.margin.market import Direction
from ringfence.margin.rules import Rules, RuleUnknown

TRADE_COLUMNS = ("date", "member", "client", "contract", "side", "offset", "lots", "price")
PRICE_COLUMNS = ("date", "contract", "wavg", "fee_direction")
CASH_COLUMNS = ("date", "client", "amount")
_SIDES = {"buy": BUY, "sell": SELL}
_OFFSETS = {"open": 1, "close": 0}
_LOTS = re.compile(r"[1-9][0-9]{0,8}")


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


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades by day, in the order of the file; `members` says whose client each is."""

    name: str
    by_day: Mapping[datetime.date, Sequence[FilledTrade]]
    members: Mapping[str, str]


class _Line(NamedTuple):
    """A line of a file, for whoever has to say what is wrong with it."""

    name: str
    number: int
    cells: Mapping[str, str]

    def refuse(self, field: str, right: str) -> BadInput:
        return BadInput(f"{self.name}, line {self.number}, {field}", self.cells[field], right)

    def day(self) -> datetime.date:
        try:
            return datetime.date.fromisoformat(self.cells["date"])
        except ValueError:
            raise self.refuse("date", "a day such as 2020-03-16") from None

    def one_of(self, field: str, known: Mapping[str, Any]) -> Any:
        if self.cells[field] not in known:
            raise self.refuse(field, f"one of {', '.join(known)}")
        return known[self.cells[field]]

    def word(self, field: str) -> str:
        if not 1 <= len(self.cells[field]) <= 100:
            raise self.refuse(field, "1 to 100 characters")
        return self.cells[field]


def read_trades(option: str, file: Path, rules: Rules, prices: Prices) -> Trades:
    """Read trades of days that `prices` has. Errors: BadInput."""
    days = set(prices.days)
    by_day: dict[datetime.date, list[FilledTrade]] = defaultdict(list)
    members: dict[str, str] = {}
    for line in _lines(option, file, TRADE_COLUMNS):
        day = line.day()
        if day not in days:
            raise line.refuse("date", f"a day for which {prices.name} has prices")
        client, member = line.word("client"), line.word("member")
        if members.setdefault(client, member) != member:
            raise line.refuse("member", f"{members[client]}, which {client} belongs to before")
        with _at(line):
            traded = rules.contract(line.cells["contract"], day)
            if traded.kind != "deferred":
                raise line.refuse("contract", "a deferred contract: nothing of a spot contract stays open")
            if not traded.trades:
                raise line.refuse("date", f"a day on which {traded.code} is not suspended")
            price_minor = traded.parse_price(line.cells["price"])
        if not _LOTS.fullmatch(line.cells["lots"]):
            raise line.refuse("lots", "a whole number of lots, from 1 to 999999999")
        by_day[day].append(
            FilledTrade(
                line.number, client, traded.code, line.one_of("side", _SIDES), line.one_of("offset", _OFFSETS),
                int(line.cells["lots"]), price_minor,
            )
        )  # fmt: skip
    return Trades(file.name, by_day, members)


def read_prices(option: str, file: Path, rules: Rules) -> Prices:
    """Read the prices of contracts that have rules. Errors: BadInput, also where a contract has two lines for a day."""
    directions = {**{str(direction): direction for direction in Direction}, "": Direction.NONE}
    published: dict[tuple[datetime.date, str], Published] = {}
    days = set()
    for line in _lines(option, file, PRICE_COLUMNS):
        day, code = line.day(), line.cells["contract"]
        days.add(day)
        if code not in rules.codes:
            continue
        if (day, code) in published:
            raise line.refuse("contract", f"one line for {code} on {day}")
        settlement = exact_minor(line.cells["wavg"])
        if settlement is None or settlement <= 0:
            raise line.refuse("wavg", "a positive price in CNY, in whole fen")
        published[day, code] = Published(settlement, line.one_of("fee_direction", directions))
    if not days:
        raise BadInput(option, str(file), "a line for each day and contract")
    return Prices(file.name, tuple(sorted(days)), published)


def read_cash(option: str, file: Path, trades: Trades, prices: Prices) -> dict[datetime.date, dict[str, int]]:
    """Read what was paid in and taken out, in fen, by day and client. Errors: BadInput."""
    days = set(prices.days)
    found: dict[datetime.date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in _lines(option, file, CASH_COLUMNS):
        day = line.day()
        if day not in days:
            raise line.refuse("date", f"a day for which {prices.name} has prices")
        if line.cells["client"] not in trades.members:
            raise line.refuse("client", f"a client that trades in {trades.name}")
        amount = exact_minor(line.cells["amount"])
        if amount is None:
            raise line.refuse("amount", "CNY in whole fen, such as 1000000.00 or -50.5")
        found[day][line.cells["client"]] += amount
    return found


def _lines(option: str, file: Path, columns: Sequence[str]) -> Iterator[_Line]:
    """The lines of a CSV file that has at least these columns."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            table = csv.reader(opened, strict=True)
            header = [cell.strip() for cell in next(table, [])]
            missing = [column for column in columns if column not in header]
            if missing:
                raise BadInput(
                    f"{file.name}, line 1", ",".join(header), f"a header with the columns {','.join(columns)}"
                )
            places = [(column, header.index(column)) for column in columns]
            for cells in table:
                if len(cells) != len(header):
                    right = f"{len(header)} columns as in line 1"
                    raise BadInput(f"{file.name}, line {table.line_num}", ",".join(cells)[:80], right)
                yield _Line(file.name, table.line_num, {column: cells[place].strip() for column, place in places})
    except csv.Error as error:
        raise BadInput(f"{file.name}, line {table.line_num}", str(error), "well-formed CSV") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(option, str(file), f"a CSV file in UTF-8 that can be read ({error})") from error


@contextmanager
def _at(line: _Line) -> Iterator[None]:
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
