"""Tenders: who wants to deliver metal, or receive it, on the day that is open; checked, counted, cancelled, and matched.

A position holder tenders lots that are open and that no order closes and no other tender has, in multiples of the contract's
delivery unit, and cancels as it likes until trading closes. Then the tenders are counted, and the count is published with its
direction. From then until the day is planned a neutral (中立仓) may tender on the side that is lacking: to deliver it holds its
metal, to receive a part of the money, by the contract's rule of the value at the last evening's settlement price. The
evening matches them (`ringfence.margin.delivery`).
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from ringfence.custody import Exchange, deciding
from ringfence.errors import BadInput, RingfenceError
from ringfence.ledger import Action, Instruction, Ledger
from ringfence.margin.contracts import Contract
from ringfence.margin.delivery import Count, Tender, TenderSide
from ringfence.margin.kept_plan import evening_prices
from ringfence.margin.left import is_client, take_cash, take_metal
from ringfence.margin.market import Market, price_before
from ringfence.margin.metal import available, grams, require_account
from ringfence.margin.order_state import closable, holds_on, post_all
from ringfence.margin.rulebook import read_rules
from ringfence.margin.rules import Rules, RuleUnknown
from ringfence.margin.standing import standing
from ringfence.money import apply_rate, round_up

# Whoever receives closes what it is long of.
TENDER_SIDES: dict[TenderSide, int] = {"receive": 1, "deliver": -1}
_NAMES: dict[int, TenderSide] = {number: name for name, number in TENDER_SIDES.items()}
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class TenderAsked:
    """A client's wish to deliver or receive `lots` of a contract; a neutral has no position that it would close."""

    tender_no: str
    client: str
    contract: str
    side: TenderSide
    lots: int
    neutral: bool = False


class TenderState(NamedTuple):
    """A tender as it stands: what it holds, in fen or milligrams, whether it is cancelled, and how many lots were matched."""

    asked: TenderAsked
    day: datetime.date
    number: int
    reserved_minor: int
    held_in: str
    hold: int | None
    cancelled: bool
    matched: int


class Tendered(NamedTuple):
    """What became of a tender: what it holds; or why it was refused. `replayed` if it was made before."""

    asked: TenderAsked
    reserved_minor: int
    held_in: str
    refusal: RingfenceError | None
    replayed: bool = False


def tenders_of(
    connection: psycopg.Connection[Any],
    day: datetime.date | None = None,
    *,
    numbers: Collection[str] | None = None,
    client: str | None = None,
) -> list[TenderState]:
    """Tenders of a day, of a client, or by their numbers, in the order in which they were made."""
    rows = connection.execute(
        """
        SELECT t.tender_no, t.client, t.contract, t.side, t.lots, t.neutral, t.day, t.number, t.reserved_minor, t.held_in, t.hold,
            EXISTS (SELECT FROM exchange_margin.tender_cancelled AS c WHERE c.tender_no = t.tender_no),
            coalesce((SELECT sum(m.lots) FROM exchange_margin.trade AS m WHERE m.buyer_tender = t.tender_no), 0)::integer
                + coalesce((SELECT sum(m.lots) FROM exchange_margin.trade AS m WHERE m.seller_tender = t.tender_no), 0)::integer
        FROM exchange_margin.tender AS t
        WHERE (%(day)s::date IS NULL OR t.day = %(day)s) AND (%(client)s::text IS NULL OR t.client = %(client)s)
            AND (%(numbers)s::text[] IS NULL OR t.tender_no = ANY (%(numbers)s))
        ORDER BY t.number
        """,
        {"day": day, "client": client, "numbers": None if numbers is None else list(numbers)},
    ).fetchall()
    return [
        TenderState(TenderAsked(number, who, contract, _NAMES[side], lots, neutral), *rest)
        for number, who, contract, side, lots, neutral, *rest in rows
    ]


def counts_of(connection: psycopg.Connection[Any], day: datetime.date) -> dict[str, Count]:
    """What was counted when trading of `day` closed, by contract; a contract that nobody tendered in is absent."""
    rows = connection.execute(
        "SELECT contract, deliver_lots, receive_lots FROM exchange_margin.tender_count WHERE day = %s ORDER BY contract",
        (day,),
    ).fetchall()
    return {contract: Count(deliver, receive) for contract, deliver, receive in rows}


def to_match(states: Iterable[TenderState]) -> dict[str, list[Tender]]:
    """The tenders that are not cancelled, by contract, as they are matched."""
    found: dict[str, list[Tender]] = {}
    for state in states:
        if not state.cancelled:
            asked = state.asked
            one = Tender(state.number, asked.client, asked.side, asked.lots, asked.neutral)
            found.setdefault(asked.contract, []).append(one)
    return found


