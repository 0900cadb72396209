"""The links room: what institutions write to each other.

Each institution keeps a book of its own and nobody else reads it. What another needs to know, or to have done, goes by
*letter*: words signed by whoever writes, to one reader, about one thing. Whoever acts upon a letter keeps it, so that years
later it can still be shown who said what.

    letter      the words, and what is signed
    letter_box  an institution's key, the keys of those it knows, and the letters it acted upon
    transport   how a letter gets there: within a process, or over HTTP
"""

from ringfence.links.letter import LARGEST_LETTER_BYTES, Letter, LetterRefused
from ringfence.links.letter_box import (
    Correspondent,
    KeptLetter,
    LetterBox,
    correspondents,
    create_letters,
    kept_letters,
    letters_schema,
    public_key_of,
    trust,
)
from ringfence.links.transport import Direct, NoAnswer, OverHttp, Transport

__all__ = [
    "LARGEST_LETTER_BYTES",
    "Correspondent",
    "Direct",
    "KeptLetter",
    "Letter",
    "LetterBox",
    "LetterRefused",
    "NoAnswer",
    "OverHttp",
    "Transport",
    "correspondents",
    "create_letters",
    "kept_letters",
    "letters_schema",
    "public_key_of",
    "trust",
]
