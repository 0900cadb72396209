"""The API over a small circle, for the tests: who is in, and asking as one of them."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from circles import CLIENTS
from ringfence import console
from ringfence.access import Person, Persons, Role
from ringfence.api import OfficeService, Service, Serving
from ringfence.api.app import OFFICE
from ringfence.api.service import ALL
from ringfence.api.serving import Server, Tls, address, listen
from ringfence.api.serving import server as make_server
from ringfence.database import Store
from ringfence.office import Office, Seat

PERSONS: dict[str, tuple[Role, str]] = {
    "ex": ("exchange", "exchange"),
    "bank_a": ("bank", "bank_a"),
    "bank_b": ("bank", "bank_b"),
    "m1": ("member", "m1"),
    "m2": ("member", "m2"),
    "ann": ("client", "m1-ann"),
    "di": ("client", "m2-di"),
    "sup": ("supervisor", "supervisor"),
}


class Api:
    """Asks an application as any of the persons."""

    def __init__(self, client: httpx.Client, service: Any, passwords: dict[str, str]) -> None:
        self.client = client
        self.service = service
        self.passwords = passwords
        self.tokens: dict[str, str] = {}
        self._entering = threading.Lock()

    def ask(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask as a person; options are httpx's."""
        headers = {"Authorization": f"Bearer {self.token(who)}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    def get(self, who: str, path: str, **query: Any) -> Any:
        """What a person is shown, which must not be refused."""
        answer = self.ask(who, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, who: str, path: str) -> httpx.Response:
        """A page, asked for with the cookie of a person."""
        return self.client.get(path, headers={"Cookie": f"__Host-ringfence={self.token(who)}"})

    def token(self, who: str) -> str:
        """Let a person in, once."""
        with self._entering:
            if who not in self.tokens:
                said = {"name": who, "password": self.passwords[who]}
                self.tokens[who] = self.client.post("/v1/session", json=said).json()["token"]
            return self.tokens[who]

    def deposit(
        self, key: str, client: str, amount: str, *, bank: str = "", account: str = "", who: str = ""
    ) -> httpx.Response:
        """Confirm a deposit as the client's bank."""
        bank = bank or CLIENTS[client].bank
        said = {"client": client, "payer_account": account or CLIENTS[client].account_number, "amount": amount}
        return self.ask(who or bank, "POST", f"/v1/books/{bank}/deposits", json=said, headers={"Idempotency-Key": key})


@contextmanager
def served(
    store: Store,
    *,
    serving: Serving = ALL,
    pages: bool = False,
    tls: Tls | None = None,
    passwords: dict[str, str] | None = None,
) -> Iterator[Api]:
    """The API over the circle in `store`, or one institution of it, with one person for every institution."""
    with Service.open(store, serving) as service:
        if passwords is None:
            persons = Persons(store)
            passwords = {name: persons.add(name, *who) for name, who in PERSONS.items()}
        with _answering(
            service, make_server(service, *([console.install] if pages else []), tls=tls), passwords, tls
        ) as api:
            yield api


@contextmanager
def served_office(office: Office, clients: Sequence[str] = (), unattended: Sequence[Seat] = ()) -> Iterator[Api]:
    """The API and the pages of a ring of one's own: everybody of its staff by the ring's names, a supervisor, and these clients."""
    with OfficeService.open(office, unattended) as service:
        persons = Persons(office.store)
        everybody = [*service.somebody(), *(Person(client, "client", client) for client in clients)]
        passwords = {p.name: persons.add(p.name, p.role, p.party, p.duty) for p in everybody}
        server = make_server(service, console.install_office, routers=OFFICE)
        with _answering(service, server, passwords) as api:
            yield api


@contextmanager
def _answering(service: Any, server: Server, passwords: dict[str, str], tls: Tls | None = None) -> Iterator[Api]:
    listening = listen(0, tls=tls)
    answering = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    answering.start()
    while not server.started:
        time.sleep(0.01)
    try:
        limits = httpx.Limits(max_connections=64)
        verify = ssl.create_default_context(cafile=tls and tls.certificate)
        with httpx.Client(
            base_url=address(listening, tls), timeout=30, trust_env=False, limits=limits, verify=verify
        ) as client:
            yield Api(client, service, passwords)
    finally:
        server.should_exit = True
        answering.join()
