"""`ringfence bench`, small: every cell is measured, the figures hang together, and what was measured verifies."""

from __future__ import annotations

import datetime
import json
import statistics
import sys
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ringfence import bench
from ringfence.bench import Settings, measure, run, served, settlement, table
from ringfence.bench.tigerbeetle import TigerBeetle
from ringfence.bench.workload import Wishes, make
from ringfence.cli import app
from ringfence.custody import Circle
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.ledger.verify import verify
from ringfence.margin.day_end import DayEnd

FIELDS = {"case", "design", "batch", "callers", "min", "median", "max", "p50_ms", "p99_ms", "ratio"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCHES", {100: 200, 1_000: 1_000})
    monkeypatch.setattr(run, "CALLERS", {1: 5, 16: 64})
    monkeypatch.setattr(run, "LOCKED", {16: 32})
    for name, value in (("DEPOSITS", 128), ("A_SECOND", 100), ("SECONDS", 1), ("CONSOLES", (1, 2))):
        monkeypatch.setattr(served, name, value)


@pytest.mark.usefixtures("small")
def test_every_cell_is_measured_and_the_books_verify(store: Store) -> None:
    figures = measure(store, Settings(clients=200, rounds=3), lambda said: None)
    cells = {(f.case, f.design, f.batch, f.callers) for f in figures}
    for case in run.CASES:
        assert {(case, design, batch, 1) for design in ("floor", "ringfence") for batch in (100, 1_000)} <= cells
    assert {("hot", "row-locks", 1, 16), ("hot", "ringfence", 1, 16), ("two-ledgers", "ringfence", 1_000, 2)} <= cells
    for figure in figures:
        assert len(figure.rates) == 3
        document = figure.document()
        assert document.keys() == FIELDS
        assert 0 < document["min"] <= document["median"] <= document["max"]
        assert document["median"] == round(statistics.median(figure.rates))
    said = "\n".join(table(figures))
    assert all(f"{figure.document()['median']:,}" in said for figure in figures)
    with Ledger(store, run.LEDGER, "teller") as ledger:
        assert verify(ledger).findings == ()
        ((postings, refused),) = ledger.rows(
            "SELECT count(*), (SELECT count(*) FROM {0}.posting WHERE amount = 10^14) FROM {0}.posting"
        )
        assert postings > 4 * 4 * 1_000
        assert refused == 0


@pytest.mark.usefixtures("small")
def test_the_command_writes_the_figures_and_a_table(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["bench", "--only", "served", "--rounds", "3", "--json", str(tmp_path / "figures.json")]
    )
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert all(row.keys() == FIELDS for row in rows)
    for row in rows:
        assert f"{row['median']:,}" in done.output
    # The pages are weighed.
    cases = {row["case"]: row for row in rows}
    assert cases["deposits-http"]["callers"] == cases["deposits-python"]["callers"] == 64
    assert cases["deposits-http"]["ratio"] > 0
    assert cases["picture-1"]["p50_ms"] <= cases["picture-1"]["p99_ms"] < 10_000
    assert cases["picture-2"]["callers"] == 2
    assert "exchange /ring" in done.output


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["--rounds", "2"], "3 or more"),
        (["--clients", "7"], "100 to 1,000,000"),
        (["--only", "speed"], "one of kernel, served, settlement"),
        (["--most", "9999"], "10,000 or more"),
        (["--json", "/no/such/folder/file"], "in a folder that exists"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], right: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert isinstance(done.exception, BadInput)
    assert right in str(done.exception)


