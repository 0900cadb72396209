"""Heads that were signed and kept outside the database find what no look inside can."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.ledger.checkpoint import Checkpoint
from ringfence.ledger.head import HeadMismatch, Heads, SignedHead, _new_key
from ringfence.ledger.verify import Verdict, verify
from trial_ledger import LEDGER, arrival, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)


@pytest.fixture
def heads(store: Store, tmp_path: Path) -> Heads:
    return Heads(Store(store.url, tmp_path, secret="tests"))


def pay(teller: Ledger, *keys: str) -> None:
    for key in keys:
        assert teller.post([arrival(teller, key, "ann", 5)]).refusals == []


def as_superuser(store: Store, *statements: str) -> None:
    with store.connect() as superuser:
        superuser.execute("SET search_path = trial")
        for statement in statements:
            assert superuser.execute(statement.encode()).rowcount != 0, statement


def said(heads: Heads, ledger: Ledger) -> str:
    return "; ".join(str(finding) for finding in heads.check(ledger))


CUT_OFF = (
    "DELETE FROM entry WHERE id / 8 = 3",
    "DELETE FROM posting WHERE id = 3",
    "UPDATE account SET balance = balance - 5 WHERE id = (SELECT account FROM balances WHERE kind = 'wallet' AND owner = 'ann' AND unit = 'CNY')",
    "UPDATE account SET balance = balance + 5 WHERE id = (SELECT account FROM balances WHERE kind = 'outside' AND unit = 'CNY')",
    "DELETE FROM batch WHERE id = (SELECT max(id) FROM batch)",
    "UPDATE head SET (batch, posting, link) = (SELECT id, 2, link FROM batch ORDER BY id DESC LIMIT 1)",
)


def test_a_journal_cut_off_with_its_head_agrees_with_itself_and_not_with_a_signed_head(
    store: Store, teller: Ledger, heads: Heads
) -> None:
    pay(teller, "1", "2", "3")
    signed = heads.sign(teller)
    assert heads.check(teller) == []
    as_superuser(store, *CUT_OFF)
    with Ledger(store, LEDGER, "auditor") as auditor:
        assert verify(auditor).findings == ()
    assert f"the journal had {signed.batch} batches then, and has no such batch now" in said(heads, teller)
    with pytest.raises(HeadMismatch, match="nothing is started on it"):
        heads.sign(teller)
    # Written on to the same length, it is another journal.
    pay(teller, "4")
    assert f"batch {signed.batch} is not the one that was signed" in said(heads, teller)


def test_the_same_head_is_signed_once_and_each_one_names_the_one_before(teller: Ledger, heads: Heads) -> None:
    assert heads.check(teller) == []
    first = heads.sign(teller)
    assert heads.sign(teller) == first
    pay(teller, "1")
    second = heads.sign(teller)
    assert (heads.count(LEDGER), first.previous, second.batch) == (2, "0" * 64, first.batch + 1)
    assert heads.check(teller) == []


@pytest.mark.parametrize("change", ["batch", "posting", "day", "link", "signed_at", "previous", "signature", "ledger"])
def test_a_signed_head_cannot_be_changed(teller: Ledger, heads: Heads, change: str) -> None:
    signed = heads.sign(teller)
    others = {
        "batch": 1,
        "posting": 9,
        "day": "2020-03-07",
        "link": "00" * 32,
        "previous": "11" * 32,
        "ledger": "other",
    }
    forged = replace(signed, **{change: others.get(change, "2000-01-01T00:00:00+00:00")})  # type: ignore[arg-type]
    (heads.folder / LEDGER).write_text(forged.line() + "\n", "utf-8")
    assert "its signature is not that of the key" in said(heads, teller)


def test_a_signed_head_cannot_be_taken_out(teller: Ledger, heads: Heads) -> None:
    for key in ("1", "2", "3"):
        pay(teller, key)
        heads.sign(teller)
    file = heads.folder / LEDGER
    lines = file.read_text("utf-8").splitlines(keepends=True)
    for kept in (lines[1:], [lines[0], lines[2]], [lines[1], lines[0], lines[2]]):
        file.write_text("".join(kept), "utf-8")
        assert "the one before it is not the one that was there when it was signed" in said(heads, teller)


def test_a_copy_is_checked_with_the_public_key_alone(teller: Ledger, heads: Heads, tmp_path: Path) -> None:
    heads.sign(teller)
    copy, public = tmp_path / "copy", tmp_path / "elsewhere.pem"
    copy.write_bytes((heads.folder / LEDGER).read_bytes())
    public.write_bytes((tmp_path / "heads" / "public.pem").read_bytes())
    assert (tmp_path / "heads" / "private.pem").stat().st_mode & 0o777 == 0o600
    assert heads.check(teller, public, copy) == []
    _new_key(tmp_path / "strangers")
    stranger = heads.check(teller, tmp_path / "strangers" / "public.pem", copy)
    assert "its signature is not that of the key" in str(stranger)
    with pytest.raises(HeadMismatch):
        heads.sign(teller, tmp_path / "strangers" / "private.pem")


def test_what_is_no_key_and_no_head_is_told_so(teller: Ledger, heads: Heads, tmp_path: Path) -> None:
    (tmp_path / "bent").write_text("bent", "utf-8")
    with pytest.raises(BadInput, match=r"--key.*a key in PEM"):
        heads.sign(teller, tmp_path / "bent")
    heads.sign(teller)
    for public in (tmp_path / "bent", tmp_path / "absent"):
        with pytest.raises(BadInput, match=r"--public.*a key in PEM"):
            heads.check(teller, public)
    with pytest.raises(BadInput, match="Ed25519 public key"):
        heads.check(teller, _rsa(tmp_path))
    with pytest.raises(BadInput, match="a file of signed heads"):
        heads.check(teller, file=tmp_path / "absent")
    with pytest.raises(BadInput, match=r"line 1.*a signed head as this program wrote it"):
        heads.check(teller, file=tmp_path / "bent")


def _rsa(folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).public_key()
    file = folder / "rsa.pem"
    file.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return file


def test_the_message_that_is_signed_does_not_change(heads: Heads) -> None:
    """Heads that were signed once are checked for ever: what is signed is written down here."""
    head = SignedHead("trial", 7, 12, "2020-03-06", "ab", "cd", "2020-03-06T17:00:00+00:00", "ef")
    assert head.message() == (
        b'ringfence head 1\n{"batch":7,"day":"2020-03-06","ledger":"trial","link":"ab","posting":12,'
        b'"previous":"cd","signed_at":"2020-03-06T17:00:00+00:00"}'
    )
    assert json.loads(head.line())["signature"] == "ef"


# -- going on from where a verification got to --------------------------------------------------------------------------


def verdict(store: Store, since: Checkpoint | None = None) -> Verdict:
    with Ledger(store, LEDGER, "auditor") as auditor:
        return verify(auditor, lambda batch, replay: len(replay.accounts), since)


def test_a_verification_goes_on_where_the_last_one_got_to(store: Store, teller: Ledger, tmp_path: Path) -> None:
    pay(teller, "1", "2")
    first = verdict(store)
    assert first.checkpoint is not None
    first.checkpoint.write(tmp_path / "kept")
    kept = Checkpoint.read(tmp_path / "kept")
    assert kept == first.checkpoint
    pay(teller, "3")
    second = verdict(store, kept)
    assert second.ok
    assert (second.since, second.batches, second.postings) == (first.batches, 1, 1)
    assert set(second.notes) == set(range(1, first.batches + 2))
    whole = verdict(store)
    assert second.checkpoint == whole.checkpoint
    assert verdict(store, second.checkpoint).batches == 0


@pytest.mark.parametrize(
    ("forgery", "where"),
    [
        ("UPDATE posting SET ref = 'x' WHERE key = '3'", "batch"),
        ("UPDATE entry SET amount = amount * 2 WHERE id / 8 = 3", "posting 3"),
        ("UPDATE account SET balance = balance + 1 WHERE id = 1", "account 1"),
        ("UPDATE batch SET link = sha256(link) WHERE id = (SELECT batch FROM posting WHERE key = '2')", "up to which this ledger was verified before"),
        ("DELETE FROM batch WHERE id = (SELECT batch FROM posting WHERE key = '2')", "up to which this ledger was verified before"),
        ("UPDATE grants SET grantee = 'somebody' WHERE id = 1", "grant 1"),
        ("UPDATE party SET member = NULL WHERE name = 'ann'", "party"),
    ],
)  # fmt: skip
def test_what_was_changed_since_or_still_shows_is_found(store: Store, teller: Ledger, forgery: str, where: str) -> None:
    pay(teller, "1", "2")
    kept = verdict(store).checkpoint
    pay(teller, "3")
    as_superuser(store, forgery)
    found = verdict(store, kept)
    assert any(where in str(finding) for finding in found.findings), found.findings
    assert found.checkpoint is None


def test_what_was_changed_before_is_found_from_zero(store: Store, teller: Ledger) -> None:
    pay(teller, "1", "2")
    kept = verdict(store).checkpoint
    as_superuser(store, "UPDATE posting SET ref = 'x' WHERE key = '1'")
    assert verdict(store, kept).ok
    assert not verdict(store).ok


@pytest.mark.parametrize("text", ["", "{", "[]", "[{}]", '[{"form": 2}]'])
def test_what_is_no_checkpoint_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept").write_text(text, "utf-8")
    assert Checkpoint.read(tmp_path / "kept") is None
    assert Checkpoint.read(tmp_path / "absent") is None
