"""`ringfence verify`: replay every journal with code that shares nothing with the code that posted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption, StoreOption

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

    said = spoken(language)
    started = time.monotonic()
    with existing_store(store) as opened:
        verdict = verify_circle(opened, banks_of(opened), since_last=since_last)
    if as_json:
        typer.echo(json.dumps(as_figures(verdict), ensure_ascii=False, indent=2))
    else:
        _print(verdict, said, time.monotonic() - started)
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
