"""A state of the circle in words and pictures: the parts of the page, and what moved since, each for one language.

A part is a piece of HTML under a name; the page is made of them when it is opened, and the stream sends those that changed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ringfence.access import Person
from ringfence.console import bars, strip
from ringfence.console.circle import TOLD_S, chosen, circle, moved_label
from ringfence.console.figures import bank_title, clock, count, day, exact, signed
from ringfence.console.frame import frame
from ringfence.console.state import CircleState, Move, Place, PlaceName, Verified
from ringfence.console.svg import box, tag
from ringfence.console.words import Words
from ringfence.errors import Language

Kind = Literal["picture", "table", "texts"]
SHOWN_MOVES = 9
# What stands on every page of whoever sees the circle.
_EVERYWHERE = ("t-queue", "t-read")
# From when on what is in transit is a warning.
LATE_S = 30


@cache
def templates() -> Environment:
    """The templates, with everything escaped that is not markup of our own."""
    environment = Environment(loader=PackageLoader("ringfence.console"), autoescape=True, undefined=StrictUndefined)
    environment.globals |= {"static": static, "clock": clock}
    return environment


@cache
def static_files() -> dict[str, tuple[str, bytes]]:
    """What the browser loads: by name, a digest and the file. Errors: MissingCode where set-up did not bring it."""
    folder = resources.files("ringfence.console") / "static"
    found = {}
    for place in (folder, folder / "vendor"):
        for entry in place.iterdir() if place.is_dir() else ():
            if entry.is_file():
                content = entry.read_bytes()
                found[entry.name] = (hashlib.sha256(content).hexdigest()[:16], content)
    return found


@cache
def compressed(name: str) -> bytes:
    """A file as it travels to whoever takes gzip; made once."""
    return gzip.compress(static_files()[name][1], mtime=0)


def static(name: str) -> str:
    """The address of a file: with its digest, so that it can be kept for ever."""
    return f"/static/{static_files()[name][0]}/{name}"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the page as HTML, and `shape`: as long as it is the same, the picture changes only in its texts."""

    html: dict[str, Markup]
    shape: str
    texts: dict[str, str]


def answer(state: CircleState, words: Words) -> str:
    """The title, which is the answer now: is all the money there, and where can it go."""
    if state.right and state.verified.ok:
        # That it can only go home is for the ring's proof to say.
        return (
            words("All the money is there, and it can only go home")
            if state.closed
            else words("All the money is there")
        )
    return missing(state, words) or words("The verifier found something wrong")


def missing(state: CircleState, words: Words) -> str:
    """What is missing, where and since when; nothing where all is right."""
    if state.right:
        return ""
    since = clock(state.since or state.read_at)
    transit = next((place for place in state.places if place.transit_minor), None)
    if state.missing_minor == 0 and transit is not None:
        figures = {"amount": exact(transit.transit_minor), "member": transit.title, "since": since}
        return words("{amount} stand in the transit account of {member} since {since}", **figures)
    wrong = [half for half in state.halves if half.wrong_minor]
    where = bank_title(wrong[0].bank, wrong[0].title, words.language) if wrong else words("the exchange's book")
    figures = {"amount": exact(abs(state.missing_minor)), "where": where, "since": since}
    if state.missing_minor < 0:
        return words("{amount} is missing at {where} since {since}", **figures)
    return words("{amount} too much is at {where} since {since}", **figures)


def parts(state: CircleState, language: Language, *, kind: Kind = "picture") -> Parts:
    """Every part of the page, as a picture or a table; of other pages, what has a name in them."""
    words = Words(language)
    if kind == "texts":
        return Parts({}, "", {name: said for name, said in _texts(state, words).items() if name in _EVERYWHERE})
    as_table = kind == "table"
    macros = templates().get_template("parts.html").module
    html = {
        "head": macros.head(state, words, answer(state, words), as_table, language, day(state.day, language)),  # type: ignore[attr-defined]
        "alarm": macros.alarm(state, words, missing(state, words), verified_words(state.verified, words)),  # type: ignore[attr-defined]
        "equation": macros.equation(  # type: ignore[attr-defined]
            state, words, bars.bars(state, words), _sums(state, words)[:-1], exact(state.missing_minor), _transit(state, words),
            verified_words(state.verified, words),
        ),
        "waits": macros.waits(_waits(state, words), words),  # type: ignore[attr-defined]
        "ticker": macros.ticker([row_of(move, words) for move in state.moves[:SHOWN_MOVES]], words),  # type: ignore[attr-defined]
    }  # fmt: skip
    if as_table:
        html["places"] = macros.places(*_table(state, words), words)  # type: ignore[attr-defined]
    else:
        html |= {"circle": circle(state, words), "strip": strip.strip(state, words)}
    return Parts({name: Markup(said) for name, said in html.items()}, _shape(state), _texts(state, words))