def release_holds(ledger: Ledger, states: Iterable[TenderState], word: str) -> None:
    """Give back what tenders hold. Errors: as post_all."""
    asked = []
    for state in states:
        if state.hold is not None:
            route, path = holds_on(ledger, state.asked.client, state.held_in)
            asked.append(
                Instruction(
                    f"{word}:{state.asked.tender_no}", route, state.asked.client, path, state.reserved_minor, state.day,
                    action=Action.RELEASE, hold=state.hold, ref=state.asked.contract,
                )
            )  # fmt: skip
    post_all(ledger, asked)


class Tenders:
    """The tenders of one exchange. `market` knows the settlement price of the evening before the first day that is settled."""

    def __init__(self, exchange: Exchange, rules: Rules | None = None, market: Market | None = None) -> None:
        self._ledger: Ledger = exchange.settlement
        self._connection = exchange.settlement.connection
        self._rules = rules or read_rules(self._connection)
        self._market = market

    def make(self, asked: Sequence[TenderAsked]) -> list[Tendered]:
        """Tender for the day that is open, in this order; each is taken, or refused by name, by itself.

        A tender of a number that was used before, with the same words, is told again what became of it.
        """
        with deciding(self._ledger):
            day = self._ledger.day
            known = {
                s.asked.tender_no: s for s in tenders_of(self._connection, numbers={one.tender_no for one in asked})
            }
            judge = _Judge(self._ledger, day, sorted({one.client for one in asked}), self._rules, self._market)
            made: list[Tendered] = []
            for one in asked:
                before = known.get(one.tender_no)
                if before is not None and before.asked == one:
                    made.append(Tendered(one, before.reserved_minor, before.held_in, None, replayed=True))
                    continue
                try:
                    if before is not None:
                        raise BadInput(
                            "tender_no", one.tender_no, "a number that no other tender has", "未被其他申报使用的编号"
                        )
                    made.append(self._write(day, judge.look_at(one)))
                    known[one.tender_no] = TenderState(one, day, 0, 0, "", None, False, 0)
                except (BadInput, RuleUnknown) as error:
                    made.append(Tendered(one, 0, "CNY", error))
            return made

    def cancel(self, tender_nos: Sequence[str]) -> list[TenderState]:
        """Cancel tenders and give back what they hold, all or none; one that is cancelled stays so. How they stand then.

        Errors: BadInput for a number that no tender has, or one whose time is over.
        """
        with deciding(self._ledger):
            found = {state.asked.tender_no: state for state in tenders_of(self._connection, numbers=tender_nos)}
            day, closed = self._ledger.day, _closed(self._connection)
            for number in tender_nos:
                if number not in found:
                    raise BadInput("tender_no", number, "the number of a tender that was made")
                state = found[number]
                over = state.day <= closed.planned if state.asked.neutral else state.day <= closed.trading
                if not state.cancelled and (state.day != day or over):
                    raise BadInput("tender_no", number, "a tender whose time to cancel is not over", "仍可撤销的申报")
            left = [state for state in found.values() if not state.cancelled]
            with self._connection.transaction(), self._connection.cursor() as cursor:
                release_holds(self._ledger, left, "cancel-tender")
                cursor.executemany(
                    "INSERT INTO exchange_margin.tender_cancelled (tender_no) VALUES (%s)",
                    [(state.asked.tender_no,) for state in left],
                )
        return tenders_of(self._connection, numbers=tender_nos)

    def _write(self, day: datetime.date, taken: Tendered) -> Tendered:
        asked, hold = taken.asked, None
        with self._connection.transaction():
            if taken.reserved_minor:
                route, path = holds_on(self._ledger, asked.client, taken.held_in)
                (outcome,) = post_all(
                    self._ledger,
                    [
                        Instruction(
                            f"tender:{asked.tender_no}", route, asked.client, path, taken.reserved_minor, day,
                            action=Action.HOLD, expires=day, ref=asked.contract,
                        )
                    ],
                )  # fmt: skip
                hold = outcome.posting
            self._connection.execute(
                "INSERT INTO exchange_margin.tender (tender_no, day, client, contract, side, neutral, lots, reserved_minor, "
                "held_in, hold) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    asked.tender_no, day, asked.client, asked.contract, TENDER_SIDES[asked.side], asked.neutral, asked.lots,
                    taken.reserved_minor, taken.held_in, hold,
                ),
            )  # fmt: skip
        return taken


class _Closed(NamedTuple):
    """The last day whose trading is closed, and the last that is planned."""

    trading: datetime.date
    planned: datetime.date


def _closed(connection: psycopg.Connection[Any]) -> _Closed:
    ((trading, planned),) = connection.execute(
        "SELECT coalesce((SELECT max(day) FROM exchange_margin.trading_closed), '0001-01-01'::date), "
        "coalesce((SELECT max(day) FROM exchange_margin.planned), '0001-01-01'::date)"
    ).fetchall()
    return _Closed(trading, planned)


