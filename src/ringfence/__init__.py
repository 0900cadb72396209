"""Ringfence: client money that nobody in the middle can touch.

Money moves only along declared routes, under a grant that can only shrink. Everything else is a reading of the ledger.
"""

__version__ = "0.1.0"
