"""`ringfence settle replay`: nine years of the exchange's real prices against DuckDB, and what bad input gets."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from ringfence.cli import app

LOT = {"Au(T+D)": 1000, "mAu(T+D)": 100, "Ag(T+D)": 1}
TICK = {"Au(T+D)": 1, "mAu(T+D)": 1, "Ag(T+D)": 100}
RULES = Path(__file__).parents[2] / "src" / "ringfence" / "margin" / "data" / "rules.csv"
CLIENTS = 12


def replay(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["settle", "replay", *map(str, arguments)])


# -- nine years ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prices(public_file: Callable[[str], Path]) -> Path:
    return public_file("sge_daily/sge_daily_tidy.csv")


@pytest.fixture(scope="module")
def nine_years(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """Trades between a dozen clients at prices within each day's real span, and what the replay makes of them."""
    folder = tmp_path_factory.mktemp("replay")
    trades, cash, out = folder / "trades.csv", folder / "cash.csv", folder / "out.json"
    random, held = Random(14), defaultdict[tuple[str, str, int], int](int)
    names = [f"c{number:02d}" for number in range(CLIENTS)]
    with prices.open(encoding="utf-8", newline="") as file, trades.open("w", encoding="utf-8", newline="") as made:
        written = csv.writer(made)
        written.writerow(["date", "member", "client", "contract", "side", "offset", "lots", "price"])
        for row in csv.DictReader(file):
            code = row["contract"]
            if code not in LOT:
                continue
            low, high = (int(Decimal(row[name]) * 100) for name in ("low", "high"))
            for _ in range(2):
                price = Decimal(random.randrange(low, high + 1, TICK[code])) / 100
                pair, lots = random.sample(names, 2), random.randint(1, 9)
                for client, side in zip(pair, (1, -1), strict=True):
                    closes = held[client, code, -side] >= lots
                    held[client, code, -side if closes else side] += -lots if closes else lots
                    offset = "close" if closes else "open"
                    member = f"m{int(client[1:]) % 3}"
                    written.writerow(
                        [row["date"], member, client, code, "buy" if side == 1 else "sell", offset, lots, price]
                    )
    cash.write_text(
        "date,client,amount\n"
        + "".join(f"2014-09-{16 + n % 2},{name},{10**6 + n}.37\n" for n, name in enumerate(names))
    )
    result = replay("--prices", prices, "--trades", trades, "--cash", cash, "--json", out)
    assert result.exit_code == 0, result.output
    assert "2253 days from 2014-09-16 to 2023-12-29" in result.output
    assert "profits of all clients add up to 0.00" in result.output
    return trades, cash, json.loads(out.read_text("utf-8"))


