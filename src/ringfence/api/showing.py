"""Rows of a ledger as they go over HTTP."""

from __future__ import annotations

from ringfence.ledger.readings import AccountRow, RecordedPosting
from ringfence.money import render, unit
from ringfence.shapes import AccountShown, EntryShown, PostingShown


def account_shown(row: AccountRow) -> AccountShown:
    """An account in words."""
    measured = unit(row.name.unit)
    return AccountShown(
        id=row.id,
        **row.name._asdict(),
        number=row.number,
        balance=render(row.balance_minor, measured),
        held=render(row.held_out_minor, measured),
    )


def posting_shown(recorded: RecordedPosting) -> PostingShown:
    """A posting in words."""
    row = recorded.posting
    measured = unit(row.unit)
    return PostingShown(
        id=row.id,
        batch=recorded.batch,
        recorded_at=recorded.recorded_at,
        day=recorded.day,
        action=row.action,
        route=row.route,
        subject=row.subject,
        amount=render(row.amount_minor, measured),
        unit=row.unit,
        value_date=row.value_date,
        key=row.key,
        payee=row.payee,
        ref=row.ref,
        about=row.about,
        entries=[
            EntryShown(
                kind=entry.account.kind,
                owner=entry.account.owner,
                amount=render(entry.amount_minor, unit(entry.account.unit)),
                balance=render(entry.balance_minor, unit(entry.account.unit)),
            )
            for entry in row.entries
        ],
    )
