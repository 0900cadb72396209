"""`ringfence ring`: the declared circles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import JsonOption, LanguageOption, number_option

if TYPE_CHECKING:
    from ringfence.errors import Language

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


_QUESTIONS: dict[str, dict[Language, str]] = {
    "name": {"en": "What is the ring called? Lower-case letters, digits, hyphens", "zh": "封闭圈名称（小写字母、数字、连字符）"},
    "title": {"en": "And in words?", "zh": "中文或英文标题"},
    "intermediary": {"en": "Who stands in the middle, and must not be able to take anything?", "zh": "中间方是谁？其不得动用任何资金"},
    "keeper": {
        "en": "Who keeps each client's record: the bank that holds the money, or a platform apart from it? (bank, platform)",
        "zh": "客户明细由谁登记：保管资金的银行，还是独立的平台？（bank、platform）",
    },
    "currency": {"en": "In which currency?", "zh": "币种"},
    "fees": {"en": "Are fees charged?", "zh": "是否收取费用？"},
    "days": {"en": "How many booking days does a changed account wait?", "zh": "变更账户须等待几个记账日？"},
    "written": {"en": "written: {file}", "zh": "已写入：{file}"},
    "next": {"en": "next: ringfence ring show {file}, ringfence ring check {file}", "zh": "接下来：ringfence ring show {file}，ringfence ring check {file}"},
}  # fmt: skip


@app.command()
def new(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write; what is there already is not replaced.")
    ],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the ring is called.")] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="And in words.")] = None,
    intermediary: Annotated[
        str | None, typer.Option("--intermediary", metavar="TEXT", help="Who stands in the middle.")
    ] = None,
    keeper: Annotated[
        str | None, typer.Option("--keeper", metavar="WHO", help="Who keeps each client's record: bank or platform.")
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="CODE", help="Such as CNY.")] = None,
    fees: Annotated[
        bool | None, typer.Option("--fees/--no-fees", help="Whether fees are charged.", show_default=False)
    ] = None,
    days: Annotated[int | None, number_option("How many booking days a changed account waits.")] = None,
    language: LanguageOption = "en",
) -> None:
    """Ask a few questions and write a commented ring that is closed to the intermediary, for you to read and change.

    What is given as an option is not asked. Try: ringfence ring new mine.toml
    """
    from ringfence.cli.options import require_writable, spoken
    from ringfence.errors import BadInput
    from ringfence.ring import Answers, decide, headline, new_ring, parse

    said = spoken(language)
    if file.exists():
        raise BadInput("FILE", str(file), "a file that is not there yet")
    require_writable("FILE", file)

    def ask(word: str, given: Any, usual: Any) -> Any:
        return given if given is not None else typer.prompt(_QUESTIONS[word][said], default=usual)

    answers = Answers(
        name=ask("name", name, file.stem),
        title=ask("title", title, file.stem),
        intermediary=ask("intermediary", intermediary, "broker" if said == "en" else "中介"),
        keeper=ask("keeper", keeper, "bank"),
        currency=ask("currency", currency, "CNY"),
        fees=typer.confirm(_QUESTIONS["fees"][said], default=True) if fees is None else fees,
        cool_off_days=ask("days", days, 3),
    )
    text = new_ring(answers)
    verdict = decide(parse(text, str(file)))
    file.write_text(text, "utf-8")
    typer.echo(_QUESTIONS["written"][said].format(file=file))
    typer.echo(headline(verdict, said))
    typer.echo(_QUESTIONS["next"][said].format(file=file))
