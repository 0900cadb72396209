"""The embedded server: one cluster, shared by every process that opens its folder.

Each process that uses the server holds a shared lock on the file `attached`. A process that leaves tries to make its
lock exclusive: whoever succeeds was the last, and stops the server. The operating system drops the lock of a process
that is killed, so nothing can leak. The file `starting` makes starting and stopping one process's business at a time.

    <folder>/attached    locked by everyone who uses the server
    <folder>/starting    locked by whoever starts or stops it
    <folder>/postgres    the cluster
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ringfence.database.cluster import Cluster
from ringfence.database.errors import StoreInUse


class EmbeddedServer:
    """One attachment to the server in `folder`; starts it if nobody has. Raises StoreUnreachable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._cluster = embedded_cluster(folder)
        self._attached: IO[str] | None = None
        with _turn(self.folder):
            attached = (self.folder / "attached").open("a")
            fcntl.flock(attached, fcntl.LOCK_SH)
            try:
                self._cluster.start()
            except BaseException:
                attached.close()
                raise
            self._attached = attached

    def url(self, database: str) -> str:
        """The address of `database`, for the administrator."""
        return self._cluster.url(database)

    def close(self) -> None:
        """Detach; the last one to leave stops the server."""
        if self._attached is None:
            return
        with _turn(self.folder):
            if _alone(self._attached):
                self._cluster.stop()
            self._attached.close()
            self._attached = None


def embedded_cluster(folder: Path) -> Cluster:
    """The cluster of the embedded server in `folder`, to ask whether it exists and runs."""
    return Cluster(folder.resolve() / "postgres")


def stop_abandoned(folder: Path) -> bool:
    """Stop the server that killed processes left running in `folder`; tells whether there was one.

    Raises StoreInUse while a process is attached.
    """
    abandoned = embedded_cluster(folder)
    if not abandoned.exists:
        return False
    with _turn(folder), (folder / "attached").open("a") as attached:
        if not _alone(attached):
            raise StoreInUse(where=str(folder))
        running = abandoned.running
        abandoned.stop()
    return running


def _alone(attached: IO[str]) -> bool:
    try:
        fcntl.flock(attached, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with (folder / "starting").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
