"""`ringfence settle`: the exchange's settlement of a day, computed again, and over anybody's figures."""

from __future__ import annotations

import datetime
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    LanguageOption,
    StoreOption,
    day,
    day_argument,
    day_option,
    exchange_store,
    require_writable,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

    from ringfence.errors import Language
    from ringfence.margin.kept_plan import DaySettled
    from ringfence.margin.market import SettlementPrice
    from ringfence.margin.replay import ReplayedDay
    from ringfence.margin.rules import Rules
    from ringfence.reports.replay import ReplayDocument, ReplaySummary

app = typer.Typer(
    no_args_is_help=True, help="The exchange's settlement: of a day, computed again, and over anybody's figures."
)

_WORDS: dict[str, dict[Language, str]] = {
    "settled": {
        "en": "{days} days from {first} to {last} settled: {trades} trades of {clients} clients",
        "zh": "已结算 {first} 至 {last} 共 {days} 日:{clients} 名客户,{trades} 笔成交",
    },
    "whole": {
        "en": "checked each day: profits of all clients add up to 0.00, deferred fees to what rounding left over, {left_over} CNY in all",
        "zh": "逐日核对:全体客户盈亏合计 0.00,递延费收付相抵,舍入尾差合计 {left_over} CNY",
    },
    "part": {
        "en": "checked each day: profit is what was sold less what was bought and what open lots are worth more. Longs and shorts are not "
        "equally many, so these are not all clients of a market, and their profits need not add up to nothing",
        "zh": "逐日核对:盈亏等于卖出减买入加持仓价值变动。多空手数不等,并非全市场客户,盈亏合计不必为零",
    },
    "assumed": {
        "en": "not known for sure, and used: {rules}; `source` of each is in the table of rules",
        "zh": "未经证实而采用:{rules};来源见规则表",
    },
    "written": {"en": "written to {file}", "zh": "已写入 {file}"},
    "stopped": {"en": "stopped; nothing was written", "zh": "已中止;未写入任何文件"},
    "client": {"en": "client", "zh": "客户"},
    "member": {"en": "member", "zh": "会员"},
    "deposits": {"en": "paid in", "zh": "出入金"},
    "realised": {"en": "realised", "zh": "平仓盈亏"},
    "marked": {"en": "marked", "zh": "盯市盈亏"},
    "fee": {"en": "fee", "zh": "手续费"},
    "deferred": {"en": "deferred fee", "zh": "递延费"},
    "closing": {"en": "closing", "zh": "期末结存"},
    "margin": {"en": "margin", "zh": "保证金"},
    "grade": {"en": "grade", "zh": "风险等级"},
    "green": {"en": "green", "zh": "绿"},
    "orange-call": {"en": "orange call", "zh": "橙色追保"},
    "red-call": {"en": "red call", "zh": "红色追保"},
    "red-forced-close": {"en": "red forced close", "zh": "红色强平"},
    "trading-closed": {"en": "trading closed: {figure} orders cancelled", "zh": "停止交易:撤销 {figure} 笔委托"},
    "planned": {
        "en": "planned: {figure} pieces; profits of all clients add up to 0.00",
        "zh": "清算方案:{figure} 笔;全体客户盈亏合计 0.00",
    },
    "covered": {"en": "covered: {figure} payments for clients that cannot pay", "zh": "补足:{figure} 笔"},
    "posted": {"en": "posted: {figure} postings", "zh": "记账:{figure} 笔"},
    "day-settled": {"en": "settled: the day is closed in every book", "zh": "已结算:各账簿均已关账"},
    "counted": {
        "en": "{contract}: {deliver} lots to deliver, {receive} to receive; {pays}; {gap}",
        "zh": "{contract}:交货申报 {deliver} 手,收货申报 {receive} 手;{pays};{gap}",
    },
    "no-tenders": {"en": "nobody tendered", "zh": "无交收申报"},
    "long_pays_short": {"en": "longs pay", "zh": "多付空"},
    "short_pays_long": {"en": "shorts pay", "zh": "空付多"},
    "none": {"en": "nobody pays", "zh": "互不支付"},
    "lacking-deliver": {"en": "{lots} lots are lacking to deliver", "zh": "缺交货 {lots} 手,可报中立仓"},
    "lacking-receive": {"en": "{lots} lots are lacking to receive", "zh": "缺收货 {lots} 手,可报中立仓"},
    "lacking-nothing": {"en": "nothing is lacking", "zh": "无缺口"},
    "delivered": {
        "en": "{lots} lots of {contract} delivered: {weight} against {value} CNY",
        "zh": "{contract} 交割 {lots} 手:实物 {weight},货款 {value} CNY",
    },
    "defaulted": {
        "en": "{lots} lots of {contract} not delivered, {outcome} ({giver} to {taker}): penalty {value} CNY",
        "zh": "{contract} 交割违约 {lots} 手,{outcome}({giver} 交 {taker}):违约金 {value} CNY",
    },
    "giver-defaults": {"en": "by default of who delivers", "zh": "交货方违约"},
    "taker-defaults": {"en": "by default of who receives", "zh": "收货方违约"},
    "both-default": {"en": "by default of both", "zh": "双方违约"},
    "called": {
        "en": "{count} clients are called for {amount} CNY in all",
        "zh": "{count} 名客户须追加保证金,合计 {amount} CNY",
    },
    "same": {"en": "{count} days computed again, to the fen the same", "zh": "重算 {count} 日,逐分一致"},
    "differs": {"en": "{day}: {what} differs from what was planned", "zh": "{day}:{what} 与原方案不符"},
    "more": {"en": "and {count:,} more; --json writes them all", "zh": "另有 {count:,} 名;--json 写出全部"},
}
_MOST_CLIENTS_SHOWN = 20
_WIDTH_IN_A_FILE = 180


