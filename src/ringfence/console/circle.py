"""The circle as a picture, read from outside: the fence, the clients' own bank accounts, the transit accounts that are always
zero, and the core, where what is at the banks stands above what is owed. The first bank is left, the second right; of more,
the right half has all others. No line, no movement: places that no route leads to have a stub that ends in a bar.

A pure function of the state: what moves on it, the page moves by the names of its parts. Names of parts:

    t-bank-BANK      the amount at a bank         l-BANK.MEMBER    the second line of a place's label
    t-clients, ...   the lines of the core        p-BANK.MEMBER    the place itself, with the ends of its line
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ringfence.console.figures import bank_title, clock, count, exact, short
from ringfence.console.state import CircleState, Half, Move, Place, PlaceName
from ringfence.console.svg import box, line, tag, text
from ringfence.console.words import Words
from ringfence.custody.refusals import Outside

WIDTH, HEIGHT = 1042, 696
CX, CY = WIDTH / 2, 350
FENCE, OUTER, INNER, PILL, CORE = 320, 297, 278, 228, 168
MOST_PLACES = 6
_BAND = 20
_LABEL = FENCE + 14
# For how long a refusal is told at its place; then its outside keeps a count.
TOLD_S = 30


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the picture: its angle in degrees, counted from the right against the clock, and how wide its arc is."""

    place: Place
    others: int
    angle: float
    half_width: float

    @property
    def key(self) -> str:
        """What its parts are called."""
        return f"{self.place.name.bank}.{self.place.name.member}"

    @property
    def left(self) -> bool:
        """Whether it is on the left."""
        return 90 < self.angle < 270


def circle(state: CircleState, words: Words) -> Markup:
    """Draw the circle."""
    left, right = state.halves[:1], state.halves[1:]
    spots = [*_spots(state, left, 180), *_spots(state, right, 0)]
    told = [move for move in state.recent(TOLD_S) if move.outside][:1]
    inside = [
        tag("defs", _arrow(), hatch("hatch")),
        tag("circle", cx=CX, cy=CY, r=FENCE, class_="fence"),
        _motto(words),
        line(CX, 44, CX, CY - CORE - 4, "thin"),
        *_banks(state, words),
        *(piece for spot in spots for piece in _lines(spot)),
        tag("g", id="dots"),
        *(_place(spot, words) for spot in spots),
        *_core(state, words),
        *_outsides(state, told, words),
        *(piece for move in told for piece in _try(move, spots)),
        *_own(state, words),
    ]
    said = words("The circle: {banks} at the banks, {clients} owed to clients, difference {difference}.", banks=exact(state.at_banks_minor), clients=exact(state.clients_minor), difference=exact(state.missing_minor))  # fmt: skip
    return tag(
        "svg", *inside, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="circle", id="circle-svg", role="group", aria_label=said
    )


def chosen(places: Sequence[Place], foreground: Collection[PlaceName] = ()) -> list[tuple[Place, int]]:
    """At most six places of a half, each with how many members it stands for: all of them, or five and the others as one.

    The five are those of the foreground, then those that moved most; but what holds anything in its transit account always
    has a place of its own. In the order of their names.
    """
    if len(places) <= MOST_PLACES:
        return [(place, 0) for place in sorted(places, key=lambda place: place.name)]
    by_weight = sorted(
        places,
        key=lambda place: (place.transit_minor == 0, place.name not in foreground, -place.moved_minor, place.name),
    )
    own = by_weight[: MOST_PLACES - 1]
    rest = by_weight[MOST_PLACES - 1 :]
    worst = max(rest, key=lambda place: abs(place.transit_minor))
    others = Place(
        name=rest[0].name._replace(member="*"),
        title="",
        clients=sum(place.clients for place in rest),
        in_minor=sum(place.in_minor for place in rest),
        out_minor=sum(place.out_minor for place in rest),
        transit_minor=worst.transit_minor,
    )
    return [*((place, 0) for place in sorted(own, key=lambda place: place.name)), (others, len(rest))]


def _spots(state: CircleState, halves: Sequence[Half], middle: float) -> list[Spot]:
    here = {half.bank for half in halves}
    found = chosen([place for place in state.places if place.name.bank in here], state.foreground)
    if not found:
        return []
    apart = min(25.0, 76 / max(1, len(found) - 1))
    # From above downwards on either side.
    turn = 1 if middle == 180 else -1
    return [
        Spot(place, others, (middle + turn * (number - (len(found) - 1) / 2) * apart) % 360, min(7.5, apart * 0.41))
        for number, (place, others) in enumerate(found)
    ]


