"""Metal: what clients have in the vault, what of it is bound, and how it comes in and goes out.

    balance      in the vault, and the client's, in milligrams
    held         for spot sales, neutral tenders and pick-ups
    received     today, for money; it leaves the vault from tomorrow
    withdrawable     balance - held - received, never below 0

Metal comes in on the vault's receipt alone. It goes out in two steps by two persons: held on the client's application, then
posted when two keepers of the vault have released it (K14) and the client has signed for it, or given up. Who released it stands in
the posting, and `ringfence verify` looks for it. A client has an account for each metal, opened by the
registrar (`custody.open_metal`).

Source: the exchange's rule that what is bought can be taken out from the next day (en.sge.com.cn, "On T+1 physicals or cash
can be withdrawn"); PickUpMargin and SpotSellFrozen among the fields of its members' system.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg

from ringfence.custody import EXCHANGE, METALS, VAULT, Exchange, deciding, released_by
from ringfence.errors import BadInput
from ringfence.ledger import AccountName, Action, Instruction, Ledger
from ringfence.margin.order_state import post_all
from ringfence.money import grouped, unit


class Holding(NamedTuple):
    """What a client has of a metal, in milligrams."""

    client: str
    metal: str
    balance_minor: int
    held_minor: int
    received_minor: int

    @property
    def available_minor(self) -> int:
        """What can be sold or tendered."""
        return self.balance_minor - self.held_minor

    @property
    def withdrawable_minor(self) -> int:
        """What can be taken out of the vault today."""
        return max(0, self.available_minor - self.received_minor)


class Consignment(NamedTuple):
    """`weight_minor` milligrams of a client's metal, by the paper about it: the vault's receipt, or the client's application."""

    paper: str
    client: str
    metal: str
    weight_minor: int


def grams(weight_minor: int, metal: str) -> str:
    """Write a weight for people: "1,000.000 g"."""
    return f"{grouped(weight_minor, unit(metal))} {unit(metal).measure}"


def holdings(connection: psycopg.Connection[Any], clients: Sequence[str] | None = None) -> list[Holding]:
    """What each client has, or some, of each metal for which it has an account; through a login of the exchange that reads."""
    received = received_today(connection, "client-metal", "metal-received", clients)
    rows = connection.execute(
        "SELECT owner, unit, balance, held_out FROM exchange.balances "
        "WHERE kind = 'client-metal' AND (%(clients)s::text[] IS NULL OR owner = ANY (%(clients)s)) ORDER BY owner, unit",
        {"clients": None if clients is None else list(clients)},
    ).fetchall()
    return [
        Holding(client, metal, balance, held, received.get((client, metal), 0)) for client, metal, balance, held in rows
    ]


def available(connection: psycopg.Connection[Any], clients: Sequence[str] | None = None) -> dict[tuple[str, str], int]:
    """What of its metal each client can sell or tender, or some, in milligrams by client and metal."""
    return {(held.client, held.metal): held.available_minor for held in holdings(connection, clients)}


def against_payment(
    ledger: Ledger,
    day: datetime.date,
    key: str,
    giver: str,
    taker: str,
    metal: str,
    weight_minor: int,
    value_minor: int,
    ref: str,
) -> list[Instruction]:
    """Metal from `giver` to `taker` against money, in milligrams and fen: four postings that are linked, the payment first."""
    steps = (
        ("payment", taker, ledger.account("client-cash", taker), ledger.account("delivery", EXCHANGE), value_minor),
        ("proceeds", giver, ledger.account("delivery", EXCHANGE), ledger.account("client-cash", giver), value_minor),
        (
            "metal-given", giver, ledger.account("client-metal", giver, metal),
            ledger.account("delivery", EXCHANGE, metal), weight_minor,
        ),
        (
            "metal-received", taker, ledger.account("delivery", EXCHANGE, metal),
            ledger.account("client-metal", taker, metal), weight_minor,
        ),
    )  # fmt: skip
    return [
        Instruction(f"{key}:{route}", route, subject, (debit, credit), amount, day, ref=ref, group=key)
        for route, subject, debit, credit, amount in steps
    ]


def received_today(
    connection: psycopg.Connection[Any], kind: str, route: str, clients: Sequence[str] | None = None
) -> dict[tuple[str, str], int]:
    """What accounts of `kind` have received on `route` since the day was opened, by owner and unit, in the unit's minor part."""
    rows = connection.execute(
        """
        SELECT b.owner, b.unit, r.amount
        FROM exchange.balances AS b
        CROSS JOIN LATERAL (
            -- Entry by entry of the day, and each one's posting by its number: never a join, which might read all postings.
            SELECT sum(e.amount)::bigint AS amount
            FROM exchange.entry AS e
            WHERE e.account = b.account AND e.amount > 0 AND e.id >= 8 * (
                SELECT t.first_posting FROM exchange.batch AS t WHERE t.day >= (SELECT day FROM exchange.head)
                ORDER BY t.day, t.id LIMIT 1)
                AND (SELECT p.route FROM exchange.posting AS p WHERE p.id = e.id / 8)
                    = (SELECT r.id FROM exchange.route AS r WHERE r.name = %(route)s)
        ) AS r
        WHERE b.kind = %(kind)s AND (%(clients)s::text[] IS NULL OR b.owner = ANY (%(clients)s)) AND r.amount IS NOT NULL
        """,
        {"kind": kind, "route": route, "clients": None if clients is None else list(clients)},
    ).fetchall()
    return {(owner, metal): amount for owner, metal, amount in rows}


