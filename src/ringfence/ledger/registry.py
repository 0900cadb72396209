"""A ledger's registry as one login sees it: who and what there is, who may do what, and the instructions that change it.

Parties are registered, accounts opened, clients bound to their bank account, grants given and ended: each by an
instruction of its own with a key, all of it or nothing. Whoever may give one can post no money.

A connection stays in autocommit, so that an instruction is one commit. `committed` is called after each one.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import psycopg
from psycopg import sql

from ringfence.database import Store
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger.declaration import role
from ringfence.ledger.grant import GRANTS_QUERY, NO_CAPS, Binding, Caps, Grant, Power, Refused, Registered
from ringfence.ledger.known import Known

# From how many accounts on a ledger is not read whole when it is entered.
LARGE = 20_000


class UnknownAccount(RingfenceError):
    """The ledger has no such account: `ledger`, `kind`, `owner`, `unit`."""

    code = "unknown-account"
    template: ClassVar[dict[Language, str]] = {
        "en": "ledger {ledger} has no account of kind {kind} for {owner} in {unit}",
        "zh": "账本 {ledger} 中没有 {owner} 的 {kind} 账户({unit})",
    }


class Party(NamedTuple):
    """A registered party; `member` is a client's, `identity` a digest of what proves who it is, `title` what people call it."""

    name: str
    role: str
    member: str | None = None
    identity: str | None = None
    title: str | None = None


class AccountName(NamedTuple):
    """What makes an account that account; `ordinal` tells an owner's several apart, where the kind allows them."""

    kind: str
    owner: str
    unit: str = "CNY"
    ordinal: int = 1


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what the kernel refuses as Refused; what else the driver raises passes."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == "RF001":
            raise Refused(**json.loads(error.diag.message_detail or "")) from error
        raise


