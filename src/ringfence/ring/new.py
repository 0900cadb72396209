"""A new ring from a few answers: a commented file that is closed to the intermediary, to be read and changed by its owner.

Two shapes. Either the bank that holds the money keeps each client's record itself (as `fbo`), or a platform apart from it does, as
the exchange of `sge`: then a client is credited on the bank's report alone, and paid on the platform's audited order alone. In both
the intermediary sees everything and moves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Literal

from ringfence.errors import BadInput
from ringfence.money import UNITS

Keeper = Literal["bank", "platform"]
KEEPERS: tuple[Keeper, ...] = ("bank", "platform")
# What else a record sees where fees are charged.
_FEE_PAPERS: dict[Keeper, str] = {
    "bank": ', "fees-charged", "fees-out", "fee-schedule"',
    "platform": ', "fee-order", "bank-paid-fees", "fee-schedule"',
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What is asked: the ring's name and title, who stands in the middle, who keeps clients' records, the currency, whether fees are
    charged, and how many booking days a changed account waits.

    Errors, in this order: BadInput for name, title, intermediary, keeper, currency, days.
    """

    name: str
    title: str
    intermediary: str
    keeper: Keeper
    currency: str
    fees: bool
    cool_off_days: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", self.name):
            raise BadInput("name", self.name, "1 to 20 lower-case letters, digits and hyphens, a letter first")
        for field, said in (("title", self.title), ("intermediary", self.intermediary)):
            if not 1 <= len(said.strip()) <= 80 or '"' in said or "\\" in said or "\n" in said:
                raise BadInput(field, said, "1 to 80 characters without quotes and backslashes")
        if self.keeper not in KEEPERS:
            raise BadInput("keeper", self.keeper, f"one of {', '.join(KEEPERS)}")
        if self.currency not in (known := [code for code, unit in UNITS.items() if unit.is_currency]):
            raise BadInput("currency", self.currency, f"one of {', '.join(known)}")
        if not 0 <= self.cool_off_days <= 366:
            raise BadInput("cool-off days", self.cool_off_days, "0 to 366")


def new_ring(answers: Answers) -> str:
    """Write the file. What stands between `[fees` and `fees]` in its shape is left out where no fees are charged."""
    shape = (resources.files("ringfence.ring") / "shapes" / f"{answers.keeper}.toml").read_text("utf-8")
    fees = re.compile(r"^#\[fees\n(.*?)^#fees\]\n", re.DOTALL | re.MULTILINE)
    shape = fees.sub(r"\1" if answers.fees else "", shape)
    return Template(shape).substitute(
        name=answers.name,
        title=answers.title.strip(),
        intermediary=answers.intermediary.strip(),
        currency=answers.currency,
        days=answers.cool_off_days,
        fees_sees=_FEE_PAPERS[answers.keeper] if answers.fees else "",
    )
