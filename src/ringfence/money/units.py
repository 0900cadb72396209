"""Units: the currencies and metal varieties that an account can be kept in.

The minor part of a currency is its ISO 4217 minor unit (the fen for CNY). The minor part of every metal is
the milligram and its measure is the gram, so one gram of any metal is 1,000 minor; a screen that prefers
silver in kilograms moves the decimal point itself. Two finenesses of one metal are two units: they are not
interchangeable in a vault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ringfence.errors import BadInput


@dataclass(frozen=True, slots=True)
class Unit:
    """A currency or a metal variety: one `measure` (CNY, g) is 10 ** `scale` minor."""

    code: str
    scale: int
    measure: str
    name_en: str
    name_zh: str

    @property
    def is_metal(self) -> bool:
        return self.measure == "g"

    @property
    def is_currency(self) -> bool:
        return self.measure == self.code


_KNOWN = (
    Unit("CNY", 2, "CNY", "renminbi", "人民币"),
    Unit("USD", 2, "USD", "US dollar", "美元"),
    Unit("EUR", 2, "EUR", "euro", "欧元"),
    Unit("HKD", 2, "HKD", "Hong Kong dollar", "港元"),
    Unit("GBP", 2, "GBP", "pound sterling", "英镑"),
    Unit("INR", 2, "INR", "Indian rupee", "印度卢比"),
    Unit("JPY", 0, "JPY", "Japanese yen", "日元"),
    Unit("CGB", 0, "bond", "Chinese government bond of 100 yuan", "国债(每张面值100元)"),
    Unit("AU9999", 3, "g", "gold 99.99 %", "黄金 Au99.99"),
    Unit("AU9995", 3, "g", "gold 99.95 %", "黄金 Au99.95"),
    Unit("AG9999", 3, "g", "silver 99.99 %", "白银 Ag99.99"),
    Unit("AG999", 3, "g", "silver 99.9 %", "白银 Ag99.9"),
    Unit("PT9995", 3, "g", "platinum 99.95 %", "铂金 Pt99.95"),
)

UNITS: Mapping[str, Unit] = MappingProxyType({known.code: known for known in _KNOWN})


def unit(code: str) -> Unit:
    """Return the unit named `code`.

    Errors: BadInput when no such unit is known; its text lists the known codes.
    """
    try:
        return UNITS[code]
    except KeyError:
        raise BadInput("unit", code, f"one of {', '.join(UNITS)}") from None
