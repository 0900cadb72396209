"""The client of the API, as a program uses it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from circles import CLIENTS, DAY, make_circle
from ringfence.access import Persons
from ringfence.client import Client, NoAnswer, Problem
from ringfence.custody.requests import register_key, words
from ringfence.database import Store
from ringfence.ledger import Ledger
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        yield api


def enter(api: Api, who: str, **options: str) -> Client:
    return Client(str(api.client.base_url), who, api.passwords[who], **options)  # type: ignore[arg-type]


def test_a_day_of_a_bank_a_client_and_the_exchange(api: Api, store: Store) -> None:
    api.passwords |= {"first": Persons(store).add("first", "exchange", "exchange", "clerk")}
    private = Ed25519PrivateKey.generate()
    with Ledger(store, "exchange", "registrar") as registrar:
        register_key(registrar, "m1-ann", private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    with enter(api, "bank_a") as bank, enter(api, "ann") as ann, enter(api, "first") as first, enter(api, "sup") as sup:
        done = bank.deposit("bank_a", "m1-ann", "6201-ann", Decimal("700.5"), key="d")
        assert (
            done.state,
            done.amount,
            bank.deposit("bank_a", "m1-ann", "6201-ann", Decimal("700.5"), key="d").replayed,
        ) == ("credited", "700.50", True)
        asked = ann.withdraw("6201-ann", Decimal(200), private, key="w")
        assert first.withdrawal(asked.number).state == "asked"
        assert first.audit(asked.number, key="a").state in ("passed", "sent", "posted")
        deadline = time.monotonic() + 15
        while sup.withdrawal(asked.number).state != "posted" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [w.state for w in ann.withdrawals()] == ["posted"]
        assert list(sup.withdrawals(waiting=True)) == []
        assert [account.balance for account in ann.accounts()] == ["500.50"]
        said = ann.statement("m1-ann", DAY)
        assert (said.paid_in, said.taken_out, said.closing) == ("700.50", "-200.00", "500.50")
        assert sup.equation().holds
        assert ann.verdict().ok
        assert [(p.action, p.route) for p in sup.postings(owner="m1-ann")] == [
            ("post", "deposit"),
            ("post-held", "withdrawal"),
        ]


def test_both_sides_make_the_same_words() -> None:
    from ringfence.client import withdrawal_words

    for amount_minor in (1, 100, 123_456_78, 10**15):
        mine = withdrawal_words("客户甲001", Decimal(amount_minor).scaleb(-2), "62 01", "withdrawal:x:y")
        assert mine == words("客户甲001", amount_minor, "62 01", "withdrawal:x:y")


def test_what_is_refused_is_said_in_the_askers_language_with_its_figures(api: Api) -> None:
    with enter(api, "bank_a", language="zh") as bank:
        with pytest.raises(Problem, match=r"可用 100,000.00 CNY") as refused:
            bank.deposit("bank_a", "m1-ann", "6201-ann", Decimal("100000.01"), key="k")
        assert (refused.value.status, refused.value.problem, refused.value.body["control"]) == (422, "refused", "funds")
        with pytest.raises(Problem) as refused:
            bank.deposit("bank_a", "m1-ann", "6201-ann", Decimal("0.001"), key="k")
        assert refused.value.body["field"] == "amount"
        with pytest.raises(Problem) as refused:
            bank.statement("m1-ann", datetime.date(2020, 3, 6))
        assert refused.value.status == 404
    with pytest.raises(Problem) as refused:
        Client(str(api.client.base_url), "bank_a", "wrong")
    assert refused.value.status == 401
    with pytest.raises(NoAnswer, match="ask again with the same key"):
        Client("http://127.0.0.1:9", "x", "y")


def test_pages_are_walked_to_their_end(api: Api) -> None:
    with enter(api, "bank_a") as bank, enter(api, "sup") as sup:
        for number in range(3):
            bank.deposit("bank_a", "m1-ann", "6201-ann", Decimal(1), key=f"k{number}")
        every = list(sup.postings("bank_a"))
        assert [p.id for p in every] == list(range(1, every[-1].id + 1))
        assert {a.owner for a in sup.accounts(kind="client-cash")} == set(CLIENTS)
