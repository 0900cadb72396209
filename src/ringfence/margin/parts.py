"""Parts: the exchange's clients some at a time, in the order of their names, so that a million take no more memory than a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from ringfence.ledger.arrays import columns_cursor
from ringfence.money.columns import Column

PART = 50_000
# The account for money of the party p.
ACCOUNT = """exchange.account AS a ON a.owner = p.id
        AND a.kind = (SELECT id FROM exchange.kind WHERE name = 'client-cash')
        AND a.unit = (SELECT id FROM exchange.unit WHERE code = 'CNY')"""
_PART = f"""
    SELECT array_agg(part.name), array_agg(part.available)
    FROM (
        SELECT p.name, a.balance - a.held_out AS available
        FROM exchange.party AS p JOIN {ACCOUNT}
        WHERE p.name > %s ORDER BY p.name LIMIT %s
    ) AS part
"""


class Part(NamedTuple):
    """The clients whose names come `after` one, up to the last of `names`; what of its cash each has `available`, in fen."""

    after: str
    names: list[str]
    available: Column

    @property
    def through(self) -> str:
        """The last name."""
        return self.names[-1]


def whose(of: Part | Sequence[str] | None) -> tuple[str, dict[str, object]]:
    """What picks the rows of a part, of some clients, or of all, by their `client`; and its parameters."""
    if isinstance(of, Part):
        return "client > %(after)s AND client <= %(through)s", {"after": of.after, "through": of.through}
    return ("true", {}) if of is None else ("client = ANY (%(some)s)", {"some": list(of)})


def parts(connection: psycopg.Connection[Any]) -> Iterator[Part]:
    """All clients that have an account for money, through a login of the exchange that reads."""
    after = ""
    with columns_cursor(connection) as cursor:
        while True:
            names, available = cursor.execute(_PART, (after, PART)).fetchall()[0]
            if names is None:
                return
            yield Part(after, names, available)
            after = names[-1]
