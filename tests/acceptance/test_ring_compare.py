"""`ringfence ring compare`: the rings side by side, in words, for a program, and as a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ringfence import ring
from ringfence.cli import app
from ringfence.ring import draw_compared

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["ring", "compare", *arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize(
    ("language", "closed", "opened"),
    [("en", "CLOSED: no member", "OPEN: the broker can take"), ("zh", "封闭:任何会员", "未封闭:证券公司可单独")],
)
def test_all_models_are_told_with_verdict_coalitions_and_what_no_route_says(
    language: str, closed: str, opened: str
) -> None:
    said = run("--language", language).output
    assert said.count(closed) == 1
    assert said.count(opened) == 3
    for name in ring.MODELS:
        declared = ring.load(name).ring
        assert declared.title.text("zh" if language == "zh" else "en") in said
        for beyond in declared.beyond:
            assert beyond.text("zh" if language == "zh" else "en")[:20] in said


def test_some_rings_can_be_named_and_files_among_them(tmp_path: Path) -> None:
    mine = (Path(ring.__file__).with_name("rings") / "n9.toml").read_text("utf-8").replace('"n9"', '"mine"', 1)
    (tmp_path / "mine.toml").write_text(mine, "utf-8")
    rows = json.loads(run("sge", str(tmp_path / "mine.toml"), "--json").output)
    assert [(row["ring"], row["closed"], row["open_to"]) for row in rows] == [
        ("sge", True, []),
        ("mine", False, ["member"]),
    ]
    assert {"parties": {"member": 1, "client X": 1}, "bounds": ["within price-band"]} in rows[0]["take"]


def test_every_book_route_and_kind_is_on_its_card_and_open_ways_are_marked() -> None:
    verdicts = [ring.decide(ring.load(name)) for name in ring.MODELS]
    picture = ET.fromstring(draw_compared(verdicts))
    words = [text.text or "" for text in picture.iter(f"{SVG}text")]
    for verdict in verdicts:
        for name, book in verdict.ring.books.items():
            assert book.title.en in words
            for route in book.routes:
                marked = f"{name}.{route}" in verdict.ways_alone["member"]
                assert (f"■ {route}" if marked else route) in words
    bad = [element for element in picture.iter() if (element.get("class") or "").startswith("way bad")]
    assert len(bad) == sum(len(verdict.ways_alone["member"]) for verdict in verdicts)


def test_the_picture_is_written_and_the_table_is_still_told(tmp_path: Path) -> None:
    done = run("old", "sge", "--output", str(tmp_path / "two.svg"))
    assert "OPEN" in done.output
    assert (tmp_path / "two.svg").read_text("utf-8").startswith("<svg")
    refused = CliRunner().invoke(app, ["ring", "compare", "--output", str(tmp_path / "no" / "two.svg")])
    assert "a file that can be written" in str(refused.exception)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pictures_in_the_documentation_are_what_is_drawn(language: str) -> None:
    verdicts = [ring.decide(ring.load(name)) for name in ring.MODELS]
    kept = (PICTURES / f"compare.{language}.svg").read_text("utf-8")
    assert kept == draw_compared(verdicts, "zh" if language == "zh" else "en") + "\n", "make pictures"
