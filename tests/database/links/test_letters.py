"""Letters between an exchange and a bank: what is acted upon once, what is not acted upon, and what remains to be shown."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from circles import BANKS, CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.custody import (
    EXCHANGE,
    BankAnswering,
    Circle,
    Deposit,
    Exchange,
    ReportRefused,
    Transfers,
    Withdrawal,
    linked,
    take_over,
    verify_circle,
)
from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.exchange_answering import ExchangeAnswering
from ringfence.custody.orders import Order
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import Instruction, Ledger, role
from ringfence.links import Correspondent, Direct, Letter, LetterBox, LetterRefused, NoAnswer, kept_letters, trust

pytestmark = pytest.mark.ledgers.with_args(make_circle)


@pytest.fixture
def circle(store: Store) -> Iterator[Circle]:
    with opened(store) as (circle, _):
        pay_in(circle, "d", "m1-ann", 500_00)
        yield circle


@pytest.fixture
def bank(store: Store, circle: Circle) -> Iterator[BankAnswering]:
    answering = BankAnswering(store, "bank_a")
    yield answering
    answering.close()


@pytest.fixture
def box(store: Store) -> LetterBox:
    return LetterBox(store, EXCHANGE)


def orders(number: int, key: str = "order:7", amount_minor: int = 5_00) -> dict[str, Any]:
    order = Order(key, "withdrawal", "m1-ann", amount_minor, DAY, "6201-ann")
    return {"orders": [order.document()], "whole": False, "number": number}


def in_circle(store: Store) -> int:
    with Ledger(store, "bank_a", "auditor") as book:
        return book.balances("exchange-client-money")[EXCHANGE]


# -- what a bank acts upon ------------------------------------------------------------------------------------------------


def test_an_order_is_carried_out_once_however_often_it_comes(store: Store, bank: BankAnswering, box: LetterBox) -> None:
    letter = box.write("bank_a", "orders", orders(1))
    first = bank.answer(letter)
    assert first.content["answers"][0][0] is not None
    assert bank.answer(letter) == first
    assert in_circle(store) == 495_00


def test_what_was_refused_stays_refused_when_the_same_letter_comes_again(
    store: Store, circle: Circle, bank: BankAnswering, box: LetterBox
) -> None:
    """Somebody keeps a letter back and brings it again when the bank would pay: it has its answer already."""
    circle.bank_clerk["bank_a"].close_day(DAY)
    letter = box.write("bank_a", "orders", orders(1))
    refused = bank.answer(letter)
    assert refused.content["answers"][0][:2] == [None, "shut"]
    circle.bank_clerk["bank_a"].open_day(DAY + datetime.timedelta(3))
    assert bank.answer(letter) == refused
    assert in_circle(store) == 500_00


def test_a_letter_that_was_held_back_is_not_acted_upon_after_a_later_one(
    store: Store, bank: BankAnswering, box: LetterBox
) -> None:
    held_back, later = (box.write("bank_a", "orders", orders(number, f"order:{number}")) for number in (1, 2))
    bank.answer(later)
    with pytest.raises(LetterRefused, match="written later"):
        bank.answer(held_back)
    assert in_circle(store) == 495_00


def test_only_the_exchange_orders_and_only_in_its_own_hand(store: Store, bank: BankAnswering, box: LetterBox) -> None:
    mallory = Ed25519PrivateKey.generate()
    other_bank = LetterBox(store, "bank_b")
    trust(store, "bank_a", Correspondent("bank_b", Ed25519PrivateKey.generate().public_key().public_bytes_raw(), ""))
    good = box.write("bank_a", "orders", orders(1))
    for letter, why in (
        (Letter.write(mallory, EXCHANGE, "bank_a", "orders", orders(1)), "signature"),
        (Letter(good.words.replace("500", "900"), good.signature), "signature"),
        (Letter.write(mallory, "mallory", "bank_a", "orders", orders(1)), "unknown"),
        (other_bank.write("bank_a", "orders", orders(1)), "signature"),
        (box.write("bank_b", "orders", orders(1)), "address"),
        (box.write("bank_a", "orders", orders(1), re="00"), "answer"),
        (box.write("bank_a", "gossip", {}), "kind"),
    ):
        with pytest.raises(LetterRefused) as refused:
            bank.answer(letter)
        assert refused.value.figures["why"] == why
    assert in_circle(store) == 500_00


def test_a_bank_whose_key_is_known_orders_nothing_of_another_bank(store: Store, bank: BankAnswering) -> None:
    with LetterBoxOf(store, "bank_b") as (other, public_key):
        trust(store, "bank_a", Correspondent("bank_b", public_key, ""))
        for kind in ("orders", "report", "funds", "day", "bindings"):
            with pytest.raises(LetterRefused) as refused:
                bank.answer(other.write("bank_a", kind, orders(1) | {"after": 0}))
            assert refused.value.figures["why"] == "address"
    assert in_circle(store) == 500_00


class LetterBoxOf:
    """An institution's letter box with its public key."""

    def __init__(self, store: Store, book: str) -> None:
        from ringfence.links import public_key_of

        self._found = LetterBox(store, book), public_key_of(store, book)

    def __enter__(self) -> tuple[LetterBox, bytes]:
        return self._found

    def __exit__(self, *exception: object) -> None:
        return None