# All amounts are fen and all rates parts of 10^8, in 128-bit integers.
CALCULATION = """
    CREATE TEMP TABLE size AS
        SELECT contract, q::HUGEINT AS q FROM (VALUES ('Au(T+D)', 1000), ('mAu(T+D)', 100), ('Ag(T+D)', 1)) AS s (contract, q);
    CREATE TEMP TABLE settled AS SELECT date, coalesce(lead(date) OVER (ORDER BY date), DATE '2024-01-02') - date AS days
        FROM (SELECT DISTINCT date FROM read_csv($prices));
    -- A day on which silver was suspended has no price: it keeps the last, and nobody pays.
    CREATE TEMP TABLE price AS
        SELECT d.date, s.contract, q, days,
            last_value((p.wavg * 100)::HUGEINT IGNORE NULLS) OVER w AS settlement,
            CASE p.fee_direction WHEN 'long_pays_short' THEN 1 WHEN 'short_pays_long' THEN -1 ELSE 0 END AS pays
        FROM settled AS d CROSS JOIN size AS s
        LEFT JOIN (SELECT date, contract, fee_direction, wavg FROM read_csv($prices, types = {'wavg': 'DECIMAL(18, 2)'})) AS p
            ON p.date = d.date AND p.contract = s.contract
        WINDOW w AS (PARTITION BY s.contract ORDER BY d.date);
    CREATE TEMP TABLE rate AS
        SELECT d.date, r.contract, r.rule, arg_max((rtrim(r.value, '%')::DECIMAL(18, 6) * 1000000)::HUGEINT, r.effective_from) AS parts
        FROM settled AS d JOIN read_csv($rules, comment = '#') AS r ON r.effective_from <= d.date
        WHERE r.rule IN ('margin', 'fee', 'deferred-fee') AND r.value <> '?' GROUP BY d.date, r.contract, r.rule;
    CREATE TEMP TABLE fill AS
        SELECT date, client, contract, lots, (price * 100)::HUGEINT AS price,
            CASE side WHEN 'buy' THEN 1 ELSE -1 END AS side,
            CASE WHEN (side = 'buy') = ("offset" = 'open') THEN 1 ELSE -1 END AS held_side,
            CASE "offset" WHEN 'open' THEN lots ELSE -lots END AS change
        FROM read_csv($trades, types = {'price': 'DECIMAL(18, 2)'});
    CREATE TEMP TABLE traded AS
        SELECT f.date, f.client, f.contract,
            coalesce(sum(change) FILTER (held_side = 1), 0) AS longs, coalesce(sum(change) FILTER (held_side = -1), 0) AS shorts,
            sum(side * f.lots * q * price) AS bought, sum((f.lots * q * price * parts * 2 + 100000000) // 200000000) AS fee
        FROM fill AS f JOIN size USING (contract)
        JOIN rate AS r ON r.date = f.date AND r.contract = f.contract AND r.rule = 'fee'
        GROUP BY f.date, f.client, f.contract;
    CREATE TEMP TABLE held AS
        SELECT p.date, c.client, p.contract, q, days, settlement, pays,
            lag(settlement, 1, settlement) OVER h AS previous,
            coalesce(sum(longs) OVER h, 0)::HUGEINT AS longs, coalesce(sum(shorts) OVER h, 0)::HUGEINT AS shorts,
            coalesce(bought, 0) AS bought, coalesce(fee, 0) AS fee
        FROM price AS p CROSS JOIN (SELECT DISTINCT client FROM fill) AS c
        LEFT JOIN traded AS t ON t.date = p.date AND t.contract = p.contract AND t.client = c.client
        WINDOW h AS (PARTITION BY c.client, p.contract ORDER BY p.date);
    CREATE TEMP TABLE piece AS
        SELECT h.date, h.client, fee,
            (longs * q * settlement * m.parts + 99999999) // 100000000 + (shorts * q * settlement * m.parts + 99999999) // 100000000 AS margin,
            CASE pays WHEN 0 THEN 0 ELSE
                (CASE pays WHEN 1 THEN shorts ELSE longs END * q * settlement * days * d.parts) // 100000000
                - (CASE pays WHEN 1 THEN longs ELSE shorts END * q * settlement * days * d.parts + 99999999) // 100000000
            END AS deferred,
            q * ((longs - shorts) * settlement
                - lag(longs - shorts, 1, 0::HUGEINT) OVER (PARTITION BY h.client, h.contract ORDER BY h.date) * previous) - bought AS profit
        FROM held AS h
        JOIN rate AS m ON m.date = h.date AND m.contract = h.contract AND m.rule = 'margin'
        JOIN rate AS d ON d.date = h.date AND d.contract = h.contract AND d.rule = 'deferred-fee';
    CREATE TEMP TABLE client_day AS
        SELECT r.date, r.client, fee, margin, deferred, profit, coalesce((c.amount * 100)::HUGEINT, 0) AS deposits
        FROM (
            SELECT date, client, sum(fee) AS fee, sum(margin) AS margin, sum(deferred) AS deferred, sum(profit) AS profit
            FROM piece GROUP BY date, client
        ) AS r
        LEFT JOIN read_csv($cash, types = {'amount': 'DECIMAL(18, 2)'}) AS c ON c.date = r.date AND c.client = r.client;
    SELECT *, sum(profit - fee + deferred + deposits) OVER (PARTITION BY client ORDER BY date) AS closing FROM client_day
"""


def fen(figure: Any) -> int:
    return round(Decimal(figure) * 100)


