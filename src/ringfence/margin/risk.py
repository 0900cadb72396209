"""Risk: how every client and member stands, what a move of prices would do to them, and who would bear it.

A *book* is all open positions with what everybody has. Valued at its prices it says who must pay in; valued at other prices it
is a stress: the same function, the same grades. Nothing is estimated: a move shifts each price by whole fen, every position is
revalued in 64-bit integers, and margin is counted at the shifted price.

Who bears what a client cannot pay, in this order (the default waterfall):

    the client          all that it has
    its own member      its guarantee, as far as that goes, for its own clients alone
    the reserve         of the exchange
    nobody              what is left; it is never another client

A member's grade is that of its clients together: margin over equity, by the same steps. It is a sign, not a netting: what one
client has too much serves no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ringfence.errors import BadInput
from ringfence.margin.contracts import Contract
from ringfence.margin.funds import GRADES, AllFunds, Funds, funds_of_all
from ringfence.margin.lots import Rows
from ringfence.margin.settlement import requirement
from ringfence.money import Rate
from ringfence.money.columns import Column, column, sums, times

_FORCED = GRADES.index("red-forced-close")


@dataclass(frozen=True, slots=True, eq=False)
class Positions(Rows):
    """Open lots, a row for each client and contract that has any; clients and contracts by their places in the book."""

    client: Column
    contract: Column
    long_lots: Column
    short_lots: Column


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """All open positions at `prices` (fen per quote measure), and what everybody has in fen.

    `member` is the place of each client's member. `cash` is booked at those prices: it is everybody's equity.
    """

    clients: tuple[str, ...]
    members: tuple[str, ...]
    member: Column
    cash: Column
    contracts: tuple[Contract, ...]
    prices: Column
    positions: Positions
    guarantees: Column
    reserve_minor: int

    def place(self, code: str) -> int:
        """The place of a contract. Errors: BadInput."""
        codes = [contract.code for contract in self.contracts]
        if code not in codes:
            raise BadInput("contract", code, f"one with open positions: {', '.join(codes) or 'there is none'}")
        return codes.index(code)


@dataclass(frozen=True, slots=True, eq=False)
class Borne:
    """Who bears what clients cannot pay, in fen: each member's guarantee, the reserve, nobody."""

    by_guarantee: Column
    by_reserve_minor: int
    by_nobody_minor: int


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """The book at some prices: everybody's funds, each member's over its clients, what clients cannot pay, who bears it."""

    prices: Column
    funds: AllFunds
    members: AllFunds
    shortfall: Column
    borne: Borne

    @property
    def called(self) -> int:
        """How many clients must pay in."""
        return int(np.count_nonzero(self.funds.call_minor))

    @property
    def forced(self) -> int:
        """How many clients are beyond the step of forced closing."""
        return int(np.count_nonzero(self.funds.grade == _FORCED))

    @property
    def fallen(self) -> int:
        """How many clients have less than nothing."""
        return int(np.count_nonzero(self.shortfall))

    @property
    def shortfall_minor(self) -> int:
        """What all clients together cannot pay."""
        return int(self.shortfall.sum())


class OfMember(NamedTuple):
    """A member: its clients' funds together, how many of them must pay in, what they cannot pay and its guarantee bears, in fen."""

    member: str
    funds: Funds
    called: int
    shortfall_minor: int
    guarantee_minor: int


class Point(NamedTuple):
    """One point of a stress curve: all prices moved by `parts` per hundred million."""

    parts: int
    called: int
    forced: int
    fallen: int
    shortfall_minor: int


def parse_move(text: str) -> int:
    """Read a move such as "-4%" or "+2.5%" as parts per hundred million. Errors: BadInput; below -100% too."""
    sign = -1 if text.startswith(("-", "\u2212")) else 1
    try:
        parts = sign * Rate.parse(text.lstrip("+-\u2212")).parts
    except BadInput:
        raise BadInput("move", text, 'a move of a price such as "-4%" or "+2.5%"') from None
    if parts <= -Rate.WHOLE:
        raise BadInput("move", text, "more than -100%")
    return parts


def standing_at(book: Book, moves: Mapping[str, int] | None = None) -> Standing:
    """The book when the prices of some contracts have moved by so many parts per hundred million; as it is, without any.

    Errors: BadInput for a contract that the book does not have, or an amount beyond 64 bits.
    """
    shift = np.zeros_like(book.prices)
    for code, parts in (moves or {}).items():
        place = book.place(code)
        price = int(book.prices[place])
        moved = (2 * abs(parts) * price + Rate.WHOLE) // (2 * Rate.WHOLE)
        shift[place] = max(1 - price, -moved if parts < 0 else moved)
    prices = book.prices + shift
    held, size = book.positions, len(book.clients)
    quantity = column(contract.lot_quantity for contract in book.contracts)[held.contract]
    gained = times(held.long_lots - held.short_lots, quantity, shift[held.contract])
    at = times(quantity, prices[held.contract])
    rates = column(contract.margin.parts for contract in book.contracts)[held.contract]
    needed = requirement(times(held.long_lots, at), times(held.short_lots, at), rates)
    equity = book.cash + sums(gained, held.client, size)
    margin = sums(needed, held.client, size)
    shortfall = np.maximum(0, -equity)
    groups = len(book.members)
    return Standing(
        prices,
        funds_of_all(cash=equity, margin=margin),
        funds_of_all(cash=sums(equity, book.member, groups), margin=sums(margin, book.member, groups)),
        shortfall,
        waterfall(sums(shortfall, book.member, groups), book.guarantees, book.reserve_minor),
    )


