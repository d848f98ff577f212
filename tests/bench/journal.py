"""The journal: bytes written, appends, pages, starting after a crash, memory of what waits.

    python -m tests.bench.journal [--rounds 3] [--parked 100000] [--only NAME] [--json FILE]

Each figure is the median of the rounds, each round of a kind a process of its own, and the kinds
take turns. PostgreSQL is a server of our own on a socket, with fsync; it is left out, and said so,
where its packages are missing. a2a-sdk's `DatabaseTaskStore` runs on SQLite as it comes.

Neighbours: `logs.py` (what is run), `recovery.py` (starts), `actors.py` and `simulation.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench import logs, recovery
from tests.bench.logs import Figures

Results = dict[str, Figures]
Run = Callable[[], Figures]

FILES: Final = ("memory", "process", "power")
GROUPS: Final = (1, 10, 100)
RUNNING: Final = 1_000
TENFOLD: Final = 10
"""The smaller journal has so many times fewer parked tasks."""


# -- kinds, each a process of its own


def child(what: str, *arguments: str) -> Figures:
    """Run one kind in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.journal", "--child", what, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def lived(what: str, arguments: list[str]) -> Figures:
    """What a child does."""
    match what, arguments:
        case "growth", [kind, group]:
            return asyncio.run(logs.growth(kind, int(group)))
        case "sdk", []:
            return asyncio.run(logs.sdk_growth())
        case "rate", [kind, group, dsn]:
            return asyncio.run(logs.rate(kind, int(group), dsn))
        case "pages", [kind, dsn]:
            return asyncio.run(logs.pages(kind, dsn))
        case "memory", [tasks]:
            return asyncio.run(logs.memory(int(tasks)))
    raise ValueError(f"nothing to run: {what!r} {arguments!r}")


def growth(dsn: str) -> dict[str, Run]:
    """One task of 10,000 events, and the same with a2a-sdk's store."""
    found: dict[str, Run] = {
        f"{kind}, groups of {group}": partial(child, "growth", kind, str(group))
        for kind, group in (("process", 1), ("process", 10), ("power", 10))
    }
    return found | {"a2a-sdk, SQLite": partial(child, "sdk")}


def rates(dsn: str) -> dict[str, Run]:
    """Appends per second."""
    kinds = (*FILES, "postgres") if dsn else FILES
    return {
        f"{kind}, groups of {group}": partial(child, "rate", kind, str(group), dsn)
        for group in GROUPS
        for kind in kinds
    }


def pages(dsn: str) -> dict[str, Run]:
    """Pages of a long log."""
    kinds = ("memory", "process", "postgres") if dsn else ("memory", "process")
    return {kind: partial(child, "pages", kind, dsn) for kind in kinds}


def memory(dsn: str) -> dict[str, Run]:
    """What waits, in memory."""
    counts = (2_000, 20_000)
    return {f"{count:,} tasks": partial(child, "memory", str(count)) for count in counts}


PARTS: Final = {"growth": growth, "rates": rates, "pages": pages, "memory": memory}


# -- measuring


def medians(kinds: dict[str, Run], rounds: int) -> Results:
    """Let the kinds take turns; the median of each figure."""
    found: dict[str, list[Figures]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, run in kinds.items():
            found[name].append(run())
    return {
        name: {key: statistics.median(each[key] for each in told) for key in told[0]}
        for name, told in found.items()
    }


def starts(parked: int, rounds: int) -> Results:
    """Starts on a journal with many tasks and one with a tenth, by policy."""
    results: Results = {}
    for count in (parked // TENFOLD, parked):
        with recovery.built(count, RUNNING) as path, tempfile.TemporaryDirectory() as cache:
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.environ["PYTHONPYCACHEPREFIX"] = cache
            recovery.start(path, "fail")  # compiles what is imported
            kinds: dict[str, Run] = {
                f"{count:,} + {RUNNING:,}, {policy}": partial(recovery.start, path, policy)
                for policy in ("fail", "rerun")
            }
            results |= medians(kinds, rounds)
            results |= {f"{count:,}: the file": {"MiB": path.stat().st_size / 2**20}}
    return results


@contextmanager
def database() -> Iterator[str]:
    """The DSN of a server of our own; empty where there can be none."""
    with ExitStack() as stack:
        try:
            from tests.postgres import OwnServer

            server = OwnServer()
        except BaseException as error:  # noqa: BLE001 - pytest.fail is no Exception
            print(f"PostgreSQL is left out: {error}", file=sys.stderr)
            yield ""
            return
        stack.callback(server.stop)
        yield server.dsn


def table_of(results: dict[str, Results]) -> str:
    """The results as plain text."""
    lines: list[str] = []
    for part, kinds in results.items():
        for name, found in kinds.items():
            told = "  ".join(f"{key} {value:,.4g}" for key, value in found.items())
            lines.append(f"{part:<9}{name:<26}{told}")
    return "\n".join(lines)


def versions() -> str:
    """Of what the figures depend on."""
    names = ("a2a-sdk", "sqlalchemy", "aiosqlite", "asyncpg", "msgpack")
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} missing")
    return f"Python {sys.version.split()[0]}, " + ", ".join(found)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parked", type=int, default=100_000)
    parser.add_argument("--only", choices=[*PARTS, "starts"], help="one part of it")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(lived(options.child[0], options.child[1:])))
        return 0
    print(f"{versions()}; load average {os.getloadavg()[0]:.1f}")
    results: dict[str, Results] = {}
    with database() as dsn:
        for name, kinds in PARTS.items():
            if options.only in (None, name):
                results[name] = medians(kinds(dsn), options.rounds)
                print(table_of({name: results[name]}), flush=True)
    if options.only in (None, "starts"):
        results["starts"] = starts(options.parked, options.rounds)
        print(table_of({"starts": results["starts"]}))
    print(f"load average {os.getloadavg()[0]:.1f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
