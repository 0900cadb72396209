"""Small rings thrown together: two books, a handful of persons, routes and papers that make little sense."""

from __future__ import annotations

import random
from typing import Any

from ringfence.ring import Ring
from ringfence.ring.checks import check, never_posted

WORDS = {"en": "", "zh": ""}
BANK = ("teller", "payer", "registrar", "intake")
EXCHANGE = ("clerk", "officer", "settler", "registrar", "intake")
KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "bank": {
        "client-bank": {"owner": "client", "invariant": "non-negative"},
        "transit": {"owner": "member", "invariant": "zero"},
        "circle": {"owner": "exchange", "invariant": "non-negative", "circle": True, "no_lien": True},
        "own": {"owner": "exchange", "invariant": "non-negative"},
        "member-own": {"owner": "member", "invariant": "non-negative"},
        "clearing": {"owner": "clearing", "invariant": "free"},
    },
    "exchange": {
        "mirror": {"owner": "bank", "invariant": "non-positive", "mirrors": "bank.circle"},
        "claim": {"owner": "client", "invariant": "non-negative"},
        "run": {"owner": "exchange", "invariant": "free", "zero_at_close": True},
        "fees": {"owner": "exchange", "invariant": "non-negative"},
    },
}
MAKERS = (
    "nobody", "client", "member within band", "clearing", "bank.teller", "exchange.clerk + exchange.officer",
    "exchange.settler | member", "client + member", "exchange.officer within band | exchange.clerk after notice",
)  # fmt: skip
SILENCERS = ("nobody", "member", "bank.operator | exchange.operator", "exchange.officer", "bank.payer + member")


def random_ring(seed: int, routes: int = 8, proofs: int = 6) -> Ring:
    """The ring of this seed: always the same."""
    dice = random.Random(seed)
    kinds = {book: {name: dict(kind, title=WORDS) for name, kind in of.items()} for book, of in KINDS.items()}
    if dice.random() < 0.3:
        kinds["exchange"]["claim"]["invariant"] = "free"
    if dice.random() < 0.3:
        kinds["bank"]["own"]["opened_by"] = dice.choice(
            ("exchange.clerk + exchange.officer", "exchange.settler | exchange.clerk")
        )
    names = {book: [f"r{n}" for n in range(routes) if (n % 2 == 0) == (book == "bank")] for book in KINDS}
    free = [f"{book}.{name}" for book, of in names.items() for name in of]
    declared: dict[str, Any] = {}
    for n in range(proofs):
        checker = dice.choice(("bank.teller", "bank.payer", "exchange.clerk", "exchange.settler"))
        makers = [maker for maker in MAKERS if checker not in maker]
        declared[f"p{n}"] = {
            "says": WORDS,
            "names": dice.choice((["payee", "amount"], ["payee", "amount", "reason"], ["payee"], ["amount"], [])),
            "made_by": dice.choice(makers),
            "from_posting": dice.sample(free, dice.choice((0, 0, 1, 2))),
            "checked_by": checker,
        }
    ring: dict[str, Any] = {
        "ring": {"name": "random", "intermediaries": ["member"], "title": WORDS, "says": WORDS, "source": ""},
        "parties": {
            "client": {"title": WORDS, "says": WORDS},
            "member": {"title": WORDS, "says": WORDS},
            "bank": {"title": WORDS, "says": WORDS, "persons": dict.fromkeys(BANK, WORDS)},
            "exchange": {"title": WORDS, "says": WORDS, "persons": dict.fromkeys(EXCHANGE, WORDS)},
            "clearing": {"title": WORDS, "says": WORDS, "outside": dice.random() < 0.5},
        },
        "relations": {name: {"says": WORDS} for name in ("same-client", "own-member", "registered-account")},
        "bounds": {name: {"says": WORDS} for name in ("band", "notice")},
        "proofs": declared,
        "books": {
            book: {
                "kept_by": book, "title": WORDS, "units": ["CNY"], "registers": "registrar", "confirms": "intake",
                "closes": "teller" if book == "bank" else "clerk", "reads": [], "kinds": kinds[book],
                "routes": {name: _route(dice, book, kinds[book], declared) for name in names[book]},
            }
            for book in KINDS
        },
    }  # fmt: skip
    held = [f"{b}.{name}" for b, book in ring["books"].items() for name, r in book["routes"].items() if "finishes" in r]
    for proof in declared.values():
        proof["from_hold"] = dice.sample(held, min(len(held), dice.choice((0, 0, 1))))
    places = [f"{book}.{kind}" for book, of in kinds.items() for kind in of]
    ring["records"] = {
        f"s{n}": {
            "says": WORDS, "sees": dice.sample([*places, *declared, *declared], dice.choice((1, 2, 3))),
            "when": dice.choice(("at-once", "count")), "silenced_by": dice.choice(SILENCERS),
        }
        for n in range(dice.choice((1, 2, 3)))
    }  # fmt: skip
    for book in ring["books"].values():
        bound = any("registered-account" in route["relations"] for route in book["routes"].values())
        if not bound and dice.random() < 0.5:
            del book["confirms"]
    found = Ring.model_validate(ring)
    while waiting := never_posted(found):
        # Papers that wait for each other cannot come about: here they come from outside then.
        for book, _, name in (route.partition(".") for route in waiting):
            for proof in ring["books"][book]["routes"][name]["proofs"]:
                declared[proof].update(from_hold=[], from_posting=[])
        found = Ring.model_validate(ring)
    check(found)
    return found


def _route(dice: random.Random, book: str, kinds: dict[str, Any], proofs: dict[str, Any]) -> dict[str, Any]:
    ends = dice.sample([name for name, kind in kinds.items() if kind["invariant"] != "zero"], 2)
    if dice.random() < 0.1:  # from one owner to another of the same kind
        ends = [ends[0], ends[0]]
    path = [ends[0], *(["transit"] if book == "bank" and dice.random() < 0.3 else []), ends[1]]
    posting = ["teller", "payer"] if book == "bank" else ["clerk", "settler"]
    asks, finishes = dice.sample(posting, 2)
    route: dict[str, Any] = {"path": " > ".join(path), "asks": asks, "says": WORDS}
    hands = [asks]
    if dice.random() < 0.4:
        route["finishes"] = finishes
        hands.append(finishes)
    if book == "exchange" and dice.random() < 0.3:
        route["under"] = "officer"
    usable = [name for name, proof in proofs.items() if proof["checked_by"] in {f"{book}.{hand}" for hand in hands}]
    route["proofs"] = dice.sample(usable, min(len(usable), dice.choice((0, 1, 1, 2, 3))))
    owners = {kinds[kind]["owner"] for kind in path}
    relations = {"same-client": {"client"}, "own-member": {"member"}, "registered-account": {"client", "bank"}}
    route["relations"] = [name for name, of in relations.items() if of & owners and dice.random() < 0.5]
    return route
