"""The attack room: the ways in which client money has been taken, tried on the real books of any ring with real logins."""

from ringfence.attack.plan import foreseen
from ringfence.attack.report import Without, again_without, report
from ringfence.attack.run import attack
from ringfence.attack.scenario import ATTACKS, Scenario, scenarios
from ringfence.attack.story import Row
from ringfence.attack.table import as_rows, story, table, waiting

__all__ = [
    "ATTACKS",
    "Row",
    "Scenario",
    "Without",
    "again_without",
    "as_rows",
    "attack",
    "foreseen",
    "report",
    "scenarios",
    "story",
    "table",
    "waiting",
]
