"""Statements as spreadsheets: the account on the first sheet, each section on one of its own.

Amounts are numbers with two decimals, as far as a spreadsheet keeps them exactly, which is fifteen digits; longer ones are text.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter

from ringfence.errors import Language
from ringfence.money import unit
from ringfence.reports.sections import Column, Section, cell

_EXACT = 10**15
_SCALES = {"price": unit("CNY").scale, "money": unit("CNY").scale, "moves": unit("CNY").scale, "grams": 3}
_FORMATS = {
    "price": "0.00",
    "money": "#,##0.00",
    "moves": "+#,##0.00;-#,##0.00;0.00",
    "grams": "#,##0.000",
    "count": "#,##0",
}
_NARROW, _WIDE = 9, 60


class Workbook:
    """A spreadsheet that is being written."""

    def __init__(self, language: Language, title: str) -> None:
        self._language = language
        self._file = io.BytesIO()
        self._book = xlsxwriter.Workbook(
            self._file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._book.set_properties({"title": title})
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        self._total = self._book.add_format({"bold": True, "top": 1})
        self._formats = {kind: self._book.add_format({"num_format": shape}) for kind, shape in _FORMATS.items()}
        self._totals = {
            kind: self._book.add_format({"num_format": shape, "bold": True, "top": 1})
            for kind, shape in _FORMATS.items()
        }

    def lines(self, name: str, blocks: Iterable[Sequence[tuple[str, str]]]) -> None:
        """A sheet of lines, each what it is called and what it is, block by block."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 1, 28)
        row = 0
        for block in blocks:
            for said, value in block:
                sheet.write_string(row, 0, said)
                sheet.write_string(row, 1, value)
                row += 1
            row += 1

    def table(
        self, name: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], totals: dict[str, int] | None = None
    ) -> None:
        """A sheet with one table, its header frozen; `totals` by the names of columns."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            said = column.words[self._language]
            sheet.write_string(0, place, said, self._head)
            widest = max((len(cell(row[place], column.kind, self._language)) for row in rows[:1000]), default=0)
            sheet.set_column(place, place, min(_WIDE, max(_NARROW, widest + 2, 2 * len(said))))
        for number, row in enumerate(rows, 1):
            for place, (value, column) in enumerate(zip(row, columns, strict=True)):
                self._write(sheet, number, place, value, column, self._formats)
        if totals and len(rows) > 1:
            for place, column in enumerate(columns):
                if column.name in totals:
                    self._write(sheet, len(rows) + 1, place, totals[column.name], column, self._totals)
                else:
                    sheet.write_blank(len(rows) + 1, place, None, self._total)
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)

    def section(self, section: Section) -> None:
        """A section on a sheet of its own."""
        self.table(section.words[self._language], section.columns, section.rows, dict(section.totals))

    def bytes(self) -> bytes:
        """The file."""
        self._book.close()
        return self._file.getvalue()

    def _write(self, sheet: Any, row: int, place: int, value: Any, column: Column, formats: dict[str, Any]) -> None:
        if column.kind == "count":
            sheet.write_number(row, place, value, formats["count"])
        elif column.kind in _SCALES and abs(value) < _EXACT:
            sheet.write_number(row, place, Decimal(value).scaleb(-_SCALES[column.kind]), formats[column.kind])
        else:
            sheet.write_string(row, place, cell(value, column.kind, self._language))
