"""What a member, a client or a bank sees of the circle: what is theirs, through their own login, and whether all is there.

The figures are readings of the book that the visitor may read; of the whole circle they are told one thing only, that the
money is all there or that it is not, and when the verifier said so.
"""

from __future__ import annotations

import datetime
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from ringfence.access import Role, Session
from ringfence.api import Service
from ringfence.console.state import CircleState, Move, PlaceName, Verified, Way
from ringfence.console.watch import one_row
from ringfence.custody import EXCHANGE
from ringfence.ledger import readings
from ringfence.ledger.readings import in_ledger

MOST_ROWS = 200
_KEPT = 40
_WAYS: dict[str, Way] = {
    "deposit": "in",
    "attribute": "in",
    "withdrawal": "out",
    "cover": "cover",
    "fee": "fee",
    "profit": "settled",
    "loss": "settled",
    "deferred-paid": "settled",
    "deferred-received": "settled",
}

_CLIENTS = """
    SELECT c.name, coalesce(c.title, c.name), a.balance, a.held_out FROM {0}.party AS c
    JOIN {0}.account AS a ON a.owner = c.id JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
    WHERE c.role = 'client' ORDER BY c.name LIMIT %s
"""
_TITLE = "SELECT name, coalesce(title, name) FROM {0}.party WHERE name = %s"
_WHOSE = """
    SELECT c.name, coalesce(c.title, c.name), m.name FROM {0}.party AS c JOIN {0}.party AS m ON m.id = c.member
"""
_OF_DAY = """
    SELECT s.name, coalesce(sum(p.amount) FILTER (WHERE r.name = 'deposit'), 0)::bigint,
        coalesce(sum(p.amount) FILTER (WHERE r.name = 'withdrawal'), 0)::bigint, max(p.id)
    FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route AND r.name IN ('deposit', 'withdrawal')
    JOIN {0}.party AS s ON s.id = p.subject
    WHERE p.value_date = %s AND p.action IN (0, 2) GROUP BY s.name
"""
_TOTAL = """
    SELECT count(*), coalesce(sum(a.balance), 0)::bigint FROM {0}.account AS a
    JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'client-cash'
"""
_MEMBERS = """
    SELECT m.name, coalesce(m.title, m.name), coalesce(sum(a.balance), 0)::bigint,
        (SELECT count(*) FROM {0}.party AS c WHERE c.member = m.id)
    FROM {0}.party AS m JOIN {0}.account AS a ON a.owner = m.id
    JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'member-transit'
    GROUP BY m.id, m.name, m.title ORDER BY m.name LIMIT %s
"""
_CIRCLE = """
    SELECT coalesce(sum(a.balance), 0)::bigint FROM {0}.account AS a
    JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'exchange-client-money'
"""


class Row(NamedTuple):
    """One client, or at a bank one member: what is there, what of it is held, what came and went on the day."""

    name: str
    title: str
    clients: int
    balance_minor: int
    held_minor: int
    in_minor: int
    out_minor: int


@dataclass(frozen=True, slots=True)
class OwnState:
    """What is theirs at `read_at`: at most 200 rows, and the whole of which they are part."""

    role: Role
    title: str
    read_at: datetime.datetime
    day: datetime.date
    shut: bool
    replay: bool
    rows: tuple[Row, ...]
    count: int
    total_minor: int
    moves: tuple[Move, ...]
    all_there: bool | None
    verified: Verified | None


class Told(NamedTuple):
    """What a visitor is told of the whole circle: None where those who know do not run in this process."""

    day: datetime.date
    shut: bool
    replay: bool
    all_there: bool | None
    verified: Verified | None

    @classmethod
    def of(cls, circle: CircleState) -> Told:
        """As whoever sees the circle sees it."""
        return cls(circle.day, circle.shut, circle.replay, circle.right and circle.verified.ok, circle.verified)