def members_at(book: Book, at: Standing) -> list[OfMember]:
    """How each member stands."""
    groups = len(book.members)
    called = sums((at.funds.call_minor > 0).astype(np.int64), book.member, groups)
    shortfall = sums(at.shortfall, book.member, groups)
    return [
        OfMember(
            member, at.members.one(place), int(called[place]), int(shortfall[place]), int(at.borne.by_guarantee[place])
        )
        for place, member in enumerate(book.members)
    ]


def waterfall(shortfall: Column, guarantees: Column, reserve_minor: int) -> Borne:
    """Who bears what the clients of each member cannot pay; a guarantee pays for its own member's clients and no others."""
    by_guarantee = np.minimum(shortfall, guarantees)
    left = int((shortfall - by_guarantee).sum())
    return Borne(by_guarantee, min(left, reserve_minor), max(0, left - reserve_minor))


def curve(book: Book, moves_parts: Iterable[int], codes: Iterable[str] | None = None) -> list[Point]:
    """What each move of all prices together would do, or of some contracts alone."""
    moved = [contract.code for contract in book.contracts] if codes is None else list(codes)
    points = []
    for parts in moves_parts:
        at = standing_at(book, dict.fromkeys(moved, parts))
        points.append(Point(parts, at.called, at.forced, at.fallen, at.shortfall_minor))
    return points


class Concentration(NamedTuple):
    """How much of one side of a contract few have: lots in all, of the largest client, the five largest, the largest member."""

    contract: str
    side: int
    lots: int
    largest_client: str
    largest_lots: int
    five_lots: int
    largest_member: str
    member_lots: int


def concentration(book: Book) -> list[Concentration]:
    """How concentrated each side of each contract is, where anything is open."""
    found = []
    for place, contract in enumerate(book.contracts):
        held = book.positions.at(np.flatnonzero(book.positions.contract == place))
        for side, lots in ((1, held.long_lots), (-1, held.short_lots)):
            total = int(lots.sum())
            if not total:
                continue
            order = np.argsort(-lots, kind="stable")[:5]
            of_member = sums(lots, book.member[held.client], len(book.members))
            first, member = int(order[0]), int(of_member.argmax())
            found.append(
                Concentration(
                    contract.code, side, total, book.clients[int(held.client[first])], int(lots[first]),
                    int(lots[order].sum()), book.members[member], int(of_member[member]),
                )
            )  # fmt: skip
    return found


class ForcedClose(NamedTuple):
    """Lots of one side (1 longs, -1 shorts) that have to be closed, and what of margin and fee that frees and costs, in fen."""

    client: str
    contract: str
    side: int
    lots: int
    freed_minor: int
    fee_minor: int


def forced_closes(book: Book, at: Standing, clients: Iterable[int], percent: int = 100) -> list[ForcedClose]:
    """What has to be closed of some clients (by their places) so that margin is at most so many hundredths of equity.

    As few lots as that takes: those that bind most margin first, of the last position just so many as are needed. Where equity
    does not suffice for anything, all of it. Closing is counted at the book's prices, with its fee.
    """
    wanted = list(clients)
    rows = np.flatnonzero(np.isin(book.positions.client, column(wanted)))
    held: dict[int, list[_Side]] = {place: [] for place in wanted}
    for row in rows.tolist():
        who, number = int(book.positions.client[row]), int(book.positions.contract[row])
        for side, lots in ((1, book.positions.long_lots[row]), (-1, book.positions.short_lots[row])):
            if lots:
                held[who].append(_Side(book.contracts[number], int(at.prices[number]), side, int(lots)))
    found: list[ForcedClose] = []
    for place in wanted:
        equity, margin = int(at.funds.equity_minor[place]), int(at.funds.margin_minor[place])
        for one in sorted(held[place], key=lambda one: (-one.margin_minor(1), one.contract.code, one.side)):
            if margin * 100 <= percent * equity:
                break
            lots = one.least(equity, margin, percent)
            freed, fee = one.margin_minor(one.lots) - one.margin_minor(one.lots - lots), one.fee_minor(lots)
            equity, margin = equity - fee, margin - freed
            found.append(ForcedClose(book.clients[place], one.contract.code, one.side, lots, freed, fee))
    return found


class _Side(NamedTuple):
    contract: Contract
    price_minor: int
    side: int
    lots: int

    def margin_minor(self, lots: int) -> int:
        return self.contract.margin_minor(lots, self.price_minor)

    def fee_minor(self, lots: int) -> int:
        return self.contract.fee.of(self.contract.value_minor(lots, self.price_minor), lots)

    def least(self, equity: int, margin: int, percent: int) -> int:
        """How many lots at least must be closed for margin to be within `percent` of equity; all where that is not enough."""

        def enough(lots: int) -> bool:
            left = margin - self.margin_minor(self.lots) + self.margin_minor(self.lots - lots)
            return left * 100 <= percent * (equity - self.fee_minor(lots))

        low, high = 1, self.lots
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle + 1, high)
        return low