UNDOABLE: list[tuple[dict[str, Any], str]] = [
    ({"route": "transfer"}, "route"),
    ({"route": "arrival"}, "route"),
    ({"route": "guarantee", "subject": "m1"}, "route"),
    ({"subject": "nobody"}, "party"),
    ({"payee": "6202-bo"}, "payee"),
    ({"payee": "6201-cy"}, "client"),
    ({"amount_minor": 0}, "amount"),
    ({"amount_minor": 500_01}, "funds"),
    ({"route": "cover-from-guarantee", "subject": "m9"}, "party"),
    ({"route": "cover-from-guarantee", "subject": "m2", "ref": "m2-cy"}, "account"),
]


def test_what_no_bank_does_on_orders_is_answered_with_the_reason(
    store: Store, bank: BankAnswering, box: LetterBox
) -> None:
    for number, (change, control) in enumerate(UNDOABLE, 1):
        content = orders(number)
        content["orders"][0] |= {"key": f"order:{number}", **change}
        [answer] = bank.answer(box.write("bank_a", "orders", content)).content["answers"]
        assert (answer[0], answer[1]) == (None, control), change
        assert answer[2]
        assert answer[3]
    assert in_circle(store) == 500_00


def test_orders_that_are_to_be_whole_are_all_or_none(store: Store, bank: BankAnswering, box: LetterBox) -> None:
    content = orders(1)
    content["orders"] += orders(1, "order:8", 499_00)["orders"]
    answers = bank.answer(box.write("bank_a", "orders", content | {"whole": True})).content["answers"]
    assert [answer[:2] for answer in answers] == [[None, "whole"], [None, "funds"]]
    content["orders"][1]["payee"] = "unknown"
    answers = bank.answer(box.write("bank_a", "orders", content | {"whole": True, "number": 2})).content["answers"]
    assert [answer[1] for answer in answers] == ["whole", "payee"]
    assert in_circle(store) == 500_00


IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("orders", {"orders": 1}),
    ("orders", {"orders": [{"key": "k"}]}),
    ("orders", {"orders": [{**orders(1)["orders"][0], "value_date": "soon"}]}),
    ("day", {}),
    ("day", {"open": "tomorrow"}),
    ("report", {"after": "0"}),
    ("report", {"after": -1}),
    ("bindings", {"says": [["m1-ann"]]}),
]


def test_a_content_that_cannot_be_is_told(bank: BankAnswering, box: LetterBox) -> None:
    for number, (kind, content) in enumerate(IMPOSSIBLE, 1_000):
        with pytest.raises(BadInput):
            bank.answer(box.write("bank_a", kind, content | {"number": number}))


