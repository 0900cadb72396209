"""A ring explained to a person: who takes part, which accounts there are, and every way on which money can move."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.errors import Language
from ringfence.ring.lines import broken, width
from ringfence.ring.ring import Book, Record, Ring, RouteOfBook
from ringfence.ring.who import NOBODY

WIDTH = 110
_WORDS: dict[str, dict[Language, str]] = {
    "source": {"en": "source", "zh": "出处"},
    "parties": {"en": "WHO TAKES PART", "zh": "参与方"},
    "relations": {"en": "WHAT THE DATABASE CHECKS ON EVERY POSTING", "zh": "数据库逐笔校验"},
    "bounds": {"en": "HOW FAR SOMEBODY CAN GO WHO DOES WRONG", "zh": "作案所受的限度"},
    "records": {"en": "WHAT WOULD SHOW THAT SOMETHING IS WRONG", "zh": "何处可发现异常"},
    "at-once": {"en": "at once", "zh": "即时"},
    "day-end": {"en": "at the end of the day", "zh": "日终"},
    "count": {"en": "at the next count", "zh": "盘点时"},
    "sees": {"en": "sees", "zh": "可见"},
    "silenced": {"en": "silenced by", "zh": "可被其隐瞒"},
    "nobody": {"en": "nobody", "zh": "无人"},
    "kinds": {"en": "accounts", "zh": "账户种类"},
    "routes": {"en": "routes: money moves on these and on no others", "zh": "资金通路:资金只能沿此移动"},
    "asks": {"en": "asked by", "zh": "发起"},
    "under": {"en": "under a grant of", "zh": "授权人"},
    "finishes": {"en": "first held, finished by", "zh": "先冻结,了结"},
    "kernel": {"en": "the database checks", "zh": "数据库校验"},
    "checks": {"en": "checks", "zh": "审核"},
    "kept": {"en": "kept by", "zh": "记账方"},
    "registers": {"en": "registers and binds", "zh": "登记与签约"},
    "confirms": {"en": "confirms accounts", "zh": "确认账户"},
    "several": {"en": "several per owner", "zh": "可开多户"},
    "closes": {"en": "closes the day", "zh": "关账"},
    "owner": {"en": "of the {}", "zh": "属{}"},
    "zero": {"en": "zero at every commit", "zh": "每次提交余额为零"},
    "non-negative": {"en": "never below zero", "zh": "余额不为负"},
    "non-positive": {"en": "never above zero", "zh": "余额不为正"},
    "free": {"en": "free", "zh": "不限"},
    "zero_at_close": {"en": "zero when a day closes", "zh": "关账时为零"},
    "circle": {"en": "the circle", "zh": "封闭圈"},
    "no_lien": {"en": "no lien", "zh": "不得质押抵销"},
    "pledge": {"en": "pledged by {}", "zh": "可经 {} 质押"},
    "controls": {"en": "THE CONTROLS, AND WHAT EACH STANDS ON", "zh": "控制措施及其依托"},
    "stands": {"en": "stands on", "zh": "依托"},
    "beyond": {"en": "WHAT NO ROUTE CAN SAY", "zh": "通路所不能表达的"},
    "nothing": {"en": "Nothing else can happen: there is no route for it.", "zh": "除此之外一概不能发生:没有通路。"},
}


def explain(ring: Ring, language: Language = "en") -> str:
    """Write `ring` in words, for a terminal of 110 columns."""
    return "\n".join(_ring(ring, language))


def _ring(ring: Ring, language: Language) -> Iterator[str]:
    yield ring.ring.title.text(language)
    yield ""
    yield from wrapped(ring.ring.says.text(language), "  ")
    yield f"  ({_WORDS['source'][language]}: {ring.ring.source})"
    yield ""
    yield _WORDS["parties"][language]
    for party in ring.parties.values():
        yield f"  {padded(party.title.text(language), 24)}{party.says.text(language)}"
        for name, says in party.persons.items():
            yield f"    {padded(name, 22)}{says.text(language)}"
    if ring.relations:
        yield ""
        yield _WORDS["relations"][language]
    for name, relation in ring.relations.items():
        yield from wrapped(relation.says.text(language), f"  {padded(name, 24)}", " " * 26)
    if ring.bounds:
        yield ""
        yield _WORDS["bounds"][language]
    for name, bound in ring.bounds.items():
        yield from wrapped(bound.says.text(language), f"  {padded(name, 24)}", " " * 26)
    for book in ring.books.values():
        yield ""
        yield from _book(ring, book, language)
    if ring.records:
        yield ""
        yield _WORDS["records"][language]
    for name, record in ring.records.items():
        yield from _record(name, record, language)
    if ring.controls:
        yield ""
        yield _WORDS["controls"][language]
    for name, control in ring.controls.items():
        yield from wrapped(control.says.text(language), f"  {padded(name, 24)}", " " * 26)
        yield from wrapped(f"{_WORDS['stands'][language]}: {', '.join(control.stands_on)}", " " * 26)
    if ring.ring.beyond:
        yield ""
        yield _WORDS["beyond"][language]
    for beyond in ring.ring.beyond:
        yield from wrapped(beyond.text(language), "  ")
    yield ""
    yield _WORDS["nothing"][language]


def _book(ring: Ring, book: Book, language: Language) -> Iterator[str]:
    keeper = ring.parties[book.kept_by].title.text(language)
    yield book.title.text(language).upper()
    yield (
        f"  {_WORDS['kept'][language]}: {keeper}; {_WORDS['registers'][language]}: {book.registers}; "
        + (f"{_WORDS['confirms'][language]}: {book.confirms}; " if book.confirms else "")
        + f"{_WORDS['closes'][language]}: {book.closes}"
    )
    yield f"  {_WORDS['kinds'][language]}"
    for name, kind in book.kinds.items():
        owner = _WORDS["owner"][language].format(ring.parties[kind.owner].title.text(language))
        rules = [_WORDS[kind.invariant][language]]
        rules += [_WORDS["zero_at_close"][language]] if kind.zero_at_close else []
        rules += [] if kind.one_per_owner else [_WORDS["several"][language]]
        rules += [" ".join(kind.units)] if kind.units else []
        rules += [_WORDS["circle"][language]] if kind.circle else []
        rules += [_WORDS["no_lien"][language]] if kind.no_lien else []
        rules += [_WORDS["pledge"][language].format(kind.pledge)] if kind.pledge else []
        yield f"    {padded(name, 24)}{padded(owner, 24)}{padded(', '.join(rules), 32)}{kind.title.text(language)}"
    yield f"  {_WORDS['routes'][language]}"
    for name, route in book.routes.items():
        yield from _route(ring, book, name, route, language)


def _record(name: str, record: Record, language: Language) -> Iterator[str]:
    indent = " " * 26
    yield f"  {padded(name, 24)}{_WORDS[record.when][language]}"
    yield from wrapped(record.says.text(language), indent)
    yield from wrapped(f"{_WORDS['sees'][language]}: {', '.join(record.sees)}", indent)
    silenced = _WORDS["nobody"][language] if record.silenced_by == NOBODY else record.silenced_by
    yield f"{indent}{_WORDS['silenced'][language]}: {silenced}"


def _route(ring: Ring, book: Book, name: str, route: RouteOfBook, language: Language) -> Iterator[str]:
    yield f"    {padded(name, 24)}{' → '.join(route.path)}"
    indent = " " * 28
    yield from wrapped(route.says.text(language), indent)
    asked = f"{_WORDS['asks'][language]}: {book.kept_by}.{route.asks}"
    if route.under:
        asked += f", {_WORDS['under'][language]} {book.kept_by}.{route.under}"
    if route.finishes:
        asked += f"; {_WORDS['finishes'][language]}: {book.kept_by}.{route.finishes}"
    yield indent + asked
    for paper in route.proofs:
        proof = ring.proofs[paper]
        yield from wrapped(
            f"{proof.checked_by} {_WORDS['checks'][language]} {paper}: {proof.says.text(language)}", indent
        )
    if route.relations:
        yield f"{indent}{_WORDS['kernel'][language]}: {', '.join(route.relations)}"


def wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    """Break `text` for the terminal: the first line begins with `first`, those after it with `rest`."""
    head, *others = broken(text, WIDTH - width(first))
    return [(first + head).rstrip(), *((first if rest is None else rest) + line for line in others)]


def padded(text: str, columns: int) -> str:
    """Fill `text` up to so many columns of a terminal."""
    return text + " " * max(1, columns - width(text))