class Metal:
    """The metal of one exchange's clients. A paper is used once; the same paper with the same words again changes nothing."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def bring_in(self, receipts: Sequence[Consignment]) -> None:
        """Book what the vault has taken in. All of it or nothing. Errors, in this order: BadInput for a receipt's metal, weight,
        client, or a client without an account for it; for a receipt that was used for something else.
        """
        link = self._exchange.link
        _carry_out(link, [self._instruction(link, "metal-in", f"receipt:{one.paper}", one) for one in receipts])

    def apply(self, applications: Sequence[Consignment]) -> None:
        """Hold what clients want to take out. All of it or nothing.

        Errors, in this order: as bring_in; BadInput for more than is withdrawable.
        """
        clerk = self._exchange.clerk
        asked = [self._instruction(clerk, "metal-out", _application(one.paper), one) for one in applications]
        with deciding(clerk):
            before = clerk.known([one.key for one in asked])
            left = {
                (held.client, held.metal): held.withdrawable_minor
                for held in holdings(clerk.connection, [one.client for one in applications])
            }
            for one in applications:
                if _application(one.paper) in before:
                    continue
                most = left[one.client, one.metal]
                if one.weight_minor > most:
                    there = grams(most, one.metal)
                    raise BadInput(
                        f"application {one.paper}, weight",
                        grams(one.weight_minor, one.metal),
                        f"at most {there}, which can be taken out today",
                        f"不超过今日可提的 {there}",
                    )
                left[one.client, one.metal] = most - one.weight_minor
            _carry_out(clerk, asked)

    def hand_out(self, papers: Sequence[str], keepers: tuple[str, str]) -> list[Consignment]:
        """Post applications whose metal two `keepers` have released and the clients have signed for; those that were posted now.

        Errors, in this order: BadInput for keepers who are not two, or for an application that is not held.
        """
        return self._finish(papers, Action.POST_HELD, released_by(keepers))

    def give_up(self, papers: Sequence[str]) -> list[Consignment]:
        """Release what applications hold: the clients do not take it out; those that were released now. Errors: as hand_out."""
        return self._finish(papers, Action.RELEASE)

    def _finish(self, papers: Sequence[str], action: Action, says: str = "") -> list[Consignment]:
        link = self._exchange.link
        word = "hand-out" if action is Action.POST_HELD else "give-up"
        done = link.known([f"{word}:{paper}" for paper in papers])
        left = [paper for paper in papers if f"{word}:{paper}" not in done]
        found = {
            key: (posting, Consignment(*of))
            for key, posting, *of in link.rows(_HELD, ([_application(paper) for paper in left],))
        }
        asked = []
        for paper in left:
            if (key := _application(paper)) not in found:
                raise BadInput("application", paper, "an application whose metal is held", "已冻结实物的提货申请")
            posting, one = found[key]
            said = replace(
                self._instruction(link, "metal-out", f"{word}:{paper}", one, action, posting), ref=paper + says
            )
            asked.append(said)
        _carry_out(link, asked)
        return [found[_application(paper)][1] for paper in left]

    def _instruction(
        self,
        ledger: Ledger,
        route: str,
        key: str,
        one: Consignment,
        action: Action | None = None,
        hold: int = 0,
    ) -> Instruction:
        _look_at(ledger, one)
        lies, owned = (
            ledger.account("vault-metal", VAULT, one.metal),
            ledger.account("client-metal", one.client, one.metal),
        )
        return Instruction(
            key=key,
            route=route,
            subject=one.client,
            path=(lies, owned) if route == "metal-in" else (owned, lies),
            amount_minor=one.weight_minor,
            value_date=ledger.day,
            action=action if action is not None else Action.POST if route == "metal-in" else Action.HOLD,
            hold=hold,
            ref=one.paper,
        )


# What applications hold that are not finished yet.
_HELD = """
    SELECT p.key, p.id, p.ref, s.name, u.code, h.rest
    FROM {0}.posting AS p
    JOIN {0}.hold AS h ON h.id = p.id AND h.rest > 0
    JOIN {0}.party AS s ON s.id = p.subject
    JOIN {0}.account AS a ON a.id = h.side1
    JOIN {0}.unit AS u ON u.id = a.unit
    WHERE p.key = ANY (%s)
"""


def _application(paper: str) -> str:
    return f"application:{paper}"


def _look_at(ledger: Ledger, one: Consignment) -> None:
    if one.metal not in METALS:
        raise BadInput(f"{one.paper}, metal", one.metal, f"one of {', '.join(METALS)}")
    if one.weight_minor < 1:
        raise BadInput(f"{one.paper}, weight", grams(one.weight_minor, one.metal), "a positive weight")
    require_account(ledger, one.client, one.metal)


def require_account(ledger: Ledger, client: str, metal: str) -> None:
    """See that a client has an account for a metal, perhaps opened a moment ago. Errors: BadInput."""
    name = AccountName("client-metal", client, metal)
    if name not in ledger.accounts:
        ledger.refresh()
    if name not in ledger.accounts:
        raise BadInput(
            "client",
            client,
            f"a client with an account for {metal}, which `ringfence metal open {client} {metal}` opens",
            f"已开立 {metal} 实物账户的客户(`ringfence metal open {client} {metal}`)",
        )


def _carry_out(ledger: Ledger, asked: Sequence[Instruction]) -> None:
    """Post them, all or none. Errors: as post_all."""
    with ledger.connection.transaction():
        post_all(ledger, asked)
