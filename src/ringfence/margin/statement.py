"""A client's statement of a day: what there was, what came and went, what is left, and what of it is bound.

Every figure is read from the client's own postings by their value date, as they are known now, and from the margin that the
settlement of that day required; nothing is kept beside them. So whoever may read the postings can make the same statement.
Before the day is settled its margin is not known, and nothing is said about what is bound.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import psycopg

from ringfence.margin.funds import Funds, compute_funds

_FLOWS = {
    "deposit": "paid_in_minor",
    "attribute": "paid_in_minor",
    "withdrawal": "taken_out_minor",
    "cover": "covered_minor",
    "fee": "fee_minor",
    "deferred-paid": "deferred_minor",
    "deferred-received": "deferred_minor",
    "payment": "bought_minor",
    "proceeds": "sold_minor",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One client's day in fen. Flows are signed as the client sees them: `taken_out_minor` and `fee_minor` are not positive.

    Metal was `sold_minor` for, and `bought_minor` for; `penalty_minor` is for what was not delivered. `covered_minor` was paid in by a guarantee or the reserve; `other_minor` is on routes that no line has a name for.
    `funds` is None until the day is settled. `postings` is how many made these figures.
    """

    client: str
    day: datetime.date
    opening_minor: int
    paid_in_minor: int
    taken_out_minor: int
    realised_minor: int
    marked_minor: int
    fee_minor: int
    deferred_minor: int
    sold_minor: int
    bought_minor: int
    penalty_minor: int
    covered_minor: int
    other_minor: int
    postings: int
    funds: Funds | None

    @property
    def closing_minor(self) -> int:
        """What is left: everything above it, added up."""
        lines: list[int] = [getattr(self, name) for name in LINES]
        return self.opening_minor + sum(lines)


LINES = tuple(f.name for f in fields(Statement) if f.name.endswith("_minor") and f.name != "opening_minor")


def statement(connection: psycopg.Connection[Any], client: str, day: datetime.date) -> Statement | None:
    """Make the statement of `client` for `day` through whatever login may read it; None where it sees no such client."""
    return statements(connection, [client], day).get(client)


def statements(connection: psycopg.Connection[Any], clients: Sequence[str], day: datetime.date) -> dict[str, Statement]:
    """The statements of many clients for `day`, of those that the login may read, in the order of their names."""
    who = {"clients": list(clients), "day": day}
    rows = connection.execute(
        """
        SELECT o.name, r.name, p.ref, coalesce(sum(e.amount) FILTER (WHERE p.value_date < %(day)s), 0)::bigint,
            coalesce(sum(e.amount) FILTER (WHERE p.value_date = %(day)s), 0)::bigint,
            count(*) FILTER (WHERE p.value_date = %(day)s)
        FROM exchange.party AS o
        JOIN exchange.account AS a ON a.owner = o.id
        JOIN exchange.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
        LEFT JOIN exchange.entry AS e ON e.account = a.id
        LEFT JOIN exchange.posting AS p ON p.id = e.id / 8
        LEFT JOIN exchange.route AS r ON r.id = p.route
        WHERE o.name = ANY (%(clients)s) AND o.role = 'client'
        GROUP BY o.name, r.name, p.ref ORDER BY o.name
        """,
        who,
    ).fetchall()
    settled = connection.execute("SELECT FROM exchange_margin.settled WHERE day = %(day)s", who).rowcount == 1
    margins: dict[str, int] = dict(
        connection.execute(
            "SELECT client, margin_minor FROM exchange_margin.client_day WHERE client = ANY (%(clients)s) AND day = %(day)s",
            who,
        ).fetchall()
    )
    found = {}
    for client, of_client in itertools.groupby(rows, key=lambda row: row[0]):
        lines, opening, postings = dict.fromkeys(LINES, 0), 0, 0
        for _, route, ref, before, of_day, count in of_client:
            lines[_line(route, ref)] += of_day
            opening, postings = opening + before, postings + count
        cash, margin = opening + sum(lines.values()), margins.get(client, 0)
        funds = compute_funds(cash_minor=cash, margin_minor=margin) if settled else None
        found[client] = Statement(client, day, opening, **lines, postings=postings, funds=funds)
    return found


def _line(route: str | None, ref: str | None) -> str:
    if route in ("profit", "loss") and ref in ("realised", "marked"):
        return f"{ref}_minor"
    if ref == "penalty":
        return "penalty_minor"
    return _FLOWS.get(route or "", "other_minor")
