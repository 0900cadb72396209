"""CSV files that commands read: rows with named columns, or a refusal with file, line and column."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ringfence.errors import BadInput


class Row(NamedTuple):
    """A row of a file; `cells` are stripped."""

    place: str
    cells: Mapping[str, str]

    def refuse(self, column: str, right: str) -> BadInput:
        """What to raise for a cell."""
        from ringfence.errors import BadInput

        return BadInput(f"{self.place}, {column}", self.cells[column], right)

    def one_of(self, column: str, known: Collection[str]) -> str:
        """A cell that is one of some words. Errors: BadInput."""
        if self.cells[column] not in known:
            raise self.refuse(column, f"one of {', '.join(known)}")
        return self.cells[column]

    def count(self, column: str) -> int:
        """A cell that is a whole number from 1 to 999999999. Errors: BadInput."""
        text = self.cells[column]
        if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and int(text)):
            raise self.refuse(column, "a whole number from 1 to 999999999")
        return int(text)

    def price_minor(self, column: str) -> int:
        """A cell that is a price in CNY, in whole fen. Errors: BadInput."""
        from ringfence.margin.contracts import exact_minor

        minor = exact_minor(self.cells[column])
        if minor is None or minor <= 0:
            raise self.refuse(column, "a positive price in CNY, in whole fen, such as 341.43")
        return minor


def rows(option: str, file: Path, columns: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a CSV file in UTF-8 with these columns, none of them empty but the `optional`. Errors: BadInput."""
    from ringfence.errors import BadInput

    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if any(name not in (reader.fieldnames or []) for name in columns):
                raise BadInput(option, f"{file}, line 1", f"a header with the columns {', '.join(columns)}")
            for row in reader:
                place = f"{file.name}, line {reader.line_num}"
                cells = {name: (row[name] or "").strip() for name in columns}
                empty = [name for name in columns if name not in optional and not cells[name]]
                if empty:
                    raise BadInput(option, f"{file}, line {reader.line_num}", f"something under {empty[0]}")
                yield Row(place, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(option, str(file), f"a CSV file in UTF-8 that can be read ({error})") from error
