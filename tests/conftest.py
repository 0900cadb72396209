"""A real server for the tests, and a database of its own for every test.

The server is an embedded one, thrown away at the end, or the one that RINGFENCE_DATABASE_URL names: there the tests make
and drop databases called `test_...` and leave roles called `ringfence_...` behind. A test asks for `store`; marked with
`@pytest.mark.ledgers.with_args(prepare)`, it gets a copy of a database in which `prepare(store)` was done once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings

from ringfence.access import password
from ringfence.database import Settings, Store

# Shrinking against a database takes minutes; the long profile is for whoever has found something.
FAST = [Phase.explicit, Phase.reuse, Phase.generate]
settings.register_profile(
    "default",
    deadline=None,
    max_examples=25,
    phases=FAST,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("long", settings.get_profile("default"), max_examples=1000, phases=tuple(Phase))


def pytest_configure(config: pytest.Config) -> None:
    """Take the profile that is named on the command line, whichever is loaded first: this file or the option."""
    settings.load_profile(config.getoption("--hypothesis-profile") or "default")
    # The cost stands in what is kept of a password; what it is in earnest, a test of its own sees.
    password.COST_N = 2**4


class Server:
    """A running server and the databases that were made on it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._templates: dict[Callable[[Store], None], str] = {}

    def store(self, database: str) -> Store:
        return Store(psycopg.conninfo.make_conninfo(self.url, dbname=database), self.folder, secret="tests")

    def create(self, template: str = "template0") -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def drop(self, database: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())

    def clone(self, prepare: Callable[[Store], None] | None) -> str:
        """A fresh database in which `prepare` has been done; it is done once."""
        if prepare is None:
            return self.create()
        if prepare not in self._templates:
            template = self.create()
            prepare(self.store(template))
            self._templates[prepare] = template
        return self.create(self._templates[prepare])

    def clean(self) -> None:
        for database in self._templates.values():
            self.drop(database)


@pytest.fixture(scope="session")
def public_file() -> Callable[[str], Path]:
    """Give the path of a file of public data, too large or not ours to keep here; or skip the test and say what it wanted."""
    named = os.environ.get("RINGFENCE_PUBLIC_DATA")
    places = [Path(named)] if named else sorted(Path(__file__).resolve().parents[2].glob("*/data"))

    def find(name: str) -> Path:
        for place in places:
            if (place / name).is_file():
                return place / name
        pytest.skip(f"the public data file {name} is absent; RINGFENCE_PUBLIC_DATA names the folder that has it")

    return find


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="ringfence-test-"))
    with Store.open(Settings(store=folder)) as store:
        server = Server(store.url, folder)
        yield server
        server.clean()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store(server: Server, request: pytest.FixtureRequest) -> Iterator[Store]:
    marker = request.node.get_closest_marker("ledgers")
    database = server.clone(marker.args[0] if marker else None)
    yield server.store(database)
    server.drop(database)
