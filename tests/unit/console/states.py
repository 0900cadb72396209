"""A circle to draw: two banks, three members, and whatever a test wants otherwise. Its sums are made here, by hand."""

from __future__ import annotations

import datetime
from typing import Any

from ringfence.console.state import CircleState, Half, Move, Place, PlaceName, Verified

NOON = datetime.datetime(2020, 3, 16, 4, 0, 0, tzinfo=datetime.UTC)


def place(bank: str, member: str, **changed: Any) -> Place:
    figures: dict[str, Any] = {"clients": 50, "in_minor": 1_000_00, "out_minor": 500_00}
    return Place(PlaceName(bank, member), f"会员{member[1:]}", **(figures | changed))


def state(**changed: Any) -> CircleState:
    """700 at the banks = 650 owed to clients + 20 fees due + 5 suspense + 25 in transit."""
    figures: dict[str, Any] = {
        "read_at": NOON,
        "day": datetime.date(2020, 3, 16),
        "shut": False,
        "replay": False,
        "halves": (Half("bank_a", None, 400_00, 25_00, 0), Half("bank_b", None, 300_00, 0, 0)),
        "places": tuple(place(bank, member) for bank in ("bank_a", "bank_b") for member in ("m1", "m2", "m3")),
        "clients": 300,
        "clients_minor": 650_00,
        "fees_due_minor": 20_00,
        "suspense_minor": 5_00,
        "in_settlement_minor": 0,
        "difference_minor": 0,
        "held": 2,
        "held_minor": 40_00,
        "in_transit_since": NOON - datetime.timedelta(seconds=2),
        "since": None,
        "moves": (),
        "a_minute": 12,
        "to_audit": 0,
        "to_audit_since": None,
        "refused": {},
        "refused_in_all": 0,
        "head": "9f3c" + "0" * 56 + "e1a7",
        "verified": Verified(True, 93_773, NOON),
        "closed": True,
    }
    return CircleState(**(figures | changed))


def refused(outside: Any = "member", seconds: int = 5, **changed: Any) -> Move:
    """Somebody asked for what no route leads to, so many seconds ago."""
    figures: dict[str, Any] = {
        "title": "会员二",
        "amount_minor": 1_200_000_00,
        "place": PlaceName("bank_a", "m2"),
        "control": "K1",
        "reason": ("no such route", "无此通路"),
        "outside": outside,
    }
    return Move("refused", NOON - datetime.timedelta(seconds=seconds), **(figures | changed))
