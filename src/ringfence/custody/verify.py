"""The verifier of a whole circle: every ledger from zero, and the money equation through all of its history.

For each bank, whenever the exchange took over a batch of it, what the exchange then had written down must be what was
there at that batch. Since every posting adds up to zero, the equation then held at every commit of the exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.custody.circle import EXCHANGE
from ringfence.custody.equation import Equation, EquationReader
from ringfence.database import Store
from ringfence.ledger import Ledger
from ringfence.ledger.replay import BatchRow, Finding, Replay
from ringfence.ledger.verify import Verdict, verify


@dataclass(frozen=True, slots=True)
class CircleVerdict:
    """The verdict on every book, what is wrong between them, how many take-overs were compared, and the equation now."""

    books: tuple[Verdict, ...]
    between: tuple[Finding, ...]
    compared: int
    equation: Equation

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(book.ok for book in self.books) and not self.between and self.equation.holds

    @property
    def postings(self) -> int:
        """Postings that were checked."""
        return sum(book.postings for book in self.books)

    @property
    def findings(self) -> list[Finding]:
        """Everything that is wrong."""
        found = [finding for book in self.books for finding in book.findings] + list(self.between)
        if not self.equation.holds:
            equation = self.equation
            found.append(
                Finding(
                    EXCHANGE,
                    "money equation",
                    f"{equation.difference_minor} fen at the banks are not accounted for; "
                    f"{equation.transit_nonzero} transit accounts are not zero",
                )
            )
        return found


def verify_circle(store: Store, banks: Sequence[str]) -> CircleVerdict:
    """Verify the books of `banks` and of the exchange, through the auditors' logins."""
    with EquationReader(store, banks) as reader:
        equation = reader.read()
    at_bank: dict[str, dict[int, int]] = {}
    books = []
    for bank in banks:
        seen: dict[int, int] = {}
        at_bank[bank] = seen

        def at_batch(batch: BatchRow, replay: Replay, seen: dict[int, int] = seen) -> None:
            seen[batch.id] = _sum(replay, "exchange-client-money")

        with Ledger(store, bank, "auditor") as ledger:
            books.append(verify(ledger, at_batch))
    between: list[Finding] = []
    compared = 0

    def compare(batch: BatchRow, replay: Replay) -> None:
        nonlocal compared
        if batch.source is None or batch.source_batch is None:
            return
        bank = next(name for name, number in replay.parties.items() if number == batch.source)
        written = -_sum(replay, "bank-cash", owner=batch.source)
        there = at_bank.get(bank, {}).get(batch.source_batch)
        compared += 1
        if written != there:
            what = f"{written} written down, {there} at {bank} after its batch {batch.source_batch}"
            between.append(Finding(EXCHANGE, f"batch {batch.id}", what))

    with Ledger(store, EXCHANGE, "auditor") as ledger:
        books.append(verify(ledger, compare))
    return CircleVerdict(tuple(books), tuple(between), compared, equation)


def _sum(replay: Replay, kind: str, owner: int | None = None) -> int:
    """What the accounts of a kind hold, few as they are."""
    number = next(place for place, declared in enumerate(replay.kinds, 1) if declared["name"] == kind)
    return sum(account.balance for account in replay.by_kind[number] if owner is None or account.owner == owner)
