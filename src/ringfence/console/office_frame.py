"""What stands around every page where a ring of one's own is served: who looks, whether the books agree, what was verified."""

from __future__ import annotations

from typing import Any

from ringfence.access import Session
from ringfence.api import OfficeService
from ringfence.api.office_service import READ_ALL
from ringfence.console import office_desk
from ringfence.console.figures import count
from ringfence.console.frame import frame
from ringfence.console.words import Words
from ringfence.errors import Language
from ringfence.office import equation


def given_to(
    service: OfficeService, session: Session, language: Language, here: str, path: str, **more: Any
) -> dict[str, Any]:
    """What every template is given, and `more` of its own."""
    given = frame(language, session.person, here, path, links=office_desk.links(language, session.person, here), **more)
    pairs = equation(service.office) if session.person.role in READ_ALL else []
    last = service.verdicts.last
    given |= {
        "role_word": office_desk.party_title(service, session, language),
        "seat_title": office_desk.seat_title(service, session, language),
        "finds": False,
        "style": "work.css",
        "also_style": "desk.css",
        "may_press": session.person.role in ("staff", "client"),
        "market": service.office.ring.ring.title.text(language),
        "pairs": office_desk.pair_lines(pairs, service, Words(language)),
        "right": all(pair.difference_minor == 0 for pair in pairs),
        "verified": last.verdict.ok,
        "verified_at": f"{last.at.astimezone():%H:%M:%S}",
        "postings": count(last.verdict.postings),
        "findings": last.verdict.findings if session.person.role in READ_ALL else [],
    }
    return given
