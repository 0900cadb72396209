"""Registering members and clients, and binding clients to their accounts (K5): each institution in its own book.

The registrars do it, who cannot post. A binding is in force once the other institution has confirmed it in the same words; the
exchange's intake asks each bank for its words and tells its own.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.parties import CLEARING, EXCHANGE, METALS, VAULT, Client, Member
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import AccountName, Binding, Ledger, Party, create_login

_METAL = (("vault-metal", VAULT), ("delivery", EXCHANGE))


def register_at_bank(
    store: Store,
    bank: str,
    members: Collection[Member],
    clients: Iterable[Client],
    watch: Callable[[], None] | None = None,
) -> None:
    """Register at `bank` its clients and their members, with the members' and the exchange's accounts; what is there stays.

    Errors: Refused.
    """
    here = [client for client in clients if client.bank == bank]
    known = [m for m in members if m.bank == bank or any(client.member == m.name for client in here)]
    with Ledger(store, bank, "registrar", watch) as registrar:
        registrar.register(
            parties=[
                Party(CLEARING, "clearing"),
                Party(EXCHANGE, "exchange"),
                Party(bank, "bank"),
                *(m.party for m in known),
                *(client.party for client in here),
            ],
            accounts=[
                (AccountName("clearing", CLEARING), None),
                (AccountName("exchange-client-money", EXCHANGE), None),
                (AccountName("exchange-own", EXCHANGE), None),
                (AccountName("exchange-reserve", EXCHANGE), None),
                *((AccountName("member-transit", m.name), None) for m in known),
                *((AccountName("member-own", m.name), None) for m in members if m.bank == bank),
                *((AccountName("member-guarantee", m.name), None) for m in members if m.bank == bank),
            ],
        )


def register_at_exchange(
    store: Store,
    banks: Iterable[str],
    members: Collection[Member],
    clients: Collection[Client],
    watch: Callable[[], None] | None = None,
) -> None:
    """Register the vault, banks, members and clients at the exchange, and let members read their clients; what is there stays.

    Errors: Refused.
    """
    banks = list(banks)
    with Ledger(store, EXCHANGE, "registrar", watch) as registrar:
        registrar.register(
            parties=[
                Party(EXCHANGE, "exchange"),
                Party(VAULT, "vault"),
                *(Party(bank, "bank") for bank in banks),
                *(m.party for m in members),
                *(client.party for client in clients),
            ],
            accounts=[
                *((AccountName("bank-cash", bank), None) for bank in banks),
                *(
                    (AccountName(kind, EXCHANGE), None)
                    for kind in ("settlement", "deferral", "rounding", "fees-due", "suspense", "delivery")
                ),
                *((AccountName(*account, metal), None) for account in _METAL for metal in METALS),
                *((AccountName("client-cash", client.name), None) for client in clients),
            ],
        )
        _let_read(store, registrar, members)


def open_metal(
    store: Store, wanted: Iterable[tuple[str, str]], watch: Callable[[], None] | None = None
) -> list[tuple[str, str]]:
    """Open clients' accounts for metal, (client, metal); those that were opened now. Errors: BadInput for a metal that the
    exchange does not keep, or somebody who is no client.
    """
    with Ledger(store, EXCHANGE, "registrar", watch) as registrar:
        for client, metal in (wanted := list(wanted)):
            if metal not in METALS:
                raise BadInput("metal", metal, f"one of {', '.join(METALS)}")
            if registrar.party(client).role != "client":
                raise BadInput("client", client, "a client that is registered")
        names = [AccountName("client-metal", client, metal) for client, metal in dict.fromkeys(wanted)]
        opened = [name for name in names if name not in registrar.accounts]
        registrar.register(accounts=[(name, None) for name in opened])
    return [(name.owner, name.unit) for name in opened]


def bind_at_bank(store: Store, bank: str, bindings: Iterable[Binding], watch: Callable[[], None] | None = None) -> None:
    """Open the accounts of a bank's clients that are not open yet, and bind them. Errors: Refused."""
    here = [binding for binding in bindings if binding.bank == bank]
    with Ledger(store, bank, "registrar", watch) as registrar:
        registrar.register(accounts=_new_accounts(registrar, here))
        _bind(registrar, here)


def bind_at_exchange(store: Store, bindings: Iterable[Binding], watch: Callable[[], None] | None = None) -> None:
    """Bind clients at the exchange. Errors: Refused."""
    with Ledger(store, EXCHANGE, "registrar", watch) as registrar:
        _bind(registrar, list(bindings))


def confirm_bindings(store: Store, banks: Iterable[ClearingBank], watch: Callable[[], None] | None = None) -> None:
    """Tell the banks what the exchange says of clients' accounts, and confirm what waits here in their words.

    Errors: Refused where the two do not say the same; as ClearingBank.bindings.
    """
    with Ledger(store, EXCHANGE, "intake", watch) as intake:
        for bank in banks:
            here = [registered for registered in intake.bindings() if registered.binding.bank == bank.name]
            says = {registered.binding.client: registered.binding for registered in here}
            waiting = {registered.binding.client for registered in here if registered.waiting}
            words = bank.bindings(intake.connection, [says[client] for client in sorted(waiting)])
            others = {binding.client for binding in words} - waiting
            if others & says.keys():
                # They wait there although they are in force here: told once more, in the words that are in force.
                bank.bindings(intake.connection, [says[client] for client in sorted(others & says.keys())])
            intake.confirm([binding for binding in words if binding.client in waiting])


def _bind(registrar: Ledger, bindings: Iterable[Binding]) -> None:
    said = {registered.binding for registered in registrar.bindings()}
    registrar.bind([binding for binding in bindings if binding not in said])


def _let_read(store: Store, registrar: Ledger, members: Iterable[Member]) -> None:
    """Members read their clients, each under a grant of the registrar's."""
    own = registrar.granted(None)[0]
    readers = {grant.scope for grant in registrar.grants("read") if not grant.ended}
    for member in members:
        grantee = f"member_{member.name}"
        create_login(store, EXCHANGE, grantee, "member")
        if member.name not in readers:
            registrar.give(str(uuid.uuid4()), parent=own.id, grantee=grantee, scope=member.name)


def _new_accounts(registrar: Ledger, bindings: Iterable[Binding]) -> list[tuple[AccountName, str | None]]:
    """The bank accounts that are not open yet, each the next of its owner's."""
    opened = Counter(name.owner for name in registrar.accounts if name.kind == "client-bank")
    return [
        (AccountName("client-bank", binding.client, ordinal=opened[binding.client] + 1), binding.account_number)
        for binding in bindings
        if binding.account_number not in registrar.numbered
    ]
