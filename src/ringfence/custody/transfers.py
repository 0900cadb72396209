"""Transfers into and out of the circle.

    deposit      the bank posts client -> member -> circle in one posting; the exchange credits on its report
    withdrawal   asked, audited, held by the exchange; ordered from the bank; posted there to the registered account
                 only; then posted here on its report, or released if the bank refused
    cover        a guarantee, then the reserve, pays in for a client that cannot
    fee payout   fees due are held, paid out by the bank and then posted

Everything goes by key, so whoever was interrupted does the same again and nothing happens twice. What a bank has posted
is taken over batch by batch, each in one commit that also says up to which batch the exchange has got.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ringfence.custody.exchange import Exchange, alone, each
from ringfence.custody.orders import Order, OrderRefused
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.taking_over import TakeOverRefused, take_over
from ringfence.errors import Language
from ringfence.ledger import Action, Binding, Caps, Control, Instruction, Outcome, Refusal
from ringfence.links import NoAnswer
from ringfence.money import unit, with_unit

CoverSource = Literal["member-guarantee", "exchange-reserve"]

_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A client's wish to have `amount_minor` paid out to the account `payee_account`; `ref` keeps its signature."""

    key: str
    client: str
    amount_minor: int
    payee_account: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class AuditRefusal:
    """The exchange's audit (K4) refused a withdrawal: asked against what may leave the circle."""

    withdrawal: Withdrawal
    withdrawable_minor: int

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        return f"出金审核 (K4):{self.reason('zh')}" if language == "zh" else f"audit (K4): {self.reason('en')}"

    def reason(self, language: Language = "en") -> str:
        """What of it explains why."""
        asked, most = with_unit(self.withdrawal.amount_minor, _CNY), with_unit(self.withdrawable_minor, _CNY)
        if language == "zh":
            return f"申请 {asked},可取 {most};补入资金或平仓后方可办理"
        return f"{asked} asked, {most} withdrawable; paying in or closing positions would raise it"

    def __str__(self) -> str:
        return self.text("en")


@dataclass(frozen=True, slots=True)
class Cover:
    """What is paid into the circle for a client that cannot: from its member's guarantee or from the reserve."""

    key: str
    client: str
    amount_minor: int
    bank: str
    source: CoverSource


# By the ledger, by the exchange's audit, or by a bank.
Refused = Refusal | AuditRefusal | OrderRefused


class _Hold(NamedTuple):
    posting: int
    route: str
    subject: str
    amount_minor: int
    value_date: datetime.date
    payee: str
    debit: int
    credit: int


