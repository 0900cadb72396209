"""A client's statement of a day as a paper: who, which day, every line with its amount, what is bound, and what
stands behind it.

It is the same in every form: text for a terminal, a document for programs, HTML for a page, PDF and a spreadsheet to be kept. The exchange signs the
document (a letter to the client), so that whoever has the exchange's public key can check years later that it said so.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, NamedTuple

import psycopg

from ringfence.errors import Language, RingfenceError
from ringfence.links import Letter, LetterBox
from ringfence.margin.rulebook import read_rules
from ringfence.margin.statement import Statement, statement
from ringfence.money import grouped, render, unit
from ringfence.reports.sections import Section, sections
from ringfence.reports.workbook import Workbook

_CNY = unit("CNY")
_WIDTH = 46

# The lines of the account, in the order in which a statement has them: figure, whether it is a movement, words.
_LINES: tuple[tuple[str, bool, dict[Language, str]], ...] = (
    ("opening_minor", False, {"en": "Opening balance", "zh": "上日结存"}),
    ("paid_in_minor", True, {"en": "Paid in", "zh": "入金"}),
    ("taken_out_minor", True, {"en": "Taken out", "zh": "出金"}),
    ("realised_minor", True, {"en": "Realised profit", "zh": "平仓盈亏"}),
    ("marked_minor", True, {"en": "Marked to market", "zh": "持仓盯市盈亏"}),
    ("fee_minor", True, {"en": "Trading fee", "zh": "手续费"}),
    ("deferred_minor", True, {"en": "Deferred fee", "zh": "递延补偿费"}),
    ("sold_minor", True, {"en": "Metal sold", "zh": "收到的货款"}),
    ("bought_minor", True, {"en": "Metal bought", "zh": "支付的货款"}),
    ("penalty_minor", True, {"en": "Delivery penalty", "zh": "交割违约金"}),
    ("covered_minor", True, {"en": "Covered by guarantee or reserve", "zh": "保证基金或风险准备金补入"}),
    ("other_minor", True, {"en": "Other", "zh": "其他"}),
    ("closing_minor", False, {"en": "Closing balance", "zh": "当日结存"}),
)
LINE_WORDS: dict[str, dict[Language, str]] = {name: words for name, _, words in _LINES}
FUND_WORDS: dict[str, dict[Language, str]] = {
    "margin": {"en": "Margin", "zh": "保证金占用"},
    "available": {"en": "Available", "zh": "可用资金"},
    "withdrawable": {"en": "Withdrawable", "zh": "可取资金"},
    "call": {"en": "To pay in", "zh": "追加保证金"},
}
# Lines that stand only where there is something in them.
_ONLY_IF = ("sold_minor", "bought_minor", "penalty_minor", "covered_minor", "other_minor")
_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "Statement", "zh": "结算单"},
    "client": {"en": "Client", "zh": "客户"},
    "member": {"en": "Member", "zh": "会员"},
    "day": {"en": "Trading day", "zh": "交易日"},
    "unit": {"en": "Currency", "zh": "币种"},
    **FUND_WORDS,
    "risk": {"en": "Risk degree", "zh": "风险度"},
    "not-settled": {"en": "The day is not settled yet: nothing is said about margin.", "zh": "当日尚未结算\uff0c保证金未定\u3002"},
    "positions": {"en": "Positions", "zh": "持仓"},
    "contract": {"en": "Contract", "zh": "合约"},
    "long": {"en": "Long, lots", "zh": "多头手数"},
    "short": {"en": "Short, lots", "zh": "空头手数"},
    "no-positions": {"en": "none", "zh": "无"},
    "made-of": {
        "en": "Every line is the sum of the client's own postings: {postings} on this day. As known at posting {version} of the exchange's book.",
        "zh": "各行均为客户本人记账之和\uff1a当日 {postings} 笔\u3002截至交易所账簿第 {version} 笔记账\u3002",
    },
}  # fmt: skip


class NoPdf(RingfenceError):
    """A PDF cannot be made here: `detail`. Text and JSON can."""

    code = "no-pdf"
    template: ClassVar[dict[Language, str]] = {
        "en": "a PDF cannot be made here ({detail}); install ringfence[pdf] and Pango; text and JSON can be had",
        "zh": "此处无法生成 PDF({detail});请安装 ringfence[pdf] 与 Pango;文本与 JSON 不受影响",
    }


class Holding(NamedTuple):
    """Open lots in a contract."""

    contract: str
    long_lots: int
    short_lots: int


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement with whose it is, what was held at its end, what stands behind its lines, and the posting of the exchange's book
    up to which it is known.
    """

    statement: Statement
    title: str
    member: str
    holdings: tuple[Holding, ...]
    sections: tuple[Section, ...]
    version: int

    def lines(self, language: Language) -> list[tuple[str, str]]:
        """Every line of the account: what it is called, and its amount; movements have a sign."""
        found = []
        for name, moves, words in _LINES:
            amount: int = getattr(self.statement, name)
            if amount or name not in _ONLY_IF:
                found.append((words[language], _shown(amount, moves=moves)))
        return found

    def bound(self, language: Language) -> list[tuple[str, str]]:
        """What of it is bound; nothing before the day is settled."""
        funds = self.statement.funds
        if funds is None:
            return []
        figures = {
            "margin": funds.margin_minor,
            "available": funds.available_minor,
            "withdrawable": funds.withdrawable_minor,
            "call": funds.call_minor,
        }
        found = [(_WORDS[name][language], _shown(amount)) for name, amount in figures.items()]
        risk = "-" if funds.risk_percent is None else f"{funds.risk_percent} %"
        return [*found, (_WORDS["risk"][language], risk)]

    def heading(self, language: Language) -> list[tuple[str, str]]:
        """Whose statement it is, and of which day."""
        name = (
            self.statement.client if self.title == self.statement.client else f"{self.title} ({self.statement.client})"
        )
        return [
            (_WORDS["client"][language], name),
            (_WORDS["member"][language], self.member),
            (_WORDS["day"][language], str(self.statement.day)),
            (_WORDS["unit"][language], _CNY.code),
        ]

    def note(self, language: Language) -> str:
        """What the figures are made of."""
        return _WORDS["made-of"][language].format(postings=self.statement.postings, version=self.version)

    def text(self, language: Language) -> str:
        """For a terminal of 80 columns or more."""
        parts = [_WORDS["title"][language], "", *(_row(*line) for line in self.heading(language)), ""]
        parts += [_row(*line) for line in self.lines(language)]
        bound = self.bound(language)
        parts += ["", *([_row(*line) for line in bound] or [_WORDS["not-settled"][language]])]
        for section in self.sections:
            if section.rows:
                parts += ["", *_table(section, language)]
        if not self.holdings:
            parts += ["", _WORDS["positions"][language], "  " + _WORDS["no-positions"][language]]
        return "\n".join([*parts, "", self.note(language)])

    def document(self) -> dict[str, Any]:
        """For programs: amounts as exact decimal text."""
        made, funds = self.statement, self.statement.funds
        figures = {name.removesuffix("_minor"): render(getattr(made, name), _CNY) for name, _, _ in _LINES}
        return {
            "client": made.client,
            "title": self.title,
            "member": self.member,
            "day": str(made.day),
            "unit": _CNY.code,
            **figures,
            "funds": None
            if funds is None
            else {
                "margin": render(funds.margin_minor, _CNY),
                "available": render(funds.available_minor, _CNY),
                "withdrawable": render(funds.withdrawable_minor, _CNY),
                "call": render(funds.call_minor, _CNY),
                "risk_degree": funds.risk_percent,
            },
            "positions": [holding._asdict() for holding in self.holdings],
            "sections": {section.name: section.document() for section in self.sections},
            "postings": made.postings,
            "version": self.version,
        }

    def html(self, language: Language) -> str:
        """A page to be printed; it needs nothing from elsewhere."""

        def table(rows: list[tuple[str, str]]) -> str:
            return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)

        words = {name: said[language] for name, said in _WORDS.items()}
        bound = self.bound(language)
        return (
            f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><meta charset="utf-8">'
            f"<title>{words['title']} {escape(self.statement.client)} {self.statement.day}</title><style>{_STYLE}</style>"
            f"<h1>{words['title']}</h1><table>{table(self.heading(language))}</table>"
            f"<table>{table(self.lines(language))}</table>"
            + (f"<table>{table(bound)}</table>" if bound else f"<p>{words['not-settled']}</p>")
            + "".join(_section_html(section, language) for section in self.sections if section.rows)
            + ("" if self.holdings else f"<h2>{words['positions']}</h2><p>{words['no-positions']}</p>")
            + f'<p class="note">{escape(self.note(language))}</p>'
        )

    def xlsx(self, language: Language) -> bytes:
        """The same as a spreadsheet."""
        book = Workbook(language, f"{_WORDS['title'][language]} {self.statement.client} {self.statement.day}")
        bound = self.bound(language) or [(_WORDS["not-settled"][language], "")]
        blocks = (self.heading(language), self.lines(language), bound, [(self.note(language), "")])
        book.lines(_WORDS["title"][language], blocks)
        for section in self.sections:
            if section.rows:
                book.section(section)
        return book.bytes()

    def pdf(self, language: Language) -> bytes:
        """The same as PDF. Errors: NoPdf where what makes it is not installed."""
        if importlib.util.find_spec("weasyprint") is None:
            raise NoPdf(detail="weasyprint is not installed")
        try:
            from weasyprint import HTML
        except OSError as error:
            raise NoPdf(detail=" ".join(str(error).split())[:200]) from error
        # Nothing is fetched: the page has everything in it.
        made: bytes = HTML(string=self.html(language), url_fetcher=_fetch_nothing).write_pdf()
        return made


