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
from typing import Any, ClassVar, NamedTuple

import numpy as np
from psycopg import sql

from ringfence import calendar
from ringfence.custody import EXCHANGE, Cover, Exchange, Transfers, intake
from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import role
from ringfence.margin import market as markets
from ringfence.margin import rules as rule_table
from ringfence.margin.day import ClosesTooMuch, NotZeroSum, SettlementPriceMissing, UnbalancedPositions
from ringfence.margin.delivery import Tender, amounts, count, match
from ringfence.margin.funds import Funds
from ringfence.margin.kept_plan import (
    DaySettled,
    KeptDays,
    begin_plan,
    days_of_nobody,
    deliveries,
    finish_plan,
    kept_days,
    kept_prices,
    left_overs,
    read_plan,
    write_part,
)
from ringfence.margin.market import SettlementPrice
from ringfence.margin.metal import available as free_metal
from ringfence.margin.opening import contracts_of, read_opening
from ringfence.margin.order_state import cancel_rest, states
from ringfence.margin.parts import parts
from ringfence.margin.planning import (
    LEFT_OVER,
    MOVES,
    PENALTY,
    Backing,
    Deliveries,
    MatchOf,
    PartPlan,
    Planning,
    conditions,
    deliver,
)
from ringfence.margin.positions import ClientContract, Position
from ringfence.margin.posting import post_plan
from ringfence.margin.rulebook import add_rules, read_rules
from ringfence.margin.rules import Rules
from ringfence.margin.settlement import Conditions
from ringfence.margin.standing import standing
from ringfence.margin.tenders import counts_of, release_holds, tenders_of, to_match
from ringfence.money.columns import column

SCHEMA = "exchange_margin"
_PLENTY_MINOR = 2**50


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
            "SELECT client, margin_minor, call_minor FROM exchange_margin.client_day "
            "WHERE day = (SELECT max(day) FROM exchange_margin.planned)"
        )
        return {client: (margin, call) for client, margin, call in rows}

    def metal(self) -> dict[tuple[str, str], int]:
        """What clients can sell or tender of what they have in the vault, in milligrams by client and metal."""
        return free_metal(self._connection)

    def totals(self) -> tuple[int, int, int, int]:
        """How many margin calls, covers, deliveries and defaults on them there were on all planned days."""
        ((calls, covers, delivered, defaulted),) = self._rows(
            "SELECT (SELECT count(*) FROM exchange_margin.client_day WHERE call_minor > 0), "
            "(SELECT count(*) FROM exchange_margin.cover), "
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
        prices, natural_days = kept_prices(self._connection, day)
        codes = contracts_of(self._connection, day, again=True)
        on = conditions(codes, day, prices, self.rules, natural_days)
        planning = Planning(day, on, Backing(lambda client: "", {}, {}))
        differing = {(client, "margin") for client in days_of_nobody(self._connection, day)}
        try:
            for part in parts(self._connection):
                opening = read_opening(self._connection, day, part, contracts=codes, again=True)
                # Nobody has to be covered who has plenty.
                computed = planning.part(opening, np.full(len(part.names), _PLENTY_MINOR))
                differing |= self._differing(computed, kept_days(self._connection, day, part))
            left_over = planning.left_over()
        except (ClosesTooMuch, UnbalancedPositions, NotZeroSum) as error:
            return [error.text("en")]
        differing |= {
            (contract, LEFT_OVER) for contract, _ in left_over.items() ^ left_overs(self._connection, day).items()
        }
        for one in deliveries(self._connection, day):
            contract, price = self.rules.contract(one.contract, day), prices[one.contract].settlement_minor
            if (one.weight_minor, one.value_minor, one.penalty_minor) != amounts(
                contract, price, one.lots, one.outcome
            ):
                differing.add((one.match_no, "delivery"))
        return [f"{client}, {what}" for client, what in sorted(differing)]

    @staticmethod
    def _differing(computed: PartPlan, kept: KeptDays) -> set[tuple[str, str]]:
        """Who and what differs of a part, a penalty apart."""
        columns = {"margin": (computed.funds.margin_minor, kept.margin)}
        columns |= {what: (computed.moves[what], kept.moves[what]) for what in MOVES if what != PENALTY}
        differing = set()
        for what, (here, there) in columns.items():
            rows = [
                {(name, amount) for name, amount in zip(names, values.tolist(), strict=True) if amount}
                for names, values in ((computed.names, here), (kept.names, there))
            ]
            differing |= {(name, what) for name, _ in rows[0] ^ rows[1]}
        return differing

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
            codes = contracts_of(self._connection, day)
            on = conditions(codes, day, prices, self.rules, natural_days)
            begin_plan(self._connection, day, prices, natural_days)
            cleared = self._deliver(day, on, matches)
            planning = Planning(day, on, self._backing(), cleared)
            covers: list[Cover] = []
            for part in parts(self._connection):
                planned = planning.part(read_opening(self._connection, day, part, contracts=codes), part.available)
                write_part(self._connection, day, planned)
                covers += planned.covers
            finish_plan(self._connection, day, covers, planning.left_over(), cleared)
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

    def _deliver(self, day: datetime.date, on: Conditions, matches: Sequence[MatchOf]) -> Deliveries:
        """Clear the matches, by what those have who are in them."""
        if not matches:
            return ()
        who = sorted({client for of in matches for client in (of.match.deliver.client, of.match.receive.client)})
        opening = read_opening(self._connection, day, who, contracts=[contract.code for contract in on.contracts])
        available = dict(
            self._exchange.settlement.rows(
                "SELECT owner, available FROM {}.balances WHERE kind = 'client-cash' AND unit = 'CNY' AND owner = ANY (%s)",
                (who,),
            )
        )
        metal = free_metal(self._connection, who)
        return deliver(opening, column(available[name] for name in opening.clients), on, matches, metal)

    def _backing(self) -> Backing:
        funds = {name: bank.funds(self._exchange.link.connection) for name, bank in self._exchange.clearing.items()}
        return Backing(
            lambda client: self._exchange.settlement.party(client).member or "",
            {bank: found.guarantees_minor for bank, found in funds.items()},
            {bank: found.reserve_minor for bank, found in funds.items()},
        )

    def _cover(self, day: datetime.date, settled: DaySettled, transfers: Transfers) -> None:
        """Real money moves into the circle before any loss is booked."""
        if settled.covers:
            transfers.cover(day, settled.covers)
        self._connection.execute(
            "INSERT INTO exchange_margin.covered (day, covers) VALUES (%s, %s)", (day, len(settled.covers))
        )
        self._reached("covered")

    def _post(self, day: datetime.date, settled: DaySettled) -> None:
        postings = post_plan(self._exchange.settlement, settled)
        self._connection.execute("INSERT INTO exchange_margin.posted (day, postings) VALUES (%s, %s)", (day, postings))
        self._reached("posted")

    def _finish(self, day: datetime.date) -> None:
        self._exchange.close_day(day)
        self._connection.execute("INSERT INTO exchange_margin.settled (day) VALUES (%s)", (day,))
        self._reached("settled")

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()


def _offset(tender: Tender) -> str:
    return "open" if tender.neutral else "close"
