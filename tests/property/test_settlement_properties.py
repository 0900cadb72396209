"""What holds for every day: profit is a cash flow, and between clients it only changes hands."""

from __future__ import annotations

import datetime
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from ringfence.margin import (
    BUY,
    CONTRACTS,
    SELL,
    Direction,
    Fill,
    Position,
    SettlementPrice,
    Trade,
    compute_funds,
    contract,
    deferred_fee,
    margin_requirement,
    parameters,
    settle_contract,
    settle_day,
)
from ringfence.margin.positions import Offset
from ringfence.money import Rate

OFFSETS: st.SearchStrategy[Offset] = st.sampled_from(("open", "close"))

DAY = datetime.date(2020, 6, 30)
CLIENTS = ("m1-c0001", "m1-c0002", "m2-c0001", "m2-c0002", "m3-c0001")

codes = st.sampled_from(list(CONTRACTS))
prices_minor = st.integers(1, 10**6)
lots = st.integers(1, 50)
rates = st.integers(0, 3 * 10**7).map(Rate)
settlement_prices = st.builds(SettlementPrice, prices_minor, prices_minor, st.sampled_from(list(Direction)))
positions = st.builds(Position, st.integers(0, 100), st.integers(0, 100))


@st.composite
def fills_from(draw, position):
    """Fills that never close more than is open."""
    held = {BUY: position.long_lots, SELL: position.short_lots}
    fills = []
    for number in range(draw(st.integers(0, 12))):
        side = draw(st.sampled_from((BUY, SELL)))
        closable = held[-side]
        offset: Offset = draw(OFFSETS) if closable else "open"
        quantity = draw(st.integers(1, closable if offset == "close" else 50))
        if offset == "open":
            held[side] += quantity
        else:
            held[-side] -= quantity
        fills.append(Fill(f"t{number}", CLIENTS[0], "any", side, offset, quantity, draw(prices_minor)))
    return fills


@given(st.data(), codes, positions, settlement_prices)
def test_profit_is_what_came_in_less_what_went_out(data, code, position, price):
    fills = data.draw(fills_from(position))
    traded = contract(code)
    result = settle_contract(traded, position, fills, price, Rate(0))
    sold = sum(traded.value_minor(fill.lots, fill.price_minor) for fill in fills if fill.side == SELL)
    bought = sum(traded.value_minor(fill.lots, fill.price_minor) for fill in fills if fill.side == BUY)
    net_before = position.long_lots - position.short_lots
    net_after = result.position.long_lots - result.position.short_lots
    assert result.realised_minor + result.marked_minor == (
        sold
        - bought
        + traded.value_minor(net_after, price.settlement_minor)
        - traded.value_minor(net_before, price.previous_minor)
    )
    assert net_after - net_before == sum(fill.side * fill.lots for fill in fills)


@given(st.data(), codes, positions, settlement_prices)
def test_a_fill_split_in_two_changes_nothing_but_the_rounding_of_its_fee(data, code, position, price):
    fills = data.draw(fills_from(position))
    split = []
    for fill in fills:
        first = data.draw(st.integers(0, fill.lots))
        split += [replace(fill, lots=part) for part in (first, fill.lots - first) if part]
    fee_rate = Rate.parse("0.025%")
    whole = settle_contract(contract(code), position, fills, price, fee_rate)
    parts = settle_contract(contract(code), position, split, price, fee_rate)
    assert abs(whole.fee_minor - parts.fee_minor) <= len(split)
    assert replace(whole, fee_minor=0) == replace(parts, fee_minor=0)


@given(codes, positions, settlement_prices)
def test_the_other_side_of_a_position_has_the_opposite_profit(code, position, price):
    mirrored = Position(position.short_lots, position.long_lots)
    mine = settle_contract(contract(code), position, [], price, Rate(0))
    theirs = settle_contract(contract(code), mirrored, [], price, Rate(0))
    assert mine.marked_minor == -theirs.marked_minor


@given(codes, positions, prices_minor, rates)
def test_margin_covers_the_exact_requirement_by_less_than_a_fen_a_side(code, position, price_minor, rate):
    traded = contract(code)
    margin = margin_requirement(traded, position, price_minor, rate)
    exact_times_whole = traded.value_minor(position.long_lots + position.short_lots, price_minor) * rate.parts
    assert 0 <= margin * Rate.WHOLE - exact_times_whole < 2 * Rate.WHOLE


