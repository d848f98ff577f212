"""Put task-sdk.mmd between the chart markers of README.md (`make diagrams` runs this)."""

import re
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MARKED = re.compile(r"(<!-- chart -->\n```mermaid\n).*?(```\n<!-- /chart -->)", re.DOTALL)

drawn = (HERE / "task-sdk.mmd").read_text(encoding="utf-8")
text, found = MARKED.subn(lambda m: m[1] + drawn + m[2], README.read_text(encoding="utf-8"))
if found != 1:
    raise SystemExit(f"{README} has {found} places for the chart, not one: look for <!-- chart -->")
README.write_text(text, encoding="utf-8")
