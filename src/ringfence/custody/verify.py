"""The verifier of a whole circle: every ledger from zero, and the money equation through all of its history.

For each bank, whenever the exchange took over a batch of it, what the exchange then had written down must be what was
there at that batch. Since every posting adds up to zero, the equation then held at every commit of the exchange. What was there is
told by the reports that the exchange has kept, each signed by its bank, and movement by movement; and, where the bank's book is in
the same store, by that book. Where a client has signed for a withdrawal, the signature is checked against the words that the posting
says; where metal went out, that two keepers released it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ringfence.custody.clearing_bank import ReportRefused
from ringfence.custody.equation import Equation, EquationReader
from ringfence.custody.keepers import released_by_one
from ringfence.custody.parties import EXCHANGE, institutions
from ringfence.custody.reported import Reports, compare_with_reports
from ringfence.custody.requests import signature_in, signed, words
from ringfence.database import Store
from ringfence.ledger import Ledger
from ringfence.ledger.checkpoint import Checkpoint
from ringfence.ledger.head import HeadMismatch, Heads
from ringfence.ledger.replay import Replay
from ringfence.ledger.rows import BatchRow, Finding
from ringfence.ledger.verify import Verdict, verify
from ringfence.links import LetterRefused, NoAnswer


@dataclass(frozen=True, slots=True)
class CircleVerdict:
    """The verdict on every book, what is wrong between them, how many take-overs were compared, and the equation now: None
    where the exchange's book is not among them, or a bank that is elsewhere does not answer.
    """

    books: tuple[Verdict, ...]
    between: tuple[Finding, ...]
    compared: int
    equation: Equation | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        holds = self.equation is None or self.equation.holds
        return all(book.ok for book in self.books) and not self.between and holds

    @property
    def postings(self) -> int:
        """Postings that were read this time."""
        return sum(book.postings for book in self.books)

    @property
    def reached(self) -> int:
        """Postings that are right, by this verification and those that it went on from; 0 in a book where something is wrong."""
        return sum(book.checkpoint.posting for book in self.books if book.checkpoint is not None)

    @property
    def findings(self) -> list[Finding]:
        """Everything that is wrong."""
        found = [finding for book in self.books for finding in book.findings] + list(self.between)
        equation = self.equation
        if equation is not None and not equation.holds:
            found.append(
                Finding(
                    EXCHANGE,
                    "money equation",
                    f"{equation.difference_minor} fen at the banks are not accounted for; "
                    f"{equation.transit_nonzero} transit accounts are not zero",
                )
            )
        return found


class _TakenOver(NamedTuple):
    """In its batch `at`, the exchange has taken over a bank's batch and then written down what is there, in fen."""

    at: int
    bank: str
    batch: int
    written: int


def verify_circle(store: Store, banks: Sequence[str], *, since_last: bool = False) -> CircleVerdict:
    """Verify those books of `banks` and of the exchange that are in the store, through the auditors' logins, and every head that
    was signed.

    From zero; or `since_last` time, from where the last verification that found nothing wrong got to. Errors: as
    Heads.check; NoLink.
    """
    with store.connect() as connection:
        here = institutions(connection)
    heads = Heads(store)
    books: list[Verdict] = []
    between: list[Finding] = []
    taken: list[_TakenOver] = []
    equation, reports = None, Reports()

    def write_down(batch: BatchRow, replay: Replay) -> None:
        if batch.source is not None and batch.source_batch is not None:
            bank = next(name for name, number in replay.parties.items() if number == batch.source)
            taken.append(_TakenOver(batch.id, bank, batch.source_batch, -_sum(replay, "bank-cash", owner=batch.source)))

    def at_batch(batch: BatchRow, replay: Replay) -> int:
        return _sum(replay, "exchange-client-money")

    # The exchange's book first: while all of them go on, whatever it has taken over is at the bank by then.
    if EXCHANGE in here:
        with contextlib.suppress(NoAnswer), EquationReader(store, banks) as reader:
            try:
                equation = reader.read()
            except (ReportRefused, LetterRefused) as error:
                between.append(Finding(EXCHANGE, "money equation", error.text("en")))
        with Ledger(store, EXCHANGE, "auditor") as ledger:
            between += heads.check(ledger)
            exchange = verify(ledger, write_down, _since(heads, EXCHANGE, since_last=since_last))
            between += _signatures(ledger, exchange.since)
            between += released_by_one(ledger, exchange.since)
            reports = compare_with_reports(ledger, banks, exchange.since)
        books.append(exchange)
        between += reports.findings
    for bank in banks:
        if bank not in here:
            continue
        with Ledger(store, bank, "auditor") as ledger:
            between += heads.check(ledger)
            verdict = verify(ledger, at_batch, _since(heads, bank, since_last=since_last))
        books.insert(len(books) - (EXCHANGE in here), verdict)
        between += _between(taken, bank, {(bank, batch): amount for batch, amount in verdict.notes.items()}, bank)
    between += _between(taken, None, reports.balances, "its report")
    found = CircleVerdict(tuple(books), tuple(between), len(taken), equation)
    if found.ok:
        reached = {over.bank: over.batch for over in taken}
        for book in books:
            _keep(heads, book, reached.get(book.ledger, 0))
    return found


