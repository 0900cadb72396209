"""Attacks that are no movement along a route but something particular: a letter, a race, a binding, a schema.

Each is tried on the books of a ring as they are, through the logins of those who would try it; what refuses it is told, with the
control that stands on it. Where one of its steps goes through, the attack has gone through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg

from ringfence.attack.books import DAY, NAMES
from ringfence.attack.story import NotAsPlanned, Row, Story
from ringfence.attack.world import Powerless, Walk, World
from ringfence.ledger import Binding, Caps, Refusal
from ringfence.office.founding import ONLOOKER
from ringfence.ring.closure import OTHER, VICTIM, Place

YUAN = 100
ROUNDS = 20


@dataclass
class Trial:
    """One attack on one world: `exchange` and `bank` are the books that it is about."""

    world: World
    attack: str
    story: Story

    def refused(self) -> Row:
        """Everything was refused."""
        return self.story.row(self.attack, "refused")

    def went_through(self, step: str, refusal: Refusal | None, kind: str, en: str, zh: str) -> Row | None:
        """None where `step` was refused, which is told; else it went through, and the attack is over. `kind` is as in by_kernel."""
        if refusal is None:
            return self.through(step, en, zh)
        self.story.by_kernel(step, refusal, kind)
        return None

    def through(self, step: str, en: str, zh: str) -> Row:
        """This step went through, and so the attack."""
        self.story.step = step
        self.story.say(f"{step}: {en}", f"{step}：{zh}")
        return self.story.row(self.attack, "through")

    def must(self, refused: Refusal | None) -> None:
        """What is done honestly on the way must not be refused. Errors: NotAsPlanned."""
        if refused is not None:
            raise NotAsPlanned(ring=self.world.ring.ring.name, attack=self.attack, detail=refused.text("en"))

    def place(self, book: str, kind: str, owner: str | None = None) -> Place:
        """A place by its kind; V's or X's, or the party's."""
        return Place(book, kind, owner or self.world.ring.books[book].kinds[kind].owner)


def insider(trial: Trial) -> Row:
    """M2: another's account; more than one person may; a grant to oneself; into a closed day."""
    world, story = trial.world, trial.story
    step = "exchange.withdrawal"
    book = world.ring.books["exchange"]
    clerk = book.routes["withdrawal"].asks
    claim, mirror = trial.place("exchange", "client-cash", VICTIM), trial.place("exchange", "bank-cash")

    asked = Walk("exchange", "withdrawal", VICTIM, claim, mirror, 10_000 * YUAN)
    refusal = world.attempt("exchange", clerk, asked, payee=f"62-{NAMES[OTHER]}")
    if row := trial.went_through(
        step, refusal, "exchange.client-cash", "held for a payment to another's account.", "已冻结，拟付他人账户。"
    ):
        return row

    world.limit("exchange", "withdrawal", Caps(per_item_minor=50_000 * YUAN))
    refusal = world.attempt("exchange", clerk, replace(asked, amount_minor=60_000 * YUAN))
    if row := trial.went_through(
        step, refusal, "exchange.client-cash", "held beyond what one person may let pass.", "超过单人权限仍已冻结。"
    ):
        return row

    ledger = world.login("exchange", clerk)
    try:
        ledger.give("own", parent=ledger.granted("withdrawal")[0].id, grantee=clerk, caps=Caps(per_item_minor=10**15))
    except psycopg.errors.InsufficientPrivilege:
        story.refused(
            "exchange.give", "grants", f"{ledger.login} asks for a grant to itself; whoever posts gives none.",
            f"{ledger.login} 请求自行授权；记账者不得授权。",
        )  # fmt: skip
    else:
        return trial.through("exchange.give", "a grant to oneself.", "自行授权成功。")

    world.close_day("bank")
    paying = world.ring.books["bank"].routes["withdrawal"].asks
    pool, account = trial.place("bank", "exchange-client-money"), trial.place("bank", "client-bank", VICTIM)
    refusal = world.attempt("bank", paying, Walk("bank", "withdrawal", VICTIM, pool, account, 10_000 * YUAN), day=DAY)
    if row := trial.went_through(
        "bank.withdrawal",
        refusal,
        "bank.exchange-client-money",
        f"dated into {DAY}, which is closed.",
        f"记入已关之日 {DAY}。",
    ):
        return row
    return trial.refused()


def repeated(trial: Trial) -> Row:
    """M3: the same report again, and again with another amount."""
    world, story = trial.world, trial.story
    claim = trial.place("exchange", "client-cash", VICTIM)
    account, pool = trial.place("bank", "client-bank", VICTIM), trial.place("bank", "exchange-client-money")
    trial.must(world.walk(Walk("bank", "deposit", VICTIM, account, pool, 1_000 * YUAN)))
    asked = Walk("exchange", "deposit", VICTIM, trial.place("exchange", "bank-cash"), claim, 1_000 * YUAN)
    before = world.balance(claim)
    instruction = replace(world.instruction(asked), key="bank:serial:1")
    for _ in range(2):
        world.post(asked, instruction)
    if world.balance(claim) != before + 1_000 * YUAN:
        return trial.through("exchange.deposit", "booked twice.", "重复入账。")
    story.refused(
        "exchange.deposit", "keys", "the same again changed nothing.", "相同报文重发，未再入账。"
    )  # fmt: skip
    refusal = world.post(asked, replace(instruction, amount_minor=2_000 * YUAN)).refusal
    if row := trial.went_through(
        "exchange.deposit", refusal, "exchange.bank-cash", "another amount under the same key.", "同键异额已入账。"
    ):
        return row
    return trial.refused()


