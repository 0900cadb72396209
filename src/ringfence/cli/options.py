"""What several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ringfence.database import Settings

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Folder of the embedded database [default: your data folder]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


def settings(store: Path | None) -> Settings:
    """What the environment says, with the folder that was named on the command line."""
    from ringfence.database import Settings

    return Settings() if store is None else Settings(store=store.absolute())
