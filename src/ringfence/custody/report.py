"""What a bank reports of the exchange's account: what it was, what has moved since, what it is.

The bank's side reads its own book and nothing else; the exchange's side sees only what comes out of here, in a signed letter.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ringfence.custody.parties import EXCHANGE
from ringfence.errors import BadInput
from ringfence.ledger import Ledger

# More than the largest batch has: whatever is reported, whole batches are.
_MOST_LINES = 9_000


@dataclass(frozen=True, slots=True)
class Line:
    """One movement on the exchange's account: `posting` is the bank's serial, `amount_minor` positive when it came in."""

    batch: int
    posting: int
    route: str
    subject: str
    amount_minor: int
    value_date: datetime.date
    payee: str
    key: str
    ref: str

    def document(self) -> list[Any]:
        """How it is written."""
        said = (self.batch, self.posting, self.route, self.subject, self.amount_minor, self.value_date.isoformat())
        return [*said, self.payee, self.key, self.ref]

    @classmethod
    def from_document(cls, said: list[Any]) -> Line:
        """Read it. Errors: ValueError, TypeError."""
        batch, posting, route, subject, amount_minor, value_date, payee, key, ref = said
        return cls(
            int(batch), int(posting), str(route), str(subject), int(amount_minor),
            datetime.date.fromisoformat(value_date), str(payee), str(key), str(ref),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BankBatch:
    """What one commit of the bank did to the exchange's account."""

    bank: str
    batch: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What stood on the exchange's account after the bank's batch `after`, every movement up to its batch `through`, and what
    stood there then, in fen; `transit` has the members' accounts that must be zero and are not.

    `through` is the bank's last batch, or an earlier one where more has moved than one report tells.
    """

    bank: str
    after: int
    through: int
    balance_after_minor: int
    balance_minor: int
    lines: tuple[Line, ...]
    transit: Mapping[str, int]
    more: bool

    @property
    def batches(self) -> list[BankBatch]:
        """The movements by the bank's commits, in order."""
        return [
            BankBatch(self.bank, number, tuple(together))
            for number, together in groupby(self.lines, key=lambda line: line.batch)
        ]

    def document(self) -> dict[str, Any]:
        """How it is written."""
        return {
            "after": self.after,
            "through": self.through,
            "balance_after_minor": self.balance_after_minor,
            "balance_minor": self.balance_minor,
            "lines": [line.document() for line in self.lines],
            "transit": dict(self.transit),
            "more": self.more,
        }

    @classmethod
    def from_document(cls, bank: str, said: Mapping[str, Any]) -> Report:
        """Read it. Errors: BadInput for what is no report."""
        try:
            return cls(
                bank,
                int(said["after"]),
                int(said["through"]),
                int(said["balance_after_minor"]),
                int(said["balance_minor"]),
                tuple(Line.from_document(line) for line in said["lines"]),
                {str(member): int(amount) for member, amount in said["transit"].items()},
                bool(said["more"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput("report", bank, f"a report of a bank ({error})") from error


def make_report(bank: Ledger, after: int) -> Report:
    """Report of `bank`'s book what has happened on the exchange's account after its batch `after`, all at one moment."""
    with bank.connection.transaction():
        bank.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ((through, account, balance, before, transit),) = bank.rows(_STANDING, (after,))
        rows = bank.rows(_LINES, (account, after, _MOST_LINES))
    lines = [Line(*row) for row in rows]
    more = len(lines) == _MOST_LINES
    if more:
        # The last batch may not be all there.
        cut = lines[-1].batch
        lines = [line for line in lines if line.batch < cut]
        through, balance = lines[-1].batch, before + sum(line.amount_minor for line in lines)
    return Report(bank.name, after, through, before, balance, tuple(lines), transit, more)


_STANDING = f"""
    WITH circle AS (
        SELECT a.id, a.balance FROM {{0}}.account AS a
        JOIN {{0}}.kind AS k ON k.id = a.kind AND k.name = 'exchange-client-money'
        JOIN {{0}}.party AS o ON o.id = a.owner AND o.name = '{EXCHANGE}'
    ), reached AS (
        SELECT 8 * coalesce((SELECT first_posting + postings FROM {{0}}.batch WHERE id = %s), 1) AS entry
    )
    SELECT (SELECT batch FROM {{0}}.head), (SELECT id FROM circle), coalesce((SELECT balance FROM circle), 0),
        coalesce((SELECT e.balance FROM {{0}}.entry AS e
            WHERE e.account = (SELECT id FROM circle) AND e.id < (SELECT entry FROM reached)
            ORDER BY e.id DESC LIMIT 1), 0),
        (SELECT coalesce(jsonb_object_agg(o.name, a.balance), '{{{{}}}}')
            FROM {{0}}.account AS a JOIN {{0}}.party AS o ON o.id = a.owner
            WHERE a.at_least = 0 AND a.at_most = 0 AND a.balance <> 0)
"""

_LINES = """
    SELECT p.batch, p.id, r.name, s.name, e.amount, p.value_date, p.payee, p.key, p.ref
    FROM {0}.entry AS e
    JOIN {0}.posting AS p ON p.id = e.id / 8
    JOIN {0}.route AS r ON r.id = p.route
    JOIN {0}.party AS s ON s.id = p.subject
    WHERE e.account = %s
        AND e.id >= 8 * coalesce((SELECT first_posting + postings FROM {0}.batch WHERE id = %s), 1)
    ORDER BY e.id LIMIT %s
"""


def taken_over(exchange: Ledger, bank: str) -> int:
    """Up to which batch of a bank's book the exchange has booked, 0 where none is."""
    ((batch,),) = exchange.rows(
        "SELECT coalesce(max(b.source_batch), 0) FROM {0}.batch AS b JOIN {0}.party AS k ON k.id = b.source WHERE k.name = %s",
        (bank,),
    )
    return int(batch)
