"""A failing run on the disk: what people read, what they look at, and what they run again.

Neighbours: `explanation.py` (all of the text).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from actors.simulation.invariants.rule import Invariant
from actors.simulation.report.explanation import explain
from actors.simulation.report.testfile import name_of
from actors.simulation.search import Failure


def write(
    failure: Failure, directory: Path, invariants: Iterable[Invariant] | None = None
) -> list[Path]:
    """Write `trace.txt`, `sequence.mmd`, `chart.mmd` and a test file; return what was written.

    The test file is missing where the scenario has no address; `trace.txt` says so.

    Args:
        failure: what a search has found.
        directory: where to; it is made if it does not exist.
        invariants: what the run was held against, if not what its scenario says.

    Raises:
        FileExistsError: a file with other content is there; nothing is written then.
    """
    found = explain(failure, invariants)
    texts = {
        "trace.txt": f"{found.text}\nEverything:\n{found.everything}",
        "sequence.mmd": found.sequence,
        "chart.mmd": found.chart,
    }
    if found.test is not None:
        texts[f"{name_of(failure)}.py"] = found.test
    files = {directory / name: text for name, text in texts.items()}
    taken = [path for path, text in files.items() if path.exists() and _read(path) != text]
    if taken:
        raise FileExistsError(
            f"{', '.join(map(str, taken))}: there already, with other content; write each failure "
            "to a directory of its own, or move these away"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