def _shape(state: CircleState) -> str:
    told = [(move.at, move.outside) for move in state.recent(TOLD_S) if move.outside][:1]
    spots = [
        (place.name, others, place.clients, place.transit_minor)
        for side in _sides(state)
        for place, others in chosen(side, state.foreground)
    ]
    halves = [(half.bank, half.wrong_minor) for half in state.halves]
    shape = (state.right, state.missing_minor, halves, spots, told, sorted(state.refused.items()), state.held > 0)
    return hashlib.sha256(repr(shape).encode()).hexdigest()


def _sides(state: CircleState) -> list[list[Place]]:
    first = {half.bank for half in state.halves[:1]}
    return [[place for place in state.places if (place.name.bank in first) is left] for left in (True, False)]


def _texts(state: CircleState, words: Words) -> dict[str, str]:
    """What stands in the picture and beside it, by the names of its parts."""
    texts = {
        "t-clients": exact(state.clients_minor),
        "t-transit": exact(state.in_transit_minor),
        "t-fees": exact(state.fees_due_minor),
        "t-suspense": exact(state.suspense_minor + state.in_settlement_minor),
        "t-read": words("read from all banks at {at}", at=clock(state.read_at)),
        "t-queue": count(state.to_audit) if state.to_audit else "",
        "t-rate": words("{count} a minute", count=count(state.a_minute)),
        "t-head": f"{state.head[:4]}…{state.head[-4:]}",
    }
    for number, halves in enumerate((state.halves[:1], state.halves[1:])):
        if halves:
            texts[f"t-bank-{halves[0].bank}"] = exact(sum(half.now_minor for half in halves))
        for place, _ in chosen(_sides(state)[number], state.foreground):
            texts[f"l-{place.name.bank}.{place.name.member}"] = moved_label(place, words)
    if state.held:
        texts["t-held"] = words("{count} held for payment", count=count(state.held))
        texts["t-held-amount"] = exact(state.held_minor)
    return texts


def flow(state: CircleState, fresh: Sequence[Move], texts: dict[str, str], language: Language) -> str:
    """What has moved, for the picture: dots merged by place and way, labels that change for a moment, and the texts."""
    words = Words(language)
    lanes: Counter[tuple[str, str]] = Counter()
    labels = {}
    shown = {place.name for side in _sides(state) for place, others in chosen(side, state.foreground) if not others}
    for move in fresh:
        if move.place is None or move.way not in ("in", "out"):
            continue
        name = move.place if move.place in shown else PlaceName(move.place.bank, "*")
        key = f"{name.bank}.{name.member}"
        lanes[key, move.way] += move.count
        sign = move.amount_minor if move.way == "in" else -move.amount_minor
        labels[f"l-{key}"] = [f"{signed(sign)} {move.title}", _moved_after(state, name, words)]
    said = {"dots": [[key, way, number] for (key, way), number in lanes.items()], "labels": labels, "texts": texts}
    return json.dumps(said, ensure_ascii=False)


def _moved_after(state: CircleState, name: PlaceName, words: Words) -> str:
    """What a label says when the last movement has been told."""
    for side in _sides(state):
        for place, _ in chosen(side, state.foreground):
            if place.name == name:
                return moved_label(place, words)
    return ""


def _transit(state: CircleState, words: Words) -> str:
    if not state.right:
        return clock(state.since or state.read_at)
    if not state.in_transit_minor or state.in_transit_since is None:
        return ""
    late = (state.read_at - state.in_transit_since).total_seconds() > LATE_S
    said = words(
        "in transit: {amount}, since {at}", amount=exact(state.in_transit_minor), at=clock(state.in_transit_since)
    )
    return f"▲ {said}" if late else said


def verified_words(verified: Verified, words: Words) -> str:
    """What the verifier said last."""
    said = {"postings": count(verified.postings), "at": clock(verified.at)}
    if verified.ok:
        return words("✓ at every commit of {postings} postings, verified at {at}", **said)
    return words("▲ the verifier found something wrong at {at}", **said)


def _waits(state: CircleState, words: Words) -> list[tuple[str, str, str]]:
    lines = []
    if state.to_audit and state.to_audit_since is not None:
        minutes = int((state.read_at - state.to_audit_since).total_seconds()) // 60
        lines.append(
            (
                count(state.to_audit),
                words("withdrawals for a person"),
                words("oldest {count} min", count=count(minutes)),
            )
        )
    if state.held:
        lines.append((count(state.held), words("held, not yet answered by the bank"), exact(state.held_minor)))
    if state.in_transit_minor:
        lines.append(("●", words("in transit from the banks"), exact(state.in_transit_minor)))
    if state.suspense_minor:
        lines.append(("●", words("confirmed, and nobody known to own it"), exact(state.suspense_minor)))
    return lines


_MARKS = {
    "in": tag("circle", cx=7, cy=7, r=5, class_="sign in"),
    "out": tag("circle", cx=7, cy=7, r=5, class_="sign"),
    "cover": tag("path", d="M7 1 L13 7 L7 13 L1 7 Z", class_="sign plain"),
    "fee": tag("path", d="M7 1 L13 7 L7 13 L1 7 Z", class_="sign plain"),
    "settled": tag("path", d="M1 5 H12 L9 2 M13 9 H2 L5 12", class_="sign plain"),
    "held": box(2, 2, 10, 10, "sign held", 1),
    "waiting": box(2, 2, 10, 10, "sign held", 5),
    "refused": Markup("").join(
        (box(1, 1, 12, 12, "sign refused", 3), tag("path", d="M4.5 4.5 l5 5 m0 -5 l-5 5", class_="cross-mark"))
    ),
}


