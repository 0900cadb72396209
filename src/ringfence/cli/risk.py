"""`ringfence risk`: who must pay in and until when, what a move of prices would do, what has to be closed, what looks like collusion."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    JsonOption,
    LanguageOption,
    StoreOption,
    day_option,
    exchange_store,
    print_table,
    spoken,
)

if TYPE_CHECKING:
    from ringfence.custody import Exchange
    from ringfence.errors import Language
    from ringfence.margin.risk import Book, Standing
    from ringfence.margin.rules import Rules

app = typer.Typer(
    no_args_is_help=True,
    help="Risk at the exchange: grades, calls with their deadlines, stress, forced closing, concentration, suspicious patterns.",
)

AtOption = Annotated[
    datetime.datetime | None,
    typer.Option(
        "--at", formats=["%Y-%m-%dT%H:%M"], metavar="MOMENT", help="As of when, in Shanghai.", show_default="now"
    ),
]
_WORDS: dict[str, dict[Language, str]] = {
    "nobody": {"en": "nobody holds a position", "zh": "无人持仓"},
    "fallen": {
        "en": "{count} clients could not pay {amount} CNY: guarantees bear {guarantee}, the reserve {reserve}, nobody {nobody}; other clients never",
        "zh": "{count} 名客户缺口合计 {amount} CNY:保证基金承担 {guarantee},风险准备金 {reserve},无人承担 {nobody};绝不由其他客户承担",
    },
    "no-calls": {"en": "nobody is called", "zh": "无人须追加保证金"},
    "nothing-to-close": {"en": "nothing has to be closed", "zh": "无须强行平仓"},
    "no-flags": {"en": "nothing is flagged from {first} to {last}", "zh": "{first} 至 {last} 无可疑情形"},
    "two-sided": {"en": "no contract ended {day} at its price limit", "zh": "{day} 无合约收于涨跌停"},
    "raise": {
        "en": "margin rises at this settlement, the limit from the next day: ringfence contract add",
        "zh": "当日清算提高保证金,次日扩大涨跌停板:ringfence contract add",
    },
    "reduce": {"en": "forced reduction", "zh": "强制减仓"},
    "more": {"en": "and {count} more; --json writes them all", "zh": "另有 {count} 项;--json 写出全部"},
}
_SHOWN = 20
_REDUCED_AFTER = 3


@app.command()
def board(store: StoreOption = None, as_json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Grades of clients and members, and how concentrated positions are, at the last settlement's prices and with what is there now."""
    from ringfence.margin.risk import concentration, standing_at

    said = spoken(language)
    with _risk(store) as (book, _, _):
        at, crowded = standing_at(book), concentration(book)
    found = {
        "grades": _grades(at),
        "members": _members(book, at),
        "concentration": [
            {
                "contract": one.contract, "side": "long" if one.side == 1 else "short", "lots": one.lots,
                "largest_client": one.largest_client, "its_lots": one.largest_lots, "five_largest": one.five_lots,
                "largest_member": one.largest_member, "its_clients_lots": one.member_lots,
            }
            for one in crowded
        ],
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not book.clients:
        typer.echo(_WORDS["nobody"][said])
        return
    for rows in found.values():
        _table(rows)
        typer.echo()


@app.command()
def stress(
    moves: Annotated[list[str], typer.Argument(metavar="MOVE...", help="-4% for all contracts, or Au(T+D)=-4%.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What a move of prices would do to every client and member, who could not pay, and who would bear it.

    Try: ringfence risk stress -- -8% ; ringfence risk stress "Au(T+D)=-4%" "Ag(T+D)=+2%"
    """
    from ringfence.margin.risk import parse_move, standing_at
    from ringfence.money import grouped, render, unit

    said, cny = spoken(language), unit("CNY")
    with _risk(store) as (book, _, _):
        wanted: dict[str, int] = {}
        for move in moves:
            code, given, parts = move.rpartition("=")
            for contract in [code] if given else [contract.code for contract in book.contracts]:
                wanted[contract] = parse_move(parts)
        at = standing_at(book, wanted)
    fallen = sorted(((int(at.shortfall[place]), place) for place in at.shortfall.nonzero()[0].tolist()), reverse=True)
    clients = [
        {
            "client": book.clients[place], "member": book.members[int(book.member[place])], "short_of": render(amount, cny),
            "grade": at.funds.one(place).grade,
        }
        for amount, place in fallen
    ]  # fmt: skip
    borne = at.borne
    if as_json:
        document = {
            "moves": {code: f"{parts / 10**6:+.6f}".rstrip("0").rstrip(".") + "%" for code, parts in wanted.items()},
            "called": at.called, "forced_close": at.forced, "fallen": at.fallen,
            "shortfall": render(at.shortfall_minor, cny), "by_guarantees": render(int(borne.by_guarantee.sum()), cny),
            "by_reserve": render(borne.by_reserve_minor, cny), "by_nobody": render(borne.by_nobody_minor, cny),
            "grades": _grades(at), "members": _members(book, at), "clients": clients,
        }  # fmt: skip
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    if not book.clients:
        typer.echo(_WORDS["nobody"][said])
        return
    _table(_grades(at))
    typer.echo()
    _table(_members(book, at))
    typer.echo()
    typer.echo(
        _WORDS["fallen"][said].format(
            count=at.fallen, amount=grouped(at.shortfall_minor, cny), guarantee=grouped(int(borne.by_guarantee.sum()), cny),
            reserve=grouped(borne.by_reserve_minor, cny), nobody=grouped(borne.by_nobody_minor, cny),
        )
    )  # fmt: skip
    _table(clients, said)


@app.command()
def calls(
    at: AtOption = None, store: StoreOption = None, as_json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """Who was called in the last evening, what is left to pay in, and until when. Exit code 1 if somebody's time is over."""
    said = spoken(language)
    with _risk(store) as (_, exchange, rules):
        found = _calls(exchange, rules, at)
    rows = [
        {
            "client": one.client, "member": one.member, "called": _cny(one.called_minor), "left": _cny(one.left_minor),
            "due": f"{one.due:%Y-%m-%d %H:%M}", "forced_from": f"{one.forced_from:%Y-%m-%d %H:%M}", "state": one.state,
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo(_WORDS["no-calls"][said])
    else:
        _table(rows)
    if any(one.state in ("due", "forced") for one in found):
        raise typer.Exit(1)


@app.command()
def close(
    at: AtOption = None, store: StoreOption = None, as_json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """What has to be closed: of whoever has not paid a call in time, or is beyond the step of forced closing.

    As few lots as bring margin down to equity, those that bind most margin first. Nothing is closed by this command.
    """
    from ringfence.margin.funds import GRADES
    from ringfence.margin.risk import forced_closes, standing_at

    said = spoken(language)
    with _risk(store) as (book, exchange, rules):
        late = {one.client for one in _calls(exchange, rules, at) if one.state == "forced"}
        now = standing_at(book)
    forced = GRADES.index("red-forced-close")
    places = [
        place for place, client in enumerate(book.clients) if client in late or int(now.funds.grade[place]) == forced
    ]
    rows = [
        {
            "client": one.client, "contract": one.contract, "close": "long" if one.side == 1 else "short", "lots": one.lots,
            "frees": _cny(one.freed_minor), "fee": _cny(one.fee_minor),
        }
        for one in forced_closes(book, now, places)
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo(_WORDS["nothing-to-close"][said])
    else:
        _table(rows, said)


@app.command()
def flags(
    first: Annotated[datetime.date | None, day_option("From which day [30 days before the last].")] = None,
    last: Annotated[datetime.date | None, day_option("Up to which day [the last planned].")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Patterns of trades by which one client's money becomes another's: round trips, one-way gains, accounts that are drained.

    A flag is no proof: it says where a person should look, and why.
    """
    from ringfence.margin import flags as patterns
    from ringfence.margin.kept_plan import planned_day

    said = spoken(language)
    with _risk(store) as (_, exchange, rules):
        connection = exchange.settlement.connection
        last = last or planned_day(connection) or exchange.settlement.day
        first = first or last - datetime.timedelta(30)
        found = patterns.flags(patterns.dealt(connection, rules, first, last), patterns.moved(connection, first, last))
    rows = [
        {
            "pattern": one.pattern, "gains": one.client, "from": one.other, "contract": one.contract, "first": str(one.first),
            "last": str(one.last), "trades": one.trades, "amount": _cny(one.amount_minor), "why": one.reason(said),
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo(_WORDS["no-flags"][said].format(first=first, last=last))
    else:
        _table(rows, said)


@app.command("one-sided")
def one_sided(
    day: Annotated[datetime.date | None, day_option("Up to which day [the last planned].")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Contracts that ended a day at their price limit, for how many days in a row, and after the third who closes against whom.

    By how much margin and limit rise is the exchange's notice: `ringfence contract add` writes it down. A reduction is carried
    out by orders to close at the limit, and fills between them; nothing is closed by this command.
    """
    from ringfence.margin import one_sided as markets
    from ringfence.margin.kept_plan import planned_day

    said = spoken(language)
    found, reduced = [], []
    with _risk(store) as (_, exchange, rules):
        connection = exchange.settlement.connection
        day = day or planned_day(connection)
        for streak in [] if day is None else markets.streaks(connection, rules, day):
            found.append(
                {
                    "contract": streak.contract, "way": streak.way, "days": streak.days, "limit": _cny(streak.limit_minor),
                    "next": _WORDS["reduce" if streak.days >= _REDUCED_AFTER else "raise"][said],
                }
            )  # fmt: skip
            if streak.days >= _REDUCED_AFTER:
                wanting = markets.wanting(connection, rules, streak)
                bands = rules.contract(streak.contract, streak.day).bands
                reduced += [
                    {"contract": streak.contract, **one._asdict()}
                    for one in markets.reduce(wanting.wanted, wanting.holders, wanting.settlement_minor, bands)
                ]
    if as_json:
        typer.echo(json.dumps({"one_sided": found, "reductions": reduced}, ensure_ascii=False, indent=2))
    elif not found:
        typer.echo(_WORDS["two-sided"][said].format(day=day))
    else:
        _table(found, said)
        if reduced:
            typer.echo()
            _table(reduced, said)


def _calls(exchange: Exchange, rules: Rules, at: datetime.datetime | None) -> Any:
    from ringfence import calendar
    from ringfence.margin.exposure import calls as calls_of

    now = datetime.datetime.now(datetime.UTC) if at is None else at.replace(tzinfo=calendar.SHANGHAI)
    return calls_of(exchange.settlement.connection, rules, calendar.load(), now)


def _grades(at: Standing) -> list[dict[str, Any]]:
    from ringfence.margin.funds import by_grade

    return [
        {
            "grade": one.grade,
            "clients": one.clients,
            "margin": _cny(one.margin_minor),
            "to_pay_in": _cny(one.call_minor),
        }
        for one in by_grade(at.funds)
    ]


def _members(book: Book, at: Standing) -> list[dict[str, Any]]:
    from ringfence.margin.risk import members_at

    return [
        {
            "member": one.member, "equity": _cny(one.funds.equity_minor), "margin": _cny(one.funds.margin_minor),
            "risk": one.funds.risk_percent or "-", "grade": one.funds.grade, "called": one.called,
            "short_of": _cny(one.shortfall_minor), "guarantee_bears": _cny(one.guarantee_minor),
        }
        for one in members_at(book, at)
    ]  # fmt: skip


def _cny(amount_minor: int) -> str:
    from ringfence.money import grouped, unit

    return grouped(amount_minor, unit("CNY"))


def _table(rows: Sequence[dict[str, Any]], said: Language = "en") -> None:
    words = {
        "client",
        "member",
        "grade",
        "contract",
        "side",
        "close",
        "state",
        "due",
        "forced_from",
        "pattern",
        "gains",
        "from",
        "why",
    }
    words |= {"way", "next", "loser", "winner", "largest_client", "largest_member"}
    if rows:
        print_table(rows[:_SHOWN], right=rows[0].keys() - words, width=160)
    if len(rows) > _SHOWN:
        typer.echo(_WORDS["more"][said].format(count=len(rows) - _SHOWN))


@contextmanager
def _risk(store: Path | None) -> Iterator[tuple[Book, Exchange, Rules]]:
    """The book of the exchange that is in the store, with what stands behind it at the banks. Errors: NoCircle."""
    from ringfence.custody import Exchange as ExchangeItself
    from ringfence.custody import Funds, banks_of, linked
    from ringfence.margin.exposure import read_book
    from ringfence.margin.rulebook import read_rules

    with (
        exchange_store(store) as opened,
        linked(opened, banks_of(opened)) as clearing,
        ExchangeItself(opened, clearing) as exchange,
    ):
        behind = Funds.together(bank.funds(exchange.link.connection) for bank in clearing.values())
        rules = read_rules(exchange.settlement.connection)
        book = read_book(exchange.settlement.connection, rules, behind.guarantees_minor, behind.reserve_minor)
        yield book, exchange, rules
