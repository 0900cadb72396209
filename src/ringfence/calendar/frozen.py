"""Frozen tables: dated facts that ship with the package, as text that a reviewer can read in a diff.

A frozen table is a CSV file whose opening lines start with `#`. They say in prose where the facts come
from, and two of them say between which days the facts are complete:

    # known_from: 2016-01-01
    # known_until: 2026-12-31

Between those days the table is complete, except for what its own opening lines say it lacks; outside of
them nothing is known.
"""

from __future__ import annotations

import csv
import datetime
import re
from dataclasses import dataclass
from importlib import resources

_KNOWN = re.compile(r"# (known_from|known_until): (\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class FrozenTable:
    """Rows of column to text, complete from `known_from` to `known_until`, both included."""

    known_from: datetime.date
    known_until: datetime.date
    rows: tuple[dict[str, str], ...]


def read_frozen_table(package: str, name: str) -> FrozenTable:
    """Read the table `name`, such as "closed_weekdays.csv", from the `data` folder of `package`."""
    lines = (resources.files(package) / "data" / name).read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    known = {
        match[1]: datetime.date.fromisoformat(match[2])
        for match in map(_KNOWN.fullmatch, comments)
        if match is not None
    }
    rows = tuple(csv.DictReader(line for line in lines if not line.startswith("#")))
    return FrozenTable(known["known_from"], known["known_until"], rows)