_STYLE = """
@page { size: A4; margin: 20mm }
body { font: 11pt/1.5 Inter, "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; color: #15181e }
h1 { font-size: 18pt; margin: 0 0 8mm } h2 { font-size: 12pt; margin: 6mm 0 2mm }
table { width: 100%; border-collapse: collapse; margin-bottom: 6mm; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: normal } td { text-align: right }
th, td { border-bottom: .3pt solid #c9ccd2; padding: 1.2mm 0 }
.note { color: #565d69; font-size: 9pt }
.rows { font-size: 7.5pt; line-height: 1.4 } .rows th, .rows td { padding: .8mm 1mm } .rows .left { text-align: left }
.rows thead th { color: #565d69; text-align: right } .rows thead .left { text-align: left } .rows .total td { border-top: .6pt solid #15181e; font-weight: 600 }
"""


def _fetch_nothing(url: str, *arguments: Any, **more: Any) -> dict[str, Any]:
    raise ValueError(f"a statement fetches nothing, and not {url}")


def _section_html(section: Section, language: Language) -> str:
    left = [column.kind in ("text", "word", "day") for column in section.columns]

    def cells(row: list[str], name: str) -> str:
        return "".join(
            f"<{name}{' class=left' if at_left else ''}>{escape(value)}</{name}>"
            for value, at_left in zip(row, left, strict=True)
        )

    head = cells([column.words[language] for column in section.columns], "th")
    shown = section.shown(language)
    body = "".join(
        f"<tr{' class=total' if number >= len(section.rows) else ''}>{cells(row, 'td')}</tr>"
        for number, row in enumerate(shown)
    )
    return f"<h2>{section.words[language]}</h2><table class=rows><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _table(section: Section, language: Language) -> list[str]:
    """A section for a terminal: its columns as wide as what is in them, figures to the right."""
    rows = [[column.words[language] for column in section.columns], *section.shown(language)]
    widths = [max(_columns(row[place]) for row in rows) for place in range(len(section.columns))]

    def line(row: list[str]) -> str:
        cells = []
        for value, width, column in zip(row, widths, section.columns, strict=True):
            room = " " * (width - _columns(value))
            cells.append(value + room if column.kind in ("text", "word", "day") else room + value)
        return ("  " + "  ".join(cells)).rstrip()

    return [section.words[language], *map(line, rows)]


