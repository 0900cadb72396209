"""Grades as people see them: a mark that can be told without its colour, a word, and the board of all four."""

from __future__ import annotations

from ringfence.console.figures import count, exact
from ringfence.console.words import Words
from ringfence.margin.funds import AllFunds, Grade, by_grade

_MARKS: dict[Grade, str] = {"green": "●", "orange-call": "◆", "red-call": "▲", "red-forced-close": "■"}


def grade_word(grade: Grade, w: Words) -> str:
    """A grade with its mark."""
    said: dict[Grade, str] = {
        "green": w("calm"),
        "orange-call": w("watch"),
        "red-call": w("call"),
        "red-forced-close": w("forced close"),
    }
    return f"{_MARKS[grade]} {said[grade]}"


def grades_board(funds: AllFunds, w: Words) -> list[tuple[str, str, str, str]]:
    """Each grade: what it is called, where it begins, how many clients, and what they must pay in or what margin they need."""
    steps = (w("below 80 %"), w("80 to 100 %"), w("above 100 %"), w("above 150 %"))
    found = []
    for one, step in zip(by_grade(funds), steps, strict=True):
        to_pay, margin = one.call_minor, one.margin_minor
        more = w("to pay in {amount}", amount=exact(to_pay)) if to_pay else w("margin {amount}", amount=exact(margin))
        found.append((grade_word(one.grade, w), step, count(one.clients), more))
    return found
