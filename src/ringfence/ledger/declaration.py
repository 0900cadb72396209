"""What a ledger is declared with, once and for good: its units, its kinds of account, its routes and its logins.

A *kind* decides everything that is enforced on an account. A *route* is a path of kinds; whatever no route names cannot
happen. A *login* is a person's own way into the database, with the groups that say what it may do at all:

    reads       every table of the ledger
    posts       call `post`; what it may post is what it has been granted
    grants      call `give` and `revoke`: pass on what it has been granted; never together with posts
    registers   call `register` and `bind`: parties, accounts, the account of a client; never together with posts
    confirms    call `confirm`: what another institution says of such an account; with neither of the two
    closes      call `open_day` and `close_day`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ringfence.errors import BadInput

Invariant = Literal["zero", "non-negative", "non-positive", "free"]
Group = Literal["reads", "posts", "grants", "registers", "confirms", "closes"]
GROUPS: tuple[Group, ...] = ("reads", "posts", "grants", "registers", "confirms", "closes")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of account: whose it is by role, what its balance must keep, whether it is zero when a day closes, and
    whether an owner has one in a unit or as many as are opened; in which `units`, if not in all of the ledger's.
    """

    name: str
    owner: str
    invariant: Invariant
    zero_at_close: bool = False
    one_per_owner: bool = True
    units: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A path of two to four kinds; `asks` and `finishes` are logins. A route with `finishes` goes by hold.

    The asker has its grant from the declaration; or, where `under` is given, from that login, as far as it gives one. The
    value date may be up to `back_days` before and `ahead_days` after the booking day. What was posted on the route that
    this one `reverses` is reversed here, once.
    """

    name: str
    path: tuple[str, ...]
    asks: str
    finishes: str | None = None
    same_client: bool = False
    own_member: bool = False
    registered_account: bool = False
    bank_confirmed: bool = False
    under: str | None = None
    back_days: int = 0
    ahead_days: int = 0
    reverses: str | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """One ledger's declaration.

    `shows` are the logins that let others read clients; a registered account that is changed waits `cool_off_days`
    booking days. Errors: BadInput for a login that does two things that one person must not.
    """

    units: tuple[str, ...]
    kinds: tuple[Kind, ...]
    routes: tuple[Route, ...]
    logins: Mapping[str, frozenset[Group]]
    shows: tuple[str, ...] = ()
    cool_off_days: int = 0

    def __post_init__(self) -> None:
        for login, groups in self.logins.items():
            if "posts" in groups and groups & {"registers", "grants", "confirms"}:
                raise BadInput(
                    "login", login, "a login that posts, or one that registers, confirms or grants, never both"
                )
            if {"registers", "confirms"} <= groups:
                raise BadInput("login", login, "a login that registers, or one that confirms, never both")

    def document(self, ledger: str) -> str:
        """Write the declaration as the JSON that `declare` reads, with the logins of `ledger`."""
        return json.dumps(
            {
                "units": list(self.units),
                "kinds": [
                    {
                        "name": k.name,
                        "owner": k.owner,
                        "invariant": k.invariant,
                        "one_per_owner": k.one_per_owner,
                        "zero_at_close": k.zero_at_close,
                    }
                    | ({} if k.units is None else {"units": list(k.units)})
                    for k in self.kinds
                ],
                "routes": [
                    {
                        "name": r.name,
                        "path": list(r.path),
                        "same_client": r.same_client,
                        "own_member": r.own_member,
                        "registered_account": r.registered_account,
                        "bank_confirmed": r.bank_confirmed,
                        "held": r.finishes is not None,
                        "asks": role(ledger, r.asks),
                        "finishes": r.finishes and role(ledger, r.finishes),
                        "under": r.under and role(ledger, r.under),
                        "back_days": r.back_days,
                        "ahead_days": r.ahead_days,
                        "reverses": r.reverses,
                    }
                    for r in self.routes
                ],
                "grants": [*self._beginnings(ledger)],
            },
            ensure_ascii=False,
        )

    def _beginnings(self, ledger: str) -> Iterator[dict[str, object]]:
        """The grants with which all chains begin."""
        for r in self.routes:
            yield {"power": "ask", "route": r.name, "grantee": role(ledger, r.under or r.asks)}
            if r.finishes is not None:
                yield {"power": "finish", "route": r.name, "grantee": role(ledger, r.finishes)}
        for login, groups in self.logins.items():
            if "registers" in groups:
                yield {"power": "account", "grantee": role(ledger, login), "cool_off_days": self.cool_off_days}
        for login in self.shows:
            yield {"power": "read", "grantee": role(ledger, login)}


def role(ledger: str, name: str) -> str:
    """The database role of a login, a group or the owner of `ledger`."""
    return f"ringfence_{ledger}_{name}".replace("-", "_")
