"""Who takes part in a circle, by the names that everybody uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from ringfence.database import ledgers
from ringfence.ledger import Binding, Party

EXCHANGE = "exchange"
CLEARING = "clearing"
VAULT = "vault"
# What lies in the vault, each in an account of its own (ringfence.money.units).
METALS = ("AU9999", "AU9995", "AG9999")


@dataclass(frozen=True, slots=True)
class Member:
    """A member; its guarantee and its own money are kept at `bank`. People call it by its `title`."""

    name: str
    bank: str
    title: str | None = None

    @property
    def party(self) -> Party:
        """The member, as any institution registers it."""
        return Party(self.name, "member", title=self.title)


@dataclass(frozen=True, slots=True)
class Client:
    """A client of `member`, bound to the account `account_number` at `bank`; `identity` is a digest of its papers."""

    name: str
    member: str
    bank: str
    account_number: str
    identity: str
    title: str | None = None

    @property
    def party(self) -> Party:
        """The client, as either institution registers it."""
        return Party(self.name, "client", self.member, self.identity, self.title)

    @property
    def binding(self) -> Binding:
        """The account, as either institution says it."""
        return Binding(self.name, self.bank, self.account_number, self.identity)


def institutions(connection: psycopg.Connection[Any]) -> list[str]:
    """The institutions whose books are here, the exchange's last: those that can write letters; trials and benches cannot, nor
    one whose making was interrupted.
    """
    letters = {
        schema for (schema,) in connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'letter'")
    }
    found = [book for book in ledgers(connection) if f"{book}_letters" in letters]
    return sorted(found, key=lambda book: (book == EXCHANGE, book))
