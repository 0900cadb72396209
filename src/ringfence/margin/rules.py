"""Rules: what the exchange has said of each contract, dated, each with its source.

A row says one thing of one contract from one day on, until the next row about the same. A margin rate counts from the close
settlement of its day, everything else from the day itself. What a contract is on a day is the sum of these rows: a new
contract is new rows, and a changed rate is one more. Nothing is known before the first row, nor from a row on that says "?".

The packaged table (data/rules.csv) explains every rule and how sure each figure is.
"""

from __future__ import annotations

import csv
import datetime
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.margin.contracts import Contract, Fee, Kind, LimitBase, OverdueStep, exact_minor
from ringfence.money import UNITS, Rate, unit

RuleName = Literal[
    "trading", "kind", "metal", "measure", "lot", "tick", "largest-order", "limit-base", "limit", "margin", "fee", "deferred-fee",
    "overdue-fee", "delivery-unit", "penalty", "neutral", "reuse", "bands",
]  # fmt: skip
Status = Literal["notice", "specification", "observed", "unconfirmed", "assumed", "unknown"]
COLUMNS = ("contract", "rule", "effective_from", "value", "status", "source")
UNKNOWN = "?"
_WEIGHT = re.compile(r"([1-9][0-9]*)(g|kg)")
_NO_RATE = Rate(0)


class RuleUnknown(RingfenceError):
    """Nothing is known: `contract`, `rule`, `day`; `since` is the first day for which something is, if any."""

    code = "rule-unknown"
    template: ClassVar[dict[Language, str]] = {
        "en": "{contract}: no {rule} is known on {day} ({since}); a dated row with its source makes it known",
        "zh": "{contract}:{day} 的 {rule} 未知({since});补一行注明日期与来源的规则即可",
    }


@dataclass(frozen=True, slots=True)
class Rule:
    """One dated row, as it is written: from `effective_from` on, `rule` of `contract` is `value`."""

    contract: str
    rule: RuleName
    effective_from: datetime.date
    value: str
    status: Status
    source: str

    def document(self) -> dict[str, str]:
        """The row for a program, by its columns."""
        return {**asdict(self), "effective_from": str(self.effective_from)}


class Rules:
    """Dated rows, asked by contract and day. Errors: BadInput for a value that its rule cannot have."""

    def __init__(self, rows: Iterable[Rule]) -> None:
        history: dict[tuple[str, RuleName], list[Rule]] = defaultdict(list)
        for row in rows:
            read(row.rule, row.value)
            history[row.contract, row.rule].append(row)
        self._history: Mapping[tuple[str, RuleName], list[Rule]] = {
            key: sorted(dated, key=lambda row: row.effective_from) for key, dated in history.items()
        }
        self.codes: tuple[str, ...] = tuple(dict.fromkeys(code for code, _ in history))
        self._known: dict[tuple[str, datetime.date], Contract] = {}

    def __iter__(self) -> Iterator[Rule]:
        """All rows, contract by contract."""
        return (row for dated in self._history.values() for row in dated)

    def contract(self, code: str, day: datetime.date) -> Contract:
        """Return `code` as it is on `day`.

        Errors: BadInput when no row is about the contract, its text lists those that have rows; RuleUnknown.
        """
        if (code, day) not in self._known:
            self._known[code, day] = self._contract(code, day)
        return self._known[code, day]

    def _contract(self, code: str, day: datetime.date) -> Contract:
        self.require(code)
        kind: Kind = self._value(code, "kind", day)
        deferred = kind == "deferred"
        return Contract(
            code,
            kind,
            metal=self._value(code, "metal", day, None),
            measure=self._value(code, "measure", day),
            lot_quantity=self._value(code, "lot", day),
            tick_minor=self._value(code, "tick", day),
            largest_order_lots=self._value(code, "largest-order", day, None),
            limit_base=self._value(code, "limit-base", day, "settlement"),
            limit=self._value(code, "limit", day, None),
            margin=self._value(code, "margin", day) if deferred else Rate(Rate.WHOLE),
            fee=self._value(code, "fee", day),
            deferred_fee=self._value(code, "deferred-fee", day) if deferred else _NO_RATE,
            overdue=self._value(code, "overdue-fee", day, ()),
            delivery_minor=self._value(code, "delivery-unit", day, None),
            penalty=self._value(code, "penalty", day, None),
            neutral=self._value(code, "neutral", day, None),
            reuse=self._value(code, "reuse", day, _NO_RATE),
            bands=self._value(code, "bands", day, ()),
            trades=self._value(code, "trading", day, "open") == "open",
        )

    def on(self, day: datetime.date) -> dict[str, Contract]:
        """Every contract that has rules on `day`, by its code. Errors: RuleUnknown where only some of them are known."""
        return {code: self.contract(code, day) for code in self.codes if self.row(code, "kind", day) is not None}

    def row(self, code: str, rule: RuleName, day: datetime.date) -> Rule | None:
        """The row in force on `day`, with its status and source; None where there is none."""
        dated = self._history.get((code, rule), [])
        passed = bisect_right(dated, day, key=lambda row: row.effective_from)
        return dated[passed - 1] if passed else None

    def require(self, code: str) -> None:
        """See that some row is about `code`. Errors: BadInput, listing those that have rows."""
        if code not in self.codes:
            raise BadInput("contract", code, f"one of {', '.join(self.codes)}")

    def _value(self, code: str, rule: RuleName, day: datetime.date, otherwise: Any = UNKNOWN) -> Any:
        row = self.row(code, rule, day)
        value = read(rule, row.value) if row else otherwise
        if value is UNKNOWN:
            dated = self._history.get((code, rule), [])
            since = (
                f"unknown since {row.effective_from}"
                if row
                else f"first row {dated[0].effective_from}"
                if dated
                else "no row"
            )
            raise RuleUnknown(contract=code, rule=rule, day=day, since=since)
        return value


