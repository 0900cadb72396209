"""A day's settlement of many clients, beside the floor: COPY of the same entries and one UPDATE of the same balances.

Every client holds two contracts; each day a tenth of them trade, closing a lot of one and opening one of the other. The days are
real, with their prices. Everything is switched on: the plan is written down, every posting is checked and chained, the day is
closed. What is there before the first day (clients with money, their lots) is written into the tables as it would stand.
"""

from __future__ import annotations

import contextlib
import datetime
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from statistics import median
from typing import IO, Any, Literal

import psycopg
from psycopg import sql

from ringfence import ring
from ringfence.bench.tables import make_tables
from ringfence.custody import EXCHANGE, Circle, Member, Transfers, create_circle
from ringfence.database import Settings as StoreSettings
from ringfence.database import Store
from ringfence.ledger import Caps
from ringfence.margin import market
from ringfence.margin.day_end import DayEnd, create_day_end

SIZES = (10_000, 100_000, 1_000_000)
CONTRACTS = ("Au(T+D)", "Ag(T+D)")
MEMBERS = 100
CASH_MINOR = 10_000_000_00
_SCHEMA = "bench_floor"
_MEGABYTE = 1 << 20
_UPDATE = sql.SQL(
    "UPDATE {}.account AS x SET balance = x.balance + c.amount FROM change AS c WHERE x.id = c.id"
).format(sql.Identifier(_SCHEMA))


@dataclass(slots=True)
class SettledDays:
    """How long the days of a size took, in seconds: all of a day, each of its stages, its floor, and that with the rows of postings
    too; how much was posted. Memory of this process in bytes: before a day, and the most while one was settled.
    """

    clients: int
    seconds: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    floor: list[float] = field(default_factory=list)
    floor_with_postings: list[float] = field(default_factory=list)
    postings: list[int] = field(default_factory=list)
    rests_bytes: int = 0
    peak_bytes: int = 0

    def document(self, smaller: SettledDays | None = None) -> dict[str, Any]:
        """The figures for a program; ratios are medians over the days, `exponent` is the growth from a smaller size."""
        return {
            "clients": self.clients,
            "postings": round(median(self.postings)),
            "min_s": round(min(self.seconds), 2),
            "median_s": round(median(self.seconds), 2),
            "max_s": round(max(self.seconds), 2),
            "planned_s": round(median(self.stages["planned"]), 2),
            "posted_s": round(median(self.stages["posted"]), 2),
            "floor_s": round(median(self.floor), 2),
            "ratio": self._ratio(self.floor),
            "ratio_with_postings": self._ratio(self.floor_with_postings),
            "exponent": None if smaller is None else round(self._exponent(smaller), 2),
            "rests_mb": round(self.rests_bytes / _MEGABYTE),
            "peak_mb": round(self.peak_bytes / _MEGABYTE),
        }

    def _ratio(self, floor: Sequence[float]) -> float:
        return round(median(took / least for took, least in zip(self.seconds, floor, strict=True)), 2)

    def _exponent(self, smaller: SettledDays) -> float:
        """By which power of the number of clients the time grows."""
        return log(median(self.seconds) / median(smaller.seconds)) / log(self.clients / smaller.clients)


def measure_settlement(
    folder: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], None]
) -> list[SettledDays]:
    """Settle `rounds` days of each size, each in a database of its own on one server."""
    found = []
    for size in sizes:
        with Store.open(StoreSettings(store=folder, database_url=None), database=f"settlement_{size}") as store:
            found.append(_measure(store, size, rounds, say))
    return found


def _measure(store: Store, clients: int, rounds: int, say: Callable[[str], None]) -> SettledDays:
    days = market.load().days[-rounds - 1 :]
    say(f"settlement: {clients:,} clients get their lots")
    create_circle(store, ring.load("sge"), ())
    create_day_end(store)
    with Circle(store, ()) as circle:
        circle.register([Member(f"m{n:03}", "") for n in range(MEMBERS)], [])
        circle.open_day(days[0])
        caps = Caps(per_day_minor=10**15)
        for route in ("fee", "left-over"):
            circle.limit(route, caps)
    with store.connect() as administrator:
        _stock(administrator, clients, days[0])
    found = SettledDays(clients)
    for number, day in enumerate(days[1:], 1):
        say(f"settlement: {clients:,} clients, {day}, {number} of {rounds}")
        with store.connect() as administrator:
            _trade(administrator, clients, day, number)
        _settle(store, day, found)
        _floor(store, found)
    return found


