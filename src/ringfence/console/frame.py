"""What stands around every page: which pages a person has, the language beside this one, and who is in."""

from __future__ import annotations

from typing import Any, NamedTuple

from ringfence.access import Person, Role
from ringfence.console.words import Words
from ringfence.errors import Language


class Link(NamedTuple):
    """A page in the bar: its name, where it is, what it is called, and whether this is it."""

    name: str
    path: str
    title: str
    here: bool


# Members and supervisors have nothing to press: on their pages there is no form.
READ_ONLY: tuple[Role, ...] = ("member", "supervisor")
_STAFF = ("circle", "day", "risk", "withdrawals", "clients", "journal", "ring")
_PAGES: dict[Role, tuple[str, ...]] = {
    "exchange": _STAFF,
    "supervisor": _STAFF,
    "bank": ("mine", "journal", "ring"),
    "member": ("mine", "risk", "clients", "journal", "ring"),
    "client": ("mine", "move", "positions", "statement", "verify"),
}


def frame(language: Language, person: Person | None, here: str, path: str = "", **more: Any) -> dict[str, Any]:
    """What every template is given: words, the page's place, who looks; and `more` of its own."""
    words = Words(language)
    given = {
        "w": words,
        "language": language,
        "other": "en" if language == "zh" else "zh",
        "path": path,
        "here": here,
        "person": person,
        "role_word": role_word(person.role, language) if person else "",
        "links": links(language, person, here),
        "finds": person is not None and person.role != "client",
        "may_press": person is not None and person.role not in READ_ONLY,
        # Beside what all pages have: of pages with pictures that live, or of the others.
        "style": "circle.css" if here in ("circle", "mine") else "work.css",
        "also_style": None,
        "state": None,
        "waiting": "",
    }
    return given | more


def links(language: Language, person: Person | None, here: str) -> list[Link]:
    """The pages that a person has, of which it looks at one."""
    words = Words(language)
    titles = {
        "circle": ("", words("Circle")),
        "mine": ("", words("Mine")),
        "withdrawals": ("withdrawals", words("Withdrawals")),
        "day": ("day", words("Day")),
        "risk": ("risk", words("Risk")),
        "clients": ("clients", words("Client list")),
        "journal": ("journal", words("Journal")),
        "ring": ("ring", words("Ring")),
        "move": ("move", words("Take out")),
        "positions": ("positions", words("Positions")),
        "statement": ("statement", words("Statement")),
        "verify": ("verify", words("Verify")),
    }
    pages = _PAGES.get(person.role, ()) if person else ()
    return [Link(name, *titles[name], here=name == here) for name in pages]


def role_word(role: Role, language: Language) -> str:
    """What a role is called."""
    words = Words(language)
    said: dict[Role, str] = {
        "exchange": words("exchange"),
        "bank": words("clearing bank"),
        "member": words("member"),
        "client": words("client"),
        "supervisor": words("supervisor"),
        "staff": words("staff"),
    }
    return said[role]
