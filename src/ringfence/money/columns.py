"""Columns: amounts of many accounts at once, as arrays of 64-bit integers, with the same exactness as single ones.

A sum or product that might not fit is refused before it is made: an array never wraps around silently. The bound is looked
at once per column, so it costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt

from ringfence.errors import BadInput
from ringfence.money.rates import Rate

Column = npt.NDArray[np.int64]
_FITS = 2**63


def column(values: Iterable[int]) -> Column:
    """Make a column of integers. Errors: BadInput where one does not fit 64 bits."""
    listed = list(values)
    try:
        return np.array(listed, dtype=np.int64)
    except OverflowError:
        raise BadInput("amount", max(listed, key=abs), "at most 2^63 - 1") from None


def times(*factors: Column | int) -> Column:
    """Multiply element by element. Errors: BadInput where a product might not fit."""
    bound = 1
    for factor in factors:
        bound *= _largest(factor)
    if bound >= _FITS:
        raise BadInput("amounts", bound, "products below 2^63 fen")
    product: Column = np.asarray(factors[0], dtype=np.int64)
    for factor in factors[1:]:
        product = product * factor
    return product


def sums(values: Column, places: Column, size: int) -> Column:
    """Add up `values` by place, 0 to `size` - 1. Errors: BadInput where a sum might not fit."""
    if _largest(values) * max(1, values.size) >= _FITS and sum(map(abs, values.tolist())) >= _FITS:
        raise BadInput("amounts", _largest(values), "sums below 2^63 fen")
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, places, values)
    return found


def apply_rates(amounts_minor: Column, rate_parts: Column, rounding: Literal["half-up", "up", "down"]) -> Column:
    """The rate of each amount of 0 or more, in parts per hundred million, each rounded once.

    What is whole of the rate's denominator is multiplied apart from the rest, so that no product is larger than the result
    needs. Errors: BadInput for an amount below 0, or where a result might not fit.
    """
    if amounts_minor.size and amounts_minor.min() < 0:
        raise BadInput("amount", int(amounts_minor.min()), "amounts of 0 or more")
    whole, rest = np.divmod(amounts_minor, Rate.WHOLE)
    more = {"half-up": Rate.WHOLE // 2, "up": Rate.WHOLE - 1, "down": 0}[rounding]
    rounded: Column = times(whole, rate_parts) + (times(rest, rate_parts) + more) // Rate.WHOLE
    return rounded


def _largest(factor: Column | int) -> int:
    if isinstance(factor, int):
        return abs(factor)
    return max(int(factor.max()), -int(factor.min())) if factor.size else 0
