"""The lanes of a trail: who did what, one after another, a lane for the client, the exchange and each bank. A pure function."""

from __future__ import annotations

import datetime
from itertools import pairwise

from markupsafe import Markup

from ringfence.console.figures import bank_title, clock
from ringfence.console.svg import line, tag, text
from ringfence.console.words import Words
from ringfence.custody import EXCHANGE
from ringfence.custody.trail import Event, Trail
from ringfence.errors import Language

_LANE, _LEFT, _STEP, _TOP = 82, 150, 132, 12
_OF_MONEY = ("pays", "books", "posts", "moves")


def lanes(trail: Trail, words: Words) -> Markup:
    """The picture: 1,200 or so wide; each event under the one before it to the right, arrows where it goes to another lane."""
    names = list(dict.fromkeys(["client", EXCHANGE, *(event.lane for event in trail.events)]))
    names = [name for name in names if name != "client" or any(event.lane == "client" for event in trail.events)]
    width, height = _LEFT + _STEP * max(3, len(trail.events)) + 20, _TOP + _LANE * len(names)
    pieces = []
    for number, name in enumerate(names):
        y = _TOP + _LANE * number
        if number % 2:
            pieces.append(tag("rect", x=0, y=y, width=width, height=_LANE, class_="lane"))
        pieces.append(text(16, y + 44, _lane(name, trail, words), "b"))
        pieces.append(line(_LEFT - 10, y + 40, width - 16, y + 40, "thin"))
    places = [
        (_LEFT + _STEP * number + 50, _TOP + _LANE * names.index(event.lane) + 40)
        for number, event in enumerate(trail.events)
    ]
    for (x1, y1), (x2, y2) in pairwise(places):
        if y1 != y2:
            bend = (x2 - x1) / 2
            pieces.append(
                tag("path", d=f"M{x1 + 8} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 9} {y2}", class_="goes")
            )
    for event, (x, y) in zip(trail.events, places, strict=True):
        pieces += _event(event, x, y, words)
    said = words("{count} steps of one instruction, through {lanes}", count=len(trail.events), lanes=", ".join(_lane(name, trail, words) for name in names))  # fmt: skip
    return tag(
        "svg",
        *pieces,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="lanes",
        role="img",
        aria_label=said,
    )


def _event(event: Event, x: float, y: float, words: Words) -> list[Markup]:
    held = event.what == "holds"
    mark = "event money" if event.what in _OF_MONEY else "event held" if held else "event"
    sign = (
        tag("rect", x=x - 7, y=y - 7, width=14, height=14, class_=mark)
        if held
        else tag("circle", cx=x, cy=y, r=7, class_=mark)
    )
    under = "" if event.right is None else words("signature right ✓") if event.right else words("signature wrong ✗")
    under = under or (event.by if event.what in ("audited", "approved", "refused") else "")
    wrong = "alarm-text" if event.right is False else "m"
    pieces = [sign, text(x, y - 24, event_word(event, words), "b", "middle")]
    if event.at is not None:
        pieces.append(text(x, y - 11, _moment(event.at), "m", "middle"))
    if under:
        pieces.append(text(x, y + 24, under, wrong, "middle"))
    return pieces


def _moment(at: datetime.datetime) -> str:
    return f"{clock(at)}.{at.microsecond // 1000:03d}"


def event_word(event: Event, words: Words) -> str:
    """What an event is called."""
    return {
        "signs": words("Signs"),
        "audited": words("First person"),
        "approved": words("Second person"),
        "refused": words("Refuses"),
        "holds": words("Holds"),
        "pays": words("Pays"),
        "books": words("Pays in"),
        "reports": words("Report taken"),
        "posts": words("Posts"),
        "releases": words("Releases"),
        "moves": words("Books"),
    }[event.what]


def _lane(name: str, trail: Trail, words: Words) -> str:
    return trail.client if name == "client" else book_title(name, words.language)


def book_title(book: str, language: Language) -> str:
    """What people call the institution of a book."""
    return Words(language)("Exchange") if book == EXCHANGE else bank_title(book, None, language)
