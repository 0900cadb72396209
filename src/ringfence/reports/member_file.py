"""A member's file of a day: what its clients' statements say, all of them together, for its own books.

One table of accounts, a row for each client, and the sections of all statements, each row with its client before it: as CSV files
in one archive, as a spreadsheet, or as JSON. Made in a few readings however many clients there are; a member's own login makes
the same as the exchange.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ringfence.errors import Language
from ringfence.margin.rulebook import read_rules
from ringfence.margin.statement import LINES, statements
from ringfence.reports.sections import Column, Section, plain, sections_of_all
from ringfence.reports.statement import FUND_WORDS, LINE_WORDS
from ringfence.reports.workbook import Workbook

_FUND_WORDS: dict[str, dict[Language, str]] = {"equity": {"en": "Equity", "zh": "客户权益"}, **FUND_WORDS}
_FUNDS = tuple(_FUND_WORDS)
_ACCOUNTS: dict[Language, str] = {"en": "Accounts", "zh": "资金状况"}


@dataclass(frozen=True, slots=True)
class MemberFile:
    """What the file says of `member` and `day`; amounts in fen. Before the day is settled the funds are absent."""

    member: str
    day: datetime.date
    accounts: Section
    sections: tuple[Section, ...]
    version: int

    @property
    def tables(self) -> tuple[Section, ...]:
        """All of it, the accounts first."""
        return (self.accounts, *self.sections)

    def document(self) -> dict[str, Any]:
        """For programs: amounts as exact decimal text."""
        return {
            "member": self.member,
            "day": str(self.day),
            "unit": "CNY",
            **{section.name: section.document() for section in self.tables},
            "version": self.version,
        }

    def csv_archive(self) -> bytes:
        """A ZIP archive of one CSV for each table, in UTF-8, with the names of columns that JSON has."""
        archive = io.BytesIO()
        stamp = (self.day.year, self.day.month, self.day.day, 0, 0, 0)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
            for section in self.tables:
                text = io.StringIO(newline="")
                written = csv.writer(text, lineterminator="\n")
                written.writerow([column.name for column in section.columns])
                for row in section.rows:
                    written.writerow(
                        [plain(value, column.kind) for value, column in zip(row, section.columns, strict=True)]
                    )
                # The same figures are the same bytes.
                named = zipfile.ZipInfo(f"{self.member}-{self.day}-{section.name}.csv", stamp)
                named.compress_type = zipfile.ZIP_DEFLATED
                files.writestr(named, text.getvalue())
        return archive.getvalue()

    def xlsx(self, language: Language) -> bytes:
        """A spreadsheet, a sheet for each table."""
        book = Workbook(language, f"{self.member} {self.day}")
        for section in self.tables:
            book.section(section)
        return book.bytes()


def make_member_file(connection: psycopg.Connection[Any], member: str, day: datetime.date) -> MemberFile | None:
    """The file of `member` for `day` through whatever login may read its clients; None where it sees no client of it.

    Errors: RuleUnknown.
    """
    found = connection.execute(
        """
        SELECT c.name, coalesce(c.title, c.name) FROM exchange.party AS c JOIN exchange.party AS m ON m.id = c.member
        WHERE m.name = %s AND c.role = 'client' ORDER BY c.name
        """,
        (member,),
    ).fetchall()
    if not found:
        return None
    clients = [name for name, _ in found]
    titles = dict(found)
    rows = []
    settled = False
    for client, one in statements(connection, clients, day).items():
        lines = [getattr(one, name) for name in ("opening_minor", *LINES, "closing_minor")]
        settled = one.funds is not None
        funds = [getattr(one.funds, f"{name}_minor") for name in _FUNDS] if one.funds else []
        risk = [one.funds.risk_percent or "-"] if one.funds else []
        rows.append((client, titles[client], *lines, *funds, *risk))
    last = connection.execute("SELECT max(id) FROM exchange.posting").fetchone()
    return MemberFile(
        member,
        day,
        Section("accounts", _ACCOUNTS, _account_columns(settled=settled), tuple(rows), _added(rows, settled=settled)),
        tuple(sections_of_all(connection, clients, day, read_rules(connection))),
        (last and last[0]) or 0,
    )


def _account_columns(*, settled: bool) -> tuple[Column, ...]:
    columns = [
        Column("client", "text", {"en": "Client", "zh": "客户"}),
        Column("title", "text", {"en": "Name", "zh": "名称"}),
    ]
    for name in ("opening_minor", *LINES, "closing_minor"):
        kind = "money" if name in ("opening_minor", "closing_minor") else "moves"
        columns.append(Column(name.removesuffix("_minor"), kind, LINE_WORDS[name]))  # type: ignore[arg-type]
    if settled:
        columns += [Column(name, "money", _FUND_WORDS[name]) for name in _FUNDS]
        columns.append(Column("risk_degree", "text", {"en": "Risk degree, %", "zh": "风险度(%)"}))
    return tuple(columns)


def _added(rows: Sequence[tuple[Any, ...]], *, settled: bool) -> dict[str, int]:
    columns = _account_columns(settled=settled)
    return {
        column.name: sum(row[place] for row in rows)
        for place, column in enumerate(columns)
        if column.kind in ("money", "moves") and rows
    }
