"""A ledger as a text that beancount reads: every account, every posting, and at its end what every account must be.

beancount counts what an institution has as positive and what it owes as negative, the other way round than the ledger does.
Kinds that are never above zero become assets, free ones equity, all others liabilities. A posting stands on its value
date. Accounts are asserted on the day after the last one, from what the ledger keeps and not from what was written out.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping

from ringfence.ledger.journal import JournalPosting, journal_after
from ringfence.ledger.registry import AccountName, Registry
from ringfence.money import render, unit

_ROOTS = {"non-positive": "Assets", "free": "Equity"}


def to_beancount(ledger: Registry) -> Iterator[str]:
    """Write `ledger` line by line, all of it as it is at one moment."""
    with ledger.connection.transaction():
        ledger.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ledger.refresh()
        names = _names(ledger)
        ((first, last),) = ledger.rows(
            "SELECT coalesce(min(p.value_date), h.day), coalesce(max(p.value_date), h.day) "
            "FROM {0}.head AS h LEFT JOIN {0}.posting AS p ON true GROUP BY h.day"
        )
        yield f'option "title" "Ringfence: {ledger.name}"'
        for (code,) in ledger.rows("SELECT code FROM {}.unit ORDER BY id"):
            yield f'option "operating_currency" "{code}"'
        yield ""
        for account, name in names.items():
            yield f"{first} open {name} {account.unit}"
        for batch in journal_after(ledger):
            for posting in batch.postings:
                if posting.entries:
                    yield ""
                    yield from _transaction(posting, batch.batch, names)
        yield ""
        after = last + datetime.timedelta(1)
        for number, balance in ledger.rows("SELECT id, balance FROM {}.account ORDER BY id"):
            account = ledger.names[number]
            yield f"{after} balance {names[account]}  {render(-balance, unit(account.unit))} ~ 0 {account.unit}"


def _transaction(posting: JournalPosting, batch: int, names: Mapping[AccountName, str]) -> Iterator[str]:
    linked = f" ^linked-{posting.link}" if posting.link else ""
    yield f"{posting.value_date} * {_quoted(posting.route)} {_quoted(posting.subject)}{linked}"
    yield f"  posting: {posting.id}"
    yield f"  batch: {batch}"
    yield f"  key: {_quoted(posting.key)}"
    if posting.ref:
        yield f"  ref: {_quoted(posting.ref)}"
    for account, amount, _ in posting.entries:
        yield f"  {names[account]}  {render(-amount, unit(account.unit))} {account.unit}"


def _names(ledger: Registry) -> dict[AccountName, str]:
    """A name that beancount allows for every account, and no two the same."""
    invariants = dict(ledger.rows("SELECT name, invariant FROM {}.kind"))
    names: dict[AccountName, str] = {}
    taken: set[str] = set()
    for account, number in ledger.accounts.items():
        parts = [_ROOTS.get(invariants[account.kind], "Liabilities"), _part(account.kind), _part(account.owner)]
        parts += [str(account.ordinal)] if account.ordinal > 1 else []
        parts += [] if account.unit == "CNY" else [_part(account.unit)]
        name = ":".join(parts)
        names[account] = name = f"{name}-{number}" if name in taken else name
        taken.add(name)
    return names


def _part(text: str) -> str:
    """Letters, digits and dashes, a capital or a digit first."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "X"
    return plain[0].upper() + plain[1:]


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]+", " ", plain) + '"'
