"""Signed heads: who keeps one outside the database can tell later whether the journal up to it is still the same.

A head is the last link of a ledger's chain. Signed with a key that the database does not have and kept in a file of its
own, it shows what no look inside can: that a journal was cut off at its end, or written anew from its beginning. Each
signed head also has the hash of the one before it, so that none can be taken out of the file either.

    <folder>/heads/private.pem            signs; whoever has it must not have the database
    <folder>/heads/public.pem             checks
    <folder>/heads/<database>/<ledger>    the signed heads, a line of JSON each, the oldest first
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg.conninfo import conninfo_to_dict

from ringfence.database import Store
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger.registry import Registry
from ringfence.ledger.rows import Finding

_WHAT = b"ringfence head 1\n"
_FIRST = "0" * 64


class HeadMismatch(RingfenceError):
    """The journal of `ledger` is not the one whose heads were signed: `detail`. Nothing is started on it."""

    code = "head-mismatch"
    template: ClassVar[dict[Language, str]] = {
        "en": "ledger {ledger} is not the one whose heads were signed ({detail}); nothing is started on it",
        "zh": "账本 {ledger} 与已签名的链头不符({detail});拒绝启动",
    }


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The head of `ledger` after `batch`, with everything in it signed. `link`, `previous` and `signature` are hex."""

    ledger: str
    batch: int
    posting: int
    day: str
    link: str
    previous: str
    signed_at: str
    signature: str = ""

    def message(self) -> bytes:
        """What is signed."""
        said = {name: value for name, value in asdict(self).items() if name != "signature"}
        return _WHAT + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    def line(self) -> str:
        """How it is kept."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """What the next one has of this one."""
        return hashlib.sha256(self.line().encode()).hexdigest()


class Heads:
    """The signed heads of the ledgers in one store, in its folder."""

    def __init__(self, store: Store) -> None:
        self._keys = store.folder / "heads"
        self.folder = self._keys / str(conninfo_to_dict(store.url).get("dbname", "ringfence"))

    def sign(self, ledger: Registry, private_key: Path | None = None) -> SignedHead:
        """Sign the head of `ledger` as it is now and keep it; the last signed one if nothing has happened since.

        A key pair is made where there is none. Errors: BadInput for a key that cannot be used; HeadMismatch where the
        last head that was signed is not in the journal: nothing else is signed over it.
        """
        key = self._private(private_key)
        kept = self._read(ledger.name)
        findings = _compare(ledger, kept[-1:], key.public_key(), kept[-1].previous if kept else _FIRST)
        if findings:
            raise HeadMismatch(ledger=ledger.name, detail=findings[0].what)
        ((batch, posting, day, link),) = ledger.rows("SELECT batch, posting, day, link FROM {}.head")
        if kept and kept[-1].batch == batch:
            return kept[-1]
        previous = kept[-1].digest() if kept else _FIRST
        now = datetime.now(UTC).isoformat(timespec="seconds")
        unsigned = SignedHead(ledger.name, batch, posting, str(day), link.hex(), previous, now)
        head = replace(unsigned, signature=key.sign(unsigned.message()).hex())
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ledger.name).open("a", encoding="utf-8") as file:
            file.write(head.line() + "\n")
        return head

    def check(self, ledger: Registry, public_key: Path | None = None, file: Path | None = None) -> list[Finding]:
        """Compare every signed head with the journal; nothing is found where none was signed.

        `file` is a copy of the heads kept elsewhere. Errors: BadInput for a key or a file that cannot be read.
        """
        heads = self._read(ledger.name, file)
        return _compare(ledger, heads, self._public(public_key), _FIRST) if heads else []

    def count(self, ledger: str, file: Path | None = None) -> int:
        """How many heads of `ledger` were signed."""
        return len(self._read(ledger, file))

    def signed(self, ledger: str) -> list[SignedHead]:
        """Every head of `ledger` that was signed, the oldest first; whether they are right, `check` tells."""
        return self._read(ledger)

    def forget(self, ledger: str) -> None:
        """Forget the heads of a ledger that is given up, and where its verification got to."""
        for name in (ledger, f"{ledger}.verified"):
            (self.folder / name).unlink(missing_ok=True)

    def verified(self, ledger: str) -> Path:
        """The file in which a verification of `ledger` keeps where it got to."""
        return self.folder / f"{ledger}.verified"

    def _read(self, ledger: str, file: Path | None = None) -> list[SignedHead]:
        kept = file or self.folder / ledger
        if not kept.is_file():
            if file is not None:
                raise BadInput("--heads", str(file), "a file of signed heads")
            return []
        heads = []
        for number, line in enumerate(kept.read_text("utf-8").splitlines(), 1):
            try:
                heads.append(SignedHead(**json.loads(line)))
            except (ValueError, TypeError):
                raise BadInput("heads", f"{kept}, line {number}", "a signed head as this program wrote it") from None
        return heads

    def _private(self, file: Path | None) -> Ed25519PrivateKey:
        kept = file or self._keys.joinpath("private.pem")
        if file is None and not kept.exists():
            return _new_key(self._keys)
        return private_key_in(kept, "--key")

    def _public(self, file: Path | None) -> Ed25519PublicKey:
        kept = file or self._keys.joinpath("public.pem")
        key = _load(kept, "--public", private=False)
        if not isinstance(key, Ed25519PublicKey):
            raise BadInput("--public", str(kept), "an Ed25519 public key in PEM")
        return key


def _compare(ledger: Registry, heads: list[SignedHead], key: Ed25519PublicKey, before: str) -> list[Finding]:
    stands = {
        batch: (posting, str(day), link.hex())
        for batch, posting, day, link in ledger.rows(
            "SELECT id, first_posting + postings - 1, day, link FROM {}.batch WHERE id = ANY (%s)",
            ([head.batch for head in heads],),
        )
    }
    findings = []
    for head in heads:
        if not _signed_by(key, head) or head.ledger != ledger.name:
            wrong = "its signature is not that of the key over a head of this ledger"
        elif head.previous != before:
            wrong = "the one before it is not the one that was there when it was signed"
        elif head.batch not in stands:
            wrong = f"the journal had {head.batch} batches then, and has no such batch now"
        elif stands[head.batch] != (head.posting, head.day, head.link):
            wrong = f"batch {head.batch} is not the one that was signed"
        else:
            wrong = ""
        if wrong:
            findings.append(Finding(ledger.name, f"head signed at {head.signed_at}", wrong))
        before = head.digest()
    return findings


def _signed_by(key: Ed25519PublicKey, head: SignedHead) -> bool:
    try:
        key.verify(bytes.fromhex(head.signature), head.message())
    except (InvalidSignature, ValueError):
        return False
    return True


def _load(file: Path, field: str, *, private: bool) -> object:
    try:
        text = file.read_bytes()
        if private:
            return serialization.load_pem_private_key(text, password=None)
        return serialization.load_pem_public_key(text)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(field, str(file), "a key in PEM, without a password, that can be read") from error


def private_key_in(file: Path, field: str) -> Ed25519PrivateKey:
    """Read a private key. Errors: BadInput for `field` where the file has none that can be used."""
    key = _load(file, field, private=True)
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(field, str(file), "an Ed25519 private key in PEM")
    return key


def keep_private_key(key: Ed25519PrivateKey, file: Path) -> None:
    """Write a key in PEM to a file that is not there yet, readable by its owner alone."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as kept:
        kept.write(private)


def _new_key(folder: Path) -> Ed25519PrivateKey:
    folder.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keep_private_key(key, folder / "private.pem")
    (folder / "public.pem").write_bytes(public)
    return key
