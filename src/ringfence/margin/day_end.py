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
from typing import Any, ClassVar, NamedTuple, cast

import psycopg
from psycopg import sql

from ringfence import calendar
from ringfence.custody import EXCHANGE, Cover, CoverSource, Exchange, Transfers, intake
from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Instruction, role
from ringfence.margin import market as markets
from ringfence.margin import parameters as rates_table
from ringfence.margin.contracts import contract
from ringfence.margin.day import ClientContract, ClientDay, DayResult, settle_day
from ringfence.margin.funds import Funds
from ringfence.margin.market import Market
from ringfence.margin.parameters import Parameters
from ringfence.margin.positions import Position, Trade
from ringfence.margin.standing import standing, trades_of

SCHEMA = "exchange_margin"
_ROUTES = {
    "realised": ("loss", "profit"),
    "marked": ("loss", "profit"),
    "deferred": ("deferred-paid", "deferred-received"),
}


class ReserveExhausted(RingfenceError):
    """A client cannot pay and neither can anybody for it: `day`, `client`, `missing_minor`. Nothing was planned."""

    code = "reserve-exhausted"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: {client} is short of {missing_minor} fen beyond its member's guarantee and the reserve; "
        "nothing is booked until somebody pays in",
        "zh": "{day}:{client} 的缺口 {missing_minor} 分超过会员保证基金与风险准备金;补入资金前不记账",
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


class Piece(NamedTuple):
    """One movement of a plan: for `client`, in fen, signed as the client sees it. A cover has the bank that pays it."""

    client: str
    what: str
    amount_minor: int
    bank: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
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