class _Judge:
    """Looks at tenders one after another, and remembers what those before have taken."""

    def __init__(
        self, ledger: Ledger, day: datetime.date, clients: Sequence[str], rules: Rules, market: Market | None
    ) -> None:
        self._ledger, self._day, self._rules, self._market = ledger, day, rules, market
        connection = ledger.connection
        self._clients = {name for name in clients if is_client(ledger, name)}
        known = sorted(self._clients)
        self._closed = _closed(connection)
        self._counts = counts_of(connection, day)
        self._evening = evening_prices(connection, day)
        self._lots = closable(connection, day, known)
        self._metal = available(connection, known)
        self._cash = {name: funds.available_minor for name, funds in standing(connection, day, known, rules).items()}
        self._sides = {
            (state.asked.client, state.asked.contract): state.asked.side
            for state in tenders_of(connection, day)
            if not state.cancelled
        }

    def look_at(self, asked: TenderAsked) -> Tendered:
        """What a tender holds. Errors, in this order: BadInput for its number, client, contract, side, lots, time; for the side that
        a neutral is on, or the position of a position holder; for metal or funds; RuleUnknown.
        """
        if not 1 <= len(asked.tender_no) <= _LONGEST:
            raise BadInput("tender_no", asked.tender_no, f"1 to {_LONGEST} characters")
        if asked.client not in self._clients:
            raise BadInput("client", asked.client, "a client that is registered", "已登记的客户")
        traded = self._rules.contract(asked.contract, self._day)
        if traded.kind != "deferred" or traded.metal is None or not traded.trades:
            raise BadInput(
                "contract",
                asked.contract,
                f"a deferred contract on metal that trades on {self._day}",
                f"{self._day} 可交易的延期交收合约",
            )
        self._look_at_lots(asked, traded)
        self._look_at_time(asked)
        if (other := self._sides.get((asked.client, asked.contract), asked.side)) != asked.side:
            raise BadInput(
                "side", asked.side, f"{other}, as the client's other tender", f"{other},与该客户其他申报同向"
            )
        require_account(self._ledger, asked.client, traded.metal)
        taken = self._neutral(asked, traded) if asked.neutral else self._holder(asked)
        self._sides[asked.client, asked.contract] = asked.side
        return taken

    def _look_at_lots(self, asked: TenderAsked, traded: Contract) -> None:
        if asked.side not in TENDER_SIDES:
            raise BadInput("side", asked.side, "deliver or receive")
        least = traded.delivery_minor or 1
        if asked.lots < 1 or traded.metal_minor(asked.lots) % least:
            metal = traded.metal or ""
            raise BadInput(
                "lots", asked.lots, f"a multiple of {grams(least, metal)}, lots of {grams(traded.metal_minor(1), metal)} each",
                f"{grams(least, metal)} 的整数倍,每手 {grams(traded.metal_minor(1), metal)}",
            )  # fmt: skip

    def _look_at_time(self, asked: TenderAsked) -> None:
        closed, planned = self._day <= self._closed.trading, self._day <= self._closed.planned
        if asked.neutral:
            if planned or not closed:
                right = "a time after the count is published and before the day is planned"
                raise BadInput("neutral", "yes", right, "申报统计公布之后、当日清算之前")
            gap = self._counts[asked.contract].gap if asked.contract in self._counts else None
            if gap is None or gap[0] != asked.side:
                right = (
                    f"{gap[0]}, of which {gap[1]} lots are lacking" if gap else "no neutral tender: nothing is lacking"
                )
                right_zh = f"{gap[0]},缺 {gap[1]} 手" if gap else "无缺口,不接受中立仓申报"
                raise BadInput("side", asked.side, right, right_zh)
        elif closed:
            raise BadInput("day", str(self._day), "a day whose trading is not closed", "尚未收市的交易日")

    def _holder(self, asked: TenderAsked) -> Tendered:
        held = (asked.client, asked.contract, TENDER_SIDES[asked.side])
        left = self._lots.get(held, 0)
        if asked.lots > left:
            what = "long" if asked.side == "receive" else "short"
            raise BadInput(
                "lots", asked.lots, f"at most the {left} {what} lots that no order closes and no tender has",
                f"至多 {left} 手:持仓减平仓委托与其他申报",
            )  # fmt: skip
        self._lots[held] = left - asked.lots
        return Tendered(asked, 0, "CNY", None)

    def _neutral(self, asked: TenderAsked, traded: Contract) -> Tendered:
        metal = traded.metal or ""
        if asked.side == "deliver":
            weight = traded.metal_minor(asked.lots)
            take_metal(self._metal, asked.client, metal, weight)
            return Tendered(asked, weight, metal, None)
        if traded.neutral is None:
            raise BadInput("contract", asked.contract, "a contract with a rule for neutral tenders")
        price = price_before(self._day, asked.contract, self._evening, self._market)
        value = traded.value_minor(asked.lots, price)
        needed = take_cash(self._cash, asked.client, apply_rate(value, traded.neutral, round_up))
        return Tendered(asked, needed, "CNY", None)
