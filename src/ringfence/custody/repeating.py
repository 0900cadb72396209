"""Work that is done again and again in a thread of its own: when it is nudged, and every so often by itself.

Whatever goes wrong is said once, as long as it stays the same, and tried again a second later: a thread that is gone would leave
everything undone, and nobody would see it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from ringfence.errors import RingfenceError

_TRIES_AGAIN_S = 1.0
_log = logging.getLogger(__name__)


class Repeating:
    """Does `work` every `every_s` seconds, or sooner; `without` says what is not done when it fails.

    `stumbled` is called with each error of the database or of ours.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        every_s: float,
        without: str,
        stumbled: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._work = work
        self._every_s = every_s
        self._without = without
        self._stumbled = stumbled
        self._nudged = threading.Event()
        self._closing = False
        self._said = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """There may be something to do."""
        self._nudged.set()

    def close(self) -> None:
        """Do it once more, and stop."""
        self._closing = True
        self._nudged.set()
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            self._nudged.wait(self._every_s)
            self._nudged.clear()
            closing = self._closing
            try:
                self._work()
                self._said = ""
            except (psycopg.Error, RingfenceError, TimeoutError) as error:
                self._stumbled(error)
                said = " ".join(str(error).split())
                if said != self._said:
                    _log.warning("%s: %s", self._without, said)
                self._said = said
                if not closing:
                    self._nudged.wait(_TRIES_AGAIN_S)
            except Exception:  # noqa: BLE001 - unforeseen: said loudly, and tried again
                _log.exception("%s", self._without)
                if not closing:
                    self._nudged.wait(_TRIES_AGAIN_S)