class Registry:
    """The registry of ledger `name`, entered through the login of `person`. Errors on opening: as Store.connect."""

    def __init__(self, store: Store, name: str, person: str, committed: Callable[[], None] | None = None) -> None:
        self.name = name
        self.login = role(name, person)
        self.connection = store.connect(self.login)
        self._committed = committed or (lambda: None)
        # Somebody looks after every commit; then nothing else may be under way.
        self.watched = committed is not None
        self._schema = sql.Identifier(name)
        self._grants: dict[int, Grant] = {}
        self.refresh()

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Read; `{}` in `query` is this ledger's schema."""
        statement = sql.SQL(query).format(self._schema)
        with refusals():
            return self.connection.execute(statement, parameters).fetchall()

    # -- who and what there is ------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read again which parties and accounts are registered; of a large ledger when they are asked for."""
        ((accounts,),) = self.rows("SELECT count(*) FROM (SELECT FROM {}.account LIMIT %s) AS a", (LARGE + 1,))
        whole = accounts <= LARGE
        self._numbered_parties = Known(self._read_parties, whole=whole)
        self.parties: Mapping[str, Party] = Known(
            lambda names: {name: party for name, (_, party) in self._read_parties(names).items()}, whole=whole
        )
        self.names: Mapping[int, AccountName] = Known(self._read_names, whole=whole)
        self.accounts: Known[AccountName, int] = Known(self._read_accounts, whole=whole)
        # Accounts by the number under which a bank's client knows them.
        self.numbered: Mapping[str, int] = Known(self._read_numbered, whole=whole)

    def _read_parties(self, names: Sequence[str] | None) -> dict[str, tuple[int, Party]]:
        rows = self.rows(
            "SELECT p.id, p.name, p.role, m.name, p.identity, p.title "
            "FROM {0}.party AS p LEFT JOIN {0}.party AS m ON m.id = p.member "
            "WHERE %(names)s::text[] IS NULL OR p.name = ANY (%(names)s)",
            {"names": None if names is None else list(names)},
        )
        return {row[1]: (row[0], Party(*row[1:])) for row in rows}

    def _read_names(self, numbers: Sequence[int] | None) -> dict[int, AccountName]:
        rows = self.rows(
            "SELECT account, kind, owner, unit, ordinal FROM {}.balances "
            "WHERE %(numbers)s::bigint[] IS NULL OR account = ANY (%(numbers)s)",
            {"numbers": None if numbers is None else list(numbers)},
        )
        return {account: AccountName(*name) for account, *name in rows}

    def _read_accounts(self, names: Sequence[AccountName] | None) -> dict[AccountName, int]:
        if names is None:
            return {name: account for account, name in self._read_names(None).items()}
        rows = self.rows(
            "SELECT b.account, b.kind, b.owner, b.unit, b.ordinal FROM unnest(%s::text[], %s::text[], %s::text[], %s::smallint[]) "
            "AS w (kind, owner, unit, ordinal) JOIN {}.balances AS b USING (kind, owner, unit, ordinal)",
            [list(column) for column in zip(*names, strict=True)],
        )
        return {AccountName(*name): account for account, *name in rows}

    def _read_numbered(self, numbers: Sequence[str] | None) -> dict[str, int]:
        rows = self.rows(
            "SELECT number, id FROM {}.account WHERE number IS NOT NULL AND (%(numbers)s::text[] IS NULL OR number = ANY (%(numbers)s))",
            {"numbers": None if numbers is None else list(numbers)},
        )
        return dict(rows)

    def account(self, kind: str, owner: str, unit: str = "CNY", ordinal: int = 1) -> int:
        """The id of an account. Errors: UnknownAccount."""
        try:
            return self.accounts[AccountName(kind, owner, unit, ordinal)]
        except KeyError:
            raise UnknownAccount(ledger=self.name, kind=kind, owner=owner, unit=unit) from None

    def party(self, name: str) -> Party:
        """A registered party. Errors: BadInput."""
        try:
            return self.parties[name]
        except KeyError:
            raise BadInput("party", name, f"a party that is registered in ledger {self.name}") from None

    def register(
        self,
        *,
        parties: Iterable[Party] = (),
        accounts: Iterable[tuple[AccountName, str | None]] = (),
        groups: Mapping[str, Iterable[str]] | None = None,
        under: int | None = None,
        key: str | None = None,
    ) -> None:
        """Register what is not registered yet: parties, accounts with their numbers, and who is in which group from now on.

        Accounts that are opened `under` a grant receive nothing any more once it has ended. Parties come before whoever
        names them. Errors: Refused for a name that is not registered, a number or an account that is taken.
        """
        parties, accounts = list(parties), list(accounts)
        self.accounts.fetch(name for name, _ in accounts)
        document = {
            "parties": [
                {name: value for name, value in p._asdict().items() if value is not None}
                for p in parties
                if p.name not in self.parties
            ],
            "accounts": [
                name._asdict() | ({"number": number} if number else {}) | ({"under": under} if under else {})
                for name, number in accounts
                if name not in self.accounts
            ],
            "groups": [{"name": name, "parties": list(who)} for name, who in (groups or {}).items()],
        }
        if any(document.values()):
            self._instruct("register", key, document)
            self.refresh()

    # -- the account of a client ----------------------------------------------------------------------------------

    def bind(self, bindings: Iterable[Binding], key: str | None = None) -> None:
        """Bind clients to the account from which they pay in and to which they are paid, once it is confirmed.

        Errors: Refused for what is unknown, for another identity, for an account of another client.
        """
        self._instruct_about(bindings, "bind", key)

    def confirm(self, bindings: Iterable[Binding], key: str | None = None) -> None:
        """Confirm what is waiting, in the words of the other institution: a change waits before it is in force.

        Errors: Refused where nothing waits or something differs.
        """
        self._instruct_about(bindings, "confirm", key)

    def _instruct_about(self, bindings: Iterable[Binding], function: str, key: str | None) -> None:
        said = [binding._asdict() for binding in bindings]
        if said:
            self._instruct(function, key, {"bindings": said})

    def bindings(self) -> list[Registered]:
        """Every registered account that is waiting or in force, or will be."""
        rows = self.rows(
            "SELECT client, bank, account_number, identity, waiting, in_force_from FROM {}.binding ORDER BY grant_id"
        )
        return [Registered(Binding(*row[:4]), *row[4:]) for row in rows]

    # -- grants ---------------------------------------------------------------------------------------------------

    def give(
        self,
        key: str,
        *,
        parent: int,
        grantee: str,
        scope: str | None = None,
        only_for: str | None = None,
        caps: Caps = NO_CAPS,
        valid_from: datetime.date | None = None,
        valid_until: datetime.date | None = None,
    ) -> int:
        """Give a grant under `parent`, which this login has, to the login of the person `grantee`; return its number.

        `scope` is a client, a member with its clients, or a group; `only_for` the key of the one instruction that it is
        for. Whatever is not said is as in the parent. The same key gives the same grant. Errors: Refused.
        """
        said = {"parent": parent, "grantee": role(self.name, grantee), "scope": scope, "key": only_for}
        said |= {
            "valid_from": valid_from and valid_from.isoformat(),
            "valid_until": valid_until and valid_until.isoformat(),
        }
        document = {name: value for name, value in said.items() if value is not None} | caps.document()
        batch = self._instruct("give", key, document)
        ((number,),) = self.rows("SELECT id FROM {}.grants WHERE given = %s", (batch,))
        return int(number)

    def revoke(self, key: str, grant: int) -> None:
        """End a grant and all below it. Errors: Refused, unless this login gave it or one above it."""
        self._instruct("revoke", key, {"revoke": grant})

    def grants(self, power: Power | None = None) -> list[Grant]:
        """Every grant that was ever given, or every one of a power, in that order."""
        query = GRANTS_QUERY + " WHERE %(power)s::text IS NULL OR g.power = %(power)s ORDER BY g.id"
        return [Grant.from_row(row) for row in self.rows(query, {"power": power})]

    def granted(self, route: str | None) -> list[Grant]:
        """The standing grants by which this login may ask on `route`, or pass that on; the first given first.

        Without a route: by which it may read, or let others read.
        """
        query = (
            f"{GRANTS_QUERY} WHERE g.grantee = %s AND g.power = %s AND g.ended IS NULL AND g.key IS NULL ORDER BY g.id"
        )
        rows = self.rows(query, (self.login, "ask" if route else "read"))
        return [grant for grant in map(Grant.from_row, rows) if grant.route == route]

    def _grant(self, number: int) -> Grant:
        if number not in self._grants:
            (row,) = self.rows(GRANTS_QUERY + " WHERE g.id = %s", (number,))
            self._grants[number] = Grant.from_row(row)
        return self._grants[number]

    def _instruct(self, function: str, key: str | None, document: dict[str, Any]) -> int:
        statement = sql.SQL("SELECT batch, replayed FROM {}.{}(%s, %s)").format(self._schema, sql.Identifier(function))
        said = json.dumps(document, ensure_ascii=False)
        with refusals():
            row = self.connection.execute(statement, (str(uuid.uuid4()) if key is None else key, said)).fetchone()
        assert row is not None
        batch, replayed = row
        if not replayed:
            self._committed()
        return int(batch)
