"""Carrying out the withdrawals that persons have let pass: held, ordered from the bank, posted or released.

One thread does it, the exchange's only one to do so. It goes by what is written down and by key, so whoever was interrupted
does the same again and nothing happens twice; what a bank has not answered is asked again until it is. A moment before the money is held it looks once more at the signature and at
what may leave the circle; what has changed meanwhile stops the withdrawal, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.exchange import Exchange, deciding
from ringfence.custody.refusals import Refusals
from ringfence.custody.repeating import Repeating
from ringfence.custody.requests import NotSigned, Request, limit_minor, requests
from ringfence.custody.transfers import Transfers, Withdrawal
from ringfence.database import Kept, Store
from ringfence.ledger import Control, Refusal
from ringfence.links import NoAnswer

_LOOKS_EVERY_S = 0.5
_ANOTHER_DAY = (Control.SHUT, Control.DAY, Control.DATED)


class CarryingOut:
    """The thread; `withdrawable` tells what may leave the circle for a client now, as the clerk's connection reads it."""

    def __init__(
        self,
        store: Store,
        clearing: Mapping[str, ClearingBank],
        refusals: Refusals,
        withdrawable: Callable[[psycopg.Connection[Any], str], int],
    ) -> None:
        self._refusals = refusals
        self._withdrawable = withdrawable
        self._exchange = Kept(store, lambda: Exchange(store, clearing))
        self._thread = Repeating(
            "ringfence carrying out", self._work, _LOOKS_EVERY_S, "withdrawals are not carried out"
        )

    def __enter__(self) -> CarryingOut:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way, and stop."""
        self._thread.close()
        self._exchange.close()

    def nudge(self) -> None:
        """Something may be there to carry out."""
        self._thread.nudge()

    def _work(self) -> None:
        with self._exchange.use() as exchange:
            self._look(exchange)

    def _look(self, exchange: Exchange) -> None:
        clerk = exchange.clerk
        ((shut,),) = clerk.rows("SELECT day <= closed_through FROM {}.head")
        waiting = requests(clerk.connection, limit_minor(clerk.connection), waiting=True)
        due = [request for request in waiting if request.state == "passed"]
        # While no day is open, they wait.
        if shut:
            return
        transfers = Transfers(exchange)
        transfers.chase()
        silent: NoAnswer | None = None
        for request in reversed(due):
            try:
                self._carry_out(exchange, transfers, request)
            except NoAnswer as error:
                # Others are at banks that answer.
                silent = error
        if silent is not None:
            raise silent

    def _carry_out(self, exchange: Exchange, transfers: Transfers, request: Request) -> None:
        clerk = exchange.clerk
        if not request.is_signed:
            error = NotSigned(client=request.client)
            self._stop(exchange, request, (error.text("en"), error.text("zh")))
            return
        if request.client not in clerk.parties:
            clerk.refresh()
        asked = Withdrawal(request.key, request.client, request.amount_minor, request.payee, request.ref)
        approved = request.by("approved") is not None
        with deciding(clerk):
            most = self._withdrawable(clerk.connection, request.client)
            refused = transfers.withdraw(clerk.day, [asked], {request.client: most}, second=lambda withdrawal: approved)
        for refusal in refused:
            if isinstance(refusal, Refusal) and refusal.control in _ANOTHER_DAY:
                # The day was closed this moment: it waits for the next.
                continue
            reason = refusal.reason("en"), refusal.reason("zh")
            self._refusals.tell(request.client, request.amount_minor, "K4", reason)
            self._stop(exchange, request, reason)

    def _stop(self, exchange: Exchange, request: Request, reason: tuple[str, str]) -> None:
        exchange.clerk.rows("SELECT exchange_requests.stop(%s, %s, %s)", (request.key, *reason))
