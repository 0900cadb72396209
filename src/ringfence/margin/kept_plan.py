"""A day's plan as it is kept: written in one commit, read back to be carried out, and computed once more to be compared.

Of lots only what the day has changed is written: what closing took ends, what is left of it and what is new begins. So the
evening before any day can be read for ever, and what was planned can be computed again from what stands there, to the bit.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg

from ringfence.custody import Cover
from ringfence.ledger.arrays import DateArray, Int2Array, Int4Array, Int8Array, PackedArray, TextArray, columns_cursor
from ringfence.margin import parts
from ringfence.margin.delivery import Outcome
from ringfence.margin.market import Direction, SettlementPrice
from ringfence.margin.parts import Part
from ringfence.margin.planning import MOVES, Deliveries, PartPlan
from ringfence.margin.settlement import PAYS
from ringfence.money.columns import Column, column


class Delivery(NamedTuple):
    """What became of a match: metal against money, in milligrams and fen, or by whose default it ended."""

    match_no: str
    contract: str
    giver: str
    taker: str
    metal: str
    outcome: Outcome
    lots: int
    weight_minor: int
    value_minor: int
    penalty_minor: int


@dataclass(frozen=True, slots=True)
class DaySettled:
    """What a settled day did: who was covered, a guarantee before the reserve, what was delivered, how many are called for how much."""

    day: datetime.date
    covers: Sequence[Cover]
    deliveries: Sequence[Delivery]
    called: int
    called_minor: int


def begin_plan(
    connection: psycopg.Connection[Any],
    day: datetime.date,
    prices: Mapping[str, SettlementPrice],
    natural_days: int,
) -> None:
    """Begin to write a plan down; `prices` are those of all contracts, also of those that nobody holds."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO exchange_margin.planned (day) VALUES (%s)", (day,))
        published = [
            (day, code, p.previous_minor, p.settlement_minor, PAYS[p.direction], natural_days)
            for code, p in prices.items()
        ]
        _insert(cursor, "price", published)


def write_part(connection: psycopg.Connection[Any], day: datetime.date, part: PartPlan) -> None:
    """Write down what is planned for a part: what is moved of each client, and what of lots has changed."""
    names, funds = part.names, part.funds
    amounts = (funds.margin_minor, funds.call_minor, *(part.moves[what] for what in MOVES))
    with connection.cursor() as cursor:
        _insert_columns(
            cursor,
            f"client_day (day, client, margin_minor, call_minor, {', '.join(f'{what}_minor' for what in MOVES)})",
            day,
            (TextArray.pack_text(names), *map(Int8Array.pack_column, amounts)),
        )
        _write_lots(cursor, day, part)


def finish_plan(
    connection: psycopg.Connection[Any],
    day: datetime.date,
    covers: Sequence[Cover],
    left_over_minor: Mapping[str, int],
    deliveries: Deliveries,
) -> None:
    """Write down what a plan has beside its parts, and what it comes to."""
    with connection.cursor() as cursor:
        _insert(cursor, "cover", [(day, one.client, one.source, one.bank, one.amount_minor) for one in covers])
        _insert(cursor, "left_over", [(day, contract, amount) for contract, amount in left_over_minor.items()])
        _insert(
            cursor,
            "delivery",
            [
                (
                    trade, day, of.contract, of.match.deliver.client, of.match.receive.client, of.metal, of.outcome,
                    of.weight_minor, of.value_minor, of.penalty_minor,
                )
                for trade, of in deliveries
            ],
        )  # fmt: skip


