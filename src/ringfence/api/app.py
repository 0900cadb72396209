"""The application: endpoints, problems and limits, over one service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp

import ringfence
from ringfence.api import endpoints, letters, problems, withdrawals
from ringfence.api.limits import Limits
from ringfence.api.service import Service

_SAYS = """
Client money that nobody in the middle can touch. Come in at `POST /v1/session`; every request after it carries the token.
What an answer contains is what the database shows to the asker's own login. Errors are problem details (RFC 9457) in the
language of `Accept-Language`, en or zh. A write carries an `Idempotency-Key` and is carried out once.
"""


def create_app(service: Service, *more: Callable[[FastAPI, Service], None]) -> ASGIApp:
    """Make the application over `service`, which is open and stays so as long as the application answers, with whatever
    `more` puts on it.
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
    app.include_router(endpoints.router)
    app.include_router(withdrawals.router)
    app.include_router(letters.router)
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
