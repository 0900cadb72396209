"""Who could take client money in the ring sge, cell by cell as the specification has it, and in rings with something changed.

Expected: "Closure, precisely" of the specification of custody, and the table of the study of the ring language.
"""

from __future__ import annotations

from importlib import resources

import pytest

from ringfence import ring
from ringfence.errors import BadInput
from ringfence.ring import Finding, Verdict, decide

SGE = (resources.files("ringfence.ring") / "rings" / "sge.toml").read_text("utf-8")
X = "client X"
KEEPERS = frozenset({"vault.keeper", "vault.second"})


def decided(*changes: tuple[str, str]) -> Verdict:
    text = SGE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return decide(ring.parse(text, "changed"))


def coalitions(found: tuple[Finding, ...]) -> set[frozenset[str]]:
    return {finding.persons for finding in found}


def of(found: tuple[Finding, ...], *persons: str) -> Finding:
    [finding] = [finding for finding in found if finding.persons == set(persons)]
    return finding


def routes(finding: Finding) -> set[str]:
    return {path.steps[-1].route for path in finding.paths}


@pytest.fixture(scope="module")
def sge() -> Verdict:
    return decided()


def test_the_member_alone_takes_nothing_and_so_the_ring_is_closed(sge: Verdict) -> None:
    assert sge.alone["member"] == ()
    assert sge.closed
    assert sge.open_to == ()


def test_neither_a_client_nor_the_clearing_network_takes_anything_alone(sge: Verdict) -> None:
    assert sge.alone["client"] == ()
    assert sge.alone["clearing"] == ()


def test_a_member_with_a_mule_moves_value_only_through_trades_inside_the_price_band(sge: Verdict) -> None:
    both = of(sge.takes, "member", X)
    assert both.bounds == {"within price-band"}
    assert routes(both) == {"exchange.profit", "exchange.proceeds", "exchange.metal-received"}
    assert all("watch" in path.seen_by for path in both.paths)


def test_the_exchange_alone_takes_at_most_fees_for_which_two_persons_are_needed(sge: Verdict) -> None:
    assert {(f.persons, f.bounds) for f in sge.alone["exchange"]} == {
        (frozenset({"exchange.settlement"}), frozenset({"within grant-of exchange.officer"})),
        (frozenset({"exchange.settlement", "exchange.officer"}), frozenset()),
    }
    assert {route for f in sge.alone["exchange"] for route in routes(f)} == {"exchange.fee", "exchange.left-over"}


def test_the_exchange_with_a_mule_books_a_profit_without_a_trade_or_a_deposit_that_never_was(sge: Verdict) -> None:
    assert "exchange.profit" in routes(of(sge.takes, "exchange.settlement", X))
    assert "exchange.deposit" in routes(of(sge.takes, "exchange.link", X))


def test_a_teller_with_a_mule_confirms_money_that_never_came_and_the_bank_owes_it(sge: Verdict) -> None:
    both = of(sge.takes, "bank.teller", X)
    assert routes(both) == {"bank.arrival"}
    assert both.owing == ("bank",)


def test_bank_and_exchange_together_get_past_the_payee_check_after_the_cool_off(sge: Verdict) -> None:
    both = of(sge.takes, "bank.registrar", "exchange.registrar")
    assert both.bounds == {"after cool-off"}
    assert "bank.withdrawal" in routes(both)


def test_a_bank_needs_three_of_its_persons_to_pay_out_to_a_straw_man(sge: Verdict) -> None:
    assert coalitions(sge.alone["bank"]) == {
        frozenset({"bank.clerk", "bank.registrar", "bank.intake"}),
        frozenset({"bank.teller", "bank.registrar", "bank.intake"}),
    }


def test_below_the_kernels_only_the_clearing_network_hides_or_the_watch_with_the_member_or_a_vault(
    sge: Verdict,
) -> None:
    hidden = {finding.persons for finding in sge.hides if not finding.above}
    of_money = {persons for persons in hidden if not persons & KEEPERS}
    assert all("clearing" in persons or {"member", "exchange.officer"} <= persons for persons in of_money), hidden
    # Metal needs both keepers of the vault, and a person of the exchange or whoever counts.
    assert {persons - {*KEEPERS, X} for persons in hidden - of_money} == {
        frozenset({"exchange.auditor"}),
        frozenset({"exchange.auditor", "exchange.link"}),
        frozenset({"exchange.clerk", "member"}),
    }
    assert all(persons >= KEEPERS for persons in hidden - of_money)


def test_a_vault_alone_takes_no_metal_and_a_receipt_that_never_was_lasts_until_the_count(sge: Verdict) -> None:
    assert sge.alone["vault"] == ()
    assert routes(of(sge.takes, *KEEPERS, X)) == {"exchange.metal-in"}
    assert {frozenset({*KEEPERS, X}), frozenset({"exchange.link", X})} <= coalitions(sge.hides_until_count)
    assert routes(of(sge.takes, "exchange.clerk", *KEEPERS)) == {"exchange.metal-out"}


