"""`ringfence segregation`: what is held for clients, what must be, and what is over."""

from __future__ import annotations

import contextlib
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import JsonOption, LanguageOption, RingOption, StoreOption, day_option

if TYPE_CHECKING:
    from ringfence.custody.segregation import Segregation
    from ringfence.errors import Language

_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "SEGREGATION STATEMENT, {day}, {unit}", "zh": "客户资金分隔报表 {day} {unit}"},
    "resource": {"en": "Resource: held for clients", "zh": "资源：为客户持有"},
    "requirement": {"en": "Requirement: owed to {clients:,} clients", "zh": "要求：应付 {clients:,} 户客户"},
    "added": {
        "en": "  of which added back: {count:,} clients owe {amount}, and it offsets nobody",
        "zh": "  其中不予抵减：{count:,} 户客户欠款 {amount}",
    },
    "others": {"en": "Others: to be paid out of the pools", "zh": "其他：应自资金池支付"},
    "excess": {"en": "Excess", "zh": "溢额"},
    "short": {"en": "SHORTFALL", "zh": "短缺"},
}


def segregation(
    date: Annotated[datetime.date | None, day_option("A booking day; without it the last one that is closed.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write every client into a spreadsheet, .xlsx.")
    ] = None,
    ring: RingOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Write the segregation statement of a day: what was held for clients, what had to be, client by client, and what was over.

    A client who owes is added back: nobody's debt offsets another's balance. Exit code 1: something was missing.
    Try: ringfence segregation --date 2020-03-10 --output segregation.xlsx
    Or, of a ring of one's own: ringfence segregation --ring mine.toml
    """
    from ringfence.cli.options import require_writable, spoken
    from ringfence.errors import BadInput

    said = spoken(language)
    if output is not None:
        if output.suffix != ".xlsx":
            raise BadInput("--output", str(output), "a file that ends in .xlsx")
        require_writable("--output", output)
    statements = _of_office(ring, store, date) if ring else _of_circle(store, date)
    if output is not None:
        from ringfence.reports import segregation_workbook

        output.write_bytes(segregation_workbook(statements, said))
    if as_json:
        typer.echo(json.dumps([*map(_document, statements)], indent=2, ensure_ascii=False))
    else:
        for statement in statements:
            for line in _lines(statement, said):
                typer.echo(line)
    if any(statement.excess_minor < 0 for statement in statements):
        raise typer.Exit(1)


def _of_circle(store: Path | None, date: datetime.date | None) -> list[Segregation]:
    from ringfence.cli.options import auditor, exchange_store
    from ringfence.custody import EXCHANGE, banks_of
    from ringfence.custody.segregation import segregation as state
    from ringfence.errors import BadInput
    from ringfence.ring import load

    with exchange_store(store) as opened, contextlib.ExitStack() as reading:
        exchange = reading.enter_context(auditor(opened, EXCHANGE))
        banks = [reading.enter_context(auditor(opened, bank)) for bank in banks_of(opened)]
        asked = date or exchange.closed_through
        if asked == datetime.date.min:
            raise BadInput("--date", "none", "a booking day: none is closed yet")
        return state(load("sge"), {"bank": banks, "exchange": [exchange]}, asked)


def _of_office(ring: str, store: Path | None, date: datetime.date | None) -> list[Segregation]:
    """Of a ring of one's own: without a day, of the earliest booking day on which one of its books still is."""
    from ringfence.cli.options import existing_store
    from ringfence.office import Office, statement

    with existing_store(store, ring) as opened:
        office = Office.kept(opened)
        return statement(office, date or office.earliest_day())


def _lines(one: Segregation, said: Language) -> list[str]:
    from ringfence.money import grouped, unit
    from ringfence.ring.explain import padded

    def line(what: str, amount_minor: int) -> str:
        return f"{padded(what, 62)}{grouped(amount_minor, unit(one.unit)):>24}"

    lines = [_WORDS["title"][said].format(day=one.day, unit=one.unit), ""]
    lines.append(line(_WORDS["resource"][said], one.resource_minor))
    lines += [line(f"  {held.book}  {held.kind}  {held.owner}", held.amount_minor) for held in one.resources]
    lines.append(line(_WORDS["requirement"][said].format(clients=len(one.clients)), one.requirement_minor))
    owing = [client for client in one.clients if client.owes_minor]
    shown = grouped(one.added_back_minor, unit(one.unit))
    lines.append(_WORDS["added"][said].format(count=len(owing), amount=shown))
    lines.append(line(_WORDS["others"][said], one.others_minor))
    lines += [line(f"  {other.book}  {other.kind}", other.amount_minor) for other in one.others]
    lines.append(line(_WORDS["short" if one.excess_minor < 0 else "excess"][said], one.excess_minor))
    return lines


def _document(one: Segregation) -> dict[str, Any]:
    return {
        "day": one.day.isoformat(),
        "unit": one.unit,
        "resource_minor": one.resource_minor,
        "requirement_minor": one.requirement_minor,
        "added_back_minor": one.added_back_minor,
        "others_minor": one.others_minor,
        "excess_minor": one.excess_minor,
        "resources": [held._asdict() for held in one.resources],
        "others": [other._asdict() for other in one.others],
        "clients": [client._asdict() for client in one.clients],
    }
