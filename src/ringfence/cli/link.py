"""`ringfence link`: by which keys institutions know each other, and where they answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption, StoreOption, existing_store, spoken

if TYPE_CHECKING:
    from ringfence.errors import Language

app = typer.Typer(no_args_is_help=True, help="By which keys institutions know each other, and where they answer.")

_WORDS: dict[str, dict[Language, str]] = {
    "own": {"en": "{book:12} signs with {key}", "zh": "{book:12} 签名公钥 {key}"},
    "known": {"en": "  knows {party:12}{key} {address}", "zh": "  已登记 {party:12}{key} {address}"},
    "here": {"en": "in this process", "zh": "同一进程"},
    "trusted": {
        "en": "{book} knows {party} by {key} from now on",
        "zh": "{book} 自此以 {key} 识别 {party}",
    },
}


@app.command()
def show(as_json: JsonOption = False, store: StoreOption = None, language: LanguageOption = "en") -> None:
    """Show by which public key each institution in the store signs, and whom it knows.

    The key of one is what the other gives to `ringfence link trust`; compare it by another way than the one it came by.
    """
    from ringfence.custody import books_here
    from ringfence.links import correspondents, public_key_of

    said = spoken(language)
    with existing_store(store) as opened, opened.connect() as administrator:
        found = [
            (book, public_key_of(opened, book).hex(), list(correspondents(administrator, book).values()))
            for book in books_here(opened)
        ]
    if as_json:
        document = [
            {
                "book": book,
                "public_key": key,
                "knows": [
                    {"party": known.party, "public_key": known.public_key.hex(), "address": known.address}
                    for known in others
                ],
            }
            for book, key, others in found
        ]
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for book, key, others in found:
        typer.echo(_WORDS["own"][said].format(book=book, key=key))
        for known in others:
            address = known.address or _WORDS["here"][said]
            typer.echo(
                _WORDS["known"][said].format(party=known.party, key=known.public_key.hex(), address=address).rstrip()
            )


@app.command()
def trust(
    party: Annotated[str, typer.Argument(metavar="PARTY", help="Whom: exchange, or a bank's name.")],
    public: Annotated[str, typer.Option("--public", metavar="KEY", help="Its public key, 64 hexadecimal digits.")],
    at: Annotated[
        str, typer.Option("--at", metavar="ADDRESS", help="Where it answers, such as https://bank_a.example:8443.")
    ] = "",
    authority: Annotated[
        Path | None,
        typer.Option(
            "--authority", metavar="FILE", help="Whose certificates are taken there, in PEM; else the usual ones."
        ),
    ] = None,
    book: Annotated[
        str, typer.Option("--book", metavar="BOOK", help="For which institution here.", show_default="the only one")
    ] = "",
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Know an institution by its public key from now on, and ask it at that address; the key before ends.

    Try: ringfence link trust bank_a --public 8f14… --at https://bank_a.example:8443
    """
    from ringfence.custody import books_here
    from ringfence.errors import BadInput
    from ringfence.links import Correspondent
    from ringfence.links import trust as make_known

    said = spoken(language)
    with existing_store(store) as opened:
        here = books_here(opened)
        if not book and len(here) == 1:
            [book] = here
        if book not in here:
            raise BadInput("--book", book, f"one of {', '.join(here)}")
        if party == book:
            raise BadInput("PARTY", party, "another institution than itself")
        known = Correspondent(party, read_key(public), at, _authority(authority))
        make_known(opened, book, known)
    typer.echo(_WORDS["trusted"][said].format(book=book, party=party, key=known.public_key.hex()))


def read_key(public: str) -> bytes:
    """Read a public key. Errors: BadInput for what is none."""
    from ringfence.errors import BadInput

    try:
        key = bytes.fromhex(public)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadInput(
            "--public", public, "an Ed25519 public key: 64 hexadecimal digits, as `ringfence link show` tells it"
        )
    return key


def _authority(file: Path | None) -> str:
    import ssl

    from ringfence.errors import BadInput

    if file is None:
        return ""
    try:
        text = file.read_text("ascii")
        ssl.create_default_context(cadata=text)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise BadInput("--authority", str(file), f"certificates in PEM ({error})") from error
    return text
