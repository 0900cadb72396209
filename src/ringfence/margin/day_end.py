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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, cast

from psycopg import sql

from ringfence import calendar
from ringfence.custody import EXCHANGE, Cover, CoverSource, Exchange, Transfers, intake
from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Instruction, role
from ringfence.margin import market as markets
from ringfence.margin import rules as rule_table
from ringfence.margin.day import ClosesTooMuch, NotZeroSum, SettlementPriceMissing, UnbalancedPositions
from ringfence.margin.delivery import Tender, amounts, count, match
from ringfence.margin.funds import Funds
from ringfence.margin.kept_plan import DaySettled, kept_prices, read_plan, requirements, write_plan
from ringfence.margin.market import SettlementPrice
from ringfence.margin.metal import against_payment
from ringfence.margin.metal import available as free_metal
from ringfence.margin.opening import Opening, read_opening
from ringfence.margin.order_state import cancel_rest, states
from ringfence.margin.planning import LEFT_OVER, PENALTY, Backing, MatchOf, Piece, conditions, plan
from ringfence.margin.positions import ClientContract, Position
from ringfence.margin.rulebook import add_rules, read_rules
from ringfence.margin.rules import Rules
from ringfence.margin.standing import standing
from ringfence.margin.tenders import counts_of, release_holds, tenders_of, to_match

