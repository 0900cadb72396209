"""The circle on a phone: one line from the clients' banks through the members to the exchange, and the list of places."""

from __future__ import annotations

from markupsafe import Markup

from ringfence.console.circle import moved_label
from ringfence.console.figures import bank_title, count, exact
from ringfence.console.state import CircleState
from ringfence.console.svg import box, line, tag, text
from ringfence.console.words import Words


def strip(state: CircleState, words: Words) -> Markup:
    """Draw the strip and write the list."""
    zero = max((place.transit_minor for place in state.places), key=abs, default=0)
    members = len({place.name.member for place in state.places})
    picture = tag(
        "svg",
        tag("rect", x=2, y=6, width=336, height=72, rx=36, class_="fence"),
        box(20, 24, 88, 36, "arc", 8),
        text(64, 40, words("clients' banks"), "b", "middle"),
        text(64, 54, count(state.clients), "m", "middle"),
        line(108, 42, 140, 42, "way"),
        box(140, 30, 76, 24, "pill alarm" if zero else "pill", 12),
        text(178, 46, f"{members} × {exact(zero)}", "num", "middle"),
        text(178, 70, words("members"), "m", "middle"),
        line(216, 42, 240, 42, "way"),
        box(240, 24, 82, 36, "arc", 8),
        text(281, 46, words("exchange"), "b", "middle"),
        viewBox="0 0 340 84",
        role="img",
        aria_label=words("From the clients' banks through the members, always zero, to the exchange; and back."),
    )
    rows = [
        tag(
            "tr",
            tag("th", f"{place.title} · {bank_title(place.name.bank, None, words.language)}", scope="row"),
            tag("td", moved_label(place, words), class_="right"),
        )
        for place in state.places
    ]
    return Markup("").join((picture, tag("table", tag("tbody", *rows))))
