"""A ring as a picture: the books below each other, places as lanes, and every route as an arrow from lane to lane.

Inside the dashed fence is what is the clients' or passes for them; outside stand the others' places, those that send money
in to the left and those that get it out to the right, so that an arrow passes the fence only where money does. A place may
stand on both sides. Nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ringfence.errors import Language
from ringfence.ring.coalitions import decide
from ringfence.ring.lines import broken, width
from ringfence.ring.report import headline
from ringfence.ring.ring import Book, Ring, RouteOfBook

LANE, HEAD, LINE = 150, 96, 16
LEFT, RIGHT, MARGIN = 270, 330, 28
NARROW_AND_WIDE = 7, 12

_WORDS: dict[str, dict[Language, str]] = {
    "fence": {"en": "the closed circle", "zh": "封闭圈"},
    "kept": {"en": "kept by the {}", "zh": "由{}记账"},
    "of": {"en": "of the {}", "zh": "属{}"},
    "asks": {"en": "asked by {}", "zh": "{} 发起"},
    "under": {"en": "within a grant of {}", "zh": "以 {} 的授权为限"},
    "finishes": {"en": "finished by {}", "zh": "{} 了结"},
    "on": {"en": "on {}", "zh": "凭 {}"},
    "always": {"en": "the database checks {}", "zh": "数据库校验 {}"},
    "zero_at_close": {"en": "zero at close", "zh": "关账为零"},
    "non-negative": {"en": "never below zero", "zh": "不为负"},
    "non-positive": {"en": "never above zero", "zh": "不为正"},
    "free": {"en": "any balance", "zh": "余额不限"},
    "legend-moves": {"en": "moves at once", "zh": "即时移动"},
    "legend-held": {"en": "first held, then finished", "zh": "先冻结,后了结"},
    "legend-zero": {"en": "passes through, always zero", "zh": "仅过渡,余额始终为零"},
    "legend-gate": {"en": "passes the fence", "zh": "进出封闭圈"},
    "legend-none": {"en": "no arrow, no movement", "zh": "无箭头即不能移动"},
}
STYLE = """
svg{--ink:#15181e;--muted:#565d69;--edge:#868e9b;--tint:#e4ebfa;--surface:#fff;--ground:#f6f6f3}
@media(prefers-color-scheme:dark){svg{--ink:#e9ebef;--muted:#a3abb7;--edge:#6f7886;--tint:#18253d;--surface:#14181f;--ground:#0d1015}}
text{font:12px system-ui,"Noto Sans CJK SC","WenQuanYi Micro Hei",sans-serif;fill:var(--ink)}
.ground{fill:var(--ground)}.panel,.place,.gate,.held,.zero{fill:var(--surface)}.panel,.lane{stroke:var(--edge)}
.place,.zero,.gate,.held{stroke:var(--ink)}.fence{fill:var(--tint);stroke:var(--ink);stroke-width:2;stroke-dasharray:9 6}
.lane{stroke-dasharray:1 4}.way{stroke:var(--ink);stroke-width:1.6;fill:none}.way.later{stroke-dasharray:6 4}.dot,.tip{fill:var(--ink)}
.held{stroke-dasharray:3 2}.m{fill:var(--muted)}.b{font-weight:650}.h1{font-size:20px;font-weight:650}.h2{font-size:16px;font-weight:650}
.c{text-anchor:middle}.z{font-weight:650;text-anchor:middle;font-variant-numeric:tabular-nums}
"""


def draw(ring: Ring, language: Language = "en") -> str:
    """Draw `ring` as SVG: the figure of its verdict above, then each book."""
    return "\n".join(_Drawing(ring, language).svg())


@dataclass(frozen=True, slots=True)
class _Columns:
    """The kinds from left to right; those from `first` up to `last`, not included, are inside the fence."""

    kinds: tuple[str, ...]
    first: int
    last: int

    def ends(self, source: str, target: str) -> tuple[int, int]:
        """The two columns between which an arrow goes, the nearest ones of kinds that stand twice."""
        sources, targets = ([n for n, kind in enumerate(self.kinds) if kind == one] for one in (source, target))
        return min(((s, t) for s in sources for t in targets), key=lambda ends: abs(ends[0] - ends[1]))

    def passed(self, start: int, end: int) -> list[int]:
        """The columns at whose left edge an arrow passes the fence."""
        low, high = sorted((start, end))
        return [border for border in (self.first, self.last) if self.first < self.last and low < border <= high]


def columns(book: Book) -> _Columns:
    """Put the kinds of `book` into columns: who sends in | inside | who gets out."""
    inside = [name for name, kind in book.kinds.items() if _inside(book, name)]
    ways = [(route.path[0], route.path[-1]) for route in book.routes.values()]
    senders = {source for source, target in ways if source not in inside and target in inside}
    getters = {target for source, target in ways if source in inside and target not in inside} - senders
    # Who deals with outsiders only stands where they stand, and twice where they stand on both sides.
    apart = [kind for kind in book.kinds if kind not in {*inside, *senders, *getters}]
    left = {kind for kind in apart if any({kind, sender} <= set(way) for way in ways for sender in senders)}
    right = [kind for kind in book.kinds if kind in getters or (kind in apart and kind not in left)]
    again = [
        kind
        for kind in book.kinds
        if kind in senders | left and any(kind in way and set(way) & set(right) for way in ways)
    ]
    before = [*(kind for kind in book.kinds if kind in left), *(kind for kind in book.kinds if kind in senders)]
    return _Columns((*before, *inside, *right, *again), len(before), len(before) + len(inside))


def _inside(book: Book, name: str) -> bool:
    kind = book.kinds[name]
    return kind.owner == "client" or kind.circle or kind.zero_at_close or kind.invariant == "zero"


class _Drawing:
    def __init__(self, ring: Ring, language: Language) -> None:
        self._ring = ring
        self._language: Language = language
        self._columns = {name: columns(book) for name, book in ring.books.items()}
        lanes = max(len(found.kinds) for found in self._columns.values())
        self._width = 2 * MARGIN + LEFT + lanes * LANE + RIGHT

    def _say(self, word: str, *figures: object) -> str:
        return _WORDS[word][self._language].format(*figures)

    def svg(self) -> Iterator[str]:
        """The parts, from top to bottom; the height is known once all are drawn."""
        title = self._ring.ring.title.text(self._language)
        verdict = headline(decide(self._ring), self._language)
        y = MARGIN + 20
        parts = [text_at(MARGIN, y, title, "h1")]
        for line in (verdict, *lines_in(self._ring.ring.says.text(self._language), self._width - 2 * MARGIN)):
            y += 20
            parts.append(text_at(MARGIN, y, line, "b" if line == verdict else "m"))
        for name, book in self._ring.books.items():
            y += 24
            drawn, height = self._book(name, book, y)
            parts += drawn
            y += height
        parts += self._legend(y + 30)
        height = y + 60
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {height}" width="{self._width}" '
            f'height="{height}" role="img" lang="{self._language}">'
        )
        yield f"<title>{escape(title)}</title><desc>{escape(verdict)}</desc><style>{STYLE}</style>"
        yield f'<rect class="ground" width="{self._width}" height="{height}"/>'
        yield from parts
        yield "</svg>"

    def _book(self, name: str, book: Book, top: int) -> tuple[list[str], int]:
        found = self._columns[name]
        rows = [(route_name, route, *self._words(book, route)) for route_name, route in book.routes.items()]
        heads = top + 62
        y = heads + HEAD + 14
        arrows: list[str] = []
        for route_name, route, left, right in rows:
            height = max(1 + len(left), len(right)) * LINE + 14
            arrows += self._route(found, book, route_name, route, (left, right), y, height)
            y += height
        kept = self._say("kept", self._ring.parties[book.kept_by].title.text(self._language))
        frame = [
            f'<rect class="panel" x="{MARGIN // 2}" y="{top}" width="{self._width - MARGIN}" height="{y - top + 18}" rx="8"/>',
            text_at(MARGIN, top + 28, book.title.text(self._language), "h2"),
            text_at(MARGIN, top + 46, kept, "m"),
            *self._fence(found, heads - 12, y + 4),
            *(part for n, kind in enumerate(found.kinds) for part in self._place(book, kind, _x(n), heads, y)),
        ]
        return [*frame, *arrows], y - top + 18

    def _fence(self, found: _Columns, top: int, bottom: int) -> list[str]:
        if found.first == found.last:
            return []
        x, width = _x(found.first) - LANE // 2, (found.last - found.first) * LANE
        return [
            f'<rect class="fence" x="{x}" y="{top}" width="{width}" height="{bottom - top}" rx="28"/>',
            text_at(x + width // 2, top - 8, self._say("fence"), "c m"),
        ]

    def _place(self, book: Book, name: str, x: int, top: int, bottom: int) -> Iterator[str]:
        kind = book.kinds[name]
        lines = lines_in(kind.title.text(self._language), LANE - 48)
        owner = lines_in(self._say("of", self._ring.parties[kind.owner].title.text(self._language)), LANE - 20)
        rule = (
            "0.00" if kind.invariant == "zero" else self._say("zero_at_close" if kind.zero_at_close else kind.invariant)
        )
        yield f"<g><title>{escape(name)}</title>"
        yield f'<line class="lane" x1="{x}" y1="{top + HEAD}" x2="{x}" y2="{bottom}"/>'
        if kind.invariant == "zero":
            yield f'<rect class="zero" x="{x - LANE // 2 + 8}" y="{top}" width="{LANE - 16}" height="{HEAD}" rx="32"/>'
        else:
            yield f'<rect class="place" x="{x - LANE // 2 + 8}" y="{top}" width="{LANE - 16}" height="{HEAD}" rx="6"/>'
        y = top + (HEAD - (len(lines) + len(owner) + 1) * LINE) // 2 + 12
        for number, line in enumerate((*lines, *owner)):
            yield text_at(x, y + number * LINE, line, "c b" if number < len(lines) else "c m")
        yield text_at(x, y + (len(lines) + len(owner)) * LINE, rule, "z" if kind.invariant == "zero" else "c m")
        yield "</g>"

    def _words(self, book: Book, route: RouteOfBook) -> tuple[list[str], list[str]]:
        said = [self._say("asks", f"{book.kept_by}.{route.asks}")]
        if route.under:
            said.append(self._say("under", f"{book.kept_by}.{route.under}"))
        if route.finishes:
            said.append(self._say("finishes", f"{book.kept_by}.{route.finishes}"))
        if route.proofs:
            said.append(self._say("on", ", ".join(route.proofs)))
        if route.relations:
            said.append(self._say("always", ", ".join(route.relations)))
        return (
            lines_in(route.says.text(self._language), LEFT - 20),
            [line for sentence in said for line in lines_in(sentence, RIGHT - 20)],
        )

    def _route(
        self, found: _Columns, book: Book, name: str, route: RouteOfBook, words: tuple[list[str], list[str]], top: int, height: int
    ) -> Iterator[str]:  # fmt: skip
        left, right = words
        start, end = found.ends(route.path[0], route.path[-1])
        x1, x2, y = _x(start), _x(end), top + height // 2
        forth = 1 if x2 > x1 else -1
        later = " later" if route.finishes else ""
        yield f"<g><title>{escape(name + ': ' + ' > '.join(route.path))}</title>"
        if start == end:  # from one owner to another of the same kind
            yield f'<path class="way{later}" d="M{x1} {y}h22v10h-11"/><path class="tip" d="M{x1 + 4} {y + 10}l11 -5v10z"/>'
        else:
            yield f'<path class="way{later}" d="M{x1} {y}H{x2 - 9 * forth}"/>'
            yield f'<path class="tip" d="M{x2} {y}l{-11 * forth} -5v10z"/>'
        if route.finishes:
            yield f'<rect class="held" x="{x1 - 6}" y="{y - 6}" width="12" height="12"/>'
        else:
            yield f'<circle class="dot" cx="{x1}" cy="{y}" r="5"/>'
        for step in route.path[1:-1]:
            x = _x(found.kinds.index(step))
            yield f'<rect class="zero" x="{x - 24}" y="{y - 10}" width="48" height="20" rx="10"/>{text_at(x, y + 4, "0.00", "z")}'
        for border in found.passed(start, end):
            gate = _x(border) - LANE // 2
            yield f'<circle class="gate" cx="{gate}" cy="{y}" r="5"/>'
        yield text_at(MARGIN, top + LINE, name, "b")
        for number, line in enumerate(left, 2):
            yield text_at(MARGIN, top + number * LINE, line, "m")
        for number, line in enumerate(right, 1):
            yield text_at(_x(len(found.kinds)) - LANE // 2 + 16, top + number * LINE, line, "" if number == 1 else "m")
        yield "</g>"

    def _legend(self, y: int) -> Iterator[str]:
        x = MARGIN
        for word, picture in (
            ("moves", f'<circle class="dot" cx="{{x}}" cy="{y}" r="5"/><path class="way" d="M{{x}} {y}h30"/>'),
            (
                "held",
                f'<path class="way later" d="M{{x}} {y}h34"/><rect class="held" x="{{x}}" y="{y - 6}" width="12" height="12"/>',
            ),
            ("zero", f'<rect class="zero" x="{{x}}" y="{y - 10}" width="40" height="20" rx="10"/>'),
            ("gate", f'<circle class="gate" cx="{{x}}" cy="{y}" r="5"/>'),
            ("none", ""),
        ):
            said = self._say(f"legend-{word}")
            wide = 58 if picture else 0
            yield picture.format(x=x + 5) + text_at(x + wide, y + 4, said, "m")
            x += wide + _width(said) + 36


def _x(column: int) -> int:
    return MARGIN + LEFT + column * LANE + LANE // 2


def text_at(x: int, y: int, text: str, style: str = "") -> str:
    """A line of text whose base line begins there."""
    return f'<text x="{x}" y="{y}" class="{style}">{escape(text)}</text>'


def _width(text: str) -> int:
    """How wide it is about, in pixels of a text of 12: a Chinese character takes a full one."""
    return width(text, *NARROW_AND_WIDE)


def lines_in(text: str, room: int) -> list[str]:
    """Break a text of 12 into lines that are as wide as there is room, in pixels."""
    return broken(text, room, *NARROW_AND_WIDE)
