"""What the long searches have in common on the command line: seed, time, progress, summary.

Neighbours: `progress.py` (what is kept), and the searches, whose `main` each is this.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.soak.differential import ROOT
from tests.soak.progress import Kept

SUMMARY = Path(__file__).parent / "SUMMARY.md"

K = TypeVar("K", bound=Kept)


def parser(doc: str | None, name: str, minutes: float = 10.0) -> argparse.ArgumentParser:
    """Return a parser with the options that every search has.

    Args:
        doc: of its module; the first line says what it is.
        name: of its module.
        minutes: for how long it runs by default.
    """
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--minutes", type=float, default=minutes)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--fresh", action="store_true", help="forget the progress")
    made.add_argument("--progress", type=Path, default=ROOT / ".soak" / f"{name}.json")
    made.add_argument("--summary", action="store_true", help="add the figures to SUMMARY.md")
    made.set_defaults(name=name)
    return made


def run(
    made: argparse.ArgumentParser,
    arguments: list[str] | None,
    kept: type[K],
    soak: Callable[[K, argparse.Namespace], str],
    summary: Callable[[K, str], str],
    title: str,
) -> int:
    """Go on with a search, and print what it has come to; returns the exit code.

    Args:
        made: see `parser`.
        arguments: of the command line; None: those of this process.
        kept: its progress.
        soak: goes on; says what broke.
        summary: the figures, for a command, as a section of SUMMARY.md.
        title: of that section.
    """
    options = made.parse_args(arguments)
    if options.fresh:
        options.progress.unlink(missing_ok=True)
    progress = kept.load(options.progress, options.seed)
    said = soak(progress, options)
    given = " ".join(arguments if arguments is not None else sys.argv[1:])
    told = summary(progress, f"python -m tests.soak.{options.name} {given}".rstrip())
    print(told)
    print(said)
    if options.summary:
        with SUMMARY.open("a") as file:
            file.write(f"\n## {title}\n\n{told}\n")
    return int(bool(said))
