"""All hubs of a process: that of the circle, always; and one for each member, client or bank who looks at what is theirs,
as long as somebody looks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from ringfence.access import Role, Session
from ringfence.api import Service
from ringfence.console import own_rendering, rendering
from ringfence.console.hub import Hub
from ringfence.console.own import OwnState, OwnWatch
from ringfence.console.rendering import Kind
from ringfence.console.state import CircleState, Move
from ringfence.console.watch import CircleWatch
from ringfence.errors import Language

SEES_THE_CIRCLE: tuple[Role, ...] = ("exchange", "supervisor")


class Hubs:
    """The hubs over one service."""

    def __init__(self, service: Service, *, closed: bool) -> None:
        self._service = service
        # Only where the exchange runs.
        self.circle: Hub[CircleState] | None = None
        if service.exchange is not None:
            watch = CircleWatch(service, closed=closed, replay=service.replay)
            self.circle = Hub(watch.read, rendering.PAINTER)
        self._own: dict[str, Hub[OwnState]] = {}

    def the_circle(self) -> Hub[CircleState]:
        """The circle's hub. Errors: NotHere where the exchange does not run in this process."""
        self._service.the_exchange()
        assert self.circle is not None
        return self.circle

    def end_streams(self) -> None:
        """Let every page know that this is the end."""
        for hub in self._all():
            hub.end_streams()

    def _all(self) -> list[Hub[CircleState] | Hub[OwnState]]:
        return [*([self.circle] if self.circle else []), *self._own.values()]

    async def stop(self) -> None:
        """End every stream, and stop reading."""
        for hub in self._all():
            await hub.stop()

    def own(self, session: Session) -> OwnState:
        """What is a visitor's, read once. Errors: as OwnWatch."""
        return OwnWatch(self._service, session).read(self._seen())[0]

    async def stream(self, session: Session, language: Language, *, kind: Kind) -> AsyncIterator[str]:
        """What a visitor's page is sent."""
        if session.person.role in SEES_THE_CIRCLE:
            async for message in self.the_circle().stream(language, kind=kind):
                yield message
            return
        key = self._key(session)
        if key not in self._own:
            watch = OwnWatch(self._service, session)
            hub = Hub(partial(self._read_own, watch), own_rendering.PAINTER)
            await hub.start()
            self._own.setdefault(key, hub)
        hub = self._own[key]
        try:
            async for message in hub.stream(language, kind=kind):
                yield message
        finally:
            if hub.empty and self._own.get(key) is hub:
                del self._own[key]
                await hub.stop()

    def _read_own(self, watch: OwnWatch) -> tuple[OwnState, list[Move]]:
        return watch.read(self._seen())

    def _seen(self) -> CircleState | None:
        return self.circle.state if self.circle else None

    @staticmethod
    def _key(session: Session) -> str:
        # A client reads by its own visit, which ends with its session.
        return session.token if session.person.role == "client" else f"{session.person.role} {session.person.party}"
