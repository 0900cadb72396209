"""`ringfence serve`: the API, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ringfence.cli.options import LanguageOption, StoreOption, existing_store, number_option, spoken

if TYPE_CHECKING:
    from ringfence.api import Service, Serving
    from ringfence.api.serving import Tls
    from ringfence.database import Store
    from ringfence.errors import Language

_WORDS: dict[str, dict[Language, str]] = {
    "at": {"en": "Ringfence answers at {address}; Ctrl-C ends it", "zh": "Ringfence 服务地址 {address};按 Ctrl-C 结束"},
    "api": {"en": "what can be asked: {address}/v1/openapi.json", "zh": "接口说明:{address}/v1/openapi.json"},
    "persons": {
        "en": "nobody could come in yet, so one person of each role was made; the passwords are shown only here:",
        "zh": "尚无可登录人员,已为每种角色各建一人;密码仅在此显示:",
    },
    "person": {"en": "  {role:11}{name:22}{password}", "zh": "  {role:11}{name:22}{password}"},
}


def serve(
    port: Annotated[int, number_option("Where to listen; 0: wherever there is room.")] = 8000,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="On which address; others than 127.0.0.1 take a certificate."),
    ] = "127.0.0.1",
    role: Annotated[
        str,
        typer.Option(
            "--role", metavar="ROLE", help="What to serve: exchange, bank or member.", show_default="all that is here"
        ),
    ] = "all",
    party: Annotated[str, typer.Option("--party", metavar="PARTY", help="Which bank or member.")] = "",
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="The certificate with its chain, in PEM: then https."),
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option("--private-key", metavar="FILE", help="The private key of the certificate, in PEM.")
    ] = None,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Serve the institutions in the store over HTTP: the pages to look at, and the API for whoever takes part.

    It verifies first that nobody has changed the past, and will not begin otherwise. Everybody comes in by name and password
    (`ringfence person add`) and works through a database login of that role; a member's, a client's or a supervisor's can
    move nothing. It listens on this machine alone, unless it has a certificate.

    Each institution can be served by itself: with --role bank --party bank_a one bank's counter, which answers the exchange's
    letters; with --role exchange the exchange, which asks its banks wherever they answer (`ringfence link`).

    Try: ringfence demo --days 3, then ringfence serve
    """
    from ringfence.api import Service
    from ringfence.api.serving import Tls
    from ringfence.errors import BadInput

    said = spoken(language)
    require_port(port)
    if (certificate is None) != (private_key is None):
        raise BadInput(
            "--private-key", private_key and str(private_key), "--certificate and --private-key, both or neither"
        )
    tls = Tls(certificate, private_key) if certificate and private_key else None
    with existing_store(store) as opened, Service.open(opened, _serving(role, party)) as service:
        answer(opened, service, port, said, host=host, tls=tls)


def _serving(role: str, party: str) -> Serving:
    from ringfence.api import Serving
    from ringfence.errors import BadInput

    if role not in ("all", "exchange", "bank", "member"):
        raise BadInput("--role", role, "exchange, bank or member; without it, all that is here")
    return Serving(cast("Any", role), party)


def require_port(port: int) -> None:
    """Errors: BadInput for what is no port."""
    from ringfence.errors import BadInput

    if not 0 <= port < 65536:
        raise BadInput("--port", port, "0 to 65535", "0 至 65535")


def answer(
    store: Store, service: Service, port: int, language: Language, *, host: str = "127.0.0.1", tls: Tls | None = None
) -> None:
    """Say where and who may come in, and answer until somebody ends it. Errors: as serving.listen."""
    from ringfence import console
    from ringfence.api import serving

    listening = serving.listen(port, host, tls)
    address = serving.address(listening, tls)
    _make_persons(store, service, language)
    typer.echo(_WORDS["api"][language].format(address=address))
    typer.echo(_WORDS["at"][language].format(address=address))
    serving.server(service, console.install, tls=tls).run(sockets=[listening])


def _make_persons(store: Store, service: Service, language: Language) -> None:
    """Where nobody can come in, make one person of each role, and say the passwords."""
    from ringfence.access import Persons

    persons = Persons(store)
    if any(person.ended is None and service.serving.lets_in(person) for person in persons.all()):
        return
    typer.echo(_WORDS["persons"][language])
    taken = {person.name for person in persons.all()}
    for person in service.somebody():
        if person.name in taken:
            continue
        password = persons.add(person.name, person.role, person.party, person.duty)
        typer.echo(_WORDS["person"][language].format(role=person.role, name=person.name, password=password))
