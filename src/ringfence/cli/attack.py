"""`ringfence attack`: the ways in which client money has been taken, tried on the real books of rings."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import LanguageOption, require_writable, spoken


def attack(
    ring: Annotated[
        list[str] | None,
        typer.Option(
            "--ring",
            metavar="RING",
            help="A built-in ring, or the path of a ring's file; may be given several times.",
            show_default="the seven that the source compares",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--attack", metavar="ATTACK", help="S1 to M10; may be given several times.", show_default="all of them"
        ),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(
            "--without",
            metavar="CONTROL",
            help="On the books of a ring from which this control is taken out: K1 to K14 of sge.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every attempt as JSON too.", show_default=False)
    ] = None,
    language: LanguageOption = "en",
) -> None:
    """Try the ways in which client money has been taken on real books, with real logins; print what became of each.

    For every ring the books are made on a server that is deleted afterwards, a client pays in, and somebody goes about to take it.
    One attack in one ring is told step by step. Takes a minute. Try: ringfence attack --ring old --attack S3
    """
    from rich.console import Console
    from rich.progress import track

    from ringfence.attack import ATTACKS, as_rows, story, table, waiting
    from ringfence.attack import attack as try_it
    from ringfence.attack.plan import Planning
    from ringfence.database import Settings, Store
    from ringfence.errors import BadInput
    from ringfence.ring import MODELS, left_out, load

    said = spoken(language)
    for one in name or ():
        if one not in ATTACKS:
            raise BadInput("--attack", one, f"one of {', '.join(ATTACKS)}")
    if output is not None:
        require_writable("--json", output)
    rings = ring or (["sge"] if without else MODELS)
    declared = {one: load(one, without) for one in rings}
    missing = {one: left_out(one, without) if without else [] for one in rings}
    asked = [(one, attack) for one in declared for attack in name or ATTACKS]
    plans = {one: Planning(of) for one, of in declared.items()}
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="ringfence-attack-") as folder,
        Store.open(Settings(store=Path(folder), database_url=None)) as store,
    ):
        rows = [
            try_it(store, declared[one], attack, plans[one], left_out=missing[one])
            for one, attack in track(
                asked, description="", transient=True, console=console, disable=not console.is_terminal
            )
        ]
    if output is not None:
        output.write_text(json.dumps(as_rows(rows), indent=1, ensure_ascii=False) + "\n", "utf-8")
    if len(rows) == 1:
        typer.echo(story(rows[0], said))
    else:
        typer.echo(table(rows, said))
    for line in waiting(said):
        typer.echo(line)
