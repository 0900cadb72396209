"""`ringfence metal`: clients' metal in the vault: opened, brought in, taken out, listed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    JsonOption,
    LanguageOption,
    StoreOption,
    auditor,
    exchange_store,
    existing_store,
    print_table,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.errors import Language
    from ringfence.margin.metal import Consignment, Holding, Metal

app = typer.Typer(
    no_args_is_help=True,
    help="Clients' metal: in the vault, each client's in an account of its own for each metal. Weights are in grams.",
)

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="Whose.")]
MetalArgument = Annotated[str, typer.Argument(metavar="METAL", help="AU9999, AU9995 or AG9999.")]
WeightArgument = Annotated[str, typer.Argument(metavar="GRAMS", help="How much, such as 1000 or 12.5.")]
ApplicationsArgument = Annotated[list[str], typer.Argument(metavar="APPLICATION...", help="Numbers of applications.")]

_WORDS: dict[str, dict[Language, str]] = {
    "opened": {"en": "{client}: account for {metal} opened", "zh": "{client}:已开立 {metal} 实物账户"},
    "open": {"en": "{client}: has an account for {metal} already", "zh": "{client}:已有 {metal} 实物账户"},
    "in": {"en": "{paper}: {weight} of {metal} in for {client}", "zh": "{paper}:{client} {metal} 入库 {weight}"},
    "held": {
        "en": "{paper}: {weight} of {metal} held for {client}, until it has signed for it",
        "zh": "{paper}:{client} {metal} {weight} 已冻结,待客户签收",
    },
    "out": {
        "en": "{paper}: {weight} of {metal} handed out to {client}",
        "zh": "{paper}:{client} {metal} 出库 {weight}",
    },
    "back": {
        "en": "{paper}: {weight} of {metal} released for {client}",
        "zh": "{paper}:{client} {metal} 解冻 {weight}",
    },
    "before": {"en": "nothing to do: it was done before", "zh": "无需办理:此前已办"},
    "none": {"en": "no client has an account for metal", "zh": "尚无客户开立实物账户"},
}


@app.command("open")
def open_(
    client: ClientArgument, metal: MetalArgument, store: StoreOption = None, language: LanguageOption = "en"
) -> None:
    """Open a client's account for a metal."""
    from ringfence.custody import open_metal

    said = spoken(language)
    with exchange_store(store) as opened:
        new = open_metal(opened, [(client, metal)])
    typer.echo(_WORDS["opened" if new else "open"][said].format(client=client, metal=metal))


@app.command("in")
def in_(
    client: ClientArgument,
    metal: MetalArgument,
    weight: WeightArgument,
    receipt: Annotated[str, typer.Option("--receipt", metavar="NO", help="The number of the vault's receipt.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Book metal that the vault has taken in, on its receipt. The same receipt again books nothing.

    Try: ringfence metal in m1-ann AU9995 3000 --receipt R-1
    """
    said = spoken(language)
    asked = _consignment(receipt, client, metal, weight)
    with _metal(store) as room:
        room.bring_in([asked])
    _say("in", asked, said)


@app.command()
def out(
    client: ClientArgument,
    metal: MetalArgument,
    weight: WeightArgument,
    application: Annotated[str, typer.Option("--application", metavar="NO", help="The client's application.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Hold metal that a client applies to take out; `hand-out` posts it when the client has signed for it.

    Metal that was bought today leaves from tomorrow.
    """
    said = spoken(language)
    asked = _consignment(application, client, metal, weight)
    with _metal(store) as room:
        room.apply([asked])
    _say("held", asked, said)


@app.command()
def hand_out(
    applications: ApplicationsArgument,
    keepers: Annotated[
        list[str],
        typer.Option("--keeper", metavar="NAME", help="Who released it at the vault; twice, two different keepers."),
    ],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Post what two keepers of the vault have released and clients have signed for. All are held, or none is posted.

    Try: ringfence metal hand-out A-1 --keeper keeper --keeper second
    """
    from ringfence.errors import BadInput

    if len(keepers) != 2:
        raise BadInput("--keeper", ", ".join(keepers), "two of them (K14)")
    _finish("out", applications, store, language, (keepers[0], keepers[1]))


@app.command()
def give_up(applications: ApplicationsArgument, store: StoreOption = None, language: LanguageOption = "en") -> None:
    """Give back what applications hold: the clients do not take it out. All are held, or none is released."""
    _finish("back", applications, store, language)


@app.command("list")
def list_(
    client: Annotated[str | None, typer.Option("--client", metavar="CLIENT", help="Of one client alone.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List what clients have in the vault, what of it is held, and what can be taken out today; in grams."""
    from ringfence.custody import EXCHANGE
    from ringfence.margin.metal import holdings

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, EXCHANGE) as ledger:
        if client is not None:
            ledger.party(client)
        found = holdings(ledger.connection, None if client is None else [client])
    if as_json:
        typer.echo(json.dumps([_shown(holding) for holding in found], ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo(_WORDS["none"][said])
        return
    print_table(
        [_shown(holding) for holding in found],
        right=("balance", "held", "received_today", "available", "withdrawable"),
        width=80,
    )


def _shown(holding: Holding) -> dict[str, Any]:
    from ringfence.money import render, unit

    weights = {
        "balance": holding.balance_minor,
        "held": holding.held_minor,
        "received_today": holding.received_minor,
        "available": holding.available_minor,
        "withdrawable": holding.withdrawable_minor,
    }
    in_grams = {name: render(weight, unit(holding.metal)) for name, weight in weights.items()}
    return {"client": holding.client, "metal": holding.metal, **in_grams}


def _consignment(paper: str, client: str, metal: str, weight: str) -> Consignment:
    from ringfence.custody import METALS
    from ringfence.errors import BadInput
    from ringfence.margin.metal import Consignment
    from ringfence.money import parse, unit

    if metal not in METALS:
        raise BadInput("METAL", metal, f"one of {', '.join(METALS)}")
    return Consignment(paper, client, metal, parse(weight, unit(metal)))


def _finish(
    word: str, applications: list[str], store: Path | None, language: str, keepers: tuple[str, str] | None = None
) -> None:
    said = spoken(language)
    with _metal(store) as room:
        done = room.give_up(applications) if keepers is None else room.hand_out(applications, keepers)
    for one in done:
        _say(word, one, said)
    if not done:
        typer.echo(_WORDS["before"][said])


def _say(word: str, one: Consignment, said: Language) -> None:
    from ringfence.margin.metal import grams

    weight = grams(one.weight_minor, one.metal)
    typer.echo(_WORDS[word][said].format(paper=one.paper, client=one.client, metal=one.metal, weight=weight))


@contextmanager
def _metal(store: Path | None) -> Iterator[Metal]:
    """The metal of the exchange whose book is in the store. Errors: NoCircle."""
    from ringfence.custody import Exchange
    from ringfence.margin.metal import Metal as MetalOfExchange

    with exchange_store(store) as opened, Exchange(opened, {}) as exchange:
        yield MetalOfExchange(exchange)
