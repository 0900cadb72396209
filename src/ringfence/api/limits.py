"""What is refused before anybody reads it: bodies that are too large or too slow, addresses with characters that no text may have,
whoever asks too often. And the record of what was asked and how it was answered.

Plain ASGI, since a middleware of the framework's kind costs half of the throughput.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from http.cookies import Morsel, SimpleCookie
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.access.calls import LONGEST_PATH, Call
from ringfence.access.door import digest
from ringfence.api.problems import LARGEST_BODY_BYTES, TooLarge, problem
from ringfence.api.rates import BANK, ENTERING, LETTERS, NOBODY, PERSON, TooOften
from ringfence.api.reception import Reception
from ringfence.api.visitor import COOKIE, language_of
from ringfence.errors import BadInput, RingfenceError
from ringfence.links import LARGEST_LETTER_BYTES

LONGEST_ADDRESS_BYTES = 4_000
SLOWEST_BODY_S = 10.0
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# Who came over https once does not come otherwise for a year.
_OVER_TLS = ((b"strict-transport-security", b"max-age=31536000"),)


class Limits:
    """Wraps an application over a service: refuses what is too large, too slow or too often, and records every call."""

    def __init__(self, app: ASGIApp, service: Reception) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(self._service, scope, receive, send)
        error = _refusal(scope) or self._too_often(scope)
        if error is not None:
            response: Any = problem(error, language_of(Request(scope)))
            await response(scope, receive, call.send)
            return
        await self._app(scope, call.receive, call.send)

    def _too_often(self, scope: Scope) -> TooOften | None:
        path, rates = scope["path"], self._service.rates
        if path.startswith("/static/"):
            return None
        address, token = _address(scope), _token(scope)
        try:
            if scope["method"] == "POST" and (path == "/v1/session" or path.endswith("/in")):
                rates.take(f"enters {address}", ENTERING)
            elif path == "/v1/letters":
                rates.take(f"writes {address}", LETTERS)
            elif not token:
                rates.take(address, NOBODY)
            else:
                known = self._service.door.known_lately(token)
                is_bank = known is not None and known.person.role == "bank"
                rates.take(digest(token).hex(), BANK if is_bank else PERSON)
        except TooOften as error:
            return error
        return None


class _Call:
    """One call under way: its body has a limit in size and time, its answer gets its headers, and then it is recorded."""

    def __init__(self, service: Reception, scope: Scope, receive: Receive, send: Send) -> None:
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began_s = time.monotonic()
        self._taken, self._largest = 0, _largest(scope)
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        left_s = self._began_s + SLOWEST_BODY_S - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left_s))
        except TimeoutError:
            # The only kind that the framework lets through while it reads a body.
            raise HTTPException(408) from None
        self._taken += len(message.get("body", b""))
        if self._taken > self._largest:
            raise HTTPException(413)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            ours = (*_HEADERS, *_OVER_TLS) if self._scope["scheme"] == "https" else _HEADERS
            message["headers"] = [*message["headers"], *(h for h in ours if h[0] not in present)]
            self._record(int(message["status"]))
        await self._send(message)

    def _record(self, status: int) -> None:
        scope = self._scope
        path: str = scope["path"]
        if path.startswith("/static/"):
            return
        key = _header(scope, b"idempotency-key")
        self._service.calls.add(
            Call(
                at=datetime.datetime.now(datetime.UTC),
                person=scope.get("state", {}).get("person"),
                address=_address(scope),
                method=scope["method"],
                path=_printed(path[:LONGEST_PATH]),
                status=status,
                milliseconds=int((time.monotonic() - self._began_s) * 1000),
                key=_printed(key.decode("latin-1")[:200]) if key else None,
            )
        )


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


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "-"


def _token(scope: Scope) -> str:
    kind, _, token = _header(scope, b"authorization").decode("latin-1").partition(" ")
    if kind.lower() == "bearer" and token:
        return token
    return SimpleCookie(_header(scope, b"cookie").decode("latin-1")).get(COOKIE, Morsel()).value or ""


def _printed(text: str) -> str:
    """Text as a table can keep it and a person can read it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text.encode("utf-8", "replace").decode())