def read(rule: RuleName, value: str) -> Any:
    """What a row's text means. Errors: BadInput for a text that its rule cannot have."""
    return UNKNOWN if value == UNKNOWN else _READERS[rule](rule, value)


def parse_rows(lines: Iterable[str], where: str) -> list[Rule]:
    """Read rows of CSV; lines that begin with # are remarks. `where` names the file.

    Errors: BadInput with line and column.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if not line.startswith("#") and line.strip()]
    table = csv.reader(line for _, line in numbered)
    if tuple(next(table, ())) != COLUMNS:
        line = numbered[0][0] if numbered else 1
        raise BadInput(f"{where}, line {line}", "the header", f"the columns {','.join(COLUMNS)}")
    rows = []
    for cells in table:
        number = numbered[table.line_num - 1][0]
        rows.append(_row(cells, f"{where}, line {number}"))
    return rows


def read_file(file: Path, option: str = "--rules") -> Rules:
    """The rules in a file of the packaged table's form. Errors: BadInput with file, line, column and value."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(option, str(file), f"a CSV file in UTF-8 that can be read ({error})") from error
    return Rules(parse_rows(lines, file.name))


@cache
def load() -> Rules:
    """The rules of the Shanghai Gold Exchange that ship with the package."""
    text = (resources.files("ringfence.margin") / "data" / "rules.csv").read_text("utf-8")
    return Rules(parse_rows(text.splitlines(), "rules.csv"))


def _row(cells: Sequence[str], where: str) -> Rule:
    if len(cells) != len(COLUMNS):
        raise BadInput(where, ",".join(cells), f"{len(COLUMNS)} columns: {','.join(COLUMNS)}")
    contract, rule, text, value, status, source = (cell.strip() for cell in cells)
    if not contract or len(contract) > 40:
        raise BadInput(f"{where}, contract", contract, "a contract's code, at most 40 characters")
    for field, given, known in (("rule", rule, get_args(RuleName)), ("status", status, get_args(Status))):
        if given not in known:
            raise BadInput(f"{where}, {field}", given, f"one of {', '.join(known)}")
    if not source:
        raise BadInput(f"{where}, source", source, "where the figure comes from")
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where}, effective_from", text, "a day such as 2020-03-18") from None
    try:
        read(cast(RuleName, rule), value)
    except BadInput as error:
        raise BadInput(f"{where}, value of {rule}", value, str(error.figures["expected"])) from None
    return Rule(contract, cast(RuleName, rule), day, value, cast(Status, status), source)


# -- what each rule's text means -------------------------------------------------------------------------------------


def _one_of(*known: str) -> Callable[[str, str], str]:
    def one(rule: str, value: str) -> str:
        if value not in known:
            raise BadInput(rule, value, f"one of {', '.join(known)}")
        return value

    return one


def _word(rule: str, value: str) -> str:
    if not re.fullmatch(r"\w{1,20}", value):
        raise BadInput(rule, value, "a word such as g, kg or point")
    return value


def _count(rule: str, value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise BadInput(rule, value, "a whole number from 1 to 999999999")
    return int(value)


def _tick(rule: str, value: str) -> int:
    minor = exact_minor(value)
    if minor is None or minor <= 0:
        raise BadInput(rule, value, "a positive price step in CNY, in whole fen, such as 0.01")
    return minor


def _rate(rule: str, value: str) -> Rate:
    return Rate.parse(value)


def _fee(rule: str, value: str) -> Fee:
    if value.endswith("/lot"):
        minor = exact_minor(value.removesuffix("/lot"))
        if minor is None or minor < 0:
            raise BadInput(rule, value, 'CNY for each lot, such as "3.00/lot"')
        return Fee(Rate(0), minor)
    return Fee(Rate.parse(value))


def _overdue(rule: str, value: str) -> tuple[OverdueStep, ...]:
    if value == "off":
        return ()
    steps: list[OverdueStep] = []
    for step in value.split():
        days, colon, rate = step.partition(":")
        if not colon or not days.isdigit() or (steps and int(days) <= steps[-1].after_days):
            raise BadInput(rule, value, 'off, or steps in order such as "20:0.01% 40:0.03%"')
        steps.append(OverdueStep(int(days), Rate.parse(rate)))
    return tuple(steps)


def _bands(rule: str, value: str) -> tuple[Rate, ...]:
    rates = tuple(map(Rate.parse, value.split()))
    if not rates or any(one <= other for one, other in pairwise(rates)):
        raise BadInput(rule, value, 'rates, the largest first, such as "8% 4%"')
    return rates


def _weight(rule: str, value: str) -> int:
    match = _WEIGHT.fullmatch(value)
    if match is None:
        raise BadInput(rule, value, "a weight such as 100g or 15kg")
    return int(match[1]) * (1_000 if match[2] == "g" else 1_000_000)


def _metal(rule: str, value: str) -> str:
    if value not in UNITS or not unit(value).is_metal:
        raise BadInput(rule, value, f"one of {', '.join(code for code, known in UNITS.items() if known.is_metal)}")
    return value


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "trading": _one_of("open", "suspended"),
    "kind": _one_of(*get_args(Kind)),
    "metal": _metal,
    "measure": _word,
    "lot": _count,
    "tick": _tick,
    "largest-order": _count,
    "limit-base": _one_of(*get_args(LimitBase)),
    "limit": _rate,
    "margin": _rate,
    "fee": _fee,
    "deferred-fee": _rate,
    "overdue-fee": _overdue,
    "delivery-unit": _weight,
    "penalty": _rate,
    "neutral": _rate,
    "reuse": _rate,
    "bands": _bands,
}
