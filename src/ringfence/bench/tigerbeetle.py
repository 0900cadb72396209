"""TigerBeetle through its own Python client, where one runs at an address that was given.

The transfers are those of the workload: the same accounts, amounts and refusals, with `debits_must_not_exceed_credits` for
wallets. The batch that the client sends is made before the clock starts, as its users would have it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from ringfence.bench.workload import FUNDED_MINOR
from ringfence.errors import BadInput
from ringfence.ledger import Instruction, Ledger

LARGEST = 8_000


class TigerBeetle:
    """A client of cluster 0 at `address`, with the accounts of `ledger` made and funded. Errors: BadInput."""

    def __init__(self, address: str, ledger: Ledger, salt: int) -> None:
        try:
            self._tb: Any = importlib.import_module("tigerbeetle")
        except ImportError as error:
            raise BadInput("--tigerbeetle", address, "the package tigerbeetle installed") from error
        self._client = self._tb.ClientSync(cluster_id=0, replica_addresses=address)
        # Accounts of an earlier run stay; these are others.
        self._salt = salt << 64
        self._make(ledger)

    def close(self) -> None:
        """Leave."""
        self._client.close()

    def pack(self, instructions: Sequence[Instruction]) -> list[Any]:
        """Make the transfers."""
        return [
            self._transfer(int(asked.key, 16), asked.path[0], asked.path[1], asked.amount_minor)
            for asked in instructions
        ]

    def post(self, batch: list[Any]) -> None:
        """Send one batch and wait for its results."""
        self._client.create_transfers(batch)

    def _make(self, ledger: Ledger) -> None:
        flags = self._tb.AccountFlags
        accounts, transfers = [], []
        source = ledger.account("outside", "world")
        for name, number in ledger.accounts.items():
            kind = flags.DEBITS_MUST_NOT_EXCEED_CREDITS if name.kind == "wallet" else flags.NONE
            accounts.append(self._tb.Account(id=self._salt + number, ledger=1, code=1, flags=kind))
            if name.kind == "wallet":
                transfers.append(self._transfer(self._salt + number, source, number, FUNDED_MINOR))
        for start in range(0, len(accounts), LARGEST):
            self._client.create_accounts(accounts[start : start + LARGEST])
        for start in range(0, len(transfers), LARGEST):
            self._client.create_transfers(transfers[start : start + LARGEST])

    def _transfer(self, number: int, debit: int, credit: int, amount: int) -> Any:
        return self._tb.Transfer(
            id=number,
            debit_account_id=self._salt + debit,
            credit_account_id=self._salt + credit,
            amount=amount,
            ledger=1,
            code=1,
        )
