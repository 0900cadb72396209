"""Grants: what can be given, how far each goes at use, and what ends with what."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ringfence.database import Store
from ringfence.ledger import Action, Caps, Control, Instruction, Ledger, Outcome, Refused
from ringfence.ledger.verify import verify
from trial_ledger import CLIENTS, DAY, LEDGER, make_trial_ledger


def make_funded_ledger(store: Store) -> None:
    """Everybody has 10.00, and the officer has granted nothing yet."""
    make_trial_ledger(store)
    with Ledger(store, LEDGER, "teller") as teller:
        outside = teller.account("outside", "world")
        teller.post(
            [
                Instruction(f"a-{client}", "arrival", client, (outside, teller.account("wallet", client)), 1000, DAY)
                for client in CLIENTS
            ]
        )


pytestmark = pytest.mark.ledgers.with_args(make_funded_ledger)


class Persons:
    """The logins that take part, opened when they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Ledger] = {}
        self._number = 0

    def __getitem__(self, person: str) -> Ledger:
        if person not in self._open:
            self._open[person] = Ledger(self._store, LEDGER, person)
        return self._open[person]

    def close(self) -> None:
        for ledger in self._open.values():
            ledger.close()

    def root(self, route: str) -> int:
        """The grant with which the chain for a route begins."""
        return self["officer"].granted(route)[0].id

    def give(self, giver: str, parent: int, grantee: str = "clerk", **more: Any) -> int:
        self._number += 1
        caps = Caps(**{name: more.pop(name) for name in list(more) if name.endswith(("_minor", "_days"))})
        return self[giver].give(f"give-{self._number}", parent=parent, grantee=grantee, caps=caps, **more)

    def pay(self, key: str, amount_minor: int, client: str = "ann", route: str = "payment") -> Outcome:
        """The clerk's wish to pay; a later payment is held first."""
        clerk = self["clerk"]
        return clerk.post([self.payment(key, amount_minor, client, route)]).outcomes[0]

    def payment(self, key: str, amount_minor: int, client: str = "ann", route: str = "payment") -> Instruction:
        clerk = self["clerk"]
        path = (clerk.account("wallet", client), clerk.account("outside", "world"))
        action = Action.POST if route == "payment" else Action.HOLD
        return Instruction(key, route, client, path, amount_minor, clerk.day, action=action)

    def finish(self, key: str, hold: Outcome, action: Action) -> Outcome:
        held = hold.instruction
        asked = Instruction(
            key, held.route, held.subject, held.path, held.amount_minor, DAY, action, hold=hold.posting or 0
        )
        return self["teller"].post([asked]).outcomes[0]


@pytest.fixture
def persons(store: Store) -> Iterator[Persons]:
    persons = Persons(store)
    yield persons
    with Ledger(store, LEDGER, "auditor") as auditor:
        assert verify(auditor).findings == ()
    persons.close()


def refused(outcome: Outcome, control: Control, figure: int = 0, grant: int | None = None) -> str:
    refusal = outcome.refusal
    assert refusal is not None, outcome
    assert (refusal.control, refusal.figure) == (control, figure)
    assert (refusal.grant.id if refusal.grant else None) == grant
    return str(refusal)


# -- at use -----------------------------------------------------------------------------------------------------------


def test_without_a_grant_nobody_walks_a_route(persons: Persons) -> None:
    said = refused(persons.pay("1", 10), Control.ASKER)
    assert said == (
        "payment (asker): ringfence_trial_clerk has no grant for it; "
        "ringfence_trial_officer can give one to ringfence_trial_clerk alone"
    )
    given = persons.give("officer", persons.root("payment"))
    assert persons.pay("1", 10).under == given


def test_a_cap_per_item_names_who_can_let_it_pass(persons: Persons) -> None:
    given = persons.give("officer", persons.root("payment"), per_item_minor=100)
    assert persons.pay("1", 100).under == given
    said = refused(persons.pay("2", 101), Control.ITEM, 0, given)
    assert said == (
        f"payment (item): 1.01 CNY asked, 1.00 CNY allowed at once by grant {given} to ringfence_trial_clerk; "
        "ringfence_trial_officer can let it pass"
    )


