"""A letter: words, and the signature of whoever wrote them (Ed25519).

The words are two lines of UTF-8: what this is, and a JSON object with the keys

    from, to    the institutions, by the name that each is known by to the other
    kind        what it is about
    re          of an answer: the SHA-256 of the words that it answers; else ""
    nonce       128 random bits, so that no two letters are the same
    content     an object; which, depends on the kind

An answer names the very words that it answers, so an old answer cannot be passed off as a new one. Whether a letter may be
acted upon twice is decided by whoever acts: see LetterBox.keep.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ringfence.errors import Language, RingfenceError

_FIRST_LINE = "ringfence letter 1\n"
# A report of 8,192 movements is some 2 MB.
LARGEST_LETTER_BYTES = 4_000_000


class LetterRefused(RingfenceError):
    """A letter is not acted upon: `sender`, `kind`, and `why`.

    `why` is one of: `malformed`, `address` (to somebody else), `unknown` (no such correspondent), `signature`, `answer` (to
    something else), `kind`, `late` (something newer was acted upon).
    """

    code = "letter-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "letter {kind!r} of {sender!r} is not acted upon: {reason}",
        "zh": "不受理 {sender!r} 的函件 {kind!r}:{reason}",
    }
    reasons: ClassVar[dict[str, dict[Language, str]]] = {
        "malformed": {"en": "it is not in the form of a letter", "zh": "格式不符"},
        "address": {"en": "it is to somebody else", "zh": "收件人不是本机构"},
        "unknown": {"en": "its sender is not known here; `ringfence link trust` makes it known", "zh": "发件人未登记;可用 `ringfence link trust` 登记"},
        "signature": {"en": "it is not signed by the key that is known of its sender", "zh": "签名与发件人登记的公钥不符"},
        "answer": {"en": "it answers something else", "zh": "所答复的不是所询函件"},
        "kind": {"en": "nothing of the kind is done here", "zh": "本机构不办理此类函件"},
        "late": {"en": "one that was written later has been acted upon already", "zh": "已受理更晚的函件"},
    }  # fmt: skip

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        reason = self.reasons[str(self.figures["why"])][language]
        return self.template[language].format(**self.figures, reason=reason)


@dataclass(frozen=True)
class Letter:
    """Words and their signature (64 bytes). What the words say can be read before anybody has checked who said so."""

    words: str
    signature: bytes

    @classmethod
    def write(
        cls, key: Ed25519PrivateKey, sender: str, to: str, kind: str, content: dict[str, Any], re: str = ""
    ) -> Letter:
        """Write and sign one."""
        said = {"from": sender, "to": to, "kind": kind, "re": re, "nonce": secrets.token_hex(16), "content": content}
        words = _FIRST_LINE + json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return cls(words, key.sign(words.encode()))

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the words say. Errors: LetterRefused (`malformed`)."""
        first, _, rest = self.words.partition("\n")
        try:
            said = json.loads(rest) if first + "\n" == _FIRST_LINE else None
        except ValueError:
            said = None
        texts = ("from", "to", "kind", "re")
        if not (
            isinstance(said, dict)
            and all(isinstance(said.get(name), str) for name in texts)
            and isinstance(said.get("content"), dict)
        ):
            raise LetterRefused(sender="-", kind="-", why="malformed")
        return said

    @property
    def sender(self) -> str:
        """Who says it is from it."""
        return str(self.said["from"])

    @property
    def kind(self) -> str:
        """What it is about."""
        return str(self.said["kind"])

    @property
    def content(self) -> dict[str, Any]:
        """What it says about that."""
        content: dict[str, Any] = self.said["content"]
        return content

    @property
    def digest(self) -> str:
        """By what an answer names it: the SHA-256 of its words, hex."""
        return hashlib.sha256(self.words.encode()).hexdigest()

    def signed_by(self, public_key: bytes) -> bool:
        """Whether whoever has the private half of `public_key` signed these words."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.words.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def refuse(self, why: str) -> LetterRefused:
        """What to raise where it is not acted upon."""
        return LetterRefused(sender=self.sender, kind=self.kind, why=why)

    def document(self) -> dict[str, str]:
        """How it travels."""
        return {"words": self.words, "signature": self.signature.hex()}

    @classmethod
    def from_document(cls, document: object) -> Letter:
        """Read what travelled. Errors: LetterRefused (`malformed`)."""
        match document:
            case {"words": str(words), "signature": str(signature)}:
                try:
                    return cls(words, bytes.fromhex(signature))
                except ValueError:
                    pass
        raise LetterRefused(sender="-", kind="-", why="malformed")