def at(angle: float, radius: float, across: float = 0) -> tuple[float, float]:
    """A point at an angle and a distance from the middle, moved `across` the ray."""
    turned = math.radians(angle)
    return (
        CX + radius * math.cos(turned) - across * math.sin(turned),
        CY - radius * math.sin(turned) - across * math.cos(turned),
    )


def _arc(angle: float, half_width: float, outer: float, inner: float) -> str:
    (a, b), (c, d) = at(angle - half_width, outer), at(angle + half_width, outer)
    (e, f), (g, h) = at(angle + half_width, inner), at(angle - half_width, inner)
    return (
        f"M{a:.1f} {b:.1f} A{outer} {outer} 0 0 0 {c:.1f} {d:.1f} "
        f"L{e:.1f} {f:.1f} A{inner} {inner} 0 0 1 {g:.1f} {h:.1f} Z"
    )


def _lines(spot: Spot) -> Iterator[Markup]:
    for across, reverse in ((-7, False), (7, True)):
        ends = [at(spot.angle, INNER - 3, across), at(spot.angle, CORE + 2, across)]
        (a, b), (c, d) = reversed(ends) if reverse else ends
        yield line(a, b, c, d, "way", marker_end="url(#arrow)")


def _place(spot: Spot, words: Words) -> Markup:
    place = spot.place
    title = words("{count} other members", count=spot.others) if spot.others else place.title
    x, y = at(spot.angle, PILL)
    lx, ly = at(spot.angle, _LABEL)
    anchor = "end" if spot.left else "start"
    wrong = " alarm" if place.transit_minor else ""
    zero = exact(place.transit_minor)
    width = 46 if len(zero) <= 5 else 10 + 8 * len(zero)
    clients = words("{count} clients", count=count(place.clients))
    moved = moved_label(place, words)
    said = words("{member}, {bank}, {clients}, transit {transit}, {moved}", member=title, bank=bank_title(place.name.bank, None, words.language), clients=clients, transit=zero, moved=moved)  # fmt: skip
    (ox, oy), (ix, iy) = at(spot.angle, INNER), at(spot.angle, CORE)
    return tag(
        "g",
        tag("path", d=_arc(spot.angle, spot.half_width, OUTER, INNER), class_="arc others" if spot.others else "arc"),
        box(x - width / 2, y - 12, width, 24, f"pill{wrong}", 12),
        text(x, y + 4, f"{spot.others} × {zero}" if spot.others else zero, f"num{wrong and ' alarm-text'}", "middle"),
        tag("text", tag("tspan", title, class_="b"), f" {clients}", x=lx, y=ly - 5, text_anchor=anchor, class_="m"),
        text(lx, ly + 12, moved, "m", anchor, id=f"l-{spot.key}"),
        id=f"p-{spot.key}",
        class_="place",
        role="img",
        tabindex="-1",
        aria_label=said,
        data_ox=ox,
        data_oy=oy,
        data_ix=ix,
        data_iy=iy,
    )


def moved_label(place: Place, words: Words) -> str:
    """What came and went on the day, in short."""
    language = words.language
    return words("in {in_} · out {out}", in_=short(place.in_minor, language), out=short(place.out_minor, language))


def _banks(state: CircleState, words: Words) -> Iterator[Markup]:
    for number, half in enumerate(state.halves[:2]):
        x, anchor = (CX - 16, "end") if number == 0 else (CX + 16, "start")
        others = number == 1 and len(state.halves) > 2
        title = words("{count} other banks", count=len(state.halves) - 1) if others else bank_title(half.bank, half.title, words.language)  # fmt: skip
        yield text(x, 84, title, "h", anchor)
        yield text(x, 102, words("clearing banks") if others else words("clearing bank"), "m", anchor)


