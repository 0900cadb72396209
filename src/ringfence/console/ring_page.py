"""The page of the ring: who has a hand in what, and who would have to conspire. All of it is decided from the declaration."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from ringfence import ring
from ringfence.api import Service
from ringfence.attack import foreseen
from ringfence.attack.plan import Foreseen, Plan
from ringfence.console.entrance import In, Spoken, answered
from ringfence.console.frame import frame
from ringfence.console.words import Words
from ringfence.errors import BadInput, Language
from ringfence.ring import Hand, Ring, Verdict
from ringfence.ring.closure import OTHER

router = APIRouter(include_in_schema=False)
_RING = "sge"
# What the checker foresees in a ring does not change; a ring is known by all that it declares.
_FORESEEN: dict[str, list[Foreseen]] = {}


class _Row(NamedTuple):
    """A route: what it is called and says, its path, and a cell for every party."""

    name: str
    says: str
    path: str
    cells: tuple[tuple[str, ...], ...]


@router.get("/{language}/ring")
async def ring_page(
    language: Spoken, request: Request, session: In, without: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """Who could take it, as the books are declared, or if one control were taken out of the ring?"""
    service: Service = request.app.state.service
    controls = ring.controls_taken_out(_RING)
    if without and without not in controls:
        raise BadInput("without", without, f"one of {', '.join(controls)}", f"{', '.join(controls)} 之一")
    verdict = await asyncio.to_thread(_decided, without)
    given = frame(
        language, session.person, "ring", f"ring?without={without}" if without else "ring",
        declared=service.declared_as(_decided("").ring),
        controls=[(name, said.says.text(language), name in controls) for name, said in _decided("").ring.controls.items()],
        without=without,
        otherwise=ring.how_without(_RING, without).text(language) if without else "",
        **await asyncio.to_thread(told, verdict, language, _decided("")),
    )  # fmt: skip
    return answered("ring.html", given)


@router.get("/{language}/ring.svg")
async def drawing(language: Spoken, session: In) -> Response:
    """The ring as a picture: every account and every route."""
    return picture(_decided("").ring, language)


def picture(declaration: Ring, language: Language) -> Response:
    """A ring drawn, for a page to show; as a picture of its own it has its own style."""
    return Response(
        ring.draw(declaration, language), media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=300"}
    )


def told(verdict: Verdict, language: Language, before: Verdict | None = None) -> dict[str, Any]:
    """What the page says of a ring that was decided; what was not so `before` is marked."""
    words, declaration = Words(language), verdict.ring
    known = {(finding.persons, finding.bounds) for finding in (before or verdict).takes}
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
            (declaration.parties[party].title.text(language), [ring.tell(verdict, finding, language) for finding in found])
            for party, found in verdict.alone.items()
        ],
        "together": sorted(
            (
                ((finding.persons, finding.bounds) not in known, ring.tell(verdict, finding, language))
                for finding in verdict.takes
                if not finding.above
            ),
            key=lambda one: not one[0],
        ),
        "papers": [(name, proof.says.text(language)) for name, proof in declaration.proofs.items()],
        "above": [ring.tell(verdict, finding, language) for finding in verdict.takes if finding.above],
        "attacks": [
            (one.name, one.title.text(language), _by(declaration, one.plan, words) if one.plan else "") for one in _attacks(declaration)
        ],
    }  # fmt: skip


def _by(declaration: Ring, plan: Plan, words: Words) -> str:
    """Who would carry an attack out, inside which bounds, and what would show it."""

    def called(one: str) -> str:
        party = declaration.parties.get(one)
        return words("client X") if one == OTHER else party.title.text(words.language) if party else one

    persons = " + ".join(map(called, sorted(plan.conspirators)))
    said = ", ".join((persons, *sorted(plan.bounds)))
    shown = words("shown by {records}", records=", ".join(plan.shown)) if plan.shown else words("no record shows it")
    return f"{said}{words('; ')}{shown}"


@cache
def _decided(without: str) -> Verdict:
    return ring.decide(ring.load(_RING, without or None))


def _attacks(declaration: Ring) -> list[Foreseen]:
    name = declaration.model_dump_json()
    if name not in _FORESEEN:
        _FORESEEN[name] = foreseen(declaration)
    return _FORESEEN[name]


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
