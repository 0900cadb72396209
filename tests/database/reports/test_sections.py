"""What stands behind a statement: on every day of a market each line of the account is the sum of what is listed below it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from typer.testing import CliRunner

from lived import PLAN, make_lived
from ringfence.cli import app
from ringfence.database import Store
from ringfence.ledger import role
from ringfence.margin.rulebook import read_rules
from ringfence.margin.statement import LINES, statements
from ringfence.reports import make_member_file, make_paper
from ringfence.reports.sections import Section, sections_of_all

pytestmark = pytest.mark.ledgers.with_args(make_lived)
DAYS = PLAN.trading_days()
LAST = DAYS[-1]


def clients_of(connection: psycopg.Connection[Any], member: str = "") -> list[str]:
    rows = connection.execute(
        "SELECT c.name FROM exchange.party AS c JOIN exchange.party AS m ON m.id = c.member "
        "WHERE %(member)s IN ('', m.name) ORDER BY c.name",
        {"member": member},
    ).fetchall()
    return [name for (name,) in rows]


def summed(section: Section, client: str, column: str) -> int:
    names = [one.name for one in section.columns]
    return sum(row[names.index(column)] for row in section.rows if row[0] == client)


def test_every_line_is_the_sum_of_what_stands_below_it(store: Store) -> None:
    lines = dict.fromkeys(("fee", "realised", "marked"), 0)
    with store.connect(role("exchange", "auditor")) as reads:
        rules, clients = read_rules(reads), clients_of(reads)
        for day in DAYS:
            trades, closed, held, positions, metal = sections_of_all(reads, clients, day, rules)
            said = statements(reads, clients, day)
            required = dict(
                reads.execute(
                    "SELECT client, margin_minor FROM exchange_margin.client_day WHERE day = %s", (day,)
                ).fetchall()
            )
            for client in clients:
                one = said[client]
                assert summed(trades, client, "fee") == -one.fee_minor, (day, client)
                assert summed(trades, client, "realised") == summed(closed, client, "realised") == one.realised_minor
                assert summed(held, client, "marked") == summed(positions, client, "marked") == one.marked_minor
                assert summed(positions, client, "margin") == required.get(client, 0)
                for column in ("long", "short"):
                    lots = sum(row[4] for row in held.rows if row[0] == client and row[3] == column)
                    assert summed(positions, client, f"{column}_lots") == lots
                lines["fee"] += abs(one.fee_minor)
                lines["realised"] += abs(one.realised_minor)
                lines["marked"] += abs(one.marked_minor)
            for _, _, opening, brought_in, taken_out, received, gave, closing in metal.rows:
                assert closing == opening + brought_in + taken_out + received + gave >= 0
            # Of a whole market as much is bought as sold, and nobody gains what nobody loses.
            assert sum(1 if row[3] == "buy" else -1 for row in trades.rows) == 0
            assert trades.totals.get("realised", 0) + held.totals.get("marked", 0) == 0
    assert all(lines.values()), "a market in which nothing happens shows nothing"


def test_by_trade_and_floating_count_from_the_opening_price(store: Store) -> None:
    with store.connect(role("exchange", "auditor")) as reads:
        _, closed, held, _, _ = sections_of_all(reads, clients_of(reads), LAST, read_rules(reads))
    quantity = {"Au(T+D)": 1000, "mAu(T+D)": 100, "Ag(T+D)": 1}
    assert closed.rows
    for _, _, contract, side, lots, _, opened_at, _, closed_at, _, by_trade in closed.rows:
        assert by_trade == (1 if side == "long" else -1) * lots * quantity[contract] * (closed_at - opened_at)
    for _, _, contract, side, lots, _, opened_at, _, settlement, _, floating in held.rows:
        assert floating == (1 if side == "long" else -1) * lots * quantity[contract] * (settlement - opened_at)


def test_a_client_and_its_member_see_the_same_by_their_own_logins_and_nobody_elses(store: Store) -> None:
    with store.connect(role("exchange", "auditor")) as reads, store.connect(role("exchange", "member_m1")) as member:
        ours, theirs = clients_of(reads, "m1"), clients_of(reads, "m2")
        assert make_member_file(member, "m1", LAST) == make_member_file(reads, "m1", LAST)
        assert make_member_file(member, "m2", LAST) is None
        assert sections_of_all(member, [*ours, *theirs], LAST, read_rules(member)) == sections_of_all(
            reads, ours, LAST, read_rules(reads)
        )
        whole = make_paper(reads, ours[0], LAST)
        # All but how far the book has got, of which a member sees its own part.
        assert whole is not None
        own = make_paper(member, ours[0], LAST)
        assert own is not None
        assert (own.statement, own.sections) == (whole.statement, whole.sections)


def test_every_form_says_the_same(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))

    def made(*arguments: str) -> bytes:
        done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "out")])
        assert done.exit_code == 0, done.output
        return (tmp_path / "out").read_bytes()

    with store.connect(role("exchange", "auditor")) as reads:
        rules, everybody = read_rules(reads), clients_of(reads)
        trades, closed, *_ = sections_of_all(reads, everybody, LAST, rules)
        client = closed.rows[0][0]
        member = client.split("-")[0]
        ours = clients_of(reads, member)
        accounts = statements(reads, ours, LAST)
    document = json.loads(made("statement", client, str(LAST), "--form", "json"))
    of_client = [row for row in trades.rows if row[0] == client]
    assert [row["trade_no"] for row in document["sections"]["trades"]["rows"]] == [row[1] for row in of_client]
    assert Decimal(document["sections"]["closed"]["totals"]["realised"]) == Decimal(document["realised"])
    for language, words in (
        ("en", ("Trades", "Closed positions", "Open positions", "Price")),
        ("zh", ("成交记录", "平仓明细", "持仓明细", "开仓价")),
    ):
        text = made("statement", client, str(LAST), "--language", language).decode()
        assert all(word in text for word in words), text
        assert of_client[0][1] in text
    book = openpyxl.load_workbook(
        io.BytesIO(made("statement", client, str(LAST), "--form", "xlsx", "--language", "zh"))
    )
    assert book.sheetnames[:3] == ["结算单", "成交记录", "平仓明细"]
    column = [cell.value for cell in book["平仓明细"]["I"]]
    rows = document["sections"]["closed"]["rows"]
    assert column[0] == "平仓盈亏"
    assert [Decimal(str(value)) for value in column[1 : len(rows) + 1]] == [Decimal(row["realised"]) for row in rows]

    whole = json.loads(made("member-file", member, str(LAST), "--form", "json"))
    assert [row["client"] for row in whole["accounts"]["rows"]] == ours
    for row in whole["accounts"]["rows"]:
        flows = sum(Decimal(row[name.removesuffix("_minor")]) for name in LINES)
        assert (
            Decimal(row["opening"]) + flows
            == Decimal(row["closing"])
            == Decimal(accounts[row["client"]].closing_minor) / 100
        )
    with zipfile.ZipFile(io.BytesIO(made("member-file", member, str(LAST)))) as archive:
        assert archive.namelist() == [
            f"{member}-{LAST}-{name}.csv" for name in ("accounts", "trades", "closed", "open", "positions", "metal")
        ]
        for name in ("accounts", "trades", "closed", "open", "positions"):
            listed = list(csv.DictReader(io.StringIO(archive.read(f"{member}-{LAST}-{name}.csv").decode())))
            assert listed == [{key: str(value) for key, value in row.items()} for row in whole[name]["rows"]]
    sheets = openpyxl.load_workbook(io.BytesIO(made("member-file", member, str(LAST), "--form", "xlsx")))
    assert sheets.sheetnames == ["Accounts", "Trades", "Closed positions", "Open positions", "Positions", "Metal"]
    assert sheets["Accounts"].max_row == len(ours) + 2


def test_what_cannot_be_made_is_named(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))
    for arguments, named in (
        (("member-file", "m9", str(LAST)), "MEMBER"),
        (("member-file", "m1", str(LAST), "--form", "pdf"), "csv, xlsx, json"),
        (("statement", "m1-c00001", str(LAST), "--form", "ods"), "xlsx"),
    ):
        done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "out")])
        assert named in str(done.exception)
        assert not (tmp_path / "out").exists()