def test_nine_years_are_to_the_fen_what_duckdb_makes_of_them(
    prices: Path, nine_years: tuple[Path, Path, dict[str, Any]]
) -> None:
    trades, cash, document = nine_years
    script = CALCULATION
    for name, path in {"prices": prices, "rules": RULES, "trades": trades, "cash": cash}.items():
        script = script.replace(f"${name}", f"'{path}'")
    calculated = {(str(row[0]), row[1]): row[2:] for row in duckdb.connect().execute(script).fetchall()}
    compared = 0
    for day in document["days"]:
        for row in day["clients"]:
            calc = dict(
                zip(
                    ("fee", "margin", "deferred_fee", "profit", "deposits", "closing"),
                    calculated[day["date"], row["client"]],
                    strict=True,
                )
            )
            for name in ("fee", "margin", "deferred_fee", "deposits", "closing"):
                assert fen(row[name]) == calc[name], (day["date"], row["client"], name)
            assert fen(row["realised"]) + fen(row["marked"]) == calc["profit"], (day["date"], row["client"])
            compared += 1
    # Who pays in on the second day has no first.
    assert 2252 * CLIENTS < compared <= 2253 * CLIENTS


def test_nine_years_divide_profit_as_lots_do_one_by_one(
    prices: Path, nine_years: tuple[Path, Path, dict[str, Any]]
) -> None:
    """Which part is realised and which marked depends on which lots were closed: here each is followed by itself."""
    trades, _, document = nine_years
    with prices.open(encoding="utf-8", newline="") as file:
        settlement = {
            (row["date"], row["contract"]): fen(row["wavg"]) for row in csv.DictReader(file) if row["contract"] in LOT
        }
    by_day = defaultdict(list)
    with trades.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_day[row["date"]].append(row)
    lots: dict[tuple[str, str, int], list[list[int]]] = defaultdict(list)  # opened at, counts from, how many
    last: dict[str, int] = {}
    for day in document["days"]:
        realised, marked, by_trade, floating = (defaultdict[str, int](int) for _ in range(4))
        for row in by_day[day["date"]]:
            client, code, price, left = row["client"], row["contract"], fen(row["price"]), int(row["lots"])
            side = 1 if row["side"] == "buy" else -1
            if row["offset"] == "open":
                lots[client, code, side].append([price, price, left])
                continue
            queue = lots[client, code, -side]
            while left:
                taken = min(left, queue[0][2])
                realised[client] += -side * taken * LOT[code] * (price - queue[0][1])
                by_trade[client] += -side * taken * LOT[code] * (price - queue[0][0])
                queue[0][2] -= taken
                left -= taken
                if not queue[0][2]:
                    queue.pop(0)
        for (client, code, side), queue in lots.items():
            price = last[code] = settlement.get((day["date"], code)) or last[code]
            for lot in queue:
                marked[client] += side * lot[2] * LOT[code] * (price - lot[1])
                floating[client] += side * lot[2] * LOT[code] * (price - lot[0])
                lot[1] = price
        for row in day["clients"]:
            for name, figures in (
                ("realised", realised),
                ("marked", marked),
                ("by_trade", by_trade),
                ("floating", floating),
            ):
                assert fen(row[name]) == figures[row["client"]], (day["date"], row["client"], name)


def test_every_piece_is_checked_every_day_and_funds_follow(nine_years: tuple[Path, Path, dict[str, Any]]) -> None:
    _, _, document = nine_years
    assert len(document["days"]) == 2253
    grades = set()
    for day in document["days"]:
        for check in day["checks"]:
            assert check["long_lots"] == check["short_lots"]
            assert (check["whole"], check["profit"]) == (True, "0.00")
            assert 0 <= fen(check["left_over"]) <= 2 * CLIENTS
        for row in day["clients"]:
            opening, closing, margin = fen(row["opening"]), fen(row["closing"]), fen(row["margin"])
            flows = sum(fen(row[name]) for name in ("deposits", "realised", "marked", "deferred_fee"))
            assert closing == opening + flows - fen(row["fee"]) - fen(row["overdue_fee"])
            assert fen(row["available"]) == closing - margin
            assert fen(row["withdrawable"]) == max(0, closing - margin)
            assert fen(row["call"]) == max(0, margin - closing)
            if closing > 0:
                assert abs(Decimal(row["risk_degree"]) - Decimal(100 * margin) / closing) <= Decimal("0.005")
            grades.add(row["grade"])
    assert grades == {"green", "orange-call", "red-call", "red-forced-close"}
    assert {rule["contract"] for rule in document["rules"]} >= set(LOT)
    assert all(rule["source"] for rule in document["rules"])


