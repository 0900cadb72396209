"""A ring read from its file: TOML that a person can read too.

Every error names the line and the field, what stands there and what would be right.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ringfence.errors import BadInput
from ringfence.ring.checks import WrongPlace, check
from ringfence.ring.ring import Ring, Words

# The models that the source compares, in its order, with the system that it proposes at the end.
MODELS = ("old", "yzt", "680", "fb", "n9", "yqt", "sge")
_RING, _WITHOUT = ".toml", ".without.toml"


def built_in() -> list[str]:
    """The names of the rings that ship with the package: the models of the source first."""
    folder = resources.files("ringfence.ring") / "rings"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(_RING))
    found = sorted(name.removesuffix(_RING) for name in names if not name.endswith(_WITHOUT))
    return [*MODELS, *(name for name in found if name not in MODELS)]


def load(name: str, without: str | None = None) -> Ring:
    """Read a built-in ring by name, or any ring by the path of its file; perhaps `without` one of its controls. Errors: BadInput."""
    text = text_of(name)
    said = _tables(text, name)
    if without is None:
        return _ring(said, text, name)
    others = _laid_over(name)
    if without not in others:
        right = f"one of {', '.join(others)}" if others else f"a ring beside which {_WITHOUT} tells it"
        raise BadInput("without", without, right)
    _ring(said, text, name)  # an error in the ring itself is told with its line
    laid = _laid(said, others[without])
    laid["controls"] = {control: says for control, says in laid.get("controls", {}).items() if control != without}
    return _ring(laid, text, f"{name} without {without}")


def controls_taken_out(name: str) -> list[str]:
    """The controls of the ring of which it is told how it would be without them. Errors: BadInput."""
    return list(_laid_over(name))


def how_without(name: str, control: str) -> Words:
    """How the ring would be without a control, in words. Errors: BadInput; KeyError for a control of which that is not told."""
    return Words.model_validate(_laid_over(name)[control]["says"])


def left_out(name: str, control: str) -> list[str]:
    """The lines of the kernel's SQL that make up the control, and are missing without it; none for what the ring declares."""
    return list(_laid_over(name).get(control, {}).get("kernel", []))


def text_of(name: str) -> str:
    """The text of a ring's file. Errors: BadInput where there is none."""
    file = _beside(name, _RING)
    if not file.is_file():
        raise BadInput("ring", name, f"a file, or one of {', '.join(built_in())}")
    return file.read_text("utf-8")


def _laid_over(name: str) -> dict[str, Any]:
    """What stands beside the ring's file: by control, what is laid over it."""
    beside = _beside(name, _WITHOUT)
    return tomllib.loads(beside.read_text("utf-8")) if beside.is_file() else {}


def _beside(name: str, ending: str) -> Traversable:
    """The ring's own file, or the one that stands beside it with another ending."""
    if name in built_in():
        return resources.files("ringfence.ring") / "rings" / f"{name}{ending}"
    return Path(name) if ending == _RING else Path(name.removesuffix(_RING) + ending)


def _laid(ring: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The ring with the one thing laid over it: tables are joined, everything else is replaced, what `drop` names is left out."""
    laid = _joined(ring, {field: value for field, value in over.items() if field not in ("says", "drop", "kernel")})
    for place in over.get("drop", ()):
        table, _, key = place.rpartition(".")
        inner = laid
        for part in table.split("."):
            inner = inner[part]
        del inner[key]
    return laid


def _joined(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    joined = dict(under)
    for field, value in over.items():
        if field == "kinds":  # a kind is one line, and replaced as such
            joined[field] = under.get(field, {}) | value
        elif not isinstance(value, dict) or field not in under:
            joined[field] = value
        else:
            joined[field] = _joined(under[field], value)
    return joined


def parse(text: str, name: str) -> Ring:
    """Read a ring from the text of its file, called `name` in errors. Errors: BadInput with line and field."""
    return _ring(_tables(text, name), text, name)


def _tables(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(name, str(error)) from error


def _ring(said: dict[str, Any], text: str, name: str) -> Ring:
    try:
        ring = Ring.model_validate(said)
        check(ring)
    except ValidationError as error:
        first = error.errors()[0]
        found = "absent" if first["type"] == "missing" else first["input"]
        raise _wrong(text, name, tuple(map(str, first["loc"])), found, first["msg"]) from error
    except WrongPlace as error:
        raise _wrong(text, name, tuple(error.place.split(".")), error.value, error.right) from error
    return ring


def _unreadable(name: str, error: str) -> BadInput:
    twice = re.match(r"Cannot declare \((.+?),?\) twice \(at line (\d+)", error)
    if twice:
        place = ".".join(part.strip().strip("'") for part in twice[1].split(","))
        return BadInput(f"{name}, line {twice[2]}: {place}", "a second one of this name", "one of each name")
    again = re.match(r"Cannot overwrite a value \(at line (\d+)", error)
    if again:
        return BadInput(f"{name}, line {again[1]}", "a second value of a field", "every field once")
    return BadInput(name, "the text", f"TOML ({error})")


def _wrong(text: str, name: str, place: tuple[str, ...], value: object, right: str) -> BadInput:
    return BadInput(f"{name}, line {line_of(text, place)}: {'.'.join(place)}", value, right)


def line_of(text: str, place: tuple[str, ...]) -> int:
    """The line, from 1, where the field at `place` stands, or else the nearest that it would stand under."""
    best, found = 0, 1
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+([^\]]+)\]", line)
        key = re.match(r"\s*([\w.\"-]+)\s*=", line)
        if header:
            table = here = _parts(header[1])
        elif key:
            here = table + _parts(key[1])
        else:
            continue
        if here == place[: len(here)] and len(here) > best:
            best, found = len(here), number
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in dotted.split("."))
