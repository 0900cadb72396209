"""A process that is told to end ends, at whatever moment it is told."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Told while an object is finalised, where an exception is said to nobody; then it would go on for a minute.
PROGRAM = """
import sys, time
from ringfence.cli import heed_signals

class Finalised:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(5)

heed_signals()
try:
    Finalised()
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
finally:
    print("left in order", flush=True)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_end_is_heard_while_an_object_is_finalised(number: signal.Signals, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (code, "left in order\n")