def test_letters_that_were_kept_are_added_to_and_never_changed(
    store: Store, bank: BankAnswering, box: LetterBox
) -> None:
    bank.answer(box.write("bank_a", "orders", orders(1)))
    with store.connect(role("bank_a", "clerk")) as clerk:
        for statement in (
            "UPDATE bank_a_letters.letter SET words = ''",
            "DELETE FROM bank_a_letters.letter",
            "INSERT INTO bank_a_letters.correspondent (party, public_key) VALUES ('mallory', sha256('x'))",
            "UPDATE bank_a_letters.correspondent SET public_key = sha256('x')",
            "SELECT setval('bank_a_letters.written', 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                clerk.execute(statement.encode())
    for person in ("teller", "auditor", "supervisor"):
        with store.connect(role("bank_a", person)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT bank_a_letters.keep('', '', '')")


def test_a_key_that_ended_signs_nothing_more_and_still_proves_what_it_signed(
    store: Store, bank: BankAnswering, box: LetterBox
) -> None:
    bank.answer(box.write("bank_a", "orders", orders(1)))
    new = Ed25519PrivateKey.generate()
    trust(store, "bank_a", Correspondent(EXCHANGE, new.public_key().public_bytes_raw(), ""))
    with pytest.raises(LetterRefused, match="not signed by the key"):
        bank.answer(box.write("bank_a", "orders", orders(2, "order:8")))
    with Ledger(store, "bank_a", "auditor") as book:
        [kept] = kept_letters(book.connection, "bank_a", "orders", EXCHANGE)
    assert kept.letter.signed_by(kept.public_key)


# -- what the exchange takes for a bank's report ---------------------------------------------------------------------------


def asked(store: Store, answer: Callable[[Letter], Letter]) -> ClearingBank:
    return ClearingBank("bank_a", LetterBox(store, EXCHANGE), Direct(answer))


def changed(bank: BankAnswering, store: Store, **change: Any) -> Callable[[Letter], Letter]:
    """A bank that reports something else, in its own hand."""
    box = LetterBox(store, "bank_a")

    def answer(letter: Letter) -> Letter:
        return box.write(EXCHANGE, "report", bank.answer(letter).content | change, re=letter.digest)

    return answer


def test_an_old_report_is_no_answer_to_a_new_question(store: Store, circle: Circle, bank: BankAnswering) -> None:
    connection = circle.link.connection
    old = asked(store, bank.answer).report(connection, 0).letter
    with pytest.raises(LetterRefused, match="answers something else"):
        asked(store, lambda letter: old).report(connection, 0)


def test_a_report_in_another_hand_is_not_taken(store: Store, circle: Circle, bank: BankAnswering) -> None:
    mallory = Ed25519PrivateKey.generate()

    def forge(letter: Letter) -> Letter:
        content = bank.answer(letter).content
        return Letter.write(mallory, "bank_a", EXCHANGE, "report", content, re=letter.digest)

    with pytest.raises(LetterRefused, match="not signed by the key"):
        asked(store, forge).report(circle.link.connection, 0)
    other = LetterBox(store, "bank_b")
    with pytest.raises(LetterRefused, match="answers something else"):
        asked(store, lambda letter: other.write(EXCHANGE, "report", {}, re=letter.digest)).report(
            circle.link.connection, 0
        )


WRONG_REPORTS: list[dict[str, Any]] = [
    {"after": 3},
    {"through": 0, "after": 1},
    {"lines": [[9_999, 1, "deposit", "m1-ann", 1, "2020-03-06", "6201-ann", "k", ""]]},
    {"lines": [["x"]]},
    {"balance_minor": "much"},
    {"transit": 3},
]


def test_a_report_that_cannot_be_is_not_taken(store: Store, circle: Circle, bank: BankAnswering) -> None:
    for change in WRONG_REPORTS:
        with pytest.raises(ReportRefused, match="bank_a"):
            asked(store, changed(bank, store, **change)).report(circle.link.connection, 0)


def test_a_bank_that_reports_a_balance_it_does_not_have_is_found_by_the_verifier(
    store: Store, circle: Circle, bank: BankAnswering
) -> None:
    circle.counter["bank_a"].deposit(DAY, [Deposit("e", "m1-ann", 7_00, "6201-ann")])
    take_over(circle.link, {"bank_a": asked(store, changed(bank, store, balance_minor=9_999_00))})
    findings = [str(finding) for finding in verify_circle(store, BANKS).findings]
    assert any("bank_a reports 999900, its movements add up to 50700" in finding for finding in findings)


def test_a_deposit_that_no_bank_has_reported_is_found_by_the_verifier(store: Store, circle: Circle) -> None:
    """The exchange's link makes one up, in a batch of a bank's that never was: no letter says so."""
    link = circle.link
    path = (link.account("bank-cash", "bank_a"), link.account("client-cash", "m2-cy"))
    made_up = Instruction("bank_a:777", "deposit", "m2-cy", path, 900_00, DAY, payee="6201-cy")
    assert link.post([made_up], ("bank_a", 777)).refusals == []
    findings = [str(finding) for finding in verify_circle(store, BANKS).findings]
    assert any("bank_a has reported no movement bank_a:777" in finding for finding in findings)
    assert any("asked after batch 777, told up to" in finding for finding in findings)


def test_a_deposit_that_is_booked_for_somebody_else_is_found_by_the_verifier(
    store: Store, circle: Circle, bank: BankAnswering
) -> None:
    circle.counter["bank_a"].deposit(DAY, [Deposit("e", "m1-ann", 7_00, "6201-ann")])
    link = circle.link
    reported = asked(store, bank.answer).report(link.connection, 0)
    line = reported.report.lines[-1]
    reported_box = LetterBox(store, EXCHANGE)
    reported_box.keep(link.connection, reported.letter, reported.by)
    path = (link.account("bank-cash", "bank_a"), link.account("client-cash", "m2-cy"))
    diverted = Instruction(f"bank_a:{line.posting}", "deposit", "m2-cy", path, 7_00, DAY, payee="6201-cy")
    assert link.post([diverted], ("bank_a", line.batch)).refusals == []
    [finding] = [str(finding) for finding in verify_circle(store, BANKS).findings]
    assert "m1-ann" in finding
    assert "m2-cy" in finding


def test_a_report_that_was_changed_where_it_is_kept_is_found(store: Store, circle: Circle) -> None:
    assert verify_circle(store, BANKS).findings == []
    with store.connect() as administrator:
        administrator.execute("UPDATE exchange_letters.letter SET words = replace(words, '50000', '50001')")
    findings = [str(finding) for finding in verify_circle(store, BANKS).findings]
    assert any("not signed by the key" in finding for finding in findings)


def test_a_report_says_no_more_than_what_moved_since(store: Store, circle: Circle, bank: BankAnswering) -> None:
    reached = asked(store, bank.answer).report(circle.link.connection, 0).report
    assert [line.amount_minor for line in reached.lines] == [500_00]
    nothing = asked(store, bank.answer).report(circle.link.connection, reached.through).report
    assert (nothing.lines, nothing.balance_minor, nothing.balance_after_minor) == ((), 500_00, 500_00)


def test_a_long_time_is_told_in_several_reports(store: Store, circle: Circle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.custody.report._MOST_LINES", 4)
    for number in range(11):
        circle.counter["bank_a"].deposit(DAY, [Deposit(f"k{number}", "m1-ann", 1_00, "6201-ann")])
    take_over(circle.link, circle.clearing)
    assert circle.clerk.balances("client-cash")["m1-ann"] == 511_00
    assert verify_circle(store, BANKS).findings == []
    with Ledger(store, EXCHANGE, "auditor") as book:
        assert len(kept_letters(book.connection, EXCHANGE, "report", "bank_a")) > 3


# -- several processes ----------------------------------------------------------------------------------------------------


def test_several_of_the_exchanges_processes_take_over_and_each_movement_is_booked_once(store: Store) -> None:
    import threading

    def follow(stop: threading.Event) -> None:
        with linked(store, BANKS) as clearing, Ledger(store, EXCHANGE, "link") as link:
            while not stop.is_set():
                take_over(link, clearing)

    stop = threading.Event()
    threads = [threading.Thread(target=follow, args=(stop,)) for _ in range(3)]
    with opened(store) as (circle, _):
        for thread in threads:
            thread.start()
        for number in range(40):
            client = list(CLIENTS.values())[number % 4]
            deposit = Deposit(f"k{number}", client.name, 1_00, client.account_number)
            assert circle.deposit(DAY, [deposit]) == []
        stop.set()
        for thread in threads:
            thread.join()
        assert set(circle.clerk.balances("client-cash").values()) == {10_00}
    assert verify_circle(store, BANKS).findings == []


# -- silence --------------------------------------------------------------------------------------------------------------


def test_an_order_that_nobody_answered_stays_held_and_is_asked_again(store: Store, circle: Circle) -> None:
    """The bank has paid, and its answer is lost."""
    lost = [True]

    def silent(name: str) -> ClearingBank:
        known = circle.clearing[name]

        def ask(letter: Letter) -> Letter:
            answer = known.transport.ask(letter)
            if letter.kind in ("orders", "report") and lost[0] and in_circle(store) < 500_00:
                raise NoAnswer(who=name, detail="the line is dead")
            return answer

        return ClearingBank(name, known.box, Direct(ask))

    with Exchange(store, {name: silent(name) for name in BANKS}) as exchange:
        transfers = Transfers(exchange)
        with pytest.raises(NoAnswer, match="whether it acted is not known"):
            transfers.withdraw(DAY, [Withdrawal("w", "m1-ann", 200_00, "6201-ann")], {"m1-ann": 500_00})
        assert exchange.clerk.rows("SELECT sum(held_out)::bigint FROM {}.account") == [(200_00,)]
        lost[0] = False
        with store.connect() as administrator:
            administrator.execute("UPDATE exchange.batch SET recorded_at = recorded_at - interval '1 minute'")
        transfers.chase()
        assert exchange.clerk.rows("SELECT sum(held_out)::bigint FROM {}.account") == [(0,)]
        assert exchange.clerk.balances("client-cash")["m1-ann"] == 300_00
    assert in_circle(store) == 300_00


def test_a_silent_bank_keeps_nobody_else_waiting(store: Store, circle: Circle) -> None:
    """Bank b says nothing; at bank a money goes in and out as ever."""

    def nothing(letter: Letter) -> Letter:
        raise NoAnswer(who="bank_b", detail="the line is dead")

    silent = ClearingBank("bank_b", LetterBox(store, EXCHANGE), Direct(nothing))
    circle.counter["bank_a"].deposit(DAY, [Deposit("e", "m2-cy", 70_00, "6201-cy")])
    circle.counter["bank_b"].deposit(DAY, [Deposit("f", "m1-bo", 30_00, "6202-bo")])
    # The silent one first: whoever comes after it has its turn all the same.
    with Exchange(store, {"bank_b": silent, "bank_a": circle.clearing["bank_a"]}) as exchange:
        with pytest.raises(NoAnswer):
            take_over(exchange.link, exchange.clearing)
        assert exchange.clerk.balances("client-cash")["m2-cy"] == 70_00
        transfers = Transfers(exchange)
        assert transfers.withdraw(DAY, [Withdrawal("w", "m1-ann", 200_00, "6201-ann")], {"m1-ann": 500_00}) == []
        assert exchange.clerk.balances("client-cash")["m1-ann"] == 300_00
        transfers.chase()
    take_over(circle.link, circle.clearing)
    assert circle.clerk.balances("client-cash")["m1-bo"] == 30_00
    assert verify_circle(store, BANKS).findings == []


# -- what a bank asks of the exchange --------------------------------------------------------------------------------------


def test_a_bank_learns_what_was_booked_of_its_own_and_of_nobody_elses(store: Store, circle: Circle) -> None:
    answering = ExchangeAnswering(store, circle.clearing)
    circle.counter["bank_a"].deposit(DAY, [Deposit("e", "m1-ann", 7_00, "6201-ann")])
    posting = circle.teller["bank_a"].rows("SELECT id FROM {}.posting WHERE key = 'e'")[0][0]
    question = {"postings": [posting, 10**9]}
    [[told, exchange_posting, route]] = answering.answer(
        LetterBox(store, "bank_a").write(EXCHANGE, "booked", question)
    ).content["booked"]
    assert (told, route) == (posting, "deposit")
    assert circle.link.rows("SELECT key FROM {}.posting WHERE id = %s", (exchange_posting,)) == [(f"bank_a:{posting}",)]
    assert answering.answer(LetterBox(store, "bank_b").write(EXCHANGE, "booked", question)).content == {"booked": []}
    with pytest.raises(LetterRefused) as refused:
        answering.answer(LetterBox(store, "bank_b").write(EXCHANGE, "orders", {}))
    assert refused.value.figures["why"] == "kind"
    with pytest.raises(BadInput):
        answering.answer(LetterBox(store, "bank_a").write(EXCHANGE, "booked", {"postings": "all"}))
    answering.close()


def test_a_document_is_what_it_was_when_it_is_read_again() -> None:
    order = Order("k", "withdrawal", "m1-ann", 5, DAY, "6201", "ref")
    assert Order.from_document(json.loads(json.dumps(order.document()))) == order
