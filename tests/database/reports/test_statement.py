"""A client's statement in all its forms says the same; signed, it can be checked without any store."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from circles import DAY, make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.custody import EXCHANGE, Withdrawal
from ringfence.database import Store
from ringfence.errors import BadInput, RingfenceError
from ringfence.ledger import Instruction, Ledger
from ringfence.links import LetterBox, LetterRefused, public_key_of
from ringfence.reports import Paper, check_signed, make_paper, sign_paper
from ringfence.reports import statement as room


def make_a_day(store: Store) -> None:
    """Paid in 500.00, taken out 120.00, lost 33.21, paid a fee of 1.05."""
    make_circle(store)
    with opened(store) as (circle, transfers):
        pay_in(circle, "d", "m1-ann", 500_00)
        assert transfers.withdraw(DAY, [Withdrawal("w", "m1-ann", 120_00, "6201-ann")], {"m1-ann": 500_00}) == []
        book = circle.settlement
        cash, run = book.account("client-cash", "m1-ann"), book.account("settlement", EXCHANGE)
        fees = book.account("fees-due", EXCHANGE)
        posted = book.post(
            [
                Instruction("l", "loss", "m1-ann", (cash, run), 33_21, DAY, ref="marked"),
                Instruction("f", "fee", "m1-ann", (cash, fees), 1_05, DAY, ref="fee"),
            ]
        )
        assert posted.refusals == []


pytestmark = pytest.mark.ledgers.with_args(make_a_day)


@pytest.fixture
def paper(store: Store) -> Paper:
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        made = make_paper(ledger.connection, "m1-ann", DAY)
    assert made is not None
    return made


def amounts(text: str) -> list[Decimal]:
    return [
        Decimal(found.replace(",", "").replace("\u2212", "-")) for found in re.findall(r"[+\u2212]?[\d,]+\.\d\d", text)
    ]


def test_every_form_has_the_same_figures(paper: Paper) -> None:
    expected = [Decimal(said) for said in ("0", "500", "-120", "0", "-33.21", "-1.05", "0", "345.74")]
    for language in ("en", "zh"):
        lines = paper.lines(language)
        assert [amounts(value)[0] for _, value in lines] == expected
        for form in (paper.text(language), paper.html(language)):
            assert amounts(form)[:8] == expected
    document = paper.document()
    names = ("opening", "paid_in", "taken_out", "realised", "marked", "fee", "deferred", "closing")
    assert [Decimal(document[name]) for name in names] == expected
    assert json.loads(json.dumps(document)) == document


def test_before_the_day_is_settled_nothing_is_said_of_margin(paper: Paper) -> None:
    assert paper.document()["funds"] is None
    assert "not settled yet" in paper.text("en")
    assert "当日尚未结算" in paper.text("zh")


def test_the_columns_of_a_text_are_straight_in_both_languages(paper: Paper) -> None:
    for language in ("en", "zh"):
        rows = [line for line in paper.text(language).splitlines() if re.search(r"\d\.\d\d$", line)]
        assert len({room._columns(row) for row in rows}) == 1


def test_a_name_cannot_put_anything_into_a_page(store: Store, paper: Paper) -> None:
    from dataclasses import replace

    page = replace(paper, title="<script>alert(1)</script>").html("en")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_pdf_is_made_and_fetches_nothing(paper: Paper) -> None:
    made = paper.pdf("zh")
    assert made.startswith(b"%PDF-")
    assert len(made) > 3_000
    with pytest.raises(ValueError, match="fetches nothing"):
        room._fetch_nothing("file:///etc/passwd")


def test_what_the_exchange_signed_can_be_checked_without_a_store(store: Store, paper: Paper) -> None:
    signed = json.dumps(sign_paper(LetterBox(store, EXCHANGE), paper).document())
    key = public_key_of(store, EXCHANGE)
    assert check_signed(signed, key)["closing"] == "345.74"
    for wrong in (signed.replace("345.74", "945.74"), "no json", "{}"):
        with pytest.raises(LetterRefused):
            check_signed(wrong, key)
    with pytest.raises(LetterRefused, match="not signed"):
        check_signed(signed, public_key_of(store, "bank_a"))
    other = LetterBox(store, EXCHANGE).write("m1-ann", "gossip", {})
    with pytest.raises(LetterRefused):
        check_signed(json.dumps(other.document()), key)


def invoke(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, RingfenceError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_makes_every_form(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    monkeypatch.setattr("ringfence.cli.statement.existing_store", lambda folder: contextlib.nullcontext(store))
    assert "345.74" in invoke("statement", "m1-ann", str(DAY))
    assert "当日结存" in invoke("statement", "m1-ann", str(DAY), "--language", "zh")
    assert json.loads(invoke("statement", "m1-ann", str(DAY), "--form", "json"))["paid_in"] == "500.00"
    pdf, signed = tmp_path / "s.pdf", tmp_path / "s.json"
    invoke("statement", "m1-ann", str(DAY), "--form", "pdf", "--output", str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF-")
    invoke("statement", "m1-ann", str(DAY), "--form", "signed", "--output", str(signed))
    key = public_key_of(store, EXCHANGE).hex()
    assert '"closing": "345.74"' in invoke("check-statement", str(signed), "--public", key)
    signed.write_text(signed.read_text().replace("345.74", "345.75"))
    invoke("check-statement", str(signed), "--public", key, code=1)
    for arguments, expected in (
        (("statement", "nobody", str(DAY)), "registered at the exchange"),
        (("statement", "m1-ann", str(DAY), "--form", "fax"), "text, json, signed, pdf"),
        (("statement", "m1-ann", str(DAY), "--output", str(tmp_path / "no" / "where")), "a folder that exists"),
        (("check-statement", str(tmp_path / "none"), "--public", key), "a file that can be read"),
        (("check-statement", str(signed), "--public", "xy"), "64 hexadecimal digits"),
    ):
        with pytest.raises(BadInput, match=re.escape(expected)):
            invoke(*arguments)


def test_a_day_on_which_nothing_was_is_a_statement_too(store: Store) -> None:
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        later = make_paper(ledger.connection, "m1-ann", DAY + datetime.timedelta(1))
        assert later is not None
        assert (later.statement.opening_minor, later.statement.closing_minor) == (345_74, 345_74)
        assert make_paper(ledger.connection, "nobody", DAY) is None
