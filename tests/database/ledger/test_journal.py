"""What was committed, as a cursor; and what was known on one day about another."""

from __future__ import annotations

import datetime
import threading
from dataclasses import replace

import pytest

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import AccountName, Ledger, journal_after
from trial_ledger import CLIENTS, DAY, LEDGER, arrival, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)
WALLET = AccountName("wallet", "ann")


def day(offset: int) -> datetime.date:
    return DAY + datetime.timedelta(offset)


# -- the cursor -----------------------------------------------------------------------------------------------------------


def test_the_journal_tells_every_batch_in_words(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 5), replace(arrival(teller, "b", "bo", 7), ref="存")])
    batches = list(journal_after(teller))
    assert [batch.what for batch in batches] == ["declare", "register", "bind", "confirm", "open", "post"]
    assert [batch.batch for batch in batches] == list(range(1, len(batches) + 1))
    last = batches[-1]
    assert (last.day, last.login) == (DAY, "ringfence_trial_teller")
    assert [(p.id, p.action, p.route, p.subject, p.amount_minor, p.unit, p.ref) for p in last.postings] == [
        (1, "post", "arrival", "ann", 5, "CNY", ""),
        (2, "post", "arrival", "bo", 7, "CNY", "存"),
    ]
    assert last.postings[1].entries == (
        (AccountName("outside", "world"), -7, -12),
        (AccountName("wallet", "bo"), 7, 7),
    )
    assert list(journal_after(teller, last.batch)) == []
    assert [batch.batch for batch in journal_after(teller, last.batch - 1)] == [last.batch]


def test_a_reader_misses_nothing_and_sees_nothing_twice_while_many_write(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence.ledger.journal._BATCHES", 3)
    started, done = threading.Barrier(4), threading.Event()
    seen: list[int] = []

    def write(client: str) -> None:
        with Ledger(store, LEDGER, "teller") as ledger:
            started.wait(10)
            for number in range(40):
                ledger.post([arrival(ledger, f"{client}-{number}", client, 1)])

    def read() -> None:
        with Ledger(store, LEDGER, "auditor") as ledger:
            after = 0
            started.wait(10)
            while True:
                last_round = done.is_set()
                for batch in journal_after(ledger, after):
                    assert batch.batch == after + 1
                    after = batch.batch
                    seen.extend(posting.id for posting in batch.postings)
                if last_round:
                    return

    writers = [threading.Thread(target=write, args=(client,)) for client in CLIENTS]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    reader.join(60)
    assert seen == list(range(1, 121))


# -- as it was known ------------------------------------------------------------------------------------------------------


def known(ledger: Ledger, on: int, about: int, account: AccountName = WALLET) -> int:
    found = {balance.account: balance.balance_minor for balance in ledger.balances_as_known(day(on), day(about))}
    return found[account]


def test_what_is_dated_back_changes_what_is_known_and_not_what_was(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 100, value_date=day(0))])
    teller.open_day(day(1))
    teller.post(
        [arrival(teller, "b", "ann", 10, value_date=day(1)), arrival(teller, "ahead", "ann", 1000, value_date=day(3))]
    )
    before = teller.rows("SELECT id, account, amount, balance FROM {}.entry ORDER BY id")
    teller.open_day(day(2))
    teller.post([arrival(teller, "back", "ann", 1, value_date=day(0))])
    table = {(on, about): known(teller, on, about) for on in (0, 1, 2) for about in (0, 1, 2, 3)}
    assert table == {
        (0, 0): 100, (0, 1): 100, (0, 2): 100, (0, 3): 100,
        (1, 0): 100, (1, 1): 110, (1, 2): 110, (1, 3): 1110,
        (2, 0): 101, (2, 1): 111, (2, 2): 111, (2, 3): 1111,
    }  # fmt: skip
    assert known(teller, 2, 0, AccountName("outside", "world")) == -101
    # It was written beside what was there, and rewrote nothing.
    after = teller.rows("SELECT id, account, amount, balance FROM {}.entry ORDER BY id")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2


def test_before_anything_was_recorded_nothing_is_known(teller: Ledger) -> None:
    assert known(teller, -1, 5) == 0
    teller.post([arrival(teller, "a", "ann", 100)])
    assert known(teller, -1, 0) == 0
    assert known(teller, 0, -1) == 0
    with pytest.raises(BadInput, match="nothing is known of later ones"):
        teller.balances_as_known(day(1), day(0))


def test_what_is_known_today_about_any_day_is_the_sum_of_its_entries(teller: Ledger) -> None:
    """Against the sum over the journal, for a month of days with value dates before and after."""
    chosen = iter([(3 * n) % 6 - 2 for n in range(1000)])
    for offset in range(20):
        teller.open_day(day(offset))
        for client in CLIENTS:
            wish = arrival(teller, f"{offset}-{client}", client, 1 + offset, value_date=day(offset + next(chosen)))
            assert teller.post([wish]).refusals == []
    for on in (0, 7, 19):
        for about in (0, 5, 8, 25):
            expected = dict(
                teller.rows(
                    "SELECT owner, sum(j.amount)::bigint FROM {0}.journal AS j JOIN {0}.batch AS b ON b.id = j.batch "
                    "WHERE j.kind = 'wallet' AND b.day <= %s AND j.value_date <= %s GROUP BY owner",
                    (day(on), day(about)),
                )
            )
            for client in CLIENTS:
                assert known(teller, on, about, AccountName("wallet", client)) == expected.get(client, 0), (on, about)
