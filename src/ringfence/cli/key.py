"""`ringfence key`: the keys with which clients sign what they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import LanguageOption, StoreOption, existing_store, require_writable, spoken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ringfence.errors import Language

app = typer.Typer(no_args_is_help=True, help="The keys with which clients sign: make one, register it.")

_WORDS: dict[str, dict[Language, str]] = {
    "made": {
        "en": "{file} is yours alone; to be registered: {public}",
        "zh": "{file} 仅供本人保管;待登记的公钥:{public}",
    },
    "registered": {
        "en": "{client} signs with {public} from now on; what was waiting under another key does not pass any more",
        "zh": "{client} 自此以 {public} 签名;以旧密钥签名而尚待办理的申请不再放行",
    },
}


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to put it; it must not be there yet.")],
    language: LanguageOption = "en",
) -> None:
    """Make an Ed25519 key for a client, readable by its owner alone, and show its public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ringfence.custody.requests import public_half
    from ringfence.errors import BadInput
    from ringfence.ledger.head import keep_private_key

    said = spoken(language)
    if file.exists():
        raise BadInput("FILE", str(file), "a file that is not there yet")
    require_writable("FILE", file)
    made = Ed25519PrivateKey.generate()
    keep_private_key(made, file)
    typer.echo(_WORDS["made"][said].format(file=file, public=public_half(made).hex()))


@app.command()
def register(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Who signs with it.")],
    public: Annotated[str, typer.Argument(metavar="PUBLIC", help="The public half, 64 hexadecimal digits.")],
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """The exchange's registrar registers with which key a client signs from now on; the one before ends."""
    from ringfence.custody import EXCHANGE, banks_of
    from ringfence.custody.requests import create_requests, register_key
    from ringfence.errors import BadInput
    from ringfence.ledger import Ledger

    said = spoken(language)
    try:
        raw = bytes.fromhex(public)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise BadInput("PUBLIC", public, "64 hexadecimal digits, as `ringfence key new` shows them")
    with existing_store(store) as opened:
        banks_of(opened)
        create_requests(opened)
        with Ledger(opened, EXCHANGE, "registrar") as registrar:
            if registrar.party(client).role != "client":
                raise BadInput("CLIENT", client, "a client that is registered at the exchange")
            register_key(registrar, client, raw)
    typer.echo(_WORDS["registered"][said].format(client=client, public=public))


def read_key(file: Path) -> Ed25519PrivateKey:
    """Read a private key. Errors: BadInput for what is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from ringfence.errors import BadInput

    try:
        found = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise BadInput("--sign-with", str(file), "an Ed25519 private key in PEM, as `ringfence key new` makes one")
    return found
