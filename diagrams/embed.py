"""Bring what README.md shows of other files up to date (`make diagrams` runs this).

README.md marks a place with a comment that names a file, and for Python one name in it; what
stands between it and the closing comment is made anew:

    <!-- diagrams/order.mmd -->              <!-- statechart/examples.py ORDER -->
    <!-- /diagrams/order.mmd -->             <!-- /statechart/examples.py ORDER -->
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PLACE = re.compile(r"(<!-- (\S+\.(?:mmd|py))(?: (\w+))? -->\n).*?(<!-- /\2(?: \3)? -->)", re.DOTALL)


def embedded(text: str) -> str:
    """Return `text` with every marked place filled from its file.

    Raises `LookupError` if a file does not define the name that it is asked for.
    """
    return PLACE.sub(lambda found: found[1] + _block(found[2], found[3]) + found[4], text)


def _block(path: str, name: str | None) -> str:
    source = (ROOT / path).read_text(encoding="utf-8")
    if name is None:
        return f"```mermaid\n{source}```\n"
    return f"```python\n{_definition(path, source, name)}\n```\n"


def _definition(path: str, source: str, name: str) -> str:
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.get_source_segment(source, node) or ""
    raise LookupError(f"{path} has no {name} = ... at its top level")


if __name__ == "__main__":
    README.write_text(embedded(README.read_text(encoding="utf-8")), encoding="utf-8")
