"""What became of the attacks, as a table: a row for each attack, a column for each ring; and their stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ringfence.attack.scenario import scenarios
from ringfence.attack.story import Row
from ringfence.errors import Language
from ringfence.ring.explain import padded, wrapped

_HELP = {"alone": "Y", "reason": "Y*", "mule": "X", "bank": "B", "keeper": "V"}
# What the letters of a cell mean.
LEGEND: dict[Language, str] = {
    "en": "Y: the firm alone; Y*: the firm, with a false reason; X: with a client who lends its name; B: with the bank; V: one keeper of the vault with one person of the exchange; <: inside a bound; "
    "!: a record shows it; -: refused, and by which controls; a dot: there is nothing that it could be about, or the source does not say.",
    "zh": "Y：公司单独；Y*：公司凭虚假事由；X：与借名客户合谋；B：与银行合谋；V：一名仓库保管员与一名交易所人员；<：以限度为限；!：有记录可见；-：被拒绝，附控制编号；点：无所针对，或原文未言。",
}
_WORDS: dict[str, dict[Language, str]] = {
    "attack": {"en": "attack", "zh": "手法"},
    "waits": {"en": "waiting, not tried", "zh": "尚待，未尝试"},
}


def cell(row: Row) -> str:
    """`Y`, `X<!`, `- K1 K8`, or a dot."""
    if row.outcome == "no-meaning":
        return "."
    if row.outcome == "refused":
        return " ".join(("-", *row.controls))
    if row.help is None:
        return "through"
    bound = "<" if row.bounds else ""
    return f"{_HELP[row.help]}{bound}{'!' if row.outcome == 'detected' else ''}"


def table(rows: Sequence[Row], language: Language = "en") -> str:
    """All of them, for a terminal."""
    return "\n".join(_lines(rows, language))


def _lines(rows: Sequence[Row], language: Language) -> Iterator[str]:
    rings = [*dict.fromkeys(row.ring for row in rows)]
    cells = {(row.attack, row.ring): cell(row) for row in rows}
    widths = {ring: max(len(ring), *(len(said) for (_, of), said in cells.items() if of == ring)) + 2 for ring in rings}
    yield padded(_WORDS["attack"][language], 8) + "".join(padded(ring, widths[ring]) for ring in rings)
    for name in dict.fromkeys(row.attack for row in rows):
        title = scenarios()[name].title.text(language)
        yield padded(name, 8) + "".join(padded(cells.get((name, ring), ""), widths[ring]) for ring in rings) + title
    yield from wrapped(LEGEND[language], "")


def waiting(language: Language = "en") -> Iterator[str]:
    """What is not tried, because it is about a part that does not exist yet."""
    for name, scenario in scenarios().items():
        if scenario.waits_for is not None:
            said = f"{name} {scenario.title.text(language)}"
            yield f"{_WORDS['waits'][language]}: {said}: {scenario.waits_for.text(language)}"


def story(row: Row, language: Language = "en") -> str:
    """One attack in one ring, step by step."""
    scenario = scenarios()[row.attack]
    lines = [f"{row.attack} {scenario.title.text(language)} / {row.ring}: {row.outcome} {cell(row)}"]
    if scenario.quote:
        lines += wrapped(f"“{scenario.quote}” ({scenario.source})", "  ")
    for told in row.story:
        lines += wrapped(told.text(language), "    ")
    return "\n".join(lines)


def as_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For a program: ring, attack, outcome, control, step, story; and with whose help, inside what, shown by what."""
    return [
        {
            "ring": row.ring,
            "attack": row.attack,
            "outcome": row.outcome,
            "control": " ".join(row.controls),
            "step": row.step,
            "story": [told.en for told in row.story],
            "with": row.help,
            "conspirators": list(row.conspirators),
            "bounds": list(row.bounds),
            "shown_by": list(row.shown),
            "equation_off_by_minor": row.difference_minor,
        }
        for row in rows
    ]
