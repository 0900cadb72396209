"""Who comes in, and what each is shown: its own and nothing else, whatever it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from circles import CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.access import Door, NotKnown, Persons, PersonTaken, create_access
from ringfence.custody import Withdrawal
from ringfence.database import Logins, Store
from ringfence.errors import BadInput
from ringfence.ledger.head import HeadMismatch
from served import PERSONS, Api, served

PAID = {client: number * 100_00 for number, client in enumerate(CLIENTS, 1)}


def make_paid_in(store: Store) -> None:
    """Everybody has paid in, and ann has taken 30 out again."""
    make_circle(store)
    with opened(store) as (circle, transfers):
        for client, amount_minor in PAID.items():
            pay_in(circle, client, client, amount_minor)
        asked = Withdrawal("w", "m1-ann", 30_00, "6201-ann")
        assert transfers.withdraw(DAY, [asked], {"m1-ann": 100_00}) == []


pytestmark = pytest.mark.ledgers.with_args(make_paid_in)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        yield api


# Who may ask what: the status that each person gets, in the order of PERSONS.
ASKED = {
    #                                              ex   bank_a bank_b m1   m2   ann  di   sup
    "/v1/session":                                (200, 200, 200, 200, 200, 200, 200, 200),
    "/v1/books/exchange":                         (200, 404, 404, 403, 403, 403, 403, 200),
    "/v1/books/bank_a":                           (404, 200, 404, 403, 403, 403, 403, 200),
    "/v1/books/exchange/accounts":                (200, 404, 404, 200, 200, 200, 200, 200),
    "/v1/books/bank_b/accounts":                  (404, 404, 200, 404, 404, 404, 404, 200),
    "/v1/books/exchange/postings":                (200, 404, 404, 200, 200, 200, 200, 200),
    "/v1/books/bank_a/postings":                  (404, 200, 404, 404, 404, 404, 404, 200),
    # The first posting of all is ann's credit.
    "/v1/books/exchange/postings/1":              (200, 404, 404, 200, 404, 200, 404, 200),
    f"/v1/clients/m1-ann/statements/{DAY}":       (200, 404, 404, 200, 404, 200, 404, 200),
    f"/v1/clients/nobody/statements/{DAY}":       (404, 404, 404, 404, 404, 404, 404, 404),
    # A member is a party and no client.
    f"/v1/clients/m1/statements/{DAY}":           (404, 404, 404, 404, 404, 404, 404, 404),
    "/v1/equation":                               (200, 403, 403, 403, 403, 403, 403, 200),
    "/v1/verdict":                                (200, 200, 200, 200, 200, 200, 200, 200),
    "/v1/books/nowhere/accounts":                 (404, 404, 404, 404, 404, 404, 404, 404),
    "/v1/books/exchange_margin/accounts":         (404, 404, 404, 404, 404, 404, 404, 404),
}  # fmt: skip


def test_each_person_is_answered_what_is_theirs(api: Api) -> None:
    found = {path: tuple(api.ask(who, "GET", path).status_code for who in PERSONS) for path in ASKED}
    assert found == ASKED


def test_nobody_is_answered_without_a_token_or_with_a_wrong_one(api: Api) -> None:
    said: list[bytes | None] = [None, b"Bearer x", f"Basic {api.token('sup')}".encode(), "Bearer é".encode()]
    for path in ASKED:
        for shown in said:
            answer = api.client.get(path, headers={} if shown is None else {b"Authorization": shown})
            assert (answer.status_code, answer.json()["code"]) == (401, "not-known")
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("m1", {"m1-ann", "m1-bo"}),
        ("m2", {"m2-cy", "m2-di"}),
        ("ann", {"m1-ann"}),
        ("di", {"m2-di"}),
    ],
)
def test_members_and_clients_see_their_own_in_every_answer(api: Api, who: str, seen: set[str]) -> None:
    accounts = api.get(who, "/v1/books/exchange/accounts")["items"]
    assert {account["owner"] for account in accounts} == seen
    postings = api.get(who, "/v1/books/exchange/postings")["items"]
    assert {posting["subject"] for posting in postings} == seen
    assert {entry["owner"] for posting in postings for entry in posting["entries"]} == seen
    # Asked by name, another's is as if it were not there.
    for other in set(CLIENTS) - seen:
        assert api.get(who, "/v1/books/exchange/accounts", owner=other)["items"] == []
        assert api.get(who, "/v1/books/exchange/postings", owner=other)["items"] == []
        assert api.ask(who, "GET", f"/v1/clients/{other}/statements/{DAY}").status_code == 404
    said = " ".join(api.ask(who, "GET", path).text for path in ASKED if "clients" not in path)
    assert not [other for other in set(CLIENTS) - seen if other in said]


def test_a_statement_is_made_of_the_postings(api: Api) -> None:
    said = api.get("ann", f"/v1/clients/m1-ann/statements/{DAY}")
    assert said == {
        "client": "m1-ann", "day": str(DAY), "unit": "CNY", "opening": "0.00", "paid_in": "100.00", "taken_out": "-30.00",
        "realised": "0.00", "marked": "0.00", "fee": "0.00", "deferred": "0.00", "sold": "0.00", "bought": "0.00", "penalty": "0.00", "covered": "0.00", "other": "0.00",
        "closing": "70.00", "postings": 2, "funds": None,
    }  # fmt: skip
    before = api.get("ann", "/v1/clients/m1-ann/statements/2020-03-05")
    after = api.get("m1", "/v1/clients/m1-ann/statements/2020-03-07")
    assert (before["closing"], after["opening"], after["closing"]) == ("0.00", "70.00", "70.00")


def follow(api: Api, who: str, path: str, direction: str, start: int) -> list[dict[str, Any]]:
    """Everything that pages of one row each have, one after another."""
    found = []
    cursor: int | None = start
    while cursor is not None:
        page = api.get(who, path, limit=1, **{direction: cursor})
        found += page["items"]
        cursor = page["next"]
    return found


@pytest.mark.parametrize(
    ("who", "book"), [("ex", "exchange"), ("m1", "exchange"), ("ann", "exchange"), ("bank_a", "bank_a")]
)
def test_pages_follow_one_another_without_a_gap_in_either_direction(api: Api, who: str, book: str) -> None:
    newest = [posting["id"] for posting in api.get(who, f"/v1/books/{book}/postings", limit=200)["items"]]
    assert newest == sorted(newest, reverse=True)
    assert len(newest) > 1
    for direction, expected in (("before", newest), ("after", newest[::-1])):
        pages = follow(api, who, f"/v1/books/{book}/postings", direction, 2**53 if direction == "before" else 0)
        assert [posting["id"] for posting in pages] == expected
    accounts = follow(api, who, f"/v1/books/{book}/accounts", "after", 0)
    assert accounts == api.get(who, f"/v1/books/{book}/accounts", limit=200)["items"]


def test_the_holds_and_their_end_are_in_the_journal(api: Api) -> None:
    postings = api.get("ann", "/v1/books/exchange/postings", after=0)["items"]
    # What only holds has moved no account.
    assert [(p["action"], p["route"], p["unit"]) for p in postings] == [
        ("post", "deposit", "CNY"),
        ("post-held", "withdrawal", "CNY"),
    ]
    held = api.get("ann", f"/v1/books/exchange/postings/{postings[1]['about']}")
    assert (held["action"], held["amount"], held["unit"], held["entries"]) == ("hold", "30.00", "CNY", [])


def test_the_verdict_is_for_all_and_covers_every_posting(api: Api) -> None:
    heads = [api.get("sup", f"/v1/books/{book}")["posting"] for book in ("bank_a", "bank_b", "exchange")]
    said = api.get("ann", "/v1/verdict")
    assert (said["ok"], said["postings"]) == (True, sum(heads))


def test_who_leaves_is_out_and_a_client_reads_nothing_more(api: Api, store: Store) -> None:
    for who in ("ann", "sup"):
        token = api.token(who)
        assert api.ask(who, "DELETE", "/v1/session").status_code == 204
        assert api.ask(who, "GET", "/v1/verdict").status_code == 401
        assert visible(store, token) == set()
    assert api.client.post("/v1/session", json={"name": "ann", "password": "wrong"}).status_code == 401
    assert api.client.post("/v1/session", json={"name": "nobody", "password": "wrong"}).status_code == 401


def visible(store: Store, token: str) -> set[str]:
    with Logins(store) as logins, logins.reading("ringfence_exchange_window", token) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM exchange.party").fetchall()}


def test_the_window_shows_what_the_token_is_good_for_and_no_longer_than_it_is(store: Store) -> None:
    create_access(store, ["exchange"])
    persons = Persons(store)
    password = persons.add("ann", "client", "m1-ann")
    with Logins(store) as logins:
        door = Door(logins, visits=["exchange"])
        session = door.enter("ann", password)
        assert visible(store, session.token) == {"m1-ann"}
        assert visible(store, session.token + "x") == visible(store, "") == set()
        with store.connect() as administrator:
            administrator.execute("UPDATE exchange.visit SET until = clock_timestamp() - interval '1 second'")
        assert visible(store, session.token) == set()
        session = door.enter("ann", password)
        with store.connect() as administrator:
            assert administrator.execute("SELECT count(*) FROM exchange.visit").fetchone() == (1,)
        persons.end("ann")
        assert visible(store, session.token) == set()
        with pytest.raises(NotKnown):
            door.known(session.token)
        with pytest.raises(NotKnown):
            door.enter("ann", password)
        with pytest.raises(PersonTaken):
            persons.add("ann", "client", "m1-bo")
        with pytest.raises(BadInput):
            persons.end("ann")


def test_a_session_ends_by_itself(store: Store) -> None:
    create_access(store, ["exchange"])
    password = Persons(store).add("sup", "supervisor", "supervisor")
    with Logins(store) as logins:
        door = Door(logins, visits=["exchange"])
        session = door.enter("sup", password)
        assert door.known(session.token).person.name == "sup"
        with store.connect() as administrator:
            administrator.execute("UPDATE access.session SET until = clock_timestamp() - interval '1 second'")
        with pytest.raises(NotKnown):
            door.known(session.token)


def test_neither_password_nor_token_is_in_the_database(api: Api, store: Store) -> None:
    kept = [api.passwords["ann"], api.token("ann")]
    with store.connect() as administrator:
        for table in ("access.person", "access.session", "exchange.visit"):
            said = str(administrator.execute(f"SELECT * FROM {table}".encode()).fetchall())
            assert not [secret for secret in kept if secret in said]


def test_nothing_is_served_over_books_that_somebody_has_changed(store: Store) -> None:
    with store.connect() as administrator:
        administrator.execute("UPDATE exchange.entry SET amount = amount + 1, balance = balance + 1 WHERE id = 9")
    with pytest.raises(HeadMismatch), served(store):
        pass
