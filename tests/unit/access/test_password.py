"""How a password is kept: never itself, at a cost that stands beside it, and only the right one fits."""

from __future__ import annotations

import subprocess
import sys

from ringfence.access.password import fits, kept, new_password


def test_only_the_right_password_fits() -> None:
    secret = kept("rice-tea-salt")
    assert "rice" not in secret
    assert fits("rice-tea-salt", secret)
    for wrong in ("rice-tea-sal", "rice-tea-salt ", "", "Rice-tea-salt", "\ud800"):
        assert not fits(wrong, secret)
    assert kept("rice-tea-salt") != secret


def test_a_new_password_has_eighty_bits_and_nothing_easily_mistaken() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one.replace("-", "")) == 16 for one in made)
    assert not set("".join(made)) & set("il1o0")


def test_in_earnest_a_try_takes_sixteen_megabytes() -> None:
    """The tests themselves keep passwords cheaply: here as it is where nobody has changed it."""
    said = "from ringfence.access.password import kept; print(kept('x'))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=30)
    scheme, cost, block, parallel, *_ = done.stdout.split(":")
    assert (scheme, int(cost), int(block), int(parallel)) == ("scrypt", 2**14, 8, 1)
    assert 128 * int(cost) * int(block) == 16 * 2**20
