"""Damaged frames and journal files by the hour.

    python -m tests.soak.fuzz [--cases 1000000] [--minutes 20] [--seed 1] [--fresh] [--summary]

One case of fifty is a file. Batches run in processes of their own with bounds of memory and time,
so that a crash of the interpreter, a hang or a huge allocation ends a batch and not the run.
Progress is kept in `.soak/fuzz.json`, and a run goes on where the one before it stopped, unless the
seed or the commit is another. The first failure ends the run: it names the batch, and the exit code
is 1. `--summary` adds the figures to SUMMARY.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.differential import ROOT
from tests.soak.progress import Kept
from tests.storage import damage, damaged_files

PROGRESS = ROOT / ".soak" / "fuzz.json"
SUMMARY = Path(__file__).parent / "SUMMARY.md"
CASES = 1_000_000
BATCHES = {"frames": 4_900, "files": 100}
"""Kind -> cases in a batch; both kinds take turns."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of address space of a batch."""
WORDS = (
    "Well-formed: accepted behind a CRC that was computed anew. Not seen: values changed by SQL "
    "that have no checksum (owners, keys, consumers), or the end of SQLite's log cut off."
)
SECONDS = 300.0
"""Of a batch; some hundred times what one takes, as others may use the machine too."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come; `came` counts cases by kind, damage and what came of it."""

    batches: int = 0
    came: Counter[str] = field(default_factory=Counter)


# -- a batch, in a process of its own


def frames(seed: str, cases: int) -> Counter[str]:
    """Decode damaged frames."""
    rng, known, came = random.Random(seed), damage.samples(len(seed)), Counter[str]()
    written = frozenset(known)
    for _ in range(cases):
        made = damage.mutant(rng, known)
        came[f"frames: {made.how.strip('_')}: {damage.judged(made, written)}"] += 1
    return came


def files(seed: str, cases: int) -> Counter[str]:
    """Read damaged files, half of them with SQLite's log beside them."""
    return asyncio.run(_files(seed, cases))


async def _files(seed: str, cases: int) -> Counter[str]:
    rng, came = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        known = [
            await damaged_files.original(_made(directory / str(closed)), closed=closed)
            for closed in (True, False)
        ]
        path = directory / "damaged.db"
        for _ in range(cases):
            original = rng.choice(known)
            how = damaged_files.damage(rng, original, path)
            came[f"files: {how}: {await damaged_files.judged(path, how, original)}"] += 1
    return came


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


KINDS: dict[str, Callable[[str, int], Counter[str]]] = {"frames": frames, "files": files}


def batch(kind: str, seed: str) -> int:
    """Run one batch and tell what came of it; what a child process does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        came = KINDS[kind](seed, BATCHES[kind])
    except Exception:  # noqa: BLE001 - a failure is told, whatever it is
        print(traceback.format_exc()[-4_000:], file=sys.stderr)
        return 1
    print(json.dumps(came))
    return 0


# -- the run


def run(kind: str, seed: str) -> tuple[Counter[str], str]:
    """Run one batch in a child; what came of it, and what broke."""
    command = [sys.executable, "-m", "tests.soak.fuzz", "--batch", kind, seed]
    try:
        done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Counter(), f"{' '.join(command[1:])} hangs: more than {SECONDS:g} s"
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        return Counter(), f"{' '.join(command[1:])} ended with {done.returncode}:\n{said}"
    return Counter(json.loads(done.stdout)), ""


def soak(progress: Progress, cases: int, seconds: float, path: Path) -> str:
    """Run batches until there were enough or something broke; say what broke."""
    started, before = time.monotonic(), progress.seconds
    while progress.came.total() < cases and time.monotonic() - started < seconds:
        for kind in BATCHES:
            came, said = run(kind, f"{progress.seed}-{progress.batches}")
            progress.came.update(came)
            progress.seconds = before + time.monotonic() - started
            if said:
                progress.failed = said.partition("\n")[0]
                progress.save(path)
                return said
        progress.batches += 1
        progress.save(path)
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    table: dict[tuple[str, str], Counter[str]] = {}
    for name, count in progress.came.items():
        kind, how, came = name.split(": ")
        table.setdefault((kind, how), Counter())[came] += count
    outcomes = ("refused", "told", "as written", "well-formed", "unseen")
    rows = [
        f"| {kind}, {how} | " + " | ".join(f"{found[each]:,}" for each in outcomes) + " |"
        for (kind, how), found in sorted(table.items())
    ]
    broke = f"broken: {progress.failed}" if progress.failed else "nothing broke"
    cases = f"{progress.came.total():,} damaged frames and files in {progress.seconds:,.0f} s"
    lines = (
        f"    {command}",
        "",
        f"Commit {progress.commit}, seed {progress.seed}: {cases}; {broke}.",
        "",
        "| Damage | refused | told by the check alone | as written | well-formed | not seen |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        WORDS,
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget the progress")
    parser.add_argument("--progress", type=Path, default=PROGRESS)
    parser.add_argument("--summary", action="store_true", help="add the figures to SUMMARY.md")
    parser.add_argument("--batch", nargs=2, metavar=("KIND", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.batch:
        return batch(*options.batch)
    if options.fresh:
        options.progress.unlink(missing_ok=True)
    progress = Progress.load(options.progress, options.seed)
    said = soak(progress, options.cases, options.minutes * 60, options.progress)
    given = " ".join(arguments if arguments is not None else sys.argv[1:])
    told = summary(progress, f"python -m tests.soak.fuzz {given}".rstrip())
    print(told)
    print(said)
    if options.summary:
        with SUMMARY.open("a") as file:
            file.write(f"\n## Damaged frames and journal files\n\n{told}\n")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
