"""Carrying out a day's plan: every movement that was planned becomes a posting, under a key that follows from the plan.

Client by client: what it receives, then what it pays, so that nobody is short who is not short in the end. Whoever delivers or
takes metal comes last: what all of them receive, then metal against money, then what they pay. What rounding left over comes
after everything.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

import numpy as np

from ringfence.custody import EXCHANGE
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Bulk, Instruction, Ledger, Refusal
from ringfence.margin.kept_plan import DaySettled, KeptDays, all_kept_days, kept_days, left_overs
from ringfence.margin.metal import against_payment
from ringfence.margin.planning import LEFT_OVER, MOVES
from ringfence.money.columns import Column


class _Way(NamedTuple):
    """On which route a client pays a movement, on which it receives it, and the exchange's account on the other side."""

    pays: str
    receives: str
    other: str


_WAYS: Final[Mapping[str, _Way]] = {
    "realised": _Way("loss", "profit", "settlement"),
    "marked": _Way("loss", "profit", "settlement"),
    "fee": _Way("fee", "fee", "fees-due"),
    "deferred": _Way("deferred-paid", "deferred-received", "deferral"),
    "overdue": _Way("fee", "fee", "fees-due"),
    "penalty": _Way("payment", "proceeds", "delivery"),
}


class PlanRefused(RingfenceError):
    """The ledger refused what a day's plan had room for: `day`, `refusal`. Somebody moved money meanwhile."""

    code = "plan-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "{day}: the ledger refused part of the settlement: {refusal}",
        "zh": "{day}:账本拒绝了部分清算记账:{refusal}",
    }


def post_plan(ledger: Ledger, settled: DaySettled) -> int:
    """Post everything that is planned for a day; how many postings that were. What was posted before is left as it is.

    Errors: PlanRefused.
    """
    posting = _Posting(ledger, settled.day)
    delivered = [one for one in settled.deliveries if one.outcome == "delivered"]
    last = sorted({client for one in delivered for client in (one.giver, one.taker)})
    posting.bulk(
        _moves(ledger, settled.day, found, without=last) for found in all_kept_days(ledger.connection, settled.day)
    )
    if last:
        found = kept_days(ledger.connection, settled.day, last)
        posting.bulk([_moves(ledger, settled.day, found, which=1)])
        for one in delivered:
            posting.some(
                against_payment(
                    ledger, settled.day, one.match_no, one.giver, one.taker, one.metal, one.weight_minor, one.value_minor,
                    one.contract,
                )
            )  # fmt: skip
        posting.bulk([_moves(ledger, settled.day, found, which=-1)])
    posting.some(list(_left_over(ledger, settled.day)))
    return posting.made


class _Posting:
    """Posts, counts, and stops at what is refused."""

    def __init__(self, ledger: Ledger, day: datetime.date) -> None:
        self._ledger, self._day = ledger, day
        self.made = 0

    def bulk(self, bulks: Iterator[Bulk] | Sequence[Bulk]) -> None:
        for refusal in self._ledger.post_bulk(map(self._counted, bulks)):
            self._refuse(refusal)

    def some(self, instructions: Sequence[Instruction]) -> None:
        self.made += len(instructions)
        for outcome in self._ledger.post_in_batches(instructions):
            if outcome.refusal:
                self._refuse(outcome.refusal)

    def _counted(self, bulk: Bulk) -> Bulk:
        self.made += len(bulk)
        return bulk

    def _refuse(self, refusal: Refusal) -> None:
        raise PlanRefused(day=self._day, refusal=refusal)


def _moves(ledger: Ledger, day: datetime.date, found: KeptDays, *, without: Sequence[str] = (), which: int = 0) -> Bulk:
    """The postings of some clients' day, but those of the clients `without`; `which` are received (1) or paid (-1), or both (0)."""
    values = np.column_stack([found.moves[what] for what in MOVES])
    if without:
        values[np.isin(found.names, without)] = 0
    if which:
        values[np.sign(values) != which] = 0
    client, move = np.nonzero(values)
    amount = values[client, move]
    order = np.lexsort((move, amount < 0, client))
    client, move, amount = client[order], move[order], amount[order]
    other: Column = np.array([ledger.account(_WAYS[what].other, EXCHANGE) for what in MOVES], dtype=np.int64)[move]
    own = found.accounts[client]
    moved = [MOVES[number] for number in move.tolist()]
    names = [found.names[number] for number in client.tolist()]
    receives = (amount > 0).tolist()
    return Bulk(
        value_date=day,
        keys=[f"settle:{day}:{name}:{what}" for name, what in zip(names, moved, strict=True)],
        routes=[
            _WAYS[what].receives if received else _WAYS[what].pays
            for what, received in zip(moved, receives, strict=True)
        ],
        subjects=names,
        parties=found.parties[client],
        debits=np.where(amount > 0, other, own),
        credits=np.where(amount > 0, own, other),
        amounts_minor=np.abs(amount),
        refs=moved,
    )


def _left_over(ledger: Ledger, day: datetime.date) -> Iterator[Instruction]:
    path = (ledger.account("deferral", EXCHANGE), ledger.account("rounding", EXCHANGE))
    for contract, amount in left_overs(ledger.connection, day).items():
        key, ref = f"settle:{day}:{contract}:{LEFT_OVER}", f"{LEFT_OVER} {contract}"
        yield Instruction(key, LEFT_OVER, EXCHANGE, path, amount, day, ref=ref)
