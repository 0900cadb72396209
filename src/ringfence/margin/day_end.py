"""The day's end at the exchange: trades are booked as they come, and the evening settles them in the ledgers.

A day is *planned* in one commit: everything that it will move, computed from the positions of the evening before, the
day's trades, the settlement prices and the dated rates. Then the plan is carried out, piece by piece under keys that
follow from the plan. Whoever is interrupted reads the plan again and does the same; nothing happens twice. At last every
book closes the day.

A client that cannot pay is covered first: real money moves into the circle from its member's guarantee, then from the
reserve, and only then are its losses booked. No other client is touched, and no client is ever below zero.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import psycopg
from psycopg import sql

from ringfence import calendar
from ringfence.custody import EXCHANGE, Cover, CoverSource, Exchange, Transfers, intake
from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Instruction, role
from ringfence.margin import market as markets
from ringfence.margin import rules as rule_table
from ringfence.margin.funds import Funds
from ringfence.margin.market import Market
from ringfence.margin.opening import Opening, read_opening, trades_of
from ringfence.margin.order_state import cancel_rest, states
from ringfence.margin.planning import LEFT_OVER, Backing, Piece, Plan, conditions, plan
from ringfence.margin.positions import ClientContract, Position, Trade
from ringfence.margin.rulebook import add_rules, read_rules
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import PAYS
from ringfence.margin.standing import standing

SCHEMA = "exchange_margin"
_ROUTES = {
    "realised": ("loss", "profit"),
    "marked": ("loss", "profit"),
    "deferred": ("deferred-paid", "deferred-received"),
    "fee": ("fee", "fee"),
    "overdue": ("fee", "fee"),
}
_OTHER_SIDE = {
    "realised": "settlement",
    "marked": "settlement",
    "deferred": "deferral",
    "fee": "fees-due",
    "overdue": "fees-due",
}


class PlanRefused(RingfenceError):
    """The ledger refused what a day's plan had room for: `day`, `refusal`. Somebody moved money meanwhile."""

    code = "plan-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: the ledger refused part of the settlement: {refusal}",
        "zh": "{day}:账本拒绝了部分清算记账:{refusal}",
    }


class DayOutOfOrder(RingfenceError):
    """A day was to be settled that is not after the last settled one: `day`, `last`."""

    code = "day-out-of-order"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day} cannot be settled: {last} is settled already, and days go in order",
        "zh": "不能结算 {day}:{last} 已结算,须按日期顺序进行",
    }


@dataclass(frozen=True, slots=True)
class DaySettled:
    """What a settled day did: how much was moved, who was covered and who is called."""

    day: datetime.date
    pieces: tuple[Piece, ...]
    calls: Mapping[str, int]

    @property
    def covers(self) -> list[Piece]:
        """What was paid in for clients that could not pay, a guarantee before the reserve."""
        covers = [piece for piece in self.pieces if piece.bank is not None]
        return sorted(covers, key=lambda piece: (piece.client, piece.what != "member-guarantee"))


def create_day_end(store: Store) -> None:
    """Make the tables of trades, plans and positions, beside the exchange's book. Errors: as migrate_ledger."""
    owner = role("exchange", "margin_owner")
    with store.connect() as administrator:
        store.ensure_role(administrator, owner, login=False)
        # So that its policies may ask who a reader's clients are.
        administrator.execute(
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(EXCHANGE), sql.Identifier(owner))
        )
    migrate_ledger(store, SCHEMA, owner, [], sql_files("ringfence.margin", "migrations"))
    with store.connect() as administrator:
        if not administrator.execute("SELECT FROM exchange_margin.rule LIMIT 1").rowcount:
            add_rules(administrator, rule_table.load())


