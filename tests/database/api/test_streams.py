"""Pages and streams of members, clients and banks: what is theirs, live, and nobody else's in any event."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from circles import CLIENTS, make_circle, opened, pay_in
from ringfence.database import Store
from served import Api, served


def make_paid_in(store: Store) -> None:
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 1_000_00)


pytestmark = pytest.mark.ledgers.with_args(make_paid_in)
SEEN = {
    "m1": {"m1-ann", "m1-bo"},
    "m2": {"m2-cy", "m2-di"},
    "ann": {"m1-ann"},
    "di": {"m2-di"},
    # The clients of either member who have their account at that bank.
    "bank_a": {"m1-ann", "m2-cy"},
    "bank_b": {"m1-bo", "m2-di"},
}


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        yield api


class Listening:
    """Reads a person's stream in a thread, as long as the test wants."""

    def __init__(self, api: Api, who: str, language: str = "en") -> None:
        self.text = ""
        self._ended = False
        cookie = {"Cookie": f"__Host-ringfence={api.token(who)}"}
        self._client = httpx.Client(base_url=api.client.base_url, headers=cookie, trust_env=False, timeout=60)
        self._path = f"/{language}/stream"
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        self.wait("event: beat")

    def _read(self) -> None:
        with self._client.stream("GET", self._path) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for piece in answer.iter_text():
                self.text += piece
                if self._ended:
                    return

    def wait(self, said: str, seconds: float = 8) -> None:
        """Wait until something was said."""
        deadline = time.monotonic() + seconds
        while said not in self.text:
            assert time.monotonic() < deadline, f"{said!r} was not said in {self.text[-2000:]}"
            time.sleep(0.02)

    def close(self) -> None:
        """Stop listening, at the next beat."""
        self._ended = True
        self._thread.join()
        self._client.close()


def names(text: str) -> set[str]:
    return set(re.findall(r"m\d-(?:ann|bo|cy|di)", text))


def test_everybody_hears_of_their_own_and_of_nobody_else(api: Api) -> None:
    listening = {who: Listening(api, who) for who in SEEN}
    for number, client in enumerate(CLIENTS):
        assert api.deposit(f"k{number}", client, f"{number + 1}.11").status_code == 201
    for who, seen in SEEN.items():
        for number, client in enumerate(CLIENTS):
            if client in seen:
                listening[who].wait(f"+{number + 1}.11")
    for heard in listening.values():
        heard.close()
    for who, seen in SEEN.items():
        assert names(listening[who].text) == seen, who
        for number, client in enumerate(CLIENTS):
            assert (f"{number + 1}.11" in listening[who].text) is (client in seen)


def test_everybody_is_shown_their_own_page(api: Api) -> None:
    said = {
        "m1": "Your clients' money is there: 2,000.00 of 2 clients",
        "ann": "1,000.00 is yours, and it is all there",
        "bank_a": "2,000.00 of client money is here, and none of it is missing",
    }
    for who, title in said.items():
        page = api.page(who, "/en/")
        assert page.status_code == 200
        assert title in page.text.replace("&#39;", "'")
        # A bank's page names members; their clients only as they move.
        assert names(page.text) <= SEEN[who]
        # Nothing can be sent from it but that one leaves; a member has a page for that.
        leaves = [] if who == "m1" else ["/en/out"]
        assert re.findall(r'<form[^>]*action="([^"]*)"', page.text) == leaves


def test_what_came_and_went_on_the_day_is_counted_once(api: Api) -> None:
    def line(who: str, title: str) -> list[str]:
        [row] = re.findall(rf"<tr><th scope=\"row\">{title}</th>(.*?)</tr>", api.page(who, "/en/").text)
        return re.findall(r"<td[^>]*>([^<]*)</td>", row)

    heard = [Listening(api, "m1"), Listening(api, "bank_a")]
    assert api.deposit("k", "m1-ann", "5.00").status_code == 201
    for listening in heard:
        listening.wait("1,005.00")
        listening.close()
    assert line("m1", "m1-ann") == ["1,005.00", "0.00", "1,005.00", "0.00"]
    assert line("ann", "m1-ann") == ["1,005.00", "0.00", "1,005.00", "0.00"]
    assert line("bank_a", "m1") == ["1", "1,005.00", "0.00", "0.00"]


def test_who_is_let_in_no_more_hears_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.console.pages._LOOKS_AGAIN_S", 0.1)
    listening = Listening(api, "ann")
    api.service.door.leave(api.token("ann"))
    listening._thread.join(timeout=5)
    assert not listening._thread.is_alive()
    listening.close()


def test_a_difference_is_told_to_everybody_and_where_it_is_to_those_who_see_the_circle(api: Api, store: Store) -> None:
    heard = {who: Listening(api, who) for who in ("ann", "m1", "sup")}
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE bank_a.account SET balance = balance - 3200 "
            "WHERE kind = (SELECT id FROM bank_a.kind WHERE name = 'exchange-client-money')"
        )
    for who, said in (
        ("ann", "It does not add up"),
        ("m1", "It does not add up"),
        ("sup", "32.00 is missing at Bank A since"),
    ):
        heard[who].wait(said)
        heard[who].close()
    assert "missing at Bank A" not in heard["ann"].text + heard["m1"].text


def test_while_the_database_is_gone_nothing_beats_and_then_it_goes_on(api: Api, store: Store) -> None:
    listening = Listening(api, "sup")
    api.token("bank_a")
    database = store.url.rsplit("dbname=", 1)[1].split()[0]
    with store.connect(dbname="postgres") as elsewhere:
        elsewhere.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false".encode())
        elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
        time.sleep(1.5)
        beats = listening.text.count("event: beat")
        time.sleep(2.5)
        assert listening.text.count("event: beat") == beats
        lost = api.ask("bank_a", "GET", "/v1/books/bank_a/accounts")
        assert (lost.status_code, lost.json()["code"]) == (503, "store-unreachable")
        elsewhere.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true".encode())
    deadline = time.monotonic() + 20
    while listening.text.count("event: beat") <= beats:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while api.deposit("after", "m1-ann", "1.00").status_code not in (200, 201):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    listening.wait("2,001.00")
    listening.close()


def test_people_are_refused_in_pages_and_programs_in_problems(api: Api) -> None:
    cookie = {"Cookie": f"__Host-ringfence={api.token('m1')}"}
    for path, status, said in (
        ("/zh/withdrawals", 403, "无权动用"),
        ("/en/nowhere", 404, "there is no &#39;/en/nowhere&#39; here"),
        ("/zh/withdrawals/x", 400, ""),
    ):
        page = api.client.get(path, headers=cookie | {"Accept": "text/html,*/*"})
        assert (page.status_code, said in page.text) == (status, True), page.text
        problem = api.client.get(path, headers=cookie)
        assert (problem.status_code, problem.headers["content-type"]) == (status, "application/problem+json")
