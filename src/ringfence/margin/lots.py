"""Lots: what is open, trade by trade, and how closing takes from it: first in, first out.

Longs and shorts are kept gross: a client may hold both in one contract, and only a closing trade reduces one of them. What
was opened first is closed first, so earlier days' lots go before today's: what CTP does with a plain close (平仓) where the
exchange does not tell closing today's lots (平今) from earlier ones (平昨).

Everything is in columns, so that one client and a million are the same few operations. A client and a contract are numbers
here; whoever calls knows their names.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from ringfence.money.columns import Column, column

BUY: Final = 1
SELL: Final = -1
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Columns of one length."""

    @classmethod
    def none(cls) -> Self:
        """No rows."""
        return cls(**{field.name: column(()) for field in fields(cls)})

    @property
    def size(self) -> int:
        """How many rows there are."""
        first: Column = getattr(self, fields(self)[0].name)
        return int(first.size)

    def at(self, rows: Column | Mask) -> Self:
        """Some of the rows, in that order."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def and_then(self, other: Self) -> Self:
        """These rows, and the other's after them."""
        return type(self)(
            **{
                field.name: np.concatenate((getattr(self, field.name), getattr(other, field.name)))
                for field in fields(self)
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class Lots(Rows):
    """Open lots, a row per opening trade, the oldest first of each client, contract and side.

    `side` is 1 for longs and -1 for shorts, `opened` the ordinal of the day on which they were opened, `trade` the number of
    the trade that opened them, `price` fen per quote measure, `lots` how many are still open.
    """

    client: Column
    contract: Column
    side: Column
    opened: Column
    trade: Column
    price: Column
    lots: Column


@dataclass(frozen=True, slots=True, eq=False)
class Fills(Rows):
    """A day's fills in the order in which they were made: bought (1) or sold (-1), to open (1) or to close (0).

    A fill by delivery is free of fee: it is not `charged` (0).
    """

    client: Column
    contract: Column
    side: Column
    opens: Column
    lots: Column
    price: Column
    trade: Column
    charged: Column


@dataclass(frozen=True, slots=True, eq=False)
class Closed(Rows):
    """What closing took: `lots` of what `opened` says, by the fill with the number `fill` (its row)."""

    client: Column
    contract: Column
    side: Column
    opened: Column
    trade: Column
    price: Column
    lots: Column
    fill: Column
    close_price: Column


class ClosedMoreThanOpen(Exception):
    """The fill in row `fill` closes `asked` lots, and `held` were open then. For whoever knows the names to say."""

    def __init__(self, fill: int, asked: int, held: int) -> None:
        super().__init__(fill, asked, held)
        self.fill, self.asked, self.held = fill, asked, held


def first_in_first_out(lots: Lots, fills: Fills, day: int) -> tuple[Lots, Closed]:
    """What is open after the fills of `day` (an ordinal), and what they closed. Errors: ClosedMoreThanOpen.

    All lots that were opened lie end to end on a line, group by group, oldest first; all closes lie on the same line, each
    group's from where its lots begin. Where a close lies over a lot, it closed it.
    """
    opening = fills.opens == 1
    side = np.where(opening, fills.side, -fills.side)
    open_fills = fills.at(opening)
    opened = lots.and_then(
        Lots(
            open_fills.client, open_fills.contract, open_fills.side, np.full(open_fills.size, day, dtype=np.int64),
            open_fills.trade, open_fills.price, open_fills.lots,
        )
    )  # fmt: skip
    groups = _groups(opened.client, opened.contract, opened.side)
    order = np.argsort(groups, kind="stable")
    opened, groups = opened.at(order), groups[order]
    closing = np.flatnonzero(~opening)
    if closing.size == 0:
        return opened, Closed.none()
    _require_enough(lots, fills, side)

    end = np.cumsum(opened.lots)
    close_groups = _groups(fills.client[closing], fills.contract[closing], side[closing])
    order = np.argsort(close_groups, kind="stable")
    closing, close_groups = closing[order], close_groups[order]
    until = np.cumsum(fills.lots[closing])
    # Where each group begins on the line, and how much was closed before it.
    first = np.searchsorted(close_groups, close_groups, side="left")
    before = (until - fills.lots[closing])[first]
    group_start = (end - opened.lots)[np.searchsorted(groups, close_groups, side="left")]
    until = until - before + group_start
    since = until - fills.lots[closing]
    lowest = np.searchsorted(end, since, side="right")
    highest = np.searchsorted(end, until, side="left")
    count = highest - lowest + 1
    which = np.repeat(np.arange(closing.size), count)
    over = np.arange(which.size) - np.repeat(np.cumsum(count) - count, count) + lowest[which]
    taken = np.minimum(end[over], until[which]) - np.maximum((end - opened.lots)[over], since[which])

    rest = opened.lots.copy()
    np.subtract.at(rest, over, taken)
    took = opened.at(over)
    closed = Closed(
        took.client, took.contract, took.side, took.opened, took.trade, took.price, taken,
        fill=closing[which], close_price=fills.price[closing[which]],
    )  # fmt: skip
    left = Lots(opened.client, opened.contract, opened.side, opened.opened, opened.trade, opened.price, rest)
    return left.at(rest > 0), closed


def _require_enough(lots: Lots, fills: Fills, side: Column) -> None:
    """See that at no moment more is closed than is open; carried lots are there from the beginning."""
    signed = np.where(fills.opens == 1, fills.lots, -fills.lots)
    groups = np.concatenate(
        (_groups(lots.client, lots.contract, lots.side), _groups(fills.client, fills.contract, side))
    )
    change = np.concatenate((lots.lots, signed))
    order = np.argsort(groups, kind="stable")
    running = np.cumsum(change[order])
    first = np.searchsorted(groups[order], groups[order], side="left")
    held = running - (running - change[order])[first]
    short = np.flatnonzero(held < 0)
    if short.size:
        # The earliest fill of the day that cannot be.
        place = short[np.argmin(order[short])]
        fill = int(order[place]) - lots.size
        asked = int(fills.lots[fill])
        raise ClosedMoreThanOpen(fill, asked, int(held[place]) + asked)


def _groups(client: Column, contract: Column, side: Column) -> Column:
    """One number for each client, contract and side; contracts are fewer than 2^20, clients than 2^40."""
    return (client << 21) | (contract << 1) | (side < 0)
