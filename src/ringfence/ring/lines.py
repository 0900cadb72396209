"""Text broken into lines where Chinese and Latin stand side by side."""

from __future__ import annotations

import re
import unicodedata


def is_wide(character: str) -> bool:
    """Whether it takes the place of two Latin ones."""
    return unicodedata.east_asian_width(character) in "WF"


def width(text: str, narrow: int = 1, wide: int = 2) -> int:
    """How wide `text` is: in columns of a terminal, or by other measures of a narrow and a wide character."""
    return sum(wide if is_wide(character) else narrow for character in text)


def broken(text: str, room: int, narrow: int = 1, wide: int = 2) -> list[str]:
    """Break `text` into lines of at most `room`, between words and between Chinese characters; measured as in `width`."""
    lines = [""]
    for word in re.findall(r"[!-~]+ *|.", text):
        if lines[-1] and width(lines[-1] + word.rstrip(), narrow, wide) > room:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]
