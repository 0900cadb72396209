"""What a registry knows: whole where it is small, by its misses where it is large, and never more than is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ringfence.ledger import known
from ringfence.ledger.known import Known

ALL = {number: str(number) for number in range(100)}


class Reader:
    """Reads, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int] | None] = []

    def __call__(self, keys: Sequence[int] | None) -> dict[int, str]:
        self.asked.append(keys)
        return dict(ALL) if keys is None else {key: ALL[key] for key in keys if key in ALL}


def test_a_small_one_is_read_once() -> None:
    reader = Reader()
    found = Known(reader, whole=True)
    assert (found[3], found.get(200), 7 in found, len(found), dict(found)) == ("3", None, True, 100, ALL)
    assert found.fetch([1, 2]) == ALL
    assert reader.asked == [None]


def test_a_large_one_is_read_as_it_is_asked_for() -> None:
    reader = Reader()
    found = Known(reader, whole=False)
    assert reader.asked == []
    assert (found[3], found[3], found.get(200, "none"), 7 in found) == ("3", "3", "none", True)
    assert reader.asked == [[3], [200], [7]]
    found.fetch([3, 7, 8, 8, 9])
    assert reader.asked[3:] == [[8, 9]]
    with pytest.raises(KeyError):
        found[300]
    assert list(found) == list(ALL)
    assert found[50] == "50"
    assert reader.asked[-1] is None


def test_no_more_is_kept_than_allowed_but_what_is_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_KEPT", 10)
    found = Known(Reader(), whole=False)
    for start in range(0, 60, 6):
        kept = found.fetch(range(start, start + 6))
        assert {*range(start, start + 6)} <= set(kept)
        assert len(kept) <= 10
    assert {*range(20)} <= set(found.fetch(range(20)))
