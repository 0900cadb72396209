"""What a bank's teller does for the bank's own customers: money that arrives, that is paid in, that is put up as a guarantee."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringfence.custody.parties import CLEARING, EXCHANGE
from ringfence.errors import BadInput
from ringfence.ledger import Instruction, Ledger, Outcome, Refusal


@dataclass(frozen=True, slots=True)
class Deposit:
    """A client's wish to pay `amount_minor` in from the account `payer_account` at its bank."""

    key: str
    client: str
    amount_minor: int
    payer_account: str


class Counter:
    """The counter of one bank, as its `teller` serves it."""

    def __init__(self, teller: Ledger) -> None:
        self._teller = teller
        self._bound: dict[str, str] | None = None

    @property
    def registered(self) -> Mapping[str, str]:
        """The registered account of each client of the bank, as the bank has it."""
        if self._bound is None:
            self._bound = {r.binding.client: r.binding.account_number for r in self._teller.bindings() if not r.waiting}
        return self._bound

    def refresh(self) -> None:
        """Read again who is registered."""
        self._teller.refresh()
        self._bound = None

    def arrive(self, day: datetime.date, amounts: Mapping[str, tuple[str, int]]) -> list[Refusal]:
        """Let money reach clients' own accounts: (client, amount in fen) by key. Errors: BadInput for an unknown client."""
        teller = self._teller
        clearing = teller.account("clearing", CLEARING)
        return _refusals(
            teller.post_in_batches(
                [
                    Instruction(
                        key=key,
                        route="arrival",
                        subject=client,
                        path=(clearing, teller.numbered[self._account(client)]),
                        amount_minor=amount_minor,
                        value_date=day,
                    )
                    for key, (client, amount_minor) in amounts.items()
                ]
            )
        )

    def deposit(self, day: datetime.date, deposits: Sequence[Deposit]) -> list[Refusal]:
        """Pay in. Errors: BadInput for an unknown client."""
        return _refusals(
            self._teller.post_in_batches(
                [deposit_instruction(self._teller, one, self._account(one.client), day) for one in deposits]
            )
        )

    def put_up_guarantee(self, day: datetime.date, member: str, amount_minor: int) -> list[Refusal]:
        """Let a member's own money arrive and put it up as its guarantee, once a day."""
        teller = self._teller
        own = teller.account("member-own", member)
        paths = {
            "arrival-own": (teller.account("clearing", CLEARING), own),
            "guarantee": (own, teller.account("member-guarantee", member)),
        }
        return teller.post(
            [
                Instruction(f"{route}:{day}:{member}", route, member, path, amount_minor, day)
                for route, path in paths.items()
            ]
        ).refusals

    def fill_reserve(self, day: datetime.date, amount_minor: int) -> list[Refusal]:
        """Let the exchange's money arrive in its reserve, once a day."""
        teller = self._teller
        path = (teller.account("clearing", CLEARING), teller.account("exchange-reserve", EXCHANGE))
        return teller.post(
            [Instruction(f"arrival-reserve:{day}", "arrival-reserve", EXCHANGE, path, amount_minor, day)]
        ).refusals

    def _account(self, client: str) -> str:
        if client not in self.registered:
            raise BadInput("client", client, f"a client that is bound to an account at {self._teller.name}")
        return self.registered[client]


def deposit_instruction(teller: Ledger, deposit: Deposit, registered: str, day: datetime.date) -> Instruction:
    """The instruction with which a bank's teller pays a deposit in, for a client with the `registered` account there."""
    # Another account than the registered one is the kernel's to refuse.
    wallet = teller.numbered[registered]
    given = teller.numbered.get(deposit.payer_account, wallet)
    if teller.names[given].owner == deposit.client:
        wallet = given
    transit = teller.account("member-transit", teller.party(deposit.client).member or "")
    return Instruction(
        key=deposit.key,
        route="deposit",
        subject=deposit.client,
        path=(wallet, transit, teller.account("exchange-client-money", EXCHANGE)),
        amount_minor=deposit.amount_minor,
        value_date=day,
        payee=deposit.payer_account,
    )


def _refusals(outcomes: Sequence[Outcome]) -> list[Refusal]:
    return [outcome.refusal for outcome in outcomes if outcome.refusal]
