"""The house keeps its own rules: what a reader meets is documented, short, exact and speaks of Ringfence alone."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = {"src": 400, "tools": 400, "tests": 600}
# Their sources are other people's words, or a table of figures.
TEXT = (".py", ".sql", ".toml", ".md", ".txt", ".yml", "Makefile", ".gitignore", "run")
FORBIDDEN = {
    "a place on somebody's machine": r"(?<![\w/.])/(?:home|Users|work|root)/\w",
    "the host of a package registry": r"pypi\.org|pythonhosted|npmjs|crates\.io|artifactory",
    "work that is put off": r"\b(?:TODO|FIXME|XXX|HACK)\b",
    "how this work is organised": r"(?i)\bissue\s+#?\d|\bthe helper\b|\bsub-?agents?\b",
}


@cache
def tracked() -> tuple[Path, ...]:
    """The files that are ours: in the repository, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return tuple(path for name in listed if (path := ROOT / name).is_file())


def sources(*folders: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("reason", FORBIDDEN)
def test_no_file_names(reason: str) -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in tracked()
        if path.name.endswith(TEXT) and path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(FORBIDDEN[reason], line)
    ]
    assert found == []


def test_a_file_can_be_read_in_a_sitting() -> None:
    long = {
        name(path): lines
        for path in tracked()
        if path.suffix == ".py"
        and (lines := path.read_text("utf-8").count("\n")) > LONGEST_FILE[path.relative_to(ROOT).parts[0]]
    }
    assert long == {}


def test_every_module_opens_with_what_it_is() -> None:
    assert [name(path) for path in sources("src", "tests", "tools") if not _doc(path)] == []


def _doc(path: Path) -> str | None:
    text = path.read_text("utf-8")
    return ast.get_docstring(ast.parse(text)) if text.strip() else "an empty package"


def test_everything_public_says_what_it_does() -> None:
    silent = []
    for path in sources("src"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                silent += [f"{name(path)}: {node.name}"] * (ast.get_docstring(node) is None)
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                one_line = len(node.body) == 1 and node.end_lineno is not None and node.end_lineno - node.lineno <= 3
                silent += [f"{name(path)}: {node.name}"] * (ast.get_docstring(node) is None and not one_line)
    assert silent == []


@pytest.mark.parametrize("room", ["money", "ledger", "custody", "margin", "calendar"])
def test_no_float_comes_near_money(room: str) -> None:
    """No float literal, no float(), no true division: only seconds may be fractions."""
    found = []
    for path in sources("src"):
        if room not in path.parts:
            continue
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            fraction = (
                (isinstance(node, ast.Constant) and isinstance(node.value, float))
                or (isinstance(node, ast.Name) and node.id == "float")
                or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
            )
            line = text.splitlines()[node.lineno - 1] if fraction else ""  # type: ignore[attr-defined]
            if fraction and not re.search(r"_[sS]\b|seconds|sleep|path|Path|folder|directory|resources|time", line):
                found.append(f"{name(path)}: {line.strip()}")
    assert found == []


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = (decisions / "README.md").read_text("utf-8")
    files = sorted(path.name for path in decisions.glob("[0-9]*.md"))
    assert files == sorted(re.findall(r"\(([0-9][^)]*\.md)\)", listed))


def test_every_link_inside_the_documents_leads_somewhere() -> None:
    broken = [
        f"{name(path)}: {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_command_is_in_the_reference() -> None:
    import typer.main

    from ringfence.cli import app

    reference = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    missing = []
    group = typer.main.get_command(app)
    for command, inner in group.commands.items():  # type: ignore[attr-defined]
        for leaf in getattr(inner, "commands", {"": inner}):
            missing += [f"ringfence {command} {leaf}".strip()] * (
                f"`ringfence {command} {leaf}".strip() not in reference
            )
    assert missing == []
    options = {
        option
        for inner in group.commands.values()  # type: ignore[attr-defined]
        for leaf in getattr(inner, "commands", {"": inner}).values()
        for parameter in leaf.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }
    assert [option for option in sorted(options) if option not in reference] == []


def test_the_change_log_knows_this_version() -> None:
    import ringfence

    assert ringfence.__version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_mutation_finds_what_it_takes_out() -> None:
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "tools" / "mutate.py")
    assert spec is not None
    assert spec.loader is not None
    mutate = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = mutate
    spec.loader.exec_module(mutate)
    lost = [
        one.safety
        for one in mutate.MUTATIONS
        if (ROOT / "src" / "ringfence" / one.file).read_text("utf-8").count(one.before) != 1
    ]
    assert lost == []
