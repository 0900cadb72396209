"""Money into the circle and out of it: what passes, what is refused and by whom, and that the equation always holds."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest

from circles import BANKS, BROUGHT_MINOR, CLIENTS, DAY, LIMIT_MINOR, MEMBERS, make_circle, opened, pay_in
from ringfence.custody import (
    EXCHANGE,
    AuditRefusal,
    Circle,
    Client,
    Cover,
    Deposit,
    EquationReader,
    Line,
    OrderRefused,
    TakeOverRefused,
    Transfers,
    Withdrawal,
    make_report,
    verify_circle,
)
from ringfence.database import Store
from ringfence.ledger import AccountName, Action, Binding, Caps, Control, Instruction, Ledger, Party, Refusal, Refused

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def circle(store: Store) -> Iterator[Circle]:
    with opened(store) as (circle, _):
        yield circle


@pytest.fixture
def transfers(circle: Circle) -> Transfers:
    return Transfers(circle)


@pytest.fixture
def equation(store: Store) -> Iterator[EquationReader]:
    with EquationReader(store, BANKS) as reader:
        yield reader


def cash(circle: Circle) -> dict[str, int]:
    return {client: amount for client, amount in circle.clerk.balances("client-cash").items() if amount}


def ask(client: str, amount_minor: int, payee: str | None = None, key: str = "w") -> Withdrawal:
    return Withdrawal(key, client, amount_minor, payee or CLIENTS[client].account_number)


def test_a_deposit_runs_through_the_member_into_the_circle_and_to_the_client(
    circle: Circle, transfers: Transfers
) -> None:
    pay_in(circle, "d", "m1-bo", 700_00)
    bank = circle.teller["bank_b"]
    walked = bank.rows("SELECT kind, owner, amount FROM {}.journal WHERE route = 'deposit' ORDER BY entry")
    assert walked == [
        ("client-bank", "m1-bo", -700_00),
        ("member-transit", "m1", 700_00),
        ("member-transit", "m1", -700_00),
        ("exchange-client-money", "exchange", 700_00),
    ]
    assert cash(circle) == {"m1-bo": 700_00}
    assert circle.clerk.balances("bank-cash") == {"bank_a": 0, "bank_b": -700_00}


def test_a_member_total_is_the_sum_of_its_clients(circle: Circle, transfers: Transfers) -> None:
    for number, client in enumerate(CLIENTS, 1):
        pay_in(circle, client, client, number * 100)
    totals = circle.clerk.rows("SELECT member, clients, balance FROM {}.member_total ORDER BY member")
    assert totals == [("m1", 2, 300), ("m2", 2, 700)]


def test_what_a_client_does_not_have_is_refused_at_its_bank(circle: Circle, transfers: Transfers) -> None:
    [refusal] = circle.deposit(DAY, [Deposit("d", "m1-ann", BROUGHT_MINOR + 1, "6201-ann")])
    assert (refusal.control, refusal.figure) == (Control.FUNDS, BROUGHT_MINOR)
    [refusal] = circle.deposit(DAY, [Deposit("d", "m1-ann", 1, "6201-cy")])
    assert refusal.control is Control.PAYEE
    assert cash(circle) == {}


def test_a_key_that_is_used_twice_at_once_is_told(circle: Circle, transfers: Transfers) -> None:
    wishes = [Deposit("d", "m1-ann", 5_00, "6201-ann"), Deposit("d", "m1-ann", 6_00, "6201-ann")]
    [refusal] = circle.deposit(DAY, wishes)
    assert refusal.control is Control.KEY
    assert cash(circle) == {"m1-ann": 5_00}


def test_a_withdrawal_reaches_the_registered_account(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    assert transfers.withdraw(DAY, [ask("m1-ann", 200_00)], {"m1-ann": 500_00}) == []
    assert cash(circle) == {"m1-ann": 300_00}
    assert circle.teller["bank_a"].balances("client-bank")["m1-ann"] == BROUGHT_MINOR - 300_00
    assert circle.clerk.rows("SELECT sum(held_out), sum(held_in) FROM {}.account") == [(0, 0)]
    # Asked again, it is the same withdrawal.
    assert transfers.withdraw(DAY, [ask("m1-ann", 200_00)], {"m1-ann": 0}) == []
    assert cash(circle) == {"m1-ann": 300_00}


def test_another_payee_is_refused_by_the_exchange_and_again_by_the_bank(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    [refusal] = transfers.withdraw(DAY, [ask("m1-ann", 200_00, payee="6201-cy")], {"m1-ann": 500_00})
    assert isinstance(refusal, Refusal)
    assert refusal.control is Control.PAYEE
    # An insider of the exchange sends the order by itself.
    clerk = circle.bank_clerk["bank_a"]
    order = Instruction(
        key="order:999",
        route="withdrawal",
        subject="m1-ann",
        path=(
            clerk.account("exchange-client-money", EXCHANGE),
            clerk.account("member-transit", "m2"),
            clerk.account("client-bank", "m2-cy"),
        ),
        amount_minor=200_00,
        value_date=DAY,
        payee="6201-cy",
    )
    refused = clerk.post([order]).refusals[0]
    assert refused.control is Control.MEMBER
    assert cash(circle) == {"m1-ann": 500_00}


def test_the_audit_counts_a_clients_withdrawals_together(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    wishes = [ask("m1-ann", 200_00, key="1"), ask("m1-ann", 150_00, key="2"), ask("m1-ann", 100_00, key="3")]
    [refusal] = transfers.withdraw(DAY, wishes, {"m1-ann": 300_00})
    assert isinstance(refusal, AuditRefusal)
    assert str(refusal).startswith("audit (K4): 150.00 CNY asked, 100.00 CNY withdrawable")
    assert "可取 100.00" in refusal.text("zh")
    assert cash(circle) == {"m1-ann": 200_00}


def test_what_the_bank_refuses_is_released(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    circle.bank_clerk["bank_a"].close_day(DAY)
    [refusal] = transfers.withdraw(DAY, [ask("m1-ann", 120_00)], {"m1-ann": 500_00})
    assert isinstance(refusal, OrderRefused)
    assert refusal.answer.control == "shut"
    assert "no day is open" in str(refusal)
    assert "自 2020-03-06 关账" in refusal.text("zh")
    assert cash(circle) == {"m1-ann": 500_00}
    assert circle.clerk.rows("SELECT sum(held_out), sum(held_in) FROM {}.account") == [(0, 0)]


def test_a_bank_is_never_asked_for_more_than_it_holds(circle: Circle, transfers: Transfers) -> None:
    """A client won what clients of another bank lost: its own bank has too little of the circle for it."""
    pay_in(circle, "a", "m1-ann", 100_00)
    pay_in(circle, "b", "m1-bo", 100_00)
    settlement = circle.settlement
    run = settlement.account("settlement", EXCHANGE)
    bo, ann = settlement.account("client-cash", "m1-bo"), settlement.account("client-cash", "m1-ann")
    moved = settlement.post(
        [
            Instruction("l", "loss", "m1-bo", (bo, run), 50_00, DAY),
            Instruction("p", "profit", "m1-ann", (run, ann), 50_00, DAY),
        ]
    )
    assert moved.refusals == []
    [refusal] = transfers.withdraw(DAY, [ask("m1-ann", 120_00)], {"m1-ann": 150_00})
    assert isinstance(refusal, Refusal)
    assert (refusal.control, refusal.figure) == (Control.CEILING, 100_00)


def test_what_a_bank_has_posted_is_in_transit_until_it_is_booked(
    circle: Circle, transfers: Transfers, equation: EquationReader
) -> None:
    teller = circle.teller["bank_a"]
    path = (
        teller.account("client-bank", "m1-ann"),
        teller.account("member-transit", "m1"),
        teller.account("exchange-client-money", EXCHANGE),
    )
    teller.post([Instruction("d", "deposit", "m1-ann", path, 70_00, DAY, payee="6201-ann")])
    seen = equation.read()
    assert seen.holds
    assert (seen.at_banks_minor, seen.clients_minor, seen.in_transit_minor) == (70_00, 0, 70_00)
    [line] = seen.banks["bank_a"].in_transit
    assert (line.key, line.route, line.subject, line.amount_minor) == ("d", "deposit", "m1-ann", 70_00)
    transfers.take_over()
    seen = equation.read()
    assert seen.holds
    assert (seen.clients_minor, seen.in_transit_minor) == (70_00, 0)
    assert seen.banks["bank_a"].in_transit == ()


def test_confirmed_money_of_somebody_unknown_waits_in_suspense(
    store: Store, circle: Circle, transfers: Transfers, equation: EquationReader
) -> None:
    eves = Binding("m1-eve", "bank_a", "6201-eve", "id-eve")
    with Ledger(store, "bank_a", "registrar") as registrar, Ledger(store, "bank_a", "intake") as intake:
        registrar.register(
            parties=[Party("m1-eve", "client", "m1", "id-eve")],
            accounts=[(AccountName("client-bank", "m1-eve"), "6201-eve")],
        )
        registrar.bind([eves])
        # The exchange never said so: two persons of the bank are at fault.
        intake.confirm([eves])
    teller = circle.teller["bank_a"]
    teller.refresh()
    eve = teller.account("client-bank", "m1-eve")
    path = (eve, teller.account("member-transit", "m1"), teller.account("exchange-client-money", EXCHANGE))
    teller.post(
        [
            Instruction("a", "arrival", "m1-eve", (teller.account("clearing", "clearing"), eve), 9_00, DAY),
            Instruction("d", "deposit", "m1-eve", path, 9_00, DAY, payee="6201-eve"),
        ]
    )
    transfers.take_over()
    seen = equation.read()
    assert seen.holds
    assert (seen.suspense_minor, seen.clients_minor) == (9_00, 0)


def test_a_client_credit_takes_a_banks_confirmation(circle: Circle) -> None:
    """K2: the person who books deposits cannot make one, nor one of another bank."""
    link = circle.link
    ann = link.account("client-cash", "m1-ann")
    for bank, taking_over in (("bank_a", None), ("bank_a", ("bank_b", 9)), ("bank_b", ("bank_b", 9))):
        made_up = Instruction(
            "bank_a:77", "deposit", "m1-ann", (link.account("bank-cash", bank), ann), 5, DAY, payee="6201-ann"
        )
        assert link.post([made_up], taking_over).refusals != []


def test_a_payment_that_nobody_ordered_stops_the_take_over(circle: Circle, transfers: Transfers) -> None:
    """E pays out beside the holds: the bank's report cannot be booked, and a person must look."""
    pay_in(circle, "d", "m1-ann", 500_00)
    clerk = circle.bank_clerk["bank_a"]
    path = (
        clerk.account("exchange-client-money", EXCHANGE),
        clerk.account("member-transit", "m1"),
        clerk.account("client-bank", "m1-ann"),
    )
    clerk.post([Instruction("order:999", "withdrawal", "m1-ann", path, 5_00, DAY, payee="6201-ann")])
    with pytest.raises(TakeOverRefused, match="hold 999 is not open"):
        transfers.take_over()


