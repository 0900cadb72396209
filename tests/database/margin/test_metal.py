"""Metal: it comes in on the vault's receipt, goes out when the client has signed for it, and is never money."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from circles import BANKS, DAY, make_circle, opened, pay_in
from ringfence.cli import app
from ringfence.custody import EXCHANGE, Circle, EquationReader, open_metal, verify_circle
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.ledger import AccountName, Action, Instruction, Ledger, Refused
from ringfence.margin.metal import Consignment, Metal, holdings

pytestmark = pytest.mark.ledgers.with_args(make_circle)
KILO = 1_000_000
BAR = Consignment("R-1", "m1-ann", "AU9999", 3 * KILO)
TAKEN = Consignment("A-1", "m1-ann", "AU9999", KILO)
KEEPERS = ("keeper", "second")


@pytest.fixture
def vault(store: Store) -> Iterator[tuple[Circle, Metal]]:
    """Ann and Cy have accounts for gold 99.99, and Ann 3 kg in hers."""
    open_metal(store, [("m1-ann", "AU9999"), ("m2-cy", "AU9999")])
    with opened(store) as (circle, _):
        metal = Metal(circle)
        metal.bring_in([BAR])
        yield circle, metal


def has(circle: Circle, client: str = "m1-ann") -> tuple[int, int, int]:
    (held,) = holdings(circle.clerk.connection, [client])
    return held.balance_minor, held.held_minor, held.withdrawable_minor


def test_metal_comes_in_once_for_each_receipt(vault: tuple[Circle, Metal]) -> None:
    circle, metal = vault
    metal.bring_in([BAR])
    assert has(circle) == (3 * KILO, 0, 3 * KILO)
    with pytest.raises(BadInput, match="key was used by another request"):
        metal.bring_in([BAR._replace(weight_minor=4 * KILO)])
    assert has(circle) == (3 * KILO, 0, 3 * KILO)
    assert circle.settlement.balances("vault-metal", "AU9999") == {"vault": -3 * KILO}


def test_it_goes_out_in_two_steps_and_once(vault: tuple[Circle, Metal]) -> None:
    circle, metal = vault
    for _ in range(2):
        metal.apply([TAKEN])
        assert has(circle) == (3 * KILO, KILO, 2 * KILO)
    assert metal.hand_out(["A-1"], KEEPERS) == [TAKEN]
    assert metal.hand_out(["A-1"], KEEPERS) == []
    assert has(circle) == (2 * KILO, 0, 2 * KILO)
    assert circle.settlement.balances("vault-metal", "AU9999") == {"vault": -2 * KILO}
    with pytest.raises(BadInput, match="whose metal is held"):
        metal.give_up(["A-1"])


def test_metal_leaves_by_two_keepers_who_stand_in_the_posting(store: Store, vault: tuple[Circle, Metal]) -> None:
    """K14. Whoever posts it past the two is found by the verifier, since the posting says who released it."""
    circle, metal = vault
    metal.apply([TAKEN, TAKEN._replace(paper="A-2")])
    for keepers, right in (
        (("keeper", "keeper"), "another keeper than the first"),
        (("", "second"), "a name of 1 to 60"),
    ):
        with pytest.raises(BadInput, match=right):
            metal.hand_out(["A-1"], keepers)
    assert has(circle) == (3 * KILO, 2 * KILO, KILO)
    metal.hand_out(["A-1"], KEEPERS)
    assert verify_circle(store, BANKS).ok
    link = circle.link
    ((hold, said),) = link.rows("SELECT id, ref FROM {}.posting WHERE key = 'application:A-2'")
    assert link.rows("SELECT ref FROM {}.posting WHERE key = 'hand-out:A-1'") == [
        ("A-1 released by keeper and second",)
    ]
    path = (link.account("client-metal", "m1-ann", "AU9999"), link.account("vault-metal", "vault", "AU9999"))
    past = Instruction(
        "hand-out:A-2", "metal-out", "m1-ann", path, KILO, DAY, action=Action.POST_HELD, hold=hold, ref=f"{said} by one"
    )
    assert link.post([past]).refusals == []
    [found] = verify_circle(store, BANKS).findings
    assert "not by two keepers" in found.what


def test_what_is_not_taken_out_is_given_back(vault: tuple[Circle, Metal]) -> None:
    circle, metal = vault
    metal.apply([TAKEN])
    assert metal.give_up(["A-1"]) == [TAKEN]
    assert metal.give_up(["A-1"]) == []
    assert has(circle) == (3 * KILO, 0, 3 * KILO)


REFUSED = [
    (BAR._replace(paper="R-2", metal="CNY"), "one of AU9999, AU9995, AG9999"),
    (BAR._replace(paper="R-2", weight_minor=0), "a positive weight"),
    (BAR._replace(paper="R-2", client="m1-bo"), "ringfence metal open m1-bo AU9999"),
    (BAR._replace(paper="R-2", client="m9-eve"), "ringfence metal open m9-eve AU9999"),
]


def test_a_receipt_that_cannot_be_is_refused_with_all_beside_it(vault: tuple[Circle, Metal]) -> None:
    circle, metal = vault
    for asked, right in REFUSED:
        with pytest.raises(BadInput, match=right):
            metal.bring_in([BAR._replace(paper="R-3"), asked])
    assert has(circle) == (3 * KILO, 0, 3 * KILO)


def test_no_more_is_taken_out_than_there_is_and_nothing_of_what_was_asked_with_it(vault: tuple[Circle, Metal]) -> None:
    circle, metal = vault
    with pytest.raises(BadInput, match=r"at most 1,000\.000 g") as refused:
        metal.apply([TAKEN._replace(weight_minor=2 * KILO), TAKEN._replace(paper="A-2", weight_minor=KILO + 1)])
    assert "1,000.000 g" in refused.value.text("zh")
    assert has(circle) == (3 * KILO, 0, 3 * KILO)


def test_metal_is_never_money_and_the_books_verify(store: Store, vault: tuple[Circle, Metal]) -> None:
    """An account of a client's metal in CNY would make money of nothing: nobody can open one."""
    circle, metal = vault
    pay_in(circle, "d", "m1-ann", 50_000_00)
    metal.apply([TAKEN])
    with Ledger(store, EXCHANGE, "registrar") as registrar:
        for kind, owner, unit in (
            ("client-metal", "m1-ann", "CNY"),
            ("client-cash", "m1-ann", "AU9999"),
            ("vault-metal", "vault", "CNY"),
        ):
            with pytest.raises(Refused, match=f"{kind} of {owner} in {unit} is not registered here"):
                registrar.register(accounts=[(AccountName(kind, owner, unit), None)])
    with EquationReader(store, BANKS) as reader:
        assert (reader.read().holds, reader.read().clients_minor) == (True, 50_000_00)
    assert verify_circle(store, BANKS).ok


