"""`ringfence book`: an institution's own book, made and filled with its members and clients."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ringfence.cli.options import (
    LanguageOption,
    StoreOption,
    day_argument,
    exchange_store,
    existing_store,
    settings,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ringfence.custody import Client, Member
    from ringfence.errors import Language

app = typer.Typer(no_args_is_help=True, help="An institution's own book: make it, register members and clients.")

_WORDS: dict[str, dict[Language, str]] = {
    "created": {
        "en": "the book of {book} is made; it signs with {key}",
        "zh": "{book} 的账簿已建立;签名公钥 {key}",
    },
    "next": {
        "en": "next: `ringfence link trust` lets it know the other side, `ringfence book register` its members and clients",
        "zh": "接下来:`ringfence link trust` 登记对方机构,`ringfence book register` 登记会员与客户",
    },
    "registered": {
        "en": "{book}: {members} members and {clients} clients are registered; {waiting} accounts wait for the other side's word",
        "zh": "{book}:已登记会员 {members} 名、客户 {clients} 名;{waiting} 个账户待对方确认",
    },
    "opened": {"en": "{day} is open at {books}", "zh": "{books} 已开 {day}"},
    "closed": {"en": "every day up to {day} is closed at {books}", "zh": "{books} 已关账至 {day}"},
}
T = TypeVar("T")


@app.command()
def create(
    book: Annotated[str, typer.Argument(metavar="BOOK", help="Whose: exchange, or the name of a clearing bank.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Make the book of one institution, as the ring sge declares it, in a store of its own or beside others.

    Try: ringfence book create bank_a --store ./bank_a
    """
    from ringfence import ring
    from ringfence.custody import create_book
    from ringfence.database import Store
    from ringfence.links import public_key_of
    from ringfence.margin.day_end import create_day_end

    said = spoken(language)
    with Store.open(settings(store)) as opened:
        create_book(opened, ring.load("sge"), book)
        if book == "exchange":
            create_day_end(opened)
        key = public_key_of(opened, book).hex()
    typer.echo(_WORDS["created"][said].format(book=book, key=key))
    typer.echo(_WORDS["next"][said])


@app.command()
def register(
    book: Annotated[str, typer.Argument(metavar="BOOK", help="In whose book: exchange, or a bank's name.")],
    members: Annotated[Path, typer.Option("--members", metavar="FILE", help="CSV with the columns name, bank, title.")],
    clients: Annotated[
        Path,
        typer.Option("--clients", metavar="FILE", help="CSV: name, member, bank, account_number, identity, title."),
    ],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Register members and clients in the book of one institution, and bind clients to their accounts (K5).

    A bank registers those of its own, the exchange all of them. An account is in force once both have said the same: the exchange asks
    every bank for its words, so run it at the banks first, and have them served.
    """
    from ringfence.custody import (
        EXCHANGE,
        bind_at_bank,
        bind_at_exchange,
        books_here,
        confirm_bindings,
        linked,
        register_at_bank,
        register_at_exchange,
    )
    from ringfence.errors import BadInput
    from ringfence.ledger import Ledger

    said = spoken(language)
    all_members = _rows("--members", members, ("name", "bank", "title"), _member)
    all_clients = _rows(
        "--clients", clients, ("name", "member", "bank", "account_number", "identity", "title"), _client
    )
    _require_members(clients, all_clients, {member.name for member in all_members})
    with existing_store(store) as opened:
        here = books_here(opened)
        if book not in here:
            raise BadInput("BOOK", book, f"one of {', '.join(here)}")
        bindings = [client.binding for client in all_clients]
        if book == EXCHANGE:
            banks = sorted({member.bank for member in all_members} | {client.bank for client in all_clients})
            register_at_exchange(opened, banks, all_members, all_clients)
            bind_at_exchange(opened, bindings)
            with linked(opened, banks) as clearing:
                confirm_bindings(opened, clearing.values())
        else:
            all_members = [m for m in all_members if m.bank == book or any(c.member == m.name for c in all_clients if c.bank == book)]  # fmt: skip
            all_clients = [client for client in all_clients if client.bank == book]
            register_at_bank(opened, book, all_members, all_clients)
            bind_at_bank(opened, book, bindings)
        with Ledger(opened, book, "auditor") as ledger:
            waiting = sum(registered.waiting for registered in ledger.bindings())
    typer.echo(
        _WORDS["registered"][said].format(
            book=book, members=len(all_members), clients=len(all_clients), waiting=waiting
        )
    )


@app.command(name="open-day")
def open_day(
    day: Annotated[datetime.date, day_argument("The day that is to be open.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Open a booking day at the exchange and, by letter, at every bank of it. What is open already stays so.

    Try: ringfence book open-day 2020-03-06 --store ./exchange
    """
    _day(store, spoken(language), day, opens=True)


@app.command(name="close-day")
def close_day(
    day: Annotated[datetime.date, day_argument("Up to which day all are closed.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Close every day up to that one at the exchange and then, by letter, at every bank of it. Nobody opens it again.

    The settlement of a day closes it by itself; this is for days without one.
    """
    _day(store, spoken(language), day, opens=False)


def _day(store: Path | None, language: Language, day: datetime.date, *, opens: bool) -> None:
    from ringfence.custody import EXCHANGE, Exchange, banks_of, linked

    with (
        exchange_store(store) as opened,
        linked(opened, banks_of(opened)) as clearing,
        Exchange(opened, clearing) as exchange,
    ):
        (exchange.open_day if opens else exchange.close_day)(day)
    said = _WORDS["opened" if opens else "closed"][language]
    typer.echo(said.format(day=day, books=", ".join([EXCHANGE, *exchange.banks])))


def _rows(option: str, file: Path, columns: tuple[str, ...], make: Callable[[Mapping[str, str]], T]) -> list[T]:
    """The rows of a CSV file. Errors: BadInput with line and column; nothing is registered."""
    from ringfence.tables import rows

    return [make(row.cells) for row in rows(option, file, columns, ("title",))]


def _member(row: Mapping[str, str]) -> Member:
    from ringfence.custody import Member

    return Member(row["name"], row["bank"], row["title"] or None)


def _client(row: Mapping[str, str]) -> Client:
    from ringfence.custody import Client

    number, identity = row["account_number"], row["identity"]
    return Client(row["name"], row["member"], row["bank"], number, identity, row["title"] or None)


def _require_members(file: Path, clients: list[Client], members: set[str]) -> None:
    from ringfence.errors import BadInput

    for number, client in enumerate(clients, 2):
        if client.member not in members:
            raise BadInput(
                "--clients", f"{file}, row {number}: member {client.member}", "a member that is in --members"
            )
