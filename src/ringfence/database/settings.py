"""Where the store is: told by the command line or the environment, with a default that works.

RINGFENCE_STORE          the folder of the embedded server, of the role secret and of what belongs outside the database
RINGFENCE_DATABASE_URL   any PostgreSQL server from 15 on; without it, an embedded server is started in the folder
RINGFENCE_ROLE_SECRET    from which the roles' passwords are derived; without it, one is made and kept in the folder
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_folder() -> Path:
    """The folder for a user's data; for root one that the server's own user can reach, never root's home."""
    if os.geteuid() == 0:
        return Path("/var/lib/ringfence")
    return Path(platformdirs.user_data_dir("ringfence"))


class Settings(BaseSettings):
    """The three things that a store is told."""

    model_config = SettingsConfigDict(env_prefix="RINGFENCE_", env_ignore_empty=True)

    store: Path = Field(default_factory=default_folder)
    database_url: str | None = None
    role_secret: str | None = None
