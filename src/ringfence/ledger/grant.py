"""Grants: who lets whom walk which route, for whom, how far and how long.

Every chain of grants begins with the ledger's declaration and only shrinks on its way down: a grant never exceeds the one
above it, neither when it is given nor when it is used, and when one is revoked all below it end. A *standing* grant is
for whatever comes; one with a *key* is for that one instruction, which is how a second person lets something pass that
is more than the first may do alone. Whoever posts can grant nothing, whoever grants posts nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from ringfence.errors import Language, RingfenceError

Power = Literal["ask", "finish", "read", "account"]


@dataclass(frozen=True, slots=True)
class Caps:
    """How far a grant goes, in the unit's minor part; None is as far as the grant above it.

    `per_period_minor` counts over `period_days` booking days up to today. `exposure_minor` is what may be held and not
    finished at one moment.
    """

    per_item_minor: int | None = None
    per_day_minor: int | None = None
    per_period_minor: int | None = None
    period_days: int | None = None
    exposure_minor: int | None = None

    def document(self) -> dict[str, int]:
        """What is said in the document with which a grant is given."""
        said = {cap.name.removesuffix("_minor"): getattr(self, cap.name) for cap in fields(self)}
        return {name: value for name, value in said.items() if value is not None}


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it stands. `grantor` and `grantee` are logins, `scope` a party or None for everybody. An `account` is
    granted to a client by its own name; it is no grant before it is `confirmed`.

    `used_minor` is what was carried out under it on the booking day and `outstanding_minor` what is held and not
    finished; both are counted where there is a cap.
    """

    id: int
    parent: int | None
    grantor: str
    grantee: str
    power: Power
    route: str | None
    scope: str | None
    key: str | None
    caps: Caps
    valid_from: datetime.date
    valid_until: datetime.date | None
    ended: bool
    used_minor: int
    outstanding_minor: int
    account_number: str | None
    confirmed: bool

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Grant:
        """Read a row of GRANTS_QUERY."""
        per_item, per_day, per_period, days, exposure = row[8:13]
        return cls(*row[:8], Caps(per_item, per_day, per_period, days, exposure), *row[13:])  # type: ignore[call-arg]


GRANTS_QUERY = """
    SELECT g.id, g.parent, g.grantor, g.grantee, g.power, r.name, s.name, g.key,
        g.per_item, g.per_day, g.per_period, g.period_days, g.exposure,
        g.valid_from, g.valid_until, g.ended IS NOT NULL, coalesce(u.used, 0), g.outstanding,
        g.payee, g.confirmed IS NOT NULL OR g.payee IS NULL
    FROM {0}.grants AS g
    LEFT JOIN {0}.route AS r ON r.id = g.route
    LEFT JOIN {0}.party AS s ON s.id = g.scope
    LEFT JOIN {0}.grant_use AS u ON u.under = g.id AND u.day = (SELECT day FROM {0}.head)
"""


class Binding(NamedTuple):
    """A client's registered account, as one institution says it: at which bank, and the digest of who the client is."""

    client: str
    bank: str
    account_number: str
    identity: str


class Registered(NamedTuple):
    """A registered account as a ledger has it: still `waiting` for the other institution, or in force from a day on."""

    binding: Binding
    waiting: bool
    in_force_from: datetime.date


_REASONS: dict[str, dict[Language, str]] = {
    "key": {
        "en": "key {given!r} was used by another instruction or cannot be one ({stands})",
        "zh": "幂等键 {given!r} 已被另一指令使用或不可用({stands})",
    },
    "parent": {
        "en": "grant {given} does not stand or is not {stands}'s to pass on; only what one has can be granted",
        "zh": "授权 {given} 已失效或不属于 {stands};只能转授自己持有的权限",
    },
    "grantee": {
        "en": "{field} {given} cannot be: it takes {stands}, or a login that passes grants on",
        "zh": "{field} {given} 不可用:应为 {stands},或可转授的登录",
    },
    "scope": {
        "en": "{given} is no party within {stands}, for whom the grant above is",
        "zh": "{given} 不在上级授权范围 {stands} 之内",
    },
    "one-instruction": {
        "en": "for the one instruction {given!r}: it takes a cap per item, the login that asks, and no other grant for it",
        "zh": "对单笔指令 {given!r} 的授权须有单笔上限、授予发起人,且不得重复",
    },
    "cap": {
        "en": "{field}: {given} is not within {stands}; no grant exceeds the one above it",
        "zh": "{field}:{given} 超出 {stands};授权不得大于上级",
    },
    "validity": {
        "en": "{given} is not within {stands}",
        "zh": "有效期 {given} 不在 {stands} 之内",
    },
    "unknown": {
        "en": "{field} {given} is not registered here, or not as that",
        "zh": "{field} {given} 未登记或角色不符",
    },
    "taken": {"en": "{given} ({field})", "zh": "已登记或不可重复:{given}({field})"},
    "identity": {
        "en": "identity {given} is not the one under which {stands} is registered",
        "zh": "身份 {given} 与 {stands} 登记的身份不符",
    },
    "account": {
        "en": "account {given} cannot be {stands}'s: it is another client's, or no account number",
        "zh": "账户 {given} 不能属于 {stands}:已属其他客户,或不是账号",
    },
    "waiting": {"en": "no account waits to be confirmed for {given}", "zh": "{given} 没有待确认的账户"},
    "differs": {
        "en": "{field} {given} is not what was bound: {stands}; both institutions must say the same",
        "zh": "{field} {given} 与签约内容 {stands} 不符;两家机构须一致",
    },
    "clock": {
        "en": "the server's clock says {given}, and {stands} was recorded already; nothing is written until it is right",
        "zh": "服务器时钟为 {given},而已有 {stands} 的记录;时钟恢复正常前不写入任何内容",
    },
    "grant": {"en": "no grant {given} stands", "zh": "没有有效的授权 {given}"},
    "grantor": {
        "en": "grant {given} can be ended by {stands}, who gave it or one above it",
        "zh": "授权 {given} 只能由 {stands} 撤销",
    },
}


class Refused(RingfenceError):
    """The ledger refused an instruction that is not a posting; nothing was written.

    `control` is what refused; `field` and `given` what was asked; `stands` what would be right, or who may.
    """

    code = "refused"

    def text(self, language: Language = "en") -> str:
        """Say which control refused what, and what stands against it."""
        said = {name: "-" if value is None else value for name, value in self.figures.items()}
        return f"{said['control']}: {_REASONS[str(said['control'])][language].format(**said)}"
