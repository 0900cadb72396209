"""The ring room: the declaration of a circle, read from one TOML file, and its explanation to a person."""

from ringfence.ring.explain import explain
from ringfence.ring.ring import Book, Ring, built_in, load, parse

__all__ = ["Book", "Ring", "built_in", "explain", "load", "parse"]
