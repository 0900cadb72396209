"""What a person does with the heads and the exports of a circle, and what refuses to run on books that were changed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from beancount import loader
from typer.testing import CliRunner

from ringfence.cli import app
from ringfence.custody import introduce, require_untouched
from ringfence.database import Store
from ringfence.demo.people import BANKS
from ringfence.demo.run import Plan, Watch, run
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.ledger.head import HeadMismatch, Heads


class _Stopped(Exception):
    """The run was stopped."""


class _Stopping(Watch):
    def __call__(self) -> None:
        super().__call__()
        if self.reader is not None and self.checks == 25:
            raise _Stopped


PLAN = Plan(days=3, clients=24, seed=3)


def make_stopped_run(store: Store) -> None:
    """A demonstration that was stopped in its second day, or third."""
    with pytest.raises(_Stopped):
        run(store, PLAN, watch=_Stopping())


pytestmark = pytest.mark.ledgers.with_args(make_stopped_run)


@pytest.fixture
def here(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store with a folder of its own: new keys for letters, and the heads are signed once more."""
    own = Store(store.url, tmp_path, secret="tests")
    introduce(own, BANKS)
    for module in ("head", "export", "verify"):
        target = "options" if module == "verify" else module
        monkeypatch.setattr(f"ringfence.cli.{target}.existing_store", lambda folder: contextlib.nullcontext(own))
    return own


def invoke(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_heads_are_signed_and_checked(here: Store) -> None:
    assert invoke("head", "check").count("no head was signed yet") == 3
    assert "copy it to where the database is not" in invoke("head", "sign")
    assert invoke("head", "check").count("1 signed heads agree") == 3
    assert "个签名链头一致" in invoke("head", "check", "--language", "zh")
    [signed] = json.loads(invoke("head", "sign", "--book", "exchange", "--json"))
    assert (signed["ledger"], len(signed["signature"])) == ("exchange", 128)
    with pytest.raises(BadInput, match="--book: 'bank_x' is not usable; expected one of bank_a, bank_b, exchange"):
        invoke("head", "sign", "--book", "bank_x")
    with here.connect() as superuser:
        superuser.execute("UPDATE exchange.batch SET link = sha256(link) WHERE id = %s", (signed["batch"],))
    assert "is not the one that was signed" in invoke("head", "check", code=1)
    told = json.loads(invoke("head", "check", "--json", code=1))
    assert (told["ok"], told["heads"]["exchange"], told["findings"][0]["ledger"]) == (False, 1, "exchange")


def test_nothing_runs_on_books_that_were_changed(here: Store) -> None:
    heads = Heads(here)
    for book in (*BANKS, "exchange"):
        with Ledger(here, book, "auditor") as auditor:
            heads.sign(auditor)
    require_untouched(here, BANKS)
    with here.connect() as superuser:
        superuser.execute("UPDATE bank_a.account SET balance = balance + 1 WHERE id = 1")
    with pytest.raises(HeadMismatch, match=r"bank_a.*account 1.*nothing is started on it"):
        run(here, PLAN)
    with here.connect() as superuser:
        superuser.execute("UPDATE bank_a.account SET balance = balance - 1 WHERE id = 1")
    assert run(here, PLAN).went_on


def test_a_verification_goes_on_from_the_last(here: Store) -> None:
    from ringfence.custody import verify_circle

    assert verify_circle(here, BANKS).ok
    run(here, PLAN)
    since = verify_circle(here, BANKS, since_last=True)
    assert since.ok
    assert all(book.since > 0 for book in since.books)
    assert since.compared > 0
    assert since.postings < verify_circle(here, BANKS).postings


@pytest.mark.parametrize("book", ["exchange", "bank_a", "bank_b"])
def test_beancount_accepts_a_book_and_agrees_to_the_fen(here: Store, tmp_path: Path, book: str) -> None:
    run(here, PLAN)
    file = tmp_path / "book.beancount"
    invoke("export", "--book", book, "--output", str(file))
    assert _errors(file) == []
    with Ledger(here, book, "auditor") as auditor:
        ((postings, accounts),) = auditor.rows(
            "SELECT (SELECT count(*) FROM {0}.posting WHERE action IN (0, 2)), (SELECT count(*) FROM {0}.account)"
        )
    text = file.read_text("utf-8")
    assert text.count("\n  posting: ") == postings > 20
    assert text.count(" balance ") == text.count(" open ") == accounts
    # One fen more anywhere is seen.
    line = next(line for line in text.splitlines() if " balance " in line and "  -" in line)
    changed = line.replace("  -", "  -1", 1)
    file.write_text(text.replace(line, changed), "utf-8")
    assert len(_errors(file)) == 1
    assert invoke("export", "--book", book).splitlines() == text.splitlines()


def _errors(file: Path) -> list[object]:
    _, errors, _ = loader.load_file(str(file))
    return list(errors)


def test_what_cannot_be_exported_is_told(here: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--format: 'xls' is not usable; expected beancount"):
        invoke("export", "--format", "xls")
    with pytest.raises(BadInput, match="--output"):
        invoke("export", "--output", str(tmp_path))
