"""Tables: CSV files that people bring, rows with named columns, or a refusal with file, line, column and value."""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.errors import BadInput

_COUNT = re.compile(r"[1-9][0-9]{0,8}")


class Row(NamedTuple):
    """A row of `file`, in line `number`; cells are stripped."""

    file: str
    number: int
    cells: Mapping[str, str]

    def refuse(self, column: str, right: str) -> BadInput:
        """What to raise for a cell."""
        return BadInput(f"{self.file}, line {self.number}, {column}", self.cells[column], right)

    def one_of(self, column: str, known: Collection[str]) -> str:
        """A cell that is one of some words. Errors: BadInput."""
        if self.cells[column] not in known:
            raise self.refuse(column, f"one of {', '.join(known)}")
        return self.cells[column]

    def count(self, column: str) -> int:
        """A cell that is a whole number from 1 to 999999999. Errors: BadInput."""
        if not _COUNT.fullmatch(self.cells[column]):
            raise self.refuse(column, "a whole number from 1 to 999999999")
        return int(self.cells[column])

    def day(self, column: str) -> datetime.date:
        """A cell that is a day. Errors: BadInput."""
        try:
            return datetime.date.fromisoformat(self.cells[column])
        except ValueError:
            raise self.refuse(column, "a day such as 2020-03-16") from None


def rows(
    option: str, file: Path, columns: Sequence[str], optional: Collection[str] = (), *, strict: bool = False
) -> Iterator[Row]:
    """The rows of a CSV file in UTF-8 that has at least these columns, none of them empty but the `optional`.

    A `strict` reading takes no blank line, no row of another length than the header, and no quotes out of place. Errors: BadInput.
    """
    table = None
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            table = csv.reader(opened, strict=strict)
            header = [cell.strip() for cell in next(table, [])]
            if any(name not in header for name in columns):
                raise BadInput(option, f"{file}, line 1", f"a header with the columns {', '.join(columns)}")
            places = {name: header.index(name) for name in columns}
            for cells in table:
                if strict and len(cells) != len(header):
                    place = f"{file.name}, line {table.line_num}"
                    raise BadInput(place, ",".join(cells)[:80], f"{len(header)} columns as in line 1")
                if not cells:
                    continue
                found = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
                for name in columns:
                    if not found[name] and name not in optional:
                        raise BadInput(option, f"{file}, line {table.line_num}", f"something under {name}")
                yield Row(file.name, table.line_num, found)
    except csv.Error as error:
        line = table.line_num if table else 1
        raise BadInput(f"{file.name}, line {line}", str(error), "well-formed CSV") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(option, str(file), f"a CSV file in UTF-8 that can be read ({error})") from error