def test_a_guarantee_and_the_reserve_pay_in_real_money(
    circle: Circle, transfers: Transfers, equation: EquationReader
) -> None:
    assert circle.counter["bank_a"].put_up_guarantee(DAY, "m1", 40_00) == []
    assert circle.counter["bank_b"].fill_reserve(DAY, 500_00) == []
    transfers.cover(
        DAY,
        [
            Cover("c1", "m1-bo", 40_00, "bank_a", "member-guarantee"),
            Cover("c2", "m1-bo", 60_00, "bank_b", "exchange-reserve"),
        ],
    )
    assert cash(circle) == {"m1-bo": 100_00}
    assert circle.teller["bank_a"].balances("member-guarantee") == {MEMBERS[0].name: 0}
    assert circle.teller["bank_b"].balances("exchange-reserve") == {EXCHANGE: 440_00}
    seen = equation.read()
    assert seen.holds
    assert seen.at_banks_minor == 100_00


def test_fees_leave_the_circle_exactly(circle: Circle, transfers: Transfers, equation: EquationReader) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    settlement = circle.settlement
    path = (settlement.account("client-cash", "m1-ann"), settlement.account("fees-due", EXCHANGE))
    settlement.post([Instruction("f", "fee", "m1-ann", path, 3_21, DAY)])
    assert transfers.pay_out_fees(DAY, "fees:1", "bank_a") == []
    assert transfers.pay_out_fees(DAY, "fees:1", "bank_a") == []
    assert circle.bank_clerk["bank_a"].balances("exchange-own") == {EXCHANGE: 3_21}
    seen = equation.read()
    assert seen.holds
    assert (seen.at_banks_minor, seen.fees_due_minor) == (500_00 - 3_21, 0)


