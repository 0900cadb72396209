"""`ringfence demo`: a real market through the closed circle of the Shanghai Gold Exchange."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import LanguageOption, StoreOption, number_option, require_writable
from ringfence.cli.serve import answer, require_port

if TYPE_CHECKING:
    from rich.console import Console

    from ringfence.custody import CircleVerdict
    from ringfence.database import Store
    from ringfence.demo.run import DayDone, Plan, Result
    from ringfence.errors import Language

_WORDS: dict[str, dict[str, str]] = {
    "title": {
        "en": "Shanghai Gold Exchange, {first} to {last}: {clients} clients of three members at two banks",
        "zh": "上海黄金交易所 {first} 至 {last}:两家银行、三家会员、{clients} 名客户",
    },
    "went_on": {"en": "going on where an interrupted run was", "zh": "接续上次中断的运行"},
    "stopped": {"en": "stopped; the same command goes on from here", "zh": "已停止;再次运行同一命令即可接续"},
    "living": {"en": "trading days", "zh": "交易日"},
    "days": {"en": "trading days", "zh": "交易日"},
    "postings": {"en": "postings", "zh": "记账笔数"},
    "rate": {"en": "postings per second, equation checks included", "zh": "每秒记账笔数(含恒等式检查)"},
    "checks": {"en": "money equation: checks at commits", "zh": "资金恒等式:提交时检查次数"},
    "failures": {"en": "money equation: failures", "zh": "资金恒等式:不成立次数"},
    "transit": {"en": "member accounts seen not zero at a commit", "zh": "提交时会员账户非零次数"},
    "refused": {
        "en": "refused: wrong payees, overdrawn requests, orders beyond their means",
        "zh": "拒绝:收款账户不符、超额申请、资金不足的委托",
    },
    "calls": {"en": "clients called for margin", "zh": "追加保证金人次"},
    "covers": {"en": "losses covered by a guarantee or the reserve", "zh": "由保证基金或准备金代付次数"},
    "delivered": {"en": "deliveries of metal against money", "zh": "实物交割笔数"},
    "defaulted": {"en": "deliveries that somebody defaulted on", "zh": "交割违约笔数"},
    "seconds": {"en": "seconds", "zh": "秒"},
    "book": {"en": "book", "zh": "账簿"},
    "accounts": {"en": "accounts", "zh": "账户"},
    "total": {"en": "total, CNY", "zh": "合计(元)"},
    "verified": {
        "en": "verified: {postings:,} postings replayed from zero, nothing wrong",
        "zh": "核验通过:自零重放 {postings:,} 笔,无异常",
    },
    "wrong": {"en": "NOT VERIFIED", "zh": "核验未通过"},
    "refusal": {"en": "refused", "zh": "拒绝"},
    "covered": {
        "en": "{client} cannot pay {amount} CNY; {what} pays it in",
        "zh": "{client} 无力支付 {amount} 元,由{what}补入",
    },
    "member-guarantee": {"en": "its member's guarantee", "zh": "会员保证基金"},
    "exchange-reserve": {"en": "the exchange's reserve", "zh": "交易所风险准备金"},
    "called": {"en": "{count} clients called for margin", "zh": "{count} 名客户须追加保证金"},
    "going_on": {
        "en": "the market goes on, one trading day a minute",
        "zh": "市场继续,每分钟一个交易日",
    },
    "next": {
        "en": "next: `ringfence verify` checks it again; `ringfence ring show sge` explains the circle",
        "zh": "接下来:`ringfence verify` 可再次核验;`ringfence ring show sge` 解释封闭圈",
    },
}


def demo(
    days: Annotated[int, number_option("Trading days to live through, from 2020-03-06 on.")] = 111,
    clients: Annotated[int, number_option("Clients, spread over three members and two banks.")] = 300,
    seed: Annotated[int, number_option("What the clients' wishes follow from.")] = 7,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures to a file.")
    ] = None,
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="Then let the market go on, to be looked at in a browser.",
            show_default="in a terminal",
        ),
    ] = None,
    port: Annotated[int, number_option("Where it is served then, on 127.0.0.1; 0: wherever there is room.")] = 8000,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Live through the spring and summer of 2020 with real prices: silver's fall in March, gold's in August.

    Clients pay in through member accounts that are zero at every commit, trade, are marked to market every day at the
    real settlement price, pay and receive deferred fees, and take money out after the exchange's audit. Some ask for too
    much or for another's account and are refused; some cannot pay, and the waterfall works. The money equation is read
    after every commit. Killed or stopped, the same command goes on; run again after its end, it starts afresh.

    In a terminal the market then goes on, one trading day a minute until the end of 2020, and is served: the address and a
    person of each role are printed. Without one, or where CI is set, it ends after its report.
    """
    from rich.console import Console

    from ringfence.cli.options import settings, spoken
    from ringfence.custody import verify_circle
    from ringfence.database import Store
    from ringfence.demo.people import BANKS
    from ringfence.demo.run import Plan

    said = spoken(language)
    plan = Plan(days, clients, seed)
    require_port(port)
    if json_file is not None:
        require_writable("--json", json_file)
    console = Console(highlight=False)
    trading_days = plan.trading_days()
    console.print(
        _WORDS["title"][said].format(first=trading_days[0], last=trading_days[-1], clients=clients), soft_wrap=True
    )
    with Store.open(settings(store)) as opened:
        result = _live(opened, plan, console, said)
        verdict = verify_circle(opened, BANKS)
        figures = _figures(opened, result, verdict)
        _report(console, figures, result, verdict, said)
        if json_file is not None:
            json_file.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", "utf-8")
        if not verdict.ok or result.failures:
            raise typer.Exit(1)
        if serve if serve is not None else sys.stdout.isatty() and not os.environ.get("CI"):
            _go_on(opened, plan, port, said)


