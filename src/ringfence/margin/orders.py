"""Orders: checked for each client before anything else, held, cancelled, filled. There is no matching engine and no override.

An order is looked at in this order: registered client, contract that is traded, lots, tick, price limit, position to close,
available funds. One that opens holds its margin, by the rate of the evening before, and its fee: what it can cost at most, a
sale therefore at the upper price limit. One that closes holds nothing: nobody is kept from lessening a risk. A refused order
writes nothing and stands in nobody's way. Orders and withdrawals are decided one after another (`custody.deciding`), so that
the same money is never counted on twice.

A fill gives back its part of the hold in the same commit in which the trade is booked; from then on the trade needs margin. Of a
spot contract a purchase holds price and fee and a sale its metal, and a fill exchanges metal against money in that commit.
The night session belongs to the next trading day. What is left at the evening is cancelled.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from ringfence import calendar
from ringfence.calendar import trading_day_of
from ringfence.custody import EXCHANGE, Exchange, deciding
from ringfence.errors import BadInput, RingfenceError
from ringfence.ledger import Action, Instruction, Ledger
from ringfence.margin.contracts import Contract
from ringfence.margin.market import Market
from ringfence.margin.metal import against_payment
from ringfence.margin.order_checks import Judge
from ringfence.margin.order_state import (
    SIDES,
    Order,
    OrderState,
    cancel_rest,
    given_back,
    holds_on,
    post_all,
    release,
    states,
    trades_named,
)
from ringfence.margin.positions import Offset, Trade
from ringfence.margin.rulebook import read_rules
from ringfence.margin.rules import Rules, RuleUnknown
from ringfence.money import grouped, render, unit

_CNY = unit("CNY")


class Placed(NamedTuple):
    """What became of an order: what it holds, in fen or in milligrams of a metal; or why it was refused. `replayed` if it was
    placed before.
    """

    order: Order
    reserved_minor: int
    refusal: RingfenceError | None
    held_in: str = "CNY"
    replayed: bool = False


class Orders:
    """The orders of one exchange. `market` knows the settlement price of the evening before the first day that is settled."""

    def __init__(self, exchange: Exchange, rules: Rules | None = None, market: Market | None = None) -> None:
        self._ledger: Ledger = exchange.settlement
        self._connection = exchange.settlement.connection
        self._rules = rules or read_rules(self._connection)
        self._market = market

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection of the exchange's settlement."""
        return self._connection

    # -- readings ---------------------------------------------------------------------------------------------------

    def states(self, day: datetime.date, *, open_only: bool = False, client: str | None = None) -> list[OrderState]:
        """The orders of `day`, in the order in which they were placed."""
        return states(self._connection, day, open_only=open_only, client=client)

    # -- what happens -----------------------------------------------------------------------------------------------

    def place(self, orders: Sequence[Order], at: datetime.datetime) -> list[Placed]:
        """Place orders at a moment of a session, in their order; each is held, or refused by name, by itself.

        An order of a number that was used before, with the same words, is told again what became of it. Errors: BadInput for a
        moment of another day than the one that is open; CalendarUnknown.
        """
        day, session = trading_day_of(at, calendar.load())
        with deciding(self._ledger):
            self._require_open(day, at)
            known = {
                state.order.order_no: state for state in states(self._connection, numbers={o.order_no for o in orders})
            }
            judge = Judge(self._ledger, day, {order.client for order in orders}, self._rules, self._market)
            placed: list[Placed] = []
            for order in orders:
                before = known.get(order.order_no)
                if before is not None:
                    placed.append(_again(order, before))
                    continue
                try:
                    need = judge.needs(order)
                    placed.append(Placed(order, need.amount_minor, None, need.held_in))
                    known[order.order_no] = OrderState(
                        order, day, session, need.amount_minor, need.held_in, None, 0, 0, order.lots
                    )
                except (BadInput, RuleUnknown) as error:
                    placed.append(Placed(order, 0, error))
            return self._hold(placed, day, session)

    def cancel(self, order_nos: Sequence[str]) -> list[OrderState]:
        """Cancel what is left of these orders; one that has nothing left stays as it is. How they stand then.

        Errors: BadInput for a number that no order has; nothing is cancelled then.
        """
        with deciding(self._ledger):
            found = {state.order.order_no: state for state in states(self._connection, numbers=set(order_nos))}
            for number in order_nos:
                if number not in found:
                    raise BadInput("order_no", number, "the number of an order that was placed")
            cancel_rest(self._ledger, [state for state in found.values() if state.rest])
        return states(self._connection, numbers=set(order_nos))

    def fill(self, day: datetime.date, trades: Sequence[Trade]) -> None:
        """Book trades of `day` between orders, all or none; one that is booked already, with the same figures, is left alone.

        Errors: BadInput for an order that does not allow its trade (no such order, another client, contract, offset or day, a
        worse price, more lots than are left), or a trade number that was used otherwise.
        """
        with deciding(self._ledger):
            booked = {trade.trade_no: trade for trade in trades_named(self._connection, [t.trade_no for t in trades])}
            new = []
            for trade in trades:
                if trade.trade_no not in booked:
                    new.append(trade)
                if booked.setdefault(trade.trade_no, trade) != trade:
                    raise BadInput("trade_no", trade.trade_no, "a number that no other trade has")
            if new:
                if self._ledger.rows("SELECT FROM exchange_margin.trading_closed WHERE day >= %s", (day,)):
                    raise BadInput("day", str(day), "a day whose trading is not closed")
                self._fill(day, new)

    # -- how --------------------------------------------------------------------------------------------------------

    def _require_open(self, day: datetime.date, at: datetime.datetime) -> None:
        ((open_day, closed, trading_closed),) = self._ledger.rows(
            "SELECT day, closed_through, EXISTS (SELECT FROM exchange_margin.trading_closed AS c WHERE c.day = head.day) FROM {}.head"
        )
        if day != open_day or day <= closed or trading_closed:
            right = (
                f"a moment of {open_day}, which is open" if open_day > closed and not trading_closed else "an open day"
            )
            raise BadInput("at", f"{at:%Y-%m-%d %H:%M}, which belongs to {day}", right)

    def _hold(self, placed: Sequence[Placed], day: datetime.date, session: str) -> list[Placed]:
        """Hold what accepted orders need and write them down, in one commit."""
        new = [p for p in placed if p.refusal is None and not p.replayed]
        holds = []
        for p in new:
            if p.reserved_minor:
                route, path = holds_on(self._ledger, p.order.client, p.held_in)
                holds.append(
                    Instruction(
                        f"order:{p.order.order_no}", route, p.order.client, path, p.reserved_minor, day, action=Action.HOLD,
                        expires=day, ref=p.order.contract,
                    )
                )  # fmt: skip
        refused: dict[str, RingfenceError] = {}
        with self._connection.transaction():
            outcomes = {o.instruction.key: o for o in self._ledger.post_in_batches(holds)}
            rows = []
            for p in new:
                outcome = outcomes.get(f"order:{p.order.order_no}")
                if outcome is not None and outcome.refusal is not None:
                    reasons = outcome.refusal.reason("en"), outcome.refusal.reason("zh")
                    refused[p.order.order_no] = BadInput("funds", grouped(p.reserved_minor, unit(p.held_in)), *reasons)
                    continue
                o = p.order
                rows.append(
                    (
                        o.order_no, day, session, o.client, o.contract, SIDES[o.side], o.offset == "open", o.lots,
                        o.price_minor, p.reserved_minor, p.held_in, outcome.posting if outcome else None,
                    )
                )  # fmt: skip
            with self._connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO exchange_margin.orders (order_no, day, session, client, contract, side, opens, lots, "
                    "price_minor, reserved_minor, held_in, hold) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    rows,
                )
        return [Placed(p.order, 0, refused[p.order.order_no]) if p.order.order_no in refused else p for p in placed]

    def _fill(self, day: datetime.date, trades: Sequence[Trade]) -> None:
        numbers = {number for trade in trades for number in (trade.buyer_order, trade.seller_order)}
        found = {state.order.order_no: state for state in states(self._connection, numbers=numbers)}
        releases: list[Instruction] = []
        exchanged: list[Instruction] = []
        for trade in trades:
            for number, side, client, offset in (
                (trade.buyer_order, "buy", trade.buyer, trade.buyer_offset),
                (trade.seller_order, "sell", trade.seller, trade.seller_offset),
            ):
                state = _allowing(trade, day, found.get(number), number, side, client, offset)
                filled = state._replace(filled=state.filled + trade.lots, rest=state.rest - trade.lots)
                found[number] = filled
                back = (given_back(filled, filled.filled) if filled.rest else filled.reserved_minor) - given_back(
                    state, state.filled
                )
                if back and state.hold:
                    releases.append(release(self._ledger, state, f"fill:{trade.trade_no}:{side}", back))
            if (traded := self._rules.contract(trade.contract, day)).kind == "spot":
                exchanged += self._exchange_at_once(day, trade, traded)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            post_all(self._ledger, releases)
            paid = {one.instruction.group: one.posting for one in post_all(self._ledger, exchanged)[::-1]}
            cursor.executemany(
                "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, "
                "price_minor, buyer_order, seller_order, paid_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        day, t.trade_no, t.contract, t.buyer, t.buyer_offset, t.seller, t.seller_offset, t.lots, t.price_minor,
                        t.buyer_order, t.seller_order, paid.get(f"trade:{t.trade_no}"),
                    )
                    for t in trades
                ],
            )  # fmt: skip

    def _exchange_at_once(self, day: datetime.date, trade: Trade, traded: Contract) -> list[Instruction]:
        """Metal against money for a spot trade, with both fees: linked, so that all of it happens or nothing."""
        key, ledger = f"trade:{trade.trade_no}", self._ledger
        value, weight = traded.value_minor(trade.lots, trade.price_minor), traded.metal_minor(trade.lots)
        fee, due = traded.fee.of(value, trade.lots), ledger.account("fees-due", EXCHANGE)
        fees = [
            Instruction(
                f"{key}:fee:{side}", "fee", client, (ledger.account("client-cash", client), due), fee, day, ref="fee", group=key
            )
            for side, client in (("buy", trade.buyer), ("sell", trade.seller))
            if fee
        ]  # fmt: skip
        metal = traded.metal or ""
        return against_payment(ledger, day, key, trade.seller, trade.buyer, metal, weight, value, traded.code) + fees