def test_a_cap_per_day_counts_what_was_carried_out_and_begins_anew(persons: Persons) -> None:
    given = persons.give("officer", persons.root("payment"), per_day_minor=100)
    outcomes = persons["clerk"].post([persons.payment(f"{n}", 40) for n in range(3)]).outcomes
    assert [outcome.under for outcome in outcomes] == [given, given, None]
    said = refused(outcomes[2], Control.DAILY, 80, given)
    assert "0.40 CNY asked, 0.80 CNY of 1.00 CNY a day used under" in said
    assert persons.pay("rest", 20).under == given
    persons["teller"].open_day(DAY + datetime.timedelta(1))
    assert persons.pay("2", 100).under == given
    assert [(g.used_minor, g.outstanding_minor) for g in persons["clerk"].grants() if g.id == given] == [(100, 0)]


def test_a_cap_per_period_counts_the_days_up_to_today(persons: Persons) -> None:
    given = persons.give("officer", persons.root("payment"), per_period_minor=100, period_days=3)
    teller, later = persons["teller"], [DAY + datetime.timedelta(days) for days in range(5)]
    assert persons.pay("0", 60).under == given
    teller.open_day(later[2])
    assert persons.pay("2", 40).under == given
    assert "in 3 days used" in refused(persons.pay("2b", 1), Control.PERIOD, 100, given)
    teller.open_day(later[3])
    assert persons.pay("3", 60).under == given
    refused(persons.pay("3b", 1), Control.PERIOD, 100, given)
    teller.open_day(later[4])
    refused(persons.pay("4", 1), Control.PERIOD, 100, given)


def test_exposure_is_what_is_held_and_not_finished(persons: Persons) -> None:
    given = persons.give("officer", persons.root("payment-later"), exposure_minor=100)
    holds = [persons.pay(f"{n}", 50, route="payment-later") for n in range(2)]
    assert "1.00 CNY of 1.00 CNY held" in refused(
        persons.pay("x", 1, route="payment-later"), Control.EXPOSURE, 100, given
    )
    assert persons.finish("p", holds[0], Action.POST_HELD).posting
    assert persons.pay("y", 50, route="payment-later").under == given
    assert persons.finish("r", holds[1], Action.RELEASE).posting
    assert persons.pay("z", 50, route="payment-later").under == given


def test_what_is_released_was_never_used(persons: Persons) -> None:
    root = persons.root("payment-later")
    given = persons.give("officer", root, per_day_minor=100, per_period_minor=150, period_days=5)
    hold = persons.pay("1", 100, route="payment-later")
    persons["teller"].open_day(DAY + datetime.timedelta(1))
    assert persons.pay("2", 50, route="payment-later").under == given
    refused(persons.pay("3", 50, route="payment-later"), Control.PERIOD, 150, given)
    persons.finish("r", hold, Action.RELEASE)
    assert persons.pay("3", 50, route="payment-later").under == given
    refused(persons.pay("4", 1, route="payment-later"), Control.DAILY, 100, given)
    same_day = persons.finish("r2", persons.pay("2", 50, route="payment-later"), Action.RELEASE)
    assert same_day.posting
    assert persons.pay("5", 50, route="payment-later").under == given


def test_a_child_is_held_to_what_is_left_of_its_parent(persons: Persons) -> None:
    deputys = persons.give("officer", persons.root("payment"), "deputy", per_day_minor=100)
    first = persons.give("deputy", deputys)
    second = persons.give("deputy", deputys, per_item_minor=80)
    assert persons.pay("1", 70).under == first
    # Both end at the deputy's cap, so the officer is the nearest who can raise it.
    said = refused(persons.pay("2", 31), Control.DAILY, 70, deputys)
    assert "ringfence_trial_officer can raise it" in said
    persons["deputy"].revoke("end", first)
    assert persons.pay("3", 30).under == second


