"""The stress curve: what all clients together could not pay when prices move, and where on it one is.

Each point is computed on the server and is a link, so that the page needs no code of its own to look at another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ringfence.console.figures import exact
from ringfence.console.svg import line, tag, text
from ringfence.console.words import Words
from ringfence.margin.risk import Point

WIDTH, HEIGHT = 780, 150
_LEFT, _RIGHT, _BOTTOM, _TOP = 30, 30, 112, 22
_PERCENT = 10**6


def percent(parts: int) -> str:
    """A move as people write it: "+4 %", with a minus sign of its own width."""
    sign = "\u2212" if parts < 0 else "+" if parts > 0 else ""
    whole, rest = divmod(abs(parts), _PERCENT)
    return f"{sign}{whole}{f'.{rest:06d}'.rstrip('0') if rest else ''} %"


def stress_curve(points: Sequence[Point], chosen: int, limits: Sequence[int], path: str, words: Words) -> Markup:
    """Draw the curve of `points`, of which `chosen` (parts per hundred million) is looked at; `limits` are the price limits.

    `path` is the page's; each point leads to it with its own move.
    """
    first, last = points[0].parts, points[-1].parts
    most = max(1, *(point.shortfall_minor for point in points))

    def at(parts: int, shortfall: int) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (parts - first) / (last - first)
        return x, _BOTTOM - (_BOTTOM - _TOP) * shortfall / most

    way = " L".join("{:.1f} {:.1f}".format(*at(point.parts, point.shortfall_minor)) for point in points)
    pieces = [
        tag("path", d=f"M{_LEFT} {_BOTTOM} L{way} L{WIDTH - _RIGHT} {_BOTTOM} Z", class_="under"),
        tag("path", d=f"M{way}", class_="curve"),
        line(_LEFT, _BOTTOM, WIDTH - _RIGHT, _BOTTOM, "axis"),
    ]
    for limit in limits:
        if first < limit < last:
            x, _ = at(limit, 0)
            pieces += [
                line(x, _TOP + 14, x, _BOTTOM, "limit"),
                text(x, _TOP + 8, words("limit {move}", move=percent(limit)), "m small", "middle"),
            ]
    for point in points:
        x, y = at(point.parts, point.shortfall_minor)
        here = point.parts == chosen
        said = words("{move}: {amount} short", move=percent(point.parts), amount=exact(point.shortfall_minor))
        mark = tag(
            "circle", tag("title", said), cx=x, cy=y, r=6 if here else 3.5, class_="point here" if here else "point"
        )
        room = tag("rect", x=x - 9, y=_TOP, width=18, height=_BOTTOM - _TOP + 24, class_="room")
        label = (
            text(x, _BOTTOM + 18, percent(point.parts), "b" if here else "m", "middle")
            if _labelled(point.parts)
            else Markup("")
        )
        where = f"{path}?move={percent(point.parts).replace(chr(0x2212), '-').replace(' ', '')}".replace(
            "%", "%25"
        ).replace("+", "%2B")
        pieces.append(tag("a", room, mark, label, href=where, aria_label=said))
    said = words("What all clients together could not pay, by how far prices move.")
    return tag("svg", *pieces, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="stress", role="group", aria_label=said)


def _labelled(parts: int) -> bool:
    return parts % (5 * _PERCENT) == 0
