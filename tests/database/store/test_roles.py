"""Roles: whoever logs in as one is that one, and may do no more; several who make the same role do not collide."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.database import Store, StoreUnreachable

if TYPE_CHECKING:
    from conftest import Server

ROLE = "ringfence_harbour_pilot"


def test_a_role_logs_in_as_itself(store: Store) -> None:
    with store.connect() as administrator:
        store.ensure_role(administrator, ROLE, login=True)
    with store.connect(ROLE) as pilot:
        assert pilot.execute("SELECT session_user, current_user").fetchone() == (ROLE, ROLE)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            pilot.execute("SET ROLE postgres")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            pilot.execute("CREATE SCHEMA harbour")


def test_a_role_that_may_not_log_in_cannot(store: Store) -> None:
    with store.connect() as administrator:
        store.ensure_role(administrator, "ringfence_harbour_owner", login=False)
    with pytest.raises(psycopg.OperationalError, match=r"not permitted to log in|password authentication failed"):
        store.connect("ringfence_harbour_owner")


def test_an_existing_role_is_put_right(store: Store) -> None:
    with store.connect() as administrator:
        for login in (False, True, True, False):
            store.ensure_role(administrator, "ringfence_harbour_crane", login=login)
            found = administrator.execute(
                "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'ringfence_harbour_crane'"
            ).fetchone()
            assert found == (login,)


def test_many_who_make_the_same_role_at_once_all_succeed(store: Store, server: Server) -> None:
    other = server.store(server.create())

    def make(number: int) -> None:
        with (store if number % 2 else other).connect() as administrator:
            for name in ("tug", "buoy", "pier"):
                store.ensure_role(administrator, f"ringfence_{store.url[-4:]}_{name}", login=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(8)))
    with store.connect() as administrator:
        found = administrator.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE %s AND rolcanlogin",
            (f"ringfence\\_{store.url[-4:]}\\_%",),
        ).fetchone()
    assert found == (3,)


def test_the_password_follows_from_the_secret(tmp_path: Path) -> None:
    # hmac-sha256 with key "key" over this text: the example that Wikipedia's article on HMAC gives.
    store = Store("", tmp_path, secret="key")
    expected = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    assert store.password("The quick brown fox jumps over the lazy dog") == expected


def test_a_made_secret_is_kept_private_and_shared(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        passwords = set(pool.map(lambda _: Store("", tmp_path).password(ROLE), range(16)))
    assert len(passwords) == 1
    [kept] = tmp_path.iterdir()
    assert kept.name == "role-secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(kept.read_text()) == 64


def test_options_are_the_drivers(store: Store) -> None:
    with store.connect() as usual, store.connect(autocommit=False, row_factory=psycopg.rows.dict_row) as special:
        assert usual.autocommit
        assert not special.autocommit
        assert special.execute("SELECT 1 AS one").fetchall() == [{"one": 1}]


def test_a_dead_address_is_said_without_its_password(tmp_path: Path) -> None:
    store = Store(f"host={tmp_path} user=postgres password=hush dbname=ringfence", tmp_path)
    with pytest.raises(StoreUnreachable) as refused:
        store.connect()
    assert str(tmp_path) in str(refused.value)
    assert "hush" not in str(refused.value)
