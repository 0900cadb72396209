"""Who asks: the person behind a token, the language it reads, and what of the books the database shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import psycopg
from fastapi import Depends, Request

from ringfence.access import Person, Role, Session
from ringfence.api.coming_in import In
from ringfence.api.service import Service
from ringfence.errors import Language, RingfenceError

# A page's; `__Host-`: set by this host alone, and sent to it alone.
COOKIE = "__Host-ringfence"


class NotFound(RingfenceError):
    """There is no such thing, or none that the asker may know of: `field`, `value`."""

    code = "not-found"
    template: ClassVar[dict[Language, str]] = {
        "en": "{field}: there is no {value!r} here",
        "zh": "{field}:此处没有 {value!r}",
    }


class NoPower(RingfenceError):
    """The asker's role can do nothing of the kind (K1): `role`, `needed`. Nobody can grant it."""

    code = "no-power"
    template: ClassVar[dict[Language, str]] = {
        "en": "no power (K1): the role {role} has no such call, only {needed} has; nobody can grant it",
        "zh": "无权动用 (K1):{role} 角色没有此操作,仅 {needed} 可办理;任何人都不能授予",
    }


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is in, and the service it asks."""

    session: Session
    service: Service

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.session.person

    @contextlib.contextmanager
    def reading(self, book: str) -> Iterator[psycopg.Connection[Any]]:
        """Read `book` as this visitor may. Errors: NotFound where it may not; as Logins.reading."""
        login = self.service.reader(self.person.role, self.person.party, book)
        if login is None:
            raise NotFound(field="book", value=book)
        with self.service.logins.reading(
            login, self.session.token if self.person.role == "client" else ""
        ) as connection:
            yield connection

    def require(self, *roles: Role) -> None:
        """Errors: NoPower for any other role."""
        if self.person.role not in roles:
            raise NoPower(role=self.person.role, needed=", ".join(roles))


def language_of(request: Request) -> Language:
    """The first of the languages that the asker accepts which is spoken here; else English."""
    for said in request.headers.get("accept-language", "").lower().split(","):
        name = said.split(";")[0].strip()
        if name.startswith("zh"):
            return "zh"
        if name.startswith("en"):
            return "en"
    return "en"


async def visitor(request: Request, session: In) -> Visitor:
    """The visitor whose token comes with the request. Errors: NotKnown."""
    return Visitor(session, request.app.state.service)


Visiting = Annotated[Visitor, Depends(visitor)]
