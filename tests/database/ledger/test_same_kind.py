"""A route between two accounts of one kind: from one client to another, and never from an account to itself."""

from __future__ import annotations

import datetime

import pytest

from ringfence.database import Store
from ringfence.ledger import AccountName, Control, Declaration, Instruction, Kind, Ledger, Party, Route, create_ledger

DAY = datetime.date(2020, 3, 6)
DECLARATION = Declaration(
    units=("CNY",),
    kinds=(Kind("outside", "world", "free"), Kind("wallet", "client", "non-negative")),
    routes=(Route("arrival", ("outside", "wallet"), "teller"), Route("gift", ("wallet", "wallet"), "teller")),
    logins={"teller": frozenset({"reads", "posts", "closes"}), "registrar": frozenset({"reads", "registers"})},
)


def make_gifts(store: Store) -> None:
    create_ledger(store, "gifts", DECLARATION)
    with Ledger(store, "gifts", "registrar") as registrar:
        registrar.register(
            parties=[Party("world", "world"), Party("m", "member"), *(Party(c, "client", "m") for c in ("ann", "bo"))],
            accounts=[
                (AccountName("outside", "world"), None),
                *((AccountName("wallet", c), None) for c in ("ann", "bo")),
            ],
        )
    with Ledger(store, "gifts", "teller") as teller:
        teller.open_day(DAY)


pytestmark = pytest.mark.ledgers.with_args(make_gifts)


def test_what_one_gives_another_has_and_nobody_gives_to_the_same_account(store: Store) -> None:
    with Ledger(store, "gifts", "teller") as teller:
        outside, ann, bo = (
            teller.account(*name) for name in (("outside", "world"), ("wallet", "ann"), ("wallet", "bo"))
        )
        wanted = [
            Instruction("1", "arrival", "ann", (outside, ann), 100, DAY),
            Instruction("2", "gift", "ann", (ann, bo), 30, DAY),
            Instruction("3", "gift", "ann", (ann, ann), 30, DAY),
        ]
        refusals = [outcome.refusal for outcome in teller.post(wanted).outcomes]
        assert refusals[:2] == [None, None]
        assert refusals[2] is not None
        assert (refusals[2].control, refusals[2].figure) == (Control.PATH, 2)
        assert teller.balances("wallet") == {"ann": 70, "bo": 30}
