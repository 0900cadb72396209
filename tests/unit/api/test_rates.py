"""How often one may ask, at a clock that the test sets."""

from __future__ import annotations

import pytest

from ringfence.api import rates
from ringfence.api.rates import Rate, Rates, TooOften


class Clock:
    """What time.monotonic says."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("ringfence.api.rates.time.monotonic", found)
    return found


def taken(buckets: Rates, asker: str, rate: Rate, tries: int) -> int:
    """How many of so many tries pass."""
    passed = 0
    for _ in range(tries):
        try:
            buckets.take(asker, rate)
        except TooOften:
            continue
        passed += 1
    return passed


def test_so_many_at_once_and_then_as_many_as_the_rate_lets_in(clock: Clock) -> None:
    buckets, rate = Rates(), Rate(per_s=2, at_once=5)
    assert taken(buckets, "a", rate, 20) == 5
    clock.now_s += 3
    assert taken(buckets, "a", rate, 20) == 6 - 1  # six came in, and no more than five are kept
    clock.now_s += 1
    assert taken(buckets, "a", rate, 20) == 2


def test_each_asker_has_a_bucket_of_its_own(clock: Clock) -> None:
    buckets, rate = Rates(), Rate(per_s=1, at_once=1)
    assert [taken(buckets, name, rate, 3) for name in "abc"] == [1, 1, 1]


def test_who_asks_too_often_is_told_when_to_come_again(clock: Clock) -> None:
    buckets, rate = Rates(), Rate(per_s=0.1, at_once=1)
    buckets.take("a", rate)
    with pytest.raises(TooOften, match="ask again in 10 s"):
        buckets.take("a", rate)
    clock.now_s += 7
    with pytest.raises(TooOften, match="ask again in 3 s"):
        buckets.take("a", rate)
    clock.now_s += 3
    buckets.take("a", rate)


def test_who_is_forgiven_begins_anew(clock: Clock) -> None:
    buckets, rate = Rates(), Rate(per_s=0.1, at_once=2)
    assert taken(buckets, "a", rate, 5) == 2
    buckets.forgive("a")
    buckets.forgive("nobody")
    assert taken(buckets, "a", rate, 5) == 2


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_ASKERS", 10)
    buckets = Rates()
    for number in range(1_000):
        buckets.take(f"asker {number}", rates.NOBODY)
    assert len(buckets._buckets) == 10
