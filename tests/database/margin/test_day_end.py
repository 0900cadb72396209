"""The daily cycle of a whole replay, against a calculation of its own: other code, other numbers, the same fen.

The calculation below knows nothing of Ringfence's rules in code. It reads prices and rates from the tables of figures,
trades and transfers from what was booked, and computes with fractions: every lot is followed from its trade to its close.
"""

from __future__ import annotations

import csv
import datetime
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from math import ceil, floor
from typing import Any

import pytest

from conftest import Server
from ringfence.database import Store
from ringfence.demo.run import Plan, run

LOT = {"Au(T+D)": 1000, "mAu(T+D)": 100, "Ag(T+D)": 1}
METAL = {"Au(T+D)": ("AU9995", 1_000), "mAu(T+D)": ("AU9999", 1_000), "Ag(T+D)": ("AG9999", 1_000_000)}
PLAN = Plan(days=30, clients=48, seed=11)


def table(name: str) -> list[dict[str, str]]:
    text = (resources.files("ringfence.margin") / "data" / name).read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@pytest.fixture(scope="module")
def lived(server: Server) -> Iterator[Store]:
    database = server.create()
    store = server.store(database)
    run(store, PLAN)
    yield store
    server.drop(database)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.connect() as administrator:
        return administrator.execute(query.encode()).fetchall()


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