def _core(state: CircleState, words: Words) -> Iterator[Markup]:
    yield tag("circle", cx=CX, cy=CY, r=CORE, class_="core-owed")
    reach = math.sqrt(CORE**2 - _BAND**2)
    top = CY - _BAND
    left = f"M{CX - reach:.1f} {top} A{CORE} {CORE} 0 0 1 {CX} {CY - CORE} V{top} Z"
    right = f"M{CX} {CY - CORE} A{CORE} {CORE} 0 0 1 {CX + reach:.1f} {top} H{CX} Z"
    sides = (state.halves[:1], state.halves[1:])
    for half_path, halves, x, anchor in ((left, sides[0], CX - 8, "end"), (right, sides[1], CX + 8, "start")):
        wrong = any(half.wrong_minor for half in halves)
        yield tag("path", d=half_path, class_="core-bank alarm" if wrong else "core-bank")
        if not halves:
            continue
        now = sum(half.now_minor for half in halves)
        yield text(x, CY - 64, words("exchange account"), "m", anchor)
        yield text(x, CY - 40, exact(now), "figure", anchor, id=f"t-bank-{halves[0].bank}")
    yield tag("path", d=_band(reach), class_="core-band")
    yield line(CX, CY - CORE, CX, top, "split")
    alarm = "" if state.right else " alarm-text"
    sign = "" if state.right else "▲ "
    said = words("difference {amount}", amount=exact(state.missing_minor))
    yield text(CX, CY + 6, sign + said, "h" + alarm, "middle", id="t-difference")
    lines = (
        ("t-clients", words("client cash"), state.clients_minor),
        ("t-transit", words("in transit"), state.in_transit_minor),
        ("t-fees", words("fees due"), state.fees_due_minor),
        ("t-suspense", words("suspense, rounding"), state.suspense_minor + state.in_settlement_minor),
    )
    for number, (name, title, amount) in enumerate(lines):
        y = CY + 46 + 20 * number
        yield text(CX - 44, y, title, "m", "end")
        yield text(CX + 106, y, exact(amount), "b" if number == 0 else "num", "end", id=name)
    yield text(CX, CY + 138, words("the exchange's book"), "m", "middle")
    yield tag("circle", cx=CX, cy=CY, r=CORE, class_="core-edge")


def _band(reach: float) -> str:
    """The white between the halves."""
    a, b, c = CX - reach, CX + reach, CY + _BAND
    return f"M{a:.1f} {CY - _BAND} H{b:.1f} A{CORE} {CORE} 0 0 1 {b:.1f} {c} H{a:.1f} A{CORE} {CORE} 0 0 1 {a:.1f} {CY - _BAND} Z"


_CORNERS: dict[Outside, tuple[float, float, float]] = {
    # Where the box is, and at which angle of the fence a try to get there ends.
    "member": (12, 14, 131),
    "payee": (WIDTH - 12 - 196, 14, 49),
    "client": (12, HEIGHT - 14 - 52, 229),
}
_CONTROLS: dict[Outside, str] = {"member": "K1 K7", "payee": "K4 K5", "client": "K6"}


def outside_title(outside: Outside, words: Words) -> str:
    """What the place is called that no route leads to."""
    titles = {
        "member": words("Member's own money"),
        "payee": words("Any other payee"),
        "client": words("Another client"),
    }
    return titles[outside]


def _outsides(state: CircleState, told: Sequence[Move], words: Words) -> Iterator[Markup]:
    for outside in state.outsides:
        x, y, _ = _CORNERS[outside]
        move = next((move for move in told if move.outside == outside), None)
        if move is not None:
            yield from _refused(outside, move, words)
            continue
        stub = (x + 196, y + 26, x + 222, y + 36) if x < CX else (x, y + 26, x - 26, y + 36)
        if y > CY:
            stub = (stub[0], y + 26, stub[2], y + 16)
        yield box(x, y, 196, 52, "nowhere")
        yield box(x, y, 196, 52, "hatch")
        yield text(x + 12, y + 21, outside_title(outside, words), "b")
        refused = state.refused.get(outside, 0)
        controls = _CONTROLS[outside]
        if refused:
            under = words("{controls} · refused {count} ×", controls=controls, count=count(refused))
        else:
            under = words("no route · {controls}", controls=controls)
        yield text(x + 12, y + 39, under, "m")
        yield line(*stub, "thin")
        dx, dy = (stub[2] - stub[0]) / 28, (stub[3] - stub[1]) / 28
        yield line(stub[2] - 6 * dy, stub[3] + 6 * dx, stub[2] + 6 * dy, stub[3] - 6 * dx, "stop")


