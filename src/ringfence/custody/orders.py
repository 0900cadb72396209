"""What the exchange orders from a bank, and what the bank answers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringfence.errors import BadInput, Language
from ringfence.money import unit, with_unit

# Routes of a bank's book that its clerk walks on the exchange's order, and no other.
ORDERED = ("withdrawal", "fee-payout", "cover-from-guarantee", "cover-from-reserve")
MOST_ORDERS = 2_000
_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Order:
    """To walk `route` of the bank's book once, under `key`: for whom, to which account, how much in fen, as of which day."""

    key: str
    route: str
    subject: str
    amount_minor: int
    value_date: datetime.date
    payee: str = ""
    ref: str = ""

    def document(self) -> dict[str, Any]:
        """How it is written."""
        return {
            "key": self.key,
            "route": self.route,
            "subject": self.subject,
            "amount_minor": self.amount_minor,
            "value_date": self.value_date.isoformat(),
            "payee": self.payee,
            "ref": self.ref,
        }

    @classmethod
    def from_document(cls, said: Mapping[str, Any]) -> Order:
        """Read it. Errors: BadInput for what is no order."""
        try:
            return cls(
                str(said["key"]),
                str(said["route"]),
                str(said["subject"]),
                int(said["amount_minor"]),
                datetime.date.fromisoformat(said["value_date"]),
                str(said["payee"]),
                str(said["ref"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput("order", str(said)[:100], f"an order to a bank ({error})") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order: the bank's posting, or why not, in English and Chinese; `control` names what refused."""

    posting: int | None
    control: str = ""
    en: str = ""
    zh: str = ""
    figure: int = 0

    def document(self) -> list[Any]:
        """How it is written."""
        return [self.posting, self.control, self.en, self.zh, self.figure]

    @classmethod
    def from_document(cls, said: Any) -> Answer:
        """Read it. Errors: BadInput for what is no answer."""
        try:
            posting, control, en, zh, figure = said
            return cls(None if posting is None else int(posting), str(control), str(en), str(zh), int(figure))
        except (TypeError, ValueError) as error:
            raise BadInput("answer", str(said)[:100], f"a bank's answer to an order ({error})") from error


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """A bank refused an order of the exchange's, and says why."""

    bank: str
    order: Order
    answer: Answer

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        amount = with_unit(self.order.amount_minor, _CNY)
        if language == "zh":
            return f"{self.bank} 拒绝 {self.order.key}({self.order.route} {amount}):{self.reason('zh')}"
        return f"{self.bank} refused {self.order.key} ({self.order.route} {amount}): {self.reason('en')}"

    def reason(self, language: Language = "en") -> str:
        """What of it explains why."""
        return self.answer.zh if language == "zh" else self.answer.en

    def __str__(self) -> str:
        return self.text("en")