def race(trial: Trial) -> Row:
    """M4: a withdrawal and an order at the same moment, each of most of what there is."""
    world, story = trial.world, trial.story
    claim = trial.place("exchange", "client-cash", VICTIM)
    most = world.balance(claim) * 4 // 5
    asks = [
        Walk("exchange", "withdrawal", VICTIM, claim, trial.place("exchange", "bank-cash"), most),
        Walk("exchange", "order", VICTIM, claim, trial.place("exchange", "settlement"), most),
    ]
    short = None
    for _ in range(ROUNDS):
        outcomes = world.at_once(asks)
        held = [outcome for outcome in outcomes if outcome.refusal is None]
        if len(held) == len(asks):
            return trial.through("exchange.order", "both were held.", "两笔均已冻结。")
        short = next(outcome.refusal for outcome in outcomes if outcome.refusal)
        trial.must(world.release("exchange", held[0]))
    if short is not None:
        story.by_kernel(f"exchange.{short.instruction.route}", short, "exchange.client-cash")
    story.say(f"{ROUNDS} times at once: one of the two each time.", f"同时提交 {ROUNDS} 次：每次只成其一。")
    return trial.refused()


def takeover(trial: Trial) -> Row:
    """M7: one registrar binds V to another account, and everything is asked to be paid there."""
    world, story = trial.world, trial.story
    book = world.ring.books["exchange"]
    victim = NAMES[VICTIM]
    registrar = world.login("exchange", book.registers)
    registrar.bind([Binding(victim, "bank", "62-stolen", f"id-{victim}")])
    story.say(
        f"exchange.bind: {registrar.login} binds V to account 62-stolen; the bank has not said so, and it waits.",
        f"exchange.bind：{registrar.login} 将客户V改绑至账户 62-stolen；银行未予确认，尚待生效。",
    )
    try:
        registrar.confirm([Binding(victim, "bank", "62-stolen", f"id-{victim}")])
    except psycopg.errors.InsufficientPrivilege:
        story.refused(
            "exchange.confirm", "registered-account", f"{registrar.login} confirms nothing: that is another person's.",
            f"{registrar.login} 无权确认：须由他人办理。",
        )  # fmt: skip
    else:
        return trial.through("exchange.confirm", "the registrar has confirmed its own binding.", "登记员自行确认。")
    walk = Walk(
        "exchange", "withdrawal", VICTIM, trial.place("exchange", "client-cash", VICTIM),
        trial.place("exchange", "bank-cash"), 10_000 * YUAN,
    )  # fmt: skip
    refusal = world.attempt("exchange", book.routes["withdrawal"].asks, walk, payee="62-stolen")
    if refusal is not None:
        story.by_kernel("exchange.withdrawal", refusal, "exchange.client-cash")
        return trial.refused()
    # Nothing at the exchange has stopped it: the bank pays what is ordered, to the account that is named.
    pool, account = trial.place("bank", "exchange-client-money"), trial.place("bank", "client-bank", OTHER)
    refusal = world.walk(Walk("bank", "withdrawal", VICTIM, pool, account, 10_000 * YUAN))
    if refusal is not None:
        story.by_kernel("bank.withdrawal", refusal, "bank.exchange-client-money")
        return trial.refused()
    return trial.through("bank.withdrawal", "V's money is on another's account.", "客户V的资金已付至他人账户。")


def exemption(trial: Trial) -> Row:
    """M8: every login of the exchange tries to write to what says how accounts behave."""
    world, story = trial.world, trial.story
    ledger = world.login("exchange", world.ring.books["exchange"].closes)
    columns = [name for (name,) in ledger.rows(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = %s AND table_name IN ('account', 'party')", (ledger.name,)
    )]  # fmt: skip
    exempting = [
        name for name in columns if any(word in name for word in ("allow", "exempt", "negative", "override", "skip"))
    ]
    if exempting:
        return trial.through("exchange.account", f"there is a column {exempting[0]}.", f"存在字段 {exempting[0]}。")
    story.say(
        f"exchange.account: of an account and its owner the schema keeps {', '.join(columns)}; none of them exempts anybody.",
        f"exchange.account：账户与户主的字段为 {'、'.join(columns)}；无一可作豁免。",
    )
    tried = []
    for person in world.ring.parties["exchange"].persons:
        ledger = world.login("exchange", person)
        for change in (
            "UPDATE {}.kind SET invariant = invariant",
            "UPDATE {}.account SET kind = kind",
            "UPDATE {}.route SET held = held",
        ):
            try:
                ledger.rows(change + " RETURNING 1")
            except psycopg.errors.InsufficientPrivilege:
                tried.append(ledger.login)
            else:
                return trial.through(
                    "exchange.account", f"{ledger.login} may: {change}", f"{ledger.login} 可执行：{change}"
                )
    story.refused(
        "exchange.account", "exchange.client-cash", f"{len(set(tried))} logins, {len(tried)} attempts to write there: the database lets none.",
        f"{len(set(tried))} 个登录、{len(tried)} 次写入尝试：数据库一律拒绝。",
    )  # fmt: skip
    return trial.refused()


