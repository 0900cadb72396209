"""The posting function, one control after another: what passes, what is refused, with which figure, and what is left."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Action, Bulk, Control, Instruction, Ledger, Outcome, Refused, UnknownAccount
from ringfence.ledger.instruction import NEVER
from ringfence.ledger.verify import verify
from ringfence.money.columns import column
from trial_ledger import DAY, LEDGER, account_number, arrival, make_trial_ledger

pytestmark = pytest.mark.ledgers.with_args(make_trial_ledger)


def deposit(ledger: Ledger, key: str, client: str, member: str, amount_minor: int) -> Instruction:
    path = (ledger.account("wallet", client), ledger.account("transit", member), ledger.account("pool", "house"))
    return Instruction(key, "deposit", client, path, amount_minor, DAY, payee=account_number(client))


def withdrawal(ledger: Ledger, key: str, amount_minor: int, bank: str = "bank") -> Instruction:
    path = (ledger.account("wallet", "ann"), ledger.account("mirror", bank))
    return Instruction(
        key, "withdrawal", "ann", path, amount_minor, DAY, action=Action.HOLD, payee=account_number("ann")
    )


def gated(ledger: Ledger, last: int) -> Instruction:
    names = (("pool", "house"), ("gate", "house"), ("transit", "m1"))
    return Instruction("g", "gated", "ann", (*(ledger.account(*name) for name in names), last), 150, DAY)


def one(ledger: Ledger, instruction: Instruction) -> Outcome:
    return ledger.post([instruction]).outcomes[0]


def refused(outcome: Outcome, control: Control, figure: int) -> None:
    assert outcome.refusal is not None
    assert (outcome.refusal.control, outcome.refusal.figure) == (control, figure)
    assert outcome.posting is None


def balances(ledger: Ledger) -> list[tuple[object, ...]]:
    return ledger.rows("SELECT kind, owner, unit, balance, held_out, held_in FROM {}.balances ORDER BY 1, 2, 3")


def test_a_path_is_walked_in_one_posting_and_its_transit_account_is_zero(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 1000)])
    outcome = one(teller, deposit(teller, "d", "ann", "m1", 400))
    assert (outcome.debit_balance_minor, outcome.credit_balance_minor) == (600, 400)
    walked = teller.rows(
        "SELECT kind, amount, balance FROM {}.journal WHERE posting = %s ORDER BY entry", (outcome.posting,)
    )
    assert walked == [("wallet", -400, 600), ("transit", 400, 400), ("transit", -400, 0), ("pool", 400, 400)]
    assert teller.balances("transit") == {"m1": 0, "m2": 0}


def test_a_path_of_four_is_walked_too(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 1000), deposit(teller, "d", "ann", "m1", 400)])
    outcome = one(teller, gated(teller, teller.account("wallet", "ann")))
    assert (outcome.debit_balance_minor, outcome.credit_balance_minor) == (250, 750)
    assert teller.balances("gate") == {"house": 0}


def test_a_refused_posting_never_fails_its_neighbours(teller: Ledger) -> None:
    posted = teller.post(
        [
            arrival(teller, "1", "ann", 500),
            deposit(teller, "2", "ann", "m1", 501),
            deposit(teller, "3", "ann", "m1", 500),
            deposit(teller, "4", "ann", "m1", 1),
        ]
    )
    assert [outcome.posting for outcome in posted.outcomes] == [1, None, 2, None]
    refused(posted.outcomes[1], Control.FUNDS, 500)
    refused(posted.outcomes[3], Control.FUNDS, 0)
    assert teller.balances("pool") == {"house": 500}


def test_a_refusal_explains_itself_in_two_languages(teller: Ledger) -> None:
    refusal = one(teller, deposit(teller, "1", "ann", "m1", 7)).refusal
    assert refusal is not None
    assert str(refusal) == "deposit (funds): 0.07 CNY asked, 0.00 CNY available; whoever pays in can raise it"
    assert "申请 0.07 CNY,可用 0.00 CNY" in refusal.text("zh")


@pytest.mark.parametrize("amount_minor", [0, -1, 10**15 + 1, 2**63, -(2**70)])
def test_what_is_no_amount_is_refused(teller: Ledger, amount_minor: int) -> None:
    refusal = one(teller, arrival(teller, "1", "ann", amount_minor)).refusal
    assert refusal is not None
    assert refusal.control is Control.AMOUNT


def test_every_control_of_a_route_refuses(teller: Ledger, clerk: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 1000), arrival(teller, "b", "cy", 1000)])
    good = deposit(teller, "1", "ann", "m1", 10)
    wallet, transit, pool = good.path
    cases: list[tuple[Ledger, Instruction, Control, int]] = [
        (teller, replace(good, route="elsewhere"), Control.ROUTE, 0),
        (clerk, good, Control.ASKER, 0),
        (teller, replace(good, action=Action.HOLD), Control.ACTION, 1),
        (teller, replace(good, path=(999, transit, pool)), Control.ACCOUNT, 1),
        (teller, replace(good, path=(wallet, transit)), Control.ACCOUNT, 3),
        (teller, replace(good, path=(wallet, transit, pool, pool)), Control.PATH, 4),
        (teller, replace(good, path=(pool, transit, wallet)), Control.PATH, 1),
        (teller, replace(good, path=(wallet, teller.account("gate", "house"), pool)), Control.PATH, 2),
        (teller, replace(good, path=(wallet, transit, teller.account("run", "house"))), Control.PATH, 3),
        (teller, gated(teller, teller.account("mirror", "bank")), Control.PATH, 4),
        (teller, replace(good, subject="nobody"), Control.PARTY, 0),
        (teller, replace(good, subject="bo", payee=account_number("bo")), Control.CLIENT, 1),
        (teller, replace(good, path=(wallet, teller.account("transit", "m2"), pool)), Control.MEMBER, 2),
        (teller, replace(good, payee=account_number("bo")), Control.PAYEE, 1),
        (teller, replace(good, payee=""), Control.PAYEE, 1),
        (teller, deposit(teller, "1", "cy", "m2", 10), Control.PAYEE, 0),
        (teller, replace(good, value_date=datetime.date(1, 1, 1)), Control.DAY, -730119),
        (teller, replace(good, hold=1), Control.REVERSAL, 1),
        (teller, replace(good, value_date=DAY - datetime.timedelta(3)), Control.DATED, 7368),
        (teller, replace(good, value_date=DAY + datetime.timedelta(4)), Control.DATED, 7373),
        (teller, replace(good, amount_minor=1001), Control.FUNDS, 1000),
    ]
    before = balances(teller)
    for ledger, instruction, control, figure in cases:
        outcome = one(ledger, instruction)
        assert outcome.refusal is not None, (instruction, control)
        assert (outcome.refusal.control, outcome.refusal.figure) == (control, figure), instruction
    assert balances(teller) == before
    assert one(teller, good).posting == 3


def test_units_never_mix(teller: Ledger) -> None:
    path = (teller.account("outside", "world", "AU9999"), teller.account("wallet", "ann", "CNY"))
    refused(one(teller, Instruction("1", "arrival", "ann", path, 5, DAY)), Control.UNIT, 2)


def test_a_non_positive_account_has_a_ceiling(teller: Ledger) -> None:
    mirror = teller.account("mirror", "bank")
    confirmed = Instruction("1", "confirmed", "ann", (mirror, teller.account("wallet", "ann")), 70, DAY)
    refused(one(teller, confirmed), Control.SOURCE, 1)
    refused(teller.post([confirmed], ("strange-bank", 1)).outcomes[0], Control.SOURCE, 1)
    assert teller.post([confirmed], ("bank", 1)).outcomes[0].debit_balance_minor == -70
    filled = Instruction("2", "filled", "house", (teller.account("outside", "world"), mirror), 71, DAY)
    refused(one(teller, filled), Control.CEILING, 70)
    assert one(teller, replace(filled, amount_minor=70)).credit_balance_minor == 0


def test_nothing_is_added_to_a_batch_of_a_bank_that_was_taken_over(teller: Ledger) -> None:
    path = (teller.account("mirror", "bank"), teller.account("wallet", "ann"))
    first = Instruction("1", "confirmed", "ann", path, 70, DAY)
    assert teller.post([first], ("bank", 5)).refusals == []
    for batch in (5, 4):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"batch {batch} of the bank was taken over"):
            teller.post([replace(first, key="2")], ("bank", batch))
    assert teller.post([first], ("bank", 5)).outcomes[0].replayed
    assert teller.balances("wallet")["ann"] == 70


def test_a_batch_of_a_bank_that_was_booked_before_is_taken_over_as_an_empty_one(store: Store, teller: Ledger) -> None:
    path = (teller.account("mirror", "bank"), teller.account("wallet", "ann"))
    first = Instruction("1", "confirmed", "ann", path, 70, DAY)
    assert teller.post([first], ("bank", 5)).refusals == []
    again = teller.post([first], ("bank", 6))
    assert again.outcomes[0].replayed
    assert teller.rows("SELECT source_batch, postings FROM {}.batch WHERE id = %s", (again.batch,)) == [(6, 0)]
    with Ledger(store, LEDGER, "auditor") as auditor:
        assert verify(auditor).findings == ()


def test_a_balance_never_overflows_on_the_side_that_gives(teller: Ledger) -> None:
    most = 10**15
    wishes = [arrival(teller, f"{client}-{i}", client, most) for client in ("ann", "bo") for i in range(2001)]
    refusals = teller.post(wishes).refusals
    assert [(refusal.control, refusal.instruction.key) for refusal in refusals] == [
        (Control.OVERFLOW, "bo-1999"),
        (Control.OVERFLOW, "bo-2000"),
    ]
    assert teller.balances("outside") == {"world": -4000 * most}


def test_a_balance_never_overflows_on_the_side_that_receives(teller: Ledger) -> None:
    most = 10**15
    path = (teller.account("run", "house"), teller.account("wallet", "ann"))
    wishes = [arrival(teller, f"a-{i}", "ann", most) for i in range(2000)]
    wishes += [Instruction(f"p-{i}", "profit", "ann", path, most, DAY) for i in range(2001)]
    refusals = teller.post(wishes).refusals
    assert [(refusal.control, refusal.instruction.key) for refusal in refusals] == [(Control.OVERFLOW, "p-2000")]
    assert teller.balances("wallet")["ann"] == 4000 * most


def test_the_same_request_again_is_the_same_posting(teller: Ledger) -> None:
    first = teller.post([arrival(teller, "a", "ann", 5), deposit(teller, "d", "ann", "m1", 2)])
    teller.post([arrival(teller, "later", "ann", 100)])
    again = teller.post([deposit(teller, "d", "ann", "m1", 2), arrival(teller, "a", "ann", 5)])
    assert again.batch is None
    for then, now in zip(first.outcomes, reversed(again.outcomes), strict=True):
        assert now == replace(then, replayed=True)


def test_the_same_request_twice_in_a_batch_is_one_posting(teller: Ledger) -> None:
    wish = arrival(teller, "a", "ann", 5)
    posted = teller.post([wish, wish, replace(wish, amount_minor=6), wish])
    assert [outcome.posting for outcome in posted.outcomes] == [1, 1, None, 1]
    assert [outcome.replayed for outcome in posted.outcomes] == [False, True, False, True]
    assert [outcome.credit_balance_minor for outcome in posted.outcomes] == [5, 5, None, 5]
    refused(posted.outcomes[2], Control.KEY, 1)


def test_a_replay_is_told_from_lack_of_funds(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 5)])
    wish = deposit(teller, "d", "ann", "m1", 5)
    assert one(teller, wish).posting == 2
    assert one(teller, wish).posting == 2
    refused(one(teller, replace(wish, amount_minor=4)), Control.KEY, 2)


def test_a_refused_key_is_free_again(teller: Ledger) -> None:
    wish = deposit(teller, "d", "ann", "m1", 5)
    refused(one(teller, wish), Control.FUNDS, 0)
    posted = teller.post([wish, arrival(teller, "a", "ann", 5), wish, wish])
    assert [outcome.posting for outcome in posted.outcomes] == [None, 1, 2, 2]


def test_what_is_held_is_not_available_until_it_is_released(teller: Ledger, clerk: Ledger) -> None:
    mirror = teller.account("mirror", "bank")
    fill = Instruction("f", "confirmed", "ann", (mirror, teller.account("wallet", "ann")), 100, DAY)
    teller.post([fill], ("bank", 1))
    hold = one(clerk, withdrawal(clerk, "w", 60)).posting
    assert hold == 2
    refused(one(teller, deposit(teller, "d", "ann", "m1", 41)), Control.FUNDS, 40)
    refused(one(clerk, withdrawal(clerk, "w2", 41)), Control.FUNDS, 40)
    # What will come into the mirror counts against its ceiling.
    filled = Instruction("g", "filled", "house", (teller.account("outside", "world"), mirror), 41, DAY)
    refused(one(teller, filled), Control.CEILING, 40)
    release = replace(withdrawal(teller, "r", 60), action=Action.RELEASE, hold=hold)
    assert one(teller, release).posting == 3
    assert one(teller, deposit(teller, "d", "ann", "m1", 100)).posting == 4
    refused(one(teller, replace(release, key="r2")), Control.HOLD, hold)


def test_a_hold_is_posted_in_full_by_whoever_finishes_it_with_the_banks_confirmation(
    teller: Ledger, clerk: Ledger
) -> None:
    mirror = teller.account("mirror", "bank")
    fill = Instruction("f", "confirmed", "ann", (mirror, teller.account("wallet", "ann")), 100, DAY)
    teller.post([fill], ("bank", 1))
    hold = one(clerk, withdrawal(clerk, "w", 60)).posting
    assert hold is not None
    finish = replace(withdrawal(clerk, "p", 60), action=Action.POST_HELD, hold=hold)
    refused(one(clerk, finish), Control.ASKER, 0)
    refused(one(teller, finish), Control.SOURCE, 2)
    for other in (replace(finish, amount_minor=61), replace(finish, path=finish.path[::-1])):
        assert teller.post([other], ("bank", 2)).outcomes[0].refusal is not None
    posted = teller.post([finish, replace(finish, key="p2")], ("bank", 2))
    assert posted.outcomes[0].debit_balance_minor == 40
    refused(posted.outcomes[1], Control.HOLD, hold)
    assert teller.rows("SELECT held_out, held_in FROM {}.account WHERE held_out + held_in > 0") == []


def test_a_hold_is_finished_by_a_later_batch_only(clerk: Ledger) -> None:
    path = (clerk.account("outside", "world"), clerk.account("mirror", "bank"))
    teller_fill = Instruction("x", "reserved", "house", path, 5, DAY, action=Action.HOLD)
    refused(one(clerk, teller_fill), Control.CEILING, 0)


def test_a_closed_day_refuses_and_a_day_with_open_runs_does_not_close(teller: Ledger) -> None:
    run, wallet = teller.account("run", "house"), teller.account("wallet", "ann")
    teller.post([Instruction("p", "profit", "ann", (run, wallet), 5, DAY)])
    with pytest.raises(psycopg.errors.CheckViolation, match="run of house: -5"):
        teller.close_day(DAY)
    teller.post([Instruction("l", "loss", "ann", (wallet, run), 5, DAY)])
    teller.close_day(DAY)
    teller.close_day(DAY)
    tomorrow = DAY + datetime.timedelta(1)
    refused(one(teller, replace(arrival(teller, "a", "ann", 5), value_date=tomorrow)), Control.SHUT, 7370)
    teller.open_day(tomorrow)
    refusal = one(teller, arrival(teller, "a", "ann", 5)).refusal
    assert refusal is not None
    assert "every day up to 2020-03-06" in str(refusal)
    assert one(teller, replace(arrival(teller, "a", "ann", 5), value_date=tomorrow)).posting == 3
    assert teller.closed_through == DAY


def test_the_booking_day_only_moves_on(teller: Ledger) -> None:
    teller.open_day(DAY)
    for past in (DAY - datetime.timedelta(1), None):
        with pytest.raises(psycopg.errors.CheckViolation, match="cannot be opened: the booking day was 2020-03-06"):
            teller.rows("SELECT {}.open_day(%s::date)", (past,))
    teller.open_day(DAY + datetime.timedelta(3))
    one(teller, arrival(teller, "a", "ann", 5))
    assert teller.rows("SELECT day FROM {}.batch ORDER BY id DESC LIMIT 1") == [(DAY + datetime.timedelta(3),)]


def test_a_whole_batch_is_written_only_without_refusals(teller: Ledger) -> None:
    wishes = [arrival(teller, "a", "ann", 5), deposit(teller, "d", "ann", "m1", 6)]
    posted = teller.post(wishes, whole=True)
    assert posted.batch is None
    refused(posted.outcomes[1], Control.FUNDS, 5)
    assert teller.rows("SELECT count(*) FROM {}.posting") == [(0,)]
    assert teller.post(wishes[:1], whole=True).outcomes[0].posting == 1


def test_an_unknown_account_is_an_error_that_says_so(teller: Ledger) -> None:
    with pytest.raises(UnknownAccount, match="no account of kind wallet for dee in CNY"):
        teller.account("wallet", "dee")


@pytest.mark.parametrize(("kind", "unit", "named"), [("purse", "CNY", "purse"), ("wallet", "XAU", "XAU")])
def test_balances_of_what_is_not_declared_are_never_an_empty_answer(
    teller: Ledger, kind: str, unit: str, named: str
) -> None:
    with pytest.raises(BadInput, match=f"{named}.*one of ledger trial's"):
        teller.balances(kind, unit)
    assert teller.balances("pool", "AU9999") == {}


@pytest.mark.parametrize("bent", ["'[0:0]={1}'::bigint[]", "'{{1}}'::bigint[]", "NULL::bigint[]", "'{}'::bigint[]"])
def test_arrays_of_another_shape_are_refused_whole(teller: Ledger, bent: str) -> None:
    """An array with another lower bound would be judged by one element and written from another."""
    call = (
        "SELECT trial.post('{1}', '{1}', '{2}', '{0}', '{0}', '{0}', '{1}', '{1}', "
        f"{bent}, '{{0}}', '{{k}}', '{{h}}', '{{2020-03-06}}', '{{9999-12-31}}', '{{0}}', '{{p}}', '{{r}}')"
    )
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="arrays of one length"):
        teller.connection.execute(call.encode())


# -- in full or part, until a day -----------------------------------------------------------------------------------------


def held(teller: Ledger, clerk: Ledger, amount_minor: int = 60, expires: datetime.date = NEVER) -> int:
    """The bank has paid 1.00 in; so much of it is held for a withdrawal."""
    mirror = teller.account("mirror", "bank")
    fill = Instruction("f", "confirmed", "ann", (mirror, teller.account("wallet", "ann")), 100, DAY)
    assert teller.post([fill], ("bank", 1)).refusals == []
    outcome = one(clerk, replace(withdrawal(clerk, "w", amount_minor), expires=expires))
    assert outcome.posting is not None
    assert (outcome.debit_balance_minor, outcome.credit_balance_minor) == (100, -100)
    return outcome.posting


def finish(teller: Ledger, key: str, hold: int, amount_minor: int, action: Action) -> Instruction:
    wish = replace(withdrawal(teller, key, amount_minor), action=action, hold=hold)
    return replace(wish, value_date=teller.day)


def test_a_hold_is_posted_part_by_part_and_the_rest_released(teller: Ledger, clerk: Ledger) -> None:
    hold = held(teller, clerk)
    parts = [
        finish(teller, "1", hold, 20, Action.POST_HELD),
        finish(teller, "2", hold, 41, Action.POST_HELD),
        finish(teller, "3", hold, 10, Action.RELEASE),
        finish(teller, "4", hold, 5, Action.POST_HELD),
        finish(teller, "5", hold, 25, Action.RELEASE),
        finish(teller, "6", hold, 1, Action.RELEASE),
    ]
    outcomes = teller.post(parts, ("bank", 2)).outcomes
    refused(outcomes[1], Control.REST, 40)
    refused(outcomes[5], Control.HOLD, hold)
    assert "0.41 CNY asked, 0.40 CNY left of the hold" in str(outcomes[1].refusal)
    assert [outcome.debit_balance_minor for outcome in outcomes] == [80, None, 80, 75, 75, None]
    assert teller.rows("SELECT held_out, held_in FROM {}.account WHERE held_out + held_in > 0") == []
    assert teller.rows("SELECT rest FROM {}.hold") == [(0,)]
    again = teller.post(parts, ("bank", 2)).outcomes
    assert [outcome.replayed for outcome in again] == [True, False, True, True, True, False]
    assert [outcome.debit_balance_minor for outcome in again] == [80, None, 80, 75, 75, None]


def test_a_hold_that_has_expired_is_released_by_the_ledger(teller: Ledger, clerk: Ledger) -> None:
    tomorrow = DAY + datetime.timedelta(1)
    hold = held(teller, clerk, expires=tomorrow)
    assert teller.post([finish(teller, "1", hold, 20, Action.POST_HELD)], ("bank", 2)).refusals == []
    teller.open_day(tomorrow)
    assert teller.rows("SELECT rest FROM {}.hold") == [(40,)]
    assert teller.post([finish(teller, "2", hold, 10, Action.POST_HELD)], ("bank", 3)).refusals == []
    teller.open_day(tomorrow + datetime.timedelta(1))
    assert teller.rows("SELECT rest FROM {}.hold") == [(0,)]
    assert teller.rows("SELECT action, amount, about FROM {}.posting ORDER BY id DESC LIMIT 1") == [(4, 30, hold)]
    assert teller.rows("SELECT held_out, held_in FROM {}.account WHERE held_out + held_in > 0") == []
    refused(teller.post([finish(teller, "3", hold, 1, Action.POST_HELD)], ("bank", 4)).outcomes[0], Control.HOLD, hold)


def test_what_has_expired_is_not_posted_even_before_it_is_released(teller: Ledger, clerk: Ledger) -> None:
    hold = held(teller, clerk, expires=DAY)
    teller.rows("SELECT {}.open_day(%s)", (DAY + datetime.timedelta(1),))
    posts = finish(teller, "1", hold, 1, Action.POST_HELD)
    refused(teller.post([posts], ("bank", 2)).outcomes[0], Control.HOLD, hold)
    assert one(teller, finish(teller, "2", hold, 60, Action.RELEASE)).posting


# -- reversals ------------------------------------------------------------------------------------------------------------


def test_a_posting_is_reversed_once_on_the_route_that_reverses_it(teller: Ledger, clerk: Ledger) -> None:
    arrived = arrival(teller, "a", "ann", 100)
    paid_in = deposit(teller, "d", "ann", "m1", 40)
    first, second = (outcome.posting or 0 for outcome in teller.post([arrived, paid_in]).outcomes)
    recall = replace(paid_in, key="r", route="recall", path=paid_in.path[::-1], reverses=second, payee="")
    for bent, control in (
        (replace(recall, reverses=0), Control.REVERSAL),
        (replace(recall, reverses=999), Control.REVERSAL),
        (replace(recall, reverses=first), Control.DIFFERS),
        (replace(recall, amount_minor=39), Control.DIFFERS),
        (replace(recall, path=(*recall.path[:2], clerk.account("wallet", "bo")), subject="bo"), Control.DIFFERS),
    ):
        refused(one(clerk, bent), control, bent.reverses)
    # Of the same party, in the same amount, on the same route, and yet other accounts.
    metal = (teller.account("wallet", "ann", "AU9999"), teller.account("outside", "world", "AU9999"))
    back = replace(arrived, key="b", route="return", path=metal, reverses=first)
    refused(one(teller, back), Control.DIFFERS, first)
    # Over two accounts it is a plain batch, but for that it says nothing of what it reverses.
    unsaid = replace(back, path=arrived.path[::-1], amount_minor=10, reverses=0)
    refused(one(teller, unsaid), Control.REVERSAL, 0)
    outcomes = clerk.post([recall, replace(recall, key="twice")]).outcomes
    assert (outcomes[0].debit_balance_minor, outcomes[0].credit_balance_minor) == (0, 100)
    refused(outcomes[1], Control.REVERSAL, second)
    refused(one(clerk, replace(recall, key="later")), Control.REVERSAL, second)


# -- linked ---------------------------------------------------------------------------------------------------------------


def test_linked_instructions_pass_together_or_not_at_all(teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 100), arrival(teller, "b", "bo", 10)])
    anns, bos = deposit(teller, "1", "ann", "m1", 60), deposit(teller, "2", "bo", "m1", 20)
    wishes = [
        arrival(teller, "0", "cy", 1),
        replace(anns, group="g"),
        replace(bos, group="g"),
        replace(anns, key="3", amount_minor=1, group="g"),
        replace(anns, key="4", amount_minor=70),
    ]
    before = balances(teller)
    outcomes = teller.post(wishes).outcomes
    refused(outcomes[1], Control.LINKED, 3)
    refused(outcomes[2], Control.FUNDS, 10)
    refused(outcomes[3], Control.LINKED, 3)
    assert "linked with number 3 of the batch" in str(outcomes[1].refusal)
    assert [outcome.posting for outcome in outcomes] == [3, None, None, None, 4]
    assert outcomes[4].debit_balance_minor == 30
    assert len(before) == len(balances(teller))
    good = [replace(anns, key="5", amount_minor=10, group="h"), replace(bos, key="6", amount_minor=10, group="h")]
    assert [outcome.posting for outcome in teller.post(good).outcomes] == [5, 6]
    assert teller.rows("SELECT id, link FROM {}.posting WHERE link <> 0 ORDER BY id") == [(5, 5), (6, 5)]
    assert [outcome.replayed for outcome in teller.post(good).outcomes] == [True, True]
    # Part of it was carried out before: then the rest cannot be linked with it.
    more = [replace(good[0], group="h"), replace(bos, key="7", amount_minor=1, group="h")]
    outcomes = teller.post(more).outcomes
    assert outcomes[0].replayed
    refused(outcomes[1], Control.LINKED, 1)


def test_linked_instructions_may_be_in_several_units(teller: Ledger) -> None:
    """Cash against metal: what one gives in the one unit it receives in the other, or neither."""
    metal = replace(arrival(teller, "m", "ann", 5, "AU9999"), group="dvp")
    cash = Instruction(
        "c", "loss", "ann", (teller.account("wallet", "ann"), teller.account("run", "house")), 9, DAY, group="dvp"
    )
    refused(teller.post([metal, cash]).outcomes[0], Control.LINKED, 2)
    assert teller.balances("wallet", "AU9999") == {"ann": 0}
    teller.post([arrival(teller, "a", "ann", 9)])
    assert teller.post([metal, cash]).refusals == []
    assert (teller.balances("wallet", "AU9999"), teller.balances("wallet")["ann"]) == ({"ann": 5}, 0)


def test_what_is_taken_back_with_its_group_can_be_finished_by_others(teller: Ledger, clerk: Ledger) -> None:
    hold = held(teller, clerk)
    posts = finish(teller, "1", hold, 60, Action.POST_HELD)
    wrong = replace(arrival(teller, "2", "ann", 5), route="elsewhere", group="g")
    outcomes = teller.post([replace(posts, group="g"), wrong, replace(posts, key="3")], ("bank", 2)).outcomes
    refused(outcomes[0], Control.LINKED, 2)
    assert outcomes[2].debit_balance_minor == 40


def test_a_group_is_never_parted(teller: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.ledger.ledger.LARGEST_BATCH", 3)
    wishes = [arrival(teller, f"{n}", "ann", 5) for n in range(7)]
    wishes = [replace(wish, group="g" if 2 <= n <= 4 else "") for n, wish in enumerate(wishes)]
    assert [outcome.posting for outcome in teller.post_in_batches(wishes)] == [1, 2, 3, 4, 5, 6, 7]
    assert teller.rows("SELECT postings FROM {}.batch WHERE what = 'post' ORDER BY id") == [(2,), (3,), (2,)]
    with pytest.raises(BadInput, match="a group of at most 3"):
        teller.post_in_batches([replace(wish, key=f"k{n}", group="g") for n, wish in enumerate(wishes)])


def bulk(teller: Ledger, wishes: Sequence[Instruction]) -> Bulk:
    return Bulk(
        DAY,
        [wish.key for wish in wishes],
        [wish.route for wish in wishes],
        [wish.subject for wish in wishes],
        column(dict(teller.rows("SELECT name, id FROM {}.party")).get(wish.subject, 0) for wish in wishes),
        column(wish.path[0] for wish in wishes),
        column(wish.path[1] for wish in wishes),
        column(wish.amount_minor for wish in wishes),
        [wish.ref for wish in wishes],
    )


def test_in_bulk_the_same_is_posted_and_refused(teller: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.ledger.ledger.LARGEST_BATCH", 3)
    path = (teller.account("wallet", "ann"), teller.account("run", "house"))
    wishes = [replace(arrival(teller, f"{n}", "ann", n), ref=f'it\'s "{n}" \u4e0a') for n in range(1, 6)]
    wishes += [Instruction(f"x{n}", "loss", "ann", path, 10, DAY) for n in range(2)]
    first = bulk(teller, wishes)
    assert [first.one(row) for row in range(len(wishes))] == wishes
    assert first.hashes() == [wish.hash() for wish in wishes]
    assert [(one.instruction, one.control, one.figure) for one in teller.post_bulk([first])] == [
        (wishes[6], Control.FUNDS, 5)
    ]
    assert teller.rows("SELECT postings FROM {}.batch WHERE what = 'post' ORDER BY id") == [(3,), (3,)]
    # What was posted stays as it was, whether it comes in bulk or singly; another request under its key is refused.
    assert [outcome.replayed for outcome in teller.post(wishes[:3]).outcomes] == [True] * 3
    assert list(teller.post_bulk([bulk(teller, wishes[:5])])) == []
    assert [one.control for one in teller.post_bulk([bulk(teller, [replace(wishes[0], amount_minor=2)])])] == [
        Control.KEY
    ]
    assert teller.balances("wallet")["ann"] == 5
    with pytest.raises(KeyError):
        list(teller.post_bulk([bulk(teller, [replace(wishes[0], route="elsewhere")])]))
    with pytest.raises(ValueError, match="empty"):
        list(teller.post_bulk([bulk(teller, [replace(wishes[0], key="")])]))


def test_shortages_are_told_from_what_will_never_pass() -> None:
    shortages = {control.name for control in Control if control.is_shortage}
    assert shortages == {"ITEM", "DAILY", "PERIOD", "EXPOSURE", "FUNDS", "CEILING"}


# -- what is wrong with the surroundings ------------------------------------------------------------------------------------


def test_a_hold_that_would_have_expired_before_today_is_refused_by_name(teller: Ledger, clerk: Ledger) -> None:
    held(teller, clerk, 60, expires=DAY)
    yesterday = DAY - datetime.timedelta(1)
    outcome = one(clerk, replace(withdrawal(clerk, "w2", 40), expires=yesterday))
    assert outcome.refusal is not None
    assert outcome.refusal.control is Control.EXPIRES
    assert f"expired on {yesterday}" in str(outcome.refusal)
    assert not outcome.refusal.control.is_shortage


def test_a_clock_that_was_set_back_stops_all_writing_until_it_is_right(store: Store, teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 1)])
    with store.connect() as administrator:
        administrator.execute(
            "UPDATE trial.batch SET recorded_at = recorded_at + interval '1 hour' WHERE id = (SELECT max(id) FROM trial.batch)"
        )
        for write in (
            lambda: teller.post([arrival(teller, "b", "ann", 1)]),
            lambda: teller.post_in_batches([arrival(teller, "b", "ann", 1)]),
            lambda: teller.close_day(DAY),
        ):
            with pytest.raises(Refused, match="clock") as refused:
                write()
            assert refused.value.figures["control"] == "clock"
        assert teller.known(["b"]) == {}
        administrator.execute(
            "UPDATE trial.batch SET recorded_at = clock_timestamp() + interval '0.5 seconds' "
            "WHERE id = (SELECT max(id) FROM trial.batch)"
        )
    batch = teller.post([arrival(teller, "b", "ann", 1)]).batch
    assert batch is not None
    rows = teller.rows("SELECT recorded_at FROM {}.batch WHERE id >= %s ORDER BY id", (batch - 1,))
    assert rows[0] == rows[1], "a second is forgiven, and time stands still for it"


def test_the_schema_itself_keeps_every_account_within_its_kinds_bounds(store: Store, teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 10)])
    with store.connect() as administrator:
        for kind, change in (
            ("wallet", "balance = -1"),
            ("wallet", "held_out = balance + 1"),
            ("mirror", "balance = 1"),
            ("mirror", "held_in = 1 - balance"),
            ("transit", "balance = 1"),
            ("transit", "held_in = 1"),
            ("wallet", "at_least = -5"),
            ("outside", "balance = 5000000000000000000"),
        ):
            with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
                administrator.execute(
                    f"UPDATE trial.account SET {change} WHERE kind = (SELECT id FROM trial.kind WHERE name = %s)",
                    (kind,),
                )


def test_the_schema_itself_takes_no_text_that_is_too_long(store: Store, teller: Ledger) -> None:
    teller.post([arrival(teller, "a", "ann", 1)])
    with store.connect() as administrator:
        for column, length in (("key", 201), ("key", 0), ("payee", 201), ("ref", 2001)):
            with pytest.raises(psycopg.errors.CheckViolation):
                administrator.execute(f"UPDATE trial.posting SET {column} = repeat('x', %s)", (length,))
