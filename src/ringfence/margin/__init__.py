"""Margin: what open positions cost and earn from day to day.

A client's deferred contracts are marked to the settlement price every evening: profit and loss become cash
at once, margin is held for what stays open, and longs and shorts pay each other for deferring delivery. The
rules are pure functions on integers; nothing in them reads a clock or a database.

    contracts     what a lot is and what it is worth
    parameters    the dated rates
    market        what the exchange published about a day
    positions     open lots, trades and fills
    settlement    one client, one contract, one day
    day           all clients, and the check that money only changed hands
    funds         available, withdrawable, risk degree and call
"""

from ringfence.margin.contracts import CONTRACTS, Contract, contract
from ringfence.margin.day import (
    ClientContract,
    ClientDay,
    DayResult,
    NotZeroSum,
    SettlementPriceMissing,
    settle_day,
)
from ringfence.margin.funds import Funds, compute_funds
from ringfence.margin.market import Direction, Market, Quote, QuoteUnknown, SettlementPrice
from ringfence.margin.parameters import Parameter, Parameters, ParameterUnknown, Rates
from ringfence.margin.positions import BUY, SELL, Fill, Offset, Position, Side, Trade
from ringfence.margin.settlement import (
    ClosesTooMuch,
    ContractDay,
    DeferredFee,
    UnbalancedPositions,
    deferred_fee,
    margin_requirement,
    settle_contract,
)

__all__ = [
    "BUY",
    "CONTRACTS",
    "SELL",
    "ClientContract",
    "ClientDay",
    "ClosesTooMuch",
    "Contract",
    "ContractDay",
    "DayResult",
    "DeferredFee",
    "Direction",
    "Fill",
    "Funds",
    "Market",
    "NotZeroSum",
    "Offset",
    "Parameter",
    "ParameterUnknown",
    "Parameters",
    "Position",
    "Quote",
    "QuoteUnknown",
    "Rates",
    "SettlementPrice",
    "SettlementPriceMissing",
    "Side",
    "Trade",
    "UnbalancedPositions",
    "compute_funds",
    "contract",
    "deferred_fee",
    "margin_requirement",
    "settle_contract",
    "settle_day",
]