def _shown(amount_minor: int, *, moves: bool = False) -> str:
    """An amount for people; what moves has a sign."""
    sign = "+" if moves and amount_minor > 0 else ""
    return sign + grouped(amount_minor, _CNY).replace("-", "\u2212")


def _row(name: str, value: str) -> str:
    return name + " " * max(2, _WIDTH - _columns(name) - _columns(value)) + value


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)


def make_paper(connection: psycopg.Connection[Any], client: str, day: datetime.date) -> Paper | None:
    """The statement of `client` for `day` through whatever login may read it; None where it sees no such client."""
    made = statement(connection, client, day)
    if made is None:
        return None
    row = connection.execute(
        """
        SELECT coalesce(c.title, c.name), coalesce(m.title, m.name, '') FROM exchange.party AS c
        LEFT JOIN exchange.party AS m ON m.id = c.member WHERE c.name = %s
        """,
        (client,),
    ).fetchone()
    holdings = connection.execute(
        "SELECT contract, long_lots, short_lots FROM exchange_margin.position "
        "WHERE client = %s AND day = %s AND long_lots + short_lots > 0 ORDER BY contract",
        (client, day),
    ).fetchall()
    last = connection.execute("SELECT max(id) FROM exchange.posting").fetchone()
    title, member = row or (client, "")
    behind = tuple(sections(connection, client, day, read_rules(connection)))
    return Paper(made, title, member, tuple(Holding(*one) for one in holdings), behind, (last and last[0]) or 0)


def settled_days(connection: psycopg.Connection[Any]) -> list[datetime.date]:
    """The days that are settled, in order."""
    return [day for (day,) in connection.execute("SELECT day FROM exchange_margin.settled ORDER BY day").fetchall()]


def sign_paper(exchange: LetterBox, paper: Paper) -> Letter:
    """The statement in the exchange's own hand, to the client."""
    return exchange.write(paper.statement.client, "statement", paper.document())


def check_signed(text: str, public_key: bytes) -> dict[str, Any]:
    """What a signed statement says, if whoever has the private half of `public_key` said so. Errors: LetterRefused."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    letter = Letter.from_document(document)
    if letter.kind != "statement":
        raise letter.refuse("kind")
    if not letter.signed_by(public_key):
        raise letter.refuse("signature")
    return letter.content
