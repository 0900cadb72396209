"""The ring room: the declaration of a circle, its explanation to a person, and the proof that it is closed."""

from ringfence.ring.coalitions import Finding, Verdict, decide
from ringfence.ring.draw import draw
from ringfence.ring.explain import explain
from ringfence.ring.reading import built_in, load, parse
from ringfence.ring.report import as_document, told
from ringfence.ring.ring import Book, Ring

__all__ = [
    "Book",
    "Finding",
    "Ring",
    "Verdict",
    "as_document",
    "built_in",
    "decide",
    "draw",
    "explain",
    "load",
    "parse",
    "told",
]
