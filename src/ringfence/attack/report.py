"""The comparison as one page that one would show a supervisor: models, drawings, table, stories, coalitions, what remains.

Everything in it is read off the rings and off what became of the attacks on their books; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import base64
import datetime
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment

import ringfence
from ringfence.attack.scenario import scenarios
from ringfence.attack.story import Row
from ringfence.attack.table import LEGEND, cell
from ringfence.errors import Language
from ringfence.ring import Verdict, draw, draw_compared, headline, tell
from ringfence.ring.compare import in_words, questions

_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "Client money: who could take it, and who cannot", "zh": "客户资金：谁能取走，谁不能"},
    "lead": {
        "en": "{attacks} ways of taking client money, tried on the real books of {rings} ways of keeping it, with the real logins of those who would have to act. "
        "What goes through was read off the balances; what was refused names its control.",
        "zh": "在 {rings} 种客户资金存管模式的真实账簿上，以真实登录逐一尝试 {attacks} 种侵占手法。得逞与否以余额为准；被拒绝者注明控制编号。",
    },
    "made": {
        "en": "Made by ringfence attack --report on {day}, Ringfence {version}. Source: {source}.",
        "zh": "由 ringfence attack --report 于 {day} 生成，Ringfence {version}。出处：{source}。",
    },
    "answers": {"en": "The answer, model by model", "zh": "各模式的结论"},
    "alone": {"en": "{many} of {of} go through by the firm alone", "zh": "{of} 种手法中，公司单独即可得逞 {many} 种"},
    "helped": {"en": "{many} more with somebody's help", "zh": "另有 {many} 种须他人合谋"},
    "none": {"en": "none goes through by the firm alone", "zh": "公司单独均不能得逞"},
    "table": {"en": "The table", "zh": "总表"},
    "attack": {"en": "attack", "zh": "手法"},
    "drawings": {"en": "The models, side by side", "zh": "各模式并列"},
    "thick": {
        "en": "Books, and every route on which money can move. Thick arrows: the firm takes alone on it.",
        "zh": "账簿与全部资金通路。粗箭头：公司单独即可沿此取走。",
    },
    "models": {"en": "Model by model", "zh": "逐一说明"},
    "whole": {"en": "Every account and every route", "zh": "全部账户与通路"},
    "conspire": {"en": "Who would have to conspire", "zh": "作案所需的最小合谋"},
    "how": {
        "en": "Decided from the declaration, every way of walking its routes; in persons of each party, the smallest coalitions only; X is another client.",
        "zh": "由声明判定，穷尽全部走法；按各方人数计，仅列最小者；X 为另一客户。",
    },
    "take": {"en": "take", "zh": "取走"},
    "lose": {"en": "lose to others", "zh": "使流失"},
    "hide": {"en": "take unseen", "zh": "取走且不显"},
    "hide until the next count": {"en": "unseen until a count", "zh": "盘点前不显"},
    "nobody": {"en": "nobody", "zh": "无人能做到"},
    "beyond": {"en": "What no route can say", "zh": "通路之外"},
    "stories": {"en": "The attacks, one by one", "zh": "手法逐一详述"},
    "actor": {"en": "Who", "zh": "行为人"},
    "steps": {"en": "How", "zh": "步骤"},
    "expected": {"en": "What must become of it in a closed circle", "zh": "封闭圈中应有的结果"},
    "detected": {"en": "What shows it", "zh": "如何发现"},
    "became": {"en": "What became of it", "zh": "实际结果"},
    "through": {"en": "through", "zh": "得逞"},
    "detected-outcome": {"en": "through, and shown", "zh": "得逞，但可发现"},
    "refused": {"en": "refused", "zh": "被拒绝"},
    "no-meaning": {"en": "nothing it could be about", "zh": "无所针对"},
    "controls": {"en": "One control taken out", "zh": "逐一拿掉一项控制"},
    "controls-how": {
        "en": "Each control of {ring} is taken out by itself; the attacks that it refused are tried again, and those that go through with a bound.",
        "zh": "逐一拿掉 {ring} 的一项控制，再次尝试该控制曾拒绝的手法及在限度内可行的手法。",
    },
    "control": {"en": "control", "zh": "控制"},
    "guards": {"en": "what it is", "zh": "内容"},
    "then": {"en": "what goes through without it", "zh": "没有它时得逞者"},
    "nothing": {"en": "nothing more of what was tried", "zh": "所试手法无变化"},
    "remains": {"en": "What remains", "zh": "剩余风险"},
    "remains-how": {
        "en": "Said openly: of {ring}, the last of the models here, what still goes through, who could still do it together, and what has not been tried.",
        "zh": "如实说明：就 {ring}（本页最后一种模式）而言，仍可得逞者、仍可合谋者以及尚未尝试者。",
    },
    "goes": {"en": "Still goes through", "zh": "仍可得逞"},
    "together": {"en": "Could still take it together", "zh": "仍可合谋取走"},
    "above": {"en": "If the operator of a book stood above its own kernel", "zh": "若账簿运维人员凌驾于内核之上"},
    "waits": {"en": "Not tried: it waits for a part that does not exist yet", "zh": "尚未尝试：所需部分尚不存在"},
    "equation": {
        "en": "In every refused attack the money equation held after every step; the worst difference was {worst}.",
        "zh": "在所有被拒绝的手法中，资金恒等式每一步均成立；最大差额 {worst}。",
    },
    "firm": {"en": "the firm", "zh": "公司"},
}


@dataclass(frozen=True, slots=True)
class Without:
    """A ring with one control taken out: which, in words, and what became of the attacks that it had to do with."""

    ring: str
    control: str
    says: str
    rows: tuple[Row, ...]


def again_without(rows: Sequence[Row], ring: str, control: str) -> list[str]:
    """The attacks to try again without a control: those that it refused, and those that go through inside a bound."""
    return [row.attack for row in rows if row.ring == ring and (control in row.controls or row.bounds)]


def report(
    rows: Sequence[Row],
    verdicts: Mapping[str, Verdict],
    without: Sequence[Without],
    day: datetime.date,
    language: Language = "en",
) -> str:
    """The page in one language: `rows` by ring and attack, `verdicts` by the same names of rings, and the runs without a control."""

    def say(word: str, **figures: object) -> str:
        said = _WORDS[word][language]
        return said.format(**figures) if figures else said

    rings = [*dict.fromkeys(row.ring for row in rows)]
    names = [*dict.fromkeys(row.attack for row in rows)]
    last = verdicts[rings[-1]]
    given = {
        "say": say,
        "language": language,
        "rings": rings,
        "made": say("made", day=day, version=ringfence.__version__, source=last.ring.ring.source),
        "lead": say("lead", attacks=len(names), rings=len(rings)),
        "answers": [_answer(rows, ring, verdicts[ring], language) for ring in rings],
        "table": [_line(rows, name, rings, language) for name in names],
        "legend": LEGEND[language],
        "compared": _picture(draw_compared([verdicts[ring] for ring in rings], language)),
        "models": [_model(verdicts[ring], language) for ring in rings],
        "stories": [_story(rows, name, language) for name in names],
        "without": [
            {
                "ring": title,
                "how": say("controls-how", ring=title),
                "lines": [_taken_out(one, rows, verdicts[title], language) for one in group],
            }
            for title, group in itertools.groupby(without, lambda one: one.ring)
        ],
        "remains": _remains(rows, last, language),
        "remains_how": say("remains-how", ring=last.ring.ring.name),
        "equation": say(
            "equation", worst=max((abs(row.difference_minor) for row in rows if row.outcome == "refused"), default=0)
        ),
    }
    page: str = _template().render(given)
    return page


def _picture(svg: str) -> str:
    """A drawing as an address that holds it: its style stays its own, and nothing is fetched."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


