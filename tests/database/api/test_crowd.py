"""The whole API as schemathesis would try it: whatever is asked, the answer is one that the API says it may give, in its own shape."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, checks

from database.api.test_every_endpoint import WHO
from lived import make_lived
from ringfence.access import Persons
from ringfence.api.rates import Rate
from ringfence.database import Store
from served import Api, served

pytestmark = pytest.mark.ledgers.with_args(make_lived)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
UNLIMITED = Rate(100_000, 1_000_000)
EXAMPLES = 12


@pytest.fixture
def api(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for asker in ("PERSON", "NOBODY", "ENTERING", "LETTERS"):
        monkeypatch.setattr(f"ringfence.api.limits.{asker}", UNLIMITED)
    with served(store, passwords={}) as api:
        persons = Persons(store)
        api.passwords |= {name: persons.add(name, *who) for name, who in WHO.items()}
        yield api


def test_whatever_is_asked_the_answer_is_one_that_was_announced(api: Api) -> None:
    schema = schemathesis.openapi.from_url(f"{api.client.base_url}/v1/openapi.json")
    before = api.get("supervisor", "/v1/books/exchange")["head"]
    asked, who = 0, cycle(WHO)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.method == "delete":
            # Whoever leaves could not ask on.
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def ask(case: Case[Any]) -> None:
            nonlocal asked
            asked += 1
            headers = {"Authorization": f"Bearer {api.token(next(who))}"}
            response = case.call(headers=headers, timeout=20)
            case.validate_response(response, checks=CHECKS, headers=headers)

        ask()
    assert asked > 10 * EXAMPLES
    # Nothing that was made up has moved anything.
    assert api.get("supervisor", "/v1/books/exchange")["head"] == before
