"""Amounts at the edge: decimal text in, decimal text out, an integer of minor units in between.

Text is accepted in exactly one form, an optional minus sign and plain ASCII digits with at most the unit's
decimals, because a form that has to be guessed (`1,234`, `1e3`, `.5`, full-width digits) is how an amount
is misread by a factor. An amount fits the ledger's 64-bit column or it is refused.
"""

from __future__ import annotations

import re

from ringfence.errors import BadInput
from ringfence.money.units import Unit

LARGEST_MINOR = 2**63 - 1

_PLAIN = re.compile(r"(-?)(0|[1-9][0-9]{0,18})(?:\.([0-9]+))?")


def parse(text: str, unit: Unit) -> int:
    """Read decimal text such as "1234.5" as an integer of the unit's minor part (123450 for CNY).

    Errors: BadInput when the text is not a plain decimal (grouping, exponent, NaN, sign other than a
    leading minus, leading zeros, blanks, non-ASCII digits), has more decimals than the unit, or does not
    fit 64 bits.
    """
    match = _PLAIN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadInput("amount", text, f"plain decimal text in {unit.measure}, such as {_example(unit)}")
    sign, whole, decimals = match[1], match[2], match[3] or ""
    if len(decimals) > unit.scale:
        raise BadInput("amount", text, f"at most {unit.scale} decimals for {unit.code}")
    magnitude = int(whole + decimals.ljust(unit.scale, "0"))
    if magnitude > LARGEST_MINOR:
        raise BadInput("amount", text, f"at most {render(LARGEST_MINOR, unit)} {unit.measure}")
    return -magnitude if sign else magnitude


def render(amount_minor: int, unit: Unit) -> str:
    """Write an amount as exact decimal text with all of the unit's decimals: 123450 fen is "1234.50"."""
    return _decimal(amount_minor, unit, "")


def grouped(amount_minor: int, unit: Unit) -> str:
    """Write an amount for people: 123456789 fen is "1,234,567.89". `parse` refuses this form."""
    return _decimal(amount_minor, unit, ",")


def with_unit(amount_minor: int, unit: Unit) -> str:
    """Write an amount for people with its unit: 123450 fen is "1,234.50 CNY"."""
    return f"{grouped(amount_minor, unit)} {unit.code}"


def _decimal(amount_minor: int, unit: Unit, separator: str) -> str:
    whole, decimals = divmod(abs(amount_minor), 10**unit.scale)
    sign = "-" if amount_minor < 0 else ""
    fraction = f".{decimals:0{unit.scale}d}" if unit.scale else ""
    return f"{sign}{whole:{separator}}{fraction}"


def _example(unit: Unit) -> str:
    return render(12345 * 10**unit.scale // 10, unit)
