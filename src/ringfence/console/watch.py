"""Watching the circle: one reader for all who look, a few statements every quarter of a second, and what changed meanwhile.

The equation is read whole each time, from the exchange's book and from what every bank reports; nothing is added up here that
could drift from what stands there. Only the labels of the day and the list of what commits are carried on from what is new: postings are
numbered in the order of their commits, so whoever asks for those after the last one misses none.
"""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg

from ringfence.api import Service
from ringfence.console.circle import TOLD_S, chosen
from ringfence.console.state import CircleState, Half, Move, Place, PlaceName, Verified, Way
from ringfence.custody import EXCHANGE
from ringfence.custody.equation import Equation
from ringfence.custody.refusals import Outside
from ringfence.ledger import role
from ringfence.ledger.readings import head, in_ledger

KEPT_MOVES = 60
_LARGEST_READ = 2000
_AT_FIRST = 100
_PLACES_EVERY_S = 60.0
_RESELECTS = datetime.timedelta(minutes=1)
# By route and action: 0 posts, 1 holds, 2 posts what was held.
_WAYS: dict[tuple[str, int], Way] = {
    ("deposit", 0): "in",
    ("cover", 0): "cover",
    ("unknown", 0): "waiting",
    ("withdrawal", 1): "held",
    ("withdrawal", 2): "out",
    ("fee-payout", 2): "fee",
}
_SETTLES = ("profit", "loss", "deferred-paid", "deferred-received", "fee")

# What the exchange has posted, for whom; and what it has taken over from a bank, from which.
_POSTED = """
    SELECT p.id, p.key, b.recorded_at, b.day, p.action, r.name, coalesce(s.title, s.name), m.name, coalesce(m.title, m.name),
        p.amount, k.name
    FROM {0}.posting AS p
    JOIN {0}.batch AS b ON b.id = p.batch
    JOIN {0}.route AS r ON r.id = p.route
    JOIN {0}.party AS s ON s.id = p.subject
    LEFT JOIN {0}.party AS m ON m.id = s.member
    LEFT JOIN {0}.party AS k ON k.id = b.source
    WHERE p.id > %s ORDER BY p.id LIMIT %s
"""
# What came and went on the day that is open, by bank and member.
_OF_DAY = """
    SELECT k.name, m.name, coalesce(sum(p.amount) FILTER (WHERE r.name = 'deposit'), 0)::bigint,
        coalesce(sum(p.amount) FILTER (WHERE r.name = 'withdrawal'), 0)::bigint
    FROM {0}.posting AS p
    JOIN {0}.batch AS b ON b.id = p.batch
    JOIN {0}.party AS k ON k.id = b.source
    JOIN {0}.route AS r ON r.id = p.route AND r.name IN ('deposit', 'withdrawal')
    JOIN {0}.party AS s ON s.id = p.subject
    JOIN {0}.party AS m ON m.id = s.member
    WHERE p.id >= (SELECT first_posting FROM {0}.batch WHERE day = %s ORDER BY id LIMIT 1) AND p.id <= %s
    GROUP BY k.name, m.name
"""
_HELD = """
    SELECT count(*), coalesce(sum(h.rest), 0)::bigint FROM {0}.hold AS h JOIN {0}.posting AS p ON p.id = h.id
    JOIN {0}.route AS r ON r.id = p.route AND r.name = 'withdrawal' WHERE h.rest > 0
"""
_PLACES = """
    SELECT b.bank, m.name, coalesce(m.title, m.name), count(*) FROM {0}.binding AS b
    JOIN {0}.party AS c ON c.name = b.client JOIN {0}.party AS m ON m.id = c.member
    WHERE NOT b.waiting GROUP BY 1, 2, 3 ORDER BY 1, 2
"""
_WHO = """
    SELECT c.name, coalesce(c.title, c.name), m.name, coalesce(m.title, m.name), b.bank FROM {0}.party AS c
    LEFT JOIN {0}.party AS m ON m.id = c.member LEFT JOIN {0}.binding AS b ON b.client = c.name AND NOT b.waiting
    WHERE c.name = ANY (%s)
"""
_ASKED = "SELECT count(*), min(asked_at) FROM exchange_requests.undecided"


