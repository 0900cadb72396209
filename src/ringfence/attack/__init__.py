"""The attack room: the ways in which client money has been taken, tried on the real books of any ring with real logins."""

from ringfence.attack.run import attack
from ringfence.attack.scenario import ATTACKS, Scenario, scenarios
from ringfence.attack.story import Row
from ringfence.attack.table import as_rows, story, table, waiting

__all__ = ["ATTACKS", "Row", "Scenario", "as_rows", "attack", "scenarios", "story", "table", "waiting"]
