"""The exchange answers its banks' letters.

booked      what it has booked of a bank's postings; whatever it has not booked yet, it takes over first
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.taking_over import take_over
from ringfence.database import Kept, Store
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.links import Letter, LetterBox

MOST_POSTINGS = 5_000


class Booked(NamedTuple):
    """What the exchange has booked for a bank's `posting`: its own posting, and on which route."""

    posting: int
    exchange_posting: int
    route: str


class ExchangeAnswering:
    """The exchange's side of the links with its banks; for several threads at once. Errors on opening: as Ledger."""

    def __init__(self, store: Store, clearing: Mapping[str, ClearingBank]) -> None:
        self._clearing = clearing
        self._box = LetterBox(store, EXCHANGE)
        self._link = Kept(store, lambda: Ledger(store, EXCHANGE, "link"))
        self._turn = threading.Lock()

    def close(self) -> None:
        """Leave the book."""
        self._link.close()

    def answer(self, letter: Letter) -> Letter:
        """Answer a letter of a bank's.

        Errors: LetterRefused: as LetterBox.check, then for a sender that is no clearing bank (`address`), then `kind`; BadInput for
        a content that cannot be; as take_over; StoreUnreachable.
        """
        with self._turn, self._link.use() as link:
            self._box.check(link.connection, letter)
            if letter.sender not in self._clearing:
                raise letter.refuse("address")
            if letter.kind != "booked":
                raise letter.refuse("kind")
            postings = letter.content.get("postings")
            if not isinstance(postings, list) or len(postings) > MOST_POSTINGS:
                raise BadInput("postings", str(postings)[:100], f"at most {MOST_POSTINGS:,} numbers")
            take_over(link, {letter.sender: self._clearing[letter.sender]})
            keys = [f"{letter.sender}:{posting}" for posting in postings]
            rows = link.rows(
                "SELECT p.key, p.id, r.name FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route WHERE p.key = ANY (%s)",
                (keys,),
            )
        booked = [Booked(int(key.rpartition(":")[2]), posting, route) for key, posting, route in rows]
        return self._box.write(letter.sender, "booked", {"booked": [list(one) for one in booked]}, re=letter.digest)
