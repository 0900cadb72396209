"""The words of the pages. English stands where it is used; `zh.po` has the Chinese, and is read once at the start."""

from __future__ import annotations

from functools import cache
from importlib import resources

from babel.messages.pofile import read_po

from ringfence.errors import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Words:
    """Says whole sentences in one language; figures are put where their names stand."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._said = _catalogue() if language == "zh" else {}

    def __call__(self, english: str, **figures: object) -> str:
        """Say what is called so in English. A sentence that has no translation stays English, and a test finds it."""
        said = self._said.get(english, english)
        return said.format(**figures) if figures else said


@cache
def _catalogue() -> dict[str, str]:
    with resources.files("ringfence.console.words").joinpath("zh.po").open("rb") as file:
        return {
            str(message.id): str(message.string) for message in read_po(file, "zh") if message.id and message.string
        }