class OwnWatch:
    """Reads what is a visitor's, through the visitor's login. Errors: StoreUnreachable, from any reading."""

    def __init__(self, service: Service, session: Session) -> None:
        self._service = service
        self._person = session.person
        self._visit = session.token if session.person.role == "client" else ""
        self._book = session.person.party if session.person.role == "bank" else EXCHANGE
        login = service.reader(session.person.role, session.person.party, self._book)
        assert login is not None
        self._login = login
        self._read = 0
        self._day: datetime.date | None = None
        self._of_day: dict[str, list[int]] = {}
        self._counted = 0
        self._moves: deque[Move] = deque(maxlen=_KEPT)
        self._titles: dict[str, str] = {}
        self._member: dict[str, str] = {}

    def read(self, circle: CircleState | None) -> tuple[OwnState, list[Move]]:
        """What is theirs now, and what happened since it was read last; `circle` tells the day and that all is there."""
        with self._service.logins.reading(self._login, self._visit) as connection:
            told = Told.of(circle) if circle is not None else self._told(connection)
            rows, count, total = self._members(connection) if self._person.role == "bank" else self._clients(connection)
            fresh = self._moved(connection, told.day)
        self._moves.extendleft(fresh)
        shown = tuple(
            row._replace(in_minor=came, out_minor=went) for row in rows for came, went in [self._flow(row.name)]
        )
        state = OwnState(
            role=self._person.role,
            title=self._titles.get(self._person.party, self._person.party),
            read_at=datetime.datetime.now(datetime.UTC),
            day=told.day,
            shut=told.shut,
            replay=told.replay,
            rows=shown,
            count=count,
            total_minor=total,
            moves=tuple(self._moves),
            all_there=told.all_there,
            verified=told.verified,
        )
        return state, fresh

    def _told(self, connection: psycopg.Connection[Any]) -> Told:
        """Where the exchange does not run in this process: a bank knows its own book; a member when something of its own was."""
        if self._person.role == "bank":
            head = readings.head(connection, self._book)
            last = self._service.the_verdicts().last
            verified = Verified(last.verdict.ok, last.verdict.reached, last.at)
            return Told(head.day, head.day <= head.closed_through, self._service.replay, None, verified)
        row = connection.execute("SELECT day FROM exchange.batch ORDER BY id DESC LIMIT 1").fetchone()
        day = row[0] if row else datetime.datetime.now(datetime.UTC).date()
        return Told(day, shut=False, replay=self._service.replay, all_there=None, verified=None)

    def _clients(self, connection: psycopg.Connection[Any]) -> tuple[list[Row], int, int]:
        found = connection.execute(in_ledger(self._book, _CLIENTS), (MOST_ROWS,)).fetchall()
        count, total = one_row(connection, self._book, _TOTAL)
        self._titles |= {name: title for name, title, *_ in found}
        if self._person.party not in self._titles:
            self._titles |= dict(connection.execute(in_ledger(self._book, _TITLE), (self._person.party,)).fetchall())
        return [Row(name, title, 1, balance, held, 0, 0) for name, title, balance, held in found], count, total

    def _members(self, connection: psycopg.Connection[Any]) -> tuple[list[Row], int, int]:
        found = connection.execute(in_ledger(self._book, _MEMBERS), (MOST_ROWS,)).fetchall()
        (total,) = one_row(connection, self._book, _CIRCLE)
        if not self._member:
            who = connection.execute(in_ledger(self._book, _WHOSE)).fetchall()
            self._member = {name: member for name, _, member in who}
            self._titles |= {name: title for name, title, _ in who}
        self._titles |= {name: title for name, title, *_ in found}
        rows = [Row(name, title, clients, balance, 0, 0, 0) for name, title, balance, clients in found]
        return rows, sum(row.clients for row in rows), total

    def _flow(self, name: str) -> tuple[int, int]:
        came, went = self._of_day.get(name, [0, 0])
        return came, went

    def _moved(self, connection: psycopg.Connection[Any], day: datetime.date) -> list[Move]:
        if self._day != day:
            self._day, self._of_day, self._counted = day, {}, self._read
            for name, came, went, last in connection.execute(in_ledger(self._book, _OF_DAY), (day,)).fetchall():
                there = self._of_day.setdefault(self._member.get(name, name), [0, 0])
                there[0] += came
                there[1] += went
                self._counted = max(self._counted, last)
        owner = self._person.party if self._person.role == "client" else None
        if self._read:
            found = readings.postings(connection, self._book, after=self._read, owner=owner)
        else:
            found = readings.postings(connection, self._book, owner=owner)[::-1]
        moves = []
        for recorded in found:
            posting = recorded.posting
            self._read = posting.id
            way = _WAYS.get(posting.route)
            if way is None or posting.action in ("hold", "release", "expire"):
                continue
            member = self._member.get(posting.subject, "")
            if way in ("in", "out") and posting.value_date == day and posting.id > self._counted:
                self._of_day.setdefault(member or posting.subject, [0, 0])[way == "out"] += posting.amount_minor
            loses = posting.route in ("loss", "deferred-paid")
            moves.append(
                Move(
                    way,
                    recorded.recorded_at,
                    self._titles.get(posting.subject, posting.subject),
                    -posting.amount_minor if loses else posting.amount_minor,
                    PlaceName(self._book, member) if member else None,
                    self._titles.get(member, member) if member else posting.route,
                    book=self._book,
                    posting=posting.id,
                )
            )
        return moves[-_KEPT:]