def _again(order: Order, before: OrderState) -> Placed:
    if before.order != order:
        return Placed(
            order, 0, BadInput("order_no", order.order_no, "a number that no other order has", "未被其他委托使用的编号")
        )
    return Placed(order, before.reserved_minor, None, before.held_in, replayed=True)


def _allowing(
    trade: Trade, day: datetime.date, state: OrderState | None, number: str, side: str, client: str, offset: Offset
) -> OrderState:
    """The order of one side of a trade. Errors: BadInput where it does not allow it."""
    place = f"trade {trade.trade_no}, {'buyer' if side == 'buy' else 'seller'}_order"
    if state is None:
        raise BadInput(place, number, "the number of an order that was placed")
    order = state.order
    if (order.client, order.contract, order.side, order.offset, state.day) != (
        client,
        trade.contract,
        side,
        offset,
        day,
    ):
        right = f"an order of {client} to {side} {trade.contract} on {day}, to {offset}"
        raise BadInput(place, number, right)
    if (trade.price_minor - order.price_minor) * SIDES[side] > 0:
        raise BadInput(
            place,
            render(trade.price_minor, _CNY),
            f"{render(order.price_minor, _CNY)} or better, as order {number} says",
        )
    if trade.lots > state.rest:
        raise BadInput(place, f"{trade.lots} lots", f"at most the {state.rest} that are left of order {number}")
    return state
