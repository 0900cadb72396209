"""`ringfence serve`: the API, on this machine alone."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ringfence.cli.options import (
    LanguageOption,
    RingOption,
    StoreOption,
    existing_store,
    number_option,
    settings,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastapi import APIRouter, FastAPI

    from ringfence.api import OfficeService, Serving
    from ringfence.api.app import Served
    from ringfence.api.reception import Reception
    from ringfence.api.serving import Tls
    from ringfence.database import Store
    from ringfence.errors import Language
    from ringfence.office import Office

_WORDS: dict[str, dict[Language, str]] = {
    "at": {"en": "Ringfence answers at {address}; Ctrl-C ends it", "zh": "Ringfence 服务地址 {address};按 Ctrl-C 结束"},
    "api": {"en": "what can be asked: {address}/v1/openapi.json", "zh": "接口说明:{address}/v1/openapi.json"},
    "persons": {
        "en": "nobody could come in yet, so one person of each role was made; the passwords are shown only here:",
        "zh": "尚无可登录人员,已为每种角色各建一人;密码仅在此显示:",
    },
    "ring": {"en": "{title}: its books are in {where}", "zh": "{title}：账簿位于 {where}"},
    "unattended": {
        "en": "unattended: what waits for {person}, and needs no judgement, is carried out by itself",
        "zh": "无人值守：等待 {person} 且无需判断的事项自动办理",
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
    ring: RingOption = "",
    unattended: Annotated[
        list[str] | None,
        typer.Option(
            "--unattended",
            metavar="PERSON",
            help="With --ring: whose part the process takes where nothing is to be judged, such as platform.link; can be given several times.",
        ),
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

    With --ring FILE a ring of one's own is served instead, in a store of its own: its books are made at the first start, and every
    person whom the file names has a desk.

    Try: ringfence demo --days 3, then ringfence serve
    Or:  ringfence ring new mine.toml, then ringfence serve --ring mine.toml
    """
    from ringfence.api import OfficeService, Service
    from ringfence.api.app import CIRCLE, OFFICE
    from ringfence.api.serving import Tls
    from ringfence.console import install, install_office
    from ringfence.errors import BadInput
    from ringfence.office import seats_called
    from ringfence.ring import load

    said = spoken(language)
    require_port(port)
    if (certificate is None) != (private_key is None):
        raise BadInput(
            "--private-key", private_key and str(private_key), "--certificate and --private-key, both or neither"
        )
    tls = Tls(certificate, private_key) if certificate and private_key else None
    if ring:
        if role != "all" or party:
            raise BadInput("--role", role, "nothing, with --ring: all persons of the ring are served")
        seats = seats_called(load(ring), unattended or ())
        with _office(ring, store) as office, OfficeService.open(office, seats) as service:
            _introduce(service, said)
            answer(office.store, service, port, said, host=host, tls=tls, console=install_office, routers=OFFICE)
        return
    if unattended:
        raise BadInput("--unattended", ", ".join(unattended), "to be given with --ring")
    with existing_store(store) as opened, Service.open(opened, _serving(role, party)) as service:
        answer(opened, service, port, said, host=host, tls=tls, console=install, routers=CIRCLE)


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


@contextlib.contextmanager
def _office(ring: str, folder: Path | None) -> Iterator[Office]:
    """The books of a ring, made where they are not there yet. Errors: as load, Office.found."""
    from ringfence.database import Store
    from ringfence.office import Office
    from ringfence.ring import text_of

    text = text_of(ring)
    with Store.open(settings(folder, ring)) as opened:
        yield Office.found(opened, text, ring, datetime.datetime.now().astimezone().date())


def _introduce(service: OfficeService, language: Language) -> None:
    """Say which ring it is, to whom it is open, and whose part the process takes."""
    from ringfence.ring import headline

    ring = service.office.ring
    typer.echo(_WORDS["ring"][language].format(title=ring.ring.title.text(language), where=service.office.store.folder))
    typer.echo(headline(service.decided, language))
    for seat in service.unattended:
        typer.echo(_WORDS["unattended"][language].format(person=seat.name))


def answer(
    store: Store,
    service: Served,
    port: int,
    language: Language,
    *,
    host: str = "127.0.0.1",
    tls: Tls | None = None,
    console: Callable[[FastAPI, Served], None],
    routers: Sequence[APIRouter],
) -> None:
    """Say where and who may come in, and answer until somebody ends it. Errors: as serving.listen."""
    from ringfence.api import serving

    listening = serving.listen(port, host, tls)
    address = serving.address(listening, tls)
    _make_persons(store, service, language)
    typer.echo(_WORDS["api"][language].format(address=address))
    typer.echo(_WORDS["at"][language].format(address=address))
    serving.server(service, console, routers=routers, tls=tls).run(sockets=[listening])


def _make_persons(store: Store, service: Reception, language: Language) -> None:
    """Where nobody can come in, make one person of each role, and say the passwords."""
    from ringfence.access import Persons

    persons = Persons(store)
    if any(person.ended is None and service.lets_in(person) for person in persons.all()):
        return
    typer.echo(_WORDS["persons"][language])
    taken = {person.name for person in persons.all()}
    for person in service.somebody():
        if person.name in taken:
            continue
        password = persons.add(person.name, person.role, person.party, person.duty)
        typer.echo(_WORDS["person"][language].format(role=person.role, name=person.name, password=password))
