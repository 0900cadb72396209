"""`ringfence attack`: the ways in which client money has been taken, tried on the real books of rings."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import LanguageOption, require_writable, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from ringfence.attack import Row, Without
    from ringfence.database import Store
    from ringfence.errors import Language
    from ringfence.ring import Ring

_WORDS: dict[str, dict[Language, str]] = {
    "written": {"en": "written: {file}", "zh": "已写入：{file}"},
}


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
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the whole comparison as one page, .html; takes a minute.",
            show_default=False,
        ),
    ] = None,
    language: LanguageOption = "en",
) -> None:
    """Try the ways in which client money has been taken on real books, with real logins; print what became of each.

    For every ring the books are made on a server that is deleted afterwards, a client pays in, and somebody goes about to take it.
    One attack in one ring is told step by step. Takes a minute. Try: ringfence attack --ring old --attack S3
    With --report models, drawings, table, stories, coalitions and what remains stand on one page, with every control taken out once.
    """
    from rich.console import Console
    from rich.progress import track

    from ringfence.attack import ATTACKS, as_rows, report, story, table, waiting
    from ringfence.attack import attack as tried
    from ringfence.attack.plan import Planning
    from ringfence.database import Settings, Store
    from ringfence.errors import BadInput
    from ringfence.ring import MODELS, decide, left_out, load

    said = spoken(language)
    for one in name or ():
        if one not in ATTACKS:
            raise BadInput("--attack", one, f"one of {', '.join(ATTACKS)}")
    if output is not None:
        require_writable("--json", output)
    if report_file is not None:
        require_writable("--report", report_file)
        if without is not None:
            raise BadInput("--without", without, "nothing, with --report: it takes every control out by itself")
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
            tried(store, declared[one], attack, plans[one], left_out=missing[one])
            for one, attack in track(
                asked, description="", transient=True, console=console, disable=not console.is_terminal
            )
        ]
        taken_out = _without_each(store, declared, rows, console, said) if report_file is not None else []
    if report_file is not None:
        verdicts = {ring.ring.name: decide(ring) for ring in declared.values()}
        day = datetime.datetime.now().astimezone().date()
        report_file.write_text(report(rows, verdicts, taken_out, day, said), "utf-8")
        typer.echo(_WORDS["written"][said].format(file=report_file))
    if output is not None:
        output.write_text(json.dumps(as_rows(rows), indent=1, ensure_ascii=False) + "\n", "utf-8")
    if len(rows) == 1:
        typer.echo(story(rows[0], said))
    else:
        typer.echo(table(rows, said))
    for line in waiting(said):
        typer.echo(line)


def _without_each(
    store: Store, rings: Mapping[str, Ring], rows: Sequence[Row], console: Console, language: Language
) -> list[Without]:
    """Every control that the rings tell of, taken out by itself, and the attacks tried again that it has to do with."""
    from rich.progress import track

    from ringfence.attack import Without, again_without
    from ringfence.attack import attack as tried
    from ringfence.attack.plan import Planning
    from ringfence.ring import controls_taken_out, how_without, left_out, load

    asked = [(given, ring.ring.name, control) for given, ring in rings.items() for control in controls_taken_out(given)]
    found = []
    for given, name, control in track(
        asked, description="", transient=True, console=console, disable=not console.is_terminal
    ):
        without = load(given, control)
        planning, missing = Planning(without), left_out(given, control)
        again = tuple(
            tried(store, without, attack, planning, prefix=f"{name}_{control}", left_out=missing)
            for attack in again_without(rows, name, control)
        )
        found.append(Without(name, control, how_without(given, control).text(language), again))
    return found
