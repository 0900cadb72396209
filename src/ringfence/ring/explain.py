"""A ring explained to a person: who takes part, which accounts there are, and every way on which money can move."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator

from ringfence.errors import Language
from ringfence.ring.ring import Book, Ring, RouteOfBook

WIDTH = 110
_WORDS: dict[str, dict[Language, str]] = {
    "source": {"en": "source", "zh": "出处"},
    "parties": {"en": "WHO TAKES PART", "zh": "参与方"},
    "relations": {"en": "WHAT THE DATABASE CHECKS ON EVERY POSTING", "zh": "数据库逐笔校验"},
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
    "nothing": {"en": "Nothing else can happen: there is no route for it.", "zh": "除此之外一概不能发生:没有通路。"},
}


def explain(ring: Ring, language: Language = "en") -> str:
    """Write `ring` in words, for a terminal of 110 columns."""
    return "\n".join(_ring(ring, language))


def _ring(ring: Ring, language: Language) -> Iterator[str]:
    yield ring.ring.title.text(language)
    yield ""
    yield from _wrapped(ring.ring.says.text(language), "  ")
    yield f"  ({_WORDS['source'][language]}: {ring.ring.source})"
    yield ""
    yield _WORDS["parties"][language]
    for party in ring.parties.values():
        yield f"  {_padded(party.title.text(language), 24)}{party.says.text(language)}"
        for name, says in party.persons.items():
            yield f"    {_padded(name, 22)}{says.text(language)}"
    yield ""
    yield _WORDS["relations"][language]
    for name, relation in ring.relations.items():
        yield f"  {_padded(name, 24)}{relation.says.text(language)}"
    for book in ring.books.values():
        yield ""
        yield from _book(ring, book, language)
    yield ""
    yield _WORDS["nothing"][language]


def _book(ring: Ring, book: Book, language: Language) -> Iterator[str]:
    keeper = ring.parties[book.kept_by].title.text(language)
    yield book.title.text(language).upper()
    yield (
        f"  {_WORDS['kept'][language]}: {keeper}; {_WORDS['registers'][language]}: {book.registers}; "
        f"{_WORDS['confirms'][language]}: {book.confirms}; "
        f"{_WORDS['closes'][language]}: {book.closes}"
    )
    yield f"  {_WORDS['kinds'][language]}"
    for name, kind in book.kinds.items():
        owner = _WORDS["owner"][language].format(ring.parties[kind.owner].title.text(language))
        rules = [_WORDS[kind.invariant][language]]
        rules += [_WORDS["zero_at_close"][language]] if kind.zero_at_close else []
        rules += [] if kind.one_per_owner else [_WORDS["several"][language]]
        rules += [_WORDS["circle"][language]] if kind.circle else []
        yield f"    {_padded(name, 24)}{_padded(owner, 24)}{_padded(', '.join(rules), 32)}{kind.title.text(language)}"
    yield f"  {_WORDS['routes'][language]}"
    for name, route in book.routes.items():
        yield from _route(ring, book, name, route, language)


def _route(ring: Ring, book: Book, name: str, route: RouteOfBook, language: Language) -> Iterator[str]:
    yield f"    {_padded(name, 24)}{' → '.join(route.path)}"
    indent = " " * 28
    yield from _wrapped(route.says.text(language), indent)
    asked = f"{_WORDS['asks'][language]}: {book.kept_by}.{route.asks}"
    if route.under:
        asked += f", {_WORDS['under'][language]} {book.kept_by}.{route.under}"
    if route.finishes:
        asked += f"; {_WORDS['finishes'][language]}: {book.kept_by}.{route.finishes}"
    yield indent + asked
    for proof in (ring.proofs[name] for name in route.proofs):
        said = f"{proof.checked_by} {_WORDS['checks'][language]}: {proof.says.text(language)} ({proof.made_by})"
        yield from _wrapped(said, indent)
    if route.relations:
        yield f"{indent}{_WORDS['kernel'][language]}: {', '.join(route.relations)}"


def _wrapped(text: str, indent: str) -> list[str]:
    """Break `text` at the width that a reader sees: a Chinese character takes two columns."""
    if text.isascii():
        return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
    lines, line = [], indent
    for character in text:
        if _columns(line + character) > WIDTH:
            lines.append(line)
            line = indent
        line += character
    return [*lines, line]


def _padded(text: str, columns: int) -> str:
    return text + " " * max(1, columns - _columns(text))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