class CircleWatch:
    """Reads the circle of a service; not for several threads at once. Errors: StoreUnreachable, from any reading."""

    def __init__(self, service: Service, *, closed: bool, replay: bool = False) -> None:
        self._service = service
        self._closed = closed
        self.replay = replay
        self._posted = 0
        self._day: datetime.date | None = None
        self._of_day: dict[PlaceName, list[int]] = {}
        # Up to which posting it was counted when the day was read.
        self._counted = 0
        self._refused = 0
        self._to_audit: tuple[int, datetime.datetime | None] = (0, None)
        self._outsides: dict[Outside, int] = {}
        self._moves: deque[Move] = deque(maxlen=KEPT_MOVES)
        self._seen_at: deque[tuple[float, int]] = deque()
        self._places: tuple[tuple[PlaceName, str, int], ...] = ()
        self._places_of: datetime.date | None = None
        self._places_at_s = 0.0
        self._since: datetime.datetime | None = None
        self._foreground: frozenset[PlaceName] = frozenset()
        self._reselect_at = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self._transit_since: datetime.datetime | None = None

    def read(self) -> tuple[CircleState, list[Move]]:
        """The circle now, and what happened since it was read last; at the first time, what happened lately."""
        equation = self._service.the_exchange().equation.read()
        now = datetime.datetime.now(datetime.UTC)
        fresh: list[Move] = []
        with self._service.logins.reading(role(EXCHANGE, "supervisor")) as connection:
            _, posting, day, closed_through, link = head(connection, EXCHANGE)
            self._read_places(connection, day)
            held, held_minor = one_row(connection, EXCHANGE, _HELD)
            self._to_audit = one_row(connection, EXCHANGE, _ASKED)
            self._read_day(connection, day, posting)
            fresh += self._moves_since(connection, posting)
            fresh += self._refusals(connection)
        transit = {
            PlaceName(bank, member): amount
            for bank, side in equation.banks.items()
            for member, amount in side.transit.items()
        }
        fresh = sorted(_without_finished(fresh), key=lambda move: move.at)
        self._moves.extendleft(fresh)
        return self._state(equation, now, day, day <= closed_through, held, held_minor, link, transit, fresh), fresh

    def _state(
        self,
        equation: Equation,
        now: datetime.datetime,
        day: datetime.date,
        shut: bool,
        held: int,
        held_minor: int,
        link: bytes,
        transit: dict[PlaceName, int],
        fresh: Sequence[Move],
    ) -> CircleState:
        last = self._service.the_verdicts().last
        state = CircleState(
            read_at=now,
            day=day,
            shut=shut,
            replay=self.replay,
            halves=tuple(
                Half(
                    bank,
                    None,
                    side.now_minor,
                    side.in_transit_minor,
                    # What the bank has beyond what it reports, or beyond what the exchange wrote down.
                    side.now_minor - side.written_minor - side.in_transit_minor,
                )
                for bank, side in equation.banks.items()
            ),
            places=tuple(self._place(name, title, clients, transit) for name, title, clients in self._places),
            clients=sum(clients for _, _, clients in self._places),
            clients_minor=equation.clients_minor,
            fees_due_minor=equation.fees_due_minor,
            suspense_minor=equation.suspense_minor,
            in_settlement_minor=equation.in_settlement_minor,
            difference_minor=equation.difference_minor,
            held=held,
            held_minor=held_minor,
            in_transit_since=None,
            since=None,
            moves=tuple(self._moves),
            a_minute=self._a_minute(fresh),
            to_audit=self._to_audit[0],
            to_audit_since=self._to_audit[1],
            refused=self._outsides,
            refused_in_all=self._refused,
            head=link.hex(),
            verified=Verified(last.verdict.ok, last.verdict.reached, last.at),
            closed=self._closed,
        )
        if now >= self._reselect_at:
            # Not more often, so that places do not jump about.
            self._reselect_at = now + _RESELECTS
            self._foreground = frozenset(
                place.name
                for bank in self._service.banks
                for place, others in chosen([p for p in state.places if p.name.bank == bank])
                if not others
            )
        self._since = None if state.right else self._since or now
        self._transit_since = self._transit_since or now if state.in_transit_minor else None
        return replace(
            state,
            since=self._since,
            in_transit_since=self._transit_since,
            foreground=self._foreground | self._asked_lately(state),
        )

    @staticmethod
    def _asked_lately(state: CircleState) -> set[PlaceName]:
        """Where something was refused has a place of its own as long as that is told."""
        return {move.place for move in state.recent(TOLD_S) if move.place is not None}

    def _place(self, name: PlaceName, title: str, clients: int, transit: dict[PlaceName, int]) -> Place:
        came, went = self._of_day.get(name, [0, 0])
        return Place(name, title, clients, came, went, transit.get(name, 0))

    def _read_places(self, connection: psycopg.Connection[Any], day: datetime.date) -> None:
        """Who is where: read again when a day begins, and every minute."""
        if self._places_of != day or time.monotonic() - self._places_at_s > _PLACES_EVERY_S:
            rows = connection.execute(in_ledger(EXCHANGE, _PLACES)).fetchall()
            self._places = tuple((PlaceName(bank, member), title, count) for bank, member, title, count in rows)
            self._places_of, self._places_at_s = day, time.monotonic()

    def _read_day(self, connection: psycopg.Connection[Any], day: datetime.date, posting: int) -> None:
        """What came and went, when a day begins; what comes after that is counted as it comes."""
        if self._day != day:
            rows = connection.execute(in_ledger(EXCHANGE, _OF_DAY), (day, posting)).fetchall()
            self._of_day = {PlaceName(bank, member): [came, went] for bank, member, came, went in rows}
            self._day, self._counted = day, posting

    def _moves_since(self, connection: psycopg.Connection[Any], posting: int) -> list[Move]:
        if not self._posted:
            # At first, what was last.
            self._posted = max(0, posting - _AT_FIRST)
        rows = connection.execute(in_ledger(EXCHANGE, _POSTED), (self._posted, _LARGEST_READ)).fetchall()
        moves: list[Move] = []
        settled = [row for row in rows if row[4] == 0 and row[5] in _SETTLES]
        if settled:
            number, _, at, *_ = settled[-1]
            # A settlement in full swing is one line, not a thousand.
            lately = self._moves[0] if self._moves else None
            before = lately.count if lately and lately.way == "settled" else 0
            if before and lately is not None:
                self._moves.popleft()
            moves.append(Move("settled", at, "", 0, count=before + len(settled), book=EXCHANGE, posting=number))
        for number, key, at, of, action, route, title, member, via, amount, bank in rows:
            self._posted = number
            way = _WAYS.get((route, action))
            if way is None:
                continue
            place = PlaceName(bank, member) if bank and member else None
            if way in ("in", "out") and place and of == self._day and number > self._counted:
                self._of_day.setdefault(place, [0, 0])[way == "out"] += amount
            # What a bank has confirmed is shown as the bank's posting, which its key names.
            book, _, serial = key.rpartition(":") if bank else (EXCHANGE, "", str(number))
            moves.append(Move(way, at, title, amount, place, via or "", book=book, posting=int(serial)))
        return moves

    def _refusals(self, connection: psycopg.Connection[Any]) -> list[Move]:
        self._refused, refused, self._outsides = self._service.refusals.after(self._refused)
        if not refused:
            return []
        rows = connection.execute(in_ledger(EXCHANGE, _WHO), ([one.who for one in refused],)).fetchall()
        who = {name: (title, member or name, via or title, bank) for name, title, member, via, bank in rows}
        moves = []
        for one in refused:
            title, member, via, bank = who.get(one.who, (one.who, "", "", None))
            at_bank = one.bank or bank or next((name.bank for name, *_ in self._places if name.member == member), None)
            place = PlaceName(at_bank, member) if at_bank and member else None
            moves.append(
                Move(
                    "refused", one.at, title, one.amount_minor, place, via,
                    control=one.control, reason=one.reason, outside=one.outside,
                )
            )  # fmt: skip
        return moves

    def _a_minute(self, fresh: Sequence[Move]) -> int:
        now = time.monotonic()
        count = sum(move.count for move in fresh if move.way not in ("settled", "refused"))
        self._seen_at.append((now, count))
        while self._seen_at and self._seen_at[0][0] < now - 60:
            self._seen_at.popleft()
        return sum(count for _, count in self._seen_at)


def _without_finished(moves: list[Move]) -> list[Move]:
    """Without holds that were paid before anybody could have seen them."""
    paid = {(move.title, move.amount_minor) for move in moves if move.way == "out"}
    return [move for move in moves if move.way != "held" or (move.title, move.amount_minor) not in paid]


def one_row(connection: psycopg.Connection[Any], book: str, query: str) -> Any:
    """The one row of a query in a book."""
    return connection.execute(in_ledger(book, query)).fetchone()
