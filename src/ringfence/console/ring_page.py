"""The page of the ring: who has a hand in what, and who would have to conspire. All of it is decided from the declaration."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ringfence import ring
from ringfence.access import Person
from ringfence.api import Service
from ringfence.console.entrance import In, Spoken, headers_for
from ringfence.console.frame import frame
from ringfence.console.rendering import templates
from ringfence.console.words import Words
from ringfence.errors import Language
from ringfence.ring import Hand, Ring, Verdict

router = APIRouter(include_in_schema=False)


class _Row(NamedTuple):
    """A route: what it is called and says, its path, and a cell for every party."""

    name: str
    says: str
    path: str
    cells: tuple[tuple[str, ...], ...]


@router.get("/{language}/ring")
async def ring_page(language: Spoken, request: Request, session: In) -> HTMLResponse:
    """Who could take it?"""
    service: Service = request.app.state.service
    said = page(session.person, language, declared=service.declared_as(_decided().ring))
    return HTMLResponse(said, headers=headers_for(language))


def page(person: Person, language: Language, *, declared: bool) -> str:
    """The whole page; `declared` is whether the books here are declared as the ring says."""
    given = frame(language, person, "ring", "ring", declared=declared, **told(_decided(), language))
    return templates().get_template("ring.html").render(given)


def told(verdict: Verdict, language: Language) -> dict[str, Any]:
    """What the page says of a ring that was decided."""
    words, declaration = Words(language), verdict.ring
    return {
        "answer": ring.headline(verdict, language),
        "says": declaration.ring.says.text(language),
        "source": declaration.ring.source,
        "routes": verdict.routes,
        "parties": [role.title.text(language) for role in declaration.parties.values()],
        "books": [
            (book.title.text(language), list(_rows(declaration, name, words)))
            for name, book in declaration.books.items()
        ],
        "alone": [
            (
                declaration.parties[party].title.text(language),
                [ring.tell(verdict, finding, language) for finding in found],
            )
            for party, found in verdict.alone.items()
        ],
        "together": [ring.tell(verdict, finding, language) for finding in verdict.takes if not finding.above],
        "papers": [(name, proof.says.text(language)) for name, proof in declaration.proofs.items()],
        "above": [ring.tell(verdict, finding, language) for finding in verdict.takes if finding.above],
    }


@cache
def _decided() -> Verdict:
    return ring.decide(ring.load("sge"))


def _rows(declaration: Ring, book: str, words: Words) -> list[_Row]:
    hands = ring.powers(declaration)[book]
    return [
        _Row(
            name,
            route.says.text(words.language),
            " → ".join(declaration.books[book].kinds[kind].title.text(words.language) for kind in route.path),
            tuple(_said(hands[name].get(party, ()), words) for party in declaration.parties),
        )
        for name, route in declaration.books[book].routes.items()
    ]


def _said(hands: tuple[Hand, ...], words: Words) -> tuple[str, ...]:
    """What a party does about a route, a line for each of its persons."""
    lines: dict[str, list[str]] = {}
    for hand in hands:
        said = {
            "asks": words("asks"),
            "grants": words("grants how much"),
            "finishes": words("finishes"),
            "checks": words("checks {paper}", paper=hand.proof),
            "brings": words("brings {paper}", paper=hand.proof),
            "sees": words("sees"),
        }[hand.does]
        lines.setdefault(hand.person, []).append(said)
    return tuple(f"{person}: {', '.join(said)}" if person else ", ".join(said) for person, said in lines.items())
