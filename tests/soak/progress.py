"""How far a long search has come, kept in a file, so that the next run goes on from there.

A search that broke is not gone on with: what it counted contains what broke.

Neighbours: `crash.py`, `fuzz.py`, `handlers.py`, `histories.py`, `simulation.py`, `sockets.py`,
`surface.py` (what they count).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.soak.differential import commit


@dataclass(kw_only=True)
class Kept:
    """What every search keeps; what it counts, in fields that are Counters or numbers, it adds."""

    seed: int
    commit: str
    seconds: float = 0.0
    failed: str = ""

    @classmethod
    def load(cls, path: Path, seed: int) -> Self:
        """Return the progress of this seed and commit, a new one if there is none.

        Raises:
            SystemExit: it broke; with its failure, and exit code 1.
        """
        new = cls(seed=seed, commit=commit())
        if not path.exists():
            return new
        told: dict[str, Any] = json.loads(path.read_text())
        if (told["seed"], told["commit"]) != (new.seed, new.commit):
            return new
        if told["failed"]:
            raise SystemExit(
                f"This seed has failed at this commit, see {path}; --fresh begins anew, and so "
                f"does another seed or commit:\n{told['failed']}"
            )
        counted = {name: Counter(each) for name, each in told.items() if isinstance(each, dict)}
        return cls(**(told | counted))

    def save(self, path: Path) -> None:
        """Keep it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self), indent=2, sort_keys=True) + "\n")