def test_days_are_settled_and_the_command_says_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was settled is what another calculation says: each pair of clients has a tenth of the lots, long and short."""
    monkeypatch.setattr(bench, "SIZES", (40, 80))
    seen: list[list[tuple[Any, ...]]] = []
    floor = settlement._floor

    def look_first(store: Store, found: settlement.SettledDays) -> None:
        with Circle(store, ()) as circle:
            end = DayEnd(circle)
            day = end.settled_days()[-1]
            assert end.compute_again(day) == []
            assert verify_postings(circle, day)
            seen.append(
                circle.settlement.rows(
                    "SELECT what, count(*) FROM exchange_margin.piece WHERE day = %s GROUP BY 1", (day,)
                )
            )
        floor(store, found)

    monkeypatch.setattr(settlement, "_floor", look_first)
    done = CliRunner().invoke(
        app,
        ["bench", "--only", "settlement", "--most", "80", "--rounds", "3", "--json", str(tmp_path / "figures.json")],
    )
    assert done.exit_code == 0, done.output
    small, large = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert (small["clients"], large["clients"], small["exponent"]) == (40, 80, None)
    assert 0 < large["planned_s"] + large["posted_s"] < large["max_s"] + 1
    assert large["ratio"] > large["ratio_with_postings"] > 1
    assert large["rests_mb"] > 0 < large["peak_mb"]
    # A tenth of the pairs trade; every client has lots that are marked, and pays a deferred fee or gets one.
    for size, rows in zip([40] * 3 + [80] * 3, seen, strict=True):
        pieces: dict[str, int] = dict(rows)
        assert (pieces["fee"], pieces["realised"]) == (size // 10, size // 10)
        assert pieces["marked"] == size
    assert large["postings"] == median(sum(dict(pieces).values()) for pieces in seen[3:])
    assert f"{large['median_s']:.2f}" in done.output


def verify_postings(circle: Circle, day: datetime.date) -> bool:
    """Whether every piece of the day is a posting, and nothing else is."""
    pieces = circle.settlement.rows(
        "SELECT format('settle:%%s:%%s:%%s', day, client, what), abs(amount_minor) FROM exchange_margin.piece WHERE day = %s",
        (day,),
    )
    posted = circle.settlement.rows("SELECT key, amount FROM {}.posting WHERE value_date = %s", (day,))
    return sorted(pieces) == sorted(posted)


class Recorded:
    """The part of TigerBeetle's client that is used, which only remembers."""

    def __init__(self, cluster_id: int, replica_addresses: str) -> None:
        self.where = cluster_id, replica_addresses
        self.accounts: list[Any] = []
        self.transfers: list[Any] = []

    def create_accounts(self, accounts: list[Any]) -> None:
        self.accounts += accounts

    def create_transfers(self, transfers: list[Any]) -> None:
        self.transfers += transfers


def test_tigerbeetle_gets_the_same_postings(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = SimpleNamespace(NONE=0, DEBITS_MUST_NOT_EXCEED_CREDITS=2)
    fields = {"Account": SimpleNamespace, "Transfer": SimpleNamespace, "AccountFlags": flags, "ClientSync": Recorded}
    monkeypatch.setitem(sys.modules, "tigerbeetle", SimpleNamespace(**fields))
    make(store, "bench", 30, lambda said: None)
    with Ledger(store, "bench", "teller") as ledger:
        beetle = TigerBeetle("3000", ledger, salt=7)
        client = beetle._client
        assert client.where == (0, "3000")
        assert len(client.accounts) == len(ledger.accounts)
        assert sum(account.flags == 2 for account in client.accounts) == len(client.transfers) == 30
        client.transfers.clear()
        wanted = Wishes(ledger, 1).some("hot-2%-refused", 200)
        beetle.post(beetle.pack(wanted))
    salt = 7 << 64
    assert [(t.debit_account_id - salt, t.credit_account_id - salt, t.amount) for t in client.transfers] == [
        (*asked.path, asked.amount_minor) for asked in wanted
    ]
    assert len({t.id for t in client.transfers}) == 200


def test_tigerbeetle_without_its_client_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tigerbeetle", None)
    make(store, "bench", 2, lambda said: None)
    with Ledger(store, "bench", "teller") as ledger, pytest.raises(BadInput, match="the package tigerbeetle installed"):
        TigerBeetle("3000", ledger, salt=1)
