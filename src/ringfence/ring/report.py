"""What was decided of a ring, told to a person: who alone could take anything, and who would have to conspire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ringfence.errors import Language
from ringfence.ring.closure import COOL_OFF, FORGED, GRANT, OTHER, VICTIM, Place, Step
from ringfence.ring.coalitions import ANYONE, Finding, Path, Verdict
from ringfence.ring.explain import padded, wrapped
from ringfence.ring.ring import Ring
from ringfence.ring.who import groups

_WORDS: dict[str, dict[Language, str]] = {
    "closed": {"en": "CLOSED: no {} can take client money alone.", "zh": "封闭:任何{}均不能单独取走客户资金。"},
    "open": {"en": "OPEN: the {} can take client money alone.", "zh": "未封闭:{}可单独取走客户资金。"},
    "size": {
        "en": "Decided from the declaration: {} routes in {} books, every way of walking them.",
        "zh": "依声明判定:{1} 套账簿、{0} 条通路的全部走法。",
    },
    "alone": {"en": "WHAT A PARTY CAN TAKE ALONE, WITH ALL ITS PERSONS", "zh": "一方全体人员单独作案可取走什么"},
    "takes": {"en": "WHO WOULD HAVE TO CONSPIRE TO TAKE IT", "zh": "取走资金所需的最小合谋"},
    "loses": {
        "en": "WHO COULD LET IT GO TO STRANGERS, AND GET NOTHING",
        "zh": "可使资金流向他人而自己无所得者",
    },
    "hides": {"en": "WHO COULD TAKE IT SO THAT NO RECORD SHOWS IT", "zh": "取走且任何记录均不显示所需的最小合谋"},
    "until": {"en": "UNTIL THE NEXT COUNT, THESE TOO", "zh": "在下次盘点之前,还包括"},
    "above": {
        "en": "IF THE OPERATOR OF A BOOK STANDS ABOVE ITS OWN KERNEL: WHAT MOVES, AND WHO MUST JOIN TO TAKE IT",
        "zh": "若账簿运维人员凌驾于内核之上:可动用什么,何人须合谋方能取走",
    },
    "nothing": {"en": "nothing", "zh": "取不走任何资金"},
    "nobody": {"en": "nobody", "zh": "无人能做到"},
    "shown": {"en": "shown by {}", "zh": "可由 {} 发现"},
    "unseen": {"en": "no record shows it", "zh": "无任何记录显示"},
    "owing": {"en": "owed by the {}", "zh": "由{}赔付"},
    "forged": {"en": "{} is forged by {}", "zh": "{} 系 {} 伪造"},
    "reported": {"en": "{} reports what was wrong above", "zh": "{} 据上述不实一笔而来"},
    "registered": {"en": "the registered account is false, by {}", "zh": "登记账户不实,系 {} 所为"},
    "waved": {"en": "{} is waved through by {}", "zh": "{} 由 {} 未经审核放行"},
    "kernel": {"en": "the kernel's checks are passed over by {}", "zh": "内核校验被 {} 绕过"},
    "asked": {"en": "asked without papers by {}", "zh": "{} 无凭证发起"},
    "grant": {"en": "within the grant of {}", "zh": "以 {} 的授权为限"},
    "cool-off": {"en": "after the cool-off of a changed account", "zh": "变更账户的冷静期之后"},
    "anyone": {"en": "any person of the {}", "zh": "{}任一人员"},
    "X": {"en": "client X", "zh": "客户X"},
    "V": {"en": "client V", "zh": "客户V"},
    "legend": {
        "en": "V is any client whose money it is, X another one who conspires. What each name means: ringfence ring show {}",
        "zh": "V 为任一资金所有人,X 为参与合谋的另一客户。各名称的含义见:ringfence ring show {}",
    },
}


def told(verdict: Verdict, language: Language = "en") -> str:
    """Write the verdict in words, for a terminal of 110 columns."""
    return "\n".join(_Telling(verdict, language).lines())


class ToldStep(NamedTuple):
    """One bad posting: the route, from where to where, and what each enforcer had to do wrong."""

    route: str
    source: str
    target: str
    wrong: tuple[str, ...]


class ToldPath(NamedTuple):
    """How the value gets there, which records show it, and who owes the loss ("" where nobody does)."""

    steps: tuple[ToldStep, ...]
    shown: str
    owing: str


class ToldFinding(NamedTuple):
    """A smallest coalition in words: its persons, the bounds that it keeps to, every way to take it."""

    persons: tuple[str, ...]
    bounds: tuple[str, ...]
    paths: tuple[ToldPath, ...]


def tell(verdict: Verdict, finding: Finding, language: Language = "en") -> ToldFinding:
    """Say a finding in words."""
    return _Telling(verdict, language).tell(finding)


def headline(verdict: Verdict, language: Language = "en") -> str:
    """The one line: closed to every intermediary, or open to which."""
    who = verdict.open_to or verdict.ring.ring.intermediaries
    names = " + ".join(verdict.ring.parties[party].title.text(language) for party in who)
    return _WORDS["open" if verdict.open_to else "closed"][language].format(names)


class _Telling:
    def __init__(self, verdict: Verdict, language: Language) -> None:
        self._verdict = verdict
        self._ring = verdict.ring
        self._language: Language = language

    def _say(self, word: str, *figures: object) -> str:
        return _WORDS[word][self._language].format(*figures)

    def lines(self) -> Iterator[str]:
        verdict = self._verdict
        yield self._ring.ring.title.text(self._language)
        yield headline(verdict, self._language)
        yield "  " + self._say("size", verdict.routes, len(self._ring.books))
        yield "  " + self._say("legend", self._ring.ring.name)
        yield from self._alone()
        yield from self._section("takes", [f for f in verdict.takes if not f.above], path=True)
        hidden = [f for f in verdict.hides if not f.above]
        yield from self._section("hides", hidden, path=False)
        known = {(f.persons, f.bounds) for f in hidden}
        later = [f for f in verdict.hides_until_count if not f.above and (f.persons, f.bounds) not in known]
        if later:
            yield from self._section("until", later, path=False)
        yield from self._section("loses", [f for f in verdict.loses if not f.above], path=False)
        yield ""
        yield self._say("above")
        for found in verdict.above.values():
            for finding in found:
                yield from self._finding(finding, path=True)

    def _alone(self) -> Iterator[str]:
        yield ""
        yield self._say("alone")
        for party, found in self._verdict.alone.items():
            name = padded(self._party(party), 24)
            if not found:
                yield f"  {name}{self._say('nothing')}"
            for number, finding in enumerate(found):
                yield f"  {name if number == 0 else padded('', 24)}{self._names(finding)}"
                if party in self._ring.ring.intermediaries:
                    yield from self._paths(finding)

    def _section(self, title: str, found: list[Finding], *, path: bool) -> Iterator[str]:
        yield ""
        yield self._say(title)
        if not found:
            yield "  " + self._say("nobody")
        for finding in found:
            yield from self._finding(finding, path=path)

    def _finding(self, finding: Finding, *, path: bool) -> Iterator[str]:
        yield from wrapped(self._names(finding), "  ")
        if path:
            yield from self._paths(finding)

    def tell(self, finding: Finding) -> ToldFinding:
        persons = tuple(self._who(one) for one in sorted(finding.persons, key=_institutions_first))
        owing = self._say("owing", " + ".join(map(self._party, finding.owing))) if finding.owing else ""
        paths = tuple(
            ToldPath(
                tuple(
                    ToldStep(
                        step.route,
                        self._place(step.source),
                        self._place(step.target),
                        tuple(self._wrong(path, step, finding)),
                    )
                    for step in path.steps
                ),
                self._say("shown", ", ".join(path.seen_by)) if path.seen_by else self._say("unseen"),
                owing,
            )
            for path in finding.paths
        )
        return ToldFinding(persons, tuple(map(self._bound, sorted(finding.bounds))), paths)

    def _names(self, finding: Finding) -> str:
        said = self.tell(finding)
        return ", ".join([" + ".join(said.persons), *said.bounds])

    def _paths(self, finding: Finding) -> Iterator[str]:
        for path in self.tell(finding).paths:
            for step in path.steps:
                yield f"      {padded(step.route, 28)}{step.source} → {step.target}"
                for line in step.wrong:
                    yield from wrapped(line, "          ")
            yield f"          {path.shown}; {path.owing}" if path.owing else f"          {path.shown}"

    def _wrong(self, path: Path, step: Step, finding: Finding) -> Iterator[str]:
        """What each enforcer had to do wrong in this step."""
        if step.above:
            yield self._say("kernel", self._all(finding.above))
            return
        if not step.papers:
            book, _, route = step.route.partition(".")
            declared = self._ring.books[book]
            yield self._say("asked", f"{declared.kept_by}.{declared.routes[route].asks}")
        for paper, state in step.papers:
            if paper not in self._ring.proofs:
                registrars = {
                    f"{b.kept_by}.{who}" for b in self._ring.books.values() for who in (b.registers, b.confirms)
                }
                yield self._say("registered", self._all(sorted(finding.persons & registrars)))
            elif state != FORGED:
                yield self._say("waved", paper, self._who(self._ring.proofs[paper].checked_by))
            else:
                made_by = {one for group in groups(self._ring.proofs[paper].made_by) for one in group}
                makers = sorted(finding.persons & {OTHER if one == "client" else one for one in made_by})
                if makers or step == path.steps[0]:
                    yield self._say("forged", paper, self._all(makers or finding.above))
                else:
                    yield self._say("reported", paper)

    def _place(self, place: Place) -> str:
        return f"{place.kind} ({self._who(place.owner)})"

    def _all(self, persons: Iterable[str]) -> str:
        return " + ".join(map(self._who, persons))

    def _who(self, one: str) -> str:
        if one in (OTHER, VICTIM):
            return self._say("X" if one == OTHER else "V")
        if one.endswith(ANYONE):
            return self._say("anyone", self._party(one.removesuffix(ANYONE)))
        return self._party(one) if one in self._ring.parties else one

    def _party(self, party: str) -> str:
        return party_in_words(self._ring, party, self._language)

    def _bound(self, bound: str) -> str:
        return bound_in_words(bound, self._language)


def party_in_words(ring: Ring, party: str, language: Language) -> str:
    """The party's title; client X is called so."""
    return _WORDS["X"][language] if party == OTHER else ring.parties[party].title.text(language)