class Calculation:
    """Every client's cash and margin, evening by evening."""

    def __init__(self, store: Store) -> None:
        self.prices = {(row["date"], row["contract"]): row for row in table("sge_2020.csv")}
        self.days = sorted({day for day, _ in self.prices})
        self.rates: dict[tuple[str, str], list[tuple[str, Fraction]]] = defaultdict(list)
        for row in table("rules.csv"):
            if row["rule"] in ("margin", "fee", "deferred-fee", "penalty") and row["value"] != "?":
                rate = Fraction(Decimal(row["value"].removesuffix("%"))) / 100
                self.rates[row["rule"], row["contract"]].append((row["effective_from"], rate))
        self.trades = rows(
            store,
            "SELECT day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, buyer_tender IS NOT NULL "
            "FROM exchange_margin.trade ORDER BY number",
        )
        self.metal: dict[tuple[str, str], int] = defaultdict(int)
        for client, metal, amount in rows(
            store, "SELECT owner, unit, amount FROM exchange.journal WHERE kind = 'client-metal' AND route = 'metal-in'"
        ):
            self.metal[client, metal] += amount
        self.cash: dict[str, int] = defaultdict(int)
        self.fees = 0
        self.left_over = 0
        # Open lots as (price, lots, carried from an earlier day), by client, contract and side.
        self.lots: dict[tuple[str, str, int], list[list[Any]]] = defaultdict(list)

    def rate(self, parameter: str, contract: str, day: str) -> Fraction:
        return max((row for row in self.rates[parameter, contract] if row[0] <= day), key=lambda row: row[0])[1]

    def settlement(self, contract: str, day: str) -> Fraction:
        """The weighted average of the day in fen; of the last day before on which there was one."""
        known = [d for d in self.days if d <= day and (d, contract) in self.prices]
        return Fraction(Decimal(self.prices[known[-1], contract]["wavg"])) * 100

    def trade(self, day: str) -> None:
        for _, _, contract, buyer, buyer_offset, seller, seller_offset, lots, price, delivers in self.on(day):
            for client, side, offset in ((buyer, 1, buyer_offset), (seller, -1, seller_offset)):
                fee = 0 if delivers else half_up(lots * LOT[contract] * price * self.rate("fee", contract, day))
                self.cash[client] -= fee
                self.fees += fee
                if offset == "open":
                    self.lots[client, contract, side].append([Fraction(price), lots])
                else:
                    self.close(client, contract, -side, lots, Fraction(price))

    def on(self, day: str) -> list[tuple[Any, ...]]:
        return [trade for trade in self.trades if trade[0].isoformat() == day]

    def close(self, client: str, contract: str, side: int, lots: int, price: Fraction) -> None:
        open_lots = self.lots[client, contract, side]
        while lots:
            taken = min(lots, open_lots[0][1])
            self.cash[client] += int(side * taken * LOT[contract] * (price - open_lots[0][0]))
            open_lots[0][1] -= taken
            lots -= taken
            if not open_lots[0][1]:
                open_lots.pop(0)

    def mark(self, day: str) -> None:
        for (client, contract, side), open_lots in self.lots.items():
            price = self.settlement(contract, day)
            for lot in open_lots:
                self.cash[client] += int(side * lot[1] * LOT[contract] * (price - lot[0]))
                lot[0] = price

    def defer(self, day: str) -> None:
        following = self.days[self.days.index(day) + 1]
        natural_days = (datetime.date.fromisoformat(following) - datetime.date.fromisoformat(day)).days
        for contract, size in LOT.items():
            published = self.prices.get((day, contract))
            if published is None or published["fee_direction"] == "none":
                continue
            paying = 1 if published["fee_direction"] == "long_pays_short" else -1
            held = {side: self.held(contract, side) for side in (1, -1)}
            due = self.settlement(contract, day) * size * natural_days * self.rate("deferred-fee", contract, day)
            # Who pays rounds up, who receives down; the rest is nobody's.
            for client, lots in held[paying].items():
                self.cash[client] -= ceil(lots * due)
                self.left_over += ceil(lots * due)
            for client, lots in held[-paying].items():
                self.cash[client] += floor(lots * due)
                self.left_over -= floor(lots * due)

    def deliver(self, day: str, margin: dict[str, int]) -> list[tuple[str, str, str]]:
        """Metal against money for what was tendered, out of what margin leaves; who cannot pays a penalty."""
        free = defaultdict(int, {client: cash - margin.get(client, 0) for client, cash in self.cash.items()})
        came: list[tuple[str, str, str]] = []
        received: dict[tuple[str, str], int] = defaultdict(int)
        for _, _, contract, giver, _, taker, _, lots, _, delivers in self.on(day):
            if not delivers:
                continue
            metal, milligrams = METAL[contract]
            value, weight = (
                int(lots * LOT[contract] * self.settlement(contract, day)),
                lots * LOT[contract] * milligrams,
            )
            gives, pays = self.metal[giver, metal] >= weight, free[taker] >= value
            penalty = half_up(value * self.rate("penalty", contract, day))
            if gives and pays:
                self.metal[giver, metal] -= weight
                received[taker, metal] += weight
                self.cash[giver] += value
                self.cash[taker] -= value
                free[taker] -= value
            elif gives != pays:
                payer, payee = (giver, taker) if pays else (taker, giver)
                self.cash[payer] -= penalty
                self.cash[payee] += penalty
                free[payer] -= penalty
            came.append(
                (
                    giver,
                    taker,
                    {(True, True): "delivered", (False, True): "giver-defaults", (True, False): "taker-defaults"}.get(
                        (gives, pays), "both-default"
                    ),
                )
            )
        for where, weight in received.items():
            self.metal[where] += weight
        return came

    def held(self, contract: str, side: int) -> dict[str, int]:
        found = {
            client: sum(lot[1] for lot in lots)
            for (client, c, s), lots in self.lots.items()
            if (c, s) == (contract, side)
        }
        return {client: lots for client, lots in sorted(found.items()) if lots}

    def margin(self, day: str) -> dict[str, int]:
        margins: dict[str, int] = defaultdict(int)
        for contract, size in LOT.items():
            for side in (1, -1):
                for client, lots in self.held(contract, side).items():
                    value = lots * size * self.settlement(contract, day)
                    margins[client] += ceil(value * self.rate("margin", contract, day))
        return margins


