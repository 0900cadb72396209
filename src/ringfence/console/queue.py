"""Withdrawals that wait for a person: the queue, and one of them with its six checks. Who has a duty may let pass or refuse."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ringfence.access import Person
from ringfence.api.checks import Check, Checks
from ringfence.api.withdrawals import DUTY
from ringfence.console.figures import bank_title, clock, count, exact, masked
from ringfence.console.frame import frame
from ringfence.console.rendering import templates
from ringfence.console.words import Words
from ringfence.custody.requests import Request, Step
from ringfence.errors import Language

SHOWN_DONE = 12


@dataclass(frozen=True, slots=True)
class QueueState:
    """What waits, the newest first, and what became of the last ones; `limit_minor` is what one person lets pass alone."""

    read_at: datetime.datetime
    waiting: tuple[Request, ...]
    done: tuple[Request, ...]
    limit_minor: int | None


def answer(state: QueueState, person: Person, words: Words) -> str:
    """The title, which is the answer now."""
    mine = sum(1 for request in state.waiting if step_for(request, person))
    if not state.waiting:
        return words("No withdrawal waits")
    if len(state.waiting) == 1:
        return words("One withdrawal waits, for you") if mine else words("One withdrawal waits")
    if person.duty is None:
        return words("{count} withdrawals wait", count=count(len(state.waiting)))
    return words("{count} withdrawals wait, {mine} of them for you", count=count(len(state.waiting)), mine=count(mine))


def step_for(request: Request, person: Person) -> Step | None:
    """What a person may do about a withdrawal now, besides refusing it."""
    wanted: Step | None = {"asked": "audit", "audited": "approve"}.get(request.state)  # type: ignore[assignment]
    if wanted is None or person.duty not in DUTY[wanted] or person.name in [taken.person for taken in request.steps]:
        return None
    return wanted


def waits_for(request: Request, words: Words) -> str:
    """Whom or what it waits for."""
    return {
        "asked": words("first person"),
        "audited": words("second person"),
        "passed": words("an open day"),
        "sent": words("the bank's answer"),
        "unknown": words("▲ no answer yet: stays held, never guessed"),
    }.get(request.state, "")


def lists(state: QueueState, person: Person, language: Language, chosen: int | None) -> Markup:
    """The queue, and below it what became of the last ones."""
    words = Words(language)
    macros = templates().get_template("queue_parts.html").module
    waiting = [_row(request, state, words) | {"mine": bool(step_for(request, person))} for request in state.waiting]
    done = [_row(request, state, words) | {"mine": False} for request in state.done]
    return Markup(macros.lists(waiting, done, chosen, language, words))  # type: ignore[attr-defined]


def _row(request: Request, state: QueueState, words: Words) -> dict[str, Any]:
    age = int((state.read_at - request.asked_at).total_seconds())
    states = {"posted": words("home"), "refused": words("refused")}
    return {
        "number": request.number,
        "title": request.title,
        "member": request.member,
        "amount": exact(request.amount_minor),
        "waits": waits_for(request, words) or states.get(request.state, ""),
        "by": request.by("audited") or "",
        "age": f"{age // 3600:02d}:{age // 60 % 60:02d}:{age % 60:02d}"
        if age >= 3600
        else f"{age // 60:02d}:{age % 60:02d}",
        "reason": request.reason[words.language == "zh"] if request.reason else "",
    }


def detail(
    request: Request, checks: Checks, person: Person, language: Language, limit_minor: int | None, wrong: str
) -> Markup:
    """One withdrawal: its way, its checks with their figures, the persons, and what one may do."""
    words = Words(language)
    macros = templates().get_template("queue_parts.html").module
    wanted = step_for(request, person)
    reached = {"asked": 0, "audited": 1, "passed": 2, "sent": 3, "unknown": 3, "posted": 4}.get(request.state, 1)
    names = (words("signed"), words("audited"), words("passed"), words("sent"), words("posted"))
    stages = [{"name": name, "done": number <= reached, "now": number == reached} for number, name in enumerate(names)]
    figures = {check.name: check.figures for check in checks.checks}
    return Markup(
        macros.detail(  # type: ignore[attr-defined]
            {
                "number": request.number,
                "key": request.key,
                "title": request.title,
                "member": request.member,
                "amount": exact(request.amount_minor),
                "state": waits_for(request, words)
                or (words("home") if request.state == "posted" else words("refused")),
                "refused": request.state == "refused",
                "bank": bank_title(str(figures["payee"].get("bank") or ""), None, language),
                "payee": masked(request.payee),
                "reason": request.reason[language == "zh"] if request.reason else "",
            },
            stages,
            [_check_row(check, request, words) for check in checks.checks],
            _persons(request, person, limit_minor, words),
            wanted,
            wanted is not None or _may_refuse(request, person),
            checks.version,
            language,
            wrong,
            words,
        )
    )


def _may_refuse(request: Request, person: Person) -> bool:
    mine = person.name in [taken.person for taken in request.steps]
    return request.state in ("asked", "audited") and person.duty in DUTY["refuse"] and not mine


def _persons(request: Request, person: Person, limit_minor: int | None, words: Words) -> list[dict[str, str]]:
    found = [
        {"role": words("First person"), "name": taken.person, "more": clock(taken.at)}
        if taken.step == "audited"
        else {"role": words("Second person"), "name": taken.person, "more": clock(taken.at)}
        if taken.step == "approved"
        else {"role": words("refused"), "name": taken.person, "more": clock(taken.at)}
        for taken in request.steps
    ]
    wanted = step_for(request, person)
    if wanted:
        role = words("First person") if wanted == "audit" else words("Second person")
        found.append({"role": role, "name": words("{name} (you)", name=person.name), "more": ""})
    return found


def _check_row(check: Check, request: Request, words: Words) -> dict[str, str]:
    figures = check.figures
    said = {True: words("yes"), False: words("no"), None: words("needed")}[check.passes]
    names = {
        "signature": words("Client's own signature"),
        "withdrawable": words("Withdrawable at one ledger version"),
        "payee": words("Payee is the registered account"),
        "limits": words("Limits of the day"),
        "cool-off": words("Registered account is in force"),
        "second-person": words("Second person above {limit}", limit=_money(figures.get("limit_minor"))),
    }
    more = {
        "signature": lambda: words("key {key} · signed {at}", key=_short(str(figures.get("public_key"))), at=clock(request.asked_at)),
        "withdrawable": lambda: words(
            "equity {equity} − margin {margin} − held {held} − asked before {before}",
            equity=_money(figures.get("equity_minor")), margin=_money(figures.get("margin_minor")),
            held=_money(figures.get("held_minor")), before=_money(figures.get("asked_before_minor")),
        ),
        "payee": lambda: f"{bank_title(str(figures.get('bank') or ''), None, words.language)} {figures.get('registered') or ''}",
        "limits": lambda: words("today {used} of {most}", used=_money(figures.get("today_minor")), most=_money(figures.get("of_minor")))
        if figures.get("of_minor") is not None else words("no limit a day"),
        "cool-off": lambda: _since(str(figures.get("in_force_from") or ""), words),
        "second-person": lambda: words("not {first}, who was the first", first=figures["first"]) if check.passes is None and figures.get("first") else "",
    }  # fmt: skip
    if check.name == "withdrawable":
        said = _money(figures.get("withdrawable_minor"))
    elif check.name == "second-person" and check.passes:
        said = words("given") if request.by("approved") else words("not needed")
    sign = {True: "✓", False: "✗", None: "▲"}[check.passes]
    kind = {True: "passes", False: "fails", None: "waits"}[check.passes]
    return {"name": names[check.name], "said": said, "more": more[check.name](), "sign": sign, "kind": kind}


def _since(day: str, words: Words) -> str:
    """Since when; the first account of all is in force from the beginning, which is no day of anybody's."""
    if not day:
        return words("not in force")
    return words("from the beginning") if day.startswith("0001") else words("since {day}", day=day)


def _money(value: object) -> str:
    return exact(value) if isinstance(value, int) else "-"


def _short(text: str) -> str:
    return f"{text[:4]}…{text[-4:]}"


def page(
    state: QueueState,
    person: Person,
    language: Language,
    chosen: Request | None,
    checks: Checks | None,
    wrong: str = "",
) -> str:
    """The whole page."""
    words = Words(language)
    shown = detail(chosen, checks, person, language, state.limit_minor, wrong) if chosen and checks else ""
    held = sum(request.amount_minor for request in state.waiting if request.state in ("sent", "unknown"))
    given = frame(
        language, person, "withdrawals", f"withdrawals/{chosen.number}" if chosen else "withdrawals", state=state,
        answer=answer(state, person, words), lists=lists(state, person, language, chosen.number if chosen else None),
        detail=shown, held=exact(held) if held else "", waiting=count(len(state.waiting)) if state.waiting else "",
    )  # fmt: skip
    return templates().get_template("queue.html").render(given)
