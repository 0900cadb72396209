"""Flags: patterns of trades by which one client's money becomes another's without a posting between them, each with its reasons.

No rule of the ledger can tell such a trade from an honest one: both are within the price limits, and both clients are real. What
can be told is a pattern, and a person looks at it. Every figure is against the day's settlement price: whoever bought below it has
gained from the seller what it is more.

    round-trip    two clients buy from and sell to each other in one contract on one day, most of what one of them traded
    one-way       one client gains from another, and again, at prices away from the market's
    drained       a client has taken out most of what it gained, and it gained that from one other client alone

Source: "wash trades at off-market prices" of broker and nominee: pairs with repeated opposite fills away from the last price, high
withdrawals and low deposits, a withdrawal after profit from one counterparty alone. The thresholds are ours.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import psycopg

from ringfence.errors import Language
from ringfence.margin.rules import Rules
from ringfence.money import grouped, unit

Pattern = Literal["round-trip", "one-way", "drained"]
_CNY = unit("CNY")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a pattern is flagged.

    A round trip: the share of a client's lots of that day, in hundredths. One way: on how many days at least, on which share of
    them the same client gains, how far the prices are from the settlement price on average in hundredths of a percent, and how
    much it is in fen. Drained: the share of what was gained that came from one client, and that was taken out.
    """

    round_trip_percent: int = 50
    one_way_days: int = 3
    one_way_percent: int = 90
    off_market_bps: int = 50
    least_minor: int = 10_000_00
    drained_percent: int = 80


class Flag(NamedTuple):
    """A pattern: who gains, from whom, what and when it was; and how much it is in fen."""

    pattern: Pattern
    client: str
    other: str
    contract: str
    first: datetime.date
    last: datetime.date
    trades: int
    amount_minor: int
    reason_en: str
    reason_zh: str

    def reason(self, language: Language = "en") -> str:
        """Why it is flagged."""
        return self.reason_zh if language == "zh" else self.reason_en


class Dealt(NamedTuple):
    """What two clients traded with each other in a contract on a day: `client` < `other` in the order of names.

    Lots that the first bought and sold, what it gained by all of it against the settlement price, in fen, the value of it all at
    that price and how far the prices were from it, added up.
    """

    day: datetime.date
    contract: str
    client: str
    other: str
    trades: int
    bought: int
    sold: int
    gained_minor: int
    value_minor: int
    off_minor: int


