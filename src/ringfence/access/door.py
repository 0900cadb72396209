"""The door: coming in by name and password, being known by a token, leaving.

The token is 256 random bits and is kept nowhere; the database has its digest, so whoever reads the database cannot come in by
it. The session of a client is at once its visit to the books that know it, opened with the same token: what the client then reads, the
database itself has chosen.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from psycopg import sql

from ringfence.access.password import fits, kept
from ringfence.access.person import LOGIN, Person
from ringfence.database import Logins
from ringfence.errors import Language, RingfenceError

LASTS = datetime.timedelta(hours=12)
# Each try takes 16 MB: not more at once than these.
_TRIES = threading.BoundedSemaphore(4)
_LATELY_S = 5.0
_MOST_LATELY = 10_000


class NotKnown(RingfenceError):
    """Nobody of that name has that password; or the session is over. Which of them is not said."""

    code = "not-known"
    template: ClassVar[dict[Language, str]] = {
        "en": "not known: come in with a name and its password, at POST /v1/session",
        "zh": "未登录或登录已过期:请用名称与密码经 POST /v1/session 登录",
    }


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is in, until then, and the token by which it is known."""

    person: Person
    token: str
    until: datetime.datetime


class Door:
    """The door of one store, through a login that reads persons and writes sessions, and opens visits in the ledgers `visits`.

    Who is not one of those that it `lets_in` is not known, here.
    """

    def __init__(
        self, logins: Logins, lets_in: Callable[[Person], bool] = lambda person: True, visits: Sequence[str] = ()
    ) -> None:
        self._logins = logins
        self._lets_in = lets_in
        self._visits = visits
        # So that a name that nobody has takes as long as a wrong password.
        self._nobody = kept("nobody")
        self._lately: dict[bytes, tuple[Session, float]] = {}

    def enter(self, name: str, password: str) -> Session:
        """Let somebody in. Errors: NotKnown."""
        with self._logins.use(LOGIN) as connection:
            found = connection.execute(
                "SELECT name, role, party, duty, secret FROM access.person WHERE name = %s AND ended IS NULL",
                (name.replace("\0", ""),),
            ).fetchone()
        with _TRIES:
            fitting = fits(password, found[4] if found else self._nobody)
        if found is None or not fitting or not self._lets_in(person := Person(*found[:4])):
            raise NotKnown
        token = secrets.token_urlsafe(32)
        until = datetime.datetime.now(datetime.UTC) + LASTS
        with self._logins.use(LOGIN) as connection, connection.transaction():
            connection.execute("DELETE FROM access.session WHERE until < clock_timestamp()")
            connection.execute("INSERT INTO access.session VALUES (%s, %s, %s)", (digest(token), name, until))
            for ledger in self._visits if person.role == "client" else ():
                admit = sql.SQL("SELECT {}.admit(%s, %s, %s)").format(sql.Identifier(ledger))
                connection.execute(admit, (digest(token), person.party, until))
        return Session(person, token, until)

    def known_lately(self, token: str) -> Session | None:
        """Who it is that shows a token, if that was looked up within the last seconds: an end reaches it that much later."""
        session, until_s = self._lately.get(digest(token), (None, 0.0))
        return session if until_s > time.monotonic() else None

    def known(self, token: str) -> Session:
        """Who it is that shows a token. Errors: NotKnown."""
        with self._logins.use(LOGIN) as connection:
            found = connection.execute(
                """
                SELECT p.name, p.role, p.party, p.duty, s.until FROM access.session AS s JOIN access.person AS p ON p.name = s.person
                WHERE s.digest = %s AND s.until > clock_timestamp() AND p.ended IS NULL
                """,
                (digest(token),),
            ).fetchone()
        if found is None or not self._lets_in(person := Person(*found[:4])):
            raise NotKnown
        session = Session(person, token, found[4])
        if len(self._lately) >= _MOST_LATELY:
            self._lately.clear()
        self._lately[digest(token)] = (session, time.monotonic() + _LATELY_S)
        return session

    def leave(self, token: str) -> None:
        """End a session; one that is over is left alone."""
        self._lately.pop(digest(token), None)
        with self._logins.use(LOGIN) as connection, connection.transaction():
            connection.execute("DELETE FROM access.session WHERE digest = %s", (digest(token),))
            for ledger in self._visits:
                connection.execute(sql.SQL("SELECT {}.dismiss(%s)").format(sql.Identifier(ledger)), (digest(token),))


def digest(token: str) -> bytes:
    """What is kept of a token: whoever reads it cannot come in by it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
