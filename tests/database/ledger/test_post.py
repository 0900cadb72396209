"""One account paid from another, in a real database."""

from __future__ import annotations

import psycopg
import pytest

from ringfence.database import Store
from ringfence.ledger.ledger import create_ledger, post


def test_one_account_is_paid_from_another_and_never_overdrawn(store: Store) -> None:
    create_ledger(store, "harbour")
    with store.connect() as connection:
        connection.execute("INSERT INTO harbour.account (name) VALUES ('clearing'), ('client')")
        post(connection, "harbour", key="1", debit="clearing", credit="client", amount_minor=700)
        with pytest.raises(psycopg.errors.CheckViolation):
            post(connection, "harbour", key="2", debit="client", credit="clearing", amount_minor=701)
        balances = connection.execute("SELECT name, balance FROM harbour.account ORDER BY name").fetchall()
    assert balances == [("clearing", -700), ("client", 700)]
