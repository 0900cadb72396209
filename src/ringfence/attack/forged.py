"""M1: somebody between bank and exchange answers in the bank's place. Tried on a whole circle, with its letters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.attack.books import DAY
from ringfence.attack.story import Row, Story
from ringfence.custody import EXCHANGE, Circle, Client, Exchange, Member, create_circle, take_over
from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.report import Line, Report
from ringfence.custody.requests import SCHEMA, public_half
from ringfence.database import Store, drop_ledger, ledgers
from ringfence.errors import BadInput
from ringfence.links import Correspondent, Letter, LetterBox, LetterRefused, letters_schema, trust
from ringfence.money import render, unit
from ringfence.ring import Ring

BANK = "bank"
AMOUNT_MINOR = 5_000_000_00


@dataclass
class Impostor:
    """Answers every letter to the bank with a report of a deposit for X, in a hand of its own."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def ask(self, letter: Letter) -> Letter:
        """The answer."""
        after = int(letter.content["after"])
        line = Line(after + 1, 1, "deposit", "x", AMOUNT_MINOR, DAY, "62-x", "forged", "")
        report = Report(BANK, after, after + 1, 0, AMOUNT_MINOR, (line,), {}, more=False)
        return Letter.write(self.key, BANK, EXCHANGE, letter.kind, report.document(), letter.digest)


def forged_statement(store: Store, ring: Ring, attack: str, *, believed: bool) -> Row:
    """Try it. Where the exchange has `believed` whoever brings the bank's reports (K10 taken out), it knows the bank by that key."""
    story = Story(ring)
    with _circle(store, ring) as circle:
        impostor = Impostor()
        if believed:
            trust(store, EXCHANGE, Correspondent(BANK, public_half(impostor.key), ""))
        forged = {BANK: ClearingBank(BANK, LetterBox(store, EXCHANGE), impostor)}
        before = circle.clerk.balances("client-cash")["x"]
        with Exchange(store, forged) as exchange:
            try:
                take_over(exchange.link, forged)
            except LetterRefused as refused:
                story.refused("exchange.deposit", "letters", refused.text("en"), refused.text("zh"))
        gained = circle.clerk.balances("client-cash")["x"] - before
        if gained:
            shown = f"{render(gained, unit('CNY'))} CNY"
            story.step = "exchange.deposit"
            story.say(
                f"exchange.deposit: X has {shown} that no bank has.",
                f"exchange.deposit：客户X记有 {shown}，而银行并无此款。",
            )
    return story.row(attack, "through" if gained else "refused")


@contextlib.contextmanager
def _circle(store: Store, ring: Ring) -> Iterator[Circle]:
    """A circle of one bank, one member and the client X, gone afterwards. Errors: BadInput where the store has one of its books."""
    with store.connect() as administrator:
        if {EXCHANGE, BANK} & set(ledgers(administrator)):
            right = "one without an exchange and a bank: the attack makes its own, and deletes them"
            raise BadInput("store", store.where, right)
    try:
        create_circle(store, ring, (BANK,))
        with Circle(store, (BANK,)) as circle:
            circle.register([Member("m", BANK)], [Client("x", "m", BANK, "62-x", "id-x")])
            circle.open_day(DAY)
            yield circle
    finally:
        with store.connect() as administrator:
            for name in (EXCHANGE, BANK, letters_schema(EXCHANGE), letters_schema(BANK), SCHEMA):
                drop_ledger(administrator, name)
