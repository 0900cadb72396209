"""`ringfence export`: a book for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import BookOption, StoreOption, auditor, existing_store, require_writable


def export(
    book: BookOption = "exchange",
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="beancount.")] = "beancount",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write.", show_default="standard output")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write a whole book for another program to check: all accounts and postings, and what every account must be at the end.

    Try: ringfence export --output exchange.beancount, and then bean-check exchange.beancount
    """
    from ringfence.errors import BadInput
    from ringfence.ledger.beancount import to_beancount

    if form != "beancount":
        raise BadInput("--format", form, "beancount")
    if output is not None:
        require_writable("--output", output)
    with existing_store(store) as opened, auditor(opened, book) as ledger:
        lines = to_beancount(ledger)
        if output is None:
            for line in lines:
                typer.echo(line)
        else:
            with output.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
