"""The ring room: the declaration of a circle, its explanation to a person, and the proof that it is closed."""

from ringfence.ring.coalitions import Finding, Verdict, decide
from ringfence.ring.draw import draw
from ringfence.ring.explain import explain
from ringfence.ring.powers import Hand, powers
from ringfence.ring.reading import built_in, load, parse
from ringfence.ring.report import ToldFinding, as_document, headline, tell, told
from ringfence.ring.ring import Book, Ring

__all__ = [
    "Book",
    "Finding",
    "Hand",
    "Ring",
    "ToldFinding",
    "Verdict",
    "as_document",
    "built_in",
    "decide",
    "draw",
    "explain",
    "headline",
    "load",
    "parse",
    "powers",
    "tell",
    "told",
]
