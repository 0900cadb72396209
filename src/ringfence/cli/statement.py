"""`ringfence statement`: a client's statement of a day, made, signed and checked."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import LanguageOption, StoreOption, day_argument, existing_store, require_writable, spoken

if TYPE_CHECKING:
    from ringfence.database import Store
    from ringfence.ledger import Ledger

FORMS = ("text", "json", "signed", "pdf", "xlsx")
MEMBER_FORMS = ("csv", "xlsx", "json")


def statement(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Whose.")],
    day: Annotated[datetime.date, day_argument("Of which day.")],
    form: Annotated[
        str,
        typer.Option("--form", metavar="FORM", help="text, json, signed (JSON in the exchange's hand), pdf or xlsx."),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write.", show_default="standard output")
    ] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Make a client's statement of a day from its own postings: opening, every flow, closing, what is bound; trades, what was closed,
    what is open, metal.

    Try: ringfence statement m1-c00001 2020-03-10
    """
    from ringfence.custody import EXCHANGE
    from ringfence.errors import BadInput
    from ringfence.links import LetterBox
    from ringfence.reports import make_paper, sign_paper

    said = spoken(language)
    if form not in FORMS:
        raise BadInput("--form", form, f"one of {', '.join(FORMS)}")
    _require_output(output, {"pdf": "a PDF", "xlsx": "a spreadsheet"}.get(form))
    with _exchanges_auditor(store) as (opened, ledger):
        paper = make_paper(ledger.connection, client, day)
        if paper is None:
            raise BadInput("CLIENT", client, "a client that is registered at the exchange")
        if form == "pdf":
            written = paper.pdf(said)
        elif form == "xlsx":
            written = paper.xlsx(said)
        elif form == "signed":
            letter = sign_paper(LetterBox(opened, EXCHANGE), paper)
            written = (json.dumps(letter.document(), ensure_ascii=False) + "\n").encode()
        elif form == "json":
            written = (json.dumps(paper.document(), ensure_ascii=False, indent=2) + "\n").encode()
        else:
            written = (paper.text(said) + "\n").encode()
    _write(output, written)


def member_file(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Whose clients.")],
    day: Annotated[datetime.date, day_argument("Of which day.")],
    form: Annotated[
        str, typer.Option("--form", metavar="FORM", help="csv (an archive of CSV files), xlsx or json.")
    ] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write.", show_default="standard output")
    ] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Make a member's file of a day: the accounts, trades, closed and open positions and metal of all its clients.

    Try: ringfence member-file m1 2020-03-10 --form xlsx --output m1.xlsx
    """
    from ringfence.errors import BadInput
    from ringfence.reports import make_member_file

    said = spoken(language)
    if form not in MEMBER_FORMS:
        raise BadInput("--form", form, f"one of {', '.join(MEMBER_FORMS)}")
    _require_output(output, None if form == "json" else "an archive or a spreadsheet")
    with _exchanges_auditor(store) as (_, ledger):
        made = make_member_file(ledger.connection, member, day)
    if made is None:
        raise BadInput("MEMBER", member, "a member that has clients at the exchange")
    if form == "json":
        written = (json.dumps(made.document(), ensure_ascii=False, indent=2) + "\n").encode()
    else:
        written = made.csv_archive() if form == "csv" else made.xlsx(said)
    _write(output, written)


def _require_output(output: Path | None, binary: str | None) -> None:
    """See before the work begins that there is somewhere to write; what is `binary` is not for a terminal. Errors: BadInput."""
    from ringfence.errors import BadInput

    if output is not None:
        require_writable("--output", output)
    elif binary and sys.stdout.isatty():
        raise BadInput("--output", None, f"a file for {binary}")


@contextmanager
def _exchanges_auditor(store: Path | None) -> Iterator[tuple[Store, Ledger]]:
    """The store that is named, and the exchange's book by its auditor. Errors: BadInput for a store that does not have it."""
    from ringfence.custody import EXCHANGE, books_here
    from ringfence.errors import BadInput
    from ringfence.ledger import Ledger

    with existing_store(store) as opened:
        if EXCHANGE not in books_here(opened):
            raise BadInput("--store", opened.where, "the exchange's store: it has the clients' detail")
        with Ledger(opened, EXCHANGE, "auditor") as ledger:
            yield opened, ledger


def _write(output: Path | None, written: bytes) -> None:
    if output is not None:
        output.write_bytes(written)
    else:
        typer.echo(written, nl=False)


def check_statement(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A signed statement.")],
    public: Annotated[
        str,
        typer.Option("--public", metavar="KEY", help="The exchange's public key, as `ringfence link show` tells it."),
    ],
    language: LanguageOption = "en",
) -> None:
    """Check that a statement is what the exchange signed, without any store; and show it.

    Exit code 0 if it is, 1 if it is not. Try: ringfence check-statement statement.json --public KEY
    """
    from ringfence.cli.link import read_key
    from ringfence.errors import BadInput
    from ringfence.links import LetterRefused
    from ringfence.reports import check_signed

    said = spoken(language)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("FILE", str(file), f"a file that can be read ({error})") from error
    try:
        content = check_signed(text, read_key(public))
    except LetterRefused as refused:
        typer.echo(f"✗ {refused.text(said)}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))
    typer.echo("✓ 交易所签名有效" if said == "zh" else "✓ the exchange signed exactly this", err=True)