@cache
def _template() -> Any:
    text = (resources.files("ringfence.attack") / "report.html").read_text("utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)


def _answer(rows: Sequence[Row], ring: str, verdict: Verdict, language: Language) -> dict[str, Any]:
    """How many go through in a ring, by the firm alone and with help."""
    tried = [row for row in rows if row.ring == ring and row.outcome != "no-meaning"]
    alone = sum(row.help in ("alone", "reason") for row in tried)
    helped = sum(row.outcome in ("through", "detected") for row in tried) - alone
    said = _WORDS["alone"][language].format(many=alone, of=len(tried)) if alone else _WORDS["none"][language]
    if helped:
        said += f"{'；' if language == 'zh' else '; '}{_WORDS['helped'][language].format(many=helped)}"
    title = verdict.ring.ring.title.text(language)
    return {
        "ring": ring,
        "title": title,
        "open": not verdict.closed,
        "headline": headline(verdict, language),
        "said": said,
    }


def _line(rows: Sequence[Row], name: str, rings: Sequence[str], language: Language) -> dict[str, Any]:
    found = {row.ring: row for row in rows if row.attack == name}
    return {
        "name": name,
        "title": scenarios()[name].title.text(language),
        "cells": [(cell(found[ring]), _kind(found[ring])) if ring in found else ("", "") for ring in rings],
    }


def _kind(row: Row) -> str:
    """How a cell looks: as taken alone, with help, refused, or without meaning."""
    if row.outcome in ("refused", "no-meaning"):
        return row.outcome
    return "alone" if row.help in ("alone", "reason", None) else "helped"


def _model(verdict: Verdict, language: Language) -> dict[str, Any]:
    ring = verdict.ring
    return {
        "name": ring.ring.name,
        "title": ring.ring.title.text(language),
        "headline": headline(verdict, language),
        "open": not verdict.closed,
        "says": ring.ring.says.text(language),
        "source": ring.ring.source,
        "beyond": [one.text(language) for one in ring.ring.beyond],
        "drawing": _picture(draw(ring, language)),
        "questions": [
            (_WORDS[question][language], [in_words(verdict, one, language) for one in found])
            for question, found in questions(verdict).items()
        ],
    }


def _story(rows: Sequence[Row], name: str, language: Language) -> dict[str, Any]:
    scenario = scenarios()[name]
    return {
        "name": name,
        "title": scenario.title.text(language),
        "quote": scenario.quote,
        "source": scenario.source,
        "told": [
            (_WORDS[part][language], getattr(scenario, part).text(language))
            for part in ("actor", "steps", "expected", "detected")
        ],
        "became": [
            {
                "ring": row.ring,
                "cell": cell(row),
                "kind": _kind(row),
                "outcome": _WORDS["detected-outcome" if row.outcome == "detected" else row.outcome][language],
                "lines": [told.text(language) for told in row.story],
            }
            for row in rows
            if row.attack == name and row.outcome != "no-meaning"
        ],
    }


def _taken_out(one: Without, rows: Sequence[Row], verdict: Verdict, language: Language) -> dict[str, Any]:
    """What goes through without a control, and did not before, or only inside a bound."""
    before = {row.attack: cell(row) for row in rows if row.ring == one.ring}
    through = [row for row in one.rows if row.outcome in ("through", "detected") and cell(row) != before[row.attack]]
    return {
        "control": one.control,
        "guards": verdict.ring.controls[one.control].says.text(language),
        "says": one.says,
        "through": [
            {
                "attack": row.attack,
                "title": scenarios()[row.attack].title.text(language),
                "cell": cell(row),
                "by": " + ".join(row.conspirators),
                "lines": [told.text(language) for told in row.story],
            }
            for row in through
        ],
    }


def _remains(rows: Sequence[Row], verdict: Verdict, language: Language) -> dict[str, Any]:
    """What one must say of the last ring even so."""
    name = verdict.ring.ring.name
    return {
        "goes": [
            (row.attack, scenarios()[row.attack].title.text(language), cell(row), ", ".join(row.shown))
            for row in rows
            if row.ring == name and row.outcome in ("through", "detected")
        ],
        "together": [tell(verdict, finding, language) for finding in verdict.takes if not finding.above],
        "above": [tell(verdict, finding, language) for found in verdict.above.values() for finding in found],
        "waits": [*_waits(language)],
    }


def _waits(language: Language) -> Iterator[tuple[str, str, str]]:
    for name, scenario in scenarios().items():
        if scenario.waits_for is not None:
            yield name, scenario.title.text(language), scenario.waits_for.text(language)
