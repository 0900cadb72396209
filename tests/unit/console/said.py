"""Every sentence that the console says, found where it is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

CONSOLE = Path(__file__).parents[3] / "src" / "ringfence" / "console"
_IN_TEMPLATE = re.compile(r"""\bw\((?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")


def sentences() -> dict[str, str]:
    """Each sentence, and a file in which it stands."""
    found = {}
    for path in sorted(CONSOLE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = ast.unparse(node.func)
            if called in ("words", "w", "Words(language)"):
                found[str(node.args[0].value)] = path.name
    for path in sorted(CONSOLE.rglob("*.html")):
        for single, double in _IN_TEMPLATE.findall(path.read_text("utf-8")):
            found[single or double] = path.name
    return found