def unclaimed(trial: Trial) -> Row:
    """M9: confirmed money of somebody unknown waits; it is given to a client of one's own."""
    world, story = trial.world, trial.story
    suspense, claim = trial.place("exchange", "suspense"), trial.place("exchange", "client-cash", OTHER)
    pool, account = trial.place("bank", "exchange-client-money"), trial.place("bank", "client-bank", VICTIM)
    trial.must(world.walk(Walk("bank", "deposit", VICTIM, account, pool, 1_000 * YUAN)))
    trial.must(
        world.walk(Walk("exchange", "unknown", VICTIM, trial.place("exchange", "bank-cash"), suspense, 1_000 * YUAN))
    )
    story.say(
        "exchange.unknown: 1,000.00 CNY wait; the equation counts them as owed.",
        "exchange.unknown：1,000.00 CNY 暂挂；恒等式计为应付。",
    )
    asked = Walk("exchange", "attribute", OTHER, suspense, claim, 1_000 * YUAN)
    try:
        world.attempt("exchange", ONLOOKER, asked)
    except Powerless as powerless:
        story.refused(
            "exchange.attribute", "logins", f"as {powerless.login} the member posts nothing.",
            f"会员登录 {powerless.login} 不能记账。",
        )  # fmt: skip
    else:
        return trial.through("exchange.attribute", "the member has attributed it.", "会员自行归属。")
    refusal = world.attempt(
        "exchange", world.ring.books["exchange"].routes["attribute"].asks, asked, payee=f"62-{NAMES[VICTIM]}"
    )
    if row := trial.went_through(
        "exchange.attribute",
        refusal,
        "exchange.suspense",
        "it is X's now, and came from another's account.",
        "已归入客户X，而款项来自他人账户。",
    ):
        return row
    return trial.refused()


def fractions(trial: Trial) -> Row:
    """M10: payers' fees rounded up, receivers' down; what is left over, and where it can go."""
    world, story = trial.world, trial.story
    settlement = world.ring.books["exchange"].routes["left-over"].asks
    run, rounding = trial.place("exchange", "deferral"), trial.place("exchange", "rounding")
    world.limit("exchange", "left-over", Caps(per_day_minor=100))
    paid = world.walk(
        Walk("exchange", "deferred-paid", VICTIM, trial.place("exchange", "client-cash", VICTIM), run, 10_000)
    )
    trial.must(paid)
    refusal = world.attempt("exchange", settlement, Walk("exchange", "left-over", VICTIM, run, rounding, 10_000))
    if row := trial.went_through(
        "exchange.left-over",
        refusal,
        "exchange.deferral",
        "a fee of 100.00 is called a rounding.",
        "100.00 元费用被当作尾差。",
    ):
        return row
    for amount, route, target in (
        (9_993, "deferred-received", trial.place("exchange", "client-cash", OTHER)),
        (7, "left-over", rounding),
    ):
        trial.must(world.walk(Walk("exchange", route, OTHER, run, target, amount)))
    story.say(
        "exchange.left-over: 0.07 CNY of roundings, within the grant.",
        "exchange.left-over：尾差 0.07 CNY，在授权之内。",
    )
    ways = [name for name, route in world.ring.books["exchange"].routes.items() if route.path[0] == "rounding"]
    if ways:
        return trial.through(
            f"exchange.{ways[0]}", "a route leads out of the account for roundings.", "尾差账户存在出路。"
        )
    refusal = world.attempt(
        "exchange",
        settlement,
        Walk("exchange", "skim", OTHER, rounding, trial.place("exchange", "client-cash", OTHER), 7),
    )
    if row := trial.went_through("exchange.skim", refusal, "exchange.rounding", "seven fen to X.", "七分归客户X。"):
        return row
    return trial.refused()


PARTICULAR: dict[str, Callable[[Trial], Row]] = {
    "insider": insider,
    "repeated": repeated,
    "race": race,
    "takeover": takeover,
    "exemption": exemption,
    "unclaimed": unclaimed,
    "fractions": fractions,
}
# What they are about. The source does not go so far into the models that it compares, and where it does not, neither do we.
ABOUT = ("bank.exchange-client-money", "exchange.client-cash", "exchange.suspense", "exchange.rounding")
