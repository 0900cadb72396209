"""`ringfence grant`: who may do what, under whom, how far."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import BookOption, JsonOption, LanguageOption, StoreOption, auditor, whole_number

if TYPE_CHECKING:
    from ringfence.errors import Language
    from ringfence.ledger import Grant, Ledger

app = typer.Typer(
    help="Who may do what, under whom, and how far: every chain begins with the ring.", no_args_is_help=True
)

_WORDS: dict[str, dict[str, str]] = {
    "ask": {"en": "may ask on route {route}", "zh": "可发起通路 {route}"},
    "finish": {"en": "may finish on route {route}", "zh": "可了结通路 {route}"},
    "read": {"en": "may read", "zh": "可查询"},
    "account": {"en": "pays in from and is paid to {account}", "zh": "登记账户 {account}"},
    "accounts": {"en": "may bind clients to their account", "zh": "可为客户签约账户"},
    "everybody": {"en": "for everybody", "zh": "范围:全部"},
    "scope": {"en": "for {scope}", "zh": "范围:{scope}"},
    "key": {"en": "for instruction {key} alone", "zh": "仅限指令 {key}"},
    "per_item_minor": {"en": "up to {cap} at once", "zh": "单笔不超过 {cap}"},
    "per_day_minor": {"en": "up to {cap} a day ({used} used today)", "zh": "每日不超过 {cap}(今日已用 {used})"},
    "per_period_minor": {"en": "up to {cap} in {days} days", "zh": "{days} 日内不超过 {cap}"},
    "exposure_minor": {"en": "up to {cap} held at one moment ({out} held)", "zh": "同时冻结不超过 {cap}(现冻结 {out})"},
    "from": {"en": "from {day}", "zh": "自 {day} 起"},
    "until": {"en": "until {day}", "zh": "至 {day} 止"},
    "ended": {"en": "ended", "zh": "已终止"},
    "waiting": {"en": "waits to be confirmed by the other institution", "zh": "待另一机构确认"},
    "given": {"en": "given by {grantor}", "zh": "授权人 {grantor}"},
    "ring": {"en": "the ring's declaration", "zh": "封闭圈声明"},
    "none": {"en": "no grant of that kind", "zh": "没有此类授权"},
}


@app.command("list")
def list_(
    book: BookOption = "exchange",
    person: Annotated[
        str | None, typer.Option("--to", metavar="WHO", help="Only those of a person or a client.")
    ] = None,
    route: Annotated[str | None, typer.Option("--route", metavar="ROUTE", help="Only those for a route.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what has ended, accounts, and single instructions.")
    ] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """List the grants that stand, below the ones that they come from.

    Try: ringfence grant list --route withdrawal
    """
    from ringfence.cli.options import existing_store, spoken
    from ringfence.ledger import role

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, book) as ledger:
        grants = {grant.id: grant for grant in ledger.grants()}
        _require_known(ledger, grants.values(), person, route)
        wanted = [
            grant
            for grant in grants.values()
            if (person is None or grant.grantee in (person, role(book, person)))
            and (route is None or grant.route == route)
            and (every or person is not None or _stands_for_whatever_comes(grant))
        ]
    if as_json:
        typer.echo(json.dumps([_as_figures(grant) for grant in wanted], ensure_ascii=False, indent=2))
        return
    if not wanted:
        typer.echo(_WORDS["none"][said])
    chosen = {grant.id for grant in wanted}
    for grant in _in_order_of_chains(wanted):
        depth = sum(above.id in chosen for above in _chain(grants, grant)) - 1
        typer.echo(f"{'  ' * depth}{_line(grant, book, said)}")


@app.command()
def explain(
    grant: Annotated[
        int,
        typer.Argument(parser=whole_number, metavar="GRANT", help="Its number, as `ringfence grant list` shows it."),
    ],
    book: BookOption = "exchange",
    as_json: JsonOption = False,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Show the chain of a grant, from the ring's declaration down to the person who has it.

    Try: ringfence grant explain 22
    """
    from ringfence.cli.options import existing_store, spoken
    from ringfence.errors import BadInput

    said = spoken(language)
    with existing_store(store) as opened, auditor(opened, book) as ledger:
        grants = {found.id: found for found in ledger.grants()}
    if grant not in grants:
        raise BadInput("GRANT", grant, f"1 to {len(grants)}: a grant of book {book}")
    chain = [*reversed(_chain(grants, grants[grant]))]
    if as_json:
        typer.echo(json.dumps([_as_figures(above) for above in chain], ensure_ascii=False, indent=2))
        return
    for depth, above in enumerate(chain):
        grantor = _WORDS["ring"][said] if above.parent is None else _person(above.grantor, book)
        typer.echo(f"{'   ' * depth}{'└─ ' if depth else ''}{_line(above, book, said)}")
        typer.echo(f"{'   ' * depth}   {_WORDS['given'][said].format(grantor=grantor)}")


