"""The trail of one instruction: through signatures, persons, holds, letters and both books, in the order in which it went.

From whichever of its postings one comes, the same trail is found. Of the exchange's book everything is read; of a bank's, what
that bank has reported in its own hand, and its very entries where the reader may see its book.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from ringfence.custody.parties import EXCHANGE
from ringfence.custody.report import Line, Report
from ringfence.custody.requests import signature_in, signed, words
from ringfence.errors import RingfenceError
from ringfence.ledger.readings import RecordedPosting, in_ledger, posting
from ringfence.links import Letter

What = Literal[
    "signs", "audited", "approved", "refused", "holds", "pays", "books", "reports", "posts", "releases", "moves"
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: where (the client, the exchange, or a bank), when, by whom; `right` is whether a signature is
    right, None where there is none.
    """

    lane: str
    what: What
    at: datetime.datetime | None
    by: str = ""
    amount_minor: int = 0
    book: str = ""
    posting: int = 0
    right: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A batch's place in the chain of its book."""

    batch: int
    link: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The events in their order; every posting that it made, by book; and where the last of the exchange's stands in the chain."""

    client: str
    route: str
    amount_minor: int
    unit: str
    events: tuple[Event, ...]
    postings: tuple[tuple[str, RecordedPosting], ...]
    chain: tuple[Link, ...]


Bank = Callable[[str], psycopg.Connection[Any] | None]


def trail(exchange: psycopg.Connection[Any], number: int, bank: Bank = lambda name: None) -> Trail | None:
    """Follow the exchange's posting of that number; None where there is none.

    `exchange` is a connection of a login that reads the exchange's book and letters, `bank` gives one of a bank's book, or None.
    """
    start = posting(exchange, EXCHANGE, number)
    if start is None:
        return None
    root = start.posting.about if start.posting.action in ("post-held", "release", "expire") else number
    mine = [found for one in _together(exchange, root) if (found := posting(exchange, EXCHANGE, one)) is not None]
    events: list[Event] = []
    postings: list[tuple[str, RecordedPosting]] = []
    for one in mine:
        events += _asked(exchange, one)
        source = _source(exchange, one.batch)
        line, kept = _reported(exchange, one, source) if source else (None, None)
        if source and line is not None:
            name, _ = source
            there = _at_bank(bank(name), name, line)
            if there is not None:
                postings.append((name, there))
            paid: What = "pays" if line.amount_minor < 0 else "books"
            events.append(
                Event(
                    name, paid, there.recorded_at if there else None, name, abs(line.amount_minor), name, line.posting
                )
            )
            events += kept or ()
        events.append(_posted(one, confirmed=source is not None))
        postings.append((EXCHANGE, one))
    first = mine[0].posting
    return Trail(
        client=first.subject,
        route=first.route,
        amount_minor=first.amount_minor,
        unit=first.unit,
        events=tuple(events),
        postings=tuple(postings),
        chain=_chain(exchange, mine[-1].batch),
    )


def trail_from_bank(exchange: psycopg.Connection[Any], bank: str, number: int) -> int | None:
    """The exchange's posting for a bank's; None where it has not booked it."""
    row = exchange.execute("SELECT id FROM exchange.posting WHERE key = %s", (f"{bank}:{number}",)).fetchone()
    return row[0] if row else None


def _together(exchange: psycopg.Connection[Any], root: int) -> list[int]:
    rows = exchange.execute(
        "SELECT id FROM exchange.posting WHERE id = %(root)s OR about = %(root)s ORDER BY id", {"root": root}
    ).fetchall()
    return [number for (number,) in rows]


def _asked(exchange: psycopg.Connection[Any], one: RecordedPosting) -> Iterable[Event]:
    """Who signed it and who let it pass, where it is a withdrawal that was asked for."""
    said = one.posting
    by = signature_in(said.ref)
    if said.action != "hold" or by is None:
        return []
    row = exchange.execute("SELECT asked_at FROM exchange_requests.withdrawal WHERE key = %s", (said.key,)).fetchone()
    right = signed(*by, words(said.subject, said.amount_minor, said.payee, said.key))
    events = [Event("client", "signs", row[0] if row else None, said.subject, said.amount_minor, right=right)]
    steps = exchange.execute(
        "SELECT step, person, at FROM exchange_requests.step WHERE withdrawal = %s ORDER BY at", (said.key,)
    ).fetchall()
    return [*events, *(Event(EXCHANGE, step, at, person) for step, person, at in steps)]


def _source(exchange: psycopg.Connection[Any], batch: int) -> tuple[str, int] | None:
    return exchange.execute(
        "SELECT k.name, b.source_batch FROM exchange.batch AS b JOIN exchange.party AS k ON k.id = b.source WHERE b.id = %s",
        (batch,),
    ).fetchone()


def _reported(
    exchange: psycopg.Connection[Any], one: RecordedPosting, source: tuple[str, int]
) -> tuple[Line | None, tuple[Event, ...] | None]:
    """The movement that the bank has reported, and the letter in which it did."""
    bank, batch = source
    row = exchange.execute(
        "SELECT words, signature, public_key, kept_at FROM exchange_letters.letter "
        "WHERE kind = 'report' AND sender = %s AND number >= %s ORDER BY number, id LIMIT 1",
        (bank, batch),
    ).fetchone()
    if row is None:
        return None, None
    letter = Letter(row[0], bytes(row[1]))
    try:
        report = Report.from_document(bank, letter.content)
    except RingfenceError:
        return None, None
    serial = int(one.posting.key.rpartition(":")[2])
    line = next((line for line in report.lines if line.posting == serial), None)
    right = letter.signed_by(bytes(row[2]))
    return line, (Event(EXCHANGE, "reports", row[3], bank, right=right, detail=letter.digest),)


def _at_bank(book: psycopg.Connection[Any] | None, bank: str, line: Line) -> RecordedPosting | None:
    return None if book is None else posting(book, bank, line.posting)


_DONE: dict[str, What] = {"hold": "holds", "post-held": "posts", "release": "releases", "expire": "releases"}


def _posted(one: RecordedPosting, *, confirmed: bool) -> Event:
    """What the exchange did; where a bank has `confirmed` it, it posts, else it moves something by itself."""
    said = one.posting
    what = _DONE.get(said.action, "posts" if confirmed else "moves")
    return Event(EXCHANGE, what, one.recorded_at, EXCHANGE, said.amount_minor, EXCHANGE, said.id)


def _chain(exchange: psycopg.Connection[Any], batch: int) -> tuple[Link, ...]:
    rows = exchange.execute(
        in_ledger(EXCHANGE, "SELECT id, link FROM {}.batch WHERE id BETWEEN %s AND %s ORDER BY id"),
        (batch - 1, batch + 1),
    ).fetchall()
    return tuple(Link(number, link.hex()) for number, link in rows)
