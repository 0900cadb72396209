"""What holds for every day, against a model that follows each lot with fractions: profit is a cash flow, and only changes hands."""

from __future__ import annotations

import datetime
from collections import defaultdict
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margins import Fill, Lot, settled
from ringfence.errors import BadInput
from ringfence.margin import rules
from ringfence.margin.day import balances, by_client, require_zero_sum
from ringfence.margin.funds import compute_funds
from ringfence.margin.lots import ClosedMoreThanOpen
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.money import Rate
from ringfence.money.columns import apply_rates, column, sums, times

DAY = datetime.date(2020, 6, 30)
ON = {code: contract for code, contract in rules.load().on(DAY).items() if contract.kind == "deferred"}
CLIENTS = ("m1-c0001", "m1-c0002", "m2-c0001", "m2-c0002", "m3-c0001")

codes = st.sampled_from(list(ON))
prices_minor = st.integers(1, 10**6)
settlement_prices = st.builds(SettlementPrice, prices_minor, prices_minor, st.sampled_from(list(Direction)))
all_prices = st.fixed_dictionaries(dict.fromkeys(ON, settlement_prices))
all_lots = st.lists(
    st.builds(
        Lot,
        st.sampled_from(CLIENTS),
        codes,
        st.sampled_from((1, -1)),
        st.integers(1, 60),
        prices_minor,
        st.integers(1, 90),
    ),
    max_size=12,
)


class Model:
    """Each lot by itself: where it began, where it counts from, what it has gained."""

    def __init__(self, prices):
        self.prices = prices
        self.lots = defaultdict(list)
        self.figures: Any = defaultdict(lambda: defaultdict(Fraction))

    def carry(self, lots):
        for lot in sorted(lots, key=lambda lot: -lot.age):
            base = self.prices[lot.contract].previous_minor
            self.lots[lot.client, lot.contract, lot.side] += [(lot.price_minor, base)] * lot.lots

    def fill(self, fill):
        figures = self.figures[fill.client, fill.contract]
        size = ON[fill.contract].lot_quantity
        value = fill.lots * size * fill.price_minor
        figures["fee"] += floor(Fraction(value * ON[fill.contract].fee.rate.parts, 10**8) + Fraction(1, 2))
        if fill.offset == "open":
            self.lots[fill.client, fill.contract, fill.side] += [(fill.price_minor, fill.price_minor)] * fill.lots
            return True
        held = self.lots[fill.client, fill.contract, -fill.side]
        if len(held) < fill.lots:
            return False
        for opened, base in held[: fill.lots]:
            figures["realised"] += -fill.side * size * (fill.price_minor - base)
            figures["by_trade"] += -fill.side * size * (fill.price_minor - opened)
        del held[: fill.lots]
        return True

    def evening(self, natural_days):
        for (client, code, side), held in self.lots.items():
            figures, price, traded = self.figures[client, code], self.prices[code], ON[code]
            settlement, size = price.settlement_minor, traded.lot_quantity
            for opened, base in held:
                figures["marked"] += side * size * (settlement - base)
                figures["floating"] += side * size * (settlement - opened)
            value = len(held) * size * settlement
            figures["margin"] += ceil(Fraction(value * traded.margin.parts, 10**8))
            due = Fraction(value * natural_days * traded.deferred_fee.parts, 10**8)
            pays = {Direction.LONGS_PAY: 1, Direction.SHORTS_PAY: -1, Direction.NONE: 0}[price.direction]
            figures["deferred"] += -ceil(due) if side == pays else floor(due) if pays else 0
            figures["long_lots" if side == 1 else "short_lots"] += len(held)


@st.composite
def trading_days(draw):
    """Lots of the evening before and two-sided trades, of which closes may be too many now and then."""
    lots = draw(all_lots)
    held: Any = defaultdict(int)
    for lot in lots:
        held[lot.client, lot.contract, lot.side] += lot.lots
    reckless = draw(st.integers(0, 9)) == 0
    fills = []
    for _ in range(draw(st.integers(0, 12))):
        code, price, lots_traded = draw(codes), draw(prices_minor), draw(st.integers(1, 40))
        pair = draw(st.permutations(CLIENTS))[:2]
        offsets = [draw(st.sampled_from(("open", "close"))) for _ in pair]
        for client, side, offset in zip(pair, (1, -1), offsets, strict=True):
            if offset == "close" and not reckless:
                lots_traded = min(lots_traded, held[client, code, -side])
        if lots_traded <= 0:
            continue
        for client, side, offset in zip(pair, (1, -1), offsets, strict=True):
            fills.append(Fill(client, code, side, offset, lots_traded, price))
            held[client, code, side if offset == "open" else -side] += lots_traded if offset == "open" else -lots_traded
    return lots, fills


@settings(max_examples=300)
@given(trading_days(), all_prices, st.integers(1, 11))
def test_every_figure_is_the_models(trading_day, prices, natural_days):
    lots, fills = trading_day
    model = Model(prices)
    model.carry(lots)
    wrong = next((number for number, fill in enumerate(fills) if not model.fill(fill)), None)
    if wrong is not None:
        with pytest.raises(ClosedMoreThanOpen) as error:
            settled(DAY, ON, prices, lots, fills, natural_days)
        assert error.value.fill == wrong
        assert error.value.asked == fills[wrong].lots > error.value.held
        return
    model.evening(natural_days)
    day = settled(DAY, ON, prices, lots, fills, natural_days)
    for who, row in day.rows.items():
        for name in (
            "realised",
            "by_trade",
            "marked",
            "floating",
            "fee",
            "deferred",
            "margin",
            "long_lots",
            "short_lots",
        ):
            assert row[name] == model.figures[who][name], (who, name)
    open_lots: Any = defaultdict(list)
    for client, code, side, price, count in day.lots:
        open_lots[client, code, side] += [price] * count
    assert open_lots == {who: [opened for opened, _ in held] for who, held in model.lots.items() if held}


