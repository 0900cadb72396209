"""Install the wheel of a folder alone into an empty environment and run a small demonstration there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def main(folder: str) -> None:
    """Try the one wheel in `folder`; the exit code is that of the first command that fails."""
    [wheel] = Path(folder).glob("*.whl")
    # Not under a private folder: as root, the embedded server runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="ringfence-wheel-") as place:
        Path(place).chmod(0o755)
        programs = Path(place) / "venv" / "bin"
        commands: list[list[str | Path]] = [
            [sys.executable, "-m", "venv", Path(place) / "venv"],
            [
                programs / "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-c",
                CONSTRAINTS,
                wheel.absolute(),
            ],
            [programs / "ringfence", "demo", "--days", "3", "--clients", "24", "--store", Path(place) / "store"],
            [programs / "ringfence", "verify", "--store", Path(place) / "store"],
            [programs / "ringfence", "ring", "list"],
            # It begins only with all that the browser needs, and ends when it is told to.
            [
                "timeout",
                "--preserve-status",
                "--signal=INT",
                "8",
                programs / "ringfence",
                "serve",
                "--port",
                "0",
                "--store",
                Path(place) / "store",
            ],
        ]
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PIP_CACHE_DIR") if name in os.environ
        }
        for command in commands:
            done = subprocess.run(command, cwd=place, env=environment, check=False)
            if done.returncode not in (0, 130):
                sys.exit(done.returncode)
    sys.stdout.write(f"{wheel.name} runs by itself\n")


if __name__ == "__main__":
    main(sys.argv[1])