def test_a_report_tells_what_was_posted_on_the_exchanges_account_and_nothing_else(
    circle: Circle, transfers: Transfers
) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    transfers.withdraw(DAY, [ask("m1-ann", 200_00)], {"m1-ann": 500_00})
    lines = make_report(circle.bank_clerk["bank_a"], 0).lines
    assert [(line.route, line.subject, line.amount_minor) for line in lines] == [
        ("deposit", "m1-ann", 500_00),
        ("withdrawal", "m1-ann", -200_00),
    ]
    assert all(isinstance(line, Line) and line.payee == "6201-ann" for line in lines)


def test_money_that_is_not_accounted_for_is_seen_at_once(store: Store, circle: Circle) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    with store.connect() as superuser:
        superuser.execute("UPDATE bank_a.account SET balance = balance - 1 WHERE balance = 50000")
    with EquationReader(store, BANKS) as reader:
        seen = reader.read()
    assert not seen.holds
    verdict = verify_circle(store, BANKS)
    assert not verdict.ok
    assert any("money equation" in str(finding) or "bank_a, account" in str(finding) for finding in verdict.findings)


def test_a_hold_of_somebody_who_may_not_is_refused(circle: Circle) -> None:
    link = circle.link
    path = (link.account("client-cash", "m1-ann"), link.account("bank-cash", "bank_a"))
    wish = Instruction("w", "withdrawal", "m1-ann", path, 5, DAY, action=Action.HOLD, payee="6201-ann")
    [refusal] = link.post([wish]).refusals
    assert refusal.control is Control.ASKER
    assert "can give one to ringfence_exchange_clerk alone" in str(refusal)


