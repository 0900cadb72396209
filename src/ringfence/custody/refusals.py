"""What was asked for and refused lately: in no book, since nothing was written, but whoever watches the circle wants to see it.

Each refusal goes with the control of the circle that it shows at work (K1 to K13), and with the place that the money would
have gone to, where there is one that no route leads to. Kept in memory, the last few hundred, and counted.
"""

from __future__ import annotations

import datetime
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

from ringfence.ledger import Control, Refusal

Outside = Literal["member", "payee", "client"]
_KEPT = 500
_CONTROLS: dict[Control, tuple[str, Outside | None]] = {
    Control.ROUTE: ("K1", "member"),
    Control.ASKER: ("K1", None),
    Control.SCOPE: ("K1", None),
    Control.CLIENT: ("K6", "client"),
    Control.MEMBER: ("K6", "client"),
    Control.PAYEE: ("K5", "payee"),
    Control.COOLING: ("K5", "payee"),
    Control.SOURCE: ("K2", None),
    Control.SHUT: ("K12", None),
    Control.DAY: ("K12", None),
    Control.DATED: ("K12", None),
    Control.ITEM: ("K4", None),
    Control.DAILY: ("K4", None),
    Control.PERIOD: ("K4", None),
    Control.FUNDS: ("K8", None),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: `who` asked, by name; at which `bank`, if that is known; how much; why, in English and Chinese."""

    at: datetime.datetime
    who: str
    bank: str | None
    amount_minor: int
    control: str
    outside: Outside | None
    reason: tuple[str, str]


class Refusals:
    """The refusals of one process, from its start."""

    def __init__(self) -> None:
        self._lately: deque[tuple[int, Refused]] = deque(maxlen=_KEPT)
        self._outsides: Counter[Outside] = Counter()
        self._count = 0
        self._turn = threading.Lock()

    def add(self, refusal: Refusal, bank: str | None = None) -> None:
        """Remember what a ledger refused."""
        control, outside = _CONTROLS.get(refusal.control, ("", None))
        asked = refusal.instruction
        self.tell(asked.subject, asked.amount_minor, control or refusal.control.name.lower(), refusal_words(refusal), bank=bank, outside=outside)  # fmt: skip

    def tell(
        self,
        who: str,
        amount_minor: int,
        control: str,
        reason: tuple[str, str],
        *,
        bank: str | None = None,
        outside: Outside | None = None,
    ) -> None:
        """Remember what was refused before it reached a ledger."""
        now = datetime.datetime.now(datetime.UTC)
        with self._turn:
            self._count += 1
            self._lately.append((self._count, Refused(now, who, bank, amount_minor, control, outside, reason)))
            if outside is not None:
                self._outsides[outside] += 1

    def after(self, number: int) -> tuple[int, list[Refused], dict[Outside, int]]:
        """How many there were, those after the one of that number as far as they are kept, and how many for each outside."""
        with self._turn:
            return self._count, [refused for n, refused in self._lately if n > number], dict(self._outsides)


def refusal_words(refusal: Refusal) -> tuple[str, str]:
    """Why, in English and Chinese; of an account number, its end."""
    payee = refusal.instruction.payee
    shown = f"····{payee[-4:]}" if len(payee) > 4 else "····"
    english, chinese = refusal.reason("en"), refusal.reason("zh")
    return (english.replace(payee, shown), chinese.replace(payee, shown)) if payee else (english, chinese)
