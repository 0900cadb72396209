"""How a password is kept: as the scrypt hash of it and of a salt, at the cost that is written with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

# 16 MB and some 40 ms a try; the numbers stand in what is kept, so that they can grow.
COST_N, _R, _P = 2**14, 8, 1
# Without what is easily taken for something else.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """Make a password that can be read aloud: 80 bits in four groups."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def kept(password: str) -> str:
    """What to keep of a password."""
    salt = secrets.token_bytes(16)
    return f"scrypt:{COST_N}:{_R}:{_P}:{salt.hex()}:{_hash(password, salt, COST_N, _R, _P).hex()}"


def fits(password: str, secret: str) -> bool:
    """Whether a password is the one of which `secret` was kept, in a time that does not tell how far it was right."""
    _, n, r, p, salt, expected = secret.split(":")
    found = _hash(password, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, bytes.fromhex(expected))


def _hash(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=2**26)
