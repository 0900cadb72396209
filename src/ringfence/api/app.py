"""The application: endpoints, problems and limits, over one service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp

import ringfence
from ringfence.api import coming_in, endpoints, letters, office, office_readings, problems, withdrawals
from ringfence.api.limits import Limits
from ringfence.api.reception import Reception

_SAYS = """
Client money that nobody in the middle can touch. Come in at `POST /v1/session`; every request after it carries the token.
What an answer contains is what the database shows to the asker's own login. Errors are problem details (RFC 9457) in the
language of `Accept-Language`, en or zh. A write carries an `Idempotency-Key` and is carried out once.
"""


# What can be asked of the circle; whoever serves something else puts its own beside coming in.
CIRCLE = (endpoints.router, withdrawals.router, letters.router)
OFFICE = (office.router, office_readings.router)
Served = TypeVar("Served", bound=Reception)


def create_app(
    service: Served, *more: Callable[[FastAPI, Served], None], routers: Sequence[APIRouter] = CIRCLE
) -> ASGIApp:
    """Make the application over `service`, which is open and stays so as long as the application answers: the endpoints of
    `routers`, and whatever `more` puts on it.
    """
    app = FastAPI(
        title="Ringfence",
        version=ringfence.__version__,
        description=_SAYS,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for router in (coming_in.router, *routers):
        app.include_router(router)
    problems.install(app)
    for install in more:
        install(app, service)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return Limits(app, service)


def _described(app: FastAPI) -> dict[str, Any]:
    """What can be asked, with the problems that may come back instead of an answer."""
    if app.openapi_schema is None:
        said = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        said["components"]["schemas"]["Problem"] = problems.SCHEMA
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in said["paths"].values():
            for operation in operations.values():
                for status, when in problems.STATUSES.items():
                    operation["responses"][str(status)] = {"description": when, "content": content}
        for unused in ("HTTPValidationError", "ValidationError"):
            said["components"]["schemas"].pop(unused, None)
        app.openapi_schema = said
    return app.openapi_schema