# -- a few days, and what is wrong with them -----------------------------------------------------------------------

PRICES = """date,contract,wavg,fee_direction
2020-03-16,Au(T+D),348.18,short_pays_long
2020-03-17,Au(T+D),341.00,long_pays_short
2020-03-17,Ag(T+D),3169,long_pays_short
2020-03-18,Au(T+D),340.00,
2020-03-19,Au(T+D),339.00,long_pays_short
2020-03-19,Ag(T+D),2896,short_pays_long
"""
TRADES = """date,member,client,contract,side,offset,lots,price
2020-03-17,m1,a,Ag(T+D),buy,open,10,3200
2020-03-17,m2,b,Ag(T+D),sell,open,10,3200
2020-03-19,m1,a,Ag(T+D),sell,close,4,2900
2020-03-19,m2,b,Ag(T+D),buy,close,4,2900
"""


@pytest.fixture
def few(tmp_path: Path) -> Callable[..., Any]:
    """Run a few days; texts replace the usual ones."""

    def run(*arguments: object, **texts: str) -> Any:
        named = {"prices": PRICES, "trades": TRADES, **texts}
        options: list[object] = []
        for name, text in named.items():
            (tmp_path / f"{name}.csv").write_text(text, "utf-8")
            options += [f"--{name}", tmp_path / f"{name}.csv"]
        return replay(*options, "--json", tmp_path / "out.json", *arguments)

    return run


def test_a_few_days_worked_by_hand(few: Callable[..., Any], tmp_path: Path) -> None:
    result = few("--from", "2020-03-18", cash="date,client,amount\n2020-03-17,a,10000\n2020-03-19,a,-5.50\n")
    assert result.exit_code == 0, result.output
    days = {day["date"]: day for day in json.loads((tmp_path / "out.json").read_text("utf-8"))["days"]}
    assert list(days) == ["2020-03-18", "2020-03-19"]
    # 17th: 10 x (3,169 - 3,200) = -310; fee 32,000 x 0.025 % = 8.00; longs pay 31,690 x 0.02 % = 6.338, up.
    # 18th: suspended: nothing moves, margin is 19 % of 31,690.00.
    a, b = days["2020-03-18"]["clients"]
    assert (a["opening"], a["closing"]) == ("9675.66", "9675.66")
    assert (b["opening"], b["deferred_fee"]) == ("308.33", "0.00")
    assert a["margin"] == "6021.10"
    # 19th: 4 x (2,900 - 3,169) = -1,076; 6 x (2,896 - 3,169) = -1,638; fee 11,600 x 0.025 % = 2.90;
    # shorts pay for one day 17,376 x 0.02 % = 3.4752: 3.48 paid, 3.47 received.
    a, b = days["2020-03-19"]["clients"]
    assert (a["realised"], a["by_trade"], a["marked"], a["floating"]) == (
        "-1076.00",
        "-1200.00",
        "-1638.00",
        "-1824.00",
    )
    assert (a["fee"], a["deferred_fee"], b["deferred_fee"]) == ("2.90", "3.47", "-3.48")
    assert a["deposits"] == "-5.50"
    assert a["closing"] == "6956.73"  # 9,675.66 - 5.50 - 2,714.00 - 2.90 + 3.47
    assert days["2020-03-19"]["checks"] == [
        {"contract": "Ag(T+D)", "long_lots": 6, "short_lots": 6, "whole": True, "profit": "0.00", "left_over": "0.01"}
    ]


def test_one_clients_own_trades_need_no_other_side(few: Callable[..., Any]) -> None:
    own = "".join(line for line in TRADES.splitlines(keepends=True) if ",b," not in line)
    result = few(trades=own)
    assert result.exit_code == 0, result.output
    assert "not all clients of a market" in result.output


