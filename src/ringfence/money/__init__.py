"""Money: an amount is an integer count of a unit's smallest part, and nothing here is ever a float.

A *unit* is a currency or a metal variety; its *minor* part is the fen, the cent or the milligram. Text
becomes an integer once, at the edge (`parse`), and becomes text again once, at the edge (`render`,
`grouped`, `with_unit`). Whatever has to be rounded is rounded by a named function on an exact fraction, and whatever has
to be divided among several is allocated so that the parts add up to the whole.
"""

from ringfence.money.amounts import LARGEST_MINOR, grouped, parse, render, with_unit
from ringfence.money.rates import Rate, apply_rate
from ringfence.money.rounding import Rounding, allocate, round_down, round_half_up, round_up
from ringfence.money.units import UNITS, Unit, unit

__all__ = [
    "LARGEST_MINOR",
    "UNITS",
    "Rate",
    "Rounding",
    "Unit",
    "allocate",
    "apply_rate",
    "grouped",
    "parse",
    "render",
    "round_down",
    "round_half_up",
    "round_up",
    "unit",
    "with_unit",
]
