"""What was refused, as a page where a person asked with a browser; programs get problem details as ever."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException

from ringfence.api.problems import problem
from ringfence.api.visitor import NotFound, language_of
from ringfence.console.entrance import answered
from ringfence.console.frame import frame
from ringfence.console.words import LANGUAGES, Words
from ringfence.errors import Language, RingfenceError


def install(app: FastAPI) -> None:
    """Answer people in pages."""
    of_programs = app.exception_handlers.get(HTTPException, http_exception_handler)

    @app.exception_handler(RingfenceError)
    async def _(request: Request, error: RingfenceError) -> Response:
        said = problem(error, _language(request), request.headers.get("idempotency-key"))
        return _page(request, error, said.status_code) if _is_person(request) else said

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        if _is_person(request) and error.status_code == 404:
            return _page(request, NotFound(field="path", value=request.url.path[:100]), 404)
        answer: Response = await of_programs(request, error)  # type: ignore[misc]
        return answer


def _is_person(request: Request) -> bool:
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def _language(request: Request) -> Language:
    """That of the address, or else of the browser."""
    said = request.url.path.split("/")[1] if "/" in request.url.path else ""
    return next((known for known in LANGUAGES if known == said), language_of(request))


def _page(request: Request, error: RingfenceError, status: int) -> Response:
    language = _language(request)
    words = Words(language)
    # Where the database is, is not for whoever asks.
    text = error.text(language) if error.code != "store-unreachable" else words("The database does not answer.")
    return answered("problem.html", frame(language, None, "problem", text=text, code=error.code), status)
