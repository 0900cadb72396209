"""The pages of the day's work, role by role: who has which, what stands on them, and nothing of anybody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from conftest import Server
from lived import CLIENT, PLAN, make_lived
from ringfence.access import Persons
from ringfence.database import Store
from ringfence.demo.run import Plan, run
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_lived)
STAFF = (
    "",
    "?as=table",
    "day",
    "risk",
    "risk?move=%2B15%25",
    "withdrawals",
    "clients",
    f"clients/{CLIENT}",
    "journal/exchange",
    "journal/exchange/5",
    "ring",
)
PAGES = {
    "ex": STAFF,
    "sup": ("", "day", "risk", "withdrawals", "journal/bank_a", "journal/bank_a/5"),
    "bank_a": ("", "journal/bank_a", "journal/bank_a/5", "ring"),
    "m1": ("", "risk", "clients", f"clients/{CLIENT}", "journal/exchange", "ring"),
    "c1": ("", "move", "positions", "statement/2020-03-06", "verify"),
}


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store, pages=True) as api:
        api.passwords["c1"] = Persons(store).add("c1", "client", CLIENT)
        yield api


def names(text: str) -> set[str]:
    return set(re.findall(r"m\d-c\d{5}", text))


def test_everybody_has_their_pages_in_both_languages(api: Api) -> None:
    for who, paths in PAGES.items():
        for path in paths:
            for language in ("en", "zh"):
                page = api.page(who, f"/{language}/{path}")
                assert page.status_code == 200, (who, path, page.text[:300])
                assert "<h1" in page.text


def test_nobody_has_the_pages_of_others(api: Api) -> None:
    for who, path, status in (
        ("m1", "day", 403), ("bank_a", "risk", 403), ("c1", "risk", 403), ("ex", "risk?move=much", 400), ("m1", "withdrawals", 403), ("m1", "journal/bank_a", 404), ("m1", "clients/m2-c00002", 404),
        ("bank_a", "day", 403), ("bank_a", "clients", 404), ("bank_a", "journal/exchange", 404), ("bank_a", "journal/bank_b", 404),
        ("ex", "journal/bank_a", 404), ("ex", "move", 403), ("c1", "day", 403), ("c1", "clients", 403), ("c1", "journal", 403),
        ("c1", "find?q=m1", 403), ("sup", "journal/exchange/99999999", 404), ("sup", "clients/nobody", 404), ("sup", "day/2019-01-02", 404),
    ):  # fmt: skip
        assert api.page(who, f"/en/{path}").status_code == status, (who, path)


def test_a_member_finds_its_own_clients_and_nobody_elses(api: Api) -> None:
    for path in ("clients", "journal/exchange", f"clients/{CLIENT}", "find?q=c0", f"journal/exchange?of={CLIENT}"):
        seen = names(api.page("m1", f"/en/{path}").text)
        assert seen, path
        assert all(name.startswith("m1-") for name in seen), (path, seen)
    elsewhere = api.page("m1", "/en/find?q=m2-c00002")
    assert elsewhere.status_code == 404
    assert "Nothing here is called" in elsewhere.text
    # A posting of somebody else's is not there, by its number neither.
    theirs = [item["id"] for item in api.get("ex", "/v1/books/exchange/postings", owner="m2-c00002", limit=1)["items"]]
    assert api.page("m1", f"/en/journal/exchange/{theirs[0]}").status_code == 404
    assert api.page("m1", f"/en/find?q={theirs[0]}").status_code == 404


def test_what_one_looks_for_is_found(api: Api) -> None:
    [newest] = api.get("ex", "/v1/books/exchange/postings", limit=1)["items"]
    for q, place in (
        (str(newest["id"]), f"/en/journal/exchange/{newest['id']}"),
        (newest["key"], f"/en/journal/exchange/{newest['id']}"),
        (CLIENT, f"/en/clients/{CLIENT}"),
        ("客户甲001", f"/en/clients/{CLIENT}"),
        ("W-000001", "/en/withdrawals/1"),
    ):
        answer = api.page("ex", f"/en/find?q={quote(q)}")
        assert (answer.status_code, answer.headers["location"]) == (303, place), q
    several = api.page("sup", f"/zh/find?q={quote('客户甲')}")
    assert several.status_code == 200
    assert len(names(several.text)) > 3


def test_whatever_is_looked_for_is_only_text(api: Api) -> None:
    for q in (
        "",
        "%",
        "_",
        "\\",
        "'; DROP TABLE exchange.posting; --",
        "<script>alert(1)</script>",
        "\u202eabc",
        "9" * 30,
        "W-",
        "１２",
    ):
        page = api.page("ex", f"/en/find?q={quote(q)}")
        assert page.status_code == 404, q
        assert "<script>alert" not in page.text
        for path in (f"journal/exchange?of={quote(q)}", f"clients?of={quote(q)}", f"clients?after={quote(q)}"):
            listed = api.page("ex", f"/en/{path}")
            assert listed.status_code == 200, path
            assert "<script>alert" not in listed.text
    assert api.get("ex", "/v1/equation")["holds"] is True


def test_the_journal_turns_its_pages_and_misses_nothing(api: Api) -> None:
    seen: list[int] = []
    path = "journal/exchange"
    while True:
        text = api.page("sup", f"/en/{path}").text
        seen += [int(found) for found in re.findall(r'href="/en/journal/exchange/(\d+)"', text)]
        more = re.search(r'href="/en/(journal/exchange\?before=\d+)"', text)
        if more is None:
            break
        path = more[1]
    last = api.get("ex", "/v1/books/exchange")["posting"]
    assert seen == list(range(last, 0, -1))


def test_one_instruction_is_followed_through_everything(api: Api) -> None:
    [hold] = [item for item in api.get("ex", "/v1/books/exchange/postings", owner=CLIENT, limit=200)["items"] if item["key"].startswith("withdrawal:")] or [None]  # fmt: skip
    number = hold["id"] if hold else api.get("ex", "/v1/books/exchange")["posting"] - 1
    page = api.page("sup", f"/en/journal/exchange/{number}").text
    assert "took out 123.45; it is home" in page
    assert page.count("signature right ✓") >= 2
    for said in ("Signs", "Holds", "Pays", "Report taken", "Posts", "member-transit", "In the chain"):
        assert said in page, said
    # The exchange's person sees what the bank has reported, and not the bank's book.
    assert "member-transit" not in api.page("ex", f"/en/journal/exchange/{number}").text


def test_a_member_sees_the_risk_of_its_own_clients_and_no_flags(api: Api) -> None:
    whole, own = api.page("ex", "/en/risk?move=%2B90%25").text, api.page("m1", "/en/risk?move=%2B90%25").text
    assert {name[:3] for name in names(own)} == {"m1-"}
    assert {name[:3] for name in names(whole)} > {"m1-"}
    assert ("To look at" in whole, "To look at" in own, "Concentration" in own) == (True, False, False)
    assert "not known now" in own
    assert "<form" not in own


def test_the_day_says_what_is_proven(api: Api) -> None:
    days = [str(day) for day in PLAN.trading_days()]
    closed = api.page("ex", f"/en/day/{days[-1]}").text
    # All but the head, which was signed for the database that this one is a copy of.
    assert "Settling: 12 of 13 steps are proven" in closed
    assert closed.count('class="step done"') == 12
    trades = api.page("ex", f"/en/day/{days[0]}").text
    assert "trades" in trades
    today = api.page("ex", "/en/day").text
    assert "The day is open; nothing is settled yet" in today
    assert today.count('class="step now"') == 1
    assert 'class="step wrong"' not in today
    assert f"/en/day/{days[-1]}" in today


def test_a_day_is_proven_once_its_head_is_signed(server: Server) -> None:
    database = server.create()
    store = server.store(database)
    run(store, Plan(days=1, clients=12, seed=7))
    with served(store, pages=True) as api:
        page = api.page("sup", f"/en/day/{PLAN.trading_days()[0]}").text
    server.drop(database)
    assert "The day is closed and proven" in page
    assert page.count('class="step done"') == 13


def test_a_day_that_does_not_cancel_out_is_not_safe(api: Api, store: Store) -> None:
    day = PLAN.trading_days()[-1]
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE exchange_margin.client_day SET marked_minor = marked_minor + 1 WHERE day = %s AND marked_minor <> 0",
            (day,),
        )
    page = api.page("sup", f"/en/day/{day}").text
    assert "Not safe to go on: Profit and loss at the settlement price" in page
    assert 'class="step wrong"' in page


def test_no_page_of_a_member_or_a_supervisor_has_a_form(api: Api) -> None:
    for who in ("m1", "sup"):
        for path in PAGES[who]:
            assert "<form" not in api.page(who, f"/en/{path}").text, (who, path)
