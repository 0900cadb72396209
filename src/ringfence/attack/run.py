"""Carrying an attack out on the books of a ring, and telling what became of it.

Where the checker sees a way, it is walked, step by step, through real logins; that it goes through is then read off balances, not off
the plan. Where it sees none, everything that comes near is tried all the same: with the firm's own login, and by bringing what
papers the firm has to whoever could act on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Literal, NoReturn

from ringfence.attack.plan import Plan, Planning
from ringfence.attack.scenario import Help, Scenario, scenarios
from ringfence.attack.wanted import FIRM, WANTED
from ringfence.attack.world import ONLOOKER, Powerless, Walk, World
from ringfence.database import Store
from ringfence.errors import Language, RingfenceError
from ringfence.ledger import Control, Refusal
from ringfence.money import UNITS, render, unit
from ringfence.ring import Ring
from ringfence.ring.closure import FORGED, NAMED, OTHER, VICTIM, Place, Step
from ringfence.ring.ring import RouteOfBook
from ringfence.ring.who import Group

Result = Literal["through", "refused", "detected", "no-meaning"]


class NotAsPlanned(RingfenceError):
    """The books did not let through what the checker says goes through: `ring`, `attack`, `detail`. One of the two is wrong."""

    code = "not-as-planned"
    template: ClassVar[dict[Language, str]] = {
        "en": "{attack} in ring {ring}: the checker says that it goes through, the books say: {detail}",
        "zh": "封闭圈 {ring} 的 {attack}:校验判定可行,而账簿拒绝:{detail}",
    }


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the story, in both languages."""

    en: str
    zh: str

    def text(self, language: Language) -> str:
        """Say it."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one attack in one ring.

    `controls` are those that refused it, `step` where it ended, `help` with whose help and inside which `bounds` it went
    through, `shown` which records show it, `story` all of it in order; `difference_minor` the worst that the money equation
    was off after any step.
    """

    ring: str
    attack: str
    outcome: Result
    controls: tuple[str, ...]
    step: str
    story: tuple[Told, ...]
    help: Help | None = None
    bounds: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    conspirators: tuple[str, ...] = ()
    difference_minor: int = 0


def attack(store: Store, ring: Ring, name: str, planning: Planning | None = None, prefix: str = "") -> Row:
    """Try the attack `name` on books of `ring` made for it in `store`. Errors: NotAsPlanned."""
    planning = planning or Planning(ring)
    scenario = scenarios()[name]
    if not planning.has_meaning(scenario):
        return _no_meaning(ring, name)
    plan = planning.plan(scenario)
    with World(store, ring, f"{prefix or ring.ring.name}_{name}") as world:
        world.fill()
        trying = Trying(world, planning, name, scenario)
        return trying.carry_out(plan) if plan else trying.come_near()


def _no_meaning(ring: Ring, name: str) -> Row:
    told = Told(
        "There is nothing in this ring that it could be about.",
        "本封闭圈中没有该手法所针对的对象。",
    )
    return Row(ring.ring.name, name, "no-meaning", (), "", (told,))


