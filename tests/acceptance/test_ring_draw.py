"""`ringfence ring draw`: everything that the ring declares is in the picture, and nothing is said by colour alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from property.ring.random_rings import random_ring
from ringfence import ring
from ringfence.cli import app
from ringfence.ring import Ring, draw
from ringfence.ring.draw import columns

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


def routes_of(declared: Ring) -> list[tuple[str, str]]:
    return [(book, route) for book, of in declared.books.items() for route in of.routes]


def drawn(declared: Ring, language: str = "en") -> ET.Element:
    return ET.fromstring(draw(declared, "zh" if language == "zh" else "en"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_place_and_route_is_drawn_with_who_asks_and_on_what(language: str) -> None:
    sge = ring.load("sge")
    picture = drawn(sge, language)
    titles = [title.text or "" for title in picture.iter(f"{SVG}title")]
    words = " ".join(text.text or "" for text in picture.iter(f"{SVG}text"))
    for name, book in sge.books.items():
        assert book.title.text("zh" if language == "zh" else "en") in words
        assert set(book.kinds) <= set(titles)
        for route_name, route in book.routes.items():
            assert f"{route_name}: {' > '.join(route.path)}" in titles
            assert f"{book.kept_by}.{route.asks}" in words, name
    for proof in sge.proofs:
        assert proof in words
    assert ("CLOSED: no member" if language == "en" else "封闭:任何会员") in words


def test_held_zero_and_fence_have_a_form_of_their_own() -> None:
    sge = ring.load("sge")
    picture = drawn(sge)
    forms = [element.get("class") for element in picture.iter()]
    held = sum(route.finishes is not None for book in sge.books.values() for route in book.routes.values())
    through = sum(len(route.path) - 2 for book in sge.books.values() for route in book.routes.values())
    assert forms.count("way later") == held + 1  # and one in the legend
    assert forms.count("zero") == through + 1 + 1  # and its place
    assert forms.count("fence") == len(sge.books)
    # arrival, fee-payout, two covers; deposit, unknown, withdrawal, fee, left-over, cover, metal in and out; one in the legend
    assert forms.count("gate") == 4 + 8 + 1


def test_no_arrow_passes_the_fence_unless_money_does() -> None:
    """But for one from an outsider who sends money in to another who gets it out: it stands on both sides."""
    for declared in (ring.load("sge"), *map(random_ring, range(60))):
        for book in declared.books.values():
            found = columns(book)
            assert set(found.kinds) == set(book.kinds)
            for route in book.routes.values():
                start, end = found.ends(route.path[0], route.path[-1])
                inside = [found.first <= n < found.last for n in (start, end)]
                assert len(found.passed(start, end)) == (1 if inside[0] != inside[1] else 0)


def test_what_stands_in_a_file_cannot_break_the_picture(tmp_path: Path) -> None:
    hostile = Path(ring.__file__).with_name("rings") / "sge.toml"
    bent = hostile.read_text("utf-8").replace("the client's own bank account", "<script>alert(1)</script> & more")
    (tmp_path / "bent.toml").write_text(bent, "utf-8")
    done = CliRunner().invoke(app, ["ring", "draw", str(tmp_path / "bent.toml")])
    assert done.exit_code == 0
    assert "<script" not in done.output
    assert ET.fromstring(done.output) is not None
    assert not re.search(r"https?://(?!www\.w3\.org)", done.output), "a picture that fetches nothing"


def test_the_picture_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ring", "draw", "sge", "--output", str(tmp_path / "sge.svg")])
    assert done.exit_code == 0
    assert (tmp_path / "sge.svg").read_text("utf-8").startswith("<svg")
    refused = CliRunner().invoke(app, ["ring", "draw", "sge", "--output", str(tmp_path / "no" / "sge.svg")])
    assert "a file that can be written" in str(refused.exception)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pictures_in_the_documentation_are_what_is_drawn(language: str) -> None:
    kept = (PICTURES / f"sge.{language}.svg").read_text("utf-8")
    assert kept == draw(ring.load("sge"), "zh" if language == "zh" else "en") + "\n", "make pictures"