def test_a_second_person_lets_pass_what_the_clerk_may_not_let_out_alone(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 90_000_00)
    wishes = [ask("m1-ann", LIMIT_MINOR, key="1"), ask("m1-ann", LIMIT_MINOR - 10_000_00 + 1, key="2")]
    assert transfers.withdraw(DAY, wishes[:1], {"m1-ann": 90_000_00}) == []
    large = [ask("m1-bo", LIMIT_MINOR + 1, key="3")]
    pay_in(circle, "e", "m1-bo", 90_000_00)
    [refusal] = transfers.withdraw(DAY, large, {"m1-bo": 90_000_00})
    assert isinstance(refusal, Refusal)
    assert refusal.control is Control.ITEM
    assert "50,000.00 CNY allowed at once by grant" in str(refusal)
    assert "ringfence_exchange_officer can let it pass" in str(refusal)
    assert transfers.withdraw(DAY, large, {"m1-bo": 90_000_00}, second=lambda withdrawal: True) == []
    assert cash(circle)["m1-bo"] == 90_000_00 - LIMIT_MINOR - 1
    own = circle.officer.grants()[-1]
    assert (own.key, own.scope, own.caps.per_item_minor) == ("3", "m1-bo", LIMIT_MINOR + 1)


def test_a_new_limit_ends_the_one_before(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    first = circle.limit("withdrawal", Caps(per_item_minor=LIMIT_MINOR))
    second = circle.limit("withdrawal", Caps(per_item_minor=100_00, per_day_minor=150_00))
    assert second > first
    assert circle.limit("withdrawal", Caps(per_item_minor=100_00, per_day_minor=150_00)) == second
    wishes = [ask("m1-ann", 100_00, key="1"), ask("m1-ann", 60_00, key="2")]
    [refusal] = transfers.withdraw(DAY, wishes, {"m1-ann": 500_00}, second=lambda withdrawal: True)
    assert isinstance(refusal, Refusal)
    assert refusal.control is Control.DAILY
    assert circle.limit("withdrawal", Caps(per_item_minor=LIMIT_MINOR)) > second
    assert transfers.withdraw(DAY, wishes, {"m1-ann": 500_00}) == []


def test_a_client_that_changes_its_account_waits_and_then_is_paid_there(circle: Circle, transfers: Transfers) -> None:
    pay_in(circle, "d", "m1-ann", 500_00)
    moved = replace(CLIENTS["m1-ann"], account_number="6201-ann-new")
    circle.bind([moved])
    old, new = ask("m1-ann", 100_00, key="1"), ask("m1-ann", 100_00, moved.account_number, key="2")
    refusals = transfers.withdraw(DAY, [old, new], {"m1-ann": 500_00})
    assert [r.control for r in refusals if isinstance(r, Refusal)] == [Control.PAYEE, Control.COOLING]
    circle.bind([moved])
    later = DAY + datetime.timedelta(3)
    circle.close_day(DAY)
    circle.open_day(later)
    assert transfers.withdraw(later, [new], {"m1-ann": 500_00}) == []
    teller = circle.teller["bank_a"]
    paid = teller.rows(
        "SELECT number, balance FROM {}.balances WHERE kind = 'client-bank' AND owner = 'm1-ann' ORDER BY 1"
    )
    assert paid == [("6201-ann", BROUGHT_MINOR - 500_00), ("6201-ann-new", 100_00)]


def test_an_identity_that_is_not_the_same_at_both_binds_nothing(store: Store, circle: Circle) -> None:
    """K5: the bank knows somebody of that name, and it is somebody else."""
    eve = Client("m1-eve", "m1", "bank_a", "6201-eve", "id-eve")
    with Ledger(store, "bank_a", "registrar") as registrar:
        registrar.register(parties=[Party("m1-eve", "client", "m1", "id-another")])
    with pytest.raises(Refused, match="identity"):
        circle.register(MEMBERS, [eve])
    with Ledger(store, "bank_a", "registrar") as registrar:
        registrar.register(accounts=[(AccountName("client-bank", "m1-eve"), "6201-eve")])
        registrar.bind([eve.binding._replace(identity="id-another")])
    with Ledger(store, EXCHANGE, "registrar") as registrar:
        registrar.bind([eve.binding])
    with pytest.raises(Refused, match="identity: identity id-"):
        circle.bind([])
    assert "m1-eve" not in circle.registered
