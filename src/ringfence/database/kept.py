"""Something that is entered over connections of its own: kept while they last, entered again after the database was lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import psycopg

from ringfence.database.errors import StoreUnreachable
from ringfence.database.store import Store


class Closable(Protocol):
    """What can be left."""

    def close(self) -> None:
        """Leave."""


T = TypeVar("T", bound=Closable)


class Kept(Generic[T]):
    """What `enter` returns, entered `at_once` or when it is used first. Not for several threads at the same time.

    Errors on opening: as `enter`.
    """

    def __init__(self, store: Store, enter: Callable[[], T], *, at_once: bool = True) -> None:
        self._store = store
        self._enter = enter
        self._entered: T | None = enter() if at_once else None

    @contextlib.contextmanager
    def use(self) -> Iterator[T]:
        """Use it. Errors: StoreUnreachable where the database is lost or was and has not come back."""
        try:
            if self._entered is None:
                self._entered = self._enter()
            yield self._entered
        except psycopg.OperationalError as error:
            self.close()
            raise StoreUnreachable(where=self._store.where, detail=" ".join(str(error).split())) from error

    def close(self) -> None:
        """Leave it; whoever uses it after that enters it again."""
        if self._entered is not None:
            with contextlib.suppress(psycopg.Error):
                self._entered.close()
            self._entered = None
