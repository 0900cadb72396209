"""The client's window: taking out in signed words, positions, the statement, and what can be checked. Everything is read by the
client's own visit; what may leave the circle now, which depends on trades that name others too, the exchange says for this one client.

A withdrawal is signed in the browser: the page shows the very words, the browser signs them with a key that never leaves it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import secrets
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence.api.visitor import NotFound, Visitor
from ringfence.console.entrance import In, Spoken, answered, require_own
from ringfence.console.figures import clock, count, exact, masked, signed
from ringfence.console.figures import day as day_words
from ringfence.console.frame import frame
from ringfence.console.pages import visitor_of
from ringfence.console.rendering import verified_words
from ringfence.console.state import Verified
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE
from ringfence.custody.requests import Request as Asked
from ringfence.custody.requests import ask, from_hex, registration, requests, stored_key, words
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import role
from ringfence.ledger.readings import head
from ringfence.links import LetterBox, public_key_of
from ringfence.margin.funds import Funds, compute_funds
from ringfence.margin.standing import standing
from ringfence.money import parse, unit
from ringfence.reports import Paper, make_paper, settled_days, sign_paper

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
router = APIRouter(include_in_schema=False)
_CNY = unit("CNY")
_SHOWN = 20
_STAGES = ("asked", "audited", "sent", "posted")


class _Preview(NamedTuple):
    """A withdrawal before it is signed: its amount, the key under which it is asked once, and the words."""

    amount: str
    key: str
    words: str


# -- taking out -----------------------------------------------------------------------------------------------------------


@router.get("/{language}/move")
async def move_page(
    language: Spoken, request: Request, session: In, amount: Annotated[str, Query(max_length=40)] = ""
) -> HTMLResponse:
    """Paying in and taking out; with an amount, the words that are to be signed."""
    visitor = visitor_of(request, session, "client")
    return await asyncio.to_thread(_move, visitor, language, amount, "", 200)


@router.post("/{language}/move")
async def take_out(language: Spoken, request: Request, session: In) -> Response:
    """Ask to be paid, in words that the browser has signed."""
    require_own(request)
    visitor = visitor_of(request, session, "client")
    said = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    amount, key, public_key, signature = (
        said.get(name, [""])[0] for name in ("amount", "key", "public_key", "signature")
    )
    try:
        await asyncio.to_thread(_ask, visitor, amount, key, public_key, signature)
    except RingfenceError as error:
        return await asyncio.to_thread(_move, visitor, language, "", error.text(language), 422)
    return RedirectResponse(f"/{language}/move", 303)


def _ask(visitor: Visitor, amount: str, key: str, public_key: str, signature: str) -> None:
    client = visitor.person.party
    amount_minor = parse(amount, _CNY)
    raw_key, raw_signature = from_hex("public_key", public_key, 32), from_hex("signature", signature, 64)
    if not 1 <= len(key) <= 180 or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput("key", key[:100], "1 to 180 visible characters")
    with visitor.service.logins.use(role(EXCHANGE, "window")) as connection, connection.transaction():
        connection.execute("SELECT set_config('ringfence.visit', %s, true)", (visitor.session.token,))
        account = registration(connection, client).account_number
        ask(connection, client, amount_minor, account, stored_key(client, key), raw_key, raw_signature)


def _move(visitor: Visitor, language: Language, amount: str, wrong: str, status: int) -> HTMLResponse:
    w, client = Words(language), visitor.person.party
    funds = _funds(visitor)
    with visitor.reading(EXCHANGE) as connection:
        registered = registration(connection, client)
        asked = requests(connection, None, limit=_SHOWN)
    preview = None
    if amount and not wrong:
        try:
            preview = _preview(client, amount, registered.account_number, funds)
        except RingfenceError as error:
            wrong, status = error.text(language), 422
    given = frame(
        language, visitor.person, "move", "move", client=client, wrong=wrong, amount=amount, preview=preview,
        account=masked(registered.account_number) if registered.account_number else "", registered=registered.public_key,
        withdrawable=exact(funds.withdrawable_minor),
        lines=[
            (w("Your equity"), exact(funds.equity_minor)),
            (w("Margin of your positions"), exact(-funds.margin_minor)),
            (w("Held already"), exact(-funds.frozen_minor)),
            (w("Withdrawable"), exact(funds.withdrawable_minor)),
        ],
        asked=[_asked(one, w) for one in asked],
    )  # fmt: skip
    return answered("move.html", given, status)


def _preview(client: str, amount: str, account: str, funds: Funds) -> _Preview:
    amount_minor = parse(amount.replace(",", "").strip(), _CNY)
    if not account:
        raise BadInput("account", "-", "an account that bank and exchange have both confirmed")
    if not 0 < amount_minor <= funds.withdrawable_minor:
        most = exact(funds.withdrawable_minor)
        raise BadInput("amount", amount, f"more than 0, at most what is withdrawable: {most}", f"大于 0 且不超过可取资金 {most}")  # fmt: skip
    key = secrets.token_hex(12)
    said = words(client, amount_minor, account, stored_key(client, key)).decode()
    return _Preview(exact(amount_minor).replace(",", ""), key, said)


def _asked(one: Asked, w: Words) -> dict[str, Any]:
    said = {
        "asked": w("waits for the exchange's person"),
        "audited": w("waits for a second person"),
        "passed": w("being carried out"),
        "sent": w("ordered from the bank"),
        "unknown": w("the bank has not answered yet; it stays held"),
        "posted": w("it is home"),
        "refused": w("refused"),
    }[one.state]
    reason = one.reason[w.language == "zh"] if one.reason else ""
    return {"amount": exact(one.amount_minor), "at": clock(one.asked_at), "said": said, "reason": reason, "number": one.number}  # fmt: skip


# -- positions, statement, verify -----------------------------------------------------------------------------------------


@router.get("/{language}/positions")
async def positions_page(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """What is open, and how far it is covered."""
    return await asyncio.to_thread(_positions, visitor_of(request, session, "client"), language)


def _positions(visitor: Visitor, language: Language) -> HTMLResponse:
    w, funds = Words(language), _funds(visitor)
    with visitor.reading(EXCHANGE) as connection:
        rows = connection.execute(
            "SELECT contract, long_lots, short_lots, day FROM exchange_margin.position "
            "WHERE day = (SELECT max(day) FROM exchange_margin.settled) AND long_lots + short_lots > 0 ORDER BY contract"
        ).fetchall()
    degree = funds.risk_percent
    given = frame(
        language, visitor.person, "positions", "positions",
        day=day_words(rows[0][3], language) if rows else "",
        rows=[(contract, count(long), count(short)) for contract, long, short, _ in rows],
        lines=[
            (w("Your equity"), exact(funds.equity_minor)),
            (w("Margin of your positions"), exact(funds.margin_minor)),
            (w("Available"), exact(funds.available_minor)),
            (w("To pay in"), exact(funds.call_minor)),
        ],
        risk="-" if degree is None else f"{degree} %",
        # Of 150 %, at which the picture ends; whole hundredths.
        bar=min(150, int(degree.partition(".")[0])) if degree is not None else 150,
    )  # fmt: skip
    return answered("positions.html", given)


@router.get("/{language}/statement")
async def last_statement(language: Spoken, request: Request, session: In) -> Response:
    """The statement of the last day that is settled."""
    visitor = visitor_of(request, session, "client")
    days = await asyncio.to_thread(_days, visitor)
    if not days:
        return _no_statement(visitor, language)
    return RedirectResponse(f"/{language}/statement/{days[-1]}", 303)


@router.get("/{language}/statement/{day}")
async def statement_page(language: Spoken, day: datetime.date, request: Request, session: In) -> HTMLResponse:
    """The statement of a day."""
    return await asyncio.to_thread(_statement, visitor_of(request, session, "client"), language, day)


@router.get("/{language}/statement/{day}/{form}")
async def statement_file(language: Spoken, day: datetime.date, form: str, request: Request, session: In) -> Response:
    """The same as a file: pdf, xlsx, or json in the exchange's hand."""
    visitor = visitor_of(request, session, "client")
    if form not in ("pdf", "xlsx", "json"):
        raise NotFound(field="path", value=form)
    return await asyncio.to_thread(_file, visitor, language, day, form)


