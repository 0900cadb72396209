"""Rounding of exact fractions, and allocation without a remainder."""

import pytest

from ringfence.errors import BadInput
from ringfence.money import Rounding, allocate, round_down, round_half_up, round_up


@pytest.mark.parametrize(
    ("numerator", "denominator", "half_up", "down", "up"),
    [
        (5, 2, 3, 2, 3),
        (-5, 2, -3, -2, -3),
        (1, 2, 1, 0, 1),
        (-1, 2, -1, 0, -1),
        (7, 3, 2, 2, 3),
        (-7, 3, -2, -2, -3),
        (8, 3, 3, 2, 3),
        (-8, 3, -3, -2, -3),
        (6, 3, 2, 2, 2),
        (-6, 3, -2, -2, -2),
        (0, 7, 0, 0, 0),
        (1, 10**20, 0, 0, 1),
    ],
)
def test_each_rounding(numerator: int, denominator: int, half_up: int, down: int, up: int) -> None:
    assert round_half_up(numerator, denominator) == half_up
    assert round_down(numerator, denominator) == down
    assert round_up(numerator, denominator) == up


@pytest.mark.parametrize("rounding", [round_half_up, round_down, round_up])
@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_must_be_positive(rounding: Rounding, denominator: int) -> None:
    with pytest.raises(BadInput, match="denominator"):
        rounding(1, denominator)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (10, [3, 0, 7], [3, 0, 7]),
        (1, [1, 2, 2], [0, 1, 0]),
        (5, [1, 2, 3], [1, 2, 2]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (0, [4, 4], [0, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (7, [5], [7]),
    ],
)
def test_allocation_by_largest_remainder(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, weights) == parts


def test_allocation_needs_a_weight_for_what_there_is() -> None:
    with pytest.raises(BadInput, match="positive weight"):
        allocate(1, [0, 0])
    with pytest.raises(BadInput, match="positive weight"):
        allocate(-1, [])


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(BadInput, match="-2"):
        allocate(10, [3, -2])
