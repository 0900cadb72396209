"""Clients of the demonstration who sign what they ask for. Their keys follow from the seed, so they are nobody's secret."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.custody import EXCHANGE, Client
from ringfence.custody.requests import ask, public_half, register_key, requests, sign, stored_key
from ringfence.database import Logins, Store
from ringfence.ledger import Ledger, role

# Of those that wait for a person, not more at once.
MOST_WAITING = 8


class Asking:
    """Asks through the window as any client would."""

    def __init__(self, store: Store, logins: Logins, seed: int) -> None:
        self._store = store
        self._logins = logins
        self._seed = seed
        self._registered: set[str] = set()

    def ask(self, key: str, client: Client, amount_minor: int) -> None:
        """Sign and ask, unless enough is waiting already."""
        with self._logins.reading(role(EXCHANGE, "supervisor")) as connection:
            if len(requests(connection, None, waiting=True)) >= MOST_WAITING:
                return
        private = self._key(client.name)
        public = public_half(private)
        if client.name not in self._registered:
            with Ledger(self._store, EXCHANGE, "registrar") as registrar:
                register_key(registrar, client.name, public)
            self._registered.add(client.name)
        stored = stored_key(client.name, key)
        signature = sign(private, client.name, amount_minor, client.account_number, stored)
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).digest()
        with self._logins.use(role(EXCHANGE, "door")) as door:
            door.execute(
                "SELECT exchange.admit(%s, %s, clock_timestamp() + interval '1 minute')", (digest, client.name)
            )
        with self._logins.use(role(EXCHANGE, "window")) as window, window.transaction():
            window.execute("SELECT set_config('ringfence.visit', %s, true)", (token,))
            ask(window, client.name, amount_minor, client.account_number, stored, public, signature)
        with self._logins.use(role(EXCHANGE, "door")) as door:
            door.execute("SELECT exchange.dismiss(%s)", (digest,))

    def _key(self, client: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{self._seed}:{client}".encode()).digest())
