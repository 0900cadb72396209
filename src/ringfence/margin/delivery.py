"""Delivery: who gives metal to whom, by the tenders of a day.

Whoever is short may tender to deliver, whoever is long to receive, lots that are open and not tendered yet. When tendering ends
the lots are counted and the direction of the deferred fee is published: the side that tendered less pays the other. Then
neutrals (中立仓) may tender on the side that is lacking: with metal where too little is delivered, with cash where too little is
received. They fill the gap in the order of their tenders, and no more.

Everything is matched in the order of time, one side's lots against the other's, until either is used up. A match closes lots of
both at the day's settlement price, metal against cash. A neutral had no lots: with its fill it gets the reverse position at the
settlement price, long where it delivered and short where it received, free of fee. What is tendered and not matched stays open.

Whoever cannot give its metal or its cash at the clearing defaults: no metal and no cash changes hands, the lots are closed all
the same, and it pays the other a penalty, a rate of their value. If neither can, neither pays.

Source: SGE deferred trading rules; for neutrals cngold.org 7737805 and the exchange's page on margin trading, whose example is a
test. That a default closes the lots is our reading of "delivery ends".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from ringfence.errors import BadInput
from ringfence.margin.contracts import Contract
from ringfence.margin.market import Direction
from ringfence.money import Rate, apply_rate, round_half_up

TenderSide = Literal["deliver", "receive"]
Giver = TypeVar("Giver")
Taker = TypeVar("Taker")


@dataclass(frozen=True, slots=True)
class Tender:
    """One client's tender of `lots`; tenders are ordered by `number`, which is their order in time."""

    number: int
    client: str
    side: TenderSide
    lots: int
    neutral: bool = False

    def __post_init__(self) -> None:
        if self.side not in ("deliver", "receive"):
            raise BadInput("side", self.side, "deliver or receive")
        if self.lots < 1:
            raise BadInput("lots", self.lots, "at least one lot")


@dataclass(frozen=True, slots=True)
class Count:
    """How many lots position holders tendered on each side."""

    deliver_lots: int
    receive_lots: int

    @property
    def direction(self) -> Direction:
        """Who pays the deferred fee: the side that tendered less."""
        if self.deliver_lots == self.receive_lots:
            return Direction.NONE
        return Direction.SHORTS_PAY if self.deliver_lots < self.receive_lots else Direction.LONGS_PAY

    @property
    def gap(self) -> tuple[TenderSide, int] | None:
        """On which side neutrals may tender, and how many lots they can fill; None where nothing is lacking."""
        if self.deliver_lots == self.receive_lots:
            return None
        lacking: TenderSide = "deliver" if self.deliver_lots < self.receive_lots else "receive"
        return lacking, abs(self.deliver_lots - self.receive_lots)


class Match(NamedTuple):
    """`lots` that `deliver` gives and `receive` takes."""

    deliver: Tender
    receive: Tender
    lots: int


Outcome = Literal["delivered", "giver-defaults", "taker-defaults", "both-default"]


class Cleared(NamedTuple):
    """What became of a match of a contract: so much metal against so much money, in milligrams and fen; or by whose default it
    ended, and what the defaulter pays the other.
    """

    contract: str
    metal: str
    match: Match
    outcome: Outcome
    weight_minor: int
    value_minor: int
    penalty_minor: int

    @property
    def cash(self) -> list[tuple[str, int]]:
        """What it changes in each side's cash, in fen."""
        giver, taker = self.match.deliver.client, self.match.receive.client
        if self.outcome == "delivered":
            return [(giver, self.value_minor), (taker, -self.value_minor)]
        return self.penalty

    @property
    def penalty(self) -> list[tuple[str, int]]:
        """What of it is penalty; nothing where neither side, or both, did what it should."""
        payer, payee = self.match.deliver.client, self.match.receive.client
        if self.outcome == "taker-defaults":
            payer, payee = payee, payer
        return [(payer, -self.penalty_minor), (payee, self.penalty_minor)] if self.penalty_minor else []


class Means:
    """What each client can give at the clearing, and has not given yet: fen by client, milligrams by client and metal."""

    def __init__(self, cash_minor: Mapping[str, int], metal_minor: Mapping[tuple[str, str], int]) -> None:
        self.cash_minor = Counter(cash_minor)
        self.metal_minor = Counter(metal_minor)


