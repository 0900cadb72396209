"""`ringfence serve`: the API, on this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import LanguageOption, StoreOption, existing_store, number_option, spoken

if TYPE_CHECKING:
    from ringfence.api import Service
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
    port: Annotated[int, number_option("Where to listen, on 127.0.0.1; 0: wherever there is room.")] = 8000,
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Serve the circle in the store over HTTP: the pages to look at, and the API for whoever takes part.

    It verifies first that nobody has changed the past, and will not begin otherwise. Everybody comes in by name and password
    (`ringfence person add`) and works through a database login of that role; a member's, a client's or a supervisor's can
    move nothing. It listens on this machine alone.

    Try: ringfence demo --days 3, then ringfence serve
    """
    from ringfence.api import Service

    said = spoken(language)
    require_port(port)
    with existing_store(store) as opened, Service.open(opened) as service:
        answer(opened, service, port, said)


def require_port(port: int) -> None:
    """Errors: BadInput for what is no port."""
    from ringfence.errors import BadInput

    if not 0 <= port < 65536:
        raise BadInput("--port", port, "0 to 65535", "0 至 65535")


def answer(store: Store, service: Service, port: int, language: Language) -> None:
    """Say where and who may come in, and answer until somebody ends it. Errors: BadInput for a port that is taken."""
    from ringfence import console
    from ringfence.api import serving

    listening = serving.listen(port)
    address = serving.address(listening)
    _make_persons(store, service, language)
    typer.echo(_WORDS["api"][language].format(address=address))
    typer.echo(_WORDS["at"][language].format(address=address))
    serving.server(service, console.install).run(sockets=[listening])


def _make_persons(store: Store, service: Service, language: Language) -> None:
    """Where nobody can come in, make one person of each role, and say the passwords."""
    from ringfence.access import Persons

    persons = Persons(store)
    if persons.all():
        return
    typer.echo(_WORDS["persons"][language])
    for person in service.somebody():
        password = persons.add(person.name, person.role, person.party, person.duty)
        typer.echo(_WORDS["person"][language].format(role=person.role, name=person.name, password=password))