def test_several_grants_are_tried_in_their_order(persons: Persons) -> None:
    root = persons.root("payment")
    small = persons.give("officer", root, per_item_minor=10)
    large = persons.give("officer", root, per_item_minor=100, per_day_minor=100)
    outcomes = persons["clerk"].post([persons.payment(f"{n}", n) for n in (5, 50, 11, 60)]).outcomes
    assert [outcome.under for outcome in outcomes] == [small, large, large, None]
    refused(outcomes[3], Control.ITEM, 0, small)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [("ann", {"ann"}), ("m1", {"ann", "bo"}), ("friends", {"ann", "cy"}), (None, {"ann", "bo", "cy"})],
)
def test_a_scope_is_a_client_a_members_clients_or_a_group(
    persons: Persons, scope: str | None, covered: set[str]
) -> None:
    given = persons.give("officer", persons.root("payment"), scope=scope)
    for client in CLIENTS:
        outcome = persons.pay(f"pay-{client}", 10, client)
        if client in covered:
            assert outcome.under == given
        else:
            assert f"no grant of ringfence_trial_clerk is for {client}" in refused(outcome, Control.SCOPE)


def test_who_leaves_a_group_is_not_covered_by_it_any_more(persons: Persons) -> None:
    deputys = persons.give("officer", persons.root("payment"), "deputy", scope="friends")
    persons.give("deputy", deputys, scope="ann")
    assert persons.pay("1", 10).posting
    persons["registrar"].register(groups={"friends": ["bo"]})
    refused(persons.pay("2", 10), Control.SCOPE)


def test_a_grant_for_one_instruction_lets_that_one_pass(persons: Persons) -> None:
    root = persons.root("payment")
    standing = persons.give("officer", root, per_item_minor=100)
    own = persons.give("officer", root, only_for="large", per_item_minor=500, scope="ann")
    refused(persons.pay("large", 501), Control.ITEM, 0, standing)
    refused(persons.pay("large", 200, "bo"), Control.ITEM, 0, standing)
    refused(persons.pay("other", 500), Control.ITEM, 0, standing)
    wishes = [persons.payment("small", 100), persons.payment("large", 500), persons.payment("large", 500)]
    outcomes = persons["clerk"].post(wishes).outcomes
    assert [(outcome.under, outcome.replayed) for outcome in outcomes] == [(standing, False), (own, False), (own, True)]
    assert persons.pay("large", 500).under == own


def test_a_grant_for_one_instruction_needs_no_standing_one(persons: Persons) -> None:
    own = persons.give("officer", persons.root("payment"), only_for="large", per_item_minor=500)
    refused(persons.pay("other", 5), Control.ASKER)
    assert persons.pay("large", 500).under == own


def test_a_grant_begins_and_ends_with_its_days(persons: Persons) -> None:
    tomorrow = DAY + datetime.timedelta(1)
    given = persons.give("officer", persons.root("payment"), valid_from=tomorrow, valid_until=tomorrow)
    refused(persons.pay("1", 10), Control.ASKER)
    persons["teller"].open_day(tomorrow)
    assert persons.pay("1", 10).under == given
    persons["teller"].open_day(tomorrow + datetime.timedelta(1))
    refused(persons.pay("2", 10), Control.ASKER)


def test_revoking_one_ends_all_below_it(persons: Persons) -> None:
    deputys = persons.give("officer", persons.root("payment"), "deputy")
    clerks = persons.give("deputy", deputys)
    with pytest.raises(
        Refused, match=f"grantor: grant {deputys} can be ended by ringfence_trial_officer, ringfence_trial_owner"
    ):
        persons["deputy"].revoke("mine", deputys)
    assert persons.pay("1", 10).under == clerks
    persons["officer"].revoke("enough", deputys)
    refused(persons.pay("2", 10), Control.ASKER)
    assert [g.ended for g in persons["clerk"].grants() if g.id in (deputys, clerks)] == [True, True]
    with pytest.raises(Refused, match=f"grant: no grant {clerks} stands"):
        persons["officer"].revoke("again", clerks)
    with pytest.raises(Refused, match="parent: "):
        persons.give("deputy", deputys)