def _between(
    taken: Sequence[_TakenOver], bank: str | None, there: Mapping[tuple[str, int], int], by: str
) -> list[Finding]:
    """Where the exchange has written down something else than was there, by a bank's book or by the reports of all."""
    return [
        Finding(
            EXCHANGE,
            f"batch {over.at}",
            f"{over.written} written down, {there.get((over.bank, over.batch))} at {over.bank} after its batch {over.batch} by {by}",
        )
        for over in taken
        if bank in (None, over.bank) and there.get((over.bank, over.batch)) != over.written
    ]


def _signatures(exchange: Ledger, since: int) -> list[Finding]:
    """Withdrawals after batch `since` that say who signed them: that whoever has that key did sign these words."""
    rows = exchange.rows(
        """
        SELECT p.id, s.name, p.amount, p.payee, p.key, p.ref FROM {0}.posting AS p JOIN {0}.party AS s ON s.id = p.subject
        WHERE p.ref LIKE 'ed25519 %%'
            AND p.id > coalesce((SELECT first_posting + postings - 1 FROM {0}.batch WHERE id = %s), 0)
        """,
        (since,),
    )
    return [
        Finding(EXCHANGE, f"posting {number}", "the client's signature that stands in it is not of these words")
        for number, client, amount_minor, payee, key, ref in rows
        if not ((by := signature_in(ref)) and signed(*by, words(client, amount_minor, payee, key)))
    ]


def require_untouched(store: Store, banks: Sequence[str]) -> CircleVerdict:
    """Before anything runs on these books: that they are what was signed, and that all since the last time is right; the verdict.

    Errors: HeadMismatch, which names the first thing that is wrong; as verify_circle.
    """
    verdict = verify_circle(store, banks, since_last=True)
    if not verdict.ok:
        first = verdict.findings[0]
        raise HeadMismatch(ledger=first.ledger, detail=f"{first.where}: {first.what}")
    return verdict


def _since(heads: Heads, book: str, *, since_last: bool) -> Checkpoint | None:
    return Checkpoint.read(heads.verified(book)) if since_last else None


def _keep(heads: Heads, book: Verdict, reached: int) -> None:
    """Keep where the verification got to, with what the exchange may still take over."""
    if book.checkpoint is not None:
        notes = {batch: amount for batch, amount in book.checkpoint.notes.items() if batch >= reached}
        replace(book.checkpoint, notes=notes).write(heads.verified(book.ledger))


def _sum(replay: Replay, kind: str, owner: int | None = None) -> int:
    """What the accounts of a kind hold, few as they are."""
    number = next(place for place, declared in enumerate(replay.kinds, 1) if declared["name"] == kind)
    return sum(account.balance for account in replay.by_kind[number] if owner is None or account.owner == owner)
