"""A ledger as one login sees it: instructions in, outcomes out, and the readings that everything else is made of.

A connection stays in autocommit, so that a batch is one commit. `committed` is called after each one: whoever watches
over an equation looks there, and nothing escapes it.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import sql

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger.arrays import (
    ByteaArray,
    DateArray,
    Int2Array,
    Int4Array,
    Int8Array,
    PackedArray,
    TextArray,
    register_arrays,
)
from ringfence.ledger.bulk import Bulk
from ringfence.ledger.instruction import LONGEST, NEVER, Control, Instruction, Outcome, Refusal, require_usable
from ringfence.ledger.registry import AccountName, Registry, refusals

LARGEST_BATCH = 8192
Batch = TypeVar("Batch")


class RouteOf(NamedTuple):
    """A route's number, and the logins that ask, finish, and give the asker its grant."""

    number: int
    asks: str
    finishes: str | None
    under: str | None


_NO_PARTY = (0, None)
_NO_ROUTE = RouteOf(0, "nobody", None, None)


@dataclass(frozen=True, slots=True)
class Posted:
    """One batch: its number, None if nothing was written, and an outcome per instruction in their order."""

    batch: int | None
    outcomes: tuple[Outcome, ...]

    @property
    def refusals(self) -> list[Refusal]:
        """The refusals among the outcomes."""
        return [outcome.refusal for outcome in self.outcomes if outcome.refusal]


class KnownBalance(NamedTuple):
    """What an account was, in the unit's minor part; `number` is the one under which a bank's client knows it."""

    account: AccountName
    number: str | None
    balance_minor: int


