"""What is a member's, a client's or a bank's, in words: the parts of its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from markupsafe import Markup

from ringfence.access import Person
from ringfence.console.figures import bank_title, clock, count, day, exact
from ringfence.console.frame import frame
from ringfence.console.own import OwnState
from ringfence.console.rendering import SHOWN_MOVES, Kind, Parts, row_of, static, templates, verified_words
from ringfence.console.state import Move
from ringfence.console.svg import box, line, tag, text
from ringfence.console.words import Words
from ringfence.errors import Language


def answer(state: OwnState, words: Words) -> str:
    """The title, which is the answer now."""
    if state.all_there is False:
        return words("The circle does not add up: something is missing or too much")
    figures = {"amount": exact(state.total_minor), "count": count(state.count)}
    if state.all_there is None:
        if state.role == "bank":
            return words("{amount} of client money is here", **figures)
        return words("{amount} of {count} clients stand at the exchange", **figures)
    if state.role == "member":
        return words("Your clients' money is there: {amount} of {count} clients", **figures)
    if state.role == "bank":
        return words("{amount} of client money is here, and none of it is missing", **figures)
    return words("{amount} is yours, and it is all there", **figures)


class _OwnPainter:
    def parts(self, state: OwnState, language: Language, *, kind: Kind = "picture") -> Parts:
        words = Words(language)
        macros = templates().get_template("own_parts.html").module
        html = {
            "head": macros.head(state, words, answer(state, words), _who(state, words), day(state.day, language)),  # type: ignore[attr-defined]
            "there": macros.there(state, words, _strip(state, words), verified_words(state.verified, words) if state.verified else "", clock(state.read_at)),  # type: ignore[attr-defined]
            "rows": macros.rows(*_table(state, words), words),  # type: ignore[attr-defined]
            "ticker": _ticker(state, words),
        }  # fmt: skip
        # The clock of the reading alone is no change.
        shape = hashlib.sha256(repr((state.rows, state.total_minor, state.all_there, state.day, state.shut)).encode())
        return Parts({name: Markup(said) for name, said in html.items()}, shape.hexdigest(), {})

    def flow(self, state: OwnState, fresh: Sequence[Move], texts: dict[str, str], language: Language) -> str:
        return json.dumps({"dots": [], "labels": {}, "texts": texts})


PAINTER = _OwnPainter()


def _who(state: OwnState, words: Words) -> str:
    return bank_title(state.title, None, words.language) if state.role == "bank" else state.title


def _ticker(state: OwnState, words: Words) -> Markup:
    macros = templates().get_template("parts.html").module
    rows = [row_of(move, words, own=state.role != "bank") for move in state.moves[:SHOWN_MOVES]]
    if state.role == "client":
        # Whose it is goes without saying.
        rows = [row | {"title": row["sub"], "sub": ""} for row in rows]
    return Markup(macros.ticker(rows, words))  # type: ignore[attr-defined]


def _table(state: OwnState, words: Words) -> tuple[str, list[str], list[list[str]], str]:
    if state.role == "bank":
        titles = [words("Member"), words("Clients"), words("Paid in today"), words("Taken out today"), words("Transit account")]  # fmt: skip
        rows = [
            [row.title, count(row.clients), exact(row.in_minor), exact(row.out_minor), exact(row.balance_minor)]
            for row in state.rows
        ]
        return words("Members at this bank"), titles, rows, ""
    titles = [
        words("Client"),
        words("At the exchange"),
        words("Held"),
        words("Paid in today"),
        words("Taken out today"),
    ]
    rows = [
        [row.title, exact(row.balance_minor), exact(row.held_minor), exact(row.in_minor), exact(row.out_minor)]
        for row in state.rows
    ]
    more = (
        words("{shown} of {count}", shown=count(len(rows)), count=count(state.count)) if state.count > len(rows) else ""
    )
    return words("Your clients") if state.role == "member" else words("Your account"), titles, rows, more


def _strip(state: OwnState, words: Words) -> Markup:
    """The way of a client's money, and where nobody can take it off."""
    ends = (
        (words("clients' banks"), words("exchange"))
        if state.role != "client"
        else (words("your bank"), words("exchange"))
    )
    return tag(
        "svg",
        tag("rect", x=2, y=6, width=336, height=64, rx=32, class_="fence"),
        box(16, 20, 106, 36, "arc", 8),
        text(69, 42, ends[0], "b", "middle"),
        line(122, 38, 142, 38, "way"),
        box(142, 26, 72, 24, "pill", 12),
        text(178, 42, words("member"), "m", "middle"),
        line(214, 38, 240, 38, "way"),
        box(240, 20, 82, 36, "arc", 8),
        text(281, 42, ends[1], "b", "middle"),
        viewBox="0 0 340 76",
        class_="small-strip",
        role="img",
        aria_label=words("From the clients' banks through the members, always zero, to the exchange; and back."),
    )


def page(state: OwnState, language: Language, person: Person) -> str:
    """The whole page."""
    words = Words(language)
    made = PAINTER.parts(state, language)
    given = frame(language, person, "mine", state=state, parts=made.html, answer=answer(state, words))
    return templates().get_template("own.html").render(given)


__all__ = ["PAINTER", "answer", "page", "static"]
