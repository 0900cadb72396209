"""The embedded server: shared by processes, stopped by the last, unharmed by whoever is killed, private to its user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from ringfence.database import (
    Settings,
    Store,
    StoreInUse,
    StoreUnreachable,
    embedded_cluster,
    stop_abandoned,
)

ATTACHED = """
import sys
from ringfence.database import Settings, Store
with Store.open(Settings(store=sys.argv[1], database_url=None)) as store:
    store.connect().close()
    print("attached", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that the server's user may reach, which pytest's own temporary folders are not."""
    made = Path(tempfile.mkdtemp(prefix="ringfence-test-"))
    yield made
    stop_abandoned(made)
    shutil.rmtree(made)


class Attached:
    """Another process that has opened the store and waits to be told to leave."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ATTACHED, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait(self) -> Attached:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "attached\n"
        return self

    def leave(self) -> None:
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def open_store(folder: Path) -> Store:
    return Store.open(Settings(store=folder, database_url=None))


def ask(store: Store, question: str) -> list[tuple[object, ...]]:
    with store.connect() as connection:
        return connection.execute(question.encode()).fetchall()


def serving(number: int) -> bool:
    """Whether the process lives; one that nobody has waited for yet does not."""
    return bool(psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE)


def server_pid(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def test_the_last_to_leave_stops_the_server(folder: Path) -> None:
    first, second = Attached(folder).wait(), Attached(folder).wait()
    server = server_pid(folder)
    first.leave()
    assert server_pid(folder) == server
    assert embedded_cluster(folder).running
    second.leave()
    assert not embedded_cluster(folder).running
    assert not serving(server)


def test_a_process_counts_each_of_its_stores(folder: Path) -> None:
    first, second = open_store(folder), open_store(folder)
    first.close()
    first.close()
    with second.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.close()
    assert not embedded_cluster(folder).running


def test_processes_that_come_and_go_at_once_agree(folder: Path) -> None:
    def visit(_: int) -> None:
        Attached(folder).wait().leave()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(visit, range(12)))
    assert not embedded_cluster(folder).running


def test_a_killed_process_leaves_nothing_behind(folder: Path) -> None:
    with open_store(folder) as store:
        with store.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        killed = Attached(folder).wait()
        killed.kill()
    assert not embedded_cluster(folder).running
    Attached(folder).wait().kill()
    assert embedded_cluster(folder).running
    server = server_pid(folder)
    with open_store(folder) as store:
        assert server_pid(folder) == server
        assert ask(store, "SELECT one FROM kept") == [(1,)]
    assert not embedded_cluster(folder).running


def test_everything_killed_at_once_loses_nothing(folder: Path) -> None:
    attached = Attached(folder).wait()
    with psycopg.connect(embedded_cluster(folder).url("ringfence"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server = psutil.Process(server_pid(folder))
        for process in (*server.children(recursive=True), server):
            # One of its helpers may have ended by itself.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        attached.kill()
    with open_store(folder) as store:
        assert ask(store, "SELECT one FROM kept") == [(1,)]


def test_a_killed_server_is_started_again(folder: Path) -> None:
    with open_store(folder):
        os.kill(server_pid(folder), signal.SIGKILL)
        with open_store(folder) as store:
            assert ask(store, "SELECT 1") == [(1,)]
    assert not embedded_cluster(folder).running


def test_another_process_with_a_dead_servers_number_is_left_alone(folder: Path) -> None:
    open_store(folder).close()
    owner = (folder / "postgres").stat().st_uid
    bystander = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    stale = f"{bystander.pid}\n{folder}/postgres\n1577836800\n5432\n{folder}/postgres\n\n  1 1\nready   \n"
    (folder / "postgres" / "postmaster.pid").write_text(stale)
    assert not embedded_cluster(folder).running
    assert stop_abandoned(folder) is False
    with open_store(folder) as store:
        assert ask(store, "SELECT 1") == [(1,)]
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("remnant", ["", "4242\n", "nonsense\n" * 8])
def test_a_remnant_of_a_number_is_no_server(folder: Path, remnant: str) -> None:
    open_store(folder).close()
    (folder / "postgres" / "postmaster.pid").write_text(remnant)
    with open_store(folder) as store:
        assert ask(store, "SELECT 1") == [(1,)]


def test_an_interrupted_creation_is_begun_again(folder: Path) -> None:
    unfinished = folder / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with open_store(folder) as store:
        assert ask(store, "SELECT 1") == [(1,)]
    assert not unfinished.exists()


def test_a_server_that_does_not_answer_yet_is_waited_for(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_store(folder):
        server = server_pid(folder)
        os.kill(server, signal.SIGSTOP)
        awake = threading.Timer(1, os.kill, (server, signal.SIGCONT))
        awake.start()
        started = time.monotonic()
        with open_store(folder) as store:
            assert ask(store, "SELECT 1") == [(1,)]
        awake.join()
    assert time.monotonic() - started >= 1


def test_a_server_that_cannot_start_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.database.cluster.START_TRIES", 1)
    open_store(folder).close()
    with (folder / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("\nharbour_master = 'yes'\n")
    with pytest.raises(StoreUnreachable) as refused:
        open_store(folder)
    assert str(folder) in str(refused.value)
    assert "contains errors" in str(refused.value)
    assert stop_abandoned(folder) is False


def test_an_abandoned_server_is_stopped_but_not_one_in_use(folder: Path) -> None:
    attached = Attached(folder).wait()
    with pytest.raises(StoreInUse, match="in use"):
        stop_abandoned(folder)
    attached.kill()
    assert stop_abandoned(folder) is True
    assert not embedded_cluster(folder).running
    assert stop_abandoned(folder) is False


def test_where_there_is_no_store_none_is_made(folder: Path) -> None:
    absent = folder / "absent"
    assert stop_abandoned(absent) is False
    assert not embedded_cluster(absent).exists
    assert not absent.exists()


@pytest.mark.parametrize("name", ["store", "d" * 100, "it's here, with spaces"])
def test_only_the_servers_user_reaches_the_socket(folder: Path, name: str) -> None:
    with open_store(folder / name) as store, store.connect() as connection:
        socket = Path(connection.info.host)
        assert (socket / ".s.PGSQL.5432").is_socket()
        assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0
        assert socket.stat().st_uid == psutil.Process(server_pid(folder / name)).uids().real
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert socket == folder / name / "postgres" or not socket.exists()


def test_the_folders_above_are_opened_for_passing_only(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    with open_store(home / "store") as store:
        assert ask(store, "SELECT 1") == [(1,)]
    assert stat.S_IMODE(home.stat().st_mode) == (0o701 if os.geteuid() == 0 else 0o700)


def test_the_callers_settings_for_another_server_are_not_this_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    with open_store(folder) as store, store.connect() as connection:
        assert (connection.info.port, connection.info.dbname) == (5432, "ringfence")
