"""Who has a hand in what, as the declaration of the Shanghai Gold Exchange's ring says it."""

from __future__ import annotations

from ringfence import ring
from ringfence.ring import Hand

FOUND = ring.powers(ring.load("sge"))


def test_no_member_has_a_hand_in_client_money_but_by_the_trades_it_brings() -> None:
    hands = {
        (book, route): [hand for hand in parties["member"] if hand.does != "sees"]
        for book, routes in FOUND.items()
        for route, parties in routes.items()
        if "member" in parties
    }
    # Its own guarantee it puts up itself; of its clients it brings orders.
    assert {place: found for place, found in hands.items() if found} == {
        ("bank", "guarantee"): [Hand("brings", proof="member-order")],
        ("exchange", "order"): [Hand("brings", proof="trade")],
        ("exchange", "loss"): [Hand("brings", proof="trade")],
        ("exchange", "profit"): [Hand("brings", proof="trade")],
        **{
            ("exchange", route): [Hand("brings", proof="delivery-list")]
            for route in ("metal-order", "metal-given", "metal-received", "payment", "proceeds")
        },
    }


def test_a_withdrawal_goes_through_three_persons_of_the_exchange_and_one_of_the_bank() -> None:
    assert FOUND["exchange"]["withdrawal"] == {
        "exchange": (
            Hand("asks", "clerk"),
            Hand("grants", "officer"),
            Hand("finishes", "link"),
            Hand("checks", "clerk", "audit"),
            Hand("checks", "link", "bank-paid"),
        ),
        "client": (Hand("brings", proof="audit"),),
        "member": (Hand("sees"),),
    }
    assert FOUND["bank"]["withdrawal"] == {"bank": (Hand("asks", "clerk"), Hand("checks", "clerk", "withdrawal-order"))}


def test_nobody_asks_in_anothers_book() -> None:
    declared = ring.load("sge")
    for book, routes in FOUND.items():
        for parties in routes.values():
            asking = {party for party, hands in parties.items() for hand in hands if hand.does == "asks"}
            assert asking == {declared.books[book].kept_by}
