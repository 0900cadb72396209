"""Rings side by side in one picture: a card for each, with its books, its fences, and every route as an arrow.

The card leaves out who asks on which papers (`ringfence ring draw` shows that) and marks instead, with a filled square and a
thick arrow, every route by which an intermediary takes client money alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ringfence.errors import Language
from ringfence.ring.coalitions import Verdict
from ringfence.ring.compare import in_words, questions
from ringfence.ring.draw import LINE, STYLE, columns, lines_in, text_at
from ringfence.ring.lines import broken
from ringfence.ring.report import headline
from ringfence.ring.ring import Book

ACROSS, CARD, GAP, PAD = 4, 470, 20, 18
NAMES, HEAD, ROW = 142, 92, 17

_WORDS: dict[str, dict[Language, str]] = {
    "take": {"en": "take: ", "zh": "取走："},
    "hide": {"en": "take unseen: ", "zh": "取走且不显："},
    "nobody": {"en": "nobody", "zh": "无人能做到"},
    "legend": {
        "en": "■ and a thick arrow: a route by which an intermediary takes client money alone. Tinted: what is the clients'.",
        "zh": "■ 与粗箭头：中介可单独取走客户资金的通路。底色部分为客户资金。",
    },
}
_STYLE = """
.card{fill:var(--surface);stroke:var(--edge)}.bad{stroke-width:4}.badname{font-weight:650}.s{font-size:10.5px}
"""


def draw_compared(verdicts: Sequence[Verdict], language: Language = "en") -> str:
    """Draw the rings as SVG, four cards in a row."""
    cards = [_Card(verdict, language).drawn() for verdict in verdicts]
    heights = [max(height for _, height in cards[n : n + ACROSS]) for n in range(0, len(cards), ACROSS)]
    width = GAP + min(len(cards), ACROSS) * (CARD + GAP)
    height = GAP + sum(row + GAP for row in heights) + 26
    parts = []
    top = GAP
    for row, tall in enumerate(heights):
        for column, (card, _) in enumerate(cards[row * ACROSS : (row + 1) * ACROSS]):
            x = GAP + column * (CARD + GAP)
            parts.append(
                f'<g transform="translate({x} {top})"><rect class="card" width="{CARD}" height="{tall}" rx="8"/>'
            )
            parts += card
            parts.append("</g>")
        top += tall + GAP
    parts.append(text_at(GAP, height - 16, _WORDS["legend"][language], "m"))
    titles = ", ".join(verdict.ring.ring.title.text(language) for verdict in verdicts)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" lang="{language}">',
            f"<title>{escape(titles)}</title><style>{STYLE}{_STYLE}</style>",
            f'<rect class="ground" width="{width}" height="{height}"/>',
            *parts,
            "</svg>",
        ]
    )


class _Card:
    def __init__(self, verdict: Verdict, language: Language) -> None:
        self._verdict = verdict
        self._language: Language = language
        self._open = frozenset[str]().union(*(verdict.ways_alone[party] for party in verdict.ring.ring.intermediaries))

    def drawn(self) -> tuple[list[str], int]:
        """What is on the card, and its height."""
        drawn, y = [], 10
        ring = self._verdict.ring
        for line in broken(ring.ring.title.text(self._language), CARD - 2 * PAD, 9, 16):
            y += 20
            drawn.append(text_at(PAD, y, line, "h2"))
        for line in lines_in(headline(self._verdict, self._language), CARD - 2 * PAD):
            y += 20
            drawn.append(text_at(PAD, y, line, "b"))
        asked = questions(self._verdict)
        for word, found in (("take", asked["take"]), ("hide", asked["hide"])):
            said = "; ".join(in_words(self._verdict, one, self._language) for one in found)
            whole = _WORDS[word][self._language] + (said or _WORDS["nobody"][self._language])
            for line in lines_in(whole, CARD - 2 * PAD):
                y += LINE
                drawn.append(text_at(PAD, y, line, "m"))
        for name, book in ring.books.items():
            y += 34
            drawn.append(text_at(PAD, y, book.title.text(self._language), "b"))
            part, y = self._book(name, book, y + 10)
            drawn += part
        return drawn, y + PAD

    def _book(self, name: str, book: Book, top: int) -> tuple[list[str], int]:
        found = columns(book)
        lane = (CARD - 2 * PAD - NAMES - 40) / len(found.kinds)
        x = [round(PAD + NAMES + lane * (n + 0.5)) for n in range(len(found.kinds))]
        heads = top + HEAD
        bottom = heads + len(book.routes) * ROW + 8
        parts = []
        if found.first < found.last:
            left, right = round(x[found.first] - lane / 2) + 2, round(x[found.last - 1] + lane / 2) - 2
            parts.append(
                f'<rect class="fence" x="{left}" y="{heads - 6}" width="{right - left}" height="{bottom - heads + 6}" rx="12"/>'
            )
        for n, kind in enumerate(found.kinds):
            said = kind if self._language == "en" else book.kinds[kind].title.zh
            parts.append(f'<line class="lane" x1="{x[n]}" y1="{heads}" x2="{x[n]}" y2="{bottom}"/>')
            parts.append(
                f'<text class="s" transform="translate({x[n]} {heads - 12}) rotate(-42)"><title>{escape(book.kinds[kind].title.text(self._language))}</title>{escape(_short(said))}</text>'
            )
        for row, (route_name, route) in enumerate(book.routes.items()):
            y = heads + row * ROW + 12
            bad = f"{name}.{route_name}" in self._open
            start, end = found.ends(route.path[0], route.path[-1])
            parts.append(f"<g><title>{escape(route.says.text(self._language))}</title>")
            parts.append(text_at(PAD, y + 4, ("■ " if bad else "") + route_name, "s badname" if bad else "s m"))
            forth = 1 if x[end] > x[start] else -1
            thick = " bad" if bad else ""
            later = " later" if route.finishes else ""
            if start == end:
                parts.append(f'<path class="way{thick}{later}" d="M{x[start]} {y - 3}h14v7h-7"/>')
                parts.append(f'<path class="tip" d="M{x[start] + 2} {y + 4}l8 -4v8z"/>')
            else:
                parts.append(f'<path class="way{thick}{later}" d="M{x[start]} {y}H{x[end] - 8 * forth}"/>')
                parts.append(f'<path class="tip" d="M{x[end]} {y}l{-10 * forth} -5v10z"/>')
            parts.append(f'<circle class="dot" cx="{x[start]}" cy="{y if start != end else y - 3}" r="3.5"/></g>')
        return parts, bottom


def _short(text: str) -> str:
    """At most as much as fits above a lane."""
    most = 20 if text.isascii() else 10
    return text if len(text) <= most else text[: most - 1] + "…"
