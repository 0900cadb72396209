"""The models that the source compares: who must conspire in each, as the study of them says (by hand, before this code).

Per ring and question the smallest coalitions by party, `bank*2` for two persons of the bank. What the study leaves out and
the rings as written here let happen besides is said on the line.
"""

from __future__ import annotations

from importlib import resources

import pytest

from ringfence import ring
from ringfence.ring import Verdict
from ringfence.ring.compare import Conspiracy, conspiracies

M, B, D, E, C, X = "member", "bank", "depository", "exchange", "clearing", "client X"

Coalitions = set[str | tuple[str, ...]]
TAKE: dict[str, Coalitions] = {
    "old": {M, B, D},
    # The repo; the bank; a mule whose money never came, with the clearing network.
    "yzt": {M, B, D, (C, X)},
    "680": {M, B, D, (C, X)},
    "fb": {M, B, (E, X)},
    # The bank knows clients' accounts here, so false arrivals reach them.
    "n9": {M, B, (E, X), (C, X)},
    "yqt": {M, B, (C, X)},
}
HIDE: dict[str, Coalitions] = {
    "old": {M, D},
    "yzt": {M, B, D},
    "680": {M, B, D},
    "fb": set(),
    "n9": {(C, X)},
    # A file is seen by its client at once: the firm needs the bank, whose own two persons suffice.
    "yqt": {(B, B), (B, M), (C, M), (B, C, X)},
}
UNTIL_COUNT: dict[str, Coalitions] = {"fb": {M, B, (E, X)}, "n9": {M, B, (E, X), (C, X)}}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return {name: ring.decide(ring.load(name)) for name in ring.MODELS}


def by_party(found: tuple[Conspiracy, ...]) -> Coalitions:
    """Without bounds: the models of the source have none but the cool-off of their registries."""
    parties = [tuple(sorted(party for party, many in one.parties for _ in range(many))) for one in found]
    return {one[0] if len(one) == 1 else one for one in parties}


def expected(coalitions: Coalitions) -> Coalitions:
    return {one if isinstance(one, str) else tuple(sorted(one)) for one in coalitions}


@pytest.mark.parametrize("name", TAKE)
def test_who_takes(verdicts: dict[str, Verdict], name: str) -> None:
    assert by_party(conspiracies(verdicts[name].takes)) == expected(TAKE[name])


@pytest.mark.parametrize("name", HIDE)
def test_who_hides_it(verdicts: dict[str, Verdict], name: str) -> None:
    assert by_party(conspiracies(verdicts[name].hides)) == expected(HIDE[name])
    later = UNTIL_COUNT.get(name, HIDE[name])
    assert by_party(conspiracies(verdicts[name].hides_until_count)) == expected(later)


def test_only_the_exchanges_circle_is_closed_to_the_intermediary(verdicts: dict[str, Verdict]) -> None:
    assert {name: verdict.open_to for name, verdict in verdicts.items()} == {
        **dict.fromkeys(TAKE, ("member",)),
        "sge": (),
    }


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        # The five ways of the source: unfreeze, added funds, the payment order, the repo, the net of own and clients' trades.
        (
            "old",
            {"counter.unfreeze", "counter.deposit", "bank.payment", "depository.repo", "depository.net-settlement"},
        ),
        ("yzt", {"depository.repo"}),
        ("680", {"depository.repo"}),
        # A sham client in the firm's list, and a purpose that the bank cannot judge.
        ("fb", {"firm.transfer", "firm.unfreeze", "firm.deposit", "bank.withdrawal", "bank.commission"}),
        ("n9", {"bank.commission"}),
        ("yqt", {"bank.loss"}),
    ],
)
def test_the_firm_takes_alone_on_the_routes_that_the_source_names(
    verdicts: dict[str, Verdict], name: str, routes: set[str]
) -> None:
    assert routes <= verdicts[name].ways_alone["member"]


def test_a_registered_account_of_its_own_name_ends_the_sham_client_of_the_firm(verdicts: dict[str, Verdict]) -> None:
    """N9 against FB: the firm can no longer pay a sham client out alone, nor move anything between clients."""
    assert not {"bank.withdrawal", "firm.transfer", "firm.unfreeze"} & verdicts["n9"].ways_alone["member"]


def test_what_is_pledged_the_bank_gets_on_the_firms_charge(verdicts: dict[str, Verdict]) -> None:
    for name in ("old", "fb", "n9"):
        of_firm = [finding for finding in verdicts[name].loses if finding.persons == {"member.treasurer"}]
        assert "bank.lien" in {path.steps[-1].route for finding in of_firm for path in finding.paths}


def test_without_a_mark_against_liens_the_exchanges_circle_is_pledged_too() -> None:
    text = (resources.files("ringfence.ring") / "rings" / "sge.toml").read_text("utf-8")
    for before, after in (
        ('circle = true, no_lien = true, title = { en = "client money at', 'circle = true, pledge = "lien", title = { en = "client money at'),
        ("[books.bank.routes.fee-payout]", '[books.bank.routes.lien]\npath = "exchange-client-money > member-own"\nasks = "clerk"\nproofs = []\nsays = { en = "", zh = "" }\n\n[books.bank.routes.fee-payout]'),
    ):  # fmt: skip
        assert before in text
        text = text.replace(before, after, 1)
    open_ring = ring.decide(ring.parse(text, "pledged"))
    assert {"bank.clerk", "member"} in [finding.persons for finding in open_ring.takes]


def test_a_small_coalition_counts_persons_and_bounds() -> None:
    one, two = Conspiracy((("bank", 1),), frozenset()), Conspiracy((("bank", 2),), frozenset())
    bounded = Conspiracy((("bank", 1),), frozenset({"within band"}))
    assert one <= two
    assert one <= bounded
    assert not two <= bounded
    assert not bounded <= two