class DayEnd:
    """The settlement of one exchange. `guarantee_banks` says at which bank each member's guarantee is."""

    def __init__(
        self,
        exchange: Exchange,
        guarantee_banks: Mapping[str, str],
        reserve_bank: str,
        market: Market | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        self._exchange = exchange
        self._guarantee_banks = guarantee_banks
        self._reserve_bank = reserve_bank
        self._market = market or markets.load()
        self._parameters = parameters or rates_table.load()
        self._connection = exchange.settlement.connection

    # -- readings ---------------------------------------------------------------------------------------------------

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
        """The trades that were booked for `day`, in the order of their numbers."""
        return trades_of(self._connection, day)

    def funds(self, day: datetime.date) -> dict[str, Funds]:
        """Every client's funds during `day`: the margin of the evening before, and of what was opened since.

        Errors: ParameterUnknown.
        """
        return standing(self._connection, day, self._parameters)

    # -- the day ----------------------------------------------------------------------------------------------------

    def book(self, day: datetime.date, trades: Sequence[Trade]) -> None:
        """Book trades of `day`; one that is booked already, with the same figures, is left alone.

        Errors: BadInput for an unknown client or contract, or a trade number that was used otherwise; DayOutOfOrder.
        """
        for trade in trades:
            contract(trade.contract)
            trade.fills()
            for client in (trade.buyer, trade.seller):
                if self._exchange.settlement.party(client).role != "client":
                    raise BadInput("client", client, "a client")
        if self._is_planned(day):
            booked = set(self.trades(day))
            if not set(trades) <= booked:
                raise DayOutOfOrder(day=day, last=day)
            return
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO exchange_margin.trade VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [
                    (
                        day,
                        t.trade_no,
                        t.contract,
                        t.buyer,
                        t.buyer_offset,
                        t.seller,
                        t.seller_offset,
                        t.lots,
                        t.price_minor,
                    )
                    for t in trades
                ],
            )
        booked = set(self.trades(day))
        for trade in trades:
            if trade not in booked:
                raise BadInput("trade_no", trade.trade_no, "a number that no other trade has")

    def settle(self, day: datetime.date, transfers: Transfers) -> Settled:
        """Plan `day` unless it is planned, carry the plan out, and close the day in every book; meanwhile nothing is held out.

        Errors: DayOutOfOrder; as settle_day; ReserveExhausted; as Transfers.cover.
        """
        with intake(self._exchange.settlement, frozen=True):
            return self._settle(day, transfers)

    def _settle(self, day: datetime.date, transfers: Transfers) -> Settled:
        if not self._is_planned(day):
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
        fills = [fill for trade in self.trades(day) for fill in trade.fills()]
        result = settle_day(
            day,
            self.positions(),
            fills,
            self._market.prices(day),
            self._parameters,
            natural_days=calendar.load().natural_days_until_next(day),
        )
        rows = self._exchange.settlement.rows(
            "SELECT owner, available FROM {}.balances WHERE kind = 'client-cash' AND unit = 'CNY'"
        )
        available: dict[str, int] = dict(rows)
        covers = self._covers(day, result, available)
        covered = {
            client: sum(p.amount_minor for p in covers if p.client == client) for client in {p.client for p in covers}
        }
        pieces = [*covers, *(piece for client in result.clients.values() for piece in _pieces(client))]
        requirements = [
            (day, name, client.margin_minor, max(0, client.margin_minor - cash))
            for name, client in result.clients.items()
            for cash in [available[name] + covered.get(name, 0) + client.change_minor]
        ]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("INSERT INTO exchange_margin.planned VALUES (%s)", (day,))
            self._insert(cursor, "piece", [(day, *piece) for piece in pieces])
            self._insert(
                cursor,
                "position",
                [(day, *who, p.long_lots, p.short_lots) for who, p in sorted(result.positions().items())],
            )
            self._insert(cursor, "requirement", requirements)

    def _covers(self, day: datetime.date, result: DayResult, available: Mapping[str, int]) -> list[Piece]:
        link = self._exchange.link.connection
        funds = {
            bank: self._exchange.clearing[bank].funds(link)
            for bank in {*self._guarantee_banks.values(), self._reserve_bank}
        }
        guarantees = {
            member: funds[bank].guarantees_minor.get(member, 0) for member, bank in self._guarantee_banks.items()
        }
        reserve = funds[self._reserve_bank].reserve_minor
        covers = []
        for name, client in result.clients.items():
            missing = -(available[name] + client.change_minor)
            if missing <= 0:
                continue
            member = self._exchange.settlement.party(name).member or ""
            from_guarantee = min(missing, guarantees[member])
            from_reserve = missing - from_guarantee
            if from_reserve > reserve:
                raise ReserveExhausted(day=day, client=name, missing_minor=from_reserve - reserve)
            guarantees[member] -= from_guarantee
            reserve -= from_reserve
            if from_guarantee:
                covers.append(Piece(name, "member-guarantee", from_guarantee, self._guarantee_banks[member]))
            if from_reserve:
                covers.append(Piece(name, "exchange-reserve", from_reserve, self._reserve_bank))
        return covers

    def _planned(self, day: datetime.date) -> Settled:
        pieces = self._rows(
            "SELECT client, what, amount_minor, bank FROM exchange_margin.piece WHERE day = %s ORDER BY client, what",
            day,
        )
        calls = self._rows(
            "SELECT client, call_minor FROM exchange_margin.requirement WHERE day = %s AND call_minor > 0 ORDER BY client",
            day,
        )
        return Settled(day, tuple(Piece(*row) for row in pieces), dict(calls))

    def _post(self, day: datetime.date, pieces: Iterable[Piece]) -> None:
        """What clients receive goes first: nobody is short who is not short in the end."""
        moves = sorted((piece for piece in pieces if piece.bank is None), key=lambda piece: piece.amount_minor < 0)
        for outcome in self._exchange.settlement.post_in_batches([self._instruction(day, piece) for piece in moves]):
            if outcome.refusal:
                raise PlanRefused(day=day, refusal=outcome.refusal)

    def _instruction(self, day: datetime.date, piece: Piece) -> Instruction:
        settlement = self._exchange.settlement
        cash = settlement.account("client-cash", piece.client)
        if piece.what == "fee":
            route, other = "fee", settlement.account("fees-due", EXCHANGE)
        else:
            route = _ROUTES[piece.what][piece.amount_minor > 0]
            other = settlement.account("deferral" if piece.what == "deferred" else "settlement", EXCHANGE)
        return Instruction(
            key=f"settle:{day}:{piece.client}:{piece.what}",
            route=route,
            subject=piece.client,
            path=(other, cash) if piece.amount_minor > 0 else (cash, other),
            amount_minor=abs(piece.amount_minor),
            value_date=day,
            ref=piece.what,
        )

    def _is_planned(self, day: datetime.date) -> bool:
        return bool(self._rows("SELECT FROM exchange_margin.planned WHERE day = %s", day))

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()

    @staticmethod
    def _insert(cursor: psycopg.Cursor[Any], table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            places = ", ".join(["%s"] * len(rows[0]))
            columns = " (day, client, what, amount_minor, bank)" if table == "piece" else ""
            cursor.executemany(f"INSERT INTO exchange_margin.{table}{columns} VALUES ({places})".encode(), rows)


def _pieces(client: ClientDay) -> list[Piece]:
    amounts = {
        "realised": client.realised_minor,
        "marked": client.marked_minor,
        "fee": -client.trading_fee_minor,
        "deferred": client.deferred_minor,
    }
    return [Piece(client.client, what, amount) for what, amount in amounts.items() if amount]
