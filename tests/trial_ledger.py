"""A small ledger for the tests of the kernel: every kind, every relation, paths of two, three and four accounts."""

from __future__ import annotations

import datetime
from dataclasses import replace

from ringfence.database import Store
from ringfence.ledger import AccountName, Binding, Declaration, Instruction, Kind, Ledger, Party, Route, create_ledger

LEDGER = "trial"
DAY = datetime.date(2020, 3, 6)
CLIENTS = {"ann": "m1", "bo": "m1", "cy": "m2"}
KINDS = (
    Kind("outside", "world", "free"),
    Kind("wallet", "client", "non-negative"),
    Kind("transit", "member", "zero"),
    Kind("gate", "house", "zero"),
    Kind("pool", "house", "non-negative"),
    Kind("mirror", "bank", "non-positive"),
    Kind("run", "house", "free", zero_at_close=True),
    Kind("pocket", "client", "non-negative", one_per_owner=False, units=("CNY",)),
)
_ROUTES = (
    Route("arrival", ("outside", "wallet"), "teller", same_client=True),
    Route("anyhow", ("outside", "wallet"), "teller"),
    Route(
        "deposit", ("wallet", "transit", "pool"), "teller", same_client=True, own_member=True, registered_account=True
    ),
    Route("gated", ("pool", "gate", "transit", "wallet"), "teller", same_client=True, own_member=True),
    Route(
        "withdrawal",
        ("wallet", "mirror"),
        "clerk",
        "teller",
        same_client=True,
        registered_account=True,
        bank_confirmed=True,
    ),
    Route("confirmed", ("mirror", "wallet"), "teller", same_client=True, bank_confirmed=True),
    Route("filled", ("outside", "mirror"), "teller"),
    Route("loss", ("wallet", "run"), "teller", same_client=True),
    Route("profit", ("run", "wallet"), "teller", same_client=True),
    Route("reserved", ("outside", "mirror"), "clerk", "clerk"),
    Route("saving", ("wallet", "pocket"), "teller", same_client=True),
    Route("spending", ("pocket", "wallet"), "teller", same_client=True),
    Route("return", ("wallet", "outside"), "teller", same_client=True, reverses="arrival"),
    Route("recall", ("pool", "transit", "wallet"), "clerk", same_client=True, own_member=True, reverses="deposit"),
    Route("payment", ("wallet", "outside"), "clerk", under="officer", same_client=True),
    Route("payment-later", ("wallet", "outside"), "clerk", "teller", under="officer", same_client=True),
)
# Two days back and three ahead, but for one route.
ROUTES = tuple(replace(r, back_days=2, ahead_days=3) if r.name != "filled" else r for r in _ROUTES)
DECLARATION = Declaration(
    units=("CNY", "AU9999"),
    kinds=KINDS,
    routes=ROUTES,
    logins={
        "teller": frozenset({"reads", "posts", "closes"}),
        "clerk": frozenset({"reads", "posts"}),
        "officer": frozenset({"reads", "grants"}),
        "deputy": frozenset({"reads", "grants"}),
        "registrar": frozenset({"reads", "registers"}),
        "intake": frozenset({"reads", "confirms"}),
        "auditor": frozenset({"reads"}),
        "guide": frozenset({"reads", "grants"}),
    },
    shows=("guide",),
    cool_off_days=2,
)


def account_number(client: str) -> str:
    """The registered account of a client."""
    return f"62-{client}"


def binding(client: str) -> Binding:
    """The account of a client, as both institutions say it."""
    return Binding(client, "bank", account_number(client), f"id-{client}")


def arrival(
    ledger: Ledger, key: str, client: str, amount_minor: int, unit: str = "CNY", value_date: datetime.date = DAY
) -> Instruction:
    """Money that reaches a client's wallet from outside."""
    path = (ledger.account("outside", "world", unit), ledger.account("wallet", client, unit))
    return Instruction(key, "arrival", client, path, amount_minor, value_date)


def make_trial_ledger(store: Store) -> None:
    """Declare the ledger and register three clients of two members at one bank, a bank that nobody is bound to, and open a day."""
    create_ledger(store, LEDGER, DECLARATION)
    with Ledger(store, LEDGER, "registrar") as registrar:
        registrar.register(
            parties=[
                Party("world", "world", None),
                Party("house", "house", None),
                Party("bank", "bank", None),
                Party("strange-bank", "bank", None),
                Party("m1", "member", None),
                Party("m2", "member", None),
                *(Party(client, "client", member, f"id-{client}") for client, member in CLIENTS.items()),
                Party("friends", "group", None),
            ],
            groups={"friends": ["ann", "m2"]},
            accounts=[
                (AccountName("outside", "world"), None),
                (AccountName("outside", "world", "AU9999"), None),
                (AccountName("pool", "house"), None),
                (AccountName("gate", "house"), None),
                (AccountName("run", "house"), None),
                (AccountName("mirror", "bank"), None),
                (AccountName("mirror", "strange-bank"), None),
                (AccountName("transit", "m1"), None),
                (AccountName("transit", "m2"), None),
                *((AccountName("wallet", client), account_number(client)) for client in CLIENTS),
                (AccountName("wallet", "ann", "AU9999"), None),
            ],
        )
        bindings = [binding(client) for client in CLIENTS if client != "cy"]
        registrar.bind(bindings)
    with Ledger(store, LEDGER, "intake") as intake:
        intake.confirm(bindings)
    with Ledger(store, LEDGER, "teller") as teller:
        teller.open_day(DAY)