def _refused(outside: Outside, move: Move, words: Words) -> Iterator[Markup]:
    x, y, angle = _CORNERS[outside]
    width, height = 268.0, 114
    if x > CX:
        x = WIDTH - 12 - width
    if y > CY:
        y = HEIGHT - 14 - height
    yield box(x, y, width, height, "refusal")
    yield tag("text", tag("tspan", outside_title(outside, words), class_="b"), "  ", words("no route"), x=x + 12, y=y + 22, class_="m")  # fmt: skip
    yield line(x + 12, y + 32, x + width - 12, y + 32, "refusal-line")
    told = words("Refused · {control}", control=move.control)
    yield tag("text", tag("tspan", told, class_="b alarm-text"), f"  {clock(move.at)}", x=x + 12, y=y + 50, class_="m")
    asked = words("{who} asked for {amount}", who=move.title, amount=exact(move.amount_minor))
    yield text(x + 12, y + 69, asked)
    most = 42 if words.language == "en" else 20
    for number, said in enumerate(_lines_of(move.reason[words.language == "zh"], most)):
        yield text(x + 12, y + 87 + 16 * number, said, "m")
    bx, by = at(angle, FENCE)
    yield line(x + width if x < CX else x, y + (height - 20 if y < CY else 20), bx, by, "refusal-line")


def _try(move: Move, spots: Sequence[Spot]) -> Iterator[Markup]:
    """The way that a try took: from the account that was asked for, to where the fence ended it."""
    assert move.outside is not None
    _, _, angle = _CORNERS[move.outside]
    spot = next((spot for spot in spots if spot.place.name == move.place), None)
    bx, by = at(angle, FENCE)
    if spot is not None:
        x, y = at(spot.angle, PILL, -16)
        mx, my = at((spot.angle + angle) / 2, (PILL + FENCE) / 2)
        yield tag("path", d=f"M{x:.1f} {y:.1f} Q{mx:.1f} {my:.1f} {bx:.1f} {by:.1f}", class_="try")
        yield box(x - 8, y - 8, 16, 16, "cross", 3)
        yield tag("path", d=f"M{x - 3:.1f} {y - 3:.1f} l6 6 m0 -6 l-6 6", class_="cross-mark")
    (a, b), (c, d) = at(angle - 3, FENCE), at(angle + 3, FENCE)
    yield tag("path", d=f"M{a:.1f} {b:.1f} A{FENCE} {FENCE} 0 0 0 {c:.1f} {d:.1f}", class_="shut")


def _own(state: CircleState, words: Words) -> Iterator[Markup]:
    """The one other way out, at the bottom: fees that are due."""
    yield line(CX, CY + CORE, CX, HEIGHT - 54, "way", marker_end="url(#arrow)")
    yield text(CX - 16, CY + 222, words("Members see it all"), "b", "end")
    yield text(CX - 16, CY + 240, words("and can move none of it"), "m", "end")
    if state.held:
        yield text(CX + 16, CY + 222, words("{count} held for payment", count=count(state.held)), "b", id="t-held")
        yield text(CX + 16, CY + 240, exact(state.held_minor), "m", id="t-held-amount")
    yield box(CX - 103, HEIGHT - 50, 206, 38, "own")
    yield text(CX, HEIGHT - 34, words("Exchange's own money"), "b", "middle")
    yield text(CX, HEIGHT - 18, words("fees due only"), "m", "middle")


def _motto(words: Words) -> Markup:
    radius = FENCE + 9
    (a, b), (c, d) = at(125, radius), at(55, radius)
    path = tag("path", id="motto", d=f"M{a:.1f} {b:.1f} A{radius} {radius} 0 0 1 {c:.1f} {d:.1f}", class_="nothing")
    said = tag("textPath", words("the closed circle, inside the clearing banks"), href="#motto", startOffset="50%", text_anchor="middle")  # fmt: skip
    return tag("g", path, tag("text", said, class_="m"))


def _arrow() -> Markup:
    point = tag("path", d="M0 0 L7 3.5 L0 7 Z", class_="arrow")
    return tag("marker", point, id="arrow", viewBox="0 0 7 7", refX="7", refY="3.5", markerWidth="8", markerHeight="8", orient="auto")  # fmt: skip


def hatch(name: str) -> Markup:
    """A pattern that says not there yet, or not to be had, without a colour."""
    stroke = tag("path", d="M0 8 L8 0", class_="hatch-line")
    return tag("pattern", stroke, id=name, width="8", height="8", patternUnits="userSpaceOnUse")


def _lines_of(said: str, most: int) -> list[str]:
    """At most two lines; what does not fit is told in full in the list of what commits."""
    if len(said) <= most:
        return [said]
    cut = said.rfind(" ", 0, most + 1)
    cut = cut if cut > 0 else most
    rest = said[cut:].strip()
    return [said[:cut], rest if len(rest) <= most else rest[: most - 1] + "…"]