def read_plan(connection: psycopg.Connection[Any], day: datetime.date) -> DaySettled:
    """What is to be done for `day` beside what each client's row says, as it was written down."""
    covers = connection.execute(
        "SELECT format('cover:%%s:%%s:%%s:%%s', day, client, source, bank), client, amount_minor, bank, source "
        "FROM exchange_margin.cover WHERE day = %s ORDER BY client, source DESC, bank",
        (day,),
    ).fetchall()
    ((called, called_minor),) = connection.execute(
        "SELECT count(*), coalesce(sum(call_minor), 0)::bigint FROM exchange_margin.client_day WHERE day = %s AND call_minor > 0",
        (day,),
    ).fetchall()
    return DaySettled(day, [Cover(*row) for row in covers], deliveries(connection, day), called, called_minor)


def left_overs(connection: psycopg.Connection[Any], day: datetime.date) -> dict[str, int]:
    """What rounding left over of the deferred fee on `day`, by contract, in fen."""
    return dict(
        connection.execute(
            "SELECT contract, amount_minor FROM exchange_margin.left_over WHERE day = %s ORDER BY contract", (day,)
        ).fetchall()
    )


_COLUMNS: Final = ("party", "account", "margin_minor", *(f"{what}_minor" for what in MOVES))
_KEPT_DAYS = f"""
    SELECT array_agg(part.client), {", ".join(f"array_agg(part.{name})" for name in _COLUMNS)}
    FROM (
        SELECT d.*, p.id AS party, a.id AS account
        FROM exchange_margin.client_day AS d
        JOIN exchange.party AS p ON p.name = d.client
        JOIN {parts.ACCOUNT}
        WHERE d.day = %(day)s AND {{}} ORDER BY d.client LIMIT %(size)s
    ) AS part
"""


class KeptDays(NamedTuple):
    """What stands there of some clients' day: who they are, by name and number, their accounts for money; in fen the margin
    afterwards, and what is moved.
    """

    names: Sequence[str]
    parties: Column
    accounts: Column
    margin: Column
    moves: Mapping[str, Column]


def days_of_nobody(connection: psycopg.Connection[Any], day: datetime.date) -> list[str]:
    """For whom something stands there of `day` and who has no account for money: nobody, unless somebody wrote it past the plan."""
    query = (
        "SELECT d.client FROM exchange_margin.client_day AS d WHERE d.day = %s "
        f"AND NOT EXISTS (SELECT FROM exchange.party AS p JOIN {parts.ACCOUNT} WHERE p.name = d.client)"
    )
    return [client for (client,) in connection.execute(query.encode(), (day,)).fetchall()]


def kept_days(connection: psycopg.Connection[Any], day: datetime.date, of: Part | Sequence[str]) -> KeptDays:
    """What was planned of the clients of a part, or of some."""
    theirs, said = parts.whose(of)
    return _kept_days(connection, day, theirs, **said)


def all_kept_days(connection: psycopg.Connection[Any], day: datetime.date) -> Iterator[KeptDays]:
    """What was planned of all clients, some at a time, in the order of their names."""
    after = ""
    while (found := _kept_days(connection, day, "client > %(after)s", after=after, size=parts.PART)).names:
        yield found
        after = found.names[-1]


def _kept_days(connection: psycopg.Connection[Any], day: datetime.date, theirs: str, **said: object) -> KeptDays:
    with columns_cursor(connection) as cursor:
        parameters = {"day": day, "size": None, **said}
        names, *values = cursor.execute(_KEPT_DAYS.format(theirs).encode(), parameters).fetchall()[0]
    party, account, margin, *moves = values if names else [column(())] * len(_COLUMNS)
    return KeptDays(names or [], party, account, margin, dict(zip(MOVES, moves, strict=True)))


def deliveries(connection: psycopg.Connection[Any], day: datetime.date) -> list[Delivery]:
    """What became of the matches of `day`, in their order."""
    rows = connection.execute(
        "SELECT t.trade_no, d.contract, d.giver, d.taker, d.metal, d.outcome, t.lots, d.weight_minor, d.value_minor, "
        "d.penalty_minor FROM exchange_margin.delivery AS d JOIN exchange_margin.trade AS t ON t.number = d.trade "
        "WHERE d.day = %s ORDER BY d.trade",
        (day,),
    ).fetchall()
    return [Delivery(*row) for row in rows]


