"""What waits for a person: papers of other books on which it must act, and holds that it must finish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from ringfence.office.office import Office, Seat
from ringfence.office.papers import MOST_SHOWN, Paper, executed, made_on, sources, unused
from ringfence.office.wishes import Wish, ways, wishes


class Hold(NamedTuple):
    """What is held on a route and not finished: by its number, for whom, how much."""

    number: int
    client: str
    amount_minor: int
    unit: str


class Task(NamedTuple):
    """A thing to be done on a route: act on a `paper` or a client's `wish`, or finish a `hold`; not `ready` while another institution has yet to act.

    Where a hold is finished on a paper that does not name it, any of `choice` may be that.
    """

    book: str
    route: str
    paper: Paper | None
    hold: Hold | None
    ready: bool
    choice: tuple[Paper, ...] = ()
    wish: Wish | None = None


def tasks(office: Office, seat: Seat) -> list[Task]:
    """What waits for a person, route by route."""
    with office.reading_all() as connection:
        return [*_asking(office, connection, seat), *_finishing(office, connection, seat)]


def _asking(office: Office, connection: psycopg.Connection[Any], seat: Seat) -> Iterator[Task]:
    wished = {(way.book, way.route) for way in ways(office)}
    for book, declared in office.ring.books.items():
        for name, way in declared.routes.items():
            if seat != (declared.kept_by, way.asks):
                continue
            if (book, name) in wished:
                for one in wishes(connection, office, book, name, only_open=True):
                    yield Task(book, name, None, None, ready=True, wish=one)
            for source in sources(office.ring, book, name, finishing=False):
                if source.taken_over:
                    for paper in unused(connection, office.names, office.ring, source, (book, name)):
                        yield Task(book, name, paper, None, ready=True)


def _finishing(office: Office, connection: psycopg.Connection[Any], seat: Seat) -> Iterator[Task]:
    for book, declared in office.ring.books.items():
        for name, way in declared.routes.items():
            if seat != (declared.kept_by, way.finishes):
                continue
            found = sources(office.ring, book, name, finishing=True)
            on = [source for source in found if made_on(office.ring, book, name, source)]
            others = [source for source in found if source not in on]
            papers = [
                paper
                for source in others
                for paper in unused(connection, office.names, office.ring, source, (book, name))
            ]
            for hold in holds(office, connection, book, name):
                ready = not found or any(
                    executed(connection, office.names[source.book], book, name, hold.number) for source in on
                )
                choice = tuple(
                    paper
                    for paper in papers
                    if paper.rest_minor == hold.amount_minor and paper.client in (None, hold.client)
                )
                yield Task(book, name, None, hold, ready or bool(choice), choice)


def holds(office: Office, connection: psycopg.Connection[Any], book: str, route: str) -> list[Hold]:
    """What is held on a route and not finished, the oldest first."""
    query = sql.SQL(
        """
        SELECT h.id, s.name, h.rest, u.code FROM {0}.hold AS h JOIN {0}.posting AS p ON p.id = h.id
        JOIN {0}.party AS s ON s.id = p.subject JOIN {0}.route AS r ON r.id = p.route
        JOIN {0}.account AS a ON a.id = h.side1 JOIN {0}.unit AS u ON u.id = a.unit
        WHERE h.rest > 0 AND r.name = %s ORDER BY h.id LIMIT %s
        """
    ).format(sql.Identifier(office.names[book]))
    return [Hold(*row) for row in connection.execute(query, (route, MOST_SHOWN)).fetchall()]