@given(trading_days(), all_prices)
def test_profit_is_what_came_in_less_what_went_out(trading_day, prices):
    lots, fills = trading_day
    try:
        day = settled(DAY, ON, prices, lots, fills)
    except ClosedMoreThanOpen:
        return
    for (client, code), row in day.rows.items():
        size = ON[code].lot_quantity
        cash = sum(-f.side * f.lots * f.price_minor for f in fills if (f.client, f.contract) == (client, code))
        before = sum(lot.side * lot.lots for lot in lots if (lot.client, lot.contract) == (client, code))
        net = row["long_lots"] - row["short_lots"]
        price = prices[code]
        assert row["realised"] + row["marked"] == size * (
            cash + net * price.settlement_minor - before * price.previous_minor
        )


@st.composite
def whole_markets(draw):
    """A day of everybody: as many lots are long as short, and every trade has its two sides."""
    lots, fills = draw(trading_days())
    mirrored = [lot._replace(client=f"other {lot.client}", side=-lot.side) for lot in lots]
    return lots + mirrored, fills


@given(whole_markets(), all_prices, st.integers(1, 11))
def test_over_all_clients_a_day_costs_its_fees_and_what_rounding_left_over(market, prices, natural_days):
    lots, fills = market
    try:
        day = settled(DAY, ON, prices, lots, fills, natural_days)
    except ClosedMoreThanOpen:
        return
    found = balances(day.settled.holdings, day.on)
    require_zero_sum(DAY, found, len(day.clients))
    clients = by_client(day.settled.holdings)
    left_over = sum(one.left_over_minor for one in found)
    assert left_over >= 0
    assert int(clients.change.sum()) == -int(clients.fee.sum()) - left_over


@given(trading_days(), all_prices, st.randoms())
def test_a_fill_split_in_two_changes_nothing_but_the_rounding_of_its_fee(trading_day, prices, random):
    lots, fills = trading_day
    split = []
    for fill in fills:
        first = random.randint(0, fill.lots)
        split += [fill._replace(lots=part) for part in (first, fill.lots - first) if part]
    try:
        whole, parts = settled(DAY, ON, prices, lots, fills), settled(DAY, ON, prices, lots, split)
    except ClosedMoreThanOpen:
        return
    for who, row in whole.rows.items():
        other = parts[who]
        assert abs(row["fee"] - other["fee"]) <= len(split)
        # What closing released is rounded down for each lot that a fill took.
        assert abs(row["released"] - other["released"]) <= len(split) + len(lots)
        assert {**row, "fee": 0, "released": 0} == {**other, "fee": 0, "released": 0}


amounts = st.integers(0, 10**15)


@given(
    st.lists(st.tuples(amounts, st.integers(0, 3 * 10**7)), min_size=1, max_size=20),
    st.sampled_from(["half-up", "up", "down"]),
)
def test_rates_of_columns_are_exact(pairs, rounding):
    found = apply_rates(column(a for a, _ in pairs), column(p for _, p in pairs), rounding)
    for (amount, parts), got in zip(pairs, found.tolist(), strict=True):
        exact = Fraction(amount * parts, Rate.WHOLE)
        assert got == {"half-up": floor(exact + Fraction(1, 2)), "up": ceil(exact), "down": floor(exact)}[rounding]


@given(st.lists(st.integers(-(2**62), 2**62), max_size=8), st.lists(st.integers(-(2**62), 2**62), max_size=8))
def test_a_column_never_wraps_around(one, other):
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    try:
        assert times(column(one), column(other)).tolist() == [a * b for a, b in zip(one, other, strict=True)]
    except BadInput:
        assert max(map(abs, one)) * max(map(abs, other)) >= 2**63
    try:
        assert sums(column(one), column([0] * size), 1).tolist() == [sum(one)]
    except BadInput:
        assert sum(map(abs, one)) >= 2**63


@given(
    st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), *[st.integers(0, 10**12)] * 4, st.integers(-(10**9), 10**9)
)  # fmt: skip
def test_funds_hold_together(cash, floating, margin, frozen, unfrozen, released, realised):
    funds = compute_funds(
        cash_minor=cash, floating_minor=floating, margin_minor=margin, frozen_minor=frozen, unfrozen_minor=unfrozen,
        released_minor=released, realised_minor=realised,
    )  # fmt: skip
    assert 0 <= funds.withdrawable_minor <= max(0, funds.available_minor)
    assert funds.available_minor == cash + realised + min(0, floating) - margin - frozen
    assert funds.equity_minor == cash + realised + floating
    assert funds.call_minor == max(0, margin - funds.equity_minor)
    if funds.equity_minor > 0:
        assert funds.risk_degree is not None
        assert (funds.risk_degree > 1) == (funds.call_minor > 0) == (funds.grade in ("red-call", "red-forced-close"))
