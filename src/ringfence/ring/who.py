"""Who must conspire: a choice of small groups of persons, as a ring's file writes it.

    exchange.settlement                                      one person
    exchange.clerk + exchange.officer                        both of them
    member within price-band | exchange.clerk                either; the member only inside a bound that is declared
    bank.registrar + exchange.registrar after cool-off       both, and only after a time

A bound (`within` an amount, `after` a time) counts as a conspirator of its own: what a group can do inside a bound is
less than what it could do without, and must not hide it.
"""

from __future__ import annotations

import re

NOBODY = "nobody"
Group = frozenset[str]


def groups(text: str) -> tuple[Group, ...]:
    """Read a choice of groups; none for `nobody`. Errors: ValueError saying what cannot be read."""
    if text.strip() == NOBODY:
        return ()
    return tuple(_group(choice) for choice in text.split("|"))


def is_bound(conspirator: str) -> bool:
    """Whether it is no person but a bound: `within ...` or `after ...`."""
    return conspirator.startswith(("within ", "after "))


def party_of(conspirator: str) -> str:
    """The party of a person that is written as `party.person`, or the party itself."""
    return conspirator.partition(".")[0]


def _group(choice: str) -> Group:
    persons, *bounds = re.split(r"\s+(?=(?:within|after)\s)", choice.strip())
    found = [*(person.strip() for person in persons.split("+")), *(" ".join(bound.split()) for bound in bounds)]
    for one in found:
        if not re.fullmatch(r"(?:(?:within|after) )?[\w.-]+", one):
            raise ValueError(f"{one!r} in {choice.strip()!r} names nobody")
    return frozenset(found)
