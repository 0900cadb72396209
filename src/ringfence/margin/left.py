"""What is left of what clients have, while several things are looked at one after another: each takes its own, or is refused.

Orders and tenders are judged in the order in which they come, so that none counts on what one before it has taken.
"""

from __future__ import annotations

from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.margin.metal import grams
from ringfence.money import grouped, unit

_CNY = unit("CNY")


def is_client(ledger: Ledger, name: str) -> bool:
    """Whether somebody is registered as a client."""
    party = ledger.parties.get(name)
    return party is not None and party.role == "client"


def take_cash(left_minor: dict[str, int], client: str, needed: int, what: str = "", what_zh: str = "") -> int:
    """Take so many fen of what is left of a client's available funds, for `what`; how many. Errors: BadInput for more than there is."""
    available = left_minor.get(client, 0)
    if needed > available:
        there, asked = grouped(available, _CNY), grouped(needed, _CNY)
        raise BadInput(
            "funds",
            f"{asked} CNY",
            f"at most {there} CNY, which is available{what and f' for {what}'}",
            f"{what_zh and f'{what_zh}合计'}不超过可用资金 {there} CNY",
        )
    left_minor[client] = available - needed
    return needed


def take_metal(left_minor: dict[tuple[str, str], int], client: str, metal: str, weight_minor: int) -> None:
    """Take so many milligrams of what is left of a client's free metal. Errors: BadInput for more than there is."""
    there = left_minor[client, metal]
    if weight_minor > there:
        free = grams(there, metal)
        raise BadInput(
            "metal",
            grams(weight_minor, metal),
            f"at most {free} of {metal}, which is free",
            f"不超过可用 {metal} {free}",
        )
    left_minor[client, metal] = there - weight_minor
