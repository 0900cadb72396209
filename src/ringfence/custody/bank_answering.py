"""A clearing bank answers the exchange's letters, from its own book and by its own persons.

    report      what has happened on the exchange's account since a batch
    orders      to pay out, or to pay in for a client that cannot: each is posted or refused, and the answer says which
    funds       what stands in guarantees and in the exchange's reserve
    day         a booking day is opened, or closed
    bindings    what the exchange says of clients' accounts: whatever waits here in the same words is confirmed

A report changes nothing. The others are kept before they are acted upon and acted upon once, in the order in which the exchange
wrote them; the same letter again gets the same answer.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ringfence.custody.orders import ORDERED, Answer, Order
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.report import make_report
from ringfence.database import Kept, Store, locked
from ringfence.errors import BadInput
from ringfence.ledger import Binding, Control, Instruction, Ledger, Outcome, Refused, UnknownAccount
from ringfence.links import Letter, LetterBox


class BankAnswering:
    """The bank's side of its link with the exchange; for several threads at once.

    `watch` is called after every commit in the bank's book. Errors on opening: as Ledger.
    """

    def __init__(self, store: Store, bank: str, watch: Callable[[], None] | None = None) -> None:
        self.bank = bank
        self._store = store
        self._box = LetterBox(store, bank)
        self._reader = Kept(store, lambda: Ledger(store, bank, "auditor"))
        self._clerk = Kept(store, lambda: Ledger(store, bank, "clerk", watch), at_once=False)
        self._watch = watch
        self._reading, self._acting = threading.Lock(), threading.Lock()
        self._acts: dict[str, Callable[[Ledger, Mapping[str, Any]], dict[str, Any]]] = {
            "orders": self._orders,
            "day": self._day,
            "bindings": self._bindings,
        }

    def close(self) -> None:
        """Leave the book."""
        self._reader.close()
        self._clerk.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Ledger]:
        """The bank's book, as its auditor reads it; one at a time. Errors: StoreUnreachable."""
        with self._reading, self._reader.use() as book:
            yield book

    def answer(self, letter: Letter) -> Letter:
        """Answer a letter of the exchange's.

        Errors: LetterRefused: as LetterBox.check, then for a sender other than the exchange (`address`) or another kind (`kind`),
        then `late`; BadInput for a content that cannot be; StoreUnreachable.
        """
        if letter.kind in self._acts:
            return self._act(letter)
        with self.reading() as book:
            self._box.check(book.connection, letter)
            _require_exchange(letter)
            if letter.kind == "report":
                content = self._report(book, letter.content)
            elif letter.kind == "funds":
                content = {kind: book.balances(kind) for kind in ("member-guarantee", "exchange-reserve")}
            else:
                raise letter.refuse("kind")
        return self._box.write(EXCHANGE, letter.kind, content, re=letter.digest)

    @staticmethod
    def _report(book: Ledger, content: Mapping[str, Any]) -> dict[str, Any]:
        match content:
            case {"after": int(after)} if after >= 0:
                return make_report(book, after).document()
        raise BadInput("after", str(content)[:100], "the batch after which to report")

    # -- what is acted upon -------------------------------------------------------------------------------------------

    def _act(self, letter: Letter) -> Letter:
        with self._acting, self._clerk.use() as clerk:
            by = self._box.check(clerk.connection, letter)
            _require_exchange(letter)
            # One letter after another, whichever process of the bank's it reaches.
            with locked(clerk.connection, f"ringfence orders {self.bank}"):
                before = self._box.keep(clerk.connection, letter, by)
                if before is not None:
                    return before
                content = self._acts[letter.kind](clerk, letter.content)
                made = self._box.write(EXCHANGE, letter.kind, content, re=letter.digest)
                return self._box.answer(clerk.connection, letter, made)

    def _orders(self, clerk: Ledger, content: Mapping[str, Any]) -> dict[str, Any]:
        said = content.get("orders")
        if not isinstance(said, list):
            raise BadInput("orders", str(said)[:100], "a list of orders")
        orders = [Order.from_document(order) for order in said]
        asked = [_instruction(clerk, order) for order in orders]
        if any(isinstance(one, Answer) for one in asked):
            # Somebody may have been registered since.
            clerk.refresh()
            asked = [_instruction(clerk, order) for order in orders]
        instructions = [one for one in asked if isinstance(one, Instruction)]
        if content.get("whole"):
            answers = _whole(clerk, asked, instructions)
        else:
            outcomes = iter(clerk.post_in_batches(instructions))
            answers = [one if isinstance(one, Answer) else _answer(next(outcomes)) for one in asked]
        return {"answers": [answer.document() for answer in answers]}

    def _day(self, clerk: Ledger, content: Mapping[str, Any]) -> dict[str, Any]:
        match content:
            case {"open": str(said)}:
                day = _date(said)
                if clerk.closed_through < day:
                    clerk.open_day(day)
            case {"close": str(said)}:
                clerk.close_day(_date(said))
            case _:
                raise BadInput("day", str(content)[:100], "a day to open or to close")
        return {}

    def _bindings(self, clerk: Ledger, content: Mapping[str, Any]) -> dict[str, Any]:
        try:
            says = {binding.client: binding for binding in (Binding(*map(str, said)) for said in content["says"])}
        except (KeyError, TypeError) as error:
            raise BadInput("bindings", str(content)[:100], "a list of client, bank, account, identity") from error
        with Ledger(self._store, self.bank, "intake", self._watch) as intake:
            here = intake.bindings()
            waiting = {registered.binding.client for registered in here if registered.waiting}
            try:
                intake.confirm([says[client] for client in sorted(waiting & says.keys())])
            except Refused as refused:
                return {"refused": refused.figures}
        # What was bound last is what this bank says.
        words = {registered.binding.client: registered.binding for registered in here}
        return {"says": [list(words[client]) for client in sorted((waiting | says.keys()) & words.keys())]}


