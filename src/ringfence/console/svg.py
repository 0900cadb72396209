"""Small pieces of SVG as text. Styles are classes, since a strict content policy allows no others; texts are escaped."""

from __future__ import annotations

from markupsafe import Markup, escape


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element; `class_` and `text_anchor` are written as `class` and `text-anchor`, what is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = "".join(piece if isinstance(piece, Markup) else escape(piece) for piece in inside)
    return Markup(f"<{name}{said}>{body}</{name}>" if body else f"<{name}{said}/>")


def text(x: float, y: float, said: str, class_: str = "", anchor: str | None = None, **attributes: object) -> Markup:
    """A line of text."""
    return tag("text", said, x=x, y=y, class_=class_ or None, text_anchor=anchor, **attributes)


def box(x: float, y: float, width: float, height: float, class_: str, radius: float = 6) -> Markup:
    """A rectangle with round corners."""
    return tag("rect", x=x, y=y, width=width, height=height, rx=radius, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **attributes: object) -> Markup:
    """A line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, **attributes)


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
