"""The six checks of a withdrawal, with the figures that a person needs to see (K4, K5), all read at one moment of the ledger."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from ringfence.custody.requests import Request
from ringfence.margin.funds import Funds
from ringfence.margin.standing import standing

Name = Literal["signature", "withdrawable", "payee", "limits", "cool-off", "second-person"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: whether it passes, None where it waits for somebody; and its figures, by name."""

    name: Name
    passes: bool | None
    figures: dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Checks:
    """All six, at the ledger's `version`: its last posting then."""

    version: int
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """Those that do not pass."""
        return tuple(check for check in self.checks if check.passes is False)


def withdrawable(connection: psycopg.Connection[Any], client: str) -> int:
    """What may leave the circle for a client now, in fen, as a login reads it that reads everything of the exchange."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ((day,),) = connection.execute("SELECT day FROM exchange.head").fetchall()
        funds = standing(connection, day, [client]).get(client)
    return funds.withdrawable_minor if funds else 0


def six_checks(connection: psycopg.Connection[Any], request: Request, limit_minor: int | None) -> Checks:
    """Look at everything, within the transaction of `connection`, which reads one moment."""
    ((day, version),) = connection.execute("SELECT day, posting FROM exchange.head").fetchall()
    funds = standing(connection, day, [request.client]).get(request.client)
    return Checks(
        version,
        (
            Check("signature", request.is_signed, {"public_key": request.public_key.hex()}),
            _withdrawable(connection, request, funds),
            *_account(connection, request, day),
            _second(request, limit_minor),
        ),
    )


def _withdrawable(connection: psycopg.Connection[Any], request: Request, funds: Funds | None) -> Check:
    # What was asked for before and still waits is not there twice.
    ((earlier,),) = connection.execute(
        """
        SELECT coalesce(sum(u.amount_minor), 0)::bigint FROM exchange_requests.undecided AS u
        WHERE u.client = %s AND u.number < %s
        """,
        (request.client, request.number),
    ).fetchall()
    if funds is None:
        return Check("withdrawable", False, {})
    held = request.amount_minor if request.hold and not request.posting else 0
    left = funds.withdrawable_minor + held - earlier
    figures: dict[str, str | int | None] = {
        "withdrawable_minor": left,
        "equity_minor": funds.equity_minor,
        "margin_minor": funds.margin_minor,
        "held_minor": funds.frozen_minor - held,
        "asked_before_minor": earlier,
    }
    return Check("withdrawable", request.amount_minor <= left, figures)


def _account(connection: psycopg.Connection[Any], request: Request, day: datetime.date) -> tuple[Check, ...]:
    row = connection.execute(
        "SELECT account_number, bank, in_force_from FROM exchange.binding WHERE client = %s AND NOT waiting",
        (request.client,),
    ).fetchone()
    number, bank, since = row or (None, None, None)
    in_force = since is not None and since <= day
    caps = connection.execute(
        """
        SELECT g.per_day, coalesce(u.used, 0) FROM exchange.grants AS g JOIN exchange.route AS r ON r.id = g.route
        LEFT JOIN exchange.grant_use AS u ON u.under = g.id AND u.day = %s
        WHERE r.name = 'withdrawal' AND g.power = 'ask' AND g.ended IS NULL AND g.key IS NULL AND g.grantee = r.asks
        ORDER BY g.id LIMIT 1
        """,
        (day,),
    ).fetchone()
    most, used = caps or (None, 0)
    inside = most is None or used + request.amount_minor <= most
    return (
        Check("payee", number == request.payee, {"registered": number and f"····{number[-4:]}", "bank": bank}),
        Check("limits", inside, {"today_minor": used, "of_minor": most}),
        Check("cool-off", in_force, {"in_force_from": since and str(since)}),
    )


def _second(request: Request, limit_minor: int | None) -> Check:
    figures: dict[str, str | int | None] = {"limit_minor": limit_minor, "first": request.by("audited"), "second": request.by("approved")}  # fmt: skip
    if limit_minor is not None and request.amount_minor <= limit_minor:
        return Check("second-person", True, figures)
    return Check("second-person", True if request.by("approved") else None, figures)