def _stock(administrator: psycopg.Connection[Any], clients: int, evening: datetime.date) -> None:
    """Register clients with money, and settle nothing on an evening after which each has two lots of each contract."""
    prices = market.load().prices(evening)
    said = {
        "clients": clients, "members": MEMBERS, "cash": CASH_MINOR, "evening": evening, "contracts": list(CONTRACTS),
        "prices": [prices[code].settlement_minor for code in CONTRACTS],
        "previous": [prices[code].previous_minor for code in CONTRACTS],
    }  # fmt: skip
    _write(
        administrator,
        said,
        "INSERT INTO exchange.party (id, name, role, member) SELECT (SELECT max(id) FROM exchange.party) + n, 'c' || lpad(n::text, 8, '0'), 'client', "
        "(SELECT id FROM exchange.party WHERE name = 'm' || lpad((n %% %(members)s)::text, 3, '0')) "
        "FROM generate_series(1, %(clients)s) AS n",
        "INSERT INTO exchange.account (id, kind, at_least, at_most, one_per_owner, owner, unit, balance) "
        "SELECT (SELECT max(id) FROM exchange.account) + row_number() OVER (ORDER BY p.id), k.id, k.at_least, k.at_most, k.one_per_owner, p.id, u.id, %(cash)s "
        "FROM exchange.party AS p, exchange.kind AS k, exchange.unit AS u WHERE p.role = 'client' AND k.name = 'client-cash' AND u.code = 'CNY'",
        "INSERT INTO exchange_margin.trading_closed (day, cancelled) VALUES (%(evening)s, 0)",
        "INSERT INTO exchange_margin.planned (day) VALUES (%(evening)s)",
        "INSERT INTO exchange_margin.covered (day, covers) VALUES (%(evening)s, 0)",
        "INSERT INTO exchange_margin.posted (day, postings) VALUES (%(evening)s, 0)",
        "INSERT INTO exchange_margin.settled (day) VALUES (%(evening)s)",
        "INSERT INTO exchange_margin.price SELECT %(evening)s, c, p, s, 0, 1 FROM unnest(%(contracts)s::text[], %(previous)s::bigint[], %(prices)s::bigint[]) AS u (c, p, s)",
        "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, buyer_order, seller_order) "
        "SELECT %(evening)s, 'evening:' || n || ':' || u.contract, u.contract, 'c' || lpad((2 * n - 1)::text, 8, '0'), 'open', "
        "'c' || lpad((2 * n)::text, 8, '0'), 'open', 2, u.price, '-', '-' "
        "FROM generate_series(1, %(clients)s / 2) AS n, unnest(%(contracts)s::text[], %(prices)s::bigint[]) AS u (contract, price)",
        "INSERT INTO exchange_margin.lot (trade, side, since, client, contract, opened, price_minor, lots) "
        "SELECT t.number, s.side, t.day, s.client, t.contract, t.day, t.price_minor, t.lots FROM exchange_margin.trade AS t "
        "CROSS JOIN LATERAL (VALUES (1, t.buyer), (-1, t.seller)) AS s (side, client)",
        "ANALYZE",
    )


def _trade(administrator: psycopg.Connection[Any], clients: int, day: datetime.date, number: int) -> None:
    """Let a tenth of the pairs trade with each other: a lot of the first contract closed, one of the second opened."""
    prices = market.load().prices(day)
    said = {
        "pairs": clients // 2, "day": day, "which": number, "contracts": list(CONTRACTS), "offsets": ["close", "open"],
        "prices": [prices[code].settlement_minor for code in CONTRACTS],
    }  # fmt: skip
    _write(
        administrator,
        said,
        "WITH made AS ("
        "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, buyer_order, seller_order) "
        "SELECT %(day)s, %(day)s || ':' || n || ':' || u.contract, u.contract, "
        "'c' || lpad((2 * n - (u.offs = 'open')::integer)::text, 8, '0'), u.offs, "
        "'c' || lpad((2 * n - (u.offs = 'close')::integer)::text, 8, '0'), u.offs, 1, u.price, '-', '-' "
        "FROM generate_series(1, %(pairs)s) AS n, unnest(%(contracts)s::text[], %(prices)s::bigint[], %(offsets)s::text[]) AS u (contract, price, offs) "
        "WHERE n %% 10 = %(which)s %% 10 RETURNING *"
        ") INSERT INTO exchange_margin.fill "
        "SELECT m.number, s.side, m.trade_no, m.day, s.client, m.contract, s.offs = 'open', m.lots, m.price_minor, 'deferred' FROM made AS m "
        "CROSS JOIN LATERAL (VALUES (1, m.buyer, m.buyer_offset), (-1, m.seller, m.seller_offset)) AS s (side, client, offs)",
        "ANALYZE exchange_margin.trade, exchange_margin.fill",
    )