class Trying:
    """One attack under way in one world."""

    def __init__(self, world: World, planning: Planning, name: str, scenario: Scenario) -> None:
        self._world, self._planning, self._name, self._scenario = world, planning, name, scenario
        self._ring = world.ring
        self._story: list[Told] = []
        self._before = world.difference_minor()
        self._worst = self._before

    def _say(self, en: str, zh: str) -> None:
        self._story.append(Told(en, zh))
        self._worst = max(self._worst, self._world.difference_minor(), key=abs)

    def _amount(self, source: Place, target: Place | None = None) -> int:
        """In the minor part of what goes from there to there."""
        code = self._world.places.common_unit(source, target or source)
        return int(Decimal(self._scenario.amount) * 10 ** UNITS[code].scale)

    # -- a plan -----------------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> Row:
        """Walk its steps, and see in the books that the value has moved."""
        last = plan.steps[-1].target
        code = self._world.places.common_unit(plan.steps[-1].source, last)
        before = self._world.balance(last, code)
        if plan.straw and OTHER not in plan.straw:
            opened = " + ".join(sorted(plan.straw))
            self._say(f"{opened} opens an account for a nominee, X.", f"{opened} 为名义客户X开户。")
        for step in plan.steps:
            self._feed(step, plan)
            self._walk(step, plan)
        gained = abs(self._world.balance(last, code) - before)
        if gained != self._amount(plan.steps[-1].source, last):
            self._fail(f"{gained} at {last.kind}")
        self._afterwards(plan)
        outcome: Result = "detected" if plan.shown else "through"
        if plan.shown:
            self._say(f"It is seen by {', '.join(plan.shown)}.", f"可由 {'、'.join(plan.shown)} 发现。")
        else:
            self._say("No record shows it that they could not silence.", "凡能显示此事的记录均可被其隐瞒。")
        return Row(
            self._ring.ring.name, self._name, outcome, (), plan.steps[-1].route, tuple(self._story), plan.help,
            tuple(sorted(plan.bounds)), plan.shown, tuple(sorted(plan.conspirators)), self._worst,
        )  # fmt: skip

    def _fail(self, detail: str) -> NoReturn:
        raise NotAsPlanned(ring=self._ring.ring.name, attack=self._name, detail=detail)

    def _feed(self, step: Step, plan: Plan) -> None:
        """What leaves a run must have come into it: from V, on the other side of the same paper."""
        kind = self._world.places.kind(step.source)
        if not kind.zero_at_close:
            return
        book = self._ring.books[step.source.book]
        code = self._world.places.common_unit(step.source, step.target)
        papers = {paper for paper, _ in step.papers}
        for name, route in book.routes.items():
            begins = book.kinds[route.path[0]]
            if (
                route.path[-1] == step.source.kind
                and papers & set(route.proofs)
                and begins.invariant == "non-negative"
                and code in (begins.units or book.units)
            ):
                walk = replace(
                    self._world.honestly(step.source.book, name, 0), amount_minor=self._amount(step.source, step.target)
                )
                self._go(walk, f"{step.source.book}.{name}", plan, step.papers)
                return

    def _walk(self, step: Step, plan: Plan) -> None:
        book, _, route = step.route.partition(".")
        client = VICTIM if step.client == VICTIM else OTHER
        walk = Walk(book, route, client, step.source, step.target, self._amount(step.source, step.target))
        self._go(walk, step.route, plan, step.papers)

    def _go(self, walk: Walk, name: str, plan: Plan, papers: tuple[tuple[str, str], ...]) -> None:
        route = self._planning.route(name)
        book = self._ring.books[walk.book]
        refused = self._world.walk(walk)
        if refused is not None:
            self._fail(str(refused))
        asker = f"{book.kept_by}.{route.asks}"
        who, wer = self._why(asker, OTHER, papers, plan.conspirators)
        amount = self._shown_amount(walk)
        self._say(
            f"{name}: {amount} from {walk.source.kind} to {walk.target.kind}, asked by {asker}, {who}.",
            f"{name}:{amount} 自 {walk.source.kind} 至 {walk.target.kind},由 {asker} 发起,{wer}。",
        )

    def _why(self, asker: str, about: str, papers: tuple[tuple[str, str], ...], conspirators: Group) -> tuple[str, str]:
        if asker in conspirators:
            return "who conspires", "其人参与合谋"
        made = []
        for paper, state in papers:
            if state == FORGED and paper in self._ring.proofs:
                forgers = self._planning.forgers(paper, about, conspirators)
                made.append((paper, " + ".join(sorted(forgers)) if forgers else ""))
        en = "; ".join(
            f"{paper} made by {who}" if who else f"{paper} reports what was wrong before" for paper, who in made
        )
        zh = ";".join(f"{paper} 系 {who} 所制" if who else f"{paper} 如实报告前述不实一笔" for paper, who in made)
        return f"who is honest and has a genuine-looking paper: {en}", f"其人诚实,凭证看似真实:{zh}"

    def _afterwards(self, plan: Plan) -> None:
        last = plan.steps[-1].target
        for name in (plan.onward, plan.back):
            if name is None:
                continue
            route = self._planning.route(name)
            ends = self._ring.books[last.book].kinds[route.path[-1]]
            target = Place(last.book, route.path[-1], OTHER if ends.owner == "client" else ends.owner)
            walk = Walk(last.book, name.partition(".")[2], OTHER, last, target, self._amount(last))
            refused = self._world.walk(walk)
            if refused is not None:
                self._fail(str(refused))
            on = name == plan.onward
            self._say(
                f"{name}: {self._shown_amount(walk)} {'on to X' if on else 'back before the count'}.",
                f"{name}:{self._shown_amount(walk)} {'转入客户X' if on else '于盘点前划回'}。",
            )

        if WANTED[self._scenario.wants].onward and self._world.places.is_claim(last):
            self._pay_out(last)

    def _pay_out(self, claim: Place) -> None:
        """X withdraws what it is owed now, like any client: the money leaves the pool for X's own account, or for outside."""
        ring, amount = self._ring, self._amount(claim)
        for name, route in ring.books[claim.book].routes.items():
            mirrored = ring.books[claim.book].kinds[route.path[-1]].mirrors
            if route.path[0] != claim.kind or mirrored is None:
                continue
            of, _, pool = mirrored.partition(".")
            for paying, way in ring.books[of].routes.items():
                ends = ring.books[of].kinds[way.path[-1]]
                target = Place(of, way.path[-1], OTHER if ends.owner == "client" else ends.owner)
                if way.path[0] == pool and (target.owner == OTHER or self._world.places.is_outside(target)):
                    source = Place(of, pool, ring.books[of].kinds[pool].owner)
                    claimed = Place(claim.book, route.path[-1], ring.books[claim.book].kinds[route.path[-1]].owner)
                    for walk in (
                        Walk(of, paying, OTHER, source, target, amount),
                        Walk(claim.book, name, OTHER, claim, claimed, amount),
                    ):
                        refused = self._world.walk(walk)
                        if refused is not None:
                            self._fail(str(refused))
                    self._say(
                        f"{of}.{paying}, {claim.book}.{name}: X withdraws it like any client, and it is gone.",
                        f"{of}.{paying}、{claim.book}.{name}:客户X照常出金,资金流出。",
                    )
                    return

    def _shown_amount(self, walk: Walk) -> str:
        code = self._world.places.common_unit(walk.source, walk.target)
        return f"{render(walk.amount_minor, unit(code))} {code}"

    # -- no plan ----------------------------------------------------------------------------------------------------------

    def come_near(self) -> Row:
        """Try every route that leaves such a place, and whatever the firm's own login can ask for; all of it must be refused."""
        controls: dict[str, None] = {}
        step = ""
        for name, refused in self._attempts():
            step = name
            controls.update(dict.fromkeys(refused))
        if self._worst != self._before:
            self._fail(f"the money equation is off by {self._worst}")
        return Row(
            self._ring.ring.name, self._name, "refused", tuple(sorted(controls, key=_by_number)), step, tuple(self._story),
            difference_minor=self._worst,
        )  # fmt: skip

    def _attempts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        wanted = WANTED[self._scenario.wants]
        places = self._world.places
        helping = frozenset({OTHER}) if "mule" in self._scenario.help else frozenset[str]()
        conspirators = helping | self._firm()
        sources = [place for place in places.all() if wanted.source(places, place)]
        for source in sources or [place for place in places.all() if wanted.about(places, place)]:
            if source.owner != OTHER:
                yield self._as_the_firm(source)
            elif not wanted.overdraws:
                continue
            for name, route in self._ring.books[source.book].routes.items():
                if route.path[0] == source.kind:
                    yield self._by_paper(source, name, route, conspirators)
        yield "", (self._scenario.absent,) if self._ring.controls else ()

    def _firm(self) -> Group:
        party = self._ring.parties[FIRM]
        return frozenset(f"{FIRM}.{person}" for person in party.persons) or frozenset({FIRM})

    def _as_the_firm(self, source: Place) -> tuple[str, tuple[str, ...]]:
        """The firm asks by itself, with the only login that it has there."""
        book = self._ring.books[source.book]
        for name, route in book.routes.items():
            if route.path[0] != source.kind:
                continue
            walk = self._world.honestly(source.book, name, self._amount(source))
            step = f"{source.book}.{name}"
            try:
                refused = self._world.attempt(source.book, ONLOOKER, walk)
            except Powerless as powerless:
                self._say(
                    f"{step}: the firm asks by itself, as {powerless.login}; the database lets that login post nothing.",
                    f"{step}:公司以自有登录 {powerless.login} 直接发起;数据库不允许该登录记账。",
                )
                return step, self._named("logins")
            if refused is None:
                self._fail(f"{step} went through for the firm's own login")
            return step, self._by_refusal(source.book, route, refused)
        return "", ()

    def _by_paper(
        self, source: Place, name: str, route: RouteOfBook, conspirators: Group
    ) -> tuple[str, tuple[str, ...]]:
        """The firm brings what papers it has to whoever asks on that route, and to whoever finishes."""
        step = f"{source.book}.{name}"
        book = self._ring.books[source.book]
        about = OTHER if source.owner == OTHER else VICTIM
        for person in (route.asks, route.finishes):
            if person is None:
                continue
            mine = [p for p in route.proofs if self._ring.proofs[p].checked_by == f"{book.kept_by}.{person}"]
            lacking = [p for p in mine if self._planning.forgers(p, about, conspirators) is None]
            named = set[str]().union(*(self._ring.proofs[p].names for p in mine)) if mine else set()
            who = f"{book.kept_by}.{person}"
            if lacking:
                what = ", ".join(lacking)
                self._say(
                    f"{step}: {who} does not act without {what}, which the firm cannot make.",
                    f"{step}:{who} 无 {what} 不予办理,而公司无法出具。",
                )
                return step, tuple(control for paper in lacking for control in self._named(paper))
            if person == route.asks and not named >= NAMED:
                self._say(
                    f"{step}: {who} has no paper that names both payee and amount, and does not act.",
                    f"{step}:{who} 无载明收款人与金额的凭证,不予办理。",
                )
                return step, ()
        if about == VICTIM and book.kinds[route.path[-1]].zero_at_close:
            self._say(
                f"{step}: what goes into a run comes out of it on the other side of the same paper, or the day does not close.",
                f"{step}:转入清算过渡的款项须由同一凭证的另一方转出,否则不能关账。",
            )
            return step, ()
        # The papers look genuine, so honest persons act; what is wrong the database must see.
        walk = replace(
            self._world.honestly(source.book, name, self._amount(source)), client=about, source=source, confirmed=False
        )
        refused = self._world.walk(walk)
        if refused is None:
            self._say(
                f"{step}: goes through, and nowhere that the firm wants it.", f"{step}:可行,但所到之处并非公司所图。"
            )
            return step, ()
        self._say(f"{step}: {refused.text('en')}", f"{step}:{refused.text('zh')}")
        return step, self._by_refusal(source.book, route, refused)

    def _by_refusal(self, book: str, route: RouteOfBook, refused: Refusal) -> tuple[str, ...]:
        elements = {
            Control.ROUTE: "logins", Control.ASKER: "logins", Control.CLIENT: "same-client", Control.MEMBER: "own-member",
            Control.PAYEE: "registered-account", Control.COOLING: "registered-account", Control.SOURCE: "bank-confirmed",
            Control.DAY: "days", Control.DATED: "days", Control.FUNDS: f"{book}.{route.path[0]}",
        }  # fmt: skip
        return self._named(elements.get(refused.control, ""))

    def _named(self, element: str) -> tuple[str, ...]:
        """The controls that stand on this element of the ring."""
        return tuple(name for name, control in self._ring.controls.items() if element in control.stands_on)


def _by_number(control: str) -> int:
    return int("".join(character for character in control if character.isdigit()) or 0)