@app.command("day")
def day_(
    day: Annotated[datetime.date, day_argument("The day that is to be settled; it must be open.")],
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", help="CSV as of replay.", show_default="the market of 2020 that is packaged"
        ),
    ] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Settle a day at the exchange whose book is in the store, from whatever stage it has reached to the last.

    Trading is closed, everything that moves is planned, whoever cannot pay is covered with real money, the plan is posted, every
    book closes the day. Stopped or killed, the same command goes on. What is missing or wrong is named, and nothing is moved.
    Try: ringfence settle day 2020-03-06 --prices sge.csv
    """
    from ringfence.custody import Exchange, Transfers, banks_of, linked
    from ringfence.margin.day_end import DayEnd
    from ringfence.money import grouped, unit

    said = spoken(language)
    with (
        exchange_store(store) as opened,
        linked(opened, banks_of(opened)) as clearing,
        Exchange(opened, clearing) as exchange,
    ):
        source = None if prices is None else prices_by_file(exchange.settlement.connection, prices)
        end = DayEnd(exchange, prices=source)
        settled = end.settle(day, Transfers(exchange))
        for stage in end.stages(day):
            word = "day-settled" if stage.name == "settled" else stage.name
            figure = _WORDS[word][said].format(figure=f"{stage.figure:,}")
            typer.echo(f"{stage.at.astimezone():%H:%M:%S}  {figure}")
    _say_deliveries(settled, said)
    if settled.called:
        amount = grouped(settled.called_minor, unit("CNY"))
        typer.echo(_WORDS["called"][said].format(count=settled.called, amount=amount))


def _say_deliveries(settled: DaySettled, said: Language) -> None:
    from ringfence.margin.metal import grams
    from ringfence.money import grouped, unit

    whole: dict[tuple[str, str], list[int]] = {}
    for one in settled.deliveries:
        if one.outcome == "delivered":
            sums = whole.setdefault((one.contract, one.metal), [0, 0, 0])
            for place, amount in enumerate((one.lots, one.weight_minor, one.value_minor)):
                sums[place] += amount
    for (contract, metal), (lots, weight, value) in whole.items():
        typer.echo(
            _WORDS["delivered"][said].format(
                lots=lots, contract=contract, weight=grams(weight, metal), value=grouped(value, unit("CNY"))
            )
        )
    for one in settled.deliveries:
        if one.outcome != "delivered":
            typer.echo(
                _WORDS["defaulted"][said].format(
                    lots=one.lots, contract=one.contract, outcome=_WORDS[one.outcome][said], giver=one.giver, taker=one.taker,
                    value=grouped(one.penalty_minor, unit("CNY")),
                )
            )  # fmt: skip


@app.command()
def close(
    day: Annotated[datetime.date, day_argument("The day whose trading is over; it must be open.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Close trading of a day, count the tenders and publish who pays the deferred fee; neutrals may tender then.

    Orders that are left are cancelled. `ringfence settle day` goes on from here, and begins with this where it was not done.
    """
    from ringfence.custody import Exchange
    from ringfence.margin.day_end import DayEnd
    from ringfence.margin.tenders import counts_of

    said = spoken(language)
    with exchange_store(store) as opened, Exchange(opened, {}) as exchange:
        end = DayEnd(exchange)
        end.close_trading(day)
        closed, counts = end.stages(day)[0], counts_of(exchange.settlement.connection, day)
    typer.echo(_WORDS["trading-closed"][said].format(figure=f"{closed.figure:,}"))
    for contract, count in counts.items():
        side, lots = count.gap or ("nothing", 0)
        typer.echo(
            _WORDS["counted"][said].format(
                contract=contract, deliver=count.deliver_lots, receive=count.receive_lots,
                pays=_WORDS[str(count.direction)][said], gap=_WORDS[f"lacking-{side}"][said].format(lots=lots),
            )
        )  # fmt: skip
    if not counts:
        typer.echo(_WORDS["no-tenders"][said])


