"""Putting the pages onto an application that serves the API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from ringfence import ring
from ringfence.api import OfficeService, Service
from ringfence.api.visitor import language_of
from ringfence.console import (
    client_pages,
    clients,
    day_page,
    entrance,
    journal,
    office_client,
    office_desk,
    office_pages,
    pages,
    problem_pages,
    queue_pages,
    rendering,
    ring_page,
    risk_page,
)
from ringfence.console.frame import links
from ringfence.console.hubs import Hubs
from ringfence.console.words import LANGUAGES
from ringfence.errors import Language, RingfenceError

_NEEDED = ("htmx.min.js", "hx-sse.min.js")


class BrowserCodeMissing(RingfenceError):
    """The browser's code of other people was not installed: `files`."""

    code = "browser-code-missing"
    template: ClassVar[dict[Language, str]] = {
        "en": "{files} is not installed: `make` brings it at set-up (tools/browser_code.py), and a wheel has it inside",
        "zh": "缺少 {files}:由 `make` 在安装时获取(tools/browser_code.py),安装包中应已包含",
    }


def install(app: FastAPI, service: Service) -> None:
    """Add the pages to `app`. Errors: BrowserCodeMissing."""
    install_entrance(app)
    hubs = Hubs(service, closed=_is_closed(service))
    app.state.hubs = hubs
    app.state.links = links
    service.ending.append(hubs.end_streams)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if hubs.circle is not None:
            await hubs.circle.start()
        yield
        await hubs.stop()

    app.router.lifespan_context = lifespan
    # The queue first: its address would be a page of its own otherwise.
    app.include_router(queue_pages.router)
    for room in (ring_page, client_pages, journal, clients, day_page, risk_page):
        app.include_router(room.router)
    app.include_router(pages.router)


def install_office(app: FastAPI, service: OfficeService) -> None:
    """Add the pages of a ring of one's own to `app`. Errors: BrowserCodeMissing."""
    install_entrance(app)
    app.state.links = office_desk.links
    app.include_router(office_client.router)
    app.include_router(office_pages.router)


def install_entrance(app: FastAPI) -> None:
    """Let people come in, and tell them in pages what is refused. Errors: BrowserCodeMissing."""
    missing = [name for name in _NEEDED if name not in rendering.static_files()]
    if missing:
        raise BrowserCodeMissing(files=", ".join(missing))
    app.include_router(entrance.router)
    problem_pages.install(app)

    @app.exception_handler(entrance.NotIn)
    async def _(request: Request, error: entrance.NotIn) -> Response:
        language = request.path_params.get("language")
        return RedirectResponse(f"/{language if language in LANGUAGES else language_of(request)}/in", 303)


def _is_closed(service: Service) -> bool:
    """Whether the declaration that the books were made with is that of a ring which is decided to be closed."""
    declared = ring.load("sge")
    return service.declared_as(declared) and ring.decide(declared).closed