def row_of(move: Move, words: Words, *, own: bool = False) -> dict[str, object]:
    """A line of the list of what commits; of one's `own`, nobody is named by bank and member, and every amount has a sign."""
    signs = {
        "in": words("paid in"), "out": words("taken out"), "cover": words("covered"), "fee": words("fees paid out"),
        "settled": words("settled"), "held": words("held"), "waiting": words("waiting"), "refused": words("refused"),
    }  # fmt: skip
    where = (
        bank_title(move.place.bank, None, words.language) if move.place else bank_title(move.book, None, words.language)
    )
    under = {
        "in": f"{where} · {move.via}", "out": f"{where} · {move.via}", "held": words("held, then paid by the bank"),
        "settled": words("profits, losses and fees; money only changed hands"), "fee": where,
        "cover": words("{bank} · a guarantee or the reserve pays in", bank=where), "waiting": words("nobody known to own it"),
        "refused": move.reason[words.language == "zh"],
    }  # fmt: skip
    title, amount = move.title, exact(move.amount_minor)
    if move.way == "settled":
        title, amount = words("Settlement"), count(move.count)
    elif move.way == "refused":
        title = words("Refused · {control}", control=f"{move.control} · {move.title}" if move.control else move.title)
    elif move.way in ("in", "cover"):
        amount = signed(move.amount_minor)
    elif move.way in ("out", "fee"):
        amount = signed(-move.amount_minor)
    if move.way == "fee" and not own:
        title = words("Fees paid out")
    if own:
        signs_of = {"in": 1, "cover": 1, "out": -1, "fee": -1, "settled": 1}
        amount = signed(signs_of.get(move.way, 1) * move.amount_minor)
        under = {move.way: _route_word(move.via, words) or signs[move.way]}
    return {
        "way": move.way, "sign": signs[move.way], "mark": _MARKS[move.way], "title": title, "amount": amount,
        "sub": under[move.way], "at": clock(move.at),
    }  # fmt: skip


def _route_word(route: str, words: Words) -> str:
    said = {
        "profit": words("profit"), "loss": words("loss"), "fee": words("trading fee"),
        "deferred-paid": words("deferred fee paid"), "deferred-received": words("deferred fee received"),
    }  # fmt: skip
    return said.get(route, "")


def _table(state: CircleState, words: Words) -> tuple[list[list[str]], list[str], list[tuple[str, str]]]:
    rows = [
        [
            bank_title(place.name.bank, None, words.language), place.title, count(place.clients),
            exact(place.in_minor), exact(place.out_minor), exact(place.transit_minor),
        ]
        for place in state.places
    ]  # fmt: skip
    totals = [
        count(state.clients),
        exact(sum(place.in_minor for place in state.places)),
        exact(sum(place.out_minor for place in state.places)),
        exact(sum(place.transit_minor for place in state.places)),
    ]
    return rows, totals, _sums(state, words)


def _sums(state: CircleState, words: Words) -> list[tuple[str, str]]:
    sums = [(bank_title(half.bank, half.title, words.language), exact(half.now_minor)) for half in state.halves]
    sums += [
        (words("owed to clients"), exact(state.clients_minor)),
        (words("fees due"), exact(state.fees_due_minor)),
        (words("suspense"), exact(state.suspense_minor)),
        (words("in settlement, rounding"), exact(state.in_settlement_minor)),
        (words("in transit"), exact(state.in_transit_minor)),
        (words("Difference"), exact(state.missing_minor)),
    ]
    return sums


def page(state: CircleState, language: Language, person: Person, *, as_table: bool) -> str:
    """The whole page of the circle."""
    words = Words(language)
    made = parts(state, language, kind="table" if as_table else "picture")
    # The one figure that changes with every reading stands in the page when it is opened, and is sent by name later.
    empty = Markup('<span class="small muted" id="t-read"></span>')
    read = tag("span", made.texts["t-read"], class_="small muted", id="t-read")
    made.html["equation"] = Markup(made.html["equation"].replace(empty, read))
    chips = [
        ("", words("All")), ("in", words("In")), ("out", words("Out")), ("settled", words("Settlement")),
        ("refused", words("Refused")),
    ]  # fmt: skip
    given = frame(
        language, person, "circle", "?as=table" if as_table else "", state=state, parts=made.html,
        answer=answer(state, words), as_table=as_table, chips=chips, rate=made.texts["t-rate"], head=made.texts["t-head"],
        waiting=made.texts["t-queue"],
    )  # fmt: skip
    return templates().get_template("circle.html").render(given)


class _CirclePainter:
    parts = staticmethod(parts)
    flow = staticmethod(flow)


PAINTER = _CirclePainter()
