"""What the exchange has booked of its banks, against the reports that it has kept: movement by movement, each signed by its bank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ringfence.custody.parties import EXCHANGE
from ringfence.custody.report import Line, Report
from ringfence.errors import RingfenceError
from ringfence.ledger import Ledger
from ringfence.ledger.rows import Finding
from ringfence.links import KeptLetter, kept_letters

_BOOKED = """
    SELECT p.id, p.key, r.name, s.name, p.payee, p.amount, k.name, b.source_batch
    FROM {0}.batch AS b
    JOIN {0}.party AS k ON k.id = b.source
    JOIN {0}.posting AS p ON p.batch = b.id
    JOIN {0}.route AS r ON r.id = p.route
    JOIN {0}.party AS s ON s.id = p.subject
    WHERE b.id > %s
"""
_INTO = ("deposit", "cover", "unknown")


class _Booked(NamedTuple):
    """A posting of the exchange's for what a bank has posted in its `batch`."""

    posting: int
    key: str
    route: str
    subject: str
    payee: str
    amount_minor: int
    bank: str
    batch: int


@dataclass(slots=True)
class Reports:
    """What banks have reported: movements by their key at the exchange, and what stood on the account after each batch, in fen."""

    lines: dict[str, Line] = field(default_factory=dict)
    balances: dict[tuple[str, int], int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def read(self, bank: str, kept: KeptLetter) -> None:
        """Read a report that was kept, if it is signed and adds up."""
        where = f"letter {kept.id}"
        if not kept.letter.signed_by(kept.public_key):
            self.findings.append(Finding(EXCHANGE, where, f"it is not signed by the key that was known of {bank}"))
            return
        try:
            report = Report.from_document(bank, kept.letter.content)
        except RingfenceError as error:
            self.findings.append(Finding(EXCHANGE, where, error.text("en")))
            return
        balance = report.balance_after_minor
        for batch in report.batches:
            balance += sum(line.amount_minor for line in batch.lines)
            self.balances[bank, batch.batch] = balance
            self.lines |= {f"{bank}:{line.posting}": line for line in batch.lines}
        if balance != report.balance_minor:
            what = f"{bank} reports {report.balance_minor}, its movements add up to {balance}"
            self.findings.append(Finding(EXCHANGE, where, what))


def compare_with_reports(exchange: Ledger, banks: Iterable[str], since: int) -> Reports:
    """The reports from which the exchange has booked its batches after `since`, with what differs from them."""
    booked = [_Booked(*row) for row in exchange.rows(_BOOKED, (since,))]
    reports = Reports()
    for bank in banks:
        batches = [one.batch for one in booked if one.bank == bank]
        if batches:
            for kept in kept_letters(exchange.connection, EXCHANGE, "report", bank, min(batches) - 1):
                reports.read(bank, kept)
    for one in booked:
        wrong = _differs(one, reports.lines.get(one.key))
        if wrong:
            reports.findings.append(Finding(EXCHANGE, f"posting {one.posting}", wrong))
    return reports


def _differs(booked: _Booked, line: Line | None) -> str:
    if line is None:
        return f"{booked.bank} has reported no movement {booked.key}"
    came_in = booked.route in _INTO
    # The unknown wait in suspense, which is the exchange's; a cover names the client for whom it was paid in.
    subject = {"unknown": EXCHANGE, "cover": line.ref}.get(booked.route, line.subject)
    route = "cover" if line.route.startswith("cover-") else line.route
    said = (line.batch, line.amount_minor, subject, line.payee if booked.payee else "")
    stands = (booked.batch, booked.amount_minor if came_in else -booked.amount_minor, booked.subject, booked.payee)
    if said != stands or booked.route not in (route, "unknown"):
        return f"{booked.bank} has reported {route} {said}, booked is {booked.route} {stands}"
    return ""