def _days(visitor: Visitor) -> list[datetime.date]:
    with visitor.reading(EXCHANGE) as connection:
        return settled_days(connection)


def _paper(visitor: Visitor, day: datetime.date) -> Paper:
    with visitor.reading(EXCHANGE) as connection:
        paper = make_paper(connection, visitor.person.party, day)
    if paper is None:
        raise NotFound(field="client", value=visitor.person.party)
    return paper


def _statement(visitor: Visitor, language: Language, day: datetime.date) -> HTMLResponse:
    paper, days = _paper(visitor, day), _days(visitor)
    given = frame(
        language, visitor.person, "statement", f"statement/{day}", day=day_words(day, language), paper=paper,
        heading=paper.heading(language), lines=paper.lines(language), bound=paper.bound(language), note=paper.note(language),
        before=max((one for one in days if one < day), default=None), after=min((one for one in days if one > day), default=None),
        iso=str(day),
    )  # fmt: skip
    return answered("statement.html", given)


def _no_statement(visitor: Visitor, language: Language) -> HTMLResponse:
    given = frame(language, visitor.person, "statement", "statement", paper=None, day="")
    return answered("statement.html", given)


def _file(visitor: Visitor, language: Language, day: datetime.date, form: str) -> Response:
    paper = _paper(visitor, day)
    name = f"statement-{paper.statement.client}-{day}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if form == "pdf":
        return Response(paper.pdf(language), media_type="application/pdf", headers=headers)
    if form == "xlsx":
        return Response(paper.xlsx(language), media_type=_XLSX, headers=headers)
    letter = sign_paper(LetterBox(visitor.service.store, EXCHANGE), paper)
    content = json.dumps(letter.document(), ensure_ascii=False)
    return Response(content, media_type="application/json", headers=headers)


