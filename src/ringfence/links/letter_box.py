"""An institution's letter box: the key by which it signs, the keys by which it knows others, the letters it acted upon.

The private key is a file of its own beside the store, `letters/<institution>.pem`; the database has only public halves. Whoever
administers the store says who is trusted; whoever acts upon letters can add to what is kept and change none of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput
from ringfence.ledger import role
from ringfence.ledger.head import keep_private_key, private_key_in
from ringfence.links.letter import Letter

_STEPS = sql_files("ringfence.links", "migrations")


class Correspondent(NamedTuple):
    """Another institution as this one knows it: its key (32 bytes), where it answers ("": in this process), and whose certificates
    are taken there, in PEM ("": those that everybody takes).
    """

    party: str
    public_key: bytes
    address: str = ""
    authority: str = ""


class KeptLetter(NamedTuple):
    """A letter that was acted upon, the key by which it was checked, and its number here."""

    id: int
    letter: Letter
    public_key: bytes


def letters_schema(book: str) -> str:
    """The schema in which an institution keeps its letters."""
    return f"{book}_letters"


def create_letters(store: Store, book: str, keepers: Iterable[str]) -> None:
    """Make the tables of letters beside a book, and a key for its institution where it has none.

    The logins of `keepers`, persons of the book, act upon letters; whoever reads the book reads them. Errors: as migrate_ledger.
    """
    schema = letters_schema(book)
    owner, reads, keeps = (f"ringfence_{schema}_{name}" for name in ("owner", "reads", "keeps"))
    with store.connect() as administrator:
        for group in (owner, reads, keeps):
            store.ensure_role(administrator, group, login=False)
        store.give_group(administrator, reads, role(book, "reads"))
        for keeper in keepers:
            store.give_group(administrator, keeps, role(book, keeper))
    migrate_ledger(store, schema, owner, [], _STEPS)
    _own_key(store, book)


def trust(store: Store, book: str, correspondent: Correspondent) -> None:
    """Know another institution by this key and address from now on; the key before ends. The administrator's work.

    Errors: BadInput for a key that was its own once and has ended, or for an address that is none.
    """
    party, public_key, address, authority = correspondent
    if address and not address.startswith(("http://", "https://")):
        raise BadInput("--at", address, "an address that begins with https:// or http://")
    table = sql.Identifier(letters_schema(book), "correspondent")
    with store.connect() as administrator, administrator.transaction():
        row = administrator.execute(
            sql.SQL("SELECT ended IS NOT NULL FROM {} WHERE party = %s AND public_key = %s").format(table),
            (party, public_key),
        ).fetchone()
        if row == (True,):
            raise BadInput("--public", public_key.hex(), f"a key of {party} that has not ended")
        if row is not None:
            change = sql.SQL("UPDATE {} SET address = %s, authority = %s WHERE party = %s AND public_key = %s")
            administrator.execute(change.format(table), (address, authority, party, public_key))
            return
        end = sql.SQL("UPDATE {} SET ended = clock_timestamp() WHERE party = %s AND ended IS NULL").format(table)
        administrator.execute(end, (party,))
        add = sql.SQL("INSERT INTO {} (party, public_key, address, authority) VALUES (%s, %s, %s, %s)").format(table)
        administrator.execute(add, (party, public_key, address, authority))


def correspondents(connection: psycopg.Connection[Any], book: str) -> dict[str, Correspondent]:
    """Whom the institution of `book` knows, by name."""
    table = sql.Identifier(letters_schema(book), "correspondent")
    rows = connection.execute(
        sql.SQL("SELECT party, public_key, address, authority FROM {} WHERE ended IS NULL ORDER BY party").format(table)
    ).fetchall()
    return {row[0]: Correspondent(*row) for row in rows}


def public_key_of(store: Store, book: str) -> bytes:
    """By what others know the institution of `book`: 32 bytes. Errors: BadInput where its key cannot be read."""
    return _own_key(store, book).public_key().public_bytes_raw()


class LetterBox:
    """The letter box of the institution of `book`; for several threads at once, each with a connection of its own.

    Errors on opening: BadInput where its key cannot be read.
    """

    def __init__(self, store: Store, book: str) -> None:
        self.book = book
        self._key = _own_key(store, book)

    def write(self, to: str, kind: str, content: dict[str, Any], re: str = "") -> Letter:
        """Write a letter, or an answer to the one whose digest is `re`."""
        return Letter.write(self._key, self.book, to, kind, content, re)

    def check(self, connection: psycopg.Connection[Any], letter: Letter, re: str = "") -> Correspondent:
        """Make sure that a letter is to this institution, of somebody it knows, and answers what it should; say by whom.

        `connection` is of a login that reads the book. Errors: LetterRefused: malformed, address, unknown, signature, answer.
        """
        if letter.said["to"] != self.book:
            raise letter.refuse("address")
        # Looked up every time: a key that was ended this moment signs nothing more.
        known = correspondents(connection, self.book).get(letter.sender)
        if known is None:
            raise letter.refuse("unknown")
        if not letter.signed_by(known.public_key):
            raise letter.refuse("signature")
        if letter.said["re"] != re:
            raise letter.refuse("answer")
        return known

    def number(self, connection: psycopg.Connection[Any]) -> int:
        """The next number for a letter that is to be acted upon. `connection` is a keeper's."""
        name = f"{letters_schema(self.book)}.written"
        row = connection.execute("SELECT nextval(%s::regclass)", (name,)).fetchone()
        assert row is not None
        return int(row[0])

    def keep(self, connection: psycopg.Connection[Any], letter: Letter, by: Correspondent) -> Letter | None:
        """Keep a checked letter before acting upon it; the answer that was given to it, where it came before.

        Errors: LetterRefused (`late`) where one that its sender wrote later was acted upon.
        """
        keep = sql.SQL("SELECT {}.keep(%s, %s, %s)").format(self._schema)
        row = connection.execute(keep, (letter.words, by.public_key, letter.signature)).fetchone()
        if row == ("late",):
            raise letter.refuse("late")
        if row == ("kept",):
            return None
        query = sql.SQL("SELECT answer FROM {}.letter WHERE digest = %s").format(self._schema)
        before = connection.execute(query, (bytes.fromhex(letter.digest),)).fetchone()
        return self._answer(letter, before[0]) if before and before[0] else None

    def answer(self, connection: psycopg.Connection[Any], letter: Letter, answer: Letter) -> Letter:
        """Write down the answer to a letter that was kept; the one that was written down first, if there is one."""
        query = sql.SQL("SELECT {}.answer(%s, %s)").format(self._schema)
        said = f"{answer.signature.hex()} {answer.words}"
        row = connection.execute(query, (bytes.fromhex(letter.digest), said)).fetchone()
        assert row is not None
        return self._answer(letter, row[0])

    @staticmethod
    def _answer(letter: Letter, said: str) -> Letter:
        signature, _, words = said.partition(" ")
        return Letter(words, bytes.fromhex(signature))

    @property
    def _schema(self) -> sql.Identifier:
        return sql.Identifier(letters_schema(self.book))


def kept_letters(
    connection: psycopg.Connection[Any], book: str, kind: str, sender: str, above: int = 0
) -> list[KeptLetter]:
    """The letters of a kind and a sender that the institution of `book` acted upon, numbered `above` that, in their order."""
    query = sql.SQL(
        "SELECT id, words, signature, public_key FROM {}.letter WHERE kind = %s AND sender = %s AND number > %s ORDER BY id"
    ).format(sql.Identifier(letters_schema(book)))
    rows = connection.execute(query, (kind, sender, above)).fetchall()
    return [KeptLetter(number, Letter(words, bytes(signature)), bytes(key)) for number, words, signature, key in rows]


def _own_key(store: Store, book: str) -> Ed25519PrivateKey:
    file = store.folder / "letters" / f"{book}.pem"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _keep_new_key(file)
    return private_key_in(file, "key")


def _keep_new_key(file: Path) -> None:
    # Written beside its place and then linked, so that it appears whole, and only the first of several is kept.
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    keep_private_key(Ed25519PrivateKey.generate(), draft)
    with contextlib.suppress(FileExistsError):
        os.link(draft, file)
    draft.unlink()