SCHEMA = "exchange_margin"
_ROUTES = {
    "realised": ("loss", "profit"),
    "marked": ("loss", "profit"),
    "deferred": ("deferred-paid", "deferred-received"),
    "fee": ("fee", "fee"),
    "overdue": ("fee", "fee"),
    PENALTY: ("payment", "proceeds"),
}
_OTHER_SIDE = {
    "realised": "settlement",
    "marked": "settlement",
    "deferred": "deferral",
    "fee": "fees-due",
    "overdue": "fees-due",
    PENALTY: "delivery",
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


class Stage(NamedTuple):
    """A stage that a day has reached: its name, when, and how many orders were cancelled, pieces planned, covers paid, postings made."""

    name: str
    at: datetime.datetime
    figure: int


class DayEnd:
    """The settlement of one exchange, by what `prices` has for a day: the packaged market, unless another is given.

    A day goes from stage to stage, and the database lets it in no other order: trading-closed, planned, covered, posted,
    settled. `reached` is called with each stage when it is.
    """

    def __init__(
        self,
        exchange: Exchange,
        prices: Callable[[datetime.date], Mapping[str, SettlementPrice]] | None = None,
        rules: Rules | None = None,
        reached: Callable[[str], None] = lambda stage: None,
    ) -> None:
        self._exchange = exchange
        self._prices = prices or markets.load().prices
        self._reached = reached
        self._connection = exchange.settlement.connection
        self.rules = rules or read_rules(self._connection)

    # -- readings ---------------------------------------------------------------------------------------------------

    def is_planned(self, day: datetime.date) -> bool:
        """Whether it is decided what `day` moves; nothing is traded on it any more."""
        return bool(self._rows("SELECT FROM exchange_margin.planned WHERE day = %s", day))

    def settled_days(self) -> list[datetime.date]:
        """The days that are settled, in order."""
        return [day for (day,) in self._rows("SELECT day FROM exchange_margin.settled ORDER BY day")]

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

    def metal(self) -> dict[tuple[str, str], int]:
        """What clients can sell or tender of what they have in the vault, in milligrams by client and metal."""
        return free_metal(self._connection)

    def totals(self) -> tuple[int, int, int, int]:
        """How many margin calls, covers, deliveries and defaults on them there were on all planned days."""
        ((calls, covers, delivered, defaulted),) = self._rows(
            "SELECT (SELECT count(*) FROM exchange_margin.requirement WHERE call_minor > 0), "
            "(SELECT count(*) FROM exchange_margin.piece WHERE bank IS NOT NULL), "
            "count(*) FILTER (WHERE outcome = 'delivered'), count(*) FILTER (WHERE outcome <> 'delivered') "
            "FROM exchange_margin.delivery"
        )
        return calls, covers, delivered, defaulted

    def funds(self, day: datetime.date, clients: Sequence[str] | None = None) -> dict[str, Funds]:
        """Every client's funds during `day`, or some clients': the margin of the evening before, and of what was opened since.

        Errors: RuleUnknown.
        """
        return standing(self._connection, day, clients, self.rules)

    # -- the day ----------------------------------------------------------------------------------------------------

    def stages(self, day: datetime.date) -> list[Stage]:
        """The stages that `day` has reached, in their order; none while it is open."""
        rows = self._rows("SELECT stage, at, figure FROM exchange_margin.stage WHERE day = %s ORDER BY number", day)
        return [Stage(*row) for row in rows]

    def close_trading(self, day: datetime.date) -> None:
        """Let no order and no trade into `day` any more, and cancel what is left. Errors: DayOutOfOrder; BadInput for another day
        than the one that is open.
        """
        with intake(self._exchange.settlement, frozen=True):
            if not self.stages(day):
                self._close_trading(day)

    def settle(self, day: datetime.date, transfers: Transfers) -> DaySettled:
        """Take `day` from whatever stage it has reached to the last: close trading, plan, cover, post, close it in every book.

        Whoever was interrupted does the same again and nothing happens twice; a day whose plan cannot be made stays without one,
        and nothing of it is moved. Meanwhile nothing is held out.

        Errors: as close_trading; as conditions and plan; PlanRefused; as Transfers.cover.
        """
        with intake(self._exchange.settlement, frozen=True):
            done = {stage.name for stage in self.stages(day)}
            if "trading-closed" not in done:
                self._close_trading(day)
            if "planned" not in done:
                self._plan(day)
            settled = read_plan(self._connection, day)
            if "covered" not in done:
                self._cover(day, settled, transfers)
            if "posted" not in done:
                self._post(day, settled)
            if "settled" not in done:
                self._finish(day)
            return settled

    def compute_again(self, day: datetime.date) -> list[str]:
        """Compute the plan of `day` once more, from the lots, trades, prices and rules that stand there: what of it differs.

        Covers are not compared, nor who defaulted on a delivery: they follow from what stood at the banks and in the accounts then.
        Errors: BadInput for a day without a plan.
        """
        if not self.is_planned(day):
            raise BadInput("day", str(day), "a day that is planned")
        opening = read_opening(self._connection, day, again=True)
        prices, natural_days = kept_prices(self._connection, day)
        on = conditions(opening, day, prices, self.rules, natural_days)
        plenty = Backing(dict.fromkeys(opening.clients, ""), {}, {"": 2**62})
        try:
            computed = plan(day, opening, on, dict.fromkeys(opening.clients, 0), plenty)
        except (ClosesTooMuch, UnbalancedPositions, NotZeroSum) as error:
            return [error.text("en")]
        pieces = {(p.client, p.what): p.amount_minor for p in computed.pieces if p.bank is None}
        planned = read_plan(self._connection, day)
        kept = {(p.client, p.what): p.amount_minor for p in planned.pieces if p.bank is None and p.what != PENALTY}
        margins = {client: margin for client, margin, _ in requirements(computed)}
        required = dict(self._rows("SELECT client, margin_minor FROM exchange_margin.requirement WHERE day = %s", day))
        differing = {who for who, _ in pieces.items() ^ kept.items()}
        differing |= {(client, "margin") for client, _ in margins.items() ^ required.items()}
        for one in planned.deliveries:
            contract, price = self.rules.contract(one.contract, day), prices[one.contract].settlement_minor
            if (one.weight_minor, one.value_minor, one.penalty_minor) != amounts(
                contract, price, one.lots, one.outcome
            ):
                differing.add((one.match_no, "delivery"))
        return [f"{client}, {what}" for client, what in sorted(differing)]

    def _close_trading(self, day: datetime.date) -> None:
        ((last,),) = self._rows("SELECT max(day) FROM exchange_margin.trading_closed")
        if last is not None and last >= day:
            raise DayOutOfOrder(day=day, last=last)
        if (open_day := self._exchange.settlement.day) != day:
            raise BadInput("day", str(day), f"{open_day}, which is open")
        left = states(self._connection, day, open_only=True)
        tendered = to_match(tenders_of(self._connection, day))
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cancel_rest(self._exchange.settlement, left, in_the_evening=True)
            cursor.execute(
                "INSERT INTO exchange_margin.trading_closed (day, cancelled) VALUES (%s, %s)", (day, len(left))
            )
            counts = {code: count(tenders) for code, tenders in sorted(tendered.items())}
            cursor.executemany(
                "INSERT INTO exchange_margin.tender_count (day, contract, deliver_lots, receive_lots) VALUES (%s, %s, %s, %s)",
                [(day, code, of.deliver_lots, of.receive_lots) for code, of in counts.items()],
            )
        self._reached("trading-closed")

    def _plan(self, day: datetime.date) -> None:
        """Match the day's tenders, give back what they hold, and plan: one commit, or nothing of it."""
        natural_days = calendar.load().natural_days_until_next(day)
        with self._connection.transaction():
            prices = self._directed(day, self._prices(day))
            matches = self._match(day, prices)
            opening = read_opening(self._connection, day)
            on = conditions(opening, day, prices, self.rules, natural_days)
            available: dict[str, int] = dict(
                self._exchange.settlement.rows(
                    "SELECT owner, available FROM {}.balances WHERE kind = 'client-cash' AND unit = 'CNY'"
                )
            )
            planned = plan(day, opening, on, available, self._backing(opening), matches, self.metal())
            write_plan(self._connection, planned, prices, natural_days)
        self._reached("planned")

    def _directed(self, day: datetime.date, prices: Mapping[str, SettlementPrice]) -> dict[str, SettlementPrice]:
        """The prices, with the direction of what was counted here where anybody tendered."""
        counts = counts_of(self._connection, day)
        return {
            code: replace(price, direction=counts[code].direction) if code in counts else price
            for code, price in prices.items()
        }

    def _match(self, day: datetime.date, prices: Mapping[str, SettlementPrice]) -> list[MatchOf]:
        """Match the day's tenders; each match is a trade at the settlement price. Errors: SettlementPriceMissing."""
        tendered = tenders_of(self._connection, day)
        release_holds(self._exchange.settlement, [one for one in tendered if not one.cancelled], "matched")
        numbers = {state.number: state.asked.tender_no for state in tendered}
        found = []
        for code, tenders in sorted(to_match(tendered).items()):
            if code not in prices:
                raise SettlementPriceMissing(day=day, contract=code)
            for place, one in enumerate(match(tenders), 1):
                gives, takes = one.deliver, one.receive
                ((trade,),) = self._connection.execute(
                    "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, "
                    "price_minor, buyer_tender, seller_tender) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING number",
                    (
                        day, f"match:{day}:{code}:{place}", code, gives.client, _offset(gives), takes.client, _offset(takes),
                        one.lots, prices[code].settlement_minor, numbers[gives.number], numbers[takes.number],
                    ),
                ).fetchall()  # fmt: skip
                found.append(MatchOf(code, one, trade))
        return found

    def _backing(self, opening: Opening) -> Backing:
        funds = {name: bank.funds(self._exchange.link.connection) for name, bank in self._exchange.clearing.items()}
        return Backing(
            {name: self._exchange.settlement.party(name).member or "" for name in opening.clients},
            {bank: found.guarantees_minor for bank, found in funds.items()},
            {bank: found.reserve_minor for bank, found in funds.items()},
        )

    def _cover(self, day: datetime.date, settled: DaySettled, transfers: Transfers) -> None:
        """Real money moves into the circle before any loss is booked."""
        covers = [
            Cover(
                f"cover:{day}:{p.client}:{p.what}:{p.bank}", p.client, p.amount_minor, p.bank, cast(CoverSource, p.what)
            )
            for p in settled.pieces
            if p.bank is not None
        ]
        if covers:
            transfers.cover(day, covers)
        self._connection.execute(
            "INSERT INTO exchange_margin.covered (day, covers) VALUES (%s, %s)", (day, len(covers))
        )
        self._reached("covered")

    def _finish(self, day: datetime.date) -> None:
        self._exchange.close_day(day)
        self._connection.execute("INSERT INTO exchange_margin.settled (day) VALUES (%s)", (day,))
        self._reached("settled")

    def _post(self, day: datetime.date, settled: DaySettled) -> None:
        """What clients receive goes first, then metal against money, then what they pay: nobody is short who is not short in the
        end. What is left over goes last.
        """
        moves = [piece for piece in settled.pieces if piece.bank is None]
        receives = [piece for piece in moves if piece.what != LEFT_OVER and piece.amount_minor > 0]
        pays = [piece for piece in moves if piece.what != LEFT_OVER and piece.amount_minor < 0]
        left_over = [piece for piece in moves if piece.what == LEFT_OVER]
        asked = [self._instruction(day, piece) for piece in receives]
        for one in settled.deliveries:
            if one.outcome == "delivered":
                asked += against_payment(
                    self._exchange.settlement, day, one.match_no, one.giver, one.taker, one.metal, one.weight_minor,
                    one.value_minor, one.contract,
                )  # fmt: skip
        asked += [self._instruction(day, piece) for piece in (*pays, *left_over)]
        for outcome in self._exchange.settlement.post_in_batches(asked):
            if outcome.refusal:
                raise PlanRefused(day=day, refusal=outcome.refusal)
        self._connection.execute(
            "INSERT INTO exchange_margin.posted (day, postings) VALUES (%s, %s)", (day, len(asked))
        )
        self._reached("posted")

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


def _offset(tender: Tender) -> str:
    return "open" if tender.neutral else "close"
