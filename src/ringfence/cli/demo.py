"""`ringfence demo`: one account paid from another."""

from __future__ import annotations

import typer

from ringfence.cli.options import StoreOption


def demo(store: StoreOption = None) -> None:
    """Pay one account from another in the embedded database and print both."""
    from ringfence.cli.options import settings
    from ringfence.database import Store, drop_ledger
    from ringfence.ledger.ledger import create_ledger, post
    from ringfence.money import render, unit

    with Store.open(settings(store)) as opened, opened.connect() as connection:
        drop_ledger(connection, "demo")
        create_ledger(opened, "demo")
        connection.execute("INSERT INTO demo.account (name) VALUES ('clearing'), ('client')")
        post(connection, "demo", key="1", debit="clearing", credit="client", amount_minor=1_000_00)
        for name, balance in connection.execute("SELECT name, balance FROM demo.account ORDER BY id"):
            typer.echo(f"{name:10} {render(balance, unit('CNY')):>12} CNY")
