"""`ringfence verify`: replay every journal with code that shares nothing with the code that posted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption, RingOption, StoreOption

if TYPE_CHECKING:
    from ringfence.custody import CircleVerdict

_WORDS = {
    "ok": {"en": "verified", "zh": "核验通过"},
    "wrong": {"en": "NOT VERIFIED", "zh": "核验未通过"},
    "book": {
        "en": "{ledger:10} {batches:>8,} batches {postings:>10,} postings: chain, balances, holds, kinds, relations",
        "zh": "{ledger:10} {batches:>8,} 批 {postings:>10,} 笔:链、余额、冻结、种类、关系",
    },
    "since": {
        "en": "           after batch {since:,}, up to which it was verified before",
        "zh": "           自已核验的批次 {since:,} 之后",
    },
    "pair": {
        "en": "{pool} {held} {unit} = {mirror} {said} + {transit} in transit; unexplained {difference}",
        "zh": "{pool} {held} {unit} = {mirror} {said} + 在途 {transit}；差额 {difference}",
    },
    "no-equation": {
        "en": "money equation: not read, since the exchange's book is not here or a bank does not answer",
        "zh": "资金恒等式:未能读取(交易所账簿不在本库,或有银行没有应答)",
    },
    "equation": {
        "en": "money equation: {at} at banks = {clients} clients + {fees} fees due + {suspense} suspense + {settling} in settlement and rounding + {transit} in transit; "
        "{compared:,} take-overs compared",
        "zh": "资金恒等式:银行 {at} = 客户 {clients} + 应付手续费 {fees} + 待查 {suspense} + 清算过渡与尾差 {settling} + 在途 {transit};比对接收 {compared:,} 次",
    },
}


def verify(
    since_last: Annotated[
        bool, typer.Option("--since-last", help="Only what was written since the last time that all was right.")
    ] = False,
    ring: RingOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Check that nobody has changed the past: every book from its first batch, and the money equation through all of it.

    Heads that were signed (ringfence head sign) are compared with what stands there now.

    Exit code 0: nothing is wrong. 1: something is, and where. 2: there is nothing to verify.
    """
    from ringfence.cli.options import existing_store, spoken
    from ringfence.custody import banks_of, verify_circle
    from ringfence.errors import BadInput

    said = spoken(language)
    started = time.monotonic()
    if ring:
        if since_last:
            raise BadInput("--since-last", "--ring", "one of the two: of a ring all is verified")
        _verify_office(ring, store, said, as_json=as_json)
        return
    with existing_store(store) as opened:
        verdict = verify_circle(opened, banks_of(opened), since_last=since_last)
    if as_json:
        typer.echo(json.dumps(as_figures(verdict), ensure_ascii=False, indent=2))
    else:
        _print(verdict, said, time.monotonic() - started)
    if not verdict.ok:
        raise typer.Exit(1)


def _verify_office(ring: str, store: Path | None, language: str, *, as_json: bool) -> None:
    """Of a ring of one's own: every book, every posting beside the paper that it stands on, and the equation of every pair."""
    from ringfence.cli.options import existing_store
    from ringfence.money import grouped, unit
    from ringfence.office import Office, verify_office

    started = time.monotonic()
    with existing_store(store, ring) as opened:
        verdict = verify_office(Office.kept(opened))
    if as_json:
        figures = {
            "ok": verdict.ok,
            "postings_checked": sum(book.postings for book in verdict.books),
            "findings": [finding._asdict() for finding in verdict.findings],
            "pairs": [pair._asdict() | {"difference_minor": pair.difference_minor} for pair in verdict.pairs],
        }
        typer.echo(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        for book in verdict.books:
            said = {"ledger": book.ledger, "batches": book.batches, "postings": book.postings}
            typer.echo(_WORDS["book"][language].format(**said))
        for pair in verdict.pairs:
            amounts = {
                name: grouped(amount, unit(pair.unit))
                for name, amount in (
                    ("held", pair.held_minor), ("said", pair.said_minor), ("transit", pair.transit_minor),
                    ("difference", pair.difference_minor),
                )
            }  # fmt: skip
            places = {"pool": f"{pair.book}.{pair.kind}", "mirror": f"{pair.claims}.{pair.mirror}", "unit": pair.unit}
            typer.echo(_WORDS["pair"][language].format(**amounts, **places))
        for finding in verdict.findings:
            typer.echo(f"✗ {finding}")
        typer.echo(f"{_WORDS['ok' if verdict.ok else 'wrong'][language]} ({time.monotonic() - started:.1f} s)")
    if not verdict.ok:
        raise typer.Exit(1)


def as_figures(verdict: CircleVerdict) -> dict[str, object]:
    """The verdict for a program."""
    return {
        "ok": verdict.ok,
        "postings_checked": verdict.postings,
        "take_overs_compared": verdict.compared,
        "findings": [finding._asdict() for finding in verdict.findings],
    }


def _print(verdict: CircleVerdict, language: str, seconds: float) -> None:
    from ringfence.money import grouped, unit

    cny = unit("CNY")
    for book in verdict.books:
        typer.echo(_WORDS["book"][language].format(ledger=book.ledger, batches=book.batches, postings=book.postings))
        if book.since:
            typer.echo(_WORDS["since"][language].format(since=book.since))
    equation = verdict.equation
    if equation is None:
        typer.echo(_WORDS["no-equation"][language])
    else:
        typer.echo(
            _WORDS["equation"][language].format(
                at=grouped(equation.at_banks_minor, cny),
                clients=grouped(equation.clients_minor, cny),
                fees=grouped(equation.fees_due_minor, cny),
                suspense=grouped(equation.suspense_minor, cny),
                settling=grouped(equation.in_settlement_minor, cny),
                transit=grouped(equation.in_transit_minor, cny),
                compared=verdict.compared,
            )
        )
    for finding in verdict.findings:
        typer.echo(f"✗ {finding}")
    typer.echo(f"{_WORDS['ok' if verdict.ok else 'wrong'][language]} ({seconds:.1f} s)")
