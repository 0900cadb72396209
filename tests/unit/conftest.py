"""Where the public data lies that is too large, or not ours, to keep in the repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """Give the path of a shared data file, or skip the test and say which file it wanted."""
    folder = Path(os.environ.get("RINGFENCE_SHARED_DATA", PROJECT / ".." / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"shared data file {name} is absent; set RINGFENCE_SHARED_DATA to the folder that has it")
        return path

    return find
