"""The segregation statement as a spreadsheet: its figures on the first sheet, every client on the second."""

from __future__ import annotations

from collections.abc import Sequence

from ringfence.custody.segregation import Segregation
from ringfence.errors import Language
from ringfence.money import grouped, unit
from ringfence.reports.sections import Column
from ringfence.reports.workbook import Workbook

_CLIENTS = (
    Column("client", "text", {"en": "Client", "zh": "客户"}),
    Column("owed", "money", {"en": "Owed to it", "zh": "应付"}),
    Column("owes", "money", {"en": "Owes, added back", "zh": "欠款（不予抵减）"}),
    Column("balance", "moves", {"en": "Balance", "zh": "净额"}),
)
_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "Segregation statement", "zh": "客户资金分隔报表"},
    "statement": {"en": "statement {unit}", "zh": "报表 {unit}"},
    "clients": {"en": "clients {unit}", "zh": "客户 {unit}"},
    "day": {"en": "Booking day", "zh": "记账日"},
    "resource": {"en": "Resource", "zh": "资源"},
    "requirement": {"en": "Requirement", "zh": "要求"},
    "added": {"en": "Added back", "zh": "不予抵减"},
    "others": {"en": "Others", "zh": "其他"},
    "excess": {"en": "Excess", "zh": "溢额"},
}


def segregation_workbook(statements: Sequence[Segregation], language: Language) -> bytes:
    """Write the statements of a day as a spreadsheet, two sheets for each currency."""
    book = Workbook(language, _WORDS["title"][language])
    for one in statements:
        code = unit(one.unit)

        def say(word: str) -> str:
            return _WORDS[word][language]

        figures = (
            ("resource", one.resource_minor),
            ("requirement", one.requirement_minor),
            ("added", one.added_back_minor),
            ("others", one.others_minor),
            ("excess", one.excess_minor),
        )
        book.lines(
            say("statement").format(unit=one.unit),
            [
                [(say("day"), str(one.day))],
                [(say(word), grouped(amount, code)) for word, amount in figures],
                [(f"{held.book} {held.kind} {held.owner}", grouped(held.amount_minor, code)) for held in one.resources],
                [(f"{other.book} {other.kind}", grouped(other.amount_minor, code)) for other in one.others],
            ],
        )
        rows = [(client.client, client.owed_minor, client.owes_minor, client.balance_minor) for client in one.clients]
        totals = {
            "owed": one.requirement_minor,
            "owes": one.added_back_minor,
            "balance": one.requirement_minor - one.added_back_minor,
        }
        book.table(say("clients").format(unit=one.unit), _CLIENTS, rows, totals)
    return book.bytes()