@st.composite
def balanced_positions(draw):
    """Positions of all clients with as many long as short lots."""
    long_lots = [draw(st.integers(0, 40)) for _ in CLIENTS]
    short_lots = draw(st.permutations(long_lots))
    return {
        client: Position(longs, shorts) for client, longs, shorts in zip(CLIENTS, long_lots, short_lots, strict=True)
    }


@given(codes, balanced_positions(), settlement_prices, st.integers(1, 11), rates)
def test_deferred_fees_received_are_deferred_fees_paid(code, held, price, natural_days, rate):
    traded = contract(code)
    fee = deferred_fee(traded, held, price, natural_days, rate)
    assert sum(fee.payments.values()) == sum(fee.receipts.values())
    total_lots = sum(position.long_lots for position in held.values())
    exact_times_whole = traded.value_minor(total_lots, price.settlement_minor) * rate.parts * natural_days
    if price.direction is Direction.NONE:
        assert not fee.payments
    else:
        off = abs(sum(fee.payments.values()) * Rate.WHOLE - exact_times_whole)
        assert 2 * off <= len(fee.payments) * Rate.WHOLE


@st.composite
def trading_days(draw):
    """Evening positions and two-sided trades that close only what is open."""
    held = {}
    trades = []
    for code in CONTRACTS:
        for client, position in draw(balanced_positions()).items():
            held[client, code] = position
    before = dict(held)
    for number in range(draw(st.integers(0, 15))):
        code = draw(codes)
        buyer, seller = draw(st.sampled_from(CLIENTS)), draw(st.sampled_from(CLIENTS))
        buyer_holds, seller_holds = held[buyer, code], held[seller, code]
        buyer_offset: Offset = draw(OFFSETS) if buyer_holds.short_lots else "open"
        seller_offset: Offset = draw(OFFSETS) if seller_holds.long_lots else "open"
        quantity = draw(lots)
        if buyer_offset == "close":
            quantity = min(quantity, buyer_holds.short_lots)
        if seller_offset == "close":
            quantity = min(quantity, seller_holds.long_lots)
        trades.append(
            Trade(f"t{number}", code, buyer, buyer_offset, seller, seller_offset, quantity, draw(prices_minor))
        )
        for client, longs, shorts in (
            (buyer, quantity * (buyer_offset == "open"), -quantity * (buyer_offset == "close")),
            (seller, -quantity * (seller_offset == "close"), quantity * (seller_offset == "open")),
        ):
            now = held[client, code]
            held[client, code] = Position(now.long_lots + longs, now.short_lots + shorts)
    return before, trades, held


@given(trading_days(), st.fixed_dictionaries(dict.fromkeys(CONTRACTS, settlement_prices)), st.integers(1, 11))
def test_over_all_clients_a_day_costs_exactly_its_trading_fees(trading_day, prices, natural_days):
    before, trades, after = trading_day
    fills = [fill for trade in trades for fill in trade.fills()]
    result = settle_day(DAY, before, fills, prices, parameters.load(), natural_days=natural_days)
    clients = result.clients.values()
    assert sum(client.realised_minor + client.marked_minor for client in clients) == 0
    assert sum(client.deferred_minor for client in clients) == 0
    assert sum(client.change_minor for client in clients) == -result.trading_fee_minor
    assert result.positions() == {key: position for key, position in after.items() if position != Position()}


@given(
    st.integers(-(10**12), 10**12),
    st.integers(-(10**12), 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)
def test_funds_hold_together(cash, floating, margin, frozen, unfrozen, closed):
    funds = compute_funds(
        cash_minor=cash,
        floating_minor=floating,
        margin_minor=margin,
        frozen_minor=frozen,
        unfrozen_today_minor=unfrozen,
        closed_today_minor=closed,
    )
    assert 0 <= funds.withdrawable_minor <= max(0, funds.available_minor)
    assert funds.available_minor <= funds.equity_minor - margin - frozen
    assert funds.call_minor == 0 or funds.available_minor < 0
    assume(funds.equity_minor > 0)
    assert funds.risk_degree is not None
    assert (funds.risk_degree > 1) == (funds.call_minor > 0)