# -- when given -------------------------------------------------------------------------------------------------------


EXCESSES: list[tuple[dict[str, Any], str]] = [
    ({"parent": 999}, "parent: grant 999 does not stand or is not ringfence_trial_deputy's"),
    ({"grantee": "teller"}, "grantee: grantee ringfence_trial_teller cannot be: it takes ringfence_trial_clerk"),
    ({"grantee": "deputy"}, "grantee"),
    ({"grantee": "nobody"}, "grantee"),
    ({"scope": "cy"}, "scope: cy is no party within m1"),
    ({"scope": "house"}, "scope"),
    ({"scope": "friends"}, "scope"),
    ({"only_for": "x"}, "one-instruction"),
    ({"per_item_minor": 101}, "cap: per_item: 101 is not within 100"),
    ({"per_day_minor": 201}, "cap: per_day: 201 is not within 200"),
    ({"per_period_minor": 301}, "cap: per_period: 301 is not within 300"),
    ({"period_days": 4}, "cap: period_days: 4 is not within 5"),
    ({"exposure_minor": 1}, "cap: exposure: 1 is not within a route that is held"),
    ({"per_item_minor": 0}, r"cap: per_item: 0 is not within 1 to 10\^15"),
    ({"per_day_minor": -5}, "cap: per_day"),
    (
        {"valid_from": DAY - datetime.timedelta(1)},
        "validity: 2020-03-05 to 2020-03-08 is not within 2020-03-06 to 2020-03-08",
    ),
    ({"valid_until": DAY + datetime.timedelta(3)}, "validity"),
    ({"valid_until": DAY - datetime.timedelta(1)}, "validity"),
]


def test_a_child_never_exceeds_its_parent(persons: Persons) -> None:
    until = DAY + datetime.timedelta(2)
    caps = {"per_item_minor": 100, "per_day_minor": 200, "per_period_minor": 300, "period_days": 5}
    deputys = persons.give("officer", persons.root("payment"), "deputy", scope="m1", valid_until=until, **caps)
    for more, said in EXCESSES:
        with pytest.raises(Refused, match=said):
            persons.give("deputy", **{"parent": deputys, **more})
    given = persons.give("deputy", deputys)
    child = next(grant for grant in persons["deputy"].grants() if grant.id == given)
    assert child.caps == Caps(100, 200, 300, 5)
    assert (child.scope, child.valid_until) == ("m1", until)


def test_a_chain_has_at_most_eight_grants(persons: Persons) -> None:
    last, holder = persons.root("payment"), "officer"
    for _ in range(7):
        other = "deputy" if holder == "officer" else "officer"
        last, holder = persons.give(holder, last, other), other
    with pytest.raises(Refused, match="a chain of at most 8"):
        persons.give(holder, last)


def test_a_grant_is_given_once_under_its_key(persons: Persons) -> None:
    officer, root = persons["officer"], persons.root("payment")
    given = officer.give("same", parent=root, grantee="clerk")
    assert officer.give("same", parent=root, grantee="clerk") == given
    with pytest.raises(Refused, match="key: key 'same' was used by another instruction"):
        officer.give("same", parent=root, grantee="deputy")
    for key in ("", "k" * 201):
        with pytest.raises(Refused, match="1 to 200 characters"):
            officer.give(key, parent=root, grantee="clerk")
    with pytest.raises(Refused, match="one-instruction"):
        [officer.give(f"{n}", parent=root, grantee="clerk", only_for="x", caps=Caps(5)) for n in range(2)]


@pytest.mark.parametrize("person", ["teller", "clerk", "registrar", "auditor"])
def test_who_posts_grants_nothing(persons: Persons, person: str) -> None:
    for call in ("give", "revoke"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            persons[person].rows(f"SELECT {{}}.{call}('k', '{{{{}}}}')")
