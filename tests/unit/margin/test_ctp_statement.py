"""A complete CTP statement, line by line: the futures exchanges mark daily by the same rule as SGE.

Its three contracts are rows of a table of rules; its positions and trades go in, and every figure of it comes out.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margins import Fill, Lot, Result, settled
from ringfence.margin import rules
from ringfence.margin.contracts import exact_minor
from ringfence.margin.day import by_client
from ringfence.margin.funds import compute_funds
from ringfence.margin.market import Direction, SettlementPrice

DAY = datetime.date(2021, 9, 15)
WHO = "A"
# Margin and fee of each contract, as the statement itself shows them: 103,699.20 of 942,720.00; 39,009.60 of 487,620.00;
# 8,912.00 of 111,400.00; 6.00 for 2 lots, 45.00 for 9, 87.50 for 3,804,240.00.
TERMS = {"IH2109": ("0.2", "11%", "0.0023%"), "AP111": ("1", "8%", "5.00/lot"), "al2110": ("5", "8%", "3.00/lot")}


@pytest.fixture(scope="module")
def statement(public_file: Callable[[str], Path]) -> dict[str, Any]:
    path = public_file("ctp_statement/simnow_20210915.json")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def fen(text: str) -> int:
    minor = exact_minor(text)
    assert minor is not None
    return minor


def rows(statement: dict[str, Any], section: str) -> list[dict[str, Any]]:
    table = statement[section]
    return [dict(zip(table["cols"], row, strict=True)) for row in table["rows"]]


def age(text: str) -> int:
    return (DAY - datetime.datetime.strptime(text, "%Y%m%d").date()).days


@pytest.fixture(scope="module")
def result(statement: dict[str, Any]) -> Result:
    table = [",".join(rules.COLUMNS)]
    for code, (tick, margin, fee) in TERMS.items():
        said = {
            "kind": "deferred",
            "measure": "point",
            "lot": str(statement["multiplier"][code]),
            "tick": tick,
            "margin": margin,
            "fee": fee,
            "deferred-fee": "0%",
        }
        table += [f"{code},{rule},2021-09-15,{value},observed,the statement" for rule, value in said.items()]
    contracts = rules.Rules(rules.parse_rows(table, "ctp")).on(DAY)

    details = rows(statement, "positions_detail")
    prices = {row["合约"]: SettlementPrice(fen(row["昨结算"]), fen(row["今结算"]), Direction.NONE) for row in details}
    lots = [
        Lot(
            WHO,
            row["合约"],
            1 if row["买/卖"] == "买" else -1,
            int(row["持仓量"]),
            fen(row["开仓价"]),
            age(row["开仓日期"]),
        )
        for row in details
        if age(row["开仓日期"])
    ]
    # What was closed was carried into the day too; it was bought to close a short, sold to close a long.
    lots += [
        Lot(
            WHO,
            row["合约"],
            -1 if row["买/卖"] == "买" else 1,
            int(row["手数"]),
            fen(row["开仓价"]),
            age(row["开仓日期"]),
        )
        for row in rows(statement, "position_closed")
    ]
    # Of one day, the statement lists first what was closed first.
    lots.reverse()
    fills = [
        Fill(
            WHO, row["合约"], 1 if row["买/卖"] == "买" else -1, "open" if row["开平"] == "开" else "close",
            int(row["手数"]), fen(row["成交价"]),
        )
        for row in rows(statement, "transactions")
    ]  # fmt: skip
    return settled(DAY, contracts, prices, lots, fills)


@pytest.mark.parametrize("code", TERMS)
def test_trades_and_positions_of_each_contract(statement: dict[str, Any], result: Result, code: str) -> None:
    trades = [row for row in rows(statement, "transactions") if row["合约"] == code]
    details = [row for row in rows(statement, "positions_detail") if row["合约"] == code]
    closed = [row for row in rows(statement, "position_closed") if row["合约"] == code]
    row = result[WHO, code]
    assert row["realised"] == sum(fen(trade["平仓盈亏"]) for trade in trades)
    assert row["realised"] == sum(fen(one["平仓盈亏(逐日盯市)"]) for one in closed)
    assert row["turnover"] == sum(fen(trade["成交额"]) for trade in trades)
    assert row["fee"] == sum(fen(trade["手续费"]) for trade in trades)
    assert row["marked"] == sum(fen(detail["盯市盈亏"]) for detail in details)
    assert row["floating"] == sum(fen(detail["浮动盈亏(逐笔)"]) for detail in details)
    assert row["margin"] == sum(fen(detail["保证金"]) for detail in details)
    assert row["long_lots"] == sum(int(detail["持仓量"]) for detail in details if detail["买/卖"] == "买")
    assert row["short_lots"] == sum(int(detail["持仓量"]) for detail in details if detail["买/卖"] == "卖")


def test_the_lots_that_are_left_are_those_of_the_statement(statement: dict[str, Any], result: Result) -> None:
    listed = sorted(
        (row["合约"], 1 if row["买/卖"] == "买" else -1, fen(row["开仓价"]), int(row["持仓量"]))
        for row in rows(statement, "positions_detail")
    )
    assert sorted((code, side, price, lots) for _, code, side, price, lots in result.lots) == listed
    opened_at = {row["合约"]: fen(row["开仓价"]) for row in rows(statement, "position_closed")}
    closed = result.settled.closed
    codes = [result.on.contracts[number].code for number in closed.contract.tolist()]
    assert dict(zip(codes, closed.price.tolist(), strict=True)) == opened_at


def test_the_account_adds_up(statement: dict[str, Any], result: Result) -> None:
    summary = statement["account_summary"]
    clients = by_client(result.settled.holdings)
    assert clients.realised.tolist() == [fen(summary["平仓盈亏"])]
    assert clients.marked.tolist() == [fen(summary["持仓盯市盈亏"])]
    assert clients.fee.tolist() == [fen(summary["手续费"])]
    assert clients.margin.tolist() == [fen(summary["保证金占用"])]
    closing = fen(summary["期初结存"]) + int(clients.change[0])
    assert closing == fen(summary["期末结存"])

    funds = compute_funds(cash_minor=closing, margin_minor=int(clients.margin[0]))
    assert funds.equity_minor == fen(summary["客户权益"])
    assert funds.available_minor == fen(summary["可用资金"])
    assert funds.call_minor == fen(summary["应追加资金"])
    assert Decimal(funds.risk_percent or "") == Decimal(summary["风险度"])
