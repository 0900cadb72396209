"""A ring read from its file: TOML that a person can read too.

Every error names the line and the field, what stands there and what would be right.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from ringfence.errors import BadInput
from ringfence.ring.checks import WrongPlace, check
from ringfence.ring.ring import Ring

# The models that the source compares, in its order, with the system that it proposes at the end.
MODELS = ("old", "yzt", "680", "fb", "n9", "yqt", "sge")


def built_in() -> list[str]:
    """The names of the rings that ship with the package: the models of the source first."""
    folder = resources.files("ringfence.ring") / "rings"
    found = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [*MODELS, *(name for name in found if name not in MODELS)]


def load(name: str) -> Ring:
    """Read a built-in ring by name, or any ring by the path of its file. Errors: BadInput."""
    if name in built_in():
        return parse((resources.files("ringfence.ring") / "rings" / f"{name}.toml").read_text("utf-8"), name)
    if not Path(name).is_file():
        raise BadInput("ring", name, f"a file, or one of {', '.join(built_in())}")
    return parse(Path(name).read_text("utf-8"), name)


def parse(text: str, name: str) -> Ring:
    """Read a ring from the text of its file, called `name` in errors. Errors: BadInput with line and field."""
    try:
        ring = Ring.model_validate(tomllib.loads(text))
        check(ring)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(name, str(error)) from error
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