def count(tenders: Iterable[Tender]) -> Count:
    """Count what position holders tendered; neutrals come later."""
    lots: dict[TenderSide, int] = {"deliver": 0, "receive": 0}
    for tender in tenders:
        if not tender.neutral:
            lots[tender.side] += tender.lots
    return Count(lots["deliver"], lots["receive"])


def match(tenders: Sequence[Tender]) -> list[Match]:
    """Match everything that can be, in the order of time; neutrals fill the gap and no more.

    Errors: BadInput for a neutral on a side that is not lacking.
    """
    gap = count(tenders).gap
    queues: dict[TenderSide, list[Tender]] = {"deliver": [], "receive": []}
    # Neutrals come after all position holders, so the other side is used up when they have filled the gap.
    for tender in sorted(tenders, key=lambda tender: (tender.neutral, tender.number)):
        if tender.neutral and (gap is None or tender.side != gap[0]):
            right = (
                f"a neutral tender to {gap[0]}, which is lacking" if gap else "no neutral tender: nothing is lacking"
            )
            raise BadInput("side", tender.side, right)
        queues[tender.side].append(tender)
    lots = {side: [(tender, tender.lots) for tender in queue] for side, queue in queues.items()}
    return [Match(*one) for one in overlay(lots["deliver"], lots["receive"])]


def overlay(
    giving: Iterable[tuple[Giver, int]], taking: Iterable[tuple[Taker, int]]
) -> Iterator[tuple[Giver, Taker, int]]:
    """Lay both queues of lots end to end on one line: where they lie over each other, so many lots go from one to the other."""
    givers, takers = iter(giving), iter(taking)
    giver, taker = next(givers, None), next(takers, None)
    while giver is not None and taker is not None:
        lots = min(giver[1], taker[1])
        if lots:
            yield giver[0], taker[0], lots
        giver = (giver[0], giver[1] - lots) if giver[1] > lots else next(givers, None)
        taker = (taker[0], taker[1] - lots) if taker[1] > lots else next(takers, None)


def clear(contract: Contract, settlement_minor: int, matches: Iterable[Match], means: Means) -> list[Cleared]:
    """Clear matches at the settlement price, one after another, with what is left of everybody's `means`.

    What is received in one match can be given in no other: it is there in the evening. A penalty that somebody pays cannot buy
    metal any more. Errors: BadInput where the contract has no metal, or no penalty rate and somebody defaults.
    """
    if contract.metal is None:
        raise BadInput("contract", contract.code, "a contract against which metal is delivered")
    cleared = []
    for one in matches:
        giver, taker = one.deliver.client, one.receive.client
        weight, value, _ = amounts(contract, settlement_minor, one.lots, "delivered")
        outcome = _OUTCOMES[means.metal_minor[giver, contract.metal] >= weight, means.cash_minor[taker] >= value]
        made = Cleared(
            contract.code, contract.metal, one, outcome, *amounts(contract, settlement_minor, one.lots, outcome)
        )
        if outcome == "delivered":
            means.metal_minor[giver, contract.metal] -= weight
        # What comes in can buy nothing any more this evening.
        for client, amount in made.cash:
            means.cash_minor[client] += min(0, amount)
        cleared.append(made)
    return cleared


def amounts(contract: Contract, settlement_minor: int, lots: int, outcome: Outcome) -> tuple[int, int, int]:
    """Of a match of so many lots: the metal in milligrams, what it is worth, and what a defaulter pays, in fen.

    Errors: BadInput where the contract has no penalty rate and one side defaults.
    """
    value = contract.value_minor(lots, settlement_minor)
    one_side = outcome in ("giver-defaults", "taker-defaults")
    penalty = apply_rate(value, _penalty_rate(contract), round_half_up) if one_side else 0
    return contract.metal_minor(lots), value, penalty


_OUTCOMES: Mapping[tuple[bool, bool], Outcome] = {
    (True, True): "delivered",
    (False, True): "giver-defaults",
    (True, False): "taker-defaults",
    (False, False): "both-default",
}


def _penalty_rate(contract: Contract) -> Rate:
    if contract.penalty is None:
        raise BadInput("contract", contract.code, "a contract with a penalty rate, since somebody defaults")
    return contract.penalty
