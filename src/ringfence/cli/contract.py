"""`ringfence contract`: the dated rules of contracts, each with its source."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import (
    JsonOption,
    LanguageOption,
    StoreOption,
    auditor,
    day_option,
    exchange_store,
    existing_store,
    spoken,
)

if TYPE_CHECKING:
    from ringfence.errors import Language

app = typer.Typer(
    no_args_is_help=True, help="Contracts: dated rules, each with its source. A new contract is new rows."
)

_WORDS: dict[str, dict[Language, str]] = {
    "added": {"en": "{count} rows added", "zh": "已添加 {count} 行规则"},
    "there": {"en": "{count} were there already", "zh": "{count} 行此前已有"},
    "on": {"en": "on {day}", "zh": "{day} 生效"},
}


@app.command("list")
def list_(
    code: Annotated[str | None, typer.Argument(metavar="CONTRACT", help="One contract, such as 'Ag(T+D)'.")] = None,
    day: Annotated[datetime.date | None, day_option("What is in force then; else every row.")] = None,
    store: StoreOption = None,
    packaged: Annotated[
        bool, typer.Option("--packaged", help="The table that ships with Ringfence; needs no store.")
    ] = False,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List rules: contract, rule, first day, value, how sure it is, and where it comes from.

    Try: ringfence contract list 'Ag(T+D)' --day 2020-03-18 --packaged
    """
    from ringfence.custody import EXCHANGE
    from ringfence.errors import BadInput
    from ringfence.margin import rules as rule_table
    from ringfence.margin.rulebook import read_rules

    said = spoken(language)
    if packaged:
        table = rule_table.load()
    else:
        with existing_store(store) as opened, auditor(opened, EXCHANGE) as ledger:
            table = read_rules(ledger.connection)
    if code is not None and code not in table.codes:
        raise BadInput("CONTRACT", code, f"one of {', '.join(table.codes)}")
    found = [
        row
        for row in table
        if (code is None or row.contract == code) and (day is None or table.row(row.contract, row.rule, day) == row)
    ]
    if as_json:
        typer.echo(
            json.dumps(
                [row.document() for row in found],
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in rule_table.COLUMNS:
        shown.add_column(column, overflow="fold")
    for row in found:
        shown.add_row(row.contract, row.rule, str(row.effective_from), row.value, row.status, row.source)
    console = Console(highlight=False)
    console.width = max(console.width, 140)
    if day is not None:
        console.print(_WORDS["on"][said].format(day=day))
    console.print(shown)


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV: contract,rule,effective_from,value,status,source.")
    ],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Add rules to the exchange's rulebook, as its officer: all rows of the file or none. None is ever changed.

    A row cannot be dated back into a day that is settled. Try: ringfence contract add new.csv
    """
    from ringfence.custody import EXCHANGE
    from ringfence.ledger import Ledger
    from ringfence.margin import rules as rule_table
    from ringfence.margin.rulebook import add_rules

    said = spoken(language)
    rows = list(rule_table.read_file(file, option="FILE"))
    with exchange_store(store) as opened, Ledger(opened, EXCHANGE, "officer") as officer:
        added = add_rules(officer.connection, rows)
    typer.echo(_WORDS["added"][said].format(count=added))
    if added < len(rows):
        typer.echo(_WORDS["there"][said].format(count=len(rows) - added))
