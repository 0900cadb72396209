"""Figures for people: exact where anything is decided, short only in labels; days and clock times of Shanghai.

The minus is the minus sign and a plus stands only before a movement. Nothing here is read back.
"""

from __future__ import annotations

import datetime
import re

from ringfence.errors import Language
from ringfence.money import grouped, unit

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
_CNY = unit("CNY")
_FEN = 100
# From where on a label is short: what of it is one, how many decimals, and how it is called.
_SHORT: dict[Language, tuple[tuple[int, int, int, str], ...]] = {
    "en": ((10**9, 10**9, 2, " bn"), (10**6, 10**6, 1, " m")),
    "zh": ((10**8, 10**8, 2, " 亿"), (10**6, 10**4, 0, " 万"), (10**4, 10**4, 1, " 万")),
}


def exact(amount_minor: int) -> str:
    """An amount to the fen: "−1,234.50"."""
    return grouped(amount_minor, _CNY).replace("-", "\u2212")


def signed(amount_minor: int) -> str:
    """A movement to the fen, with its sign: "+1,234.50"."""
    return f"+{exact(amount_minor)}" if amount_minor > 0 else exact(amount_minor)


def short(amount_minor: int, language: Language) -> str:
    """An amount for a label: "18.2 m" or "1,824 万", rounded half up; small ones exact, without a fraction that is zero."""
    size = abs(amount_minor)
    for least, one, decimals, name in _SHORT[language]:
        if size >= least * _FEN:
            part = one * _FEN // 10**decimals
            whole, rest = divmod((size * 2 + part) // (2 * part), 10**decimals)
            said = f"{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "") + name
            return f"\u2212{said}" if amount_minor < 0 else said
    return exact(amount_minor).removesuffix(".00")


def count(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def clock(moment: datetime.datetime) -> str:
    """A clock time in Shanghai: "14:32:07"."""
    return moment.astimezone(SHANGHAI).strftime("%H:%M:%S")


def day(date: datetime.date, language: Language) -> str:
    """A day: "2020-03-16" or "2020年3月16日"."""
    return f"{date.year}年{date.month}月{date.day}日" if language == "zh" else date.isoformat()


def masked(number: str) -> str:
    """An account number of which only the end is shown."""
    return f"···· {number[-4:]}" if len(number) > 4 else "····"


def bank_title(name: str, title: str | None, language: Language) -> str:
    """What people call a bank; the banks of the demonstration have letters."""
    letter = re.fullmatch(r"bank_([a-j])", name)
    if title or not letter:
        return title or name
    return (
        f"{'甲乙丙丁戊己庚辛壬癸'[ord(letter[1]) - ord('a')]}银行" if language == "zh" else f"Bank {letter[1].upper()}"
    )
