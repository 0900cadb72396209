"""The attacks as they are told: who wants what, how they go about it, what must become of it, what would show it."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ringfence.ring.ring import Words

Help = Literal["alone", "reason", "mule", "bank"]


class Scenario(BaseModel):
    """One attack. `wants` is a movement (ringfence.attack.wanted); `amount` is in yuan, or in pieces of what is taken.

    `help` is who helps the firm, tried in this order; `absent` the control that is the absence of a route for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Words
    quote: str = ""
    source: str
    actor: Words
    steps: Words
    expected: Words
    detected: Words
    wants: str
    help: list[Help] = Field(alias="with")
    absent: str
    amount: Decimal


@cache
def scenarios() -> dict[str, Scenario]:
    """All attacks by their names, in the order of the source."""
    text = (resources.files("ringfence.attack") / "attacks.toml").read_text("utf-8")
    return {name: Scenario.model_validate(said) for name, said in tomllib.loads(text).items()}


ATTACKS = tuple(scenarios())
