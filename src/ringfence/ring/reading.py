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


def built_in() -> list[str]:
    """The names of the rings that ship with the package."""
    folder = resources.files("ringfence.ring") / "rings"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


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
        raise BadInput(name, "the text", f"TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        found = "absent" if first["type"] == "missing" else first["input"]
        raise _wrong(text, name, tuple(map(str, first["loc"])), found, first["msg"]) from error
    except WrongPlace as error:
        raise _wrong(text, name, tuple(error.place.split(".")), error.value, error.right) from error
    return ring


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
