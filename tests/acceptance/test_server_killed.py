"""The database server is killed with signal 9 while somebody posts: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ringfence.database import Settings, Store, stop_abandoned
from ringfence.ledger import Instruction, Ledger
from ringfence.ledger.verify import verify
from trial_ledger import DAY, LEDGER, make_trial_ledger

_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from acceptance.test_server_killed import instruction
from ringfence.database import Settings, Store
from ringfence.ledger import Ledger
with Store.open(Settings(store=Path(sys.argv[1]), database_url=None)) as store, Ledger(store, "trial", "teller") as teller:
    for number in range(int(sys.argv[3]), 100000):
        teller.post([instruction(teller, 2 * number), instruction(teller, 2 * number + 1)])
        print(number, flush=True)
"""


def instruction(teller: Ledger, number: int) -> Instruction:
    """The number-th of a long series."""
    path = (teller.account("outside", "world"), teller.account("wallet", "ann"))
    return Instruction(f"series-{number}", "arrival", "ann", path, 1 + number % 7, DAY)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ringfence-killed-"))
    yield made
    stop_abandoned(made)
    shutil.rmtree(made)


def test_what_was_acknowledged_is_there_and_nothing_twice(folder: Path) -> None:
    settings = Settings(store=folder, database_url=None)
    with Store.open(settings) as store:
        make_trial_ledger(store)
    acknowledged = -1
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder), str(Path(__file__).parents[1]), str(acknowledged + 1)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as writer:  # fmt: skip
            assert writer.stdout is not None
            said = [writer.stdout.readline() for _ in range(40)]
            server = int((folder / "postgres" / "postmaster.pid").read_text("utf-8").split()[0])
            children = psutil.Process(server).children(recursive=True)
            os.kill(server, signal.SIGKILL)
            said += writer.stdout.readlines()
        psutil.wait_procs(children, timeout=30)
        acknowledged = max([acknowledged, *(int(line) for line in said if line.strip())])
        with Store.open(settings) as store, Ledger(store, LEDGER, "teller") as teller:
            wanted = [instruction(teller, number) for number in range(2 * acknowledged + 2)]
            outcomes = teller.post_in_batches(wanted)
            assert all(outcome.replayed for outcome in outcomes)
            with Ledger(store, LEDGER, "auditor") as auditor:
                assert verify(auditor).findings == ()
        time.sleep(0.1)
    assert acknowledged >= 3 * 40 - 1
