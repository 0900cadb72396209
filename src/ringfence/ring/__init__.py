"""The ring room: the declaration of a circle, its explanation to a person, and the proof that it is closed."""

from ringfence.ring.coalitions import Finding, Verdict, decide
from ringfence.ring.compare import as_rows as compared_as_rows
from ringfence.ring.compare import compared
from ringfence.ring.compare_draw import draw_compared
from ringfence.ring.draw import draw
from ringfence.ring.explain import explain
from ringfence.ring.new import KEEPERS, Answers, new_ring
from ringfence.ring.powers import Hand, powers
from ringfence.ring.reading import MODELS, built_in, controls_taken_out, how_without, left_out, load, parse, text_of
from ringfence.ring.report import ToldFinding, as_document, headline, tell, told
from ringfence.ring.ring import Book, Ring

__all__ = [
    "KEEPERS",
    "MODELS",
    "Answers",
    "Book",
    "Finding",
    "Hand",
    "Ring",
    "ToldFinding",
    "Verdict",
    "as_document",
    "built_in",
    "compared",
    "compared_as_rows",
    "controls_taken_out",
    "decide",
    "draw",
    "draw_compared",
    "explain",
    "headline",
    "how_without",
    "left_out",
    "load",
    "new_ring",
    "parse",
    "powers",
    "tell",
    "text_of",
    "told",
]
