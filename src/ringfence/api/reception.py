"""What every serving process has, whatever it serves: a door, rates, the record of calls, and what is to be ended with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ringfence.access import Door, Person
from ringfence.access.calls import Calls
from ringfence.api.rates import Rates


class Reception(Protocol):
    """A service as whoever comes in meets it."""

    @property
    def door(self) -> Door:
        """Where persons come in."""

    @property
    def rates(self) -> Rates:
        """How often one may ask."""

    @property
    def calls(self) -> Calls:
        """The record of calls."""

    def lets_in(self, person: Person) -> bool:
        """Whether a person has anything to do here."""

    def somebody(self) -> list[Person]:
        """One for each role who could come in."""

    @property
    def ending(self) -> list[Callable[[], None]]:
        """What is to be done before connections are closed."""
