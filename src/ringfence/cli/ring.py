"""`ringfence ring`: the declared circles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption

app = typer.Typer(
    help="The declared circles: who takes part, and the only ways on which money can move.", no_args_is_help=True
)


@app.command("list")
def list_(language: LanguageOption = "en") -> None:
    """List the rings that are built in."""
    from ringfence.cli.options import spoken
    from ringfence.ring import built_in, load

    said = spoken(language)
    for name in built_in():
        typer.echo(f"{name:12} {load(name).ring.title.text(said)}")


@app.command()
def show(
    ring: Annotated[str, typer.Argument(metavar="RING", help="A built-in ring, or the path of a ring's file.")],
    language: LanguageOption = "en",
) -> None:
    """Explain a ring to a person: parties, books, accounts, and every route with who asks and what must hold.

    Try: ringfence ring show sge
    """
    from ringfence.cli.options import spoken
    from ringfence.ring import explain, load

    typer.echo(explain(load(ring), spoken(language)))


@app.command()
def check(
    ring: Annotated[str, typer.Argument(metavar="RING", help="A built-in ring, or the path of a ring's file.")],
    without: Annotated[
        str | None,
        typer.Option(
            "--without", metavar="CONTROL", help="As if this control of the ring were not there.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Decide who could take client money: the smallest coalitions, path by path, and what each had to corrupt.

    Exit code 0 if no single intermediary can, 1 if one can, 2 for a file that is no ring. Try: ringfence ring check sge
    --without K3
    """
    from ringfence.cli.options import spoken
    from ringfence.ring import as_document, decide, load, told

    said = spoken(language)
    verdict = decide(load(ring, without))
    if as_json:
        typer.echo(json.dumps(as_document(verdict), indent=2, ensure_ascii=False))
    else:
        typer.echo(told(verdict, said))
    raise typer.Exit(0 if verdict.closed else 1)


@app.command("draw")
def draw_(
    ring: Annotated[str, typer.Argument(metavar="RING", help="A built-in ring, or the path of a ring's file.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write.", show_default="standard output")
    ] = None,
    language: LanguageOption = "en",
) -> None:
    """Draw a ring as SVG: places, routes, who asks on which papers, the fence, and what is always zero.

    Try: ringfence ring draw sge --output sge.svg
    """
    from ringfence.cli.options import require_writable, spoken
    from ringfence.ring import draw, load

    if output is not None:
        require_writable("--output", output)
    picture = draw(load(ring), spoken(language))
    if output is None:
        typer.echo(picture)
    else:
        output.write_text(picture + "\n", "utf-8")
        typer.echo(f"drawn: {output}")


@app.command()
def compare(
    rings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RING]...",
            help="Built-in rings, or paths of rings' files.",
            show_default="the seven that the source compares",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Draw them side by side into this file, as SVG.")
    ] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Set rings side by side: who takes client money alone, and how many must conspire to take, lose or hide it.

    Without names: the broker's counter, the models that were proposed against it, and the Shanghai Gold Exchange's circle.
    Try: ringfence ring compare
    """
    from ringfence.cli.options import require_writable, spoken
    from ringfence.ring import MODELS, compared, compared_as_rows, decide, draw_compared, load

    said = spoken(language)
    if output is not None:
        require_writable("--output", output)
    verdicts = [decide(load(name)) for name in rings or MODELS]
    if output is not None:
        output.write_text(draw_compared(verdicts, said) + "\n", "utf-8")
    if as_json:
        typer.echo(json.dumps(compared_as_rows(verdicts), indent=2, ensure_ascii=False))
    else:
        typer.echo(compared(verdicts, said))
    if output is not None:
        typer.echo(f"drawn: {output}", err=True)
