"""The pictures, from states alone: what is in them, in which order, and that nothing in them needs a style or a colour."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ringfence.console.bars import bars, shares
from ringfence.console.circle import chosen, circle
from ringfence.console.rendering import answer, flow, parts
from ringfence.console.state import CircleState, Half, Move, PlaceName
from ringfence.console.words import LANGUAGES, Words
from ringfence.errors import Language
from unit.console.said import sentences
from unit.console.states import NOON, place, refused, state

EN = Words("en")
STATES = {
    "calm": state(),
    "in transit": state(in_transit_since=NOON),
    "missing": state(halves=(Half("bank_a", None, 380_00, 25_00, -20_00), Half("bank_b", None, 300_00, 0, 0)), difference_minor=-20_00, since=NOON),
    "transit not zero": state(places=(place("bank_a", "m1", transit_minor=7_00), place("bank_b", "m2")), since=NOON),
    "refused": state(moves=(refused(),), refused={"member": 3}),
    "many members": state(places=tuple(place("bank_a", f"m{n:02d}", in_minor=n) for n in range(30))),
    "one bank": state(halves=(Half("bank_a", None, 700_00, 25_00, 0),), places=(place("bank_a", "m1"),)),
    "three banks": state(halves=tuple(Half(f"bank_{b}", None, 100_00, 0, 0) for b in "abc")),
    "nobody yet": state(halves=(Half("bank_a", None, 0, 0, 0),), places=(), clients=0, clients_minor=0, fees_due_minor=0, suspense_minor=0, held=0),
}  # fmt: skip


def drawn(of: CircleState, language: Language = "en") -> ElementTree.Element:
    return ElementTree.fromstring(str(circle(of, Words(language))))


def said(element: ElementTree.Element) -> str:
    return " ".join("".join(text.itertext()) for text in element.iter("text"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", STATES)
def test_every_picture_is_well_formed_and_styled_by_classes_alone(name: str, language: Language) -> None:
    for html in (circle(STATES[name], Words(language)), bars(STATES[name], Words(language))):
        for element in ElementTree.fromstring(str(html)).iter():
            assert "style" not in element.attrib
            assert not [key for key in element.attrib if key.startswith("on") or key in ("fill", "stroke")]
    for html in parts(STATES[name], language).html.values():
        assert "style=" not in html
        assert "{" not in re.sub(r"<[^>]*>", "", html)


def test_what_moves_passes_under_the_zeros_and_the_core() -> None:
    order = [element.get("id") or element.get("class") for element in drawn(state())]
    dots = order.index("dots")
    assert order.index("way") < dots
    assert [name for name in order[dots:] if name == "place"] or all(
        order.index(f"p-{bank}.{member}") > dots for bank in ("bank_a", "bank_b") for member in ("m1", "m2", "m3")
    )
    assert order.index("core-band") > dots


def test_the_core_shows_the_equation() -> None:
    found = {element.get("id"): "".join(element.itertext()) for element in drawn(state()).iter("text")}
    assert (found["t-bank-bank_a"], found["t-bank-bank_b"], found["t-difference"]) == (
        "400.00",
        "300.00",
        "difference 0.00",
    )
    assert [found[f"t-{name}"] for name in ("clients", "transit", "fees", "suspense")] == [
        "650.00",
        "25.00",
        "20.00",
        "5.00",
    ]
    # 400 + 300 = 650 + 25 + 20 + 5
    assert STATES["calm"].at_banks_minor == 650_00 + 25_00 + 20_00 + 5_00


def test_each_place_speaks() -> None:
    labels = [element.get("aria-label") for element in drawn(state()).iter("g") if element.get("class") == "place"]
    assert labels[0] == "会员1, Bank A, 50 clients, transit 0.00, in 1,000 · out 500"
    assert len(labels) == 6


def test_a_refusal_shows_at_three_places_and_then_as_a_count() -> None:
    now = drawn(STATES["refused"])
    classes = [element.get("class") for element in now.iter()]
    assert (classes.count("cross"), classes.count("shut"), classes.count("refusal")) == (1, 1, 1)
    assert "Refused · K1" in said(now)
    assert "会员二 asked for 1,200,000.00" in said(now)
    later = drawn(state(moves=(refused(seconds=31),), refused={"member": 3}))
    assert "refusal" not in [element.get("class") for element in later.iter()]
    assert "K1 K7 · refused 3 ×" in said(later)


def test_a_name_is_text_and_nothing_else() -> None:
    wicked = "<script>alert(1)</script>\u202e' onload=x"
    of = state(
        places=(place("bank_a", "m1"),),
        moves=(refused(title=wicked, place=PlaceName("bank_a", "m1")), Move("in", NOON, wicked, 1, PlaceName("bank_a", "m1"), wicked)),
    )  # fmt: skip
    for language in LANGUAGES:
        for html in parts(of, language).html.values():
            assert "<script" not in html
            assert "onload=x" not in re.sub(r">[^<]*<|\"[^\"]*\"", "", html)
    ElementTree.fromstring(str(circle(of, EN)))


def test_six_places_or_five_and_the_others() -> None:
    few = [place("bank_a", f"m{n}") for n in range(6)]
    assert [(p.name.member, others) for p, others in chosen(few)] == [(f"m{n}", 0) for n in range(6)]
    many = [place("bank_a", f"m{n:02d}", in_minor=n, out_minor=0, clients=n) for n in range(30)]
    found = chosen(many)
    # The five that moved most, in the order of their names, and 25 as one.
    assert [p.name.member for p, _ in found] == ["m25", "m26", "m27", "m28", "m29", "*"]
    assert (found[-1][1], found[-1][0].clients, found[-1][0].in_minor) == (25, sum(range(25)), sum(range(25)))
    wrong = [*many[1:], place("bank_a", "m00", in_minor=0, out_minor=0, transit_minor=-3)]
    assert "m00" in [p.name.member for p, _ in chosen(wrong)]
    assert "25 × 0.00" in said(drawn(STATES["many members"]))


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("calm", "All the money is there, and it can only go home", "客户的钱全在，且只能回到客户手里"),
        ("in transit", "All the money is there, and it can only go home", "客户的钱全在，且只能回到客户手里"),
        ("missing", "20.00 is missing at Bank A since 12:00:00", "自 12:00:00 起，甲银行 短少 20.00"),
        ("transit not zero", "7.00 stand in the transit account of 会员1 since 12:00:00", "自 12:00:00 起，会员1 过渡账户留有 7.00"),
    ],
)  # fmt: skip
def test_the_title_is_the_answer(name: str, en: str, zh: str) -> None:
    assert (answer(STATES[name], EN), answer(STATES[name], Words("zh"))) == (en, zh)
    alarm = "alarm" in parts(STATES[name], "en").html["equation"]
    assert alarm is (name in ("missing", "transit not zero"))


def test_that_it_can_only_go_home_is_said_when_the_ring_is_closed_and_all_is_verified() -> None:
    from dataclasses import replace

    assert answer(state(closed=False), EN) == "All the money is there"
    wrong = replace(state(), verified=replace(state().verified, ok=False))
    assert answer(wrong, EN) == "The verifier found something wrong"
    assert "The verifier found something wrong" in parts(wrong, "en").html["alarm"]


def test_bars_fill_their_room_and_none_is_too_small_to_read() -> None:
    for amounts in ([1, 1], [10**12, 1], [0, 5], [3], [0, 0], [7, 1, 10**9]):
        widths = shares(amounts, 300, 40)
        assert sum(widths) == pytest.approx(300)
        assert min(widths) >= 40 or amounts == [3]


def test_money_that_moves_is_merged_by_place_and_way() -> None:
    import json

    moves = [Move("in", NOON, "客户甲001", 5_00, PlaceName("bank_a", "m1")) for _ in range(3)]
    moves += [Move("out", NOON, "客户甲002", 7_00, PlaceName("bank_a", "m1")), Move("held", NOON, "x", 1)]
    said = json.loads(flow(state(), moves, {}, "en"))
    assert said["dots"] == [["bank_a.m1", "in", 3], ["bank_a.m1", "out", 1]]
    assert said["labels"] == {"l-bank_a.m1": ["\u22127.00 客户甲002", "in 1,000 · out 500"]}


def test_every_sentence_is_said_in_chinese_and_none_is_left_over() -> None:
    chinese, known = Words("zh"), sentences()
    assert [sentence for sentence in known if chinese(sentence) == sentence] == []
    from ringfence.console.words import _catalogue

    assert set(_catalogue()) - set(known) == set()
    for english, translated in _catalogue().items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", translated)), english
        assert not re.search(r"[\u4e00-\u9fff][,:;]", translated), translated


def test_places_do_not_jump_because_somebody_moves_more() -> None:
    many = [place("bank_a", f"m{n:02d}", in_minor=n, out_minor=0) for n in range(30)]
    shown = {p.name for p, others in chosen(many) if not others}
    louder = [place("bank_a", f"m{n:02d}", in_minor=1_000 - n, out_minor=0) for n in range(30)]
    assert {p.name for p, others in chosen(louder, shown) if not others} == shown
    assert {p.name for p, others in chosen(louder) if not others} != shown
