"""Making a ledger: its schema, its roles and what it is declared with. The administrator's work, done at every start."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import psycopg
from psycopg import sql

from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import Language, RingfenceError
from ringfence.ledger.declaration import GROUPS, Declaration, role

STEPS = sql_files("ringfence.ledger", "migrations")
FUNCTIONS = sql_files("ringfence.ledger", "sql")
READING = ("member", "admits")


class DeclaredOtherwise(RingfenceError):
    """The ledger exists and was declared with other units, kinds or routes: `ledger`."""

    code = "declared-otherwise"
    template: ClassVar[dict[Language, str]] = {
        "en": "ledger {ledger} was declared with other kinds or routes than this ring's; nothing was changed",
        "zh": "账本 {ledger} 已按另一套种类与通路声明,与本封闭圈不符;未作任何更改",
    }


def create_ledger(store: Store, ledger: str, declaration: Declaration) -> None:
    """Make the schema `ledger`, its roles and its logins, or bring them up to this code.

    Errors: as migrate_ledger; DeclaredOtherwise.
    """
    with store.connect() as administrator:
        store.ensure_role(administrator, role(ledger, "owner"), login=False)
        for group in (*GROUPS, *READING):
            store.ensure_role(administrator, role(ledger, group), login=False)
        for login, groups in declaration.logins.items():
            store.ensure_role(administrator, role(ledger, login), login=True)
            for group in groups:
                store.give_group(administrator, role(ledger, group), role(ledger, login))
        migrate_ledger(store, ledger, role(ledger, "owner"), FUNCTIONS, STEPS)
        _declare(administrator, ledger, declaration)


def create_login(store: Store, ledger: str, name: str, group: Literal["member", "admits", "reads"]) -> str:
    """Make a login that moves nothing, and return it.

    Of the group `member` it reads whatever clients it was granted, or shows the token of a visit for; of `reads` everything;
    one that `admits` opens visits and reads nothing.
    """
    login = role(ledger, name)
    with store.connect() as administrator:
        store.ensure_role(administrator, login, login=True)
        store.give_group(administrator, role(ledger, group), login)
    return login


def _declare(administrator: psycopg.Connection[Any], ledger: str, declaration: Declaration) -> None:
    document = declaration.document(ledger)
    schema = sql.Identifier(ledger)
    with administrator.transaction():
        administrator.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role(ledger, "owner"))))
        administrator.execute(sql.SQL("SELECT FROM {}.head FOR UPDATE").format(schema))
        found = administrator.execute(
            sql.SQL("SELECT document FROM {}.batch WHERE what = 'declare'").format(schema)
        ).fetchone()
        if found is None:
            administrator.execute(sql.SQL("SELECT {}.declare(%s)").format(schema), (document,))
        elif found[0] != document:
            raise DeclaredOtherwise(ledger=ledger)
