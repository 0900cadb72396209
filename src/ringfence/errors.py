"""What Ringfence says when it will not go on.

Every error has a stable ``code`` and keeps the figures that explain it as attributes. The words are made from
those figures only at the edge, in English or in Chinese, so that a program can read an error as well as a person.

    RingfenceError              nothing was written
    ├── BadInput                the caller gave something unusable: field, value, what would be right
    ├── StoreError              the database is absent, too old, or newer than this code   (ringfence.database)
    ├── Refused                 the ledger refused an instruction that is no posting: control, field, value (ringfence.ledger)
    └── ...                     each room declares its own below these
"""

from __future__ import annotations

from typing import ClassVar, Literal

Language = Literal["en", "zh"]


class RingfenceError(Exception):
    """The one base: a stable ``code``, a template per language, and the figures that fill it."""

    code: ClassVar[str] = "error"
    template: ClassVar[dict[Language, str]] = {"en": "{detail}", "zh": "{detail}"}

    def __init__(self, **figures: object) -> None:
        super().__init__(figures)
        self.figures = figures

    def text(self, language: Language = "en") -> str:
        """Render the error for a reader of `language`."""
        return self.template[language].format(**self.figures)

    def __str__(self) -> str:
        return self.text("en")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.figures))


def _rebuild(kind: type[RingfenceError], figures: dict[str, object]) -> RingfenceError:
    return kind(**figures)


class BadInput(RingfenceError):
    """Something given from outside cannot be used: `field`, `value`, and `expected` (what would be right), which may be said
    in Chinese besides.
    """

    code = "bad-input"
    template: ClassVar[dict[Language, str]] = {
        "en": "{field}: {value!r} is not usable; expected {expected}",
        "zh": "{field}:{value!r} 不可用;应为 {expected}",
    }

    def __init__(self, field: str, value: object, expected: str, expected_zh: str | None = None) -> None:
        super().__init__(field=field, value=value, expected=expected)
        self.expected_zh = expected_zh or expected

    def text(self, language: Language = "en") -> str:
        """Render it for a reader of `language`."""
        expected = self.expected_zh if language == "zh" else self.figures["expected"]
        return self.template[language].format(**{**self.figures, "expected": expected})

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (*(self.figures[name] for name in ("field", "value", "expected")), self.expected_zh))
