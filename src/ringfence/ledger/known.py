"""What a registry knows: of a small one everything, read at once; of a large one what was asked for, and kept for a while.

A ledger can have a million clients, and whoever enters it asks for a few. So a mapping is filled by its misses: one query for
one key, or for many that are `fetched` together. Walking over it reads everything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_KEPT = 50_000


class Known(Mapping[K, V], Generic[K, V]):
    """By key what `read` finds for some keys, or for None all there is."""

    def __init__(self, read: Callable[[Sequence[K] | None], dict[K, V]], *, whole: bool) -> None:
        self._read = read
        self._kept: dict[K, V] = read(None) if whole else {}
        self._whole = whole

    def fetch(self, keys: Iterable[K]) -> Mapping[K, V]:
        """Read in one query what is not kept yet of these keys; all that is kept then."""
        if not self._whole:
            wanted = list(dict.fromkeys(keys))
            if len(self._kept) + len(wanted) > MOST_KEPT:
                self._kept = {}
            missing = [key for key in wanted if key not in self._kept]
            if missing:
                self._kept.update(self._read(missing))
        return self._kept

    def __getitem__(self, key: K) -> V:
        if key not in self._kept and not self._whole:
            self.fetch([key])
        return self._kept[key]

    def __iter__(self) -> Iterator[K]:
        self._read_all()
        return iter(self._kept)

    def __len__(self) -> int:
        self._read_all()
        return len(self._kept)

    def _read_all(self) -> None:
        if not self._whole:
            self._kept, self._whole = self._read(None), True