def test_one_keeper_of_the_vault_opens_nothing(sge: Verdict) -> None:
    """K14: without it, one keeper and one person of the exchange take metal out at the door."""
    assert all(finding.persons >= KEEPERS for finding in sge.takes if finding.persons & KEEPERS)
    without = decide(ring.load("sge", "K14"))
    assert {"exchange.clerk", "vault.anyone"} in [finding.persons for finding in without.takes]


def test_a_member_lets_value_go_to_strangers_within_the_band(sge: Verdict) -> None:
    assert of(sge.loses, "member").bounds == {"within price-band"}


def test_an_operator_of_the_exchange_pays_the_circle_out_as_fees_and_one_of_the_bank_says_paid_and_does_not(
    sge: Verdict,
) -> None:
    assert "bank.fee-payout" in routes(of(sge.above["exchange.operator"], "exchange.operator"))
    assert "exchange.withdrawal" in routes(of(sge.above["bank.operator"], "bank.operator"))
    assert "bank.withdrawal" in routes(of(sge.above["bank.operator"], "bank.operator", X))


def test_a_clients_own_signature_on_its_orders_ends_the_member_with_the_mule() -> None:
    brought = ('made_by = "member within price-band"', 'made_by = "client + member within price-band"')
    signed = decided(brought, brought)
    assert frozenset({"member", X}) not in coalitions(signed.takes)
    assert frozenset({"exchange.settlement", X}) in coalitions(signed.takes)


def test_one_bad_route_among_thirty_opens_the_ring_and_the_path_is_told() -> None:
    bad = """
[books.bank.routes.sweep]
path = "exchange-client-money > member-own"
asks = "teller"
relations = ["own-member"]
proofs = ["member-order"]
says = { en = "", zh = "" }

[books.bank.routes.deposit]"""
    opened = decided(("\n[books.bank.routes.deposit]", bad))
    assert opened.open_to == ("member",)
    [finding] = opened.alone["member"]
    assert routes(finding) == {"bank.sweep"}
    assert finding.paths[0].steps[0].papers == (("member-order", "forged"),)


@pytest.mark.parametrize(
    ("control", "before", "after", "persons"),
    [
        ("no client-to-client", 'path = "client-cash > settlement"', 'path = "client-cash > fees-due"', {"exchange.settlement"}),
        ("K8: a client below zero", 'client-cash = { owner = "client", invariant = "non-negative"', 'client-cash = { owner = "client", invariant = "free"', {X}),
        ("K5: one registry for both", 'registers = "registrar"\nconfirms = "intake"\nshows', 'registers = "intake"\nconfirms = "registrar"\nshows', {"bank.registrar", "exchange.intake"}),
        ("the officer's grant", 'asks = "settlement"\nunder = "officer"', 'asks = "settlement"', {"exchange.settlement"}),
    ],
)  # fmt: skip
def test_a_control_that_is_taken_out_lets_somebody_new_through(
    control: str, before: str, after: str, persons: set[str], sge: Verdict
) -> None:
    found = of(decided((before, after)).takes, *persons)
    known = {(f.persons, f.bounds) for f in sge.takes}
    assert (found.persons, found.bounds) not in known, control


def test_a_record_may_be_called_like_a_person_and_is_not_taken_for_it(sge: Verdict) -> None:
    same = decided(
        ("[records.nostro]", "[records.clearing]"),
        ("[records.member-reads]", "[records.member]"),
        ('stands_on = ["member-reads"]', 'stands_on = ["member"]'),
    )
    for ours, theirs in ((same.takes, sge.takes), (same.loses, sge.loses), (same.hides, sge.hides)):
        assert [(found.persons, found.bounds) for found in ours] == [(found.persons, found.bounds) for found in theirs]
    assert same.alone.keys() == sge.alone.keys()


@pytest.mark.parametrize(
    ("control", "persons", "question"),
    [
        # Who can take, or hide it, once one control is out: the study of the ring language, part 6.
        ("K1", {"member", X}, "takes"),
        ("K2", {"member", X}, "takes"),
        ("K3", {"member"}, "hides"),
        ("K4", {"member", X}, "takes"),
        ("K5", {"bank.clerk"}, "takes"),
        ("K6", {"member", X}, "takes"),
        ("K7", {"member"}, "hides"),
        ("K8", {X}, "takes"),
        ("K9", {"bank.anyone", "exchange.officer"}, "takes"),
        ("K10", {"exchange.link", X}, "hides"),
    ],
)
def test_a_control_of_the_ring_that_is_taken_out_lets_somebody_new_through(
    control: str, persons: set[str], question: str, sge: Verdict
) -> None:
    def unbounded(verdict: Verdict) -> list[frozenset[str]]:
        return [found.persons for found in getattr(verdict, question) if not found.bounds]

    assert persons not in unbounded(sge)
    assert persons in unbounded(decide(ring.load("sge", control)))


def test_a_control_that_is_not_told_to_be_taken_out_is_named() -> None:
    with pytest.raises(BadInput, match="one of K1, K2"):
        ring.load("sge", "K99")
    with pytest.raises(BadInput, match="a ring beside which"):
        ring.load("old", "K1")