def test_it_speaks_chinese(few: Callable[..., Any]) -> None:
    result = few("--language", "zh")
    assert "逐日核对" in result.output
    assert "期末结存" in result.output


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trades": TRADES.replace("close,4,2900\n2020-03-19,m2", "close,11,2900\n2020-03-19,m2")}, ["trades.csv, line 4", "a closes 11 lots", "holds 10"]),
        ({"trades": TRADES.replace("10,3200", "10,3200.50", 1)}, ["trades.csv, line 2, price", "3200.50", "tick"]),
        ({"trades": TRADES.replace("10,3200", "1.5,3200", 1)}, ["line 2, lots", "1.5", "a whole number"]),
        ({"trades": TRADES.replace("buy,open", "long,open", 1)}, ["line 2, side", "long", "buy, sell"]),
        ({"trades": TRADES.replace("buy,open", "buy,opens", 1)}, ["line 2, offset", "opens", "open, close"]),
        ({"trades": TRADES.replace("2020-03-17,m1", "2020-03-15,m1", 1)}, ["line 2, date", "2020-03-15", "prices.csv has prices"]),
        ({"trades": TRADES.replace("2020-03-17,m1", "17.3.2020,m1", 1)}, ["line 2, date", "17.3.2020", "a day such as"]),
        ({"trades": TRADES.replace("2020-03-17,m1", "2020-03-18,m1", 1)}, ["line 2, date", "2020-03-18", "suspended"]),
        ({"trades": TRADES.replace("Ag(T+D)", "Ag(T+N)", 1)}, ["line 2, contract", "Ag(T+N)", "Ag(T+D)"]),
        ({"trades": TRADES.replace("Ag(T+D)", "Au99.99", 1)}, ["line 2, contract", "Au99.99", "deferred"]),
        ({"trades": TRADES.replace("m1,a,Ag(T+D),sell", "m2,a,Ag(T+D),sell")}, ["line 4, member", "m2", "m1"]),
        ({"trades": TRADES.replace(",m1,a,", ",m1,,", 1)}, ["line 2, client", "1 to 100"]),
        ({"trades": TRADES.replace("10,3200", "10", 1)}, ["trades.csv, line 2", "8 columns"]),
        ({"trades": TRADES.replace("m1,a", 'm1,"a', 1)}, ["trades.csv", "well-formed CSV"]),
        ({"trades": TRADES.replace("offset", "direction")}, ["trades.csv, line 1", "offset"]),
        ({"trades": ""}, ["trades.csv, line 1", "header"]),
        ({"prices": PRICES.replace("2020-03-19,Ag(T+D),2896,short_pays_long\n", "")}, ["2020-03-19", "Ag(T+D)", "no settlement price"]),
        ({"prices": PRICES.replace("3169,", "31a9,")}, ["prices.csv, line 4, wavg", "31a9"]),
        ({"prices": PRICES.replace("3169,long_pays_short", "3169,longs")}, ["line 4, fee_direction", "longs", "long_pays_short"]),
        ({"prices": PRICES + "2020-03-19,Ag(T+D),2896,\n"}, ["line 8, contract", "one line for"]),
        ({"prices": "date,contract,wavg,fee_direction\n"}, ["a line for each day"]),
        ({"cash": "date,client,amount\n2020-03-17,z,1\n"}, ["cash.csv, line 2, client", "z"]),
        ({"cash": "date,client,amount\n2020-03-17,a,1.001\n"}, ["line 2, amount", "1.001"]),
        ({"cash": "date,client,amount\n2020-03-20,a,1\n"}, ["line 2, date", "2020-03-20"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_whole(
    few: Callable[..., Any], tmp_path: Path, change: dict[str, str], says: list[str]
) -> None:
    result = few(**change)
    assert result.exit_code != 0
    said = " ".join(result.output.split()) + str(result.exception or "")
    for part in says:
        assert part in said, said
    assert "Traceback" not in result.output
    assert list(tmp_path.glob("*out.json*")) == []


def test_a_day_before_the_first_rule_and_a_span_without_prices(few: Callable[..., Any]) -> None:
    early = few(prices=PRICES.replace("2020", "2012"), trades=TRADES.replace("2020", "2012"))
    assert "line 2, date" in str(early.exception)
    assert "2014-09-16" in str(early.exception)
    nowhere = few("--from", "2021-01-01")
    assert "2020-03-16 to 2020-03-19" in str(nowhere.exception)
