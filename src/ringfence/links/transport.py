"""How a letter gets to whoever answers it, and the answer back."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import ClassVar, Protocol

import httpx

from ringfence.errors import Language, RingfenceError
from ringfence.links.letter import Letter, LetterRefused
from ringfence.links.letter_box import Correspondent

_PATIENCE_S = 10.0


class NoAnswer(RingfenceError):
    """An institution `who` did not answer: `detail`. Whether it acted is not known; the same can be asked again."""

    code = "no-answer"
    template: ClassVar[dict[Language, str]] = {
        "en": "{who} does not answer ({detail}); whether it acted is not known, so nothing is guessed",
        "zh": "{who} 没有应答({detail});对方是否已办理未知,不作猜测",
    }


class Transport(Protocol):
    """Takes a letter to one institution."""

    def ask(self, letter: Letter) -> Letter:
        """Bring back its answer, which nobody has checked. Errors: NoAnswer; LetterRefused."""


class Direct:
    """To an institution in this process. It goes the same way, signed and checked; only no wire is between."""

    def __init__(self, answer: Callable[[Letter], Letter]) -> None:
        self._answer = answer

    def ask(self, letter: Letter) -> Letter:
        """Hand it over."""
        return self._answer(letter)


class OverHttp:
    """To an institution at the address that is known of it."""

    def __init__(self, to: Correspondent) -> None:
        self._who = to.party
        context = ssl.create_default_context(cadata=to.authority or None)
        self._client = httpx.Client(base_url=to.address, timeout=_PATIENCE_S, verify=context, trust_env=False)

    def ask(self, letter: Letter) -> Letter:
        """Post it to /v1/letters."""
        try:
            answer = self._client.post("/v1/letters", json=letter.document())
        except httpx.HTTPError as error:
            raise NoAnswer(who=self._who, detail=str(error) or type(error).__name__) from error
        try:
            said = answer.json()
        except ValueError:
            raise NoAnswer(who=self._who, detail=f"status {answer.status_code}") from None
        if answer.status_code != 200:
            why = said.get("why") if isinstance(said, dict) else None
            if why in LetterRefused.reasons:
                raise letter.refuse(str(why))
            raise NoAnswer(who=self._who, detail=f"status {answer.status_code}")
        return Letter.from_document(said)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
