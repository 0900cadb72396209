"""What each login may do, asked of the catalog and tried with its real credentials.

The checks return what is wrong, so that the tests can also show that they see every privilege that is given by mistake.
"""

from __future__ import annotations

import datetime
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from circles import BANKS, CLIENTS, DAY, make_circle, opened, pay_in
from ringfence.database import Store
from ringfence.ledger import Caps, Ledger, Party, Refused, create_login, role

pytestmark = pytest.mark.ledgers.with_args(make_circle)

SCHEMAS = (*BANKS, "exchange", "exchange_margin", "exchange_requests")
# Another class than InsufficientPrivilege is raised for a view that cannot be written at all.
DENIED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.WrongObjectType,
    psycopg.errors.ObjectNotInPrerequisiteState,
)
MEMBER_READS = {
    f"exchange.{table}"
    for table in (
        "unit", "kind", "route", "party", "account", "grants", "binding", "posting", "entry", "hold", "journal", "balances", "member_total",
    )
} | {f"exchange_margin.{table}" for table in ("rule", "trading_closed", "planned", "settled", "price", "lot", "closed", "orders", "cancelled", '"position"', "client_day", "tender", "tender_cancelled", "tender_count", "fill")} | {
    f"exchange_requests.{table}" for table in ("client_key", "withdrawal", "step", "stopped", "undecided")
}  # fmt: skip
REQUESTS_OF_CLERK = {f"exchange_requests.{name}" for name in ("audit", "refuse", "stop")}
REQUESTS_OF_OFFICER = {f"exchange_requests.{name}" for name in ("approve", "refuse")}
SETTLEMENT_WRITES = {
    f"exchange_margin.{table}"
    for table in (
        "orders", "cancelled", "trade", "trading_closed", "planned", "covered", "posted", "settled", "price", "cover", "left_over", "lot", "closed", "client_day",
        "tender", "tender_cancelled", "tender_count", "delivery",
    )
}  # fmt: skip


@pytest.fixture
def member(store: Store) -> str:
    with opened(store) as (circle, _):
        for client in CLIENTS:
            pay_in(circle, client, client, 100_00)
    return create_login(store, "exchange", "member_m1", "member")


def relations(store: Store) -> list[str]:
    with store.connect() as administrator:
        rows = administrator.execute(
            "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'v', 'm', 'p', 'S', 'f') ORDER BY 1",
            (list(SCHEMAS),),
        ).fetchall()
    return [name for (name,) in rows]


def functions(store: Store) -> list[tuple[str, str]]:
    """Every function, with a call of it in which every argument is null."""
    with store.connect() as administrator:
        rows = administrator.execute(
            "SELECT format('%%I.%%I', n.nspname, p.proname), array_to_string(ARRAY("
            "SELECT format('NULL::%%s', format_type(t, NULL)) FROM unnest(p.proargtypes) AS t), ', ') "
            "FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = ANY (%s) ORDER BY 1",
            (list(SCHEMAS),),
        ).fetchall()
    return [(name, f"SELECT {name}({arguments})") for name, arguments in rows]


