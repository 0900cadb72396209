"""`ringfence tender`: tenders for delivery by file: made, cancelled, listed."""

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
    from ringfence.margin.delivery import TenderSide
    from ringfence.margin.tenders import TenderAsked, Tenders, TenderState
    from ringfence.tables import Row

app = typer.Typer(
    no_args_is_help=True,
    help="Tenders for delivery at the exchange: who wants to deliver metal, and who to receive it.",
)

_WORDS: dict[str, dict[Language, str]] = {
    "taken": {"en": "{tender}: taken", "zh": "{tender}:已接受"},
    "held": {"en": "{tender}: taken, {amount} held", "zh": "{tender}:已接受,冻结 {amount}"},
    "again": {"en": "{tender}: taken before", "zh": "{tender}:此前已接受"},
    "refused": {"en": "{tender}: refused: {reason}", "zh": "{tender}:已拒绝:{reason}"},
    "cancelled": {"en": "{tender}: {lots} lots cancelled", "zh": "{tender}:撤销 {lots} 手"},
    "none": {"en": "no tenders on {day}", "zh": "{day} 无交收申报"},
}


@app.command()
def make(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: tender_no,client,contract,side,lots,neutral.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Tender for the day that is open; each is taken or refused by itself. Exit code 1 if one was refused.

    Side is deliver or receive, neutral yes or empty. Position holders tender until trading closes, neutrals after the count
    (`ringfence settle close`) on the side that is lacking. The same file again tenders nothing twice.
    """
    from ringfence.money import unit, with_unit
    from ringfence.tables import rows

    said = spoken(language)
    columns = ("tender_no", "client", "contract", "side", "lots", "neutral")
    asked = [_asked(row) for row in rows("FILE", file, columns, ("neutral",))]
    with _tenders(store) as tenders:
        made = tenders.make(asked)
    for one in made:
        word = "refused" if one.refusal else "again" if one.replayed else "held" if one.reserved_minor else "taken"
        reason = one.refusal.text(said) if one.refusal else ""
        amount = with_unit(one.reserved_minor, unit(one.held_in))
        typer.echo(_WORDS[word][said].format(tender=one.asked.tender_no, amount=amount, reason=reason))
    if any(one.refusal for one in made):
        raise typer.Exit(1)


@app.command()
def cancel(
    tender_nos: Annotated[list[str], typer.Argument(metavar="TENDER_NO...", help="Numbers of tenders.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Cancel tenders whose time is not over, and give back what they hold. All can be, or none is cancelled."""
    said = spoken(language)
    with _tenders(store) as tenders:
        found = tenders.cancel(tender_nos)
    for state in found:
        typer.echo(_WORDS["cancelled"][said].format(tender=state.asked.tender_no, lots=state.asked.lots))


@app.command("list")
def list_(
    day: Annotated[datetime.date | None, day_option("The trading day.")] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="CLIENT", help="Of one client alone.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the tenders of a day, of the open one unless another is named, and what of each was matched."""
    from ringfence.custody import EXCHANGE
    from ringfence.margin.tenders import tenders_of

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, EXCHANGE) as ledger:
        day = day or ledger.day
        found = tenders_of(ledger.connection, day, client=client)
    if as_json:
        typer.echo(json.dumps([_shown(state) for state in found], ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo(_WORDS["none"][said].format(day=day))
        return
    marks = {True: "yes", False: ""}
    rows = [
        {name: marks[shown] if isinstance(shown, bool) else shown for name, shown in _shown(state).items()}
        for state in found
    ]
    print_table(rows, right=("lots", "matched", "held"), width=120)


def _shown(state: TenderState) -> dict[str, Any]:
    from ringfence.money import render, unit

    asked = state.asked
    return {
        "tender_no": asked.tender_no,
        "client": asked.client,
        "contract": asked.contract,
        "side": asked.side,
        "neutral": asked.neutral,
        "lots": asked.lots,
        "matched": state.matched,
        "cancelled": state.cancelled,
        "held": render(state.reserved_minor, unit(state.held_in)),
        "held_in": state.held_in,
    }


def _asked(row: Row) -> TenderAsked:
    from ringfence.margin.tenders import TenderAsked

    return TenderAsked(
        row.cells["tender_no"], row.cells["client"], row.cells["contract"],
        cast("TenderSide", row.one_of("side", ("deliver", "receive"))), row.count("lots"),
        row.one_of("neutral", ("", "yes", "no")) == "yes",
    )  # fmt: skip


@contextmanager
def _tenders(store: Path | None) -> Iterator[Tenders]:
    """The tenders of the exchange whose book is in the store. Errors: NoCircle."""
    from ringfence.custody import Exchange
    from ringfence.margin import market
    from ringfence.margin.tenders import Tenders as TendersOfExchange

    with exchange_store(store) as opened, Exchange(opened, {}) as exchange:
        yield TendersOfExchange(exchange, market=market.load())
