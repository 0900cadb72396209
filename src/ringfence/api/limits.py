"""What is refused before anybody reads it: bodies that are too large, addresses with characters that no text may have.

Plain ASGI, since a middleware of the framework's kind costs half of the throughput.
"""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.api.problems import LARGEST_BODY_BYTES, TooLarge, problem
from ringfence.api.visitor import language_of
from ringfence.errors import BadInput, RingfenceError
from ringfence.links import LARGEST_LETTER_BYTES

LONGEST_ADDRESS_BYTES = 4_000
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class Limits:
    """Wraps an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = _refusal(scope)
        if error is not None:
            await _answer(error, scope, receive, send)
            return
        taken, largest = 0, _largest(scope)

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > largest:
                # The only kind that the framework lets through while it reads a body.
                raise HTTPException(413)
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in _HEADERS if h[0] not in present)]
            await send(message)

        await self._app(scope, bounded, dressed)


def _refusal(scope: Scope) -> RingfenceError | None:
    raw: bytes = scope.get("raw_path") or b""
    address = raw + b"?" + scope.get("query_string", b"")
    if len(address) > LONGEST_ADDRESS_BYTES:
        return BadInput("address", f"{len(address):,} bytes", f"at most {LONGEST_ADDRESS_BYTES:,} bytes")
    if b"%00" in address or b"\0" in address:
        return BadInput("address", "%00", "text without zero bytes")
    try:
        stated = int(_header(scope, b"content-length") or 0)
    except ValueError:
        return BadInput("Content-Length", _header(scope, b"content-length").decode("latin-1"), "a whole number")
    return TooLarge(most=_largest(scope)) if stated > _largest(scope) else None


def _largest(scope: Scope) -> int:
    # A bank reports a whole batch in one letter; escaped in JSON it may be twice as long.
    return 2 * LARGEST_LETTER_BYTES if scope["path"] == "/v1/letters" else LARGEST_BODY_BYTES


def _header(scope: Scope, name: bytes) -> bytes:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for found, value in headers if found == name), b"")


async def _answer(error: RingfenceError, scope: Scope, receive: Receive, send: Send) -> None:
    response: Any = problem(error, language_of(Request(scope)))
    await response(scope, receive, send)
