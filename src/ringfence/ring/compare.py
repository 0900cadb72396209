"""Rings side by side: whether an intermediary takes client money alone, and how large a coalition must be in each.

Coalitions are told by party, as `bank ×2 + member`: two persons of the bank and the member. Of those only the smallest are kept,
counted as sets with repetition: two persons of a bank are more than one, and one inside a bound is less than one without.
The operators of books are left out; `ringfence ring check` tells of them, and by which route each coalition goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ringfence.errors import Language
from ringfence.ring.closure import OTHER
from ringfence.ring.coalitions import Finding, Verdict
from ringfence.ring.explain import padded, wrapped
from ringfence.ring.report import bound_in_words, headline, party_in_words
from ringfence.ring.who import Group, party_of

Question = Literal["take", "lose", "hide", "hide until the next count"]

_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "WHO WOULD HAVE TO CONSPIRE, RING BY RING", "zh": "各封闭圈作案所需的最小合谋"},
    "how": {
        "en": "Counted in persons of each party (×2: two of them), the smallest coalitions only; X is another client who conspires.",
        "zh": "按各方人数计（×2 即两人），仅列最小者；X 为参与合谋的另一客户。",
    },
    "take": {"en": "take", "zh": "取走"},
    "lose": {"en": "lose to others", "zh": "使流失"},
    "hide": {"en": "take unseen", "zh": "取走且不显"},
    "hide until the next count": {"en": "until a count", "zh": "盘点前不显"},
    "beyond": {"en": "no route says", "zh": "通路之外"},
    "nobody": {"en": "nobody", "zh": "无人能做到"},
}


@dataclass(frozen=True, slots=True)
class Conspiracy:
    """A smallest coalition by party: how many persons of each it needs, and the bounds that it keeps to."""

    parties: tuple[tuple[str, int], ...]
    bounds: Group

    def __le__(self, other: Conspiracy) -> bool:
        theirs = dict(other.parties)
        return self.bounds <= other.bounds and all(theirs.get(party, 0) >= many for party, many in self.parties)


def conspiracies(found: Iterable[Finding]) -> tuple[Conspiracy, ...]:
    """The smallest coalitions by party, nobody above a kernel among them; those of few persons first."""
    counted = {Conspiracy(_by_party(finding.persons), finding.bounds) for finding in found if not finding.above}
    least = [one for one in counted if not any(other != one and other <= one for other in counted)]
    return tuple(sorted(least, key=lambda one: (sum(n for _, n in one.parties), one.parties, sorted(one.bounds))))


def _by_party(persons: Group) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(map(party_of, persons)).items(), key=lambda one: (one[0] == OTHER, one)))


def questions(verdict: Verdict) -> dict[Question, tuple[Conspiracy, ...]]:
    """The answers of one ring, in the order in which one asks."""
    return {
        "take": conspiracies(verdict.takes),
        "lose": conspiracies(verdict.loses),
        "hide": conspiracies(verdict.hides),
        "hide until the next count": conspiracies(verdict.hides_until_count),
    }


def compared(verdicts: Sequence[Verdict], language: Language = "en") -> str:
    """Write the rings below each other in words, for a terminal of 110 columns."""
    return "\n".join(_lines(verdicts, language))


def _lines(verdicts: Sequence[Verdict], language: Language) -> Iterator[str]:
    yield _WORDS["title"][language]
    yield from wrapped(_WORDS["how"][language], "  ")
    for verdict in verdicts:
        yield ""
        yield f"{padded(verdict.ring.ring.name, 6)}{verdict.ring.ring.title.text(language)}"
        yield f"      {headline(verdict, language)}"
        asked = questions(verdict)
        for question, found in asked.items():
            if question == "hide until the next count" and found == asked["hide"]:
                continue
            said = "; ".join(in_words(verdict, one, language) for one in found) or _WORDS["nobody"][language]
            yield from wrapped(said, f"      {padded(_WORDS[question][language], 16)}", " " * 22)
        for beyond in verdict.ring.ring.beyond:
            yield from wrapped(beyond.text(language), f"      {padded(_WORDS['beyond'][language], 16)}", " " * 22)


def in_words(verdict: Verdict, one: Conspiracy, language: Language) -> str:
    """Say a coalition: `bank ×2 + member (within price-band)`."""
    parties = " + ".join(
        party_in_words(verdict.ring, party, language) + (f" ×{many}" if many > 1 else "") for party, many in one.parties
    )
    bounds = ", ".join(bound_in_words(bound, language) for bound in sorted(one.bounds))
    return f"{parties} ({bounds})" if bounds else parties


def as_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The same for a program: per ring whether it is closed, to whom it is open, and the coalitions of each question."""

    def row(one: Conspiracy) -> dict[str, Any]:
        return {"parties": dict(one.parties), "bounds": sorted(one.bounds)}

    return [
        {
            "ring": verdict.ring.ring.name,
            "closed": verdict.closed,
            "open_to": list(verdict.open_to),
            **{question.replace(" ", "_"): [*map(row, found)] for question, found in questions(verdict).items()},
        }
        for verdict in verdicts
    ]
