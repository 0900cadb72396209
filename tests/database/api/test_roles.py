"""Each institution served by itself, in the very database of all: who comes in, what is there, and what is served elsewhere."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from circles import CLIENTS, make_circle, opened, pay_in
from ringfence.api import Serving
from ringfence.api.serving import Tls, address, listen
from ringfence.custody import EXCHANGE
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.links import Correspondent, Letter, LetterBox, LetterRefused, NoAnswer, OverHttp, public_key_of
from served import PERSONS, Api, served


def make_paid_in(store: Store) -> None:
    make_circle(store)
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 1_000_00)


pytestmark = pytest.mark.ledgers.with_args(make_paid_in)


def comes_in(api: Api, who: str) -> bool:
    said = {"name": who, "password": api.passwords[who]}
    return api.client.post("/v1/session", json=said).status_code == 201


@pytest.mark.parametrize(
    ("serving", "let_in"),
    [
        (Serving("exchange"), {"ex", "m1", "m2", "ann", "di", "sup"}),
        (Serving("bank", "bank_a"), {"bank_a", "sup"}),
        (Serving("member", "m1"), {"m1"}),
    ],
)
def test_who_has_nothing_here_does_not_come_in(store: Store, serving: Serving, let_in: set[str]) -> None:
    with served(store, serving=serving, pages=True) as api:
        assert {who for who in PERSONS if comes_in(api, who)} == let_in


def test_a_session_of_elsewhere_is_not_known_here(store: Store) -> None:
    with served(store) as everywhere:
        token = everywhere.token("m2")
        assert everywhere.get("m2", "/v1/session")["party"] == "m2"
        with served(store, serving=Serving("member", "m1"), passwords=everywhere.passwords) as here:
            shown = here.client.get("/v1/session", headers={"Authorization": f"Bearer {token}"})
            assert (shown.status_code, shown.json()["code"]) == (401, "not-known")


def test_a_bank_by_itself_has_its_own_book_and_asks_the_exchange_nothing(store: Store) -> None:
    with served(store, serving=Serving("bank", "bank_a"), pages=True) as api:
        assert api.get("bank_a", "/v1/books/bank_a")["book"] == "bank_a"
        assert api.get("bank_a", "/v1/verdict")["ok"] is True
        for book in ("bank_b", "exchange"):
            assert api.ask("bank_a", "GET", f"/v1/books/{book}").status_code == 404
            assert api.ask("sup", "GET", f"/v1/books/{book}").status_code == 404
        elsewhere = api.ask("sup", "GET", "/v1/equation")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not-here")
        # Nobody follows in this process, and no address of the exchange's is known.
        posted = api.deposit("k", "m1-ann", "5.00")
        assert (posted.status_code, posted.json()["state"]) == (202, "in-transit")
        page = api.page("bank_a", "/en/")
        assert "2,005.00 of client money is here" in page.text
        assert "The exchange says it, which does not run here" in page.text
        assert "本行客户资金" in api.page("bank_a", "/zh/").text
        # A supervisor comes in, and finds no circle.
        assert api.page("sup", "/en/").status_code == 404


def test_a_member_by_itself_reads_its_own_and_nothing_else(store: Store) -> None:
    with served(store, serving=Serving("member", "m1"), pages=True) as api:
        rows = api.get("m1", "/v1/books/exchange/accounts", kind="client-cash")["items"]
        assert {row["owner"] for row in rows} == {"m1-ann", "m1-bo"}
        page = api.page("m1", "/en/")
        assert "2,000.00 of 2 clients stand at the exchange" in page.text
        assert "m2" not in page.text
        for path, status in (("/v1/books/bank_a", 403), ("/v1/equation", 403), ("/v1/verdict", 404)):
            assert api.ask("m1", "GET", path).status_code == status, path
        letter = LetterBox(store, EXCHANGE).write("bank_a", "report", {"after": 0})
        refused = api.client.post("/v1/letters", json=letter.document())
        assert (refused.status_code, refused.json()["why"]) == (403, "address")


def test_an_institution_that_is_not_here_is_told_with_those_that_are(store: Store) -> None:
    for serving, expected in (
        (Serving("bank", "bank_z"), "bank_a, bank_b"),
        (Serving("bank", "exchange"), "bank_a, bank_b"),
        (Serving("member", "m9"), "m1, m2"),
    ):
        with pytest.raises(BadInput, match=expected), served(store, serving=serving):
            pass


# -- letters over HTTP ----------------------------------------------------------------------------------------------------


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with served(store) as api:
        yield api


def test_a_letter_is_answered_over_http_as_it_is_beside(store: Store, api: Api) -> None:
    box = LetterBox(store, EXCHANGE)
    over = OverHttp(Correspondent("bank_a", public_key_of(store, "bank_a"), str(api.client.base_url)))
    asked = box.write("bank_a", "report", {"after": 0})
    answer = over.ask(asked)
    with Ledger(store, EXCHANGE, "auditor") as book:
        assert box.check(book.connection, answer, re=asked.digest).party == "bank_a"
    assert answer.content["balance_minor"] == 2_000_00
    with pytest.raises(LetterRefused, match="not signed by the key"):
        over.ask(Letter(asked.words, bytes(64)))
    with pytest.raises(LetterRefused, match="to somebody else"):
        over.ask(box.write("bank_z", "report", {"after": 0}))
    with pytest.raises(NoAnswer, match="status 400"):
        over.ask(box.write("bank_a", "report", {"after": "?"}))
    over.close()


def test_what_is_no_letter_is_a_problem(api: Api) -> None:
    for body, field in (
        ({}, "words"),
        ({"words": "x", "signature": "00"}, "signature"),
        ({"words": 3, "signature": "00" * 64}, "words"),
    ):
        answer = api.client.post("/v1/letters", json=body)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    answer = api.client.post("/v1/letters", json={"words": "x", "signature": "00" * 64})
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (403, "letter-refused", "malformed")
    large = api.client.post("/v1/letters", content=b"x" * 8_000_001)
    assert (large.status_code, large.json()["most"]) == (413, 8_000_000)


def test_nobody_there_is_no_answer(store: Store) -> None:
    with listen(0) as closed:
        at = address(closed)
    over = OverHttp(Correspondent("bank_a", bytes(32), at))
    with pytest.raises(NoAnswer, match="bank_a does not answer"):
        over.ask(LetterBox(store, EXCHANGE).write("bank_a", "report", {"after": 0}))
    over.close()


# -- certificates ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate of one's own making, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank_a")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Tls(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.private_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_with_a_certificate_it_is_served_over_https_and_who_does_not_take_it_asks_nothing(
    store: Store, tls: Tls
) -> None:
    with served(store, tls=tls) as api:
        assert str(api.client.base_url).startswith("https://127.0.0.1")
        assert api.get("bank_a", "/v1/books/bank_a")["book"] == "bank_a"
        assert api.client.get("/en/in").headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(httpx.ConnectError):
            httpx.get(str(api.client.base_url), trust_env=False)
        known = Correspondent("bank_a", public_key_of(store, "bank_a"), str(api.client.base_url))
        asked = LetterBox(store, EXCHANGE).write("bank_a", "report", {"after": 0})
        trusting = OverHttp(known._replace(authority=tls.certificate.read_text()))
        assert trusting.ask(asked).content["balance_minor"] == 2_000_00
        trusting.close()
        wary = OverHttp(known)
        with pytest.raises(NoAnswer, match="certificate"):
            wary.ask(asked)
        wary.close()


def test_nobody_is_served_in_the_clear_beyond_this_machine(tls: Tls, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.7", "::"):
        with pytest.raises(BadInput, match="--certificate"):
            listen(0, host)
    with pytest.raises(BadInput, match=r"an address of this machine"):
        listen(0, "everywhere")
    with listen(0, "0.0.0.0", tls) as listening:
        assert address(listening, tls).startswith("https://")
    other = tmp_path / "other.pem"
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for unusable in (Tls(tls.certificate, other), Tls(other, other), Tls(tmp_path / "none", tls.private_key)):
        with pytest.raises(BadInput, match="a certificate in PEM"):
            listen(0, "127.0.0.1", unusable)
