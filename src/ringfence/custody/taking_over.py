"""Taking over what the banks have posted: the exchange's side of every confirmed movement.

A bank's batch is booked in one batch of the exchange's book, which says so; thereby the exchange's book always knows up
to which batch of each bank it has got. Deposits and covers are credited, payments that a bank has made are posted against
their holds. Confirmed money is never left out: what cannot be credited to anybody waits in suspense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.exchange import alone, each
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.report import BankBatch, Line, taken_over
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Action, Instruction, Ledger


class TakeOverRefused(RingfenceError):
    """What a bank has paid out is not what the exchange holds: `bank`, `batch`, `detail`. A person must look."""

    code = "take-over-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "batch {batch} of {bank} cannot be taken over: {detail}",
        "zh": "无法接收 {bank} 的批次 {batch}:{detail}",
    }


def take_over(link: Ledger, banks: Mapping[str, ClearingBank]) -> None:
    """Book what `banks` have posted and the exchange has not, batch by batch.

    Of each bank the letter is kept from which it is booked. One process of the exchange does it at a time; who comes second
    finds it done. Errors: TakeOverRefused; as ClearingBank.report; the first, after every bank had its turn.
    """
    each(banks, lambda name: _take_over_from(link, banks[name]))


def _take_over_from(link: Ledger, bank: ClearingBank) -> None:
    with alone(link, "take over", bank.name):
        report, letter, by = bank.report(link.connection, taken_over(link, bank.name))
        while report.lines:
            bank.box.keep(link.connection, letter, by)
            for batch in report.batches:
                _take_over(link, batch)
            if not report.more:
                break
            report, letter, by = bank.report(link.connection, report.through)


def _take_over(link: Ledger, batch: BankBatch) -> None:
    # What the bank has posted on a day that is closed here is booked on the day that is open.
    ((day, closed_through),) = link.rows("SELECT day, closed_through FROM {}.head")
    lines = [line if line.value_date > closed_through else replace(line, value_date=day) for line in batch.lines]
    if any(line.subject not in link.parties for line in lines):
        # It may have been registered since.
        link.refresh()
    instructions = [_booking(link, batch.bank, line) for line in lines]
    over = (batch.bank, batch.batch)
    posted = link.post(instructions, over, whole=True)
    if posted.refusals:
        # Confirmed money is never left out: what cannot be credited to anybody waits in suspense.
        incoming = [
            _suspended(link, batch.bank, line) if outcome.refusal and line.amount_minor > 0 else outcome.instruction
            for line, outcome in zip(lines, posted.outcomes, strict=True)
        ]
        posted = link.post(incoming, over, whole=True)
    if posted.refusals:
        raise TakeOverRefused(bank=batch.bank, batch=batch.batch, detail=str(posted.refusals[0]))


def _booking(link: Ledger, bank: str, line: Line) -> Instruction:
    mirror = link.account("bank-cash", bank)
    client = line.ref if line.route.startswith("cover-") else line.subject
    if line.amount_minor > 0:
        if client not in link.parties:
            return _suspended(link, bank, line)
        return Instruction(
            key=f"{bank}:{line.posting}",
            route="deposit" if line.route == "deposit" else "cover",
            subject=client,
            path=(mirror, link.account("client-cash", client)),
            amount_minor=line.amount_minor,
            value_date=line.value_date,
            payee=line.payee,
        )
    source = "fees-due" if line.route == "fee-payout" else "client-cash"
    return Instruction(
        key=f"{bank}:{line.posting}",
        route=line.route,
        subject=client,
        path=(link.account(source, client), mirror),
        amount_minor=-line.amount_minor,
        value_date=line.value_date,
        action=Action.POST_HELD,
        hold=int(line.key.removeprefix("order:")),
        payee=line.payee,
    )


def _suspended(link: Ledger, bank: str, line: Line) -> Instruction:
    return Instruction(
        key=f"{bank}:{line.posting}",
        route="unknown",
        subject=EXCHANGE,
        path=(link.account("bank-cash", bank), link.account("suspense", EXCHANGE)),
        amount_minor=line.amount_minor,
        value_date=line.value_date,
        ref=line.subject,
    )
