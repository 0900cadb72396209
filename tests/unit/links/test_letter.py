"""A letter: what is signed, what a changed one is, and that an answer names what it answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.links import Letter, LetterRefused

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


def test_a_letter_travels_and_is_still_signed() -> None:
    letter = Letter.write(KEY, "bank_a", "exchange", "report", {"after": 7, "客户": "甲"}, re="ab")
    travelled = Letter.from_document(json.loads(json.dumps(letter.document())))
    assert travelled == letter
    assert travelled.signed_by(PUBLIC)
    assert (travelled.sender, travelled.kind, travelled.content) == ("bank_a", "report", {"after": 7, "客户": "甲"})


def test_no_two_letters_are_the_same() -> None:
    one, two = (Letter.write(KEY, "bank_a", "exchange", "report", {}) for _ in range(2))
    assert one.digest != two.digest


@pytest.mark.parametrize(
    ("before", "after"),
    [("bank_a", "bank_b"), ("exchange", "exchangf"), ("report", "orders"), (":7", ":8"), ("letter 1", "letter 2")],
)
def test_a_word_that_is_changed_is_not_what_was_signed(before: str, after: str) -> None:
    letter = Letter.write(KEY, "bank_a", "exchange", "report", {"after": 7})
    assert letter.words.count(before) == 1
    assert not replace(letter, words=letter.words.replace(before, after)).signed_by(PUBLIC)


def test_another_key_or_a_damaged_signature_is_not_its_signature() -> None:
    letter = Letter.write(KEY, "bank_a", "exchange", "report", {})
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not letter.signed_by(other)
    assert not letter.signed_by(b"short")
    assert not replace(letter, signature=bytes(64)).signed_by(PUBLIC)
    assert not replace(letter, signature=b"").signed_by(PUBLIC)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"words": "x"}, {"words": "x", "signature": 3}, {"words": "x", "signature": "no hex"}],
)
def test_what_is_no_letter_is_told(document: object) -> None:
    with pytest.raises(LetterRefused, match="not in the form"):
        Letter.from_document(document)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "ringfence letter 1\n",
        "ringfence letter 1\n[]",
        'ringfence letter 1\n{"from":"a"}',
        'ringfence letter 9\n{"from":"a","to":"b","kind":"c","re":"","content":{}}',
        'ringfence letter 1\n{"from":"a","to":"b","kind":"c","re":"","content":[]}',
        'ringfence letter 1\n{"from":1,"to":"b","kind":"c","re":"","content":{}}',
    ],
)
def test_words_that_are_no_letter_are_told(words: str) -> None:
    with pytest.raises(LetterRefused, match="not in the form"):
        _ = Letter(words, bytes(64)).sender


def test_why_is_said_in_chinese_too() -> None:
    letter = Letter.write(KEY, "bank_a", "exchange", "report", {})
    for why in LetterRefused.reasons:
        assert letter.refuse(why).text("zh").startswith("不受理 'bank_a'")