def kept_prices(connection: psycopg.Connection[Any], day: datetime.date) -> tuple[dict[str, SettlementPrice], int]:
    """The prices and the natural days by which `day` was settled."""
    rows = connection.execute(
        "SELECT contract, previous_minor, settlement_minor, pays, natural_days FROM exchange_margin.price WHERE day = %s",
        (day,),
    ).fetchall()
    directions = {pays: direction for direction, pays in PAYS.items()}
    prices = {
        code: SettlementPrice(previous, settlement, Direction(directions[pays]))
        for code, previous, settlement, pays, _ in rows
    }
    return prices, rows[0][4] if rows else 1


def planned_day(connection: psycopg.Connection[Any]) -> datetime.date | None:
    """The last day that is planned; None where none is."""
    ((day,),) = connection.execute("SELECT max(day) FROM exchange_margin.planned").fetchall()
    found: datetime.date | None = day
    return found


def evening_prices(connection: psycopg.Connection[Any], before: datetime.date = datetime.date.max) -> dict[str, int]:
    """Each contract's last settlement price, or the last `before` a day, in fen."""
    return dict(
        connection.execute(
            "SELECT DISTINCT ON (contract) contract, settlement_minor FROM exchange_margin.price WHERE day < %s "
            "ORDER BY contract, day DESC",
            (before,),
        ).fetchall()
    )


def _write_lots(cursor: psycopg.Cursor[Any], day: datetime.date, part: PartPlan) -> None:
    """What closing took of earlier days' lots ends; what is left of it, and what is new, begins."""
    opening, after, closed, today = part.opening, part.settled.lots, part.settled.closed, day.toordinal()
    earlier = closed.at(closed.opened < today)
    if earlier.size:
        cursor.execute(
            "UPDATE exchange_margin.lot SET until = %s WHERE until = 'infinity' "
            "AND (trade, side) IN (SELECT * FROM unnest(%s::bigint[], %s::smallint[]))",
            (day, Int8Array.pack_column(earlier.trade), Int2Array.pack_column(earlier.side)),
        )
    changed = np.isin(after.trade * 2 + (after.side > 0), earlier.trade * 2 + (earlier.side > 0))
    begins = after.at((after.opened == today) | changed)

    def named(names: Sequence[str], numbers: Column) -> PackedArray:
        return TextArray.pack_text([names[number] for number in numbers.tolist()])

    _insert_columns(
        cursor,
        "lot (since, trade, side, client, contract, opened, price_minor, lots)",
        day,
        (
            Int8Array.pack_column(begins.trade),
            Int2Array.pack_column(begins.side),
            named(opening.clients, begins.client),
            named(opening.contracts, begins.contract),
            DateArray.pack_ordinals(begins.opened),
            Int8Array.pack_column(begins.price),
            Int4Array.pack_column(begins.lots),
        ),
    )
    _insert_columns(
        cursor,
        "closed (day, close_trade, trade, side, client, contract, lots)",
        day,
        (
            Int8Array.pack_column(opening.fills.trade[closed.fill]),
            Int8Array.pack_column(closed.trade),
            Int2Array.pack_column(closed.side),
            named(opening.clients, closed.client),
            named(opening.contracts, closed.contract),
            Int4Array.pack_column(closed.lots),
        ),
    )


def _insert_columns(
    cursor: psycopg.Cursor[Any], table: str, day: datetime.date, columns: Sequence[PackedArray]
) -> None:
    """Insert rows that have `day` first, given column by column."""
    places = ", ".join(["%s"] * len(columns))
    cursor.execute(f"INSERT INTO exchange_margin.{table} SELECT %s, * FROM unnest({places})".encode(), (day, *columns))


def _insert(cursor: psycopg.Cursor[Any], table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO exchange_margin.{table} VALUES ({places})".encode(), rows)
