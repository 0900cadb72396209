"""What a person does at its desk, each time through its own login: the ledger decides, and a refusal is a result.

Persons act one after another: between looking at a paper and posting on it nothing comes between.
"""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import Callable
from typing import ClassVar

from ringfence.custody.requests import NotSigned, from_hex
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Action, Binding, Caps, Grant, Instruction, Ledger, Outcome, Party, Registered, role
from ringfence.ledger.grant import NO_CAPS
from ringfence.office.asked import (
    Asked,
    NewClient,
    amount_of,
    as_wished,
    client_of,
    dated,
    identity_digest,
    unit_of,
)
from ringfence.office.founding import BANK, CLIENT, MEMBER, SUPERVISOR, client_accounts
from ringfence.office.office import Office, Seat
from ringfence.office.papers import Paper, executed, made_on, sources, unused
from ringfence.office.wishes import Wish, WishClosed, account_in_force, decline, register_key, wishes
from ringfence.ring import Book
from ringfence.ring.ring import RouteOfBook

LONGEST_SAID = 300


class NotYours(RingfenceError):
    """What was asked is another person's to do: `what`, `person`, `whose`."""

    code = "not-yours"
    template: ClassVar[dict[Language, str]] = {
        "en": "{what} is not {person}'s to do; the ring gives it to {whose}",
        "zh": "{what} 不由 {person} 办理；封闭圈规定由 {whose} 办理",
    }


