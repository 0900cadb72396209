"""`ringfence serve` in a process of its own, for the tests of what its users meet."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def serving(store: Path, *arguments: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The address that it says, and the passwords of those whom it made; at the end it is told to stop, and does."""
    command = [sys.executable, "-m", "ringfence", "serve", "--port", "0", *arguments, "--store", str(store)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address, passwords = None, dict[str, str]()
        for line in process.stdout:
            if found := re.fullmatch(r"  (\w+) +(\S+) +(\S+)\n", line):
                passwords[found[2]] = found[3]
            # The last of what it says.
            if address := re.search(r"http://127\.0\.0\.1:\d+(?=;)", line):
                break
        assert address
        yield address[0], passwords
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()
    assert code == 128 + signal.SIGTERM


def come_in(address: str, name: str, password: str) -> httpx.Client:
    """Asks the API as somebody who has come in."""
    said = httpx.post(f"{address}/v1/session", json={"name": name, "password": password}, trust_env=False)
    headers = {"Authorization": f"Bearer {said.json()['token']}"}
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20)