def dealt(connection: psycopg.Connection[Any], rules: Rules, first: datetime.date, last: datetime.date) -> list[Dealt]:
    """What clients traded with each other on settled days, pair by pair, through a login that reads trades. Errors: RuleUnknown."""
    rows = connection.execute(
        """
        SELECT t.day, t.contract, least(t.buyer, t.seller), greatest(t.buyer, t.seller), count(*),
            coalesce(sum(t.lots) FILTER (WHERE t.buyer < t.seller), 0)::bigint,
            coalesce(sum(t.lots) FILTER (WHERE t.buyer > t.seller), 0)::bigint,
            sum(t.lots * (p.settlement_minor - t.price_minor) * CASE WHEN t.buyer < t.seller THEN 1 ELSE -1 END)::bigint,
            sum(t.lots * p.settlement_minor)::bigint, sum(t.lots * abs(p.settlement_minor - t.price_minor))::bigint
        FROM exchange_margin.trade AS t
        JOIN exchange_margin.price AS p ON p.day = t.day AND p.contract = t.contract
        WHERE t.day BETWEEN %s AND %s AND t.buyer_tender IS NULL AND t.paid_by IS NULL
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
        (first, last),
    ).fetchall()
    found = []
    for day, contract, client, other, trades, bought, sold, gained, value, off in rows:
        quantity = rules.contract(contract, day).lot_quantity
        found.append(
            Dealt(
                day, contract, client, other, trades, bought, sold, gained * quantity, value * quantity, off * quantity
            )
        )
    return found


def moved(connection: psycopg.Connection[Any], first: datetime.date, last: datetime.date) -> dict[str, tuple[int, int]]:
    """What each client has paid in and taken out between two days, in fen."""
    rows = connection.execute(
        """
        SELECT s.name, coalesce(sum(p.amount) FILTER (WHERE r.name <> 'withdrawal'), 0)::bigint,
            coalesce(sum(p.amount) FILTER (WHERE r.name = 'withdrawal'), 0)::bigint
        FROM exchange.posting AS p
        JOIN exchange.route AS r ON r.id = p.route AND r.name IN ('deposit', 'attribute', 'withdrawal')
        JOIN exchange.party AS s ON s.id = p.subject
        WHERE p.value_date BETWEEN %s AND %s AND p.action IN (0, 2)
        GROUP BY s.name
        """,
        (first, last),
    ).fetchall()
    return {client: (paid_in, taken_out) for client, paid_in, taken_out in rows}


def flags(
    deals: Iterable[Dealt], money: dict[str, tuple[int, int]], thresholds: Thresholds | None = None
) -> list[Flag]:
    """What is flagged of these deals, the largest amounts first."""
    limits = thresholds or Thresholds()
    listed = list(deals)
    found = [*_round_trips(listed, limits), *_one_way(listed, limits), *_drained(listed, money, limits)]
    return sorted(found, key=lambda flag: (-flag.amount_minor, flag.pattern, flag.client, flag.other, flag.first))


def _round_trips(deals: list[Dealt], limits: Thresholds) -> list[Flag]:
    lots: Counter[tuple[datetime.date, str, str]] = Counter()
    for deal in deals:
        for who in (deal.client, deal.other):
            lots[deal.day, deal.contract, who] += deal.bought + deal.sold
    found = []
    for deal in deals:
        there_and_back = 2 * min(deal.bought, deal.sold)
        least = min(lots[deal.day, deal.contract, who] for who in (deal.client, deal.other))
        if not there_and_back or there_and_back * 100 < limits.round_trip_percent * least:
            continue
        gains, loses = (deal.client, deal.other) if deal.gained_minor >= 0 else (deal.other, deal.client)
        share = there_and_back * 100 // least
        found.append(
            Flag(
                "round-trip", gains, loses, deal.contract, deal.day, deal.day, deal.trades, abs(deal.gained_minor),
                f"{there_and_back // 2} lots bought and sold back between the two on one day, {share} % of what one of them traded",
                f"同日互为买卖 {there_and_back // 2} 手,占其中一方当日成交 {share} %",
            )
        )  # fmt: skip
    return found


def _one_way(deals: list[Dealt], limits: Thresholds) -> list[Flag]:
    pairs: dict[tuple[str, str, str], list[Dealt]] = defaultdict(list)
    for deal in deals:
        pairs[deal.client, deal.other, deal.contract].append(deal)
    found = []
    for (client, other, contract), of_pair in pairs.items():
        gained = sum(deal.gained_minor for deal in of_pair)
        sign = 1 if gained > 0 else -1
        same = sum(deal.gained_minor * sign > 0 for deal in of_pair)
        off = _off_bps(of_pair)
        if (
            len(of_pair) < limits.one_way_days
            or same * 100 < limits.one_way_percent * len(of_pair)
            or off < limits.off_market_bps
            or abs(gained) < limits.least_minor
        ):
            continue
        gains, loses = (client, other) if gained > 0 else (other, client)
        amount, away = grouped(abs(gained), _CNY), f"{off // 100}.{off % 100:02d} %"
        found.append(
            Flag(
                "one-way", gains, loses, contract, of_pair[0].day, of_pair[-1].day, sum(deal.trades for deal in of_pair),
                abs(gained),
                f"gained on {same} of {len(of_pair)} days, {amount} CNY in all, at prices {away} away from the settlement price",
                f"{len(of_pair)} 日中 {same} 日盈利,共 {amount} CNY,成交价平均偏离结算价 {away}",
            )
        )  # fmt: skip
    return found


def _off_bps(deals: list[Dealt]) -> int:
    """How far the prices were from the settlement price on average, in hundredths of a percent."""
    return sum(deal.off_minor for deal in deals) * 10_000 // max(1, sum(deal.value_minor for deal in deals))


def _drained(deals: list[Dealt], money: dict[str, tuple[int, int]], limits: Thresholds) -> list[Flag]:
    gains: dict[str, Counter[str]] = defaultdict(Counter)
    when: dict[tuple[str, str], list[Dealt]] = defaultdict(list)
    for deal in deals:
        gains[deal.client][deal.other] += deal.gained_minor
        gains[deal.other][deal.client] -= deal.gained_minor
        for who, whom in ((deal.client, deal.other), (deal.other, deal.client)):
            when[who, whom].append(deal)
    found = []
    for client, by_other in sorted(gains.items()):
        positive = {other: gained for other, gained in by_other.items() if gained > 0}
        total = sum(positive.values())
        if total < limits.least_minor:
            continue
        other, most = max(positive.items(), key=lambda one: (one[1], one[0]))
        paid_in, taken_out = money.get(client, (0, 0))
        beyond, of_pair = max(0, taken_out - paid_in), when[client, other]
        # At prices away from the market's it is enough that as much as the gain has gone out, whatever was paid in before.
        gone = taken_out if _off_bps(of_pair) >= limits.off_market_bps else beyond
        if most * 100 < limits.drained_percent * total or gone * 100 < limits.drained_percent * most:
            continue
        share = most * 100 // total
        if gone > beyond:
            amount, out = most, grouped(taken_out, _CNY)
            how = f"{share} % of what it gained came from one client, away from the market's prices, and {out} CNY has been taken out"
            how_zh = f"盈利的 {share} % 来自同一客户且成交价偏离市价，已出金 {out} CNY"
        else:
            amount, out = beyond, grouped(beyond, _CNY)
            how = f"{share} % of what it gained came from one client, and {out} CNY more than it paid in has been taken out"
            how_zh = f"盈利的 {share} % 来自同一客户,且出金超过入金 {out} CNY"
        found.append(
            Flag(
                "drained", client, other, "", of_pair[0].day, of_pair[-1].day, sum(deal.trades for deal in of_pair),
                amount, how, how_zh,
            )
        )  # fmt: skip
    return found
