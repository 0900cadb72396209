"""A story as it comes about: what was tried, what refused it, and which controls stand on that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ringfence.attack.scenario import Help
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Control, Refusal
from ringfence.ring import Ring

Result = Literal["through", "refused", "detected", "no-meaning"]

# What of a ring each control of the kernel stands on; those of funds and days stand on a kind of account, told by the caller.
_ELEMENTS = {
    Control.KEY: "keys",
    Control.ROUTE: "logins",
    Control.ASKER: "logins",
    Control.CLIENT: "same-client",
    Control.MEMBER: "own-member",
    Control.PAYEE: "registered-account",
    Control.COOLING: "registered-account",
    Control.SOURCE: "bank-confirmed",
    Control.SHUT: "days",
    Control.DAY: "days",
    Control.DATED: "days",
    Control.ITEM: "grants",
    Control.DAILY: "grants",
    Control.PERIOD: "grants",
    Control.EXPOSURE: "grants",
}


class NotAsPlanned(RingfenceError):
    """The books did not let through what the checker says goes through: `ring`, `attack`, `detail`. One of the two is wrong."""

    code = "not-as-planned"
    template: ClassVar[dict[Language, str]] = {
        "en": "{attack} in ring {ring}: the checker says that it goes through, the books say: {detail}",
        "zh": "封闭圈 {ring} 的 {attack}：校验判定可行，而账簿拒绝：{detail}",
    }


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the story, in both languages."""

    en: str
    zh: str

    def text(self, language: Language) -> str:
        """Say it."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one attack in one ring.

    `controls` are those that refused it, `step` where it ended, `help` with whose help and inside which `bounds` it went
    through, `shown` which records show it, `story` all of it in order; `difference_minor` the worst that the money equation
    was off after any step.
    """

    ring: str
    attack: str
    outcome: Result
    controls: tuple[str, ...]
    step: str
    story: tuple[Told, ...]
    help: Help | None = None
    bounds: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    conspirators: tuple[str, ...] = ()
    difference_minor: int = 0


@dataclass
class Story:
    """The lines so far, the controls that refused, the last step, and the worst that `difference` has been off."""

    ring: Ring
    difference: Callable[[], int] = lambda: 0
    lines: list[Told] = field(default_factory=list)
    controls: dict[str, None] = field(default_factory=dict)
    step: str = ""
    worst: int = 0

    def __post_init__(self) -> None:
        self.worst = self.difference()

    def say(self, en: str, zh: str) -> None:
        """Tell what has just happened, and look at the money equation."""
        self.lines.append(Told(en, zh))
        self.worst = max(self.worst, self.difference(), key=abs)

    def refused(self, step: str, element: str, en: str, zh: str) -> None:
        """Tell what refused `step`, and note the controls that stand on that element of the ring."""
        self.step = step
        self.controls.update(dict.fromkeys(self.standing_on(element)))
        self.say(f"{step}: {en}", f"{step}：{zh}")

    def by_kernel(self, step: str, refusal: Refusal, kind: str) -> None:
        """Tell what the kernel refused; `kind` is the account, `book.kind`, on which the path begins."""
        self.refused(step, element_of(refusal, kind), refusal.reason("en"), refusal.reason("zh"))

    def standing_on(self, element: str) -> tuple[str, ...]:
        """The controls of the ring that stand on this element."""
        return tuple(name for name, control in self.ring.controls.items() if element in control.stands_on)

    def row(self, attack: str, outcome: Result) -> Row:
        """All of it."""
        controls = tuple(sorted(self.controls, key=_by_number)) if outcome == "refused" else ()
        return Row(
            self.ring.ring.name, attack, outcome, controls, self.step, tuple(self.lines), difference_minor=self.worst
        )


def element_of(refusal: Refusal, kind: str) -> str:
    """What of the ring the refusal stands on."""
    return kind if refusal.control in (Control.FUNDS, Control.CEILING) else _ELEMENTS.get(refusal.control, "")


def _by_number(control: str) -> int:
    return int("".join(character for character in control if character.isdigit()) or 0)