def _go_on(store: Store, plan: Plan, port: int, language: Language) -> None:
    from ringfence.api import Service
    from ringfence.api.app import CIRCLE
    from ringfence.console import install
    from ringfence.demo.live import GoingOn

    typer.echo("\n" + _WORDS["going_on"][language])
    with (
        Service.open(store, replay=True) as service,
        GoingOn(store, plan, service.live, service.refusals, service.logins),
    ):
        answer(store, service, port, language, console=install, routers=CIRCLE)


def _live(store: Store, plan: Plan, console: Console, language: Language) -> Result:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from ringfence.demo.run import run

    columns = (
        TextColumn(_WORDS["living"][language]), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=plan.days)

            def show(done: DayDone) -> None:
                progress.update(task, completed=done.number, description=str(done.day))
                for line in _noteworthy(done, language):
                    progress.console.print(f"[dim]{done.day}[/dim]  {line}", soft_wrap=True)

            return run(store, plan, show)
    except KeyboardInterrupt:
        console.print(_WORDS["stopped"][language])
        raise typer.Exit(130) from None


def _noteworthy(done: DayDone, language: Language) -> list[str]:
    """What of a day would interest a person: whoever cannot pay, many calls, and the first refusals of each kind."""
    from ringfence.money import grouped, unit

    lines = [
        _WORDS["covered"][language].format(
            client=cover.client, amount=grouped(cover.amount_minor, unit("CNY")), what=_WORDS[cover.source][language]
        )
        for cover in done.settled.covers
    ]
    if done.settled.called >= max(5, done.clients // 10):
        lines.append(_WORDS["called"][language].format(count=done.settled.called))
    if done.number <= 6:
        lines += [f"{_WORDS['refusal'][language]}: {refusal.text(language)}" for refusal in done.refused]
    return lines


def _figures(store: Store, result: Result, verdict: CircleVerdict) -> dict[str, Any]:
    from ringfence.cli.verify import as_figures
    from ringfence.custody import book_figures

    return {
        "days": result.plan.days,
        "clients": result.plan.clients,
        "seed": result.plan.seed,
        "went_on": result.went_on,
        "postings": result.postings,
        "postings_per_s": result.postings_per_s,
        "equation_checks": result.checks,
        "equation_failures": result.failures,
        "transit_nonzero": result.transit_nonzero,
        "refused": result.refused,
        "margin_calls": result.margin_calls,
        "covers": result.covers,
        "delivered": result.delivered,
        "defaulted": result.defaulted,
        "books": book_figures(store, [book.ledger for book in verdict.books]),
        "verify": as_figures(verdict),
        "seconds": result.microseconds / 1_000_000,
    }


def _report(
    console: Console, figures: dict[str, Any], result: Result, verdict: CircleVerdict, language: Language
) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    if result.went_on:
        console.print(_WORDS["went_on"][language])
    for word, figure in (
        ("days", figures["days"]),
        ("postings", figures["postings"]),
        ("rate", figures["postings_per_s"]),
        ("checks", figures["equation_checks"]),
        ("failures", figures["equation_failures"]),
        ("transit", figures["transit_nonzero"]),
        ("refused", figures["refused"]),
        ("calls", figures["margin_calls"]),
        ("covers", figures["covers"]),
        ("delivered", figures["delivered"]),
        ("defaulted", figures["defaulted"]),
    ):
        table.add_row(_WORDS[word][language], f"{figure:,}")
    table.add_row(_WORDS["seconds"][language], f"{result.microseconds / 1_000_000:.1f}")
    console.print(table)
    books = Table(box=None, pad_edge=False, header_style="bold")
    books.add_column(_WORDS["book"][language])
    for word in ("accounts", "postings", "total"):
        books.add_column(_WORDS[word][language], justify="right")
    for name, book in figures["books"].items():
        books.add_row(name, f"{book['accounts']:,}", f"{book['postings']:,}", f"{book['totals']['CNY']}")
    console.print()
    console.print(books)
    console.print()
    for finding in verdict.findings:
        console.print(f"✗ {finding}", markup=False)
    verified = _WORDS["verified"][language].format(postings=verdict.postings)
    console.print(verified if verdict.ok else _WORDS["wrong"][language])
    console.print(_WORDS["next"][language], style="dim", soft_wrap=True)
