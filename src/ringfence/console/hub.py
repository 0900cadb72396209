"""The hub: one watch for all pages that show the same. What changed is made once for each language and sent to all.

A page that is opened, or comes back, gets the whole state first and then what happens; dots are never sent again. A page that
does not keep up is not waited for: it gets the whole state once more when it can take it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import psycopg
from markupsafe import Markup

from ringfence.console.figures import clock
from ringfence.console.rendering import Kind, Parts
from ringfence.console.state import Move
from ringfence.errors import Language, RingfenceError
from ringfence.links import NoAnswer

EVERY_S = 0.25
_BEAT_S = 1.0
_BACKLOG = 40
# Sent again only where more has changed in it than its texts, which are sent by name.
_BY_SHAPE = ("circle",)

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Page:
    language: Language
    kind: Kind
    waiting: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_BACKLOG))
    behind: bool = False


class State(Protocol):
    """What was read, and when."""

    @property
    def read_at(self) -> datetime.datetime:
        """When."""


S = TypeVar("S", bound=State)
_Shown = TypeVar("_Shown", contravariant=True)


class Painter(Protocol[_Shown]):
    """Makes the parts of a page of what was read, and says what moved."""

    def parts(self, state: _Shown, language: Language, *, kind: Kind) -> Parts:
        """Every part of the page."""

    def flow(self, state: _Shown, fresh: Sequence[Move], texts: dict[str, str], language: Language) -> str:
        """What moved, as JSON."""


class Hub(Generic[S]):
    """The hub of what `read` returns, with what happened since it was called last."""

    def __init__(self, read: Callable[[], tuple[S, list[Move]]], painter: Painter[S]) -> None:
        self._read = read
        self._painter = painter
        self._pages: set[_Page] = set()
        self._state: S | None = None
        self._sent: dict[tuple[Language, Kind], Parts] = {}
        self._version = 0
        self._task: asyncio.Task[None] | None = None
        self.trouble: Exception | None = None

    async def start(self) -> None:
        """Read once, so that whatever is wrong shows before anything is served, and then go on; a bank that does not answer yet
        is asked on. Errors: as the watch.
        """
        try:
            self._state, _ = await asyncio.to_thread(self._read)
        except NoAnswer as silent:
            self.trouble = silent
        self._task = asyncio.create_task(self._go_on())
        self._task.add_done_callback(_say_if_dead)

    async def stop(self) -> None:
        """End every stream, and stop reading."""
        self.end_streams()
        if self._task is not None:
            self._task.cancel()

    def end_streams(self) -> None:
        """Let every page know that this is the end."""
        for page in list(self._pages):
            self._put(page, None)

    @property
    def state(self) -> S:
        """What was read last. Errors: NoAnswer where a bank has not answered yet, not even once."""
        if self._state is None:
            assert self.trouble is not None
            raise self.trouble
        return self._state

    @property
    def empty(self) -> bool:
        """Whether nobody looks."""
        return not self._pages

    async def stream(self, language: Language, *, kind: Kind) -> AsyncIterator[str]:
        """What a page is sent: the whole state, then what happens, until the end."""
        page = _Page(language, kind)
        self._pages.add(page)
        try:
            yield self._whole(page) + self._beat()
            while (message := await page.waiting.get()) is not None:
                if page.behind:
                    while not page.waiting.empty():
                        if page.waiting.get_nowait() is None:
                            return
                    page.behind = False
                    message = self._whole(page)
                yield message
        finally:
            self._pages.discard(page)

    async def _go_on(self) -> None:
        beat_at = 0.0
        while True:
            started = time.monotonic()
            try:
                self._state, fresh = await asyncio.to_thread(self._read)
                self.trouble = None
                self._version += 1
                self._send(fresh)
                # Without a reading there is no beat: the pages then say that theirs is the last known state.
                if started - beat_at >= _BEAT_S:
                    beat_at = started
                    for page in self._pages:
                        self._put(page, self._beat())
            except (psycopg.Error, RingfenceError) as error:
                if self.trouble is None:
                    _log.warning("what pages show cannot be read: %s", error)
                self.trouble = error
            took = time.monotonic() - started
            # What takes long to read is read half of the time.
            await asyncio.sleep(max(EVERY_S - took, took if took > EVERY_S else 0.0))

    def _send(self, fresh: Sequence[Move]) -> None:
        kinds = {(page.language, page.kind) for page in self._pages}
        for gone in set(self._sent) - kinds:
            del self._sent[gone]
        for language, kind in kinds:
            made = self._painter.parts(self.state, language, kind=kind)
            before = self._sent.get((language, kind))
            self._sent[language, kind] = made
            message = self._changes(before, made, fresh, language) if before else ""
            for page in self._pages:
                if message and (page.language, page.kind) == (language, kind):
                    self._put(page, message)

    def _changes(self, before: Parts, made: Parts, fresh: Sequence[Move], language: Language) -> str:
        reshaped = made.shape != before.shape
        changed = {
            name: html
            for name, html in made.html.items()
            if html != before.html.get(name) and (reshaped or name not in _BY_SHAPE)
        }
        # Into parts that are sent anew, every text is put; else those that differ.
        texts = made.texts if changed else dict(made.texts.items() - before.texts.items())
        message = self._partials(changed)
        if fresh or texts:
            message += _event("flow", self._painter.flow(self.state, fresh, texts, language))
        return message

    def _whole(self, page: _Page) -> str:
        made = self._painter.parts(self.state, page.language, kind=page.kind)
        self._sent.setdefault((page.language, page.kind), made)
        return self._partials(made.html) + _event("flow", self._painter.flow(self.state, (), made.texts, page.language))

    def _partials(self, html: dict[str, Markup]) -> str:
        if not html:
            return ""
        said = "".join(
            f'<hx-partial hx-target="#part-{name}" hx-swap="innerHTML">{piece}</hx-partial>'
            for name, piece in html.items()
        )
        lines = "".join(f"data: {line}\n" for line in said.splitlines())
        return f"id: {self._version}\n{lines}\n"

    def _beat(self) -> str:
        return _event("beat", json.dumps({"clock": clock(self.state.read_at)}))

    def _put(self, page: _Page, message: str | None) -> None:
        try:
            page.waiting.put_nowait(message)
        except asyncio.QueueFull:
            page.behind = True
            if message is None:
                page.waiting.get_nowait()
                page.waiting.put_nowait(None)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _say_if_dead(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("nothing is read for the pages any more", exc_info=task.exception())
