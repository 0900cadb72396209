"""A short market that was lived through, with a withdrawal that a client signed, for the tests of what is made of it."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.custody import Circle, Transfers, Withdrawal
from ringfence.custody.requests import public_half, register_key, sign, stored_key
from ringfence.database import Store
from ringfence.demo.people import BANKS
from ringfence.demo.run import Plan, run
from ringfence.ledger import Ledger

PLAN = Plan(days=3, clients=24, seed=7)
CLIENT = "m1-c00001"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNED_MINOR = 123_45


def make_lived(store: Store) -> None:
    """Three days of the demonstration; on the next, which is open, one client takes 123.45 out in signed words."""
    run(store, PLAN)
    with Circle(store, BANKS) as circle:
        day = PLAN.all_days()[PLAN.days]
        circle.open_day(day)
        with Ledger(store, "exchange", "registrar") as registrar:
            register_key(registrar, CLIENT, public_half(KEY))
        key, account = stored_key(CLIENT, "w1"), circle.registered[CLIENT].account_number
        signature = sign(KEY, CLIENT, SIGNED_MINOR, account, key)
        ref = f"ed25519 {public_half(KEY).hex()} {signature.hex()}"
        asked = Withdrawal(key, CLIENT, SIGNED_MINOR, account, ref)
        assert Transfers(circle).withdraw(day, [asked], {CLIENT: SIGNED_MINOR}) == []