@app.command()
def check(
    day: Annotated[datetime.date | None, day_option("One day alone; else every settled day.")] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Compute settled days once more, from the lots, trades, prices and rules that stand there, and compare to the fen.

    Exit code 1 if anything differs, and what.
    """
    from ringfence.custody import Exchange
    from ringfence.margin.day_end import DayEnd

    said = spoken(language)
    with exchange_store(store) as opened, Exchange(opened, {}) as exchange:
        end = DayEnd(exchange)
        days = end.settled_days() if day is None else [day]
        differing = [(one, what) for one in days for what in end.compute_again(one)]
    for one, what in differing:
        typer.echo(_WORDS["differs"][said].format(day=one, what=what))
    if differing:
        raise typer.Exit(1)
    typer.echo(_WORDS["same"][said].format(count=len(days)))


def prices_by_file(
    connection: psycopg.Connection[Any], file: Path
) -> Callable[[datetime.date], Mapping[str, SettlementPrice]]:
    """What a file has for a day, with the settlement prices of the evening before as the exchange has them."""
    from ringfence.errors import BadInput
    from ringfence.margin.kept_plan import evening_prices
    from ringfence.margin.replay_files import read_prices
    from ringfence.margin.rulebook import read_rules

    rules = read_rules(connection)
    published = read_prices("--prices", file, rules)

    def of(day: datetime.date) -> dict[str, SettlementPrice]:
        if day not in published.days:
            raise BadInput("--prices", file.name, f"prices of {day}")
        return published.of(day, rules.codes, rules, evening_prices(connection, day))

    return of


@app.command()
def replay(
    prices: Annotated[
        Path,
        typer.Option("--prices", metavar="FILE", help="CSV: date, contract, wavg, fee_direction; more columns may be."),
    ],
    trades: Annotated[
        Path,
        typer.Option("--trades", metavar="FILE", help="CSV: date,member,client,contract,side,offset,lots,price."),
    ],
    cash: Annotated[
        Path | None,
        typer.Option("--cash", metavar="FILE", help="CSV: date,client,amount: what was paid in; out, if negative."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Dated rules of contracts.", show_default="those of the exchange"),
    ] = None,
    first: Annotated[
        datetime.date | None, typer.Option("--from", parser=day, metavar="DATE", help="Tell of no day before.")
    ] = None,
    last: Annotated[
        datetime.date | None, typer.Option("--to", parser=day, metavar="DATE", help="Settle no day after.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write every day and client there.")] = None,
    language: LanguageOption = "en",
) -> None:
    """Run the exchange's rules over prices and trades: every client, every day, to the fen. No database is needed.

    Whatever is wrong in a file is refused with its line, before anything is computed. Days before --from are settled too, since
    positions come from them; they are only not told.
    Try: ringfence settle replay --prices sge.csv --trades mine.csv --json mine.json
    """
    from ringfence import calendar
    from ringfence.errors import BadInput
    from ringfence.margin import replay_files as files
    from ringfence.margin import rules as rule_table
    from ringfence.margin.replay import replay as settle_all
    from ringfence.money import render, unit
    from ringfence.reports.replay import ReplaySummary, unsure_rules

    said = spoken(language)
    if out is not None:
        require_writable("--json", out)
    table = rule_table.load() if rules is None else rule_table.read_file(rules)
    published = files.read_prices("--prices", prices, table)
    made = files.read_trades("--trades", trades, table, published)
    paid = {} if cash is None else files.read_cash("--cash", cash, made, published)
    told = [one for one in published.days if (first is None or one >= first) and (last is None or one <= last)]
    if not told:
        span = f"{published.days[0]} to {published.days[-1]}"
        raise BadInput("--from, --to", f"{first} to {last}", f"days for which {prices.name} has prices: {span}")
    summary = ReplaySummary(made.members)
    try:
        with _document(out, table, made.members) as document:
            run = settle_all(published, made, paid, table, calendar.load(), told[-1])
            for done in _with_progress(run, sum(one <= told[-1] for one in published.days)):
                if done.day >= told[0]:
                    summary.add(done)
                    if document:
                        document.day(done)
    except KeyboardInterrupt:
        typer.echo(_WORDS["stopped"][said], err=True)
        raise typer.Exit(130) from None
    fills = [(fill.contract, one) for one in made.by_day if one <= told[-1] for fill in made.by_day[one]]
    head = {
        "days": len(told),
        "first": told[0],
        "last": told[-1],
        "trades": f"{len(fills):,}",
        "clients": len(made.members),
    }
    typer.echo(_WORDS["settled"][said].format(**head))
    left_over = render(summary.left_over_minor, unit("CNY"))
    typer.echo(_WORDS["whole" if summary.whole else "part"][said].format(left_over=left_over))
    unsure = unsure_rules(table, fills)
    if unsure:
        typer.echo(_WORDS["assumed"][said].format(rules="; ".join(unsure)))
    _table(summary, said)
    if out is not None:
        typer.echo(_WORDS["written"][said].format(file=out))


@contextmanager
def _document(out: Path | None, rules: Rules, members: Mapping[str, str]) -> Iterator[ReplayDocument | None]:
    """The document, in its place only once it is whole."""
    from ringfence.reports.replay import ReplayDocument

    if out is None:
        yield None
        return
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as opened:
            document = ReplayDocument(opened, rules, members)
            yield document
            document.end()
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _with_progress(run: Iterator[ReplayedDay], days: int) -> Iterator[ReplayedDay]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=days)
        for done in run:
            progress.update(task, advance=1, description=str(done.day))
            yield done


def _table(summary: ReplaySummary, language: Language) -> None:
    from rich.console import Console
    from rich.table import Table

    from ringfence.money import grouped, unit

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = ("deposits", "realised", "marked", "fee", "deferred", "closing", "margin")
    for name in ("client", "member"):
        table.add_column(_WORDS[name][language])
    for name in names:
        table.add_column(_WORDS[name][language], justify="right")
    table.add_column(_WORDS["grade"][language])
    rows = list(summary.rows())
    for row in rows[:_MOST_CLIENTS_SHOWN]:
        amounts = (grouped(amount, unit("CNY")) for amount in row.amounts_minor)
        table.add_row(row.client, row.member, *amounts, _WORDS[row.grade][language])
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_IN_A_FILE
    console.print()
    console.print(table)
    if len(rows) > _MOST_CLIENTS_SHOWN:
        console.print(_WORDS["more"][language].format(count=len(rows) - _MOST_CLIENTS_SHOWN))
