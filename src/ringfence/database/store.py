"""The store: one PostgreSQL database, embedded or by URL, and how each role gets in.

    with Store.open() as store:
        with store.connect() as administrator: ...
        with store.connect("ringfence_exchange_clerk") as auditor: ...

A role logs in as itself, so that `session_user` and its privileges are real. Passwords are derived from one secret;
servers that trust their socket ignore them.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringfence.database.embedded import EmbeddedServer
from ringfence.database.errors import ServerTooOld, StoreUnreachable
from ringfence.database.settings import Settings
from ringfence.errors import BadInput

OLDEST_SERVER = 15
DATABASE = "ringfence"
ROLE_TRIES = 8


class Store:
    """An open database. `folder` holds what belongs outside it: signed heads, keys, the role secret."""

    def __init__(self, url: str, folder: Path, secret: str | None = None, server: EmbeddedServer | None = None) -> None:
        self.url = url
        self.folder = folder
        self._secret = secret
        self._server = server

    @classmethod
    def open(cls, settings: Settings | None = None, *, database: str | None = None) -> Store:
        """Open the database that the environment names, or the embedded one.

        `database` is another database of that server: an embedded server creates it if it is absent. Raises BadInput
        for an unusable folder or URL, StoreUnreachable, ServerTooOld.
        """
        settings = settings or Settings()
        try:
            settings.store.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            expected = f"a folder that can be made and written ({error.strerror})"
            raise BadInput("--store", str(settings.store), expected) from error
        if settings.database_url is None:
            return cls._open_embedded(settings, database or DATABASE)
        store = cls(_address(settings.database_url, database), settings.store, settings.role_secret)
        with store.connect() as connection:
            check_server_version(connection.info.server_version)
        return store

    @classmethod
    def _open_embedded(cls, settings: Settings, database: str) -> Store:
        server = EmbeddedServer(settings.store)
        try:
            _make_database(server, database)
            return cls(server.url(database), settings.store, settings.role_secret, server)
        except BaseException:
            server.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def embedded(self) -> bool:
        return self._server is not None

    def close(self) -> None:
        """Let go of an embedded server; the last process to do so stops it."""
        if self._server is not None:
            self._server.close()

    @property
    def where(self) -> str:
        """The address to show: without a password."""
        parts = conninfo_to_dict(self.url)
        parts.pop("password", None)
        return make_conninfo("", **parts)

    def connect(self, role: str | None = None, **options: Any) -> psycopg.Connection[Any]:
        """Connect as the administrator, or log in as `role`; `options` are psycopg's, autocommit is on.

        Raises StoreUnreachable for the administrator; for a role the driver's OperationalError, on which to try again.
        """
        try:
            return psycopg.connect(self.address(role), **{"autocommit": True, **options})
        except psycopg.OperationalError as error:
            if role is not None:
                raise
            raise StoreUnreachable(where=self.where, detail=str(error).strip()) from error

    def password(self, role: str) -> str:
        """Derive the password of `role` from the store's secret."""
        return hmac.new(self._role_secret().encode(), role.encode(), hashlib.sha256).hexdigest()

    def ensure_role(self, connection: psycopg.Connection[Any], role: str, *, login: bool) -> None:
        """Make sure that `role` exists, may log in or not, and has its password. Safe beside others who do the same."""
        _insist(connection, lambda: self._make_role(connection, role, login=login))

    def give_group(self, connection: psycopg.Connection[Any], group: str, role: str) -> None:
        """Make sure that `role` has what `group` has. Safe beside others who do the same."""
        give = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role))
        row = connection.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", (role, group)).fetchone()
        if row is None or not row[0]:
            _insist(connection, lambda: connection.execute(give))

    def _make_role(self, connection: psycopg.Connection[Any], role: str, *, login: bool) -> None:
        name, kind = sql.Identifier(role), sql.SQL("LOGIN" if login else "NOLOGIN")
        found = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(name, kind))
        elif found[0] is not login:
            connection.execute(sql.SQL("ALTER ROLE {} {}").format(name, kind))
        if login and not self.embedded:
            # Only the verifier goes to the server, and so into its log.
            password, user = self.password(role).encode(), role.encode()
            verifier = connection.pgconn.encrypt_password(password, user, b"scram-sha-256").decode()
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))

    def address(self, role: str | None) -> str:
        """The address with which `role` logs in; without one, the administrator's."""
        if role is None:
            return self.url
        return make_conninfo(self.url, user=role, password=self.password(role))

    def _role_secret(self) -> str:
        if self._secret is None:
            kept = self.folder / "role-secret"
            if not kept.exists():
                _keep_new_secret(kept)
            self._secret = kept.read_text("ascii")
        return self._secret


def check_server_version(found: int) -> None:
    """Raise ServerTooOld unless `found`, as the server tells it (150004 is 15.4), is new enough."""
    if found < OLDEST_SERVER * 10_000:
        raise ServerTooOld(found=f"{found // 10_000}.{found % 10_000}", needed=OLDEST_SERVER)


def _insist(connection: psycopg.Connection[Any], change: Callable[[], object]) -> None:
    """Make a change to the roles, which belong to the whole server: somebody in another database may be quicker."""
    for tried in range(ROLE_TRIES):
        try:
            with connection.transaction():
                change()
            return
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.InternalError_):
            if tried == ROLE_TRIES - 1:
                raise
            time.sleep(0.02 * (tried + 1))


def _keep_new_secret(kept: Path) -> None:
    # Written beside its place and then linked, so that it appears whole, and only the first of several is kept.
    draft = kept.with_name(f"{kept.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        os.link(draft, kept)
    draft.unlink()


def _address(url: str, database: str | None) -> str:
    try:
        return make_conninfo(url, **({"dbname": database} if database else {}))
    except psycopg.ProgrammingError:
        # The driver's message quotes what it did not understand, and that may be the password.
        shown = re.sub(r"(?<=:)[^:/@]*(?=@)|(?<=password=)\S*", "***", url)
        raise BadInput("RINGFENCE_DATABASE_URL", shown, "an address such as postgresql://user@host/database") from None


def _make_database(server: EmbeddedServer, database: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).rowcount:
            # Another process may have opened the store for the first time in the same moment.
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