class Ledger(Registry):
    """The ledger `name`, entered through the login of `person`. Errors on opening: as Store.connect."""

    def __init__(self, store: Store, name: str, person: str, committed: Callable[[], None] | None = None) -> None:
        super().__init__(store, name, person, committed)
        register_arrays(self.connection)
        self._routes: dict[str, RouteOf] = {
            row[1]: RouteOf(row[0], *row[2:])
            for row in self.rows("SELECT id, name, asks, finishes, under FROM {}.route")
        }
        call = sql.SQL("{}.post({})").format(self._schema, sql.SQL(", ").join([sql.Placeholder()] * 19))
        self._post = sql.SQL("SELECT * FROM ") + call
        # Where it is enough to know what was refused.
        self._post_bulk = sql.SQL(
            "SELECT batch, CASE WHEN refused THEN status END, CASE WHEN refused THEN figure END, CASE WHEN refused THEN under END "
            "FROM (SELECT *, 1 < ANY (status) AS refused FROM {} OFFSET 0) AS posted"
        ).format(call)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- what happens ---------------------------------------------------------------------------------------------

    def post(
        self, instructions: Sequence[Instruction], taking_over: tuple[str, int] | None = None, *, whole: bool = False
    ) -> Posted:
        """Post a batch in one commit, as if its instructions were posted one after another.

        `taking_over` names a bank and the batch of its book that this one books. A `whole` batch is written only if
        nothing in it is refused. Nothing is raised for an instruction that is refused. Errors: BadInput for a batch of
        more than 8,192 instructions, an instruction that cannot be sent, or a bank that is not registered; Refused while the
        clock is behind what was recorded last.
        """
        if len(instructions) > LARGEST_BATCH:
            raise BadInput("instructions", len(instructions), f"at most {LARGEST_BATCH} in a batch")
        source = (None, None) if taking_over is None else (self._source(taking_over[0]), taking_over[1])
        if not instructions:
            return Posted(None, ())
        parameters = (*self._packed(instructions), *source)
        if whole:
            with self.connection.transaction() as transaction:
                posted = self._posted(instructions, self._send(parameters, self._post))
                if posted.refusals:
                    posted = Posted(None, posted.outcomes)
                    raise psycopg.Rollback(transaction)
        else:
            posted = self._posted(instructions, self._send(parameters, self._post))
        if posted.batch is not None:
            self._committed()
        return posted

    def _send(self, parameters: Sequence[PackedArray | int | None], call: sql.Composed) -> Any:
        with refusals(), self.connection.cursor(binary=True) as cursor:
            return cursor.execute(call, parameters).fetchone()

    def _posted(self, instructions: Sequence[Instruction], row: Any) -> Posted:
        batch, *columns = row
        return Posted(batch, tuple(map(self._outcome, instructions, *columns)))

    def _packed(self, instructions: Sequence[Instruction]) -> tuple[PackedArray | None, ...]:
        """The batch as the posting function takes it: an array a column, accounts by their place in the first; no array where
        all is as usual. Errors: BadInput for an instruction that cannot be sent.
        """
        try:
            return self._columns(instructions)
        except (struct.error, TypeError, ValueError):
            for asked in instructions:
                require_usable(asked)
            raise

    def _columns(self, instructions: Sequence[Instruction]) -> tuple[PackedArray | None, ...]:
        accounts = sorted({account for asked in instructions for account in asked.path})
        place = {account: number for number, account in enumerate(accounts, 1)}
        sides: list[list[int]] = [[0] * len(instructions) for _ in range(4)]
        longest = 0
        for number, asked in enumerate(instructions):
            for side, account in zip(sides, asked.path, strict=False):
                side[number] = place[account]
            longest = max(longest, len(asked.path))
        if longest > len(sides):
            raise ValueError("a path of more than four accounts")
        keys = [asked.key for asked in instructions]
        if not all(keys):
            raise ValueError("a key that is empty")
        routes, parties = self._routes, self._numbered_parties.fetch(asked.subject for asked in instructions)
        return (
            Int8Array.pack(accounts or [0]),
            Int4Array.pack(sides[0]),
            Int4Array.pack(sides[1]),
            _unless(0, sides[2], Int4Array.pack),
            _unless(0, sides[3], Int4Array.pack),
            _unless(0, [int(asked.action) for asked in instructions], Int2Array.pack),
            Int2Array.pack([routes.get(asked.route, _NO_ROUTE).number for asked in instructions]),
            Int4Array.pack([parties.get(asked.subject, _NO_PARTY)[0] for asked in instructions]),
            Int8Array.pack([_whole(asked.amount_minor) for asked in instructions]),
            _unless(0, [asked.hold or asked.reverses for asked in instructions], Int8Array.pack),
            TextArray.pack_text(keys, LONGEST["key"]),
            ByteaArray.pack([asked.hash() for asked in instructions]),
            DateArray.pack_dates([asked.value_date for asked in instructions]),
            _unless(NEVER, [asked.expires for asked in instructions], DateArray.pack_dates),
            _unless(0, _links(instructions), Int4Array.pack),
            _unless(
                "", [asked.payee for asked in instructions], partial(TextArray.pack_text, longest=LONGEST["payee"])
            ),
            _unless("", [asked.ref for asked in instructions], partial(TextArray.pack_text, longest=LONGEST["ref"])),
        )

    def post_in_batches(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Post however many instructions, in their order, in as many commits as that takes; an outcome for each.

        A group is never parted. Errors: BadInput for a group of more than 8,192.
        """
        outcomes: list[Outcome] = []
        for part, row in self._in_turn(_parts(instructions), self._packed, self._post):
            outcomes += self._posted(part, row).outcomes
        return outcomes

    def post_bulk(self, bulks: Iterable[Bulk]) -> Iterator[Refusal]:
        """Post however much, in its order, in as many commits as that takes; what is refused of it. Errors: as Bulk.packed."""
        routes = self.route_numbers
        batches = (batch for bulk in bulks for batch in bulk.batches(LARGEST_BATCH))
        for batch, (_, *columns) in self._in_turn(batches, lambda bulk: bulk.packed(routes), self._post_bulk):
            if columns[0]:
                for row, (status, figure, under) in enumerate(zip(*columns, strict=True)):
                    if status > 1:
                        yield self._refusal(batch.one(row), status, figure, under)

    def _in_turn(
        self, parts: Iterable[Batch], packed: Callable[[Batch], tuple[PackedArray | None, ...]], call: sql.Composed
    ) -> Iterator[tuple[Batch, Any]]:
        """Each part with what the posting function answers. While the database works on one, the next is packed and the one before
        is unpacked, unless somebody looks after every commit.
        """
        under_way: tuple[Batch, Future[Any]] | None = None
        with ThreadPoolExecutor(1) as server:
            for part in parts:
                parameters = (*packed(part), None, None)
                if self.watched:
                    row = self._send(parameters, call)
                    if row[0] is not None:
                        self._committed()
                    yield part, row
                    continue
                before, under_way = under_way, (part, server.submit(self._send, parameters, call))
                if before:
                    yield before[0], before[1].result()
            if under_way:
                yield under_way[0], under_way[1].result()

    def open_day(self, day: datetime.date) -> None:
        """Open `day` as the booking day, and release what has expired by then. Only a login that closes may.

        Opening the open day again only releases what was not released yet.
        """
        ((batch,),) = self.rows("SELECT {}.open_day(%s)", (day,))
        if batch is not None:
            self._committed()
        while self.rows("SELECT released FROM {}.expire(%s)", (LARGEST_BATCH,)) != [(0,)]:
            self._committed()

    def close_day(self, day: datetime.date) -> None:
        """Close every day up to `day`. Only a login that closes may; closing a closed day changes nothing."""
        ((batch,),) = self.rows("SELECT {}.close_day(%s)", (day,))
        if batch is not None:
            self._committed()

    def _source(self, bank: str) -> int:
        self.party(bank)
        return self._numbered_parties[bank][0]

    def _outcome(
        self,
        asked: Instruction,
        status: int,
        posting: int,
        under: int,
        figure: int,
        debit: int | None,
        credit: int | None,
    ) -> Outcome:
        if status <= 1:
            return Outcome(asked, posting, status == 1, None, debit, credit, under)
        return Outcome(asked, None, False, self._refusal(asked, status, figure, under), None, None, None)

    def _refusal(self, asked: Instruction, status: int, figure: int, under: int) -> Refusal:
        route = self._routes.get(asked.route, _NO_ROUTE)
        asker = route.finishes if asked.action >= 2 else route.asks
        begins = self.names.get(asked.path[0]) if asked.path else None
        return Refusal(
            Control(status),
            figure,
            asked,
            self.login,
            asker or "nobody",
            begins.unit if begins else "CNY",
            self._grant(under) if under else None,
            route.under,
        )

    @property
    def route_numbers(self) -> dict[str, int]:
        """The number of every declared route, as postings have it."""
        return {name: route.number for name, route in self._routes.items()}

    # -- readings -------------------------------------------------------------------------------------------------

    @property
    def day(self) -> datetime.date:
        """The booking day; the first of January of year 1 where none was opened."""
        ((day,),) = self.rows("SELECT day FROM {}.head")
        return day  # type: ignore[no-any-return]

    @property
    def closed_through(self) -> datetime.date:
        """The last closed day; the first of January of year 1 where none is."""
        ((day,),) = self.rows("SELECT closed_through FROM {}.head")
        return day  # type: ignore[no-any-return]

    def balances(self, kind: str, unit: str = "CNY") -> dict[str, int]:
        """The balance of every account of a kind, by owner, in the unit's minor part.

        Errors: BadInput for a kind or a unit that the ledger does not have.
        """
        found = self.rows("SELECT owner, balance FROM {}.balances WHERE kind = %s AND unit = %s", (kind, unit))
        if not found:
            self._require_declared("kind", kind, "SELECT name FROM {}.kind ORDER BY id")
            self._require_declared("unit", unit, "SELECT code FROM {}.unit ORDER BY id")
        return dict(found)

    def balances_as_known(self, known: datetime.date, about: datetime.date) -> list[KnownBalance]:
        """What every account was on the day `about`, by value dates, as it was known at the end of the booking day `known`.

        Errors: BadInput for a day up to which nothing has been recorded yet.
        """
        if known > self.day:
            raise BadInput(
                "known", str(known), f"a day up to {self.day}, the booking day: nothing is known of later ones"
            )
        rows = self.rows(
            "SELECT kind, owner, unit, ordinal, number, balance FROM {}.balances_as_known(%s, %s)", (known, about)
        )
        return [KnownBalance(AccountName(*row[:4]), *row[4:]) for row in rows]

    def _require_declared(self, field: str, name: str, query: str) -> None:
        declared = [known for (known,) in self.rows(query)]
        if name not in declared:
            raise BadInput(field, name, f"one of ledger {self.name}'s: {', '.join(declared)}")

    def known(self, keys: Sequence[str]) -> dict[str, int]:
        """Which of these keys were carried out, and by which posting."""
        found = self.rows("SELECT key, id FROM {}.posting WHERE key = ANY (%s)", (list(keys),))
        return dict(found)


def _unless(usual: object, values: Sequence[Any], pack: Callable[[Sequence[Any]], PackedArray]) -> PackedArray | None:
    """Pack them, or nothing where all are as usual."""
    return None if values.count(usual) == len(values) else pack(values)


def _whole(amount_minor: int) -> int:
    # What does not fit the wire is refused by the kernel like any other amount that is none.
    return amount_minor if abs(amount_minor) < 2**63 else -1


def _parts(instructions: Sequence[Instruction]) -> Iterator[Sequence[Instruction]]:
    start = 0
    while start < len(instructions):
        end = min(start + LARGEST_BATCH, len(instructions))
        while start < end < len(instructions) and _linked(instructions[end - 1], instructions[end]):
            end -= 1
        if end == start:
            raise BadInput("group", instructions[start].group, f"a group of at most {LARGEST_BATCH} instructions")
        yield instructions[start:end]
        start = end


def _linked(one: Instruction, other: Instruction) -> bool:
    return bool(one.group) and one.group == other.group


def _links(instructions: Sequence[Instruction]) -> list[int]:
    """A number for each group of instructions side by side; 0 for those that are alone."""
    links, last = [], 0
    for place, asked in enumerate(instructions):
        if not asked.group:
            links.append(0)
            continue
        if place == 0 or not _linked(instructions[place - 1], asked):
            last += 1
        links.append(last)
    return links
