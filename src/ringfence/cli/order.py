"""`ringfence order`: orders by file: placed, cancelled, filled, listed."""

from __future__ import annotations

import datetime
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ringfence.cli.options import (
    JsonOption,
    LanguageOption,
    StoreOption,
    auditor,
    day_option,
    exchange_store,
    existing_store,
    print_table,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.errors import Language
    from ringfence.margin.order_state import Order, OrderSide, OrderState
    from ringfence.margin.orders import Orders
    from ringfence.margin.positions import Offset, Trade
    from ringfence.tables import Row

app = typer.Typer(
    no_args_is_help=True,
    help="Orders at the exchange: placed, cancelled, filled, listed. Each is checked for its client before anything else (K8).",
)

_WORDS: dict[str, dict[Language, str]] = {
    "placed": {"en": "{order}: placed, {amount} held", "zh": "{order}:已接受,冻结 {amount}"},
    "again": {"en": "{order}: placed before", "zh": "{order}:此前已接受"},
    "refused": {"en": "{order}: refused (K8): {reason}", "zh": "{order}:已拒绝 (K8):{reason}"},
    "cancelled": {"en": "{order}: {lots} of {all} lots cancelled", "zh": "{order}:撤销 {lots}/{all} 手"},
    "filled": {"en": "{count} trades are booked for {day}", "zh": "{day} 已登记 {count} 笔成交"},
    "none": {"en": "no orders on {day}", "zh": "{day} 无委托"},
}


def _moment(text: str) -> datetime.datetime:
    from ringfence.calendar import SHANGHAI

    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not usable; expected a moment such as 2020-03-16T10:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


@app.command()
def place(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: order_no,client,contract,side,offset,lots,price.")],
    at: Annotated[
        datetime.datetime | None,
        typer.Option("--at", parser=_moment, metavar="MOMENT", help="When, in Shanghai.", show_default="now"),
    ] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Place orders; each is held or refused by itself. Exit code 1 if one was refused.

    The night session belongs to the next trading day. The same file again places nothing twice.
    Try: ringfence order place orders.csv --at 2020-03-06T10:00
    """
    from ringfence.money import unit, with_unit
    from ringfence.tables import rows

    said = spoken(language)
    asked = [
        _order(row) for row in rows("FILE", file, ("order_no", "client", "contract", "side", "offset", "lots", "price"))
    ]
    with _orders(store) as orders:
        placed = orders.place(asked, at or datetime.datetime.now(datetime.UTC))
    for one in placed:
        word = "refused" if one.refusal else "again" if one.replayed else "placed"
        reason = one.refusal.text(said) if one.refusal else ""
        amount = with_unit(one.reserved_minor, unit(one.held_in))
        typer.echo(_WORDS[word][said].format(order=one.order.order_no, amount=amount, reason=reason))
    if any(one.refusal for one in placed):
        raise typer.Exit(1)


@app.command()
def cancel(
    order_nos: Annotated[list[str], typer.Argument(metavar="ORDER_NO...", help="Numbers of orders.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Cancel what is left of orders, and give back what they hold. All are known, or none is cancelled."""
    said = spoken(language)
    with _orders(store) as orders:
        found = orders.cancel(order_nos)
    for state in found:
        order = state.order
        typer.echo(_WORDS["cancelled"][said].format(order=order.order_no, lots=state.cancelled, all=order.lots))


@app.command()
def fill(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: trade_no,buyer_order,seller_order,lots,price.")],
    day: Annotated[datetime.date, day_option("The trading day.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Book trades between orders: all of the file, or none. The same file again books nothing twice."""
    from ringfence.tables import rows

    said = spoken(language)
    columns = ("trade_no", "buyer_order", "seller_order", "lots", "price")
    asked = list(rows("FILE", file, columns))
    with _orders(store) as orders:
        known = {state.order.order_no: state.order for state in orders.states(day)}
        trades = [_trade(row, known) for row in asked]
        orders.fill(day, trades)
    typer.echo(_WORDS["filled"][said].format(count=len(trades), day=day))


@app.command("list")
def list_(
    day: Annotated[datetime.date | None, day_option("The trading day.")] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="CLIENT", help="Of one client alone.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that have lots left.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the orders of a day, of the open one unless another is named."""
    from ringfence.custody import EXCHANGE
    from ringfence.margin.order_state import states

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, EXCHANGE) as ledger:
        day = day or ledger.day
        found = states(ledger.connection, day, open_only=open_only, client=client)
    if as_json:
        typer.echo(json.dumps([_shown(state) for state in found], ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo(_WORDS["none"][said].format(day=day))
        return
    print_table(
        [_shown(state) for state in found], right=("lots", "filled", "cancelled", "rest", "price", "held"), width=140
    )


def _shown(state: OrderState) -> dict[str, Any]:
    from ringfence.money import render, unit

    order = state.order
    return {
        "order_no": order.order_no,
        "session": state.session,
        "client": order.client,
        "contract": order.contract,
        "side": order.side,
        "offset": order.offset,
        "price": render(order.price_minor, unit("CNY")),
        "lots": order.lots,
        "filled": state.filled,
        "cancelled": state.cancelled,
        "rest": state.rest,
        "held": render(state.held_minor, unit(state.held_in)),
        "held_in": state.held_in,
    }


def _order(row: Row) -> Order:
    from ringfence.margin.order_state import Order

    return Order(
        row.cells["order_no"], row.cells["client"], row.cells["contract"],
        cast("OrderSide", row.one_of("side", ("buy", "sell"))), cast("Offset", row.one_of("offset", ("open", "close"))),
        row.count("lots"), _price_minor(row),
    )  # fmt: skip


def _price_minor(row: Row) -> int:
    from ringfence.margin.contracts import exact_minor

    minor = exact_minor(row.cells["price"])
    if minor is None or minor <= 0:
        raise row.refuse("price", "a positive price in CNY, in whole fen, such as 341.43")
    return minor


def _trade(row: Row, known: dict[str, Order]) -> Trade:
    from ringfence.margin.positions import Trade

    for column in ("buyer_order", "seller_order"):
        if row.cells[column] not in known:
            raise row.refuse(column, "the number of an order of that day")
    buyer, seller = known[row.cells["buyer_order"]], known[row.cells["seller_order"]]
    return Trade(
        row.cells["trade_no"], buyer.contract, buyer.client, buyer.offset, seller.client, seller.offset, row.count("lots"),
        _price_minor(row), buyer.order_no, seller.order_no,
    )  # fmt: skip


@contextmanager
def _orders(store: Path | None) -> Iterator[Orders]:
    """The orders of the exchange whose book is in the store. Errors: NoCircle."""
    from ringfence.custody import Exchange
    from ringfence.margin import market
    from ringfence.margin.orders import Orders as OrdersOfExchange

    with exchange_store(store) as opened, Exchange(opened, {}) as exchange:
        yield OrdersOfExchange(exchange, market=market.load())
