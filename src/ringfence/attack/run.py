"""Carrying an attack out on the books of a ring, and telling what became of it.

Where the checker sees a way, it is walked, step by step, through real logins; that it goes through is then read off balances, not off
the plan. Where it sees none, everything that comes near is tried all the same: with the firm's own login, and by bringing what
papers the firm has to whoever could act on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NoReturn

from ringfence.attack.forged import forged_statement
from ringfence.attack.particular import ABOUT, PARTICULAR, Trial
from ringfence.attack.plan import Plan, Planning
from ringfence.attack.scenario import Scenario, scenarios
from ringfence.attack.story import NotAsPlanned, Result, Row, Story
from ringfence.attack.wanted import WANTED
from ringfence.attack.world import Powerless, Walk, World
from ringfence.database import Store
from ringfence.errors import BadInput
from ringfence.money import UNITS, render, unit
from ringfence.office.founding import ONLOOKER
from ringfence.ring import Ring
from ringfence.ring.closure import FORGED, NAMED, OTHER, VICTIM, Place, Step
from ringfence.ring.ring import RouteOfBook
from ringfence.ring.who import Group


def attack(
    store: Store,
    ring: Ring,
    name: str,
    planning: Planning | None = None,
    prefix: str = "",
    left_out: Sequence[str] = (),
) -> Row:
    """Try the attack `name` on books of `ring` made for it in `store`, under names that begin with `prefix` or the ring's.

    `left_out` are lines of the kernel's SQL without which these books are made (ringfence.ring.left_out).
    Errors: NotAsPlanned; BadInput for an attack that waits for a part that does not exist yet.
    """
    planning = planning or Planning(ring)
    scenario = scenarios()[name]
    if scenario.waits_for is not None:
        raise BadInput("attack", name, f"one that waits for nothing: this one waits for {scenario.waits_for.en}")
    places = {f"{place.book}.{place.kind}" for place in planning.places.all()}
    if not (planning.has_meaning(scenario) if scenario.wants else set(ABOUT) <= places):
        return _no_meaning(ring, name)
    if scenario.tries == "forged-statement":
        return forged_statement(store, ring, name, believed="letters" not in ring.records)
    with World(store, ring, f"{prefix or ring.ring.name}_{name}", left_out) as world:
        world.fill()
        if scenario.tries:
            trial = Trial(world, name, Story(ring, world.difference_minor))
            return PARTICULAR[scenario.tries](trial)
        plan = planning.plan(scenario)
        trying = Trying(world, planning, name, scenario)
        return trying.carry_out(plan) if plan else trying.come_near()


def _no_meaning(ring: Ring, name: str) -> Row:
    story = Story(ring)
    story.say("There is nothing in this ring that it could be about.", "本封闭圈中没有该手法所针对的对象。")
    return story.row(name, "no-meaning")


class Trying:
    """One attack under way in one world."""

    def __init__(self, world: World, planning: Planning, name: str, scenario: Scenario) -> None:
        self._world, self._planning, self._name, self._scenario = world, planning, name, scenario
        self._ring = world.ring
        self._story = Story(world.ring, world.difference_minor)

    def _amount(self, source: Place, target: Place | None = None) -> int:
        """In the minor part of what goes from there to there."""
        code = self._world.places.common_unit(source, target or source)
        return int(Decimal(self._scenario.amount) * 10 ** UNITS[code].scale)

    # -- a plan -----------------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> Row:
        """Walk its steps, and see in the books that the value has moved."""
        self.take(plan)
        self.put_back(plan)
        outcome: Result = "detected" if plan.shown else "through"
        if plan.shown:
            self._story.say(f"It is seen by {', '.join(plan.shown)}.", f"可由 {'、'.join(plan.shown)} 发现。")
        else:
            self._story.say("No record shows it that they could not silence.", "凡能显示此事的记录均可被其隐瞒。")
        self._story.step = plan.steps[-1].route
        return replace(
            self._story.row(self._name, outcome), help=plan.help, bounds=tuple(sorted(plan.bounds)), shown=plan.shown,
            conspirators=tuple(sorted(plan.conspirators)),
        )  # fmt: skip

    def take(self, plan: Plan) -> None:
        """Walk the steps of the plan. Errors: NotAsPlanned, where the books refuse one or the value is not where it should be."""
        last = plan.steps[-1].target
        code = self._world.places.common_unit(plan.steps[-1].source, last)
        before = self._world.balance(last, code)
        if plan.straw and OTHER not in plan.straw:
            opened = " + ".join(sorted(plan.straw))
            self._story.say(f"{opened} opens an account for a nominee, X.", f"{opened} 为名义客户X开户。")
        for step in plan.steps:
            self._feed(step, plan)
            self._walk(step, plan)
        gained = abs(self._world.balance(last, code) - before)
        if gained != self._amount(plan.steps[-1].source, last):
            self._fail(f"{gained} at {last.kind}")

    def _fail(self, detail: str) -> NoReturn:
        raise NotAsPlanned(ring=self._ring.ring.name, attack=self._name, detail=detail)

    def _must(self, walk: Walk) -> None:
        """Walk it. Errors: NotAsPlanned, where the books refuse it."""
        refused = self._world.walk(walk)
        if refused is not None:
            self._fail(str(refused))

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
                and code in book.units_of(route.path[0])
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
        route = self._ring.route(name)
        book = self._ring.books[walk.book]
        self._must(walk)
        asker = f"{book.kept_by}.{route.asks}"
        who, wer = self._why(asker, f"{book.kept_by}.{route.finishes}", OTHER, papers, plan.conspirators)
        amount = self._shown_amount(walk)
        self._story.say(
            f"{name}: {amount} from {walk.source.kind} to {walk.target.kind}, asked by {asker}, {who}.",
            f"{name}：{amount} 自 {walk.source.kind} 至 {walk.target.kind}，由 {asker} 发起，{wer}。",
        )

    def _why(
        self, asker: str, finisher: str, about: str, papers: tuple[tuple[str, str], ...], conspirators: Group
    ) -> tuple[str, str]:
        if asker in conspirators:
            return "who conspires", "其人参与合谋"
        if finisher in conspirators:
            return f"and finished by {finisher}, who conspires", f"由 {finisher} 了结，其人参与合谋"
        made = []
        for paper, state in papers:
            if state == FORGED and paper in self._ring.proofs:
                forgers = self._planning.forgers(paper, about, conspirators)
                made.append((paper, " + ".join(sorted(forgers)) if forgers else ""))
        en = "; ".join(
            f"{paper} made by {who}" if who else f"{paper} reports what was wrong before" for paper, who in made
        )
        zh = ";".join(f"{paper} 系 {who} 所制" if who else f"{paper} 如实报告前述不实一笔" for paper, who in made)
        return f"who is honest and has a genuine-looking paper: {en}", f"其人诚实，凭证看似真实：{zh}"

    def put_back(self, plan: Plan) -> None:
        """What comes after the last step: on to X, or back; and X withdraws. Errors: NotAsPlanned."""
        last = plan.steps[-1].target
        for name in (plan.onward, plan.back):
            if name is None:
                continue
            route = self._ring.route(name)
            ends = self._ring.books[last.book].kinds[route.path[-1]]
            target = Place(last.book, route.path[-1], OTHER if ends.owner == "client" else ends.owner)
            walk = Walk(last.book, name.partition(".")[2], OTHER, last, target, self._amount(last))
            self._must(walk)
            on = name == plan.onward
            self._story.say(
                f"{name}: {self._shown_amount(walk)} {'on to X' if on else 'back before the count'}.",
                f"{name}：{self._shown_amount(walk)} {'转入客户X' if on else '于盘点前划回'}。",
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
                        self._must(walk)
                    self._story.say(
                        f"{of}.{paying}, {claim.book}.{name}: X withdraws it like any client, and it is gone.",
                        f"{of}.{paying}、{claim.book}.{name}：客户X照常出金，资金流出。",
                    )
                    return

    def _shown_amount(self, walk: Walk) -> str:
        code = self._world.places.common_unit(walk.source, walk.target)
        return f"{render(walk.amount_minor, unit(code))} {code}"

    # -- no plan ----------------------------------------------------------------------------------------------------------

    def come_near(self) -> Row:
        """Try every route that leaves such a place, and whatever the firm's own login can ask for; all of it must be refused."""
        self._attempts()
        if self._ring.controls:
            self._story.controls.setdefault(self._scenario.absent)
        return self._story.row(self._name, "refused")

    def _attempts(self) -> None:
        wanted = WANTED[self._scenario.wants]
        places = self._world.places
        helping = frozenset({OTHER}) if "mule" in self._scenario.help else frozenset[str]()
        conspirators = helping | self._firm()
        sources = [place for place in places.all() if wanted.source(places, place)]
        for source in sources or [place for place in places.all() if wanted.about(places, place)]:
            if source.owner != OTHER:
                self._as_the_firm(source)
            elif not wanted.overdraws:
                continue
            for name, route in self._ring.books[source.book].routes.items():
                if route.path[0] == source.kind:
                    self._by_paper(source, name, route, conspirators)
                    self._at_the_door(source, name, route)

    def _at_the_door(self, source: Place, name: str, route: RouteOfBook) -> None:
        """One keeper, with whoever asks, at a place that is opened by several."""
        opened_by = self._ring.books[source.book].kinds[route.path[-1]].opened_by
        if "keeper" in self._scenario.help and opened_by is not None:
            asker = f"{self._ring.books[source.book].kept_by}.{route.asks}"
            one = opened_by.partition(" ")[0]
            self._story.refused(
                f"{source.book}.{name}", f"{source.book}.{route.path[-1]}",
                f"{one} with {asker} opens nothing: {route.path[-1]} is opened by {opened_by}.",
                f"{one} 与 {asker} 不能开库：{route.path[-1]} 须由 {opened_by} 共同开启。",
            )  # fmt: skip

    def _firm(self) -> Group:
        """Everybody who stands in the middle."""
        persons = {
            f"{name}.{person}" for name in self._world.places.firms for person in self._ring.parties[name].persons
        }
        without = {name for name in self._world.places.firms if not self._ring.parties[name].persons}
        return frozenset(persons | without)

    def _as_the_firm(self, source: Place) -> None:
        """The firm asks by itself, with the only login that it has there."""
        for name, route in self._ring.books[source.book].routes.items():
            if route.path[0] != source.kind:
                continue
            walk = self._world.honestly(source.book, name, self._amount(source))
            step = f"{source.book}.{name}"
            try:
                refused = self._world.attempt(source.book, ONLOOKER, walk)
            except Powerless as powerless:
                self._story.refused(
                    step, "logins",
                    f"the firm asks by itself, as {powerless.login}; the database lets that login post nothing.",
                    f"公司以自有登录 {powerless.login} 直接发起；数据库不允许该登录记账。",
                )  # fmt: skip
                return
            if refused is None:
                self._fail(f"{step} went through for the firm's own login")
            self._story.by_kernel(step, refused, f"{source.book}.{source.kind}")
            return

    def _by_paper(self, source: Place, name: str, route: RouteOfBook, conspirators: Group) -> None:
        """The firm brings what papers it has to whoever asks on that route, and to whoever finishes."""
        step = f"{source.book}.{name}"
        book = self._ring.books[source.book]
        about = OTHER if source.owner == OTHER else VICTIM
        for person in (route.asks, route.finishes):
            if person is None:
                continue
            who = f"{book.kept_by}.{person}"
            mine = [p for p in route.proofs if self._ring.proofs[p].checked_by == who]
            lacking = [p for p in mine if self._planning.forgers(p, about, conspirators) is None]
            for paper in lacking:
                self._story.refused(
                    step, paper,
                    f"{who} does not act without {paper}, which the firm cannot make.",
                    f"{who} 无 {paper} 不予办理，而公司无法出具。",
                )  # fmt: skip
            if lacking:
                return
            named = set[str]().union(*(self._ring.proofs[p].names for p in mine)) if mine else set()
            if person == route.asks and not named >= NAMED:
                self._story.refused(
                    step, "",
                    f"{who} has no paper that names both payee and amount, and does not act.",
                    f"{who} 无载明收款人与金额的凭证，不予办理。",
                )  # fmt: skip
                return
        if about == VICTIM and book.kinds[route.path[-1]].zero_at_close:
            self._story.refused(
                step, "",
                "what goes into a run comes out of it on the other side of the same paper, or the day does not close.",
                "转入清算过渡的款项须由同一凭证的另一方转出，否则不能关账。",
            )  # fmt: skip
            return
        # The papers look genuine, so honest persons act; what is wrong the database must see.
        walk = self._world.honestly(source.book, name, self._amount(source))
        refused = self._world.walk(replace(walk, client=about, source=source, confirmed=False))
        if refused is None:
            self._story.say(
                f"{step}: goes through, and nowhere that the firm wants it.", f"{step}：可行，但所到之处并非公司所图。"
            )
        else:
            self._story.by_kernel(step, refused, f"{source.book}.{route.path[0]}")
