"""Where the public data lies that is too large, or not ours, to keep in the repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def places() -> list[Path]:
    """The folder that is named, else every folder of data beside the project."""
    named = os.environ.get("RINGFENCE_PUBLIC_DATA")
    return [Path(named)] if named else sorted(PROJECT.parent.glob("*/data"))


@pytest.fixture(scope="session")
def public_file() -> Callable[[str], Path]:
    """Give the path of a file of public data, or skip the test and say which file it wanted."""

    def find(name: str) -> Path:
        for place in places():
            if (place / name).is_file():
                return place / name
        pytest.skip(f"the public data file {name} is absent; RINGFENCE_PUBLIC_DATA names the folder that has it")

    return find