class Desk:
    """The desk of everybody in an office."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._turn = threading.Lock()

    # -- money ------------------------------------------------------------------------------------------------------------

    def ask(self, seat: Seat, asked: Asked) -> Outcome:
        """Post it, or hold it where the route goes by hold.

        Errors, in this order: BadInput for a book or route that is not there; NotYours; BadInput for paper, client, unit, amount, what
        is said; UnknownAccount.
        """
        book, way = self._way(asked.book, asked.route)
        self._require(seat, asked.book, f"{asked.book}.{asked.route}", way.asks)
        with self._turn, self.office.enter(asked.book, seat.person) as ledger:
            wished = self._wish(asked)
            if wished is not None:
                asked = as_wished(asked, wished)
            paper = self._paper(asked, finishing=False)
            said = self._said(seat, asked, way)
            client = client_of(book, asked, paper)
            unit = unit_of(book, way, asked, paper)
            amount_minor = amount_of(asked, paper)
            instruction = Instruction(
                _key(asked, paper, wished),
                asked.route,
                client or book.kept_by,
                tuple(
                    ledger.account(kind, client if book.kinds[kind].owner == CLIENT else book.kinds[kind].owner, unit)
                    for kind in way.path
                ),
                amount_minor,
                dated(ledger, way, paper),
                action=Action.HOLD if way.finishes else Action.POST,
                payee=account_in_force(ledger.connection, ledger.name, client) if client else "",
                ref=said,
            )
            return ledger.post([instruction], self._confirmed(ledger, way, paper)).outcomes[0]

    def finish(self, seat: Seat, asked: Asked, hold: int, *, release: bool = False) -> Outcome:
        """Post what a hold holds, all of it, or release it. Errors: as `ask`; BadInput for a hold that is not open on that route."""
        _, way = self._way(asked.book, asked.route)
        if way.finishes is None:
            raise BadInput("route", asked.route, "one that goes by hold", "须为先冻结后记账的通路")
        self._require(seat, asked.book, f"{asked.book}.{asked.route}", way.finishes)
        with self._turn, self.office.enter(asked.book, seat.person) as ledger:
            held = ledger.rows(
                """
                SELECT h.rest, s.name, p.payee, h.side1, h.side2, h.side3, h.side4 FROM {0}.hold AS h
                JOIN {0}.posting AS p ON p.id = h.id JOIN {0}.party AS s ON s.id = p.subject JOIN {0}.route AS r ON r.id = p.route
                WHERE h.id = %s AND h.rest > 0 AND r.name = %s
                """,
                (hold, asked.route),
            )
            if not held:
                raise BadInput("hold", hold, f"one that is open on {asked.route}", f"须为 {asked.route} 上未了结的冻结")
            ((rest, subject, payee, *sides),) = held
            if release:
                self._require_fit_to_release(asked, hold)
            paper = None if release else self._paper(asked, finishing=True, hold=hold)
            if paper and paper.rest_minor != rest:
                raise BadInput("paper", paper.number, f"one about {rest} of the minor unit, as is held")
            said = f"hold={hold}" if release else self._said(seat, asked, way)
            instruction = Instruction(
                paper.key(asked.route) if paper else f"{asked.route}:{hold}:{'release' if release else 'finish'}",
                asked.route,
                subject,
                tuple(side for side in sides if side),
                rest,
                dated(ledger, way, paper),
                action=Action.RELEASE if release else Action.POST_HELD,
                hold=hold,
                payee=payee,
                ref=said,
            )
            return ledger.post([instruction], self._confirmed(ledger, way, paper)).outcomes[0]

    def _require_fit_to_release(self, asked: Asked, hold: int) -> None:
        """A hold on which another institution has paid already is posted, never released. Errors: BadInput."""
        with self.office.reading_all() as connection:
            for source in sources(self.office.ring, asked.book, asked.route, finishing=True):
                if made_on(self.office.ring, asked.book, asked.route, source):
                    ledger = self.office.names[source.book]
                    paid = executed(connection, ledger, asked.book, asked.route, hold)
                    if paid is not None:
                        raise BadInput(
                            "hold", hold, f"one on which {source.book} has not paid; it has, by posting {paid}",
                            f"须为 {source.book} 尚未付款的冻结；已由第 {paid} 笔付讫",
                        )  # fmt: skip

    def _way(self, book: str, route: str) -> tuple[Book, RouteOfBook]:
        declared = self._book(book)
        if route not in (routes := declared.routes):
            raise BadInput("route", route, f"one of {', '.join(routes)}", f"{', '.join(routes)} 之一")
        return declared, routes[route]

    def _book(self, book: str) -> Book:
        books = self.office.ring.books
        if book not in books:
            raise BadInput("book", book, f"one of {', '.join(books)}", f"{', '.join(books)} 之一")
        return books[book]

    def _require(self, seat: Seat, book: str, what: str, person: str | None) -> None:
        party = self.office.ring.books[book].kept_by
        if seat != (party, person):
            raise NotYours(what=what, person=seat.name, whose=f"{party}.{person}" if person else "-")

    def _paper(self, asked: Asked, *, finishing: bool, hold: int = 0) -> Paper | None:
        """The paper of another book that is acted upon; None on a route that takes none.

        Errors: BadInput where one is missing, is used already, or is not the one of this hold.
        """
        office = self.office
        found = sources(office.ring, asked.book, asked.route, finishing=finishing)
        if not found:
            if asked.paper is not None:
                raise BadInput(
                    "paper", asked.paper, f"none: {asked.route} takes no paper of another book", "此通路不凭他账簿凭据"
                )
            return None
        with office.reading_all() as connection:
            for source in found:
                if hold and made_on(office.ring, asked.book, asked.route, source):
                    number = executed(connection, office.names[source.book], asked.book, asked.route, hold)
                elif asked.paper and asked.paper[0] == source.name:
                    number = asked.paper[1]
                else:
                    continue
                if number is None:
                    continue
                at = (asked.book, asked.route)
                papers = unused(connection, office.names, office.ring, source, at, number)
                if papers:
                    return papers[0]
        given = "none" if asked.paper is None else f"{asked.paper[0]}:{asked.paper[1]}"
        places = ", ".join(source.name for source in found)
        raise BadInput("paper", given, f"a paper from {places} that has not been used", f"{places} 中尚未使用的凭据")

    def _wish(self, asked: Asked) -> Wish | None:
        """The client's wish that is acted upon.

        Errors: WishClosed where it is not open, or is about another route; NotSigned where the key in force did not sign it.
        """
        if asked.wish is None:
            return None
        with self.office.reading_all() as connection:
            found = wishes(connection, self.office, asked.book, asked.route, asked.wish, only_open=True)
        if not found:
            raise WishClosed(wish=asked.wish)
        if not found[0].is_signed(self.office.ring.ring.name):
            raise NotSigned(client=found[0].client)
        return found[0]

    def decline(self, seat: Seat, book: str, route: str, number: int, reason: str) -> None:
        """Tell a client that its wish will not be done. Errors: BadInput; NotYours; WishClosed."""
        _, way = self._way(book, route)
        self._require(seat, book, f"{book}.{route}", way.asks)
        with self._turn:
            with self.office.reading_all() as connection:
                if not wishes(connection, self.office, book, route, number, only_open=True):
                    raise WishClosed(wish=number)
            decline(self.office, number, seat.name, reason)

    def _said(self, seat: Seat, asked: Asked, way: RouteOfBook) -> str:
        """What stands in the posting of the papers that the person has in its own hands. Errors: BadInput for one not told about."""
        lines = []
        for name in self.in_hand(seat, way):
            said = " ".join(asked.said.get(name, "").split())
            if not 1 <= len(said) <= LONGEST_SAID:
                raise BadInput(
                    name, said, f"which paper it was, in 1 to {LONGEST_SAID} characters",
                    f"以 1 至 {LONGEST_SAID} 个字符注明凭据",
                )  # fmt: skip
            lines.append(f"{name}={said}")
        return "; ".join(lines)

    def in_hand(self, seat: Seat, way: RouteOfBook) -> list[str]:
        """The papers of a route that this person checks and that no book of the ring has."""
        proofs = self.office.ring.proofs
        return [
            name
            for name in way.proofs
            if proofs[name].checked_by == seat.name and not (proofs[name].from_hold or proofs[name].from_posting)
        ]

    def _confirmed(self, ledger: Ledger, way: RouteOfBook, paper: Paper | None) -> tuple[str, int] | None:
        """What of whose book is taken over, where the route demands that: its take-overs are counted in their order."""
        if "bank-confirmed" not in way.relations or paper is None:
            return None
        party = self.office.ring.books[paper.source.book].kept_by
        ((last,),) = ledger.rows(
            "SELECT max(source_batch) FROM {0}.batch WHERE source = (SELECT id FROM {0}.party WHERE name = %s)",
            (party,),
        )
        return party, (last or 0) + 1

    # -- clients ----------------------------------------------------------------------------------------------------------

    def register(self, seat: Seat, book: str, client: NewClient) -> None:
        """Register a client with its accounts, and the account by which it is to be paid, which waits to be confirmed.

        Errors: BadInput; NotYours; Refused.
        """
        declared = self._book_of(seat, book, "register", lambda found: found.registers)
        if not declared.knows_clients:
            raise BadInput("book", book, "one that knows clients", "须为登记客户的账簿")
        member = MEMBER if MEMBER in self.office.ring.parties else None
        identity = identity_digest(client.identity)
        with self._turn, self.office.enter(book, seat.person) as registrar:
            if client.name in registrar.parties:
                raise BadInput("name", client.name, "one that nobody here has", "须为此处尚无人使用的名称")
            registrar.register(
                parties=[Party(client.name, CLIENT, member, identity, client.title or None)],
                accounts=client_accounts(declared, client.name, client.account_number),
            )
            if self.binds(declared):
                registrar.bind([Binding(client.name, BANK, client.account_number, identity)])

    def bind(self, seat: Seat, book: str, client: NewClient) -> None:
        """Bind a client to another account; it waits to be confirmed, and then as long as the ring says. Errors: as `register`."""
        declared = self._book_of(seat, book, "bind", lambda found: found.registers)
        if not self.binds(declared):
            raise BadInput("book", book, "one that binds clients", "须为签约客户的账簿")
        with self._turn, self.office.enter(book, seat.person) as registrar:
            binding = Binding(client.name, BANK, client.account_number, identity_digest(client.identity))
            registrar.bind([binding])

    def confirm(self, seat: Seat, book: str, client: NewClient) -> None:
        """Confirm what waits, in the other institution's own words. Errors: BadInput; NotYours; Refused."""
        self._book_of(seat, book, "confirm", lambda found: found.confirms)
        with self._turn, self.office.enter(book, seat.person) as intake:
            binding = Binding(client.name, BANK, client.account_number, identity_digest(client.identity))
            intake.confirm([binding])

    def register_key(self, seat: Seat, book: str, client: str, public_key: str) -> None:
        """Register with which key a client signs from now on: 64 hexadecimal digits. Errors: BadInput; NotYours; NotSigned; KeyTaken."""
        self._book_of(seat, book, "register", lambda found: found.registers)
        raw = from_hex("public_key", public_key, 32)
        with self._turn, self.office.enter(book, seat.person) as registrar:
            if client not in registrar.parties or registrar.parties[client].role != CLIENT:
                raise BadInput("name", client, "a client of this book", "须为本账簿的客户")
            register_key(registrar.connection, book, client, raw)

    def binds(self, book: Book) -> bool:
        """Whether clients are bound to their account in a book."""
        return book.confirms is not None and book.knows_clients and BANK in self.office.ring.parties

    def waiting(self, book: str) -> list[Registered]:
        """The accounts there that wait to be confirmed."""
        with self.office.enter(book, SUPERVISOR) as ledger:
            return [one for one in ledger.bindings() if one.waiting]

    # -- limits and days --------------------------------------------------------------------------------------------------

    def limit(self, seat: Seat, book: str, route: str, caps: Caps) -> None:
        """Let the asker of a route go so far and no further, instead of what it was let before; without caps, not at all.

        Errors: BadInput; NotYours; Refused.
        """
        _, way = self._way(book, route)
        self._require(seat, book, f"{book}.{route}", way.under)
        with self._turn, self.office.enter(book, seat.person) as grantor:
            for before in self._limits(grantor, route, way.asks):
                grantor.revoke(f"end:{before.id}", before.id)
            if caps != NO_CAPS:
                own = grantor.granted(route)[0]
                grantor.give(f"limit:{route}:{uuid.uuid4()}", parent=own.id, grantee=way.asks, caps=caps)

    def limits(self, book: str, route: str) -> list[Grant]:
        """How far the asker of a route may go, as somebody has granted it."""
        with self.office.enter(book, SUPERVISOR) as ledger:
            return self._limits(ledger, route, self.office.ring.books[book].routes[route].asks)

    @staticmethod
    def _limits(ledger: Ledger, route: str, asks: str) -> list[Grant]:
        grantee = role(ledger.name, asks)
        return [g for g in ledger.grants("ask") if g.route == route and g.grantee == grantee and not g.ended]

    def open_day(self, seat: Seat, book: str, day: datetime.date) -> None:
        """Open a booking day. Errors: BadInput; NotYours; what the ledger raises for a day that cannot be."""
        self._book_of(seat, book, "open", lambda found: found.closes)
        with self._turn, self.office.enter(book, seat.person) as closing:
            if day <= max(closing.day, closing.closed_through):
                raise BadInput("day", str(day), f"a day after {closing.day}", f"须晚于 {closing.day}")
            closing.open_day(day)

    def close_day(self, seat: Seat, book: str) -> None:
        """Close the booking day. Errors: NotYours; BadInput for a kind that must be zero when a day closes, and is not."""
        declared = self._book_of(seat, book, "close", lambda found: found.closes)
        with self._turn, self.office.enter(book, seat.person) as closing:
            for kind, one in declared.kinds.items():
                for unit in declared.units_of(kind) if one.zero_at_close else ():
                    for owner, balance in closing.balances(kind, unit).items():
                        if balance:
                            raise BadInput(kind, f"{owner}: {balance}", "0 when the day closes", "日终须为零")
            closing.close_day(closing.day)

    def _book_of(self, seat: Seat, book: str, what: str, whose: Callable[[Book], str | None]) -> Book:
        declared = self._book(book)
        self._require(seat, book, f"{what} in {book}", whose(declared))
        return declared


def _key(asked: Asked, paper: Paper | None, wished: Wish | None) -> str:
    """Under which key it is posted: that of the paper or the wish that it stands on, so that either is used once; else the asker's."""
    if paper is not None:
        return paper.key(asked.route)
    return wished.key if wished else f"{asked.route}:by:{asked.key or uuid.uuid4()}"
