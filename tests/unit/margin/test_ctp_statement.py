"""A complete CTP statement, line by line: the futures exchanges mark daily by the same rule as SGE."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from ringfence.margin import (
    BUY,
    SELL,
    Contract,
    ContractDay,
    Direction,
    Fill,
    Position,
    SettlementPrice,
    compute_funds,
    settle_contract,
)
from ringfence.money import Rate, parse, unit

CNY = unit("CNY")


@pytest.fixture(scope="module")
def statement(public_file: Callable[[str], Path]) -> dict[str, Any]:
    path = public_file("ctp_statement/simnow_20210915.json")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def fen(text: str) -> int:
    return parse(f"{Decimal(text):.2f}", CNY)


def rows(statement: dict[str, Any], section: str) -> list[dict[str, Any]]:
    table = statement[section]
    return [dict(zip(table["cols"], row, strict=True)) for row in table["rows"]]


def settle(statement: dict[str, Any], code: str) -> ContractDay:
    details = [row for row in rows(statement, "positions_detail") if row["合约"] == code]
    closed = [row for row in rows(statement, "position_closed") if row["合约"] == code]
    trades = [row for row in rows(statement, "transactions") if row["合约"] == code]
    carried = {"买": 0, "卖": 0}
    for row in details:
        if row["开仓日期"] < statement["date"]:
            carried[row["买/卖"]] += int(row["持仓量"])
    for row in closed:
        carried["卖" if row["买/卖"] == "买" else "买"] += int(row["手数"])
    fills = [
        Fill(
            trade_no=row["成交序号"],
            client=statement["client_id"],
            contract=code,
            side=BUY if row["买/卖"] == "买" else SELL,
            offset="open" if row["开平"] == "开" else "close",
            lots=int(row["手数"]),
            price_minor=fen(row["成交价"]),
        )
        for row in trades
    ]
    price = SettlementPrice(fen(details[0]["昨结算"]), fen(details[0]["今结算"]), Direction.NONE)
    multiplier = Contract(code, metal="", quote_measure="g", lot_quantity=statement["multiplier"][code], tick_minor=1)
    return settle_contract(multiplier, Position(carried["买"], carried["卖"]), fills, price, Rate(0))


@pytest.mark.parametrize("code", ["al2110", "AP111", "IH2109"])
def test_realised_marked_and_turnover_of_each_contract(statement: dict[str, Any], code: str) -> None:
    result = settle(statement, code)
    trades = [row for row in rows(statement, "transactions") if row["合约"] == code]
    details = [row for row in rows(statement, "positions_detail") if row["合约"] == code]
    assert result.realised_minor == sum(fen(row["平仓盈亏"]) for row in trades)
    assert result.turnover_minor == sum(fen(row["成交额"]) for row in trades)
    assert result.marked_minor == sum(fen(row["盯市盈亏"]) for row in details)
    assert result.position.long_lots == sum(int(row["持仓量"]) for row in details if row["买/卖"] == "买")
    assert result.position.short_lots == sum(int(row["持仓量"]) for row in details if row["买/卖"] == "卖")


def test_the_account_adds_up(statement: dict[str, Any]) -> None:
    summary = statement["account_summary"]
    results = [settle(statement, code) for code in statement["multiplier"]]
    realised_minor = sum(result.realised_minor for result in results)
    marked_minor = sum(result.marked_minor for result in results)
    assert realised_minor == fen(summary["平仓盈亏"])
    assert marked_minor == fen(summary["持仓盯市盈亏"])
    closing_minor = fen(summary["期初结存"]) + realised_minor + marked_minor - fen(summary["手续费"])
    assert closing_minor == fen(summary["期末结存"])

    funds = compute_funds(cash_minor=closing_minor, margin_minor=fen(summary["保证金占用"]))
    assert funds.equity_minor == fen(summary["客户权益"])
    assert funds.available_minor == fen(summary["可用资金"])
    assert funds.call_minor == fen(summary["应追加资金"])
    assert funds.risk_degree is not None
    percent = Decimal(100 * funds.risk_degree.numerator) / funds.risk_degree.denominator
    assert percent.quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(summary["风险度"])