def attempt(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Whether the statement was not denied; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except DENIED:
        return False
    except psycopg.Error:
        # It got far enough to find something else wrong.
        return True
    return True


def member_excess(store: Store, member: str, may: tuple[str, ...] = ("exchange.readable",)) -> list[str]:
    """What a member can do, or see, beyond reading its own clients at the exchange and what it may call."""
    found = []
    with store.connect(member) as connection:
        for table in relations(store):
            if attempt(connection, f"SELECT * FROM {table} LIMIT 1") != (table in MEMBER_READS):
                found.append(f"read {table}")
            for statement in (
                "DELETE FROM {}",
                "TRUNCATE {}",
                "INSERT INTO {} DEFAULT VALUES",
                "SELECT * FROM {} FOR UPDATE",
            ):
                found += [statement.format(table)] * attempt(connection, statement.format(table))
        for table, column in columns(store):
            if attempt(connection, f"UPDATE {table} SET {column} = NULL"):
                found.append(f"update {table}.{column}")
        for name, call in functions(store):
            if name not in may and attempt(connection, call):
                found.append(f"call {name}")
        found += strangers_seen(connection)
    return found


def columns(store: Store) -> list[tuple[str, str]]:
    with store.connect() as administrator:
        rows = administrator.execute(
            "SELECT format('%%I.%%I', table_schema, table_name), quote_ident(column_name) "
            "FROM information_schema.columns WHERE table_schema = ANY (%s) AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY 1, 2",
            (list(SCHEMAS),),
        ).fetchall()
    return [(table, column) for table, column in rows]


def strangers_seen(connection: psycopg.Connection[Any]) -> list[str]:
    """What a member of the name m1 can read of anybody else's clients."""
    own = {"m1", *(name for name, client in CLIENTS.items() if client.member == "m1")}
    queries = {
        "party": "SELECT name FROM exchange.party",
        "balances": "SELECT owner FROM exchange.balances",
        "journal": "SELECT subject FROM exchange.journal UNION SELECT owner FROM exchange.journal",
        "member_total": "SELECT member FROM exchange.member_total",
        "account": "SELECT CASE WHEN owner IN (SELECT id FROM exchange.party) THEN 'm1' ELSE owner::text END FROM exchange.account",
        "posting": "SELECT CASE WHEN subject IN (SELECT id FROM exchange.party) THEN 'm1' ELSE key END FROM exchange.posting",
        "entry": "SELECT CASE WHEN account IN (SELECT id FROM exchange.account) THEN 'm1' ELSE account::text END FROM exchange.entry",
        "grants": "SELECT CASE WHEN scope IN (SELECT id FROM exchange.party) THEN 'm1' ELSE id::text END FROM exchange.grants",
        "binding": "SELECT client FROM exchange.binding",
    }
    found = []
    for table, query in queries.items():
        with suppress(*DENIED):
            seen = {str(row[0]) for row in connection.execute(query.encode()).fetchall()}
            found += [f"see {name} in {table}" for name in sorted(seen - own)]
    return found


def test_a_member_reads_when_its_own_clients_postings_were_recorded_and_nothing_else_of_a_batch(
    store: Store, member: str
) -> None:
    with store.connect(member) as connection, store.connect() as administrator:
        seen = connection.execute(b"SELECT id FROM exchange.batch ORDER BY id").fetchall()
        own = "SELECT DISTINCT batch FROM exchange.journal WHERE subject IN ('m1-ann', 'm1-bo') ORDER BY 1"
        assert seen == administrator.execute(own.encode()).fetchall()
        for column in ("document", "first_posting", "postings", "key", "link", "login"):
            assert not attempt(connection, f"SELECT {column} FROM exchange.batch"), column


def test_a_client_at_the_window_reads_its_own_and_can_do_nothing(store: Store, member: str) -> None:
    window = role("exchange", "window")
    token = "of nobody else"
    with store.connect(role("exchange", "door")) as door:
        admitted = door.execute(
            "SELECT exchange.admit(sha256(%s::bytea), 'm1-ann', clock_timestamp() + interval '1 hour')",
            (token.encode(),),
        ).fetchone()
        assert admitted == (True,)
    # It can ask, in words that a client has signed; that moves nothing.
    may = ("exchange.readable", "exchange_requests.ask")
    assert member_excess(store, window, may) == []
    with store.connect(window) as connection:
        connection.execute("SELECT set_config('ringfence.visit', %s, false)", (token,))
        assert connection.execute("SELECT name FROM exchange.party").fetchall() == [("m1-ann",)]
        assert connection.execute("SELECT owner, balance FROM exchange.balances").fetchall() == [("m1-ann", 100_00)]
        for table in ("posting", "journal"):
            assert connection.execute(f"SELECT count(*) FROM exchange.{table}".encode()).fetchone() == (1,)
        for name, call in functions(store):
            assert name in may or not attempt(connection, call), name


def test_members_and_clients_see_their_own_margin(store: Store, member: str) -> None:
    with store.connect() as administrator:
        trades = {}
        for client in CLIENTS:
            for side, name in ((1, client), (-1, "x")):
                administrator.execute(
                    "INSERT INTO exchange_margin.orders (order_no, day, session, client, contract, side, opens, lots, price_minor, "
                    "reserved_minor) VALUES (%s, %s, 'day', %s, 'Au(T+D)', %s, true, 2, 34000, 0)",
                    (f"o-{client}{side}", DAY, name, side),
                )
            trade = administrator.execute(
                "INSERT INTO exchange_margin.trade (day, trade_no, contract, buyer, buyer_offset, seller, seller_offset, lots, price_minor, "
                "buyer_order, seller_order) VALUES (%s, %s, 'Au(T+D)', %s, 'open', 'x', 'open', 2, 34000, %s, %s) RETURNING number",
                (DAY, f"t-{client}", client, f"o-{client}1", f"o-{client}-1"),
            ).fetchone()
            assert trade is not None
            trades[client] = trade
        administrator.execute("INSERT INTO exchange_margin.trading_closed VALUES (%s, 0)", (DAY,))
        administrator.execute("INSERT INTO exchange_margin.planned VALUES (%s)", (DAY,))
        for client, trade in trades.items():
            administrator.execute("INSERT INTO exchange_margin.client_day VALUES (%s, %s, 5, 0)", (DAY, client))
            administrator.execute(
                "INSERT INTO exchange_margin.lot VALUES (%s, 1, %s, 'infinity', %s, 'Au(T+D)', %s, 34000, 1)",
                (*trade, DAY, client, DAY),
            )
            administrator.execute(
                "INSERT INTO exchange_margin.closed VALUES (%s, %s, %s, 1, %s, 'Au(T+D)', 1)",
                (DAY, *trade, *trade, client),
            )
    for table in ("client_day", "position", "lot", "closed", "orders"):
        for login, seen in (
            (member, ["m1-ann", "m1-bo"]),
            (role("exchange", "window"), []),
            (role("exchange", "clerk"), list(CLIENTS)),
        ):
            with store.connect(login) as connection:
                rows = connection.execute(
                    f"SELECT client FROM exchange_margin.{table} WHERE client <> 'x' ORDER BY client".encode()
                ).fetchall()
            assert [client for (client,) in rows] == sorted(seen)


def test_the_door_admits_and_reads_nothing(store: Store) -> None:
    with store.connect(role("exchange", "door")) as connection:
        assert [table for table in relations(store) if attempt(connection, f"SELECT * FROM {table} LIMIT 1")] == []
        called = {name for name, call in functions(store) if attempt(connection, call)}
        assert called == {"exchange.admit", "exchange.dismiss"}
        nobody = "SELECT exchange.admit(sha256('x'), 'nobody', clock_timestamp() + interval '1 hour')"
        assert connection.execute(nobody.encode()).fetchone() == (False,)


@pytest.mark.parametrize("book", [*BANKS, "exchange"])
def test_a_supervisor_reads_the_book_and_can_do_nothing(store: Store, book: str) -> None:
    with store.connect(role(book, "supervisor")) as connection:
        assert connection.execute(f"SELECT count(*) > 0 FROM {book}.party".encode()).fetchone() == (True,)
        for table in relations(store):
            for statement in ("DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES"):
                assert not attempt(connection, statement.format(table)), table
        for table, column in columns(store):
            assert not attempt(connection, f"UPDATE {table} SET {column} = NULL"), table
        called = {name for name, call in functions(store) if attempt(connection, call)}
        assert called == {f"{book}.balances_as_known"}
        assert not attempt(connection, f"SELECT * FROM {book}.visit")


def test_a_member_reads_its_own_clients_and_can_do_nothing(store: Store, member: str) -> None:
    assert member_excess(store, member) == []
    with store.connect(member) as connection:
        seen = connection.execute(
            "SELECT owner, balance FROM exchange.balances WHERE kind = 'client-cash' ORDER BY 1"
        ).fetchall()
        assert seen == [("m1-ann", 100_00), ("m1-bo", 100_00)]
        assert connection.execute("SELECT member, clients, balance FROM exchange.member_total").fetchall() == [
            ("m1", 2, 200_00)
        ]
        assert connection.execute("SELECT count(*) FROM exchange.journal").fetchone() == (2,)


LOOSENED = [
    ("GRANT ringfence_exchange_posts TO {member}", "call exchange.post"),
    ("GRANT ringfence_exchange_reads TO {member}", "see m2-cy in party"),
        ("GRANT SELECT ON exchange.batch TO {member}", "read exchange.batch"),
        ("GRANT SELECT ON exchange_margin.trade TO PUBLIC", "read exchange_margin.trade"),
        ("GRANT INSERT ON exchange.kind TO {member}", "INSERT INTO exchange.kind"),
        ("GRANT DELETE ON exchange.entry TO ringfence_exchange_member", "DELETE FROM exchange.entry"),
        ("GRANT TRUNCATE ON exchange.entry TO {member}", "TRUNCATE exchange.entry"),
        ("GRANT UPDATE (balance) ON exchange.account TO {member}", "update exchange.account.balance"),
        ("GRANT EXECUTE ON FUNCTION exchange.post TO PUBLIC", "call exchange.post"),
        ("GRANT EXECUTE ON FUNCTION exchange.register TO {member}", "call exchange.register"),
        ("GRANT EXECUTE ON FUNCTION bank_a.close_day TO {member}; GRANT USAGE ON SCHEMA bank_a TO {member}", "call bank_a.close_day"),
                ("ALTER VIEW exchange.balances SET (security_invoker = false)", "in balances"),
    ("ALTER TABLE exchange.entry DISABLE ROW LEVEL SECURITY", "in entry"),
        ("CREATE POLICY hole ON exchange.party FOR SELECT TO PUBLIC USING (true)", "see m2 in party"),
        ("CREATE VIEW exchange.hole AS SELECT * FROM exchange.party; GRANT SELECT ON exchange.hole TO PUBLIC", "read exchange.hole"),
    ]  # fmt: skip


def test_whatever_is_loosened_is_seen(store: Store, member: str) -> None:
    """One after another; what concerns the whole server is taken back at once, since it is not this test's alone."""
    seen: list[str] = []
    with store.connect() as administrator:
        for loosened, seen_as in LOOSENED:
            assert not any(seen_as in excess for excess in seen), loosened
            try:
                administrator.execute(loosened.format(member=member).encode())
                found = member_excess(store, member)
            finally:
                for group in ("posts", "reads"):
                    administrator.execute(f"REVOKE ringfence_exchange_{group} FROM {member}".encode())
            assert any(seen_as in excess for excess in found), found
            if "GRANT ringfence_exchange_" not in loosened:
                seen = found


def test_a_function_that_is_added_later_is_nobodys(store: Store, member: str) -> None:
    with store.connect() as administrator, administrator.transaction():
        administrator.execute("SET LOCAL ROLE ringfence_exchange_owner")
        administrator.execute("CREATE FUNCTION exchange.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    with store.connect(member) as connection:
        assert not attempt(connection, "SELECT exchange.later()")


def test_nobody_but_the_owner_writes_a_ledgers_tables(store: Store) -> None:
    with store.connect() as administrator:
        found = administrator.execute(
            """
            SELECT format('%%s may %%s %%I.%%I', r.rolname, privilege, n.nspname, c.relname)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            CROSS JOIN pg_roles AS r CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
            WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'v') AND NOT r.rolsuper AND r.oid <> c.relowner
                AND has_table_privilege(r.oid, c.oid, privilege)
                AND NOT (r.rolname = 'ringfence_exchange_settlement' AND privilege = 'INSERT'
                    AND n.nspname || '.' || c.relname = ANY (%s))
                AND NOT (r.rolname = 'ringfence_exchange_officer' AND privilege = 'INSERT' AND c.relname = 'rule')
                AND NOT r.rolname LIKE 'pg\\_%%'
            """,
            (list(SCHEMAS), list(SETTLEMENT_WRITES)),
        ).fetchall()
        owners = administrator.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_owner' AND rolcanlogin"
        ).fetchall()
    assert found == []
    assert owners == []


@pytest.mark.parametrize("person", ["clerk", "link", "settlement", "officer", "registrar", "intake", "auditor"])
def test_the_journal_cannot_be_changed_by_any_person(store: Store, person: str) -> None:
    with store.connect(role("exchange", person)) as connection:
        for table in (
            "posting",
            "entry",
            "batch",
            "hold",
            "head",
            "account",
            "party",
            "binding",
            "route",
            "kind",
            "grants",
            "grant_use",
        ):
            for statement in (
                f"DELETE FROM exchange.{table}",
                f"TRUNCATE exchange.{table}",
                f"INSERT INTO exchange.{table} DEFAULT VALUES",
            ):
                assert not attempt(connection, statement), statement


@pytest.mark.parametrize(
    ("person", "may"),
    [
        ("clerk", {"post", *REQUESTS_OF_CLERK}),
        ("link", {"post"}),
        ("settlement", {"post", "open_day", "close_day", "expire"}),
        ("officer", {"give", "revoke", *REQUESTS_OF_OFFICER}),
        ("registrar", {"register", "bind", "give", "revoke", "exchange_requests.register_key"}),
        ("intake", {"confirm"}),
        ("auditor", set()),
    ],
)
def test_each_person_calls_what_is_theirs(store: Store, person: str, may: set[str]) -> None:
    with store.connect(role("exchange", person)) as connection:
        called = {name for name, call in functions(store) if attempt(connection, call)}
    assert called == {name if "." in name else f"exchange.{name}" for name in may | {"balances_as_known"}}


def test_a_person_of_one_book_cannot_enter_another(store: Store) -> None:
    with store.connect(role("exchange", "clerk")) as connection:
        for table in relations(store):
            if table.startswith("bank_"):
                assert not attempt(connection, f"SELECT * FROM {table} LIMIT 1"), table


def test_what_a_member_reads_is_what_it_was_granted(store: Store, member: str) -> None:
    def seen() -> set[str]:
        with store.connect(member) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM exchange.party").fetchall()}

    assert seen() == {"m1", "m1-ann", "m1-bo"}
    with Ledger(store, "exchange", "registrar") as registrar:
        own = registrar.granted(None)[0].id
        given = next(g for g in registrar.grants() if g.scope == "m1" and g.parent == own)
        registrar.revoke("enough", given.id)
        assert seen() == set()
        registrar.give("one", parent=own, grantee="member_m1", scope="m1-bo")
        assert seen() == {"m1-bo"}
        registrar.register(parties=[Party("chosen", "group")], groups={"chosen": ["m2"]})
        registrar.give("some", parent=own, grantee="member_m1", scope="chosen")
        assert seen() == {"m1-bo", "chosen", "m2", "m2-cy", "m2-di"}
        registrar.register(groups={"chosen": []})
        assert seen() == {"m1-bo", "chosen"}
        with pytest.raises(Refused, match="grantee"):
            registrar.give("clerk", parent=own, grantee="clerk", scope="m1-bo")
        with pytest.raises(Refused, match="cap: per_item: 5 is not within a grant of a route"):
            registrar.give("caps", parent=own, grantee="member_m1", caps=Caps(5))
    with Ledger(store, "exchange", "settlement") as settlement, Ledger(store, "exchange", "registrar") as registrar:
        tomorrow = DAY + datetime.timedelta(1)
        registrar.give("today", parent=own, grantee="member_m1", scope="m1-ann", valid_until=DAY)
        assert seen() == {"m1-bo", "chosen", "m1-ann"}
        settlement.open_day(tomorrow)
        assert seen() == {"m1-bo", "chosen"}
