"""Extract one year of deferred and spot contracts from a table of SGE daily reports.

The input is the long form of the daily reports that the public repository piggypiggy/datas collects: one
line per day and contract, with the columns named in COLUMNS among others. The last trading day before the
year comes along, because its weighted average is the previous settlement of the year's first day.

    python tools/extract_sge_year.py REPORTS.csv 2020        prints the table; redirect it into the file
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

CONTRACTS = ("Au(T+D)", "mAu(T+D)", "Ag(T+D)", "Au99.99", "Au100g")
PRICES = ("open", "high", "low", "close", "wavg")
COLUMNS = ("date", "contract", *PRICES, "volume_kg", "open_interest_lots", "fee_direction")

HEADER = """\
# Daily figures of the deferred contracts of the Shanghai Gold Exchange in {year}, of two spot contracts, and of the trading day
# before it. Source: SGE daily reports, collected by the public GitHub repository piggypiggy/datas at commit
# 6b2f5b07fb3ea1e943014c5e5938741259e9cdbe (data/sge/trade_data.csv). Made by tools/extract_sge_year.py.
# Prices: CNY per gram for gold, CNY per kilogram for silver. wavg, the weighted average of the day, is the
# settlement price of a deferred contract; the price limits of a spot contract start from its close.
# volume_kg and open_interest_lots count both sides of every trade, as the reports do. A contract without a
# row did not trade.
# known_from: {known_from}
# known_until: {known_until}"""


def table(reports: Path, year: str) -> str:
    """Return the whole text of the frozen table of `year`."""
    with reports.open(encoding="utf-8", newline="") as file:
        rows = sorted(
            (row for row in csv.DictReader(file) if row["contract"] in CONTRACTS),
            key=lambda row: (row["date"], CONTRACTS.index(row["contract"])),
        )
    days = sorted({row["date"] for row in rows})
    before = max(day for day in days if day < year)
    wanted = [row for row in rows if row["date"] == before or row["date"].startswith(year)]
    header = HEADER.format(year=year, known_from=before, known_until=f"{year}-12-31")
    return "\n".join([header, ",".join(COLUMNS), *map(",".join, map(_cells, wanted)), ""])


def _cells(row: dict[str, str]) -> Iterator[str]:
    price_decimals = 0 if row["contract"].startswith("Ag") else 2
    for column in COLUMNS:
        if column in PRICES:
            yield f"{Decimal(row[column]):.{price_decimals}f}"
        elif column in ("volume_kg", "open_interest_lots"):
            yield f"{Decimal(row[column]).normalize():f}"
        else:
            yield row[column]


if __name__ == "__main__":
    print(table(Path(sys.argv[1]), sys.argv[2]), end="")
