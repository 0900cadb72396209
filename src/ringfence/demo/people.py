"""The people of the demonstration: members, their clients, and what each is like.

Everything follows from the number of clients: who belongs to which member and bank, how much each brings, how boldly
each trades, and who will not answer a margin call. Names are made of numbers; nobody real is meant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from ringfence.custody import Client, Member

BANKS = ("bank_a", "bank_b")
MEMBERS = (Member("m1", "bank_a", "会员一"), Member("m2", "bank_b", "会员二"), Member("m3", "bank_a", "会员三"))
# What the clients of each member are called, with a number.
_CALLED = {"m1": "客户甲", "m2": "客户乙", "m3": "客户丙"}
GUARANTEE_MINOR = 200_000_00
RESERVE_BANK = "bank_a"
RESERVE_MINOR = 100_000_000_00
WITHDRAWAL_LIMIT_MINOR = 50_000_00
# All fees of a day together: what the settlement may charge under the officer\'s grant, per client of the circle.
FEES_PER_CLIENT_MINOR = 5_000_00
# At most two fen for each contract.
LEFT_OVER_PER_CLIENT_MINOR = 6


@dataclass(frozen=True, slots=True)
class Person:
    """A client as a character: what it brings, which share of its funds it puts at risk, whether it answers calls."""

    client: Client
    brings_minor: int
    boldness_percent: int
    answers_calls: bool


def people(count: int, seed: int) -> list[Person]:
    """Make `count` clients of three members at two banks; the same for the same numbers."""
    rng = Random(f"people:{seed}")
    made = []
    for number in range(count):
        member = MEMBERS[number % len(MEMBERS)]
        bank = BANKS[number // len(MEMBERS) % len(BANKS)]
        client = Client(
            name=f"{member.name}-c{number + 1:05d}",
            member=member.name,
            bank=bank,
            account_number=f"62{BANKS.index(bank) + 1:02d}{number + 1:012d}",
            identity=hashlib.sha256(f"demonstration:{number + 1}".encode()).hexdigest(),
            title=f"{_CALLED[member.name]}{number // len(MEMBERS) + 1:03d}",
        )
        # One in twelve stakes nearly everything, and of those every fourth lets a call go by.
        reckless = number % 12 == 7
        made.append(
            Person(
                client=client,
                brings_minor=rng.choice((20_000, 50_000, 100_000, 200_000, 500_000)) * 100,
                boldness_percent=97 if reckless else rng.choice((15, 30, 45, 60)),
                answers_calls=not (reckless and number % 48 == 7),
            )
        )
    return made
