"""How often one may ask: a bucket for each asker that fills at a rate; who finds it empty is told when to come again.

Whoever shows a token is one asker, else whoever asks from one address. Coming in has a bucket of its own, for each address and each
name, so that passwords cannot be guessed; institutions that write letters have one for each address.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from typing import ClassVar, NamedTuple

from ringfence.errors import Language, RingfenceError

_MOST_ASKERS = 20_000


class TooOften(RingfenceError):
    """Somebody asks too often: again in so many `seconds`."""

    code = "too-often"
    template: ClassVar[dict[Language, str]] = {
        "en": "asked too often; ask again in {seconds} s",
        "zh": "请求过于频繁;请在 {seconds} 秒后重试",
    }


class Rate(NamedTuple):
    """So many a second in the long run, and at most so many at once."""

    per_s: float
    at_once: int


# A person that looks at pages and clicks; a program that goes through everything.
PERSON = Rate(50, 200)
# A bank confirms what thousands of its customers pay in.
BANK = Rate(5_000, 10_000)
NOBODY = Rate(20, 60)
LETTERS = Rate(200, 400)
# Of one address, and of one name: more is guessing.
ENTERING = Rate(0.5, 30)
NAME = Rate(0.1, 10)


class Rates:
    """The buckets of one process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str, rate: Rate) -> None:
        """Take one of what an asker has left. Errors: TooOften."""
        now_s = time.monotonic()
        with self._turn:
            left, since_s = self._buckets.pop(asker, (float(rate.at_once), now_s))
            left = min(float(rate.at_once), left + (now_s - since_s) * rate.per_s)
            self._buckets[asker] = (left - 1 if left >= 1 else left), now_s
            # Who asked longest ago has a full bucket by now, or is one of a crowd.
            while len(self._buckets) > _MOST_ASKERS:
                self._buckets.popitem(last=False)
        if left < 1:
            raise TooOften(seconds=max(1, math.ceil((1 - left) / rate.per_s)))

    def forgive(self, asker: str) -> None:
        """Fill an asker's bucket again."""
        with self._turn:
            self._buckets.pop(asker, None)
