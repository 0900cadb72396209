"""`ringfence look-back`: the circle at instants of its past that nobody chose beforehand, and at the least of every month."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ringfence.cli.options import JsonOption, LanguageOption, StoreOption, number_option

if TYPE_CHECKING:
    from ringfence.custody.history import Instant, Least
    from ringfence.errors import Language

_WORDS: dict[str, dict[Language, str]] = {
    "secret": {
        "en": "looked at {times} instants that follow from the secret with the SHA-256 {digest}",
        "zh": "按 SHA-256 为 {digest} 的密语抽取 {times} 个时点",
    },
    "bank": {
        "en": "{bank}: {instants:,} instants from {first} to {last}",
        "zh": "{bank}：{first} 至 {last} 共 {instants:,} 个时点",
    },
    "random": {"en": "  at random instants: nothing short", "zh": "  随机时点：无短缺"},
    "short": {"en": "  ✗ {at}: {short} CNY short", "zh": "  ✗ {at}：短缺 {short} CNY"},
    "least": {
        "en": "  {month}: least on {day}: {held} CNY held, {owed} owed, {short} short",
        "zh": "  {month}：最低为 {day}：存放 {held} CNY，应付 {owed}，短缺 {short}",
    },
    "passing": {"en": "  transit was never anything but zero", "zh": "  过渡账户从未不为零"},
    "stayed": {"en": "  ✗ transit was not zero at {count} instants, first at {at}", "zh": "  ✗ 过渡账户于 {count} 个时点不为零，首次 {at}"},
    "nothing": {"en": "  nothing has moved yet", "zh": "  尚无资金变动"},
}  # fmt: skip


class Seen(NamedTuple):
    """What was seen of a bank: all its instants, those looked at where something was short, months, and transit that was not zero."""

    bank: str
    instants: list[Instant]
    short: list[Instant]
    months: list[Least]
    stayed: list[Instant]

    @property
    def alarming(self) -> bool:
        """Whether anything was short, or stayed where it may only pass."""
        return bool(self.short or self.stayed or any(least.short_minor for least in self.months))


def look_back(
    times: Annotated[int, number_option("At how many random instants of each bank.")] = 100,
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret",
            metavar="TEXT",
            help="What the instants follow from.",
            show_default="a new one, which is printed",
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Look at what stood at the banks and what was owed, at random instants of the past, at every month's least, and at transit.

    Whoever looks at a date only sees what was put back for it. Publish the SHA-256 of your secret first, and nobody can say
    afterwards that you chose where to look. Reads the books that are in this store. Exit code 1: something was short, or stayed
    where it may only pass. Try: ringfence look-back --times 1000
    """
    from ringfence.cli.options import auditor, exchange_store, spoken
    from ringfence.custody import EXCHANGE, banks_of, books_here
    from ringfence.custody.history import at_random_instants, circle_pairs, history, least_of_each_month, not_passed_on

    said, chosen = spoken(language), secret or secrets.token_hex(16)
    found: list[Seen] = []
    with exchange_store(store) as opened, auditor(opened, EXCHANGE) as exchange:
        here = [bank for bank in banks_of(opened) if bank in books_here(opened)]
        for pair in circle_pairs(here):
            with auditor(opened, pair.book) as bank:
                lived = history({pair.book: bank.connection, EXCHANGE: exchange.connection}, pair)
            months, stayed = least_of_each_month(lived), not_passed_on(lived)
            found.append(Seen(pair.book, lived, at_random_instants(lived, chosen, times), months, stayed))
    if as_json:
        typer.echo(json.dumps(_document(found, chosen, times), indent=2, ensure_ascii=False))
    else:
        typer.echo(_WORDS["secret"][said].format(times=times, digest=hashlib.sha256(chosen.encode()).hexdigest()))
        if secret is None:
            typer.echo(f"--secret {chosen}")
        for one in found:
            _print(one, said)
    if any(one.alarming for one in found):
        raise typer.Exit(1)


def _print(one: Seen, said: Language) -> None:
    if not one.instants:
        typer.echo(f"{one.bank}:")
        typer.echo(_WORDS["nothing"][said])
        return
    first, last = one.instants[0].day, one.instants[-1].day
    typer.echo(_WORDS["bank"][said].format(bank=one.bank, instants=len(one.instants), first=first, last=last))
    for instant in one.short:
        typer.echo(_WORDS["short"][said].format(at=instant.at, short=_money(instant.short_minor)))
    if not one.short:
        typer.echo(_WORDS["random"][said])
    for least in one.months:
        figures = {"held": least.held_minor, "owed": least.owed_minor, "short": least.short_minor}
        shown = {name: _money(amount) for name, amount in figures.items()}
        typer.echo(_WORDS["least"][said].format(month=least.month, day=least.day, **shown))
    if one.stayed:
        typer.echo(_WORDS["stayed"][said].format(count=len(one.stayed), at=one.stayed[0].at))
    else:
        typer.echo(_WORDS["passing"][said])


def _money(amount_minor: int) -> str:
    from ringfence.money import grouped, unit

    return grouped(amount_minor, unit("CNY"))


def _document(found: list[Seen], secret: str, times: int) -> dict[str, Any]:
    def instant(one: Instant) -> dict[str, Any]:
        return one._asdict() | {"at": one.at.isoformat(), "day": one.day.isoformat(), "short_minor": one.short_minor}

    def month(one: Least) -> dict[str, Any]:
        return one._asdict() | {"at": one.at.isoformat(), "day": one.day.isoformat()}

    return {
        "secret": secret,
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "times": times,
        "banks": [
            {
                "bank": one.bank,
                "instants": len(one.instants),
                "short": [*map(instant, one.short)],
                "months": [*map(month, one.months)],
                "transit_not_zero": [*map(instant, one.stayed)],
            }
            for one in found
        ],
    }
