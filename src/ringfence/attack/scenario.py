"""The attacks as they are told: who wants what, how they go about it, what must become of it, what would show it."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ringfence.ring.ring import Words

Help = Literal["alone", "reason", "mule", "bank", "keeper"]


class Scenario(BaseModel):
    """One attack: either a movement that it `wants` (ringfence.attack.wanted), of `amount` in yuan or in pieces of what is taken,
    with whose `help`, tried in this order; or something particular that it `tries` (ringfence.attack.particular); or it
    `waits_for` a part that does not exist yet, and is not tried at all.

    `absent` is the control that is the absence of a route for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Words
    quote: str = ""
    source: str
    actor: Words
    steps: Words
    expected: Words
    detected: Words
    wants: str = ""
    tries: str = ""
    waits_for: Words | None = None
    help: list[Help] = Field(alias="with", default=[])
    absent: str
    amount: Decimal = Decimal(0)


@cache
def scenarios() -> dict[str, Scenario]:
    """All attacks by their names, in the order of the source."""
    text = (resources.files("ringfence.attack") / "attacks.toml").read_text("utf-8")
    return {name: Scenario.model_validate(said) for name, said in tomllib.loads(text).items()}


# Those that can be tried; the others wait for a part that does not exist yet.
ATTACKS = tuple(name for name, scenario in scenarios().items() if scenario.waits_for is None)
