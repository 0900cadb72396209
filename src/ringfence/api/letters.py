"""Letters of other institutions: whoever writes is known by its signature, and by nothing else."""

from __future__ import annotations

from fastapi import APIRouter, Request

from ringfence import shapes
from ringfence.api.service import Service
from ringfence.links import Letter

router = APIRouter(prefix="/v1")


@router.post("/letters")
def answer_letter(asked: shapes.LetterSent, request: Request) -> shapes.LetterSent:
    """Answer a letter to an institution that runs here. It needs no token: its signature says whose it is."""
    service: Service = request.app.state.service
    letter = Letter.from_document(asked.model_dump())
    answer = service.live.answer(letter)
    request.state.person = letter.sender
    return shapes.LetterSent(**answer.document())