def _whole(clerk: Ledger, asked: Sequence[Instruction | Answer], instructions: Sequence[Instruction]) -> list[Answer]:
    """Carry out all of them or none."""
    not_alone = Answer(None, "whole", "another order of the letter is refused", "同函另有指令被拒")
    if len(instructions) < len(asked):
        return [one if isinstance(one, Answer) else not_alone for one in asked]
    posted = clerk.post(instructions, whole=True)
    return [
        not_alone if posted.refusals and outcome.refusal is None else _answer(outcome) for outcome in posted.outcomes
    ]


def _require_exchange(letter: Letter) -> None:
    if letter.sender != EXCHANGE:
        raise letter.refuse("address")


def _date(said: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(said)
    except ValueError:
        raise BadInput("day", said, "a date such as 2020-03-06") from None


def _instruction(clerk: Ledger, order: Order) -> Instruction | Answer:
    """How the bank carries an order out; or why it cannot."""
    if order.route not in ORDERED:
        return Answer(None, Control.ROUTE.name.lower(), "a bank does not do that on orders", "银行不受理此类指令")
    if order.subject not in clerk.parties:
        return Answer(None, Control.PARTY.name.lower(), f"{order.subject} is not registered", f"{order.subject} 未登记")
    if order.route == "withdrawal" and order.payee not in clerk.numbered:
        return Answer(None, Control.PAYEE.name.lower(), "no such account is kept here", "本行无此账户")
    try:
        path = _path(clerk, order)
    except UnknownAccount as unknown:
        return Answer(None, Control.ACCOUNT.name.lower(), unknown.text("en"), unknown.text("zh"))
    return Instruction(
        key=order.key,
        route=order.route,
        subject=order.subject,
        path=path,
        amount_minor=order.amount_minor,
        value_date=order.value_date,
        payee=order.payee,
        ref=order.ref,
    )


def _path(clerk: Ledger, order: Order) -> tuple[int, ...]:
    pool = clerk.account("exchange-client-money", EXCHANGE)
    match order.route:
        case "fee-payout":
            return (pool, clerk.account("exchange-own", EXCHANGE))
        case "cover-from-guarantee":
            return (clerk.account("member-guarantee", order.subject), pool)
        case "cover-from-reserve":
            return (clerk.account("exchange-reserve", EXCHANGE), pool)
    member = clerk.party(order.subject).member or ""
    return (pool, clerk.account("member-transit", member), clerk.numbered[order.payee])


def _answer(outcome: Outcome) -> Answer:
    refusal = outcome.refusal
    if refusal is None:
        return Answer(outcome.posting)
    return Answer(None, refusal.control.name.lower(), refusal.reason("en"), refusal.reason("zh"), refusal.figure)
