"""The verifier finds what a superuser of the database would do to the past, and to what is kept beside it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ringfence.database import Store
from ringfence.ledger import Action, Caps, Instruction, Ledger
from ringfence.ledger.replay import Replay
from ringfence.ledger.rows import BatchRow
from ringfence.ledger.verify import MOST_FINDINGS, Verdict, verify
from trial_ledger import CLIENTS, DAY, LEDGER, account_number, make_trial_ledger


def make_lived_ledger(store: Store) -> None:
    """A ledger with arrivals, deposits, a posted, a released and an open hold, and a closed day."""
    make_trial_ledger(store)
    with Ledger(store, LEDGER, "teller") as teller, Ledger(store, LEDGER, "clerk") as clerk:
        outside, pool, mirror = (
            teller.account(*a) for a in (("outside", "world"), ("pool", "house"), ("mirror", "bank"))
        )
        wallet = {client: teller.account("wallet", client) for client in CLIENTS}
        for client, member in CLIENTS.items():
            teller.post([Instruction(f"a-{client}", "arrival", client, (outside, wallet[client]), 100, DAY)])
            if client != "cy":
                path = (wallet[client], teller.account("transit", member), pool)
                payee = account_number(client)
                teller.post([Instruction(f"d-{client}", "deposit", client, path, 30, DAY, payee=payee, ref="存")])
        teller.post([Instruction("c", "confirmed", "ann", (mirror, wallet["ann"]), 50, DAY)], ("bank", 1))
        out = (wallet["ann"], mirror)
        wishes = [
            Instruction(f"w{n}", "withdrawal", "ann", out, n, DAY, action=Action.HOLD, payee=account_number("ann"))
            for n in (1, 2, 3)
        ]
        held = [outcome.posting or 0 for outcome in clerk.post(wishes).outcomes]
        finish = [
            Instruction("p1", "withdrawal", "ann", out, 1, DAY, Action.POST_HELD, held[0], account_number("ann")),
            Instruction("r2", "withdrawal", "ann", out, 2, DAY, Action.RELEASE, held[1], account_number("ann")),
        ]
        assert teller.post(finish, ("bank", 2)).refusals == []
        lend_authority(store, clerk, (wallet["cy"], outside))
        teller.close_day(DAY)


def lend_authority(store: Store, clerk: Ledger, path: tuple[int, int]) -> None:
    """The officer lets the clerk pay, and a deputy for a while; the clerk pays 7 and holds 5."""
    with Ledger(store, LEDGER, "officer") as officer:
        now, later = (officer.granted(route)[0].id for route in ("payment", "payment-later"))
        caps = Caps(per_item_minor=20, per_period_minor=50, period_days=3)
        officer.give("g1", parent=now, grantee="clerk", scope="friends", caps=caps)
        officer.give("g2", parent=later, grantee="clerk", caps=Caps(exposure_minor=9))
        ended = officer.give("g3", parent=now, grantee="deputy")
        officer.revoke("g4", ended)
    wishes = [
        Instruction("pay", "payment", "cy", path, 7, DAY),
        Instruction("pay-later", "payment-later", "cy", path, 5, DAY, Action.HOLD),
    ]
    assert clerk.post(wishes).refusals == []


pytestmark = pytest.mark.ledgers.with_args(make_lived_ledger)


def verdict(store: Store) -> Verdict:
    with Ledger(store, LEDGER, "auditor") as auditor:
        return verify(auditor)


def test_an_untouched_ledger_verifies(store: Store) -> None:
    seen: list[int] = []

    def observe(batch: BatchRow, replay: Replay) -> None:
        seen.append(batch.id)

    with Ledger(store, LEDGER, "auditor") as auditor:
        found = verify(auditor, observe)
    assert found.findings == ()
    assert found.postings == 13
    assert seen == list(range(1, found.batches + 1))


# {b3} is the batch that was written first after the ledger was made.
FORGERIES = {
    "an amount edited": ("UPDATE posting SET amount = 31 WHERE key = 'd-ann'", "posting 2"),
    "a reference edited": ("UPDATE posting SET ref = '取' WHERE key = 'd-ann'", "batch {b4}"),
    "a hash edited": ("UPDATE posting SET hash = 'x' WHERE key = 'd-ann'", "batch {b4}"),
    "a key edited": ("UPDATE posting SET key = 'other' WHERE key = 'd-ann'", "batch {b4}"),
    "a payee edited": ("UPDATE posting SET payee = '62-bo' WHERE key = 'd-ann'", "posting 2"),
    "a value date edited": ("UPDATE posting SET value_date = '2020-03-07' WHERE key = 'd-ann'", "batch {b4}"),
    "an entry edited": ("UPDATE entry SET amount = amount - 1, balance = balance - 1 WHERE id = 19", "posting 2"),
    "an entry's account exchanged": ("UPDATE entry SET account = (SELECT account FROM balances WHERE owner = 'bo') WHERE id = 16", "posting 2"),
    "a posting moved with its entries": (
        "UPDATE posting SET id = -1 WHERE id = 1; UPDATE posting SET id = 1 WHERE id = 3; UPDATE posting SET id = 3 WHERE id = -1;"
        "UPDATE entry SET id = -id WHERE id / 8 = 1; UPDATE entry SET id = id - 16 WHERE id / 8 = 3; UPDATE entry SET id = 16 - id WHERE id < 0",
        "batch {b3}",
    ),
    "two batches exchanged": (
        "UPDATE batch SET id = -3 WHERE id = {b3}; UPDATE batch SET id = {b3} WHERE id = {b5}; UPDATE batch SET id = {b5} WHERE id = -3", "batch {b3}",
    ),
    "a posting inserted": (
        "INSERT INTO posting SELECT 14, {b16}, action, route, under, subject, amount, about, link, 'new', hash, value_date, payee, ref FROM posting WHERE id = 1", "posting 14",
    ),
    "entries inserted": ("INSERT INTO entry SELECT id + 1000, account, amount, balance FROM entry WHERE id IN (8, 9)", "belongs to no batch"),
    "a posting deleted inside": ("DELETE FROM posting WHERE id = 3; DELETE FROM entry WHERE id / 8 = 3", "batch {b5}"),
    "a whole batch deleted inside": ("DELETE FROM batch WHERE id = {b5}; DELETE FROM posting WHERE batch = {b5}; DELETE FROM entry WHERE id / 8 = 3", "batch {b6}"),
    "the front cut off": ("DELETE FROM batch WHERE id <= 2", "batch 3"),
    "the tail cut off": ("DELETE FROM batch WHERE id = {b16}", "head"),
    "a record time edited": ("UPDATE batch SET recorded_at = recorded_at - interval '1 day' WHERE id = {b4}", "batch {b4}"),
    "a login edited": ("UPDATE batch SET login = 'ringfence_trial_clerk' WHERE id = {b4}", "posting 2"),
    "a source edited": ("UPDATE batch SET source = 4 WHERE id = {b8}", "posting 6"),
    "a document edited": ("UPDATE batch SET document = replace(document, '62-cy', '62-cx') WHERE id = 2", "batch 2"),
    "a closing edited": ("UPDATE batch SET closes = '2020-03-05' WHERE id = {b16}", "batch {b16}"),
    "a hold's account exchanged": ("UPDATE hold SET side1 = (SELECT account FROM balances WHERE owner = 'bo') WHERE id = 9", "posting 9"),
    "a hold deleted": ("DELETE FROM hold WHERE id = 9", "posting 9"),
    "a balance edited": ("UPDATE account SET balance = balance + 1 WHERE id = 1", "account 1"),
    "a hold forgotten": ("UPDATE account SET held_out = 0", "account"),
    "an account given away": ("UPDATE account SET owner = 8 WHERE owner = 7 AND unit = 2", "account"),
    "an account opened": ("INSERT INTO account (id, kind, at_least, at_most, one_per_owner, owner, unit) SELECT 99, id, at_least, at_most, true, 8, 2 FROM kind WHERE id = 2", "account 99"),
    "a party moved to another member": ("UPDATE party SET member = 6 WHERE name = 'ann'", "party 7"),
    "an account changed": ("UPDATE grants SET payee = '62-me' WHERE payee = '62-bo'", "grant "),
    "a cool-off shortened": ("UPDATE grants SET valid_from = '2020-03-01' WHERE payee = '62-bo'", "grant "),
    "an identity exchanged": ("UPDATE party SET identity = 'id-eve' WHERE name = 'bo'", "party 8"),
    "an account's end forgotten": ("UPDATE account SET lives_until = '2021-01-01' WHERE id = 2", "account 2"),
    "a kind loosened": ("ALTER TABLE account DROP CONSTRAINT account_kind_at_least_at_most_one_per_owner_fkey; UPDATE kind SET invariant = 'free' WHERE name = 'wallet'", "kind 2"),
    "a route loosened": ("UPDATE route SET registered_account = false WHERE name = 'deposit'", "route 3"),
    "a route given to another": ("UPDATE route SET asks = 'ringfence_trial_clerk' WHERE name = 'arrival'", "route 1"),
    "a booking day edited": ("UPDATE batch SET day = '2020-03-05' WHERE id = {b4}", "batch {b4}"),
    "the booking day set back": ("UPDATE head SET day = '2020-03-01'", "head"),
    "a cap raised": ("UPDATE grants SET per_item = 21 WHERE scope IS NOT NULL", "grant "),
    "a grant revived": ("UPDATE grants SET ended = NULL WHERE ended IS NOT NULL", "grant "),
    "a grant ended": ("UPDATE grants SET ended = 5 WHERE id = 1", "grant 1"),
    "a grant added": ("INSERT INTO grants SELECT (g).* FROM (SELECT jsonb_populate_record(g, '{{\"id\": 99}}') AS g FROM grants AS g WHERE id = 1) AS x", "grant 99"),
    "a grant given to another": ("UPDATE grants SET grantee = 'ringfence_trial_teller' WHERE scope IS NOT NULL", "grant "),
    "a use forgotten": ("UPDATE grant_use SET used = 0", "its use on"),
    "a use invented": ("INSERT INTO grant_use VALUES (1, '2020-03-06', 5)", "its use on"),
    "an exposure forgotten": ("UPDATE grants SET outstanding = 0", "grant "),
    "a posting moved to another grant": ("UPDATE posting SET under = 1 WHERE key = 'pay'", "posting 12"),
    "a group enlarged": ("INSERT INTO group_member SELECT name, 8 FROM group_member LIMIT 1", "group"),
    "a grant's document edited": ("UPDATE batch SET document = replace(document, '20', '30') WHERE key = 'g1'", "its link"),
    "a grant's key edited": ("UPDATE batch SET key = 'g9' WHERE key = 'g1'", "its link"),
    "a hold's expiry put off": ("UPDATE hold SET expires = '2020-12-31' WHERE id = 9", "its link is not"),
    "a hold emptied": ("UPDATE hold SET rest = 0 WHERE rest > 0", "hold"),
    "a hold refilled": ("UPDATE hold SET rest = 1 WHERE rest = 0", "hold"),
    "a posting linked with another": ("UPDATE posting SET link = 11 WHERE id = 12", "posting 12"),
    "a posting made a reversal": ("UPDATE posting SET about = 1 WHERE id = 12", "posting 12"),
    "a route's window widened": ("UPDATE route SET back_days = 30 WHERE name = 'arrival'", "route 1"),
    "a route made to reverse": ("UPDATE route SET reverses = 1 WHERE name = 'loss'", "route "),
    "a day opened again": ("UPDATE head SET closed_through = '2020-03-01'", "head"),
    "the head set back": ("UPDATE head SET posting = 10", "head"),
}  # fmt: skip


def batches(superuser: psycopg.Connection[Any]) -> dict[str, int]:
    """The numbers of the batches b3, b4 and so on."""
    row = superuser.execute("SELECT min(id) - 3 FROM trial.batch WHERE what = 'post'").fetchone()
    assert row is not None
    return {f"b{number}": number + row[0] for number in range(3, 17)}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_found_where_it_is(store: Store, forgery: str) -> None:
    with store.connect() as superuser:
        statements, where = (text.format_map(batches(superuser)) for text in FORGERIES[forgery])
        superuser.execute("SET search_path = trial")
        superuser.execute("SET session_replication_role = replica")
        for statement in statements.split(";"):
            assert superuser.execute(statement.encode()).rowcount != 0, statement
    found = verdict(store)
    assert not found.ok
    assert any(where in str(finding) for finding in found.findings), found.findings


def test_a_forgery_that_is_consistent_in_itself_breaks_the_chain(store: Store) -> None:
    """Amount, entries and balances are all changed to fit each other: only the link can tell."""
    with store.connect() as superuser:
        superuser.execute("SET search_path = trial")
        superuser.execute("UPDATE posting SET amount = 101 WHERE id = 5")
        superuser.execute("UPDATE entry SET amount = sign(amount) * 101 WHERE id / 8 = 5")
        superuser.execute("UPDATE entry SET balance = balance + sign(amount) WHERE id / 8 = 5")
        superuser.execute(
            "UPDATE account AS a SET balance = a.balance + sign(e.amount) FROM entry AS e WHERE e.id / 8 = 5 AND e.account = a.id"
        )
    found = verdict(store)
    assert any("its link is not the hash" in finding.what for finding in found.findings)


def test_a_verifier_stops_after_enough_findings(store: Store) -> None:
    with store.connect() as superuser:
        superuser.execute("UPDATE trial.posting SET ref = 'forged'")
        superuser.execute("UPDATE trial.entry SET balance = balance + id")
        superuser.execute(
            "INSERT INTO trial.batch SELECT id + 100, what, recorded_at, day, login, first_posting, postings, source, source_batch, closes, document, NULL, link FROM trial.batch"
        )
        superuser.execute(
            "INSERT INTO trial.batch SELECT id + 1000, what, recorded_at, day, login, first_posting, postings, source, source_batch, closes, document, NULL, link FROM trial.batch"
        )
    assert MOST_FINDINGS <= len(verdict(store).findings) < 2 * MOST_FINDINGS
