"""What stands behind a client's account on a day: its trades, what was closed, what is open, its positions, its metal.

The sections of the settlement statement (交易结算单) that brokers' clients know. Each is a table of exact figures with its words in
both languages, and is shown the same way in every form. Read through whatever login may see the client; nothing names whom a
trade was with.

Realised and marked count from the base, the previous settlement price or what was paid today (逐日盯市); by trade and floating from
the opening price (逐笔对冲). So the sums below the tables are lines of the account: realised, marked, and the fee of trades.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import psycopg

from ringfence.errors import Language
from ringfence.margin.contracts import Contract
from ringfence.margin.rules import Rules
from ringfence.money import grouped, render, unit

Kind = Literal["text", "word", "day", "count", "price", "money", "moves", "grams"]
_CNY, _GRAM = unit("CNY"), unit("AU9999")
Said = dict[Language, str]


class Column(NamedTuple):
    """A column: its name for programs, its words for people, and what it has."""

    name: str
    kind: Kind
    words: Said


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a statement: prices and amounts in fen, weights in milligrams; `totals` where columns add up."""

    name: str
    words: Said
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    totals: Mapping[str, int]

    def shown(self, language: Language) -> list[list[str]]:
        """Rows as people read them, with a last one of totals where there are any and more than one row."""
        rows = [
            [cell(value, column.kind, language) for value, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]
        if self.totals and len(rows) > 1:
            rows.append(
                [
                    cell(self.totals[column.name], column.kind, language) if column.name in self.totals else ""
                    for column in self.columns
                ]
            )
            rows[-1][0] = _WORDS["total"][language]
        return rows

    def document(self) -> dict[str, Any]:
        """For programs: a row is its columns by name, amounts exact decimal text; then the totals."""
        kinds = {column.name: column.kind for column in self.columns}
        return {
            "rows": [
                {column.name: plain(value, column.kind) for value, column in zip(row, self.columns, strict=True)}
                for row in self.rows
            ],
            "totals": {name: plain(value, kinds[name]) for name, value in self.totals.items()},
        }


_WORDS: dict[str, Said] = {
    "total": {"en": "Total", "zh": "合计"},
    "buy": {"en": "buy", "zh": "买"},
    "sell": {"en": "sell", "zh": "卖"},
    "long": {"en": "long", "zh": "多"},
    "short": {"en": "short", "zh": "空"},
    "open": {"en": "open", "zh": "开"},
    "close": {"en": "close", "zh": "平"},
    "spot": {"en": "spot", "zh": "现货"},
    "delivery": {"en": "delivery", "zh": "交割"},
}
_CLIENT = Column("client", "text", {"en": "Client", "zh": "客户"})
_NO = Column("trade_no", "text", {"en": "Trade", "zh": "成交序号"})
_CONTRACT = Column("contract", "text", {"en": "Contract", "zh": "合约"})
_SIDE = Column("side", "word", {"en": "Side", "zh": "买/卖"})
_HELD = Column("side", "word", {"en": "Side", "zh": "多/空"})
_LOTS = Column("lots", "count", {"en": "Lots", "zh": "手数"})
_PRICE = Column("price", "price", {"en": "Price", "zh": "成交价"})
_OPENED = Column("opened", "day", {"en": "Opened", "zh": "开仓日期"})
_OPEN_PRICE = Column("open_price", "price", {"en": "Open price", "zh": "开仓价"})
_PREVIOUS = Column("previous", "price", {"en": "Previous", "zh": "昨结算价"})
_SETTLEMENT = Column("settlement", "price", {"en": "Settlement", "zh": "结算价"})
_REALISED = Column("realised", "moves", {"en": "Realised", "zh": "平仓盈亏"})
_MARKED = Column("marked", "moves", {"en": "Marked", "zh": "持仓盯市盈亏"})
_BY_TRADE = Column("by_trade", "moves", {"en": "By trade", "zh": "逐笔平仓盈亏"})
_FLOATING = Column("floating", "moves", {"en": "Floating", "zh": "浮动盈亏"})
_TRADES = (
    _NO, _CONTRACT, _SIDE, Column("offset", "word", {"en": "Offset", "zh": "开平"}), _LOTS, _PRICE,
    Column("value", "money", {"en": "Value", "zh": "成交额"}), Column("fee", "money", {"en": "Fee", "zh": "手续费"}), _REALISED,
)  # fmt: skip
_CLOSED = (
    _NO, _CONTRACT, _HELD, _LOTS, _OPENED, _OPEN_PRICE, _PREVIOUS, Column("close_price", "price", {"en": "Close price", "zh": "平仓价"}),
    _REALISED, _BY_TRADE,
)  # fmt: skip
_OPEN = (_NO, _CONTRACT, _HELD, _LOTS, _OPENED, _OPEN_PRICE, _PREVIOUS, _SETTLEMENT, _MARKED, _FLOATING)
_POSITIONS = (
    _CONTRACT, Column("long_lots", "count", {"en": "Long", "zh": "多头手数"}), Column("short_lots", "count", {"en": "Short", "zh": "空头手数"}),
    _PREVIOUS, _SETTLEMENT, _MARKED, _FLOATING, Column("margin", "money", {"en": "Margin", "zh": "保证金占用"}),
)  # fmt: skip
_METAL = (
    Column("metal", "text", {"en": "Metal", "zh": "品种"}), Column("opening", "grams", {"en": "Opening, g", "zh": "上日结存(克)"}),
    Column("brought_in", "grams", {"en": "Brought in, g", "zh": "入库(克)"}), Column("taken_out", "grams", {"en": "Taken out, g", "zh": "出库(克)"}),
    Column("received", "grams", {"en": "Received, g", "zh": "收货(克)"}), Column("given", "grams", {"en": "Given, g", "zh": "交货(克)"}),
    Column("closing", "grams", {"en": "Closing, g", "zh": "当日结存(克)"}),
)  # fmt: skip


def sections(connection: psycopg.Connection[Any], client: str, day: datetime.date, rules: Rules) -> list[Section]:
    """All sections of a client's day, in the order in which a statement has them; before the day is planned what stands then.

    Errors: RuleUnknown.
    """
    return [
        Section(one.name, one.words, one.columns[1:], tuple(row[1:] for row in one.rows), one.totals)
        for one in sections_of_all(connection, [client], day, rules)
    ]


def sections_of_all(
    connection: psycopg.Connection[Any], clients: Sequence[str], day: datetime.date, rules: Rules
) -> list[Section]:
    """The same of many clients together, each row with its client before it. Errors: RuleUnknown."""
    made = _Day(connection, list(clients), day, rules)
    return [made.trades(), made.closed(), made.open(), made.positions(), made.metal()]


class _Lot(NamedTuple):
    client: str
    trade_no: str
    contract: str
    side: int
    lots: int
    opened: datetime.date
    price_minor: int


class _Close(NamedTuple):
    client: str
    close_no: str
    contract: str
    side: int
    lots: int
    opened: datetime.date
    price_minor: int
    close_minor: int


class _Day:
    def __init__(
        self, connection: psycopg.Connection[Any], clients: list[str], day: datetime.date, rules: Rules
    ) -> None:
        self._connection, self._day, self._rules = connection, day, rules
        self._who = {"clients": clients, "day": day}
        self._prices: dict[str, tuple[int, int]] = {
            contract: (previous, settlement)
            for contract, previous, settlement in connection.execute(
                "SELECT contract, previous_minor, settlement_minor FROM exchange_margin.price WHERE day = %s", (day,)
            ).fetchall()
        }
        self._closes = [
            _Close(*row)
            for row in self._read(
                """
                SELECT c.client, f.trade_no, c.contract, c.side, c.lots, o.day, o.price_minor, f.price_minor
                FROM exchange_margin.closed AS c
                JOIN exchange_margin.fill AS f ON f.trade = c.close_trade AND f.side = -c.side
                JOIN exchange_margin.fill AS o ON o.trade = c.trade AND o.side = c.side
                WHERE c.client = ANY (%(clients)s) AND c.day = %(day)s ORDER BY c.client, c.close_trade, c.trade
                """
            )
        ]
        self._lots = [
            _Lot(*row)
            for row in self._read(
                """
                SELECT l.client, o.trade_no, l.contract, l.side, l.lots, l.opened, l.price_minor
                FROM exchange_margin.lot AS l JOIN exchange_margin.fill AS o ON o.trade = l.trade AND o.side = l.side
                WHERE l.client = ANY (%(clients)s) AND l.since <= %(day)s AND l.until > %(day)s
                    AND EXISTS (SELECT FROM exchange_margin.planned AS p WHERE p.day = %(day)s)
                ORDER BY l.client, l.contract, l.side DESC, l.opened, l.trade
                """
            )
        ]

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), self._who).fetchall()

    def trades(self) -> Section:
        realised: dict[tuple[str, str], int] = defaultdict(int)
        for one in self._closes:
            realised[one.client, one.close_no] += self._realised(one)
        found = []
        for client, trade_no, code, side, opens, lots, price, kind in self._read(
            "SELECT client, trade_no, contract, side, opens, lots, price_minor, kind FROM exchange_margin.fill "
            "WHERE client = ANY (%(clients)s) AND day = %(day)s ORDER BY client, trade"
        ):
            contract = self._contract(code)
            value = contract.value_minor(lots, price)
            fee = 0 if kind == "delivery" else contract.fee.of(value, lots)
            offset = kind if kind != "deferred" else "open" if opens else "close"
            found.append(
                (
                    client, trade_no, code, "buy" if side == 1 else "sell", offset, lots, price, value, fee,
                    realised[client, trade_no],
                )
            )  # fmt: skip
        return _section(
            "trades", {"en": "Trades", "zh": "成交记录"}, _TRADES, found, "lots", "value", "fee", "realised"
        )

    def closed(self) -> Section:
        found = []
        for one in self._closes:
            quantity = self._contract(one.contract).lot_quantity * one.lots * one.side
            found.append(
                (
                    one.client, one.close_no, one.contract, _side(one.side), one.lots, one.opened, one.price_minor,
                    self._prices[one.contract][0], one.close_minor, self._realised(one),
                    quantity * (one.close_minor - one.price_minor),
                )
            )  # fmt: skip
        return _section(
            "closed", {"en": "Closed positions", "zh": "平仓明细"}, _CLOSED, found, "lots", "realised", "by_trade"
        )

    def open(self) -> Section:
        found = [
            (
                one.client, one.trade_no, one.contract, _side(one.side), one.lots, one.opened, one.price_minor,
                *self._prices[one.contract], *self._marked(one),
            )
            for one in self._lots
        ]  # fmt: skip
        return _section("open", {"en": "Open positions", "zh": "持仓明细"}, _OPEN, found, "lots", "marked", "floating")

    def positions(self) -> Section:
        by_contract: dict[tuple[str, str], list[_Lot]] = defaultdict(list)
        for one in self._lots:
            by_contract[one.client, one.contract].append(one)
        found = []
        for (client, code), lots in by_contract.items():
            contract, (previous, settlement) = self._contract(code), self._prices[code]
            long_lots, short_lots = (sum(one.lots for one in lots if one.side == side) for side in (1, -1))
            # As the requirement: each side by itself, up to the fen.
            margin = contract.margin_minor(long_lots, settlement) + contract.margin_minor(short_lots, settlement)
            marked, floating = (sum(amounts) for amounts in zip(*map(self._marked, lots), strict=True))
            found.append((client, code, long_lots, short_lots, previous, settlement, marked, floating, margin))
        return _section(
            "positions", {"en": "Positions", "zh": "持仓汇总"}, _POSITIONS, found, "long_lots", "short_lots", "marked", "floating", "margin"
        )  # fmt: skip

    def metal(self) -> Section:
        rows = self._read(
            """
            SELECT o.name, u.code, r.name, coalesce(sum(e.amount) FILTER (WHERE p.value_date < %(day)s), 0)::bigint,
                coalesce(sum(e.amount) FILTER (WHERE p.value_date = %(day)s), 0)::bigint
            FROM exchange.party AS o
            JOIN exchange.account AS a ON a.owner = o.id JOIN exchange.unit AS u ON u.id = a.unit
            JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-metal'
            LEFT JOIN exchange.entry AS e ON e.account = a.id
            LEFT JOIN exchange.posting AS p ON p.id = e.id / 8
            LEFT JOIN exchange.route AS r ON r.id = p.route
            WHERE o.name = ANY (%(clients)s) GROUP BY o.name, u.code, r.name ORDER BY o.name, u.code
            """
        )
        flows = ("metal-in", "metal-out", "metal-received", "metal-given")
        of_metal: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
        for client, code, *flow in rows:
            of_metal[client, code].append((flow[0], flow[1], flow[2]))
        found = []
        for (client, code), moved in of_metal.items():
            opening = sum(before for _, before, _ in moved)
            today = [sum(amount for route, _, amount in moved if route == flow) for flow in flows]
            found.append((client, code, opening, *today, opening + sum(today)))
        return _section("metal", {"en": "Metal", "zh": "实物"}, _METAL, found)

    def _contract(self, code: str) -> Contract:
        return self._rules.contract(code, self._day)

    def _realised(self, one: _Close) -> int:
        base = one.price_minor if one.opened == self._day else self._prices[one.contract][0]
        return self._contract(one.contract).lot_quantity * one.lots * one.side * (one.close_minor - base)

    def _marked(self, one: _Lot) -> tuple[int, int]:
        previous, settlement = self._prices[one.contract]
        quantity = self._contract(one.contract).lot_quantity * one.lots * one.side
        base = one.price_minor if one.opened == self._day else previous
        return quantity * (settlement - base), quantity * (settlement - one.price_minor)


def _side(side: int) -> str:
    return "long" if side == 1 else "short"


def _section(
    name: str, words: Said, columns: tuple[Column, ...], rows: Sequence[tuple[Any, ...]], *added: str
) -> Section:
    with_client = (_CLIENT, *columns)
    places = {column.name: place for place, column in enumerate(with_client)}
    totals = {one: sum(row[places[one]] for row in rows) for one in added} if rows else {}
    return Section(name, words, with_client, tuple(rows), totals)


def plain(value: Any, kind: Kind) -> Any:
    """A value for a program."""
    if kind in ("price", "money", "moves"):
        return render(value, _CNY)
    if kind == "grams":
        return render(value, _GRAM)
    return str(value) if kind == "day" else value


def cell(value: Any, kind: Kind, language: Language) -> str:
    """A value for people; what moves has a sign."""
    if kind == "word":
        return _WORDS[value][language]
    if kind == "count":
        return f"{value:,}"
    if kind in ("text", "day"):
        return str(value)
    shown = grouped(value, _GRAM if kind == "grams" else _CNY).replace("-", "\u2212")
    return f"+{shown}" if kind == "moves" and value > 0 else shown
