"""What is served: single deposits over HTTP beside the same through Python, and how long a commit takes to reach a picture.

The server is a process of its own, as it would be; the callers are plain sockets, so that what is measured is the server and not a
client's library. Each round every case has its turn, on the same books: a deposit is done when the exchange has credited it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from ringfence import ring
from ringfence.access import Persons, create_access
from ringfence.bench.run import Figure
from ringfence.custody import EXCHANGE, Circle, Client, Deposit, Live, Member, create_circle
from ringfence.database import Store
from ringfence.margin.day_end import create_day_end

BANK, DAY = "bank_a", datetime.date(2020, 3, 6)
CALLERS = 64
# Deposits of a case in a round; deposits a second for the pictures, and for how long.
DEPOSITS = 3_200
A_SECOND, SECONDS = 1_000, 4
CONSOLES = (1, 50)
_PATIENCE_S = 15.0
_EACH_MINOR = 1_00
_PAGES = {"exchange": ("", "?as=table", "day", "withdrawals", "clients", "journal/exchange", "ring"), "client": ("", "move", "verify")}  # fmt: skip


def measure_served(store: Store, rounds: int, say: Callable[[str], None]) -> tuple[list[Figure], list[str]]:
    """Measure in so many rounds, and weigh the pages; the books of a circle must not be in `store` yet."""
    clients = _make(store)
    create_access(store, [EXCHANGE])
    persons = Persons(store)
    passwords = {
        "bank": persons.add("bench-bank", "bank", BANK),
        "exchange": persons.add("bench-exchange", "exchange", EXCHANGE),
        "client": persons.add("bench-client", "client", clients[0].name),
    }
    with _serving(store) as address, Live(store, (BANK, EXCHANGE), (BANK,)) as live:
        bench = _Served(store, live, address, passwords, clients)
        for number in range(rounds + 1):
            say("served: warming up" if number == 0 else f"served: round {number} of {rounds}")
            asyncio.run(bench.round())
            if number == 0:
                bench.figures.clear()
        return list(bench.figures.values()), list(_weights(address, bench.tokens))


def _make(store: Store) -> list[Client]:
    create_circle(store, ring.load("sge"), (BANK,))
    create_day_end(store)
    clients = [Client(f"c{n:03}", "m1", BANK, f"6201{n:08}", f"id-{n}") for n in range(CALLERS)]
    with Circle(store, (BANK,)) as circle:
        circle.register([Member("m1", BANK)], clients)
        circle.open_day(DAY)
        # More than all rounds together pay in.
        arrived = {f"a:{one.name}": (one.name, 10**12) for one in clients}
        assert circle.arrive(DAY, arrived) == []
    return clients


@contextlib.contextmanager
def _serving(store: Store) -> Iterator[str]:
    """The address of a server over the store, in a process of its own."""
    environment = os.environ | {"RINGFENCE_DATABASE_URL": store.url, "RINGFENCE_STORE": str(store.folder)}
    command = [sys.executable, "-m", "ringfence", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+(?=;)", line):
                break
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


class _Served:
    def __init__(
        self, store: Store, live: Live, address: str, passwords: dict[str, str], clients: Sequence[Client]
    ) -> None:
        self._store = store
        self._live = live
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 0)
        self._clients = clients
        self._number = time.time_ns()
        self.figures: dict[str, Figure] = {}
        self.tokens = {}
        with httpx.Client(base_url=address, trust_env=False) as entering:
            for who, password in passwords.items():
                said = entering.post("/v1/session", json={"name": f"bench-{who}", "password": password})
                self.tokens[who] = str(said.json()["token"])

    async def round(self) -> None:
        python = await self._deposits("deposits-python", self._through_python)
        http = await self._deposits("deposits-http", self._over_http)
        http.ratios.append(http.rates[-1] / python.rates[-1])
        for consoles in CONSOLES:
            await self._pictures(consoles)

    def _some(self, count: int) -> list[Deposit]:
        self._number += count
        return [
            Deposit(f"b{self._number - n}", one.name, _EACH_MINOR, one.account_number)
            for n in range(count)
            for one in [self._clients[n % len(self._clients)]]
        ]

    async def _deposits(self, case: str, call: Callable[[list[Deposit], list[float]], Any]) -> Figure:
        figure = self.figures.setdefault(case, Figure(case, "ringfence", 1, CALLERS))
        wanted = self._some(DEPOSITS)
        began = time.perf_counter()
        await asyncio.gather(*(call(wanted[n::CALLERS], figure.waits_ms) for n in range(CALLERS)))
        figure.rates.append(DEPOSITS / (time.perf_counter() - began))
        return figure

    async def _through_python(self, deposits: list[Deposit], waits_ms: list[float]) -> None:
        for deposit in deposits:
            sent = time.perf_counter()
            done = await self._live.deposit(BANK, deposit)
            assert done.credit is not None, done
            waits_ms.append((time.perf_counter() - sent) * 1000)

    async def _over_http(self, deposits: list[Deposit], waits_ms: list[float]) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        for deposit in deposits:
            asked = {"client": deposit.client, "payer_account": deposit.payer_account, "amount": "1.00"}
            body = json.dumps(asked).encode()
            head = (
                f"POST /v1/books/{BANK}/deposits HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {self.tokens['bank']}\r\nIdempotency-Key: {deposit.key}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            sent = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer)
            said = await reader.readexactly(int(length[1])) if length else b""
            assert answer.startswith(b"HTTP/1.1 201"), answer + said
            waits_ms.append((time.perf_counter() - sent) * 1000)
        writer.close()

    async def _pictures(self, consoles: int) -> None:
        """Deposits at a steady rate, and how long after its commit each console was told of a total that has it in it."""
        figure = self.figures.setdefault(f"picture-{consoles}", Figure(f"picture-{consoles}", "ringfence", 1, consoles))
        heard: list[list[tuple[float, int]]] = [[] for _ in range(consoles)]
        listening = [asyncio.create_task(self._listen(into)) for into in heard]
        await _until(lambda: all(heard))
        base, before = heard[0][-1][1], self._newest()
        began = time.perf_counter()
        await self._steadily(began)
        figure.rates.append(A_SECOND * SECONDS / (time.perf_counter() - began))
        last = base + A_SECOND * SECONDS * _EACH_MINOR
        await _until(lambda: all(of_one[-1][1] >= last for of_one in heard))
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        committed = [at for _, at in self._committed(before)]
        for of_one in heard:
            figure.waits_ms += _waits(of_one, base, committed)

    def _newest(self) -> int:
        with self._store.connect() as connection:
            row = connection.execute("SELECT coalesce(max(id), 0) FROM exchange.posting").fetchone()
        return int(row[0]) if row else 0

    def _committed(self, after: int) -> list[tuple[int, float]]:
        """The exchange's credits after that posting: which, and when their commit was recorded, by the same clock."""
        with self._store.connect() as connection:
            return connection.execute(
                "SELECT p.id, extract(epoch FROM b.recorded_at)::float8 FROM exchange.posting AS p "
                "JOIN exchange.batch AS b ON b.id = p.batch WHERE p.id > %s ORDER BY p.id",
                (after,),
            ).fetchall()

    async def _steadily(self, began: float) -> None:
        async def one(deposit: Deposit) -> None:
            done = await self._live.deposit(BANK, deposit)
            assert done.credit is not None

        paying = []
        for number, deposit in enumerate(self._some(A_SECOND * SECONDS)):
            if number % 10 == 0:
                await asyncio.sleep(max(0.0, began + number / A_SECOND - time.perf_counter()))
            paying.append(asyncio.create_task(one(deposit)))
        await asyncio.gather(*paying)

    async def _listen(self, into: list[tuple[float, int]]) -> None:
        """What a console is told to be owed to clients, in fen, and when."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=2**22)
        cookie = f"__Host-ringfence={self.tokens['exchange']}"
        writer.write(f"GET /en/stream HTTP/1.1\r\nHost: {self._host}\r\nCookie: {cookie}\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if b'"t-clients"' in line and (found := re.search(rb'"t-clients": "([\d,.]+)"', line)):
                    into.append((time.time(), int(found[1].replace(b",", b"").replace(b".", b""))))
        finally:
            writer.close()


def _waits(heard: list[tuple[float, int]], base: int, committed: list[float]) -> list[float]:
    """For each deposit in the order of their commits, how long it took until a total was told that has it in it."""
    waits, told = [], iter(heard)
    at, total = next(told)
    for number, done in enumerate(committed, 1):
        while total < base + number * _EACH_MINOR:
            at, total = next(told)
        waits.append((at - done) * 1000)
    return waits


async def _until(what: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while not what():
        if time.perf_counter() > deadline:
            raise TimeoutError("a console was not told in time")
        await asyncio.sleep(0.02)


def _weights(address: str, tokens: dict[str, str]) -> Iterator[str]:
    """What each page weighs, compressed, in bytes: the budget is 12,000 of HTML, 4,000 of styles, 20,000 of code."""
    yield f"{'page':28}{'html':>8}{'css':>8}{'js':>8}  bytes, gzip"
    with httpx.Client(base_url=address, trust_env=False) as asking:
        for who, paths in _PAGES.items():
            for path in paths:
                page = asking.get(f"/en/{path}", headers={"Cookie": f"__Host-ringfence={tokens[who]}"})
                weights = {"html": len(gzip.compress(page.content)), "css": 0, "js": 0}
                for found in re.findall(r'(?:src|href)="(/static/[^"]+\.(css|js))"', page.text):
                    weights[found[1]] += len(gzip.compress(asking.get(found[0]).content))
                yield f"{who + ' /' + path:28}{weights['html']:>8,}{weights['css']:>8,}{weights['js']:>8,}"
