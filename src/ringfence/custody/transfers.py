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

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ringfence.custody.circle import CLEARING, EXCHANGE, Circle
from ringfence.custody.taking_over import TakeOverRefused, take_over
from ringfence.errors import Language
from ringfence.ledger import Action, Binding, Caps, Control, Instruction, Ledger, Outcome, Refusal
from ringfence.money import unit, with_unit

CoverSource = Literal["member-guarantee", "exchange-reserve"]

_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Deposit:
    """A client's wish to pay `amount_minor` in from the account `payer_account` at its bank."""

    key: str
    client: str
    amount_minor: int
    payer_account: str


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
    """The transfers of one circle. Where somebody else lets the exchange take over what banks have posted, `follow` waits for it."""

    def __init__(self, circle: Circle, follow: Callable[[], None] | None = None) -> None:
        self._circle = circle
        self._follow = follow or (lambda: take_over(circle.link, circle.bank_clerk))
        self._banks = circle.banks

    # -- in -------------------------------------------------------------------------------------------------------

    def arrive(self, day: datetime.date, amounts: Mapping[str, tuple[str, int]]) -> list[Refusal]:
        """Let money reach clients' own bank accounts: (client, amount in fen) by key."""
        outcomes = []
        for bank in self._banks:
            teller = self._circle.teller[bank]
            clearing = teller.account("clearing", CLEARING)
            outcomes += teller.post_in_batches(
                [
                    Instruction(
                        key=key,
                        route="arrival",
                        subject=client,
                        path=(clearing, teller.numbered[self._registered(client).account_number]),
                        amount_minor=amount_minor,
                        value_date=day,
                    )
                    for key, (client, amount_minor) in amounts.items()
                    if self._bank(client) == bank
                ]
            )
        return _refusals(outcomes)

    def deposit(self, day: datetime.date, deposits: Sequence[Deposit]) -> list[Refusal]:
        """Pay in at the banks, then credit at the exchange. Errors: BadInput for an unknown client; TakeOverRefused."""
        outcomes = []
        for bank in self._banks:
            teller = self._circle.teller[bank]
            instructions = [
                deposit_instruction(teller, deposit, self._registered(deposit.client).account_number, day)
                for deposit in deposits
                if self._bank(deposit.client) == bank
            ]
            outcomes += teller.post_in_batches(instructions)
        self.take_over()
        return _refusals(outcomes)

    def put_up_guarantee(self, day: datetime.date, member: str, bank: str, amount_minor: int) -> list[Refusal]:
        """Let a member's own money arrive at `bank` and put it up as its guarantee, once a day."""
        teller = self._circle.teller[bank]
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

    def fill_reserve(self, day: datetime.date, bank: str, amount_minor: int) -> list[Refusal]:
        """Let the exchange's money arrive in its reserve at `bank`, once a day."""
        teller = self._circle.teller[bank]
        path = (teller.account("clearing", CLEARING), teller.account("exchange-reserve", EXCHANGE))
        return teller.post(
            [Instruction(f"arrival-reserve:{day}", "arrival-reserve", EXCHANGE, path, amount_minor, day)]
        ).refusals

    def cover(self, day: datetime.date, covers: Sequence[Cover]) -> None:
        """Move real money into the circle for clients that cannot pay, and credit them. Errors: TakeOverRefused."""
        for bank in self._banks:
            clerk = self._circle.bank_clerk[bank]
            pool = clerk.account("exchange-client-money", EXCHANGE)
            instructions = []
            for cover in covers:
                if cover.bank != bank:
                    continue
                from_guarantee = cover.source == "member-guarantee"
                member = self._circle.clerk.party(cover.client).member or ""
                instructions.append(
                    Instruction(
                        key=cover.key,
                        route="cover-from-guarantee" if from_guarantee else "cover-from-reserve",
                        # A client of another bank is nobody here: the guarantee pays for its member's obligation.
                        subject=member if from_guarantee else EXCHANGE,
                        path=(clerk.account(cover.source, member if from_guarantee else EXCHANGE), pool),
                        amount_minor=cover.amount_minor,
                        value_date=day,
                        ref=cover.client,
                    )
                )
            refused = clerk.post(instructions, whole=True).refusals if instructions else []
            if refused:
                raise TakeOverRefused(bank=bank, batch="-", detail=str(refused[0]))
        self.take_over()

    # -- out ------------------------------------------------------------------------------------------------------

    def withdraw(
        self,
        day: datetime.date,
        withdrawals: Sequence[Withdrawal],
        withdrawable_minor: Mapping[str, int],
        second: Callable[[Withdrawal], bool] = lambda withdrawal: False,
    ) -> list[Refusal | AuditRefusal]:
        """Audit, hold, order and post withdrawals; return what was refused, and by what.

        `withdrawable_minor` is what may leave the circle now, by client; within one call a client's withdrawals are
        counted one after another. What is more than the clerk may let out alone goes to the officer, as the `second`
        person: for what it lets pass it gives a grant for that one instruction. Errors: BadInput for an unknown client;
        TakeOverRefused.
        """
        clerk = self._circle.clerk
        before = clerk.known([withdrawal.key for withdrawal in withdrawals])
        left = dict(withdrawable_minor)
        refusals: list[Refusal | AuditRefusal] = []
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
        self.take_over()
        refusals += self.order()
        return refusals

    def _let_pass(self, instructions: Sequence[Instruction]) -> None:
        if not instructions:
            return
        officer = self._circle.officer
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

    def pay_out_fees(self, day: datetime.date, key: str, bank: str) -> list[Refusal]:
        """Pay all fees that are due out of the circle at `bank`: hold them, order the payment, post it."""
        settlement = self._circle.settlement
        refusals = []
        due = settlement.balances("fees-due")[EXCHANGE]
        if due and key not in settlement.known([key]):
            path = (settlement.account("fees-due", EXCHANGE), settlement.account("bank-cash", bank))
            refusals = settlement.post(
                [Instruction(key, "fee-payout", EXCHANGE, path, due, day, action=Action.HOLD)]
            ).refusals
        self.take_over()
        return refusals + self.order()

    def order(self) -> list[Refusal]:
        """Order from the banks whatever is held, then post what they paid and release what they refused.

        An order has its hold's value date, so that it is the same order when it is given again. Everything that a bank
        has posted must have been taken over before: the bank would replay a payment that it has made, and pay nothing.
        """
        refusals = []
        for bank in self._banks:
            clerk = self._circle.bank_clerk[bank]
            held = self._open_holds(bank)
            ordered = clerk.post_in_batches(
                [
                    Instruction(
                        key=f"order:{hold.posting}",
                        route=hold.route,
                        subject=hold.subject,
                        path=self._path_out(bank, hold.route, hold.subject, hold.payee),
                        amount_minor=hold.amount_minor,
                        value_date=hold.value_date,
                        payee=hold.payee,
                    )
                    for hold in held
                ]
            )
            self._circle.link.post_in_batches(
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
                    for hold, outcome in zip(held, ordered, strict=True)
                    if outcome.refusal
                ]
            )
            refusals += _refusals(ordered)
        self.take_over()
        return refusals

    def take_over(self) -> None:
        """Book what the banks have posted and the exchange has not. Errors: TakeOverRefused."""
        self._follow()

    def _open_holds(self, bank: str) -> list[_Hold]:
        clerk = self._circle.clerk
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

    def _path_out(self, bank: str, route: str, subject: str, payee: str) -> tuple[int, ...]:
        clerk = self._circle.bank_clerk[bank]
        pool = clerk.account("exchange-client-money", EXCHANGE)
        if route == "fee-payout":
            return (pool, clerk.account("exchange-own", EXCHANGE))
        member = clerk.party(subject).member or ""
        return (pool, clerk.account("member-transit", member), clerk.numbered[payee])

    def _bank(self, client: str) -> str:
        return self._registered(client).bank

    def _registered(self, client: str) -> Binding:
        self._circle.clerk.party(client)
        return self._circle.registered[client]


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


def _refusals(outcomes: Iterable[Outcome]) -> list[Refusal]:
    return [outcome.refusal for outcome in outcomes if outcome.refusal]
