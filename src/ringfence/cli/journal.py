"""`ringfence journal` and `ringfence balances`: what was committed, and what an account was, as it was known when."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    BookOption,
    JsonOption,
    LanguageOption,
    StoreOption,
    auditor,
    day_option,
    existing_store,
    number_option,
    spoken,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from ringfence.errors import Language
    from ringfence.ledger import JournalBatch, JournalPosting, Ledger

_POLL_S = 0.25
_WORDS: dict[str, dict[str, str]] = {
    "batch": {
        "en": "batch {batch}  {what}  booked {day}  recorded {at}  by {login}",
        "zh": "批次 {batch}  {what}  记账日 {day}  入账 {at}  {login}",
    },
    "posting": {
        "en": "  {id:>8}  {action} {route} for {subject}: {amount}, value {value_date}",
        "zh": "  {id:>8}  {action} {route} {subject}:{amount},起息 {value_date}",
    },
    "entry": {
        "en": "            {amount:>22}  {kind} of {owner}, then {balance}",
        "zh": "            {amount:>22}  {owner} 的 {kind},余额 {balance}",
    },
    "nothing": {"en": "nothing after batch {after}", "zh": "批次 {after} 之后没有记录"},
    "as_known": {
        "en": "{book} on {about}, as known at the end of {known}",
        "zh": "{book} 于 {about} 的余额(截至 {known} 日终所知)",
    },
}


def journal(
    book: BookOption = "exchange",
    after: Annotated[int, number_option("Only what was committed after this batch.")] = 0,
    limit: Annotated[int, number_option("At most so many batches; 0: all.")] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is committed from now on, until stopped.")
    ] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Read what was committed, batch by batch: nothing is skipped and nothing comes twice, however many write meanwhile.

    With --json every batch is a line; its number is what to ask after next time. Amounts are in the unit's minor part there.

    Try: ringfence journal --after 100 --limit 3
    """
    from ringfence.errors import BadInput

    said = spoken(language)
    for field, number in (("--after", after), ("--limit", limit)):
        if number < 0:
            raise BadInput(field, number, "0 or more")
    with existing_store(store) as opened, auditor(opened, book) as ledger:
        ((last,),) = ledger.rows("SELECT batch FROM {}.head")
        if after > last:
            raise BadInput("--after", after, f"0 to {last}, the last batch of book {book}")
        reached, shown = after, 0
        for batch in _batches(ledger, after, follow=follow):
            typer.echo(_as_line(batch) if as_json else "\n".join(_in_words(batch, said)))
            reached, shown = batch.batch, shown + 1
            if shown == limit:
                break
        if not shown and not as_json:
            typer.echo(_WORDS["nothing"][said].format(after=reached))


def _batches(ledger: Ledger, after: int, *, follow: bool) -> Iterator[JournalBatch]:
    from ringfence.ledger import journal_after

    while True:
        for batch in journal_after(ledger, after):
            yield batch
            after = batch.batch
        if not follow:
            return
        time.sleep(_POLL_S)


def _as_line(batch: JournalBatch) -> str:
    from dataclasses import asdict

    said = asdict(batch)
    for posting in said["postings"]:
        posting["entries"] = [
            {**account._asdict(), "amount_minor": amount, "balance_minor": balance}
            for account, amount, balance in posting["entries"]
        ]
    return json.dumps(said, ensure_ascii=False, default=str)


def _in_words(batch: JournalBatch, language: Language) -> Iterator[str]:
    at = batch.recorded_at.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")
    yield _WORDS["batch"][language].format(batch=batch.batch, what=batch.what, day=batch.day, at=at, login=batch.login)
    for posting in batch.postings:
        yield from _posting_in_words(posting, language)


def _posting_in_words(posting: JournalPosting, language: Language) -> Iterator[str]:
    yield _WORDS["posting"][language].format(
        id=posting.id,
        action=posting.action,
        route=posting.route,
        subject=posting.subject,
        amount=_amount(posting.amount_minor, posting.unit),
        value_date=posting.value_date,
    )
    for account, amount, balance in posting.entries:
        yield _WORDS["entry"][language].format(
            amount=_amount(amount, account.unit),
            kind=account.kind,
            owner=account.owner,
            balance=_amount(balance, account.unit),
        )


def balances(
    book: BookOption = "exchange",
    known: Annotated[Any, day_option("The booking day at whose end it was known; today's if absent.")] = None,
    about: Annotated[Any, day_option("The day that is asked about, by value dates; the same day if absent.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only accounts of a kind.")] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Show what every account was on a day, as it was known then or at any later day.

    Try: ringfence balances --kind client-cash --about 2020-03-16
    """
    from ringfence.errors import BadInput

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, book) as ledger:
        known_day: datetime.date = known or ledger.day
        about_day: datetime.date = about or known_day
        kinds = [name for (name,) in ledger.rows("SELECT name FROM {}.kind ORDER BY id")]
        if kind is not None and kind not in kinds:
            raise BadInput("--kind", kind, f"one of {', '.join(kinds)}")
        found = [b for b in ledger.balances_as_known(known_day, about_day) if kind in (None, b.account.kind)]
    if as_json:
        rows = [{**b.account._asdict(), "number": b.number, "balance_minor": b.balance_minor} for b in found]
        said_all = {"book": book, "known": str(known_day), "about": str(about_day), "balances": rows}
        typer.echo(json.dumps(said_all, ensure_ascii=False, indent=2))
        return
    typer.echo(_WORDS["as_known"][said].format(book=book, about=about_day, known=known_day))
    for b in found:
        name = f"{b.account.owner}{'' if b.number is None else f' ({b.number})'}"
        typer.echo(f"  {b.account.kind:24}{name:40}{_amount(b.balance_minor, b.account.unit):>24}")


def _amount(amount_minor: int, code: str) -> str:
    from ringfence.money import unit, with_unit

    return with_unit(amount_minor, unit(code))