def _require_known(ledger: Ledger, grants: Iterable[Grant], person: str | None, route: str | None) -> None:
    """An answer is never empty because of a name that nobody has."""
    from ringfence.errors import BadInput
    from ringfence.ledger import role

    routes = [name for (name,) in ledger.rows("SELECT name FROM {}.route ORDER BY id")]
    if route is not None and route not in routes:
        raise BadInput("--route", route, f"one of {', '.join(routes)}")
    if person is not None and not {person, role(ledger.name, person)} & {grant.grantee for grant in grants}:
        raise BadInput("--to", person, f"a person or a client to whom something is granted in book {ledger.name}")


def _stands_for_whatever_comes(grant: Grant) -> bool:
    return not grant.ended and grant.key is None and grant.account_number is None


def _chain(grants: dict[int, Grant], grant: Grant) -> list[Grant]:
    """The grant and all above it."""
    return [grant, *([] if grant.parent is None else _chain(grants, grants[grant.parent]))]


def _in_order_of_chains(grants: list[Grant]) -> list[Grant]:
    """Each below the one it comes from, if that is among them."""
    chosen = {grant.id for grant in grants}
    below: dict[int | None, list[Grant]] = {}
    for grant in grants:
        below.setdefault(grant.parent if grant.parent in chosen else None, []).append(grant)

    def walk(parent: int | None) -> list[Grant]:
        return [found for grant in below.get(parent, []) for found in (grant, *walk(grant.id))]

    return walk(None)


def _person(login: str, book: str) -> str:
    """A login as people call it: without the ledger that it belongs to."""
    return login.removeprefix(f"ringfence_{book}_")


def _line(grant: Grant, book: str, language: Language) -> str:
    """A grant in one line."""

    def say(word: str, **figures: object) -> str:
        return _WORDS[word][language].format(**figures)

    power = "accounts" if grant.power == "account" and grant.account_number is None else grant.power
    parts = [say(power, route=grant.route, account=grant.account_number)]
    if grant.power != "account":
        parts.append(say("scope", scope=grant.scope) if grant.scope else say("everybody"))
    parts += [say("key", key=grant.key)] if grant.key else []
    parts += [
        say(
            name,
            cap=_amount(cap),
            used=_amount(grant.used_minor),
            out=_amount(grant.outstanding_minor),
            days=grant.caps.period_days,
        )
        for name in ("per_item_minor", "per_day_minor", "per_period_minor", "exposure_minor")
        if (cap := getattr(grant.caps, name)) is not None
    ]
    parts += [say("from", day=grant.valid_from)] if grant.parent is not None and grant.valid_from.year > 1 else []
    parts += [say("until", day=grant.valid_until)] if grant.valid_until else []
    parts += [say("waiting")] if not grant.confirmed else []
    parts += [say("ended")] if grant.ended else []
    return f"{grant.id:>4}  {_person(grant.grantee, book)}: {', '.join(parts) if language == 'en' else ','.join(parts)}"


def _amount(amount_minor: int) -> str:
    from ringfence.money import unit, with_unit

    return with_unit(amount_minor, unit("CNY"))


def _as_figures(grant: Grant) -> dict[str, Any]:
    """A grant for a program; amounts in the unit's minor part."""
    from dataclasses import asdict

    return {name: str(value) if name.startswith("valid") and value else value for name, value in asdict(grant).items()}