class DayEnd:
    """The settlement of one exchange. `guarantee_banks` says at which bank each member's guarantee is."""

    def __init__(
        self,
        exchange: Exchange,
        guarantee_banks: Mapping[str, str],
        reserve_bank: str,
        market: Market | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._exchange = exchange
        self._guarantee_banks = guarantee_banks
        self._reserve_bank = reserve_bank
        self._market = market or markets.load()
        self._connection = exchange.settlement.connection
        self.rules = rules or read_rules(self._connection)

    # -- readings ---------------------------------------------------------------------------------------------------

    def is_planned(self, day: datetime.date) -> bool:
        """Whether it is decided what `day` moves; nothing is traded on it any more."""
        return bool(self._rows("SELECT FROM exchange_margin.planned WHERE day = %s", day))

    def is_settled(self, day: datetime.date) -> bool:
        """Whether everything of `day` is posted and closed."""
        return bool(self._rows("SELECT FROM exchange_margin.settled WHERE day = %s", day))

    def positions(self) -> dict[ClientContract, Position]:
        """The positions of the last planned day."""
        rows = self._rows(
            "SELECT client, contract, long_lots, short_lots FROM exchange_margin.position "
            "WHERE day = (SELECT max(day) FROM exchange_margin.planned)"
        )
        return {(client, code): Position(long_lots, short_lots) for client, code, long_lots, short_lots in rows}

    def requirements(self) -> dict[str, tuple[int, int]]:
        """Margin and call of the last planned day, by client, in fen."""
        rows = self._rows(
            "SELECT client, margin_minor, call_minor FROM exchange_margin.requirement "
            "WHERE day = (SELECT max(day) FROM exchange_margin.planned)"
        )
        return {client: (margin, call) for client, margin, call in rows}

    def totals(self) -> tuple[int, int]:
        """How many margin calls and covers there were on all planned days."""
        ((calls, covers),) = self._rows(
            "SELECT (SELECT count(*) FROM exchange_margin.requirement WHERE call_minor > 0), "
            "(SELECT count(*) FROM exchange_margin.piece WHERE bank IS NOT NULL)"
        )
        return calls, covers

    def trades(self, day: datetime.date) -> list[Trade]:
        """The trades that were booked for `day`, in that order."""
        return trades_of(self._connection, day)

    def funds(self, day: datetime.date, clients: Sequence[str] | None = None) -> dict[str, Funds]:
        """Every client's funds during `day`, or some clients': the margin of the evening before, and of what was opened since.

        Errors: RuleUnknown.
        """
        return standing(self._connection, day, clients, self.rules)

    # -- the day ----------------------------------------------------------------------------------------------------

    def settle(self, day: datetime.date, transfers: Transfers) -> DaySettled:
        """Plan `day` unless it is planned, carry the plan out, and close the day in every book; meanwhile nothing is held out.

        What is left of orders is cancelled first.

        Errors: DayOutOfOrder; as conditions and plan; as Transfers.cover.
        """
        with intake(self._exchange.settlement, frozen=True):
            cancel_rest(self._exchange.settlement, states(self._connection, day, open_only=True))
            return self._settle(day, transfers)

    def _settle(self, day: datetime.date, transfers: Transfers) -> DaySettled:
        if not self.is_planned(day):
            self._plan(day)
        settled = self._planned(day)
        if self.is_settled(day):
            return settled
        covers = [
            Cover(f"cover:{day}:{p.client}:{p.what}", p.client, p.amount_minor, p.bank, cast(CoverSource, p.what))
            for p in settled.pieces
            if p.bank is not None
        ]
        if covers:
            transfers.cover(day, covers)
        self._post(day, settled.pieces)
        self._exchange.close_day(day)
        self._connection.execute("INSERT INTO exchange_margin.settled VALUES (%s) ON CONFLICT DO NOTHING", (day,))
        return settled

    def _plan(self, day: datetime.date) -> None:
        ((last,),) = self._rows("SELECT max(day) FROM exchange_margin.planned")
        if last is not None and last >= day:
            raise DayOutOfOrder(day=day, last=last)
        opening = read_opening(self._connection, day)
        prices = self._market.prices(day)
        natural_days = calendar.load().natural_days_until_next(day)
        on = conditions(opening, day, prices, self.rules, natural_days)
        available: dict[str, int] = dict(
            self._exchange.settlement.rows(
                "SELECT owner, available FROM {}.balances WHERE kind = 'client-cash' AND unit = 'CNY'"
            )
        )
        planned = plan(day, opening, on, available, self._backing(opening))
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("INSERT INTO exchange_margin.planned VALUES (%s)", (day,))
            self._insert(
                cursor, "price",
                [(day, code, p.previous_minor, p.settlement_minor, PAYS[p.direction], natural_days) for code, p in prices.items()],
            )  # fmt: skip
            self._insert(cursor, "piece", [(day, *piece) for piece in planned.pieces])
            self._write_lots(cursor, planned)
            names = [opening.clients[number] for number in planned.clients.client.tolist()]
            self._insert(
                cursor, "requirement",
                [(day, *row) for row in zip(names, planned.funds.margin_minor.tolist(), planned.funds.call_minor.tolist(), strict=True)],
            )  # fmt: skip

    def _backing(self, opening: Opening) -> Backing:
        link = self._exchange.link.connection
        funds = {
            bank: self._exchange.clearing[bank].funds(link)
            for bank in {*self._guarantee_banks.values(), self._reserve_bank}
        }
        return Backing(
            {name: self._exchange.settlement.party(name).member or "" for name in opening.clients},
            self._guarantee_banks,
            {member: funds[bank].guarantees_minor.get(member, 0) for member, bank in self._guarantee_banks.items()},
            self._reserve_bank,
            funds[self._reserve_bank].reserve_minor,
        )

    def _write_lots(self, cursor: psycopg.Cursor[Any], planned: Plan) -> None:
        """Of lots only what the day has changed: what closing took ends, what is left of it and what is new begins."""
        day, opening, after, closed = planned.day, planned.opening, planned.settled.lots, planned.settled.closed
        took = [
            (trade, side)
            for trade, side, opened in zip(
                *(c.tolist() for c in (closed.trade, closed.side, closed.opened)), strict=True
            )
            if opened < planned.on.day
        ]
        cursor.execute(
            "UPDATE exchange_margin.lot SET until = %s WHERE until = 'infinity' "
            "AND (trade, side) IN (SELECT * FROM unnest(%s::bigint[], %s::smallint[]))",
            (day, [trade for trade, _ in took], [side for _, side in took]),
        )
        changed = set(took)
        columns = (after.trade, after.side, after.client, after.contract, after.opened, after.price, after.lots)
        self._insert(
            cursor, "lot",
            [
                (trade, side, day, "infinity", opening.clients[client], opening.contracts[contract], datetime.date.fromordinal(opened), price, lots)
                for trade, side, client, contract, opened, price, lots in zip(*(c.tolist() for c in columns), strict=True)
                if opened == planned.on.day or (trade, side) in changed
            ],
        )  # fmt: skip
        taken = (closed.fill, closed.trade, closed.side, closed.client, closed.contract, closed.lots)
        self._insert(
            cursor, "closed",
            [
                (day, int(opening.fills.trade[fill]), trade, side, opening.clients[client], opening.contracts[contract], lots)
                for fill, trade, side, client, contract, lots in zip(*(c.tolist() for c in taken), strict=True)
            ],
        )  # fmt: skip

    def _planned(self, day: datetime.date) -> DaySettled:
        pieces = self._rows(
            "SELECT client, what, amount_minor, bank FROM exchange_margin.piece WHERE day = %s ORDER BY client, what",
            day,
        )
        calls = self._rows(
            "SELECT client, call_minor FROM exchange_margin.requirement WHERE day = %s AND call_minor > 0 ORDER BY client",
            day,
        )
        return DaySettled(day, tuple(Piece(*row) for row in pieces), dict(calls))

    def _post(self, day: datetime.date, pieces: Iterable[Piece]) -> None:
        """What clients receive goes first: nobody is short who is not short in the end; what is left over goes last."""
        moves = sorted(
            (piece for piece in pieces if piece.bank is None), key=lambda p: (p.what == LEFT_OVER, p.amount_minor < 0)
        )
        for outcome in self._exchange.settlement.post_in_batches([self._instruction(day, piece) for piece in moves]):
            if outcome.refusal:
                raise PlanRefused(day=day, refusal=outcome.refusal)

    def _instruction(self, day: datetime.date, piece: Piece) -> Instruction:
        settlement = self._exchange.settlement
        if piece.what == LEFT_OVER:
            route, subject = LEFT_OVER, EXCHANGE
            path = (settlement.account("deferral", EXCHANGE), settlement.account("rounding", EXCHANGE))
        else:
            route, subject = _ROUTES[piece.what][piece.amount_minor > 0], piece.client
            cash = settlement.account("client-cash", piece.client)
            other = settlement.account(_OTHER_SIDE[piece.what], EXCHANGE)
            path = (other, cash) if piece.amount_minor > 0 else (cash, other)
        return Instruction(
            key=f"settle:{day}:{piece.client}:{piece.what}",
            route=route,
            subject=subject,
            path=path,
            amount_minor=abs(piece.amount_minor),
            value_date=day,
            ref=piece.what if piece.what != LEFT_OVER else f"{piece.what} {piece.client}",
        )

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()

    @staticmethod
    def _insert(cursor: psycopg.Cursor[Any], table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            places = ", ".join(["%s"] * len(rows[0]))
            columns = " (day, client, what, amount_minor, bank)" if table == "piece" else ""
            cursor.executemany(f"INSERT INTO exchange_margin.{table}{columns} VALUES ({places})".encode(), rows)