def test_an_account_is_opened_for_a_client_and_a_metal_once(store: Store) -> None:
    assert open_metal(store, [("m1-bo", "AG9999"), ("m1-bo", "AG9999")]) == [("m1-bo", "AG9999")]
    assert open_metal(store, [("m1-bo", "AG9999")]) == []
    for client, metal, right in (
        ("m1", "AG9999", "a client"),
        ("m9-eve", "AG9999", "registered"),
        ("m1-bo", "PT9995", "AU9999, AU9995"),
    ):
        with pytest.raises(BadInput, match=right):
            open_metal(store, [(client, metal)])


def test_by_command(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", store.url)
    monkeypatch.setenv("RINGFENCE_STORE", str(store.folder))

    def said(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["metal", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    assert "no client" in said("list")
    assert "opened" in said("open", "m1-ann", "AU9995")
    assert "3,000.000 g of AU9995 in for m1-ann" in said("in", "m1-ann", "AU9995", "3000", "--receipt", "R-1")
    assert "1,000.000 g" in said("out", "m1-ann", "AU9995", "1000", "--application", "A-1")
    (row,) = json.loads(said("list", "--json"))
    assert (row["balance"], row["held"], row["withdrawable"]) == ("3000.000", "1000.000", "2000.000")
    two = ("--keeper", "keeper", "--keeper", "second")
    assert "出库" in said("hand-out", "A-1", *two, "--language", "zh")
    assert "done before" in said("hand-out", "A-1", *two)
    alone = CliRunner().invoke(app, ["metal", "hand-out", "A-1", "--keeper", "keeper"])
    assert "two of them" in str(alone.exception)
    assert "2000.000" in said("list", "--client", "m1-ann")
