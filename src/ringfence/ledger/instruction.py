"""Instructions and what becomes of them.

An *instruction* is somebody's wish: walk this route, for this party, over these accounts, with this amount. Its key is
used once and is bound to the hash of everything in it. What comes back is an *outcome*: carried out, carried out before
(with the result of then), or refused. A refusal is a result, not an exception: it names the control that refused, what
the control saw, and who could allow it.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from enum import IntEnum

from ringfence.errors import BadInput, Language
from ringfence.ledger.grant import Grant
from ringfence.money import unit, with_unit

NEVER = datetime.date.max
LARGEST_NUMBER = 2**63 - 1
# How many characters there may be; a key has at least one.
LONGEST = {"key": 200, "payee": 200, "ref": 2_000}


class Action(IntEnum):
    """What an instruction does: move money, hold it, or finish a hold, in full or part, by posting or releasing it.

    What has expired is released by the ledger itself; no instruction does that.
    """

    POST = 0
    HOLD = 1
    POST_HELD = 2
    RELEASE = 3


class Control(IntEnum):
    """What refused, in order of precedence: the codes of the posting function."""

    KEY = 2
    AMOUNT = 3
    ROUTE = 4
    ASKER = 5
    ACTION = 6
    ACCOUNT = 7
    PATH = 8
    PARTY = 9
    SCOPE = 10
    UNIT = 11
    CLIENT = 12
    MEMBER = 13
    PAYEE = 14
    COOLING = 15
    SOURCE = 16
    ENDED = 17
    SHUT = 18
    DAY = 19
    DATED = 20
    HOLD = 21
    REVERSAL = 22
    DIFFERS = 23
    REST = 24
    ITEM = 25
    DAILY = 26
    PERIOD = 27
    EXPOSURE = 28
    FUNDS = 29
    CEILING = 30
    OVERFLOW = 31
    LINKED = 32
    EXPIRES = 33

    @property
    def is_shortage(self) -> bool:
        """Whether it is for lack of funds, room or a cap: the same may pass later. Anything else will not."""
        return Control.ITEM <= self <= Control.CEILING


_REASONS: dict[Control, dict[Language, str]] = {
    Control.KEY: {
        "en": "the key was used by another request, posting {figure}; a new request needs a key of its own",
        "zh": "该幂等键已被另一请求(记账 {figure})使用;新请求须用新键",
    },
    Control.AMOUNT: {
        "en": "{amount} is no amount; right is 1 to 10^15 in the unit's minor part",
        "zh": "金额 {amount} 无效;应为最小单位的 1 至 10^15",
    },
    Control.ROUTE: {
        "en": "no such route; only the ring's declaration can add one",
        "zh": "无此通路;只有封闭圈声明才能增加通路",
    },
    Control.ASKER: {
        "en": "{login} has no grant for it; {grantor} can give one to {asker} alone",
        "zh": "{login} 未获授权;{grantor} 只能授权给 {asker}",
    },
    Control.ACTION: {
        "en": "the route does not go by {action}; its declaration says whether it is held first",
        "zh": "该通路不能以“{action}”方式办理;是否须先冻结由声明规定",
    },
    Control.ACCOUNT: {
        "en": "no such account at place {figure} of the path; the registrar can open one",
        "zh": "路径第 {figure} 处账户不存在;可由登记员开立",
    },
    Control.PATH: {
        "en": "the account at place {figure} is not of the route's kind; nobody can allow it",
        "zh": "路径第 {figure} 处账户种类与通路不符;任何人都不能放行",
    },
    Control.PARTY: {
        "en": "{subject} is not registered; the registrar can register it",
        "zh": "{subject} 未登记;可由登记员登记",
    },
    Control.SCOPE: {
        "en": "no grant of {login} is for {subject}; {grantor} can give one",
        "zh": "{login} 的授权不含 {subject};{grantor} 可以授权",
    },
    Control.UNIT: {
        "en": "the account at place {figure} is kept in another unit; nobody can allow it",
        "zh": "路径第 {figure} 处账户计量单位不同;任何人都不能放行",
    },
    Control.CLIENT: {
        "en": "the account at place {figure} is not {subject}'s; nobody can allow it",
        "zh": "路径第 {figure} 处账户不属于 {subject};任何人都不能放行",
    },
    Control.MEMBER: {
        "en": "the account at place {figure} is not of {subject}'s own member; nobody can allow it",
        "zh": "路径第 {figure} 处账户不属于 {subject} 所在会员;任何人都不能放行",
    },
    Control.PAYEE: {
        "en": "{payee!r} is not the account that {subject} registered; the registrars of bank and exchange can bind another",
        "zh": "收款账户 {payee!r} 并非 {subject} 的登记账户;改绑须经银行与交易所登记员",
    },
    Control.COOLING: {
        "en": "the account that {subject} registered was changed and is in force from {day}; nobody can shorten that",
        "zh": "{subject} 的登记账户已变更,自 {day} 起生效;任何人都不能缩短",
    },
    Control.SOURCE: {
        "en": "not in a confirmed batch of the bank at place {figure}; that bank can confirm it",
        "zh": "路径第 {figure} 处银行未在该批次中确认;须由该银行确认",
    },
    Control.ENDED: {
        "en": "the account at place {figure} lived as long as the grant that opened it; it receives nothing more",
        "zh": "路径第 {figure} 处账户随开户授权终止;不再收款",
    },
    Control.SHUT: {
        "en": "no day is open since {day} was closed; whoever opens days can open the next",
        "zh": "自 {day} 关账后尚未开新记账日;须由负责开账者开账",
    },
    Control.DAY: {
        "en": "{value_date} is closed, as is every day up to {day}; nobody can open it again",
        "zh": "{value_date} 已关账(已关至 {day});任何人都不能重开",
    },
    Control.DATED: {
        "en": "value date {value_date} is further from the booking day than the route allows; {day} is the nearest that is not",
        "zh": "起息日 {value_date} 超出该通路允许的范围;最近可用日为 {day}",
    },
    Control.HOLD: {
        "en": "hold {figure} is not open; it does not exist, is finished or has expired",
        "zh": "冻结 {figure} 不存在、已了结或已过期",
    },
    Control.REVERSAL: {
        "en": "posting {figure} cannot be reversed on this route; it does not exist, was reversed before, or none is meant to be",
        "zh": "记账 {figure} 不能在此通路冲正:不存在、已冲正,或该通路并非冲正通路",
    },
    Control.DIFFERS: {
        "en": "not what was held or posted in {figure}; it takes the same party, accounts and payee, and for a reversal the amount",
        "zh": "与 {figure} 的冻结或记账内容不符;须为同一主体、账户与收款人,冲正还须同一金额",
    },
    Control.REST: {
        "en": "{amount} asked, {figure} left of the hold",
        "zh": "申请 {amount},该冻结剩余 {figure}",
    },
    Control.ITEM: {
        "en": "{amount} asked, {cap} allowed at once by {grant}; {grantor} can let it pass",
        "zh": "申请 {amount},{grant} 单笔上限 {cap};{grantor} 可以放行",
    },
    Control.DAILY: {
        "en": "{amount} asked, {figure} of {cap} a day used under {grant}; {grantor} can raise it",
        "zh": "申请 {amount},{grant} 每日上限 {cap} 已用 {figure};{grantor} 可以提高",
    },
    Control.PERIOD: {
        "en": "{amount} asked, {figure} of {cap} in {days} days used under {grant}; {grantor} can raise it",
        "zh": "申请 {amount},{grant} {days} 日上限 {cap} 已用 {figure};{grantor} 可以提高",
    },
    Control.EXPOSURE: {
        "en": "{amount} asked, {figure} of {cap} held under {grant}; {grantor} can raise it",
        "zh": "申请 {amount},{grant} 敞口上限 {cap} 已冻结 {figure};{grantor} 可以提高",
    },
    Control.FUNDS: {
        "en": "{amount} asked, {figure} available; whoever pays in can raise it",
        "zh": "申请 {amount},可用 {figure};补入资金后方可办理",
    },
    Control.CEILING: {
        "en": "{amount} asked, room for {figure}",
        "zh": "申请 {amount},上限余量 {figure}",
    },
    Control.OVERFLOW: {
        "en": "beyond what a balance can hold",
        "zh": "超出余额可表示的范围",
    },
    Control.LINKED: {
        "en": "linked with number {figure} of the batch, which was refused or carried out before; they pass together or not at all",
        "zh": "与本批第 {figure} 项联动,该项被拒或先前已办;联动指令须同时成立",
    },
    Control.EXPIRES: {
        "en": "the hold would have expired on {expires}, before the booking day; right is the booking day or later",
        "zh": "该冻结的到期日 {expires} 早于当前记账日;应为记账日或之后",
    },
}
_ACTIONS: dict[Language, dict[Action, str]] = {
    "en": {Action.POST: "post", Action.HOLD: "hold", Action.POST_HELD: "post-held", Action.RELEASE: "release"},
    "zh": {Action.POST: "直接记账", Action.HOLD: "冻结", Action.POST_HELD: "解冻记账", Action.RELEASE: "解冻"},
}
_AMOUNT_SEEN = (Control.REST, Control.DAILY, Control.PERIOD, Control.EXPOSURE, Control.FUNDS, Control.CEILING)
_DAY_SEEN = (Control.COOLING, Control.SHUT, Control.DAY, Control.DATED)
_CAPS = {
    Control.ITEM: "per_item_minor",
    Control.DAILY: "per_day_minor",
    Control.PERIOD: "per_period_minor",
    Control.EXPOSURE: "exposure_minor",
}
_DECLARATION: dict[Language, str] = {"en": "the ring's declaration", "zh": "封闭圈声明"}
_GRANT: dict[Language, str] = {"en": "grant {number} to {grantee}", "zh": "授权 {number}(予 {grantee})"}
_DAY_ZERO = datetime.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Instruction:
    """Walk `route` for the party `subject` over the accounts of `path`, debit first, with `amount_minor`.

    `hold` is the posting that placed the hold to be finished, `reverses` the posting to be reversed. A hold `expires` after
    that booking day. Instructions of one `group`, side by side, are carried out all or none. `payee` is the account number that is to be paid, or
    paid from, where the route demands the registered one. `ref` is free text.
    """

    key: str
    route: str
    subject: str
    path: tuple[int, ...]
    amount_minor: int
    value_date: datetime.date
    action: Action = Action.POST
    hold: int = 0
    payee: str = ""
    ref: str = ""
    reverses: int = 0
    expires: datetime.date = NEVER
    group: str = ""

    def hash(self) -> bytes:
        """Everything that the key is bound to, in 32 bytes."""
        return hash_of(
            int(self.action),
            self.route,
            self.subject,
            self.path,
            self.amount_minor,
            self.value_date.toordinal(),
            self.hold,
            self.payee,
            self.ref,
            self.reverses,
            self.expires.toordinal(),
            self.group,
        )


def hash_of(*said: object) -> bytes:
    """The hash of what an instruction says, in the order of Instruction.hash."""
    return hashlib.sha256(repr(said).encode()).digest()


def require_usable(asked: Instruction) -> None:
    """See that an instruction can be sent at all; whether it can be carried out is for the kernel to say.

    Errors: BadInput for a text that is too long, empty where it must not be, or has a character that no text may have; for
    a path that is no path, or a number that is none.
    """
    for field, longest in LONGEST.items():
        text = getattr(asked, field)
        if not isinstance(text, str) or len(text) > longest or (field == "key" and not text):
            right = f"{'1' if field == 'key' else '0'} to {longest:,} characters"
            raise BadInput(field, _shown(text), right)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise BadInput(field, _shown(text), "text without zero bytes and half characters")
    if len(asked.path) > 4:
        raise BadInput("path", asked.path, "at most four accounts")
    for field, numbers in (("path", asked.path), ("hold", (asked.hold,)), ("reverses", (asked.reverses,))):
        if any(not isinstance(number, int) or not 0 <= number <= LARGEST_NUMBER for number in numbers):
            raise BadInput(field, numbers if field == "path" else numbers[0], "numbers from 0 to 2^63 - 1")


def _shown(text: object) -> object:
    return f"{text[:40]}... ({len(text):,} characters)" if isinstance(text, str) and len(text) > 60 else text


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an instruction was not carried out: the control, what it saw, who was asking and who may ask.

    `unit` is that of the account on which the path begins. `grant` is the one whose cap refused: the uppermost, so that
    whoever gave it is the nearest who can raise it. `under` is the login that grants the route, if not the declaration.
    """

    control: Control
    figure: int
    instruction: Instruction
    login: str
    asker: str
    unit: str
    grant: Grant | None = None
    under: str | None = None

    @property
    def seen(self) -> str:
        """What the control saw, as text: an amount, a day, or a number."""
        if self.control in _DAY_SEEN:
            return str(_DAY_ZERO + datetime.timedelta(days=self.figure))
        return self._amount(self.figure) if self.control in _AMOUNT_SEEN else str(self.figure)

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`: route, control, figures, who could allow it."""
        return f"{self.instruction.route} ({self.control.name.lower()}): {self.reason(language)}"

    def reason(self, language: Language = "en") -> str:
        """What of it explains why: figures, and who could allow it."""
        asked, grant = self.instruction, self.grant
        grantor = self.under if grant is None else grant.grantor if grant.parent else None
        cap = getattr(grant.caps, _CAPS[self.control]) if grant and self.control in _CAPS else 0
        return _REASONS[self.control][language].format(
            figure=self.seen,
            amount=self._amount(asked.amount_minor),
            subject=asked.subject,
            payee=asked.payee,
            value_date=asked.value_date,
            expires=asked.expires,
            day=self.seen,
            action=_ACTIONS[language][asked.action],
            login=self.login,
            asker=self.asker,
            grantor=grantor or _DECLARATION[language],
            grant=_GRANT[language].format(number=grant.id, grantee=grant.grantee) if grant else "",
            cap=self._amount(cap),
            days=grant.caps.period_days if grant else "",
        )

    def _amount(self, amount_minor: int) -> str:
        return with_unit(amount_minor, unit(self.unit))

    def __str__(self) -> str:
        return self.text("en")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an instruction: `posting` unless it was refused; `replayed` where that was earlier.

    The balances are those of the first and the last account of the path after it. `under` is the grant that carried it.
    """

    instruction: Instruction
    posting: int | None
    replayed: bool
    refusal: Refusal | None
    debit_balance_minor: int | None
    credit_balance_minor: int | None
    under: int | None
