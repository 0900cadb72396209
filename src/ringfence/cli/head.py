"""`ringfence head`: the heads of the books, signed and kept outside the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption, StoreOption, existing_store, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.database import Store

app = typer.Typer(
    help="The heads of the books, signed and kept outside the database: what cuts a journal off is found by them.",
    no_args_is_help=True,
)

BooksOption = Annotated[
    list[str] | None, typer.Option("--book", metavar="BOOK", help="Only this book; can be given several times.")
]
_WORDS: dict[str, dict[str, str]] = {
    "signed": {
        "en": "{ledger:10} batch {batch:,}, posting {posting:,}, {day}: {link}",
        "zh": "{ledger:10} 批次 {batch:,},记账 {posting:,},{day}:{link}",
    },
    "kept": {
        "en": "kept in {folder}; copy it to where the database is not",
        "zh": "保存于 {folder};请复制到数据库之外",
    },
    "checked": {"en": "{ledger:10} {count:,} signed heads agree", "zh": "{ledger:10} {count:,} 个签名链头一致"},
    "none": {
        "en": "{ledger:10} no head was signed yet: ringfence head sign",
        "zh": "{ledger:10} 尚无签名链头:ringfence head sign",
    },
}


@app.command()
def sign(
    book: BooksOption = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Ed25519 private key in PEM.", show_default="one is made and kept"),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Sign the head of every book as it is now.

    Exit code 2 where the last head that was signed is not in the journal any more: nothing is signed over that.
    """
    from dataclasses import asdict

    from ringfence.ledger import Ledger
    from ringfence.ledger.head import Heads

    said = spoken(language)
    with existing_store(store) as opened:
        heads = Heads(opened)
        signed = []
        for name in _books(opened, book):
            with Ledger(opened, name, "auditor") as ledger:
                signed.append(heads.sign(ledger, key))
    if as_json:
        typer.echo(json.dumps([asdict(head) for head in signed], indent=2))
        return
    for head in signed:
        typer.echo(_WORDS["signed"][said].format(**asdict(head)))
    typer.echo(_WORDS["kept"][said].format(folder=heads.folder))


@app.command()
def check(
    book: BooksOption = None,
    public: Annotated[
        Path | None,
        typer.Option(
            "--public", metavar="FILE", help="Ed25519 public key in PEM.", show_default="the one that was made"
        ),
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            "--heads", metavar="DIR", help="A folder with copies of the signed heads.", show_default="the store's"
        ),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Compare every signed head with what stands in the database now.

    Exit code 0: all agree. 1: something was cut off, or written anew, or a head was forged or taken out.
    """
    from ringfence.ledger import Ledger
    from ringfence.ledger.head import Heads

    said = spoken(language)
    findings, counts = [], {}
    with existing_store(store) as opened:
        kept = Heads(opened)
        for name in _books(opened, book):
            with Ledger(opened, name, "auditor") as ledger:
                copy = None if heads is None else heads / name
                findings += kept.check(ledger, public, copy)
                counts[name] = kept.count(name, copy)
    wrong = {finding.ledger for finding in findings}
    if as_json:
        figures = {"ok": not findings, "heads": counts, "findings": [finding._asdict() for finding in findings]}
        typer.echo(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        for name, count in counts.items():
            if name not in wrong:
                typer.echo(_WORDS["checked" if count else "none"][said].format(ledger=name, count=count))
        for finding in findings:
            typer.echo(f"✗ {finding}")
    if findings:
        raise typer.Exit(1)


def _books(store: Store, wanted: Sequence[str] | None) -> list[str]:
    from ringfence.custody import EXCHANGE, banks_of
    from ringfence.errors import BadInput

    books = [*banks_of(store), EXCHANGE]
    for name in wanted or ():
        if name not in books:
            raise BadInput("--book", name, f"one of {', '.join(books)}")
    return list(wanted or books)
