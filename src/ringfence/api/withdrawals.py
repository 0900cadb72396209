"""Withdrawals: a client asks in signed words; persons of the exchange look, let pass or refuse; the ledger does the rest."""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Response

from ringfence import shapes
from ringfence.api import parameters
from ringfence.api.checks import Check, Checks, six_checks
from ringfence.api.visitor import NoPower, NotFound, Visiting, Visitor
from ringfence.custody import EXCHANGE
from ringfence.custody.requests import Request, Step, ask, requests, stored_key, take_step
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import role
from ringfence.money import parse, render, unit

router = APIRouter(prefix="/v1")
_CNY = unit("CNY")
DUTY: dict[Step, tuple[str, ...]] = {"audit": ("clerk",), "approve": ("officer",), "refuse": ("clerk", "officer")}


class CheckFailed(RingfenceError):
    """A withdrawal does not pass the checks as they are now: `withdrawal`, `check`, and its figures."""

    code = "check-failed"
    template: ClassVar[dict[Language, str]] = {
        "en": "{withdrawal} does not pass: {check}; nothing was let pass",
        "zh": "{withdrawal} 未通过检查:{check};未予放行",
    }


@router.post("/clients/{client}/withdrawals", status_code=201, responses={200: {"model": shapes.WithdrawalShown}})
def ask_withdrawal(
    client: parameters.PartyName,
    asked: shapes.WithdrawalAsked,
    key: parameters.IdempotencyKey,
    visitor: Visiting,
    response: Response,
) -> shapes.WithdrawalShown:
    """A client asks to be paid to the account it registered, in words signed with its own key.

    201: asked now; 200: the same was asked before under this key.
    """
    visitor.require("client")
    if visitor.person.party != client:
        raise NotFound(field="client", value=client)
    amount_minor = parse(asked.amount, _CNY)
    stored = stored_key(client, key)
    login = role(EXCHANGE, "window")
    with visitor.service.logins.use(login) as connection, connection.transaction():
        connection.execute("SELECT set_config('ringfence.visit', %s, true)", (visitor.session.token,))
        public_key, signature = bytes.fromhex(asked.public_key), bytes.fromhex(asked.signature)
        new = ask(connection, client, amount_minor, asked.payee_account, stored, public_key, signature)
        [request] = requests(connection, None, key=stored)
    response.status_code = 201 if new else 200
    return _without_checks(request)


@router.get("/withdrawals")
def list_withdrawals(
    visitor: Visiting, waiting: bool = False, before: parameters.Cursor = None, limit: parameters.Limit = 50
) -> shapes.WithdrawalPage:
    """Withdrawals that were asked for, the newest first; or only those that nothing has become of yet."""
    with visitor.reading(EXCHANGE) as connection:
        rows = requests(connection, visitor.service.limit_minor(), before=before, waiting=waiting, limit=limit)
    return shapes.WithdrawalPage(
        items=[_without_checks(row) for row in rows], next=rows[-1].number if len(rows) == limit else None
    )


@router.get("/withdrawals/{number}")
def one_withdrawal(number: parameters.Number, visitor: Visiting) -> shapes.WithdrawalShown:
    """One withdrawal; to persons of the exchange and supervisors with its six checks as they are now."""
    return _shown(*examined(visitor, number))


@router.post("/withdrawals/{number}/audit")
def audit(number: parameters.Number, once: parameters.IdempotencyKey, visitor: Visiting) -> shapes.WithdrawalShown:
    """The first person lets it pass, if it passes the checks as they are now."""
    return do_step(visitor, number, "audit")


@router.post("/withdrawals/{number}/approve")
def approve(number: parameters.Number, once: parameters.IdempotencyKey, visitor: Visiting) -> shapes.WithdrawalShown:
    """The second person lets it pass, who must be another than the first."""
    return do_step(visitor, number, "approve")


@router.post("/withdrawals/{number}/refuse")
def refuse(
    number: parameters.Number, asked: shapes.RefusalAsked, once: parameters.IdempotencyKey, visitor: Visiting
) -> shapes.WithdrawalShown:
    """A person refuses it, and says why."""
    return do_step(visitor, number, "refuse", asked.reason)


def do_step(visitor: Visitor, number: int, step: Step, reason: str = "") -> shapes.WithdrawalShown:
    """Let a person do a step, through the login of its duty.

    Errors: NoPower for another duty; NotFound; CheckFailed; StepRefused. The same step of the same person again changes nothing.
    """
    person, service = visitor.person, visitor.service
    if person.role != "exchange" or person.duty not in DUTY[step]:
        raise NoPower(role=person.duty or person.role, needed=" or ".join(DUTY[step]))
    request, checks = examined(visitor, number)
    if request.by({"audit": "audited", "approve": "approved", "refuse": "refused"}[step]) == person.name:
        return _shown(request, checks)
    assert checks is not None
    if step != "refuse" and checks.failed:
        failed = checks.failed[0]
        raise CheckFailed(withdrawal=request.key, check=failed.name, **failed.figures)
    seen = {"version": checks.version, "checks": [_document(check) for check in checks.checks], "reason": reason}
    with service.logins.use(role(EXCHANGE, person.duty)) as connection:
        take_step(connection, step, request.key, person.name, seen)
    service.the_exchange().carrying_out.nudge()
    return _shown(*examined(visitor, number))


def examined(visitor: Visitor, number: int) -> tuple[Request, Checks | None]:
    """A withdrawal that the visitor may see; and its six checks at the same moment, for whoever reads all of the exchange.

    Errors: NotFound.
    """
    limit = visitor.service.limit_minor()
    with visitor.reading(EXCHANGE) as connection:
        rows = requests(connection, limit, number=number)
        if not rows:
            raise NotFound(field="withdrawal", value=number)
        reads_all = visitor.person.role in ("exchange", "supervisor")
        return rows[0], six_checks(connection, rows[0], limit) if reads_all else None


def _shown(request: Request, checks: Checks | None) -> shapes.WithdrawalShown:
    shown = _without_checks(request)
    if checks is None:
        return shown
    return shown.model_copy(
        update={
            "version": checks.version,
            "checks": [shapes.CheckShown.model_validate(_document(check)) for check in checks.checks],
        }
    )


def _document(check: Check) -> dict[str, object]:
    figures = {
        name.removesuffix("_minor"): render(value, _CNY)
        if name.endswith("_minor") and isinstance(value, int)
        else value
        for name, value in check.figures.items()
    }
    return {"name": check.name, "passes": check.passes, "figures": figures}


def _without_checks(request: Request) -> shapes.WithdrawalShown:
    return shapes.WithdrawalShown(
        number=request.number,
        key=request.key,
        client=request.client,
        title=request.title,
        member=request.member,
        amount=render(request.amount_minor, _CNY),
        unit=_CNY.code,
        payee=f"····{request.payee[-4:]}",
        asked_at=request.asked_at,
        state=request.state,
        steps=[shapes.StepShown(step=taken.step, person=taken.person, at=taken.at) for taken in request.steps],
        reason_en=request.reason and request.reason[0],
        reason_zh=request.reason and request.reason[1],
        signature=request.signature.hex(),
        public_key=request.public_key.hex(),
        hold=request.hold or None,
        posting=request.posting or None,
        version=None,
        checks=None,
    )
