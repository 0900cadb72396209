"""Rounding and allocation: the only two places where a fraction of a minor unit can disappear, and how.

Every rounding takes an exact fraction (an integer numerator over a positive integer denominator) and is
symmetric about zero: what it does to an amount it does to the same amount owed the other way, so two sides
of one movement never differ.

    round_half_up   to the nearest, and a half away from zero      2.5 -> 3    -2.5 -> -3
    round_down      towards zero                                   2.9 -> 2    -2.9 -> -2
    round_up        away from zero                                 2.1 -> 3    -2.1 -> -3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ringfence.errors import BadInput

Rounding = Callable[[int, int], int]


def round_half_up(numerator: int, denominator: int) -> int:
    """Round a fraction to the nearest integer, a half away from zero.

    Errors: BadInput when `denominator` is not positive.
    """
    _require_positive(denominator)
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -magnitude if numerator < 0 else magnitude


def round_down(numerator: int, denominator: int) -> int:
    """Round a fraction towards zero.

    Errors: BadInput when `denominator` is not positive.
    """
    _require_positive(denominator)
    magnitude = abs(numerator) // denominator
    return -magnitude if numerator < 0 else magnitude


def round_up(numerator: int, denominator: int) -> int:
    """Round a fraction away from zero.

    Errors: BadInput when `denominator` is not positive.
    """
    _require_positive(denominator)
    magnitude = -(-abs(numerator) // denominator)
    return -magnitude if numerator < 0 else magnitude


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divide `total_minor` in proportion to `weights` so that the parts add up to it exactly.

    Method of the largest remainder: every part is first rounded towards zero, then the units left over go
    one each to the parts that lost most, the earlier index first where two lost the same. Each part is
    therefore within one minor unit of its exact proportion, and a part with weight 0 is 0. A negative total
    mirrors the positive one.

    Errors: BadInput when a weight is negative, or when no weight is positive although there is something to
    divide.
    """
    for weight in weights:
        if weight < 0:
            raise BadInput("weights", weight, "weights of 0 or more")
    whole = sum(weights)
    if whole == 0:
        if total_minor:
            raise BadInput("weights", list(weights), f"a positive weight to carry {total_minor}")
        return [0] * len(weights)

    total = abs(total_minor)
    parts, lost = [], []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        lost.append(remainder)
    by_loss = sorted(range(len(parts)), key=lambda index: -lost[index])
    for index in by_loss[: total - sum(parts)]:
        parts[index] += 1
    return [-part for part in parts] if total_minor < 0 else parts


def _require_positive(denominator: int) -> None:
    if denominator <= 0:
        raise BadInput("denominator", denominator, "a positive integer")