@router.get("/{language}/verify")
async def verify_page(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """What can be checked, and how without us."""
    visitor = visitor_of(request, session, "client")
    hubs = request.app.state.hubs
    return await asyncio.to_thread(_verify, visitor, language, hubs.the_circle().state)


def _verify(visitor: Visitor, language: Language, circle: Any) -> HTMLResponse:
    w = Words(language)
    last = visitor.service.the_verdicts().last
    with visitor.reading(EXCHANGE) as connection:
        row = connection.execute(
            """
            SELECT coalesce(max(a.balance), 0)::bigint, coalesce(sum(e.amount), 0)::bigint, count(e.id)
            FROM exchange.account AS a JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
            LEFT JOIN exchange.entry AS e ON e.account = a.id
            """
        ).fetchone()
    balance, total, entries = row or (0, 0, 0)
    with visitor.service.logins.reading(role(EXCHANGE, "supervisor")) as connection:
        at = head(connection, EXCHANGE)
    said = verified_words(Verified(last.verdict.ok, last.verdict.reached, last.at), w)
    checks = [
        (circle.right, w("The banks hold what is owed"), w("{banks} at all banks, difference {difference}", banks=exact(circle.at_banks_minor), difference=exact(circle.missing_minor))),
        (last.verdict.ok, w("The history was not rewritten"), said),
        (balance == total, w("Your balance is your postings"), w("{count} postings add up to {amount}", count=count(entries), amount=signed(total))),
    ]  # fmt: skip
    link = at.link.hex()
    given = frame(
        language, visitor.person, "verify", "verify", checks=checks,
        head=[link[start : start + 16] for start in range(0, 64, 16)], batch=count(at.batch),
        key=public_key_of(visitor.service.store, EXCHANGE).hex(),
    )  # fmt: skip
    return answered("verify.html", given)


# -- readings -------------------------------------------------------------------------------------------------------------


def _funds(visitor: Visitor) -> Funds:
    """What the client has and what may leave now, as the exchange knows it for this one client."""
    client = visitor.person.party
    with visitor.service.logins.reading(role(EXCHANGE, "supervisor")) as connection:
        found = standing(connection, head(connection, EXCHANGE).day, [client])
    return found.get(client) or compute_funds(cash_minor=0, margin_minor=0)
