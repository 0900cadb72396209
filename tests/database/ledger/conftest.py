"""The two persons of the trial ledger whom most tests of the kernel are about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ringfence.database import Store
from ringfence.ledger import Ledger
from trial_ledger import LEDGER


@pytest.fixture
def teller(store: Store) -> Iterator[Ledger]:
    """The teller's login, open for the test."""
    with Ledger(store, LEDGER, "teller") as ledger:
        yield ledger


@pytest.fixture
def clerk(store: Store) -> Iterator[Ledger]:
    """The clerk's login, open for the test."""
    with Ledger(store, LEDGER, "clerk") as ledger:
        yield ledger
