"""What several commands share: options, and opening a store that must be there."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from ringfence.database import Settings, Store
    from ringfence.errors import Language
    from ringfence.ledger import Ledger

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Folder of the embedded database.", show_default="your data folder"),
]
RingOption = Annotated[
    str,
    typer.Option(
        "--ring",
        metavar="RING",
        help="Of a ring of one's own: its file, or a built-in one's name.",
        show_default="the circle",
    ),
]
BookOption = Annotated[str, typer.Option("--book", metavar="BOOK", help="Whose book: exchange, or a bank's name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]
LanguageOption = Annotated[str, typer.Option("--language", metavar="LANG", help="en or zh.")]


def whole_number(text: str) -> int:
    """Read a whole number, or say what is wrong with it; the general message would not name the value."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not usable; expected a whole number") from None


def number_option(text: str) -> Any:
    """An option that is a whole number."""
    return typer.Option(parser=whole_number, metavar="N", help=text)


def day(text: str) -> datetime.date:
    """Read a day, or say what is wrong with it."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not usable; expected a day such as 2020-03-16") from None


def day_option(text: str) -> Any:
    """An option that is a day."""
    return typer.Option(parser=day, metavar="DATE", help=text)


def day_argument(text: str) -> Any:
    """An argument that is a day."""
    return typer.Argument(parser=day, metavar="DATE", help=text)


def print_table(rows: Sequence[Mapping[str, object]], right: Collection[str], width: int) -> None:
    """Print rows under the names of their columns, those of `right` to the right; at least so wide, so that a file gets it whole."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console = Console(highlight=False)
    console.width = max(console.width, width)
    console.print(table)


def require_writable(option: str, file: Path) -> None:
    """See before the work begins that its result can be written. Errors: BadInput for `option`."""
    from ringfence.errors import BadInput

    if file.is_dir() or not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BadInput(option, str(file), "a file that can be written, in a folder that exists")


def spoken(language: str) -> Language:
    """The language that was asked for. Errors: BadInput."""
    from ringfence.errors import BadInput

    if language not in ("en", "zh"):
        raise BadInput("--language", language, "en or zh")
    return cast("Language", language)


def settings(store: Path | None, ring: str = "") -> Settings:
    """What the environment says, with the folder that was named on the command line.

    A `ring` of one's own has a folder of its own, beside others under `rings` in the user's data folder. Errors: as load.
    """
    from ringfence.database import Settings

    if store is not None:
        return Settings(store=store.absolute())
    said = Settings()
    if not ring:
        return said
    from ringfence.ring import load

    return Settings(store=said.store / "rings" / load(ring).ring.name)


@contextmanager
def existing_store(folder: Path | None, ring: str = "") -> Iterator[Store]:
    """Open the store that is named, or the `ring`'s own, with the exchange's settlement brought up to this code.

    Errors: StoreMissing where an embedded one has never been made; as migrate_ledger.
    """
    from ringfence.database import Store, StoreMissing, embedded_cluster

    named = settings(folder, ring)
    if named.database_url is None and not embedded_cluster(named.store).exists:
        raise StoreMissing(where=str(named.store))
    with Store.open(named) as store:
        _bring_up(store)
        yield store


def _bring_up(store: Store) -> None:
    """Apply what migrations of the exchange's settlement are new, where there is one."""
    from ringfence.database import migration_level, sql_files

    with store.connect() as administrator:
        there = administrator.execute("SELECT FROM pg_namespace WHERE nspname = 'exchange_margin'").rowcount
        if not there or migration_level(administrator, "exchange_margin") == len(
            sql_files("ringfence.margin", "migrations")
        ):
            return
    from ringfence.margin.day_end import create_day_end

    create_day_end(store)


@contextmanager
def exchange_store(folder: Path | None) -> Iterator[Store]:
    """Open the store that is named, which has the exchange's book. Errors: StoreMissing; NoCircle."""
    from ringfence.custody import EXCHANGE, NoCircle, books_here

    with existing_store(folder) as opened:
        if EXCHANGE not in books_here(opened):
            raise NoCircle(where=opened.where)
        yield opened


def auditor(store: Store, book: str) -> Ledger:
    """The book of the exchange or of a bank, read by its auditor. Errors: BadInput, NoCircle."""
    from ringfence.custody import EXCHANGE, banks_of
    from ringfence.errors import BadInput
    from ringfence.ledger import Ledger

    books = [EXCHANGE, *banks_of(store)]
    if book not in books:
        raise BadInput("--book", book, f"one of {', '.join(books)}")
    return Ledger(store, book, "auditor")
