"""Opening a store: by URL or embedded, of a server that is new enough, at a place that can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.database import ServerTooOld, Settings, Store, StoreUnreachable, embedded_cluster
from ringfence.database.settings import default_folder
from ringfence.database.store import check_server_version
from ringfence.errors import BadInput

if TYPE_CHECKING:
    from conftest import Server


def test_a_url_opens_its_database(server: Server, tmp_path: Path) -> None:
    database = server.create()
    url = psycopg.conninfo.make_conninfo(server.url, dbname=database)
    with Store.open(Settings(database_url=url, store=tmp_path)) as store, store.connect() as connection:
        assert not store.embedded
        assert connection.info.dbname == database
    assert not embedded_cluster(tmp_path).exists
    server.drop(database)


def test_another_database_of_the_server_can_be_chosen(server: Server, tmp_path: Path) -> None:
    database = server.create()
    settings = Settings(database_url=server.url, store=tmp_path)
    with Store.open(settings, database=database) as store, store.connect() as connection:
        assert connection.info.dbname == database
    server.drop(database)


def test_an_embedded_store_creates_its_database(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(store=tmp_path_factory.mktemp("embedded"), database_url=None)
    with Store.open(settings) as store, store.connect() as connection:
        assert store.embedded
        assert connection.info.dbname == "ringfence"
        assert connection.info.server_version >= 180000
        with Store.open(settings, database="other") as other, other.connect() as beside:
            assert beside.info.dbname == "other"


def test_a_dead_url_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachable, match="does not answer"):
        Store.open(Settings(database_url=f"postgresql://postgres@/ringfence?host={tmp_path}", store=tmp_path))


@pytest.mark.parametrize("url", ["postgresql://user:hush@host:port/db?x", "host=h password=hush what", "hush"])
def test_an_unusable_url_is_said_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="RINGFENCE_DATABASE_URL") as refused:
        Store.open(Settings(database_url=url, store=tmp_path))
    assert url == "hush" or "hush" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="--store"):
        Store.open(Settings(store=tmp_path / "file" / "store", database_url=None))


@pytest.mark.parametrize("name", ['a"b', "a$b", "a`b", "a\\b"])
def test_a_path_that_a_shell_would_misread_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--store"):
        Store.open(Settings(store=tmp_path / name, database_url=None))


def test_an_old_server_is_refused_with_both_versions() -> None:
    # libpq's numbering: 140013 is 14.13, 150000 is 15.0.
    check_server_version(150000)
    with pytest.raises(ServerTooOld) as refused:
        check_server_version(140013)
    assert refused.value.code == "server-too-old"
    assert "14.13" in str(refused.value)
    assert "15" in str(refused.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RINGFENCE_STORE", str(tmp_path))
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "")
    monkeypatch.setenv("RINGFENCE_ROLE_SECRET", "secret")
    settings = Settings()
    assert (settings.store, settings.database_url, settings.role_secret) == (tmp_path, None, "secret")


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_folder() == Path("/var/lib/ringfence")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() in (tmp_path / "ringfence", Path.home() / "Library/Application Support/ringfence")