class Transfers:
    """The transfers of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._banks = exchange.banks

    # -- in -------------------------------------------------------------------------------------------------------

    def cover(self, day: datetime.date, covers: Sequence[Cover]) -> None:
        """Move real money into the circle for clients that cannot pay, and credit them. Errors: TakeOverRefused; NoAnswer."""
        for bank in self._banks:
            orders = [self._cover_order(day, cover) for cover in covers if cover.bank == bank]
            if not orders:
                continue
            link = self._exchange.link.connection
            for refused in self._exchange.clearing[bank].order(link, orders, whole=True):
                if refused is not None:
                    raise TakeOverRefused(bank=bank, batch="-", detail=str(refused))
        self.take_over()

    def _cover_order(self, day: datetime.date, cover: Cover) -> Order:
        from_guarantee = cover.source == "member-guarantee"
        return Order(
            key=cover.key,
            route="cover-from-guarantee" if from_guarantee else "cover-from-reserve",
            # A client of another bank is nobody there: the guarantee pays for its member's obligation.
            subject=(self._exchange.clerk.party(cover.client).member or "") if from_guarantee else EXCHANGE,
            amount_minor=cover.amount_minor,
            value_date=day,
            ref=cover.client,
        )

    # -- out ------------------------------------------------------------------------------------------------------

    def withdraw(
        self,
        day: datetime.date,
        withdrawals: Sequence[Withdrawal],
        withdrawable_minor: Mapping[str, int],
        second: Callable[[Withdrawal], bool] = lambda withdrawal: False,
    ) -> list[Refused]:
        """Audit, hold, order and post withdrawals; return what was refused, and by what.

        `withdrawable_minor` is what may leave the circle now, by client; within one call a client's withdrawals are
        counted one after another. What is more than the clerk may let out alone goes to the officer, as the `second`
        person: for what it lets pass it gives a grant for that one instruction. Errors: BadInput for an unknown client;
        TakeOverRefused.
        """
        clerk = self._exchange.clerk
        before = clerk.known([withdrawal.key for withdrawal in withdrawals])
        left = dict(withdrawable_minor)
        refusals: list[Refused] = []
        instructions = []
        for withdrawal in withdrawals:
            bank = self._bank(withdrawal.client)
            most = left.get(withdrawal.client, 0)
            if withdrawal.key not in before:
                if withdrawal.amount_minor > most:
                    refusals.append(AuditRefusal(withdrawal, most))
                    continue
                left[withdrawal.client] = most - withdrawal.amount_minor
            instructions.append(
                Instruction(
                    key=withdrawal.key,
                    route="withdrawal",
                    subject=withdrawal.client,
                    path=(clerk.account("client-cash", withdrawal.client), clerk.account("bank-cash", bank)),
                    amount_minor=withdrawal.amount_minor,
                    value_date=day,
                    action=Action.HOLD,
                    payee=withdrawal.payee_account,
                    ref=withdrawal.ref,
                )
            )
        outcomes = clerk.post_in_batches(instructions)
        asked = {withdrawal.key: withdrawal for withdrawal in withdrawals}
        passed = [
            outcome.instruction
            for outcome in outcomes
            if outcome.refusal and outcome.refusal.control is Control.ITEM and second(asked[outcome.instruction.key])
        ]
        self._let_pass(passed)
        again = {instruction.key for instruction in passed}
        refusals += _refusals(outcome for outcome in outcomes if outcome.instruction.key not in again)
        refusals += _refusals(clerk.post_in_batches(passed))
        banks = {self._bank(withdrawal.client) for withdrawal in withdrawals}
        self.take_over(banks)
        return refusals + self.order(banks)

    def _let_pass(self, instructions: Sequence[Instruction]) -> None:
        if not instructions:
            return
        officer = self._exchange.officer
        own = officer.granted("withdrawal")[0]
        for asked in instructions:
            officer.give(
                f"second:{asked.key}",
                parent=own.id,
                grantee="clerk",
                scope=asked.subject,
                only_for=asked.key,
                caps=Caps(per_item_minor=asked.amount_minor),
            )

    def pay_out_fees(self, day: datetime.date, key: str, bank: str) -> list[Refused]:
        """Pay all fees that are due out of the circle at `bank`: hold them, order the payment, post it."""
        settlement = self._exchange.settlement
        refusals: list[Refused] = []
        due = settlement.balances("fees-due")[EXCHANGE]
        if due and key not in settlement.known([key]):
            path = (settlement.account("fees-due", EXCHANGE), settlement.account("bank-cash", bank))
            refusals += settlement.post(
                [Instruction(key, "fee-payout", EXCHANGE, path, due, day, action=Action.HOLD)]
            ).refusals
        self.take_over()
        return refusals + self.order()

    def order(self, banks: Collection[str] | None = None) -> list[Refused]:
        """Order from `banks`, or all, whatever is held, then post what they paid and release what they refused.

        An order has its hold's value date, so that it is the same order when it is given again. Errors: NoAnswer, with which it
        stays held and can be ordered again.
        """
        refusals: list[Refused] = []
        asked = self._banks if banks is None else [bank for bank in self._banks if bank in banks]
        each(asked, lambda bank: refusals.extend(self._order_from(bank)))
        self.take_over(asked)
        return refusals

    def _order_from(self, bank: str) -> Sequence[Refused]:
        with alone(self._exchange.link, "order", bank):
            return self._order_alone(bank)

    def _order_alone(self, bank: str) -> Sequence[Refused]:
        link, held = self._exchange.link, self._open_holds(bank)
        if not held:
            return []
        orders = [
            Order(f"order:{hold.posting}", hold.route, hold.subject, hold.amount_minor, hold.value_date, hold.payee)
            for hold in held
        ]
        ordered = self._exchange.clearing[bank].order(link.connection, orders)
        link.post_in_batches(
            [
                Instruction(
                    key=f"release:{hold.posting}",
                    route=hold.route,
                    subject=hold.subject,
                    path=(hold.debit, hold.credit),
                    amount_minor=hold.amount_minor,
                    value_date=hold.value_date,
                    action=Action.RELEASE,
                    hold=hold.posting,
                    payee=hold.payee,
                )
                for hold, refused in zip(held, ordered, strict=True)
                if refused is not None
            ]
        )
        return [refused for refused in ordered if refused is not None]

    def chase(self) -> None:
        """Order again whatever has been held for some seconds and nobody has answered; a bank that is still silent keeps it held.

        Errors: as order, but for NoAnswer.
        """
        unanswered = self._exchange.link.rows(
            """
            SELECT DISTINCT k.name FROM {0}.hold AS h JOIN {0}.posting AS p ON p.id = h.id JOIN {0}.batch AS b ON b.id = p.batch
            JOIN {0}.account AS a ON a.id = h.side2 JOIN {0}.party AS k ON k.id = a.owner
            WHERE h.rest > 0 AND b.recorded_at < clock_timestamp() - interval '2 seconds'
            """
        )
        for (bank,) in unanswered:
            with contextlib.suppress(NoAnswer):
                self.take_over([bank])
                self.order([bank])

    def take_over(self, banks: Collection[str] | None = None) -> None:
        """Book what `banks`, or all, have posted and the exchange has not. Errors: as taking_over.take_over."""
        clearing = self._exchange.clearing
        take_over(self._exchange.link, {bank: clearing[bank] for bank in (self._banks if banks is None else banks)})

    def _open_holds(self, bank: str) -> list[_Hold]:
        clerk = self._exchange.clerk
        rows = clerk.rows(
            """
            SELECT h.id, r.name, s.name, h.rest, p.value_date, p.payee, h.side1, h.side2
            FROM {0}.hold AS h
            JOIN {0}.posting AS p ON p.id = h.id
            JOIN {0}.route AS r ON r.id = p.route
            JOIN {0}.party AS s ON s.id = p.subject
            WHERE h.side2 = %s AND h.rest > 0
            ORDER BY h.id
            """,
            (clerk.account("bank-cash", bank),),
        )
        return [_Hold(*row) for row in rows]

    def _bank(self, client: str) -> str:
        return self._registered(client).bank

    def _registered(self, client: str) -> Binding:
        self._exchange.clerk.party(client)
        return self._exchange.registered[client]


def _refusals(outcomes: Iterable[Outcome]) -> list[Refusal]:
    return [outcome.refusal for outcome in outcomes if outcome.refusal]