def bound_in_words(bound: str, language: Language) -> str:
    """A bound as it is told: the name that the file gives it, and the two that every ring has in words."""
    if bound == COOL_OFF:
        return _WORDS["cool-off"][language]
    return _WORDS["grant"][language].format(bound.removeprefix(GRANT)) if bound.startswith(GRANT) else bound


def _institutions_first(one: str) -> tuple[int, str]:
    return (2 if one == OTHER else 1 if one.endswith(ANYONE) else 0), one


def as_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON: every list as in `Verdict`, the smallest coalitions first."""

    def step(one: Step) -> dict[str, Any]:
        source, target = (
            {"book": place.book, "kind": place.kind, "owner": place.owner} for place in (one.source, one.target)
        )
        return {
            "route": one.route,
            "client": one.client,
            "from": source,
            "to": target,
            "papers": dict(one.papers),
            "above_kernel": one.above,
        }

    def finding(found: Finding) -> dict[str, Any]:
        return {
            "persons": sorted(found.persons),
            "bounds": sorted(found.bounds),
            "above_kernel": list(found.above),
            "owed_by": list(found.owing),
            "paths": [{"steps": [*map(step, p.steps)], "shown_by": list(p.seen_by)} for p in found.paths],
        }

    return {
        "ring": verdict.ring.ring.name,
        "closed": verdict.closed,
        "open_to": list(verdict.open_to),
        "routes": verdict.routes,
        "alone": {party: [*map(finding, found)] for party, found in verdict.alone.items()},
        "take": [*map(finding, verdict.takes)],
        "lose": [*map(finding, verdict.loses)],
        "hide": [*map(finding, verdict.hides)],
        "hide_until_count": [*map(finding, verdict.hides_until_count)],
        "above": {one: [*map(finding, found)] for one, found in verdict.above.items()},
    }