def test_every_evening_comes_out_to_the_fen(lived: Store) -> None:
    calculation = Calculation(lived)
    moved: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for client, day, amount in rows(
        lived,
        "SELECT owner, value_date, amount FROM exchange.journal WHERE kind = 'client-cash' "
        "AND route IN ('deposit', 'withdrawal', 'cover')",
    ):
        moved[day.isoformat()][client] += amount
    evenings: dict[str, dict[str, int]] = defaultdict(dict)
    for day, client, balance in rows(
        lived,
        "SELECT DISTINCT ON (value_date, owner) value_date, owner, balance FROM exchange.journal "
        "WHERE kind = 'client-cash' ORDER BY value_date, owner, entry DESC",
    ):
        evenings[day.isoformat()][client] = balance
    margins = {
        (day.isoformat(), client): margin
        for day, client, margin in rows(lived, "SELECT day, client, margin_minor FROM exchange_margin.client_day")
    }
    called = {
        (day.isoformat(), client): call
        for day, client, call in rows(
            lived, "SELECT day, client, call_minor FROM exchange_margin.client_day WHERE call_minor > 0"
        )
    }

    compared = 0
    came: list[tuple[str, str, str, str]] = []
    for day in map(str, PLAN.trading_days()):
        for client, amount in moved[day].items():
            calculation.cash[client] += amount
        calculation.trade(day)
        calculation.mark(day)
        calculation.defer(day)
        margin = calculation.margin(day)
        came += [(day, *one) for one in calculation.deliver(day, margin)]
        for client, balance in evenings[day].items():
            assert calculation.cash[client] == balance, (day, client)
            assert margin.get(client, 0) == margins.get((day, client), 0), (day, client)
            assert max(0, margin.get(client, 0) - balance) == called.get((day, client), 0), (day, client)
            compared += 1
    assert compared > 500
    booked = rows(lived, "SELECT day::text, giver, taker, outcome FROM exchange_margin.delivery ORDER BY trade")
    assert came == booked
    assert {outcome for *_, outcome in booked} >= {"delivered"}
    vault = rows(
        lived, "SELECT owner, unit, balance FROM exchange.balances WHERE kind = 'client-metal' AND balance <> 0"
    )
    assert {(client, metal): weight for client, metal, weight in vault} == {
        k: v for k, v in calculation.metal.items() if v
    }
    assert called
    paid_out = rows(
        lived, "SELECT coalesce(sum(-amount), 0) FROM exchange.journal WHERE kind = 'fees-due' AND route = 'fee-payout'"
    )
    due = rows(lived, "SELECT balance FROM exchange.balances WHERE kind = 'fees-due'")
    assert calculation.fees == int(paid_out[0][0]) + int(due[0][0])
    assert rows(lived, "SELECT balance FROM exchange.balances WHERE kind = 'rounding'") == [(calculation.left_over,)]
    assert calculation.left_over > 0


def test_lots_are_kept_trade_by_trade(lived: Store) -> None:
    """Every evening's open lots are what trades opened less what others closed, and positions are their sums."""
    open_lots = """
        SELECT d.day, side.client, t.contract, side.side, t.number, t.lots - coalesce(sum(c.lots), 0)::integer
        FROM exchange_margin.planned AS d
        JOIN exchange_margin.trade AS t ON t.day <= d.day
        CROSS JOIN LATERAL (VALUES (t.buyer, 1, t.buyer_offset), (t.seller, -1, t.seller_offset)) AS side (client, side, offs)
        LEFT JOIN exchange_margin.closed AS c ON c.trade = t.number AND c.side = side.side AND c.day <= d.day
        WHERE side.offs = 'open'
        GROUP BY 1, 2, 3, 4, 5, t.lots HAVING t.lots > coalesce(sum(c.lots), 0)
        ORDER BY 1, 2, 3, 4, 5
    """
    kept = """
        SELECT d.day, l.client, l.contract, l.side::integer, l.trade, l.lots FROM exchange_margin.planned AS d
        JOIN exchange_margin.lot AS l ON l.since <= d.day AND l.until > d.day ORDER BY 1, 2, 3, 4, 5
    """
    found = rows(lived, open_lots)
    assert len(found) > 1000
    assert found == rows(lived, kept)
    closing = """
        SELECT t.number, t.lots FROM exchange_margin.trade AS t WHERE 'close' IN (t.buyer_offset, t.seller_offset) ORDER BY 1
    """
    by_trade = "SELECT close_trade, max(lots) FROM (SELECT close_trade, client, sum(lots)::integer AS lots FROM exchange_margin.closed GROUP BY 1, 2) AS c GROUP BY 1 ORDER BY 1"
    assert rows(lived, closing) == rows(lived, by_trade)


def test_whoever_could_not_pay_was_covered_and_is_at_zero(lived: Store) -> None:
    """No client is ever below zero, and a cover is to the fen what was missing."""
    covers = rows(
        lived, "SELECT day, client, sum(amount_minor) FROM exchange_margin.piece WHERE bank IS NOT NULL GROUP BY 1, 2"
    )
    assert covers, "this market was chosen because somebody fails in it"
    for day, client, amount in covers:
        moved = rows(
            lived,
            f"SELECT sum(amount_minor) FROM exchange_margin.piece WHERE day = '{day}' AND client = '{client}' AND bank IS NULL",
        )
        assert moved[0][0] < 0
        assert amount <= -moved[0][0]
    assert rows(lived, "SELECT count(*) FROM exchange.balances WHERE kind = 'client-cash' AND balance < 0") == [(0,)]
    assert rows(lived, "SELECT min(balance) >= 0 FROM exchange.journal WHERE kind = 'client-cash'") == [(True,)]
