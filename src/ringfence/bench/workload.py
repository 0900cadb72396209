"""What is measured: ten thousand clients who save, or pay into one pool, with everything that the kernel does switched on.

The relation is the client's own accounts, the authority is an officer's grant with caps that are counted, running balances
and the chain are always on, and part of every wallet is held. Random: a client's wallet to its own pocket, so each posting
has two accounts that hardly another one has. Hot: a client's wallet to the one pool. A refused posting asks for more than
there is. Keys are random, which is the worst for an index.
"""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Callable
from typing import Literal

from ringfence.database import Store
from ringfence.ledger import (
    AccountName,
    Action,
    Caps,
    Declaration,
    Instruction,
    Kind,
    Ledger,
    Party,
    Route,
    create_ledger,
)

Case = Literal["random", "hot", "random-2%-refused", "hot-2%-refused"]
DAY = datetime.date(2020, 3, 6)
FUNDED_MINOR = 10**13
HELD_MINOR = 1_00
MORE_THAN_THERE_IS_MINOR = 10**14
CAPS = Caps(per_item_minor=10**15, per_day_minor=10**15)
DECLARATION = Declaration(
    units=("CNY",),
    kinds=(
        Kind("outside", "world", "free"),
        Kind("wallet", "client", "non-negative"),
        Kind("pocket", "client", "non-negative"),
        Kind("pool", "house", "non-negative"),
        # What crosses to another ledger of the same book; over all of them it adds up to zero.
        Kind("between-ledgers", "house", "free"),
    ),
    routes=(
        Route("arrival", ("outside", "wallet"), "teller", same_client=True),
        Route("saving", ("wallet", "pocket"), "teller", same_client=True, under="officer"),
        Route("collection", ("wallet", "pool"), "teller", same_client=True, under="officer"),
        Route("loss", ("wallet", "between-ledgers"), "teller", same_client=True),
        Route("profit", ("between-ledgers", "wallet"), "teller", same_client=True),
        Route("reserved", ("wallet", "outside"), "teller", "teller", same_client=True),
    ),
    logins={
        "teller": frozenset({"reads", "posts", "closes"}),
        "officer": frozenset({"reads", "grants"}),
        "registrar": frozenset({"reads", "registers"}),
        "intake": frozenset({"reads", "confirms"}),
    },
)


def make(store: Store, name: str, clients: int, say: Callable[[str], None]) -> None:
    """Declare the ledger `name`, register and fund `clients` and hold a little of what each has."""
    say(f"registering {clients:,} clients in the ledger {name}")
    create_ledger(store, name, DECLARATION)
    names = [f"c{n:06}" for n in range(clients)]
    with Ledger(store, name, "registrar") as registrar:
        registrar.register(
            parties=[Party("world", "world"), Party("house", "house"), Party("m", "member")],
            accounts=[
                (AccountName("outside", "world"), None),
                (AccountName("pool", "house"), None),
                (AccountName("between-ledgers", "house"), None),
            ],
        )
        for start in range(0, clients, 5_000):
            some = names[start : start + 5_000]
            registrar.register(
                parties=[Party(client, "client", "m") for client in some],
                accounts=[(AccountName(kind, client), None) for client in some for kind in ("wallet", "pocket")],
            )
    with Ledger(store, name, "officer") as officer:
        for route in ("saving", "collection"):
            officer.give(f"bench:{route}", parent=officer.granted(route)[0].id, grantee="teller", caps=CAPS)
    with Ledger(store, name, "teller") as teller:
        teller.open_day(DAY)
        outside = teller.account("outside", "world")
        wallets = [teller.account("wallet", client) for client in names]
        funded = [
            Instruction(f"fund:{client}", "arrival", client, (outside, wallet), FUNDED_MINOR, DAY)
            for client, wallet in zip(names, wallets, strict=True)
        ]
        held = [
            Instruction(f"hold:{client}", "reserved", client, (wallet, outside), HELD_MINOR, DAY, action=Action.HOLD)
            for client, wallet in zip(names, wallets, strict=True)
        ]
        for outcome in teller.post_in_batches(funded + held):
            assert outcome.refusal is None, outcome.refusal


class Wishes:
    """Instructions without end, of one case."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self._dice = random.Random(seed)
        self._clients = [name for name, party in ledger.parties.items() if party.role == "client"]
        self._wallet = {client: ledger.account("wallet", client) for client in self._clients}
        self._pocket = {client: ledger.account("pocket", client) for client in self._clients}
        self._pool = ledger.account("pool", "house")

    def some(self, case: Case, number: int) -> list[Instruction]:
        """So many more."""
        hot, refused = case.startswith("hot"), case.endswith("refused")
        return [self._one(hot, refused) for _ in range(number)]

    def _one(self, hot: bool, refused: bool) -> Instruction:
        client = self._dice.choice(self._clients)
        amount = self._dice.randint(1, 1_000_00)
        if refused and self._dice.randrange(50) == 0:
            amount = MORE_THAN_THERE_IS_MINOR
        target, route = (self._pool, "collection") if hot else (self._pocket[client], "saving")
        key = uuid.UUID(int=self._dice.getrandbits(128)).hex
        return Instruction(key, route, client, (self._wallet[client], target), amount, DAY)
