"""Rates: an exact proportion, kept as an integer of parts per hundred million.

A hundred-millionth is a millionth of a percent: fine enough for every published rate (0.025 %, 0.0175 %),
and exact, so that applying a rate rounds once and where the caller says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ringfence.errors import BadInput
from ringfence.money.rounding import Rounding

_PERCENT = re.compile(r"(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,6}))?%")


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """A proportion of 0 or more: `parts` per 100,000,000."""

    WHOLE: ClassVar[int] = 10**8

    parts: int

    def __post_init__(self) -> None:
        if self.parts < 0:
            raise BadInput("rate", self.parts, "0 or more parts per hundred million")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read a rate from percent text such as "0.025%".

        Errors: BadInput when the text is not a plain decimal of at most six decimals followed by "%".
        """
        match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise BadInput("rate", text, 'percent text of at most six decimals, such as "0.025%"')
        return cls(int(match[1] + (match[2] or "").ljust(6, "0")))

    @classmethod
    def from_bps(cls, rate_bps: int) -> Rate:
        """Make a rate from basis points: 25 is 0.25%.

        Errors: BadInput when `rate_bps` is negative.
        """
        return cls(rate_bps * (cls.WHOLE // 10_000))

    def __str__(self) -> str:
        whole, decimals = divmod(self.parts, self.WHOLE // 100)
        fraction = f"{decimals:06d}".rstrip("0")
        return f"{whole}.{fraction}%" if fraction else f"{whole}%"


def apply_rate(amount_minor: int, rate: Rate, rounding: Rounding) -> int:
    """Return `rate` of `amount_minor`, rounded once by `rounding`."""
    return rounding(amount_minor * rate.parts, Rate.WHOLE)
