"""The money equation as two bars on one scale: what is in the banks above, whose it is below.

What is not owed to clients is a sliver that nobody would see, so it is drawn once more, enlarged, and says by how much.
"""

from __future__ import annotations

from markupsafe import Markup

from ringfence.console.circle import hatch
from ringfence.console.figures import bank_title, count, exact
from ringfence.console.state import CircleState
from ringfence.console.svg import box, line, tag, text
from ringfence.console.words import Words

WIDTH = 1110
_LEFT = 104
_ROOM = WIDTH - _LEFT
_BAR = 26
_GAP = 2
_ENLARGED_LEFT = 464


def bars(state: CircleState, words: Words) -> Markup:
    """Draw the bars; 128 high."""
    inside: list[Markup] = [
        tag("defs", hatch("hatch-bar")),
        text(0, 18, words("In the banks"), "b"),
        text(0, 57, words("Owed to"), "b"),
        *_banks(state, words),
        *_owed(state, words),
    ]
    said = words("In the banks {banks}; owed to clients {clients}.", banks=exact(state.at_banks_minor), clients=exact(state.clients_minor))  # fmt: skip
    return tag("svg", *inside, viewBox=f"0 0 {WIDTH} 128", class_="bars", role="img", aria_label=said)


def _banks(state: CircleState, words: Words) -> list[Markup]:
    pieces, x = [], float(_LEFT)
    widths = shares([half.now_minor for half in state.halves], _ROOM - _GAP * (len(state.halves) - 1), least=150)
    for half, width in zip(state.halves, widths, strict=True):
        wrong = "bar alarm" if half.wrong_minor else "bar"
        pieces.append(box(x, 0, width, _BAR, wrong, 0))
        amount = tag("tspan", exact(half.now_minor), class_="b")
        pieces.append(tag("text", bank_title(half.bank, half.title, words.language), " ", amount, x=x + 10, y=18))
        x += width + _GAP
    if state.missing_minor:
        said = words("{amount} short", amount=exact(-state.missing_minor)) if state.missing_minor < 0 else words("{amount} too much", amount=exact(state.missing_minor))  # fmt: skip
        pieces.append(text(WIDTH - 10, 18, f"▲ {said}", "b alarm-text", "end"))
    return pieces


def _owed(state: CircleState, words: Words) -> list[Markup]:
    tail = _tail(state, words)
    rest = sum(amount for _, _, amount in tail)
    whole = state.clients_minor + rest
    width = _ROOM if not rest else max(300.0, _ROOM * state.clients_minor / whole) if whole > 0 else _ROOM
    width = min(width, _ROOM - 3) if rest else width
    said = tag("tspan", exact(state.clients_minor), class_="b")
    who = words("{count} clients", count=count(state.clients))
    pieces = [box(_LEFT, 39, width, _BAR, "bar", 0), tag("text", who, " ", said, x=_LEFT + 10, y=57)]
    if not rest:
        return pieces
    pieces.append(box(_LEFT + width + 1, 39, _ROOM - width - 1, _BAR, "tail", 0))
    share = words("the last {share} %, enlarged", share=_percent(rest, whole))
    pieces.append(text(_ENLARGED_LEFT - 12, 92, share, "m", "end"))
    pieces.append(tag("path", d=f"M{_ENLARGED_LEFT} 78 L{_LEFT + width + 1:.1f} 66 H{WIDTH} V78 Z", class_="zoom"))
    x = float(_ENLARGED_LEFT)
    widths = shares([amount for _, _, amount in tail], WIDTH - _ENLARGED_LEFT - _GAP * (len(tail) - 1), least=4)
    place = float(_ENLARGED_LEFT)
    for (kind, title, amount), wide in zip(tail, widths, strict=True):
        pieces.append(box(x, 78, wide, 17, f"part {kind}", 0))
        pieces.append(box(place, 109, 12, 10, f"part {kind}", 0))
        pieces.append(tag("text", f"{title} ", tag("tspan", exact(amount)), x=place + 18, y=119, class_="m ink-spans"))
        x += wide + _GAP
        place += (WIDTH - _ENLARGED_LEFT) / len(tail)
    pieces.append(line(_ENLARGED_LEFT, 95.5, WIDTH, 95.5, "edge"))
    return pieces


def _tail(state: CircleState, words: Words) -> list[tuple[str, str, int]]:
    """What is in the circle and not owed to clients; what is on its way out of it has gone from the banks already."""
    parts = (
        ("transit", words("in transit"), state.in_transit_minor),
        ("fees", words("fees due"), state.fees_due_minor),
        ("suspense", words("suspense"), state.suspense_minor),
        ("settling", words("in settlement, rounding"), state.in_settlement_minor),
    )
    return [part for part in parts if part[2] > 0]


def shares(amounts: list[int], room: float, least: float) -> list[float]:
    """Widths in proportion, none so small that it could not be read; they fill the room."""
    whole = sum(max(0, amount) for amount in amounts)
    if not amounts or whole == 0:
        return [room / max(1, len(amounts))] * len(amounts)
    least = min(least, room / len(amounts))
    widths = [max(least, room * max(0, amount) / whole) for amount in amounts]
    over = sum(widths) - room
    spare = sum(width - least for width in widths)
    return [width - over * (width - least) / spare if spare > 0 else width for width in widths]


def _percent(part: int, whole: int) -> str:
    """To two figures, rounded half up; money is not computed from it."""
    if whole <= 0:
        return "100"
    hundredths = (part * 10_000 * 2 + whole) // (2 * whole)
    return f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths < 1000 else f"{(hundredths + 50) // 100}"