def _write(administrator: psycopg.Connection[Any], said: Mapping[str, object], *statements: str) -> None:
    """Write into the tables what nobody checks: orders that a trade would need are not there."""
    administrator.execute("SET session_replication_role = replica")
    for statement in statements:
        administrator.execute(statement.encode(), said)
    administrator.execute("RESET session_replication_role")


def _settle(store: Store, day: datetime.date, found: SettledDays) -> None:
    reached: list[tuple[str, float]] = []
    with Circle(store, ()) as circle:
        circle.open_day(day)
        ((before,),) = circle.settlement.rows("SELECT posting FROM {}.head")
        end = DayEnd(circle, reached=lambda stage: reached.append((stage, time.perf_counter())))
        transfers = Transfers(circle)
        found.rests_bytes = _forget_peak()
        began = last = time.perf_counter()
        end.settle(day, transfers)
        found.seconds.append(time.perf_counter() - began)
        found.peak_bytes = max(found.peak_bytes, _memory_bytes("VmHWM"))
        for stage, at in reached:
            found.stages.setdefault(stage, []).append(at - last)
            last = at
        ((after,),) = circle.settlement.rows("SELECT posting FROM {}.head")
        found.postings.append(after - before)


def _floor(store: Store, found: SettledDays) -> None:
    """Store once more what the day has left in the book."""
    if not found.floor:
        make_tables(store, _SCHEMA, EXCHANGE)
    took = []
    with store.connect() as administrator:
        ((last,),) = administrator.execute("SELECT posting FROM exchange.head").fetchall()
        first = last - found.postings[-1] + 1
        administrator.execute(
            "CREATE TEMP TABLE change AS SELECT account AS id, sum(amount)::bigint AS amount FROM exchange.entry WHERE id >= %s GROUP BY account",
            (first * 8,),
        )
        administrator.execute("ANALYZE change")
        for table, since, more in (("entry", first * 8, _UPDATE), ("posting", first, None)):
            with tempfile.TemporaryFile() as rows:
                _copy_out(administrator, table, since, rows)
                began = time.perf_counter()
                with administrator.transaction():
                    _copy_in(administrator, table, rows)
                    if more is not None:
                        administrator.execute(more)
                took.append(time.perf_counter() - began)
    found.floor.append(took[0])
    found.floor_with_postings.append(sum(took))


def _copy_out(administrator: psycopg.Connection[Any], table: str, since: int, rows: IO[bytes]) -> None:
    query = sql.SQL("COPY (SELECT * FROM {} WHERE id >= {} ORDER BY ctid) TO STDOUT (FORMAT binary)")
    with administrator.cursor().copy(query.format(sql.Identifier(EXCHANGE, table), sql.Literal(since))) as copy:
        for block in copy:
            rows.write(block)
    rows.seek(0)


def _copy_in(administrator: psycopg.Connection[Any], table: str, rows: IO[bytes]) -> None:
    query = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(_SCHEMA, table))
    with administrator.cursor().copy(query) as copy:
        while block := rows.read(_MEGABYTE):
            copy.write(block)


def _memory_bytes(which: Literal["VmHWM", "VmRSS"]) -> int:
    """The memory that this process has resident: now, or the most since it was last forgotten. Where the system does not say, it is
    the most that there ever was.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which))


def _forget_peak() -> int:
    """Forget the most memory that there was; what there is now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory_bytes("VmRSS")


def documents(found: Sequence[SettledDays]) -> list[dict[str, Any]]:
    """The figures of all sizes, each with its growth from the one before."""
    return [one.document(before) for before, one in zip([None, *found], found, strict=False)]


def settlement_table(found: Sequence[SettledDays]) -> Iterator[str]:
    """The figures for a person."""
    yield f"{'clients':>10}{'postings':>11}{'min s':>8}{'median s':>10}{'max s':>8}{'planned':>9}{'posted':>8}{'floor s':>9}{'ratio':>7}{'+postings':>11}{'exponent':>10}{'memory MB':>13}"
    for d in documents(found):
        exponent = "" if d["exponent"] is None else f"{d['exponent']:.2f}"
        yield (
            f"{d['clients']:>10,}{d['postings']:>11,}{d['min_s']:>8.2f}{d['median_s']:>10.2f}{d['max_s']:>8.2f}{d['planned_s']:>9.2f}"
            f"{d['posted_s']:>8.2f}{d['floor_s']:>9.2f}{d['ratio']:>7.2f}{d['ratio_with_postings']:>11.2f}{exponent:>10}"
            f"{d['rests_mb']:>6} to {d['peak_mb']:>3}"
        )
    yield "a day settled; ratio: to COPY of the same entries and one UPDATE of the same balances; +postings: and COPY of the same postings"
